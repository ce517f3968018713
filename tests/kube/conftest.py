# SPDX-License-Identifier: Apache-2.0
"""A control plane for the tests of the API server's client: a lab's that has no nodes, or what
MOCK_DEVICE_KUBECONFIG names."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("integration", "cluster")]

from cluster import ControlPlane, new_name  # noqa: E402
from lab import PROGRAMS  # noqa: E402

CONFORMANCE = PROGRAMS / "kube-conformance-tests"
PATIENCE = 300  # seconds


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory):
    """The file that leads to an API server where one may do everything."""
    given = os.environ.get("MOCK_DEVICE_KUBECONFIG")
    if given:
        yield Path(given)
        return
    plane = ControlPlane(new_name("kube"))
    try:
        path = tmp_path_factory.mktemp("kube") / "config"
        path.write_text(plane.kubectl("config", "view", "--raw", "--flatten"))
        yield path
    finally:
        plane.down()
