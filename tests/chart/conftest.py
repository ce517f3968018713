# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: by Helm alone, and with the API server of a real control plane."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/integration", "tests/cluster", "scripts")]

import chart  # noqa: E402
from cluster import ControlPlane, new_name  # noqa: E402
from helm import NAMESPACE, Helm  # noqa: E402
from lab import eventually  # noqa: E402
from registry import Registry  # noqa: E402


# Of those whose objects the chart can make.
DEFINITIONS = (ROOT / "tests/data/kmm/kmm.sigs.x-k8s.io_modules.yaml",
               ROOT / "tests/chart/data/pod-monitor-crd.yaml")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")


@pytest.fixture(scope="session")
def helm(request, tmp_path_factory):
    """Helm 3, or each that is supported for tests that are marked `with_each_helm`."""
    return Helm(getattr(request, "param", 3), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def session_plane():
    """A control plane that knows the kinds of those whose objects the chart can make, too."""
    plane = ControlPlane(new_name("chart"))
    try:
        for definition in DEFINITIONS:
            plane.kubectl("create", "-f", definition)
        for kind in ("modules.kmm.sigs.x-k8s.io", "podmonitors.monitoring.coreos.com"):
            eventually(lambda kind=kind: plane.kubectl("get", kind, check=False).returncode == 0,
                       f"{kind} are served")
        yield plane
    finally:
        plane.down()


@pytest.fixture
def plane(session_plane, helm):
    """The control plane with an empty namespace for the chart."""
    helm.kubeconfig = session_plane.status()["kubernetes"]["kubeconfig"]
    session_plane.kubectl("create", "namespace", NAMESPACE)
    yield session_plane
    helm.run("uninstall", "mock-device", "--namespace", NAMESPACE, "--ignore-not-found")
    session_plane.kubectl("delete", "namespace", NAMESPACE, "--timeout=300s")


@pytest.fixture
def plane_with_an_older_kmm(plane, helm):
    """The same, with a Module as of KMM 2.6.0: without spec.dra."""
    [module] = [one for (kind, _), one in helm.objects(*chart.values_of("kmm")).items()
                if kind == "Module"]
    module["metadata"]["name"] = "probe"

    def takes_all_of_it():
        return plane.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-",
                             manifest=[module], check=False).returncode == 0
    spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec"
    plane.kubectl("patch", "crd", "modules.kmm.sigs.x-k8s.io", "--type=json", "--patch", json.dumps(
        [{"op": "remove", "path": f"{spec}/{part}"} for part in ("x-kubernetes-validations", "properties/dra")]))
    yield plane
    plane.kubectl("replace", "-f", DEFINITIONS[0])
    eventually(takes_all_of_it, "spec.dra is known again")


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    registry = Registry(tmp_path_factory.mktemp("registry"))
    yield registry
    registry.stop()
