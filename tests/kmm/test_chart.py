# SPDX-License-Identifier: Apache-2.0
"""The Helm chart where Kernel Module Management loads the modules."""

import json

import pytest

from kmm import DEVICES, VERSION
from release import Release

pytestmark = pytest.mark.long

MAPPINGS = [{"regexp": "^.+$",
             "containerImage": f"localhost/mock-accel-kmod:{VERSION}-${{KERNEL_FULL_VERSION}}"}]


@pytest.fixture(scope="module")
def release(cluster):
    release = Release(cluster)
    release.upgrade("--set", "kernelModule.enabled=true",
                    "--set-json", f"kernelModule.kernelMappings={json.dumps(MAPPINGS)}")
    cluster.soon(cluster.is_ready, "the modules are ready")
    cluster.soon(lambda: len(cluster.published()) == DEVICES, "all devices are published")
    return release


def test_a_pod_computes_on_a_device_whose_module_the_operator_has_loaded(release):
    assert release.cluster.loaded() == ["mock_accel", "mock_accel_fabric"]
    assert "Succeeded" in release.helm("test")


def test_the_doctor_finds_the_module(release):
    said = json.loads(release.cluster.run("doctor", "--cluster", "--output", "json", check=False).stdout)
    found = {one["id"]: one for one in said["findings"]}
    assert found["cluster.kmm"]["severity"] == "ok", found["cluster.kmm"]
    assert found["cluster.agents"]["found"] == "on 1 nodes"


def test_uninstalling_takes_the_modules_along(release):
    release.uninstall()
    release.cluster.soon(lambda: release.cluster.loaded() == [], "the modules have gone")
    release.cluster.soon(lambda: not release.cluster.slices(), "the slices have gone")
