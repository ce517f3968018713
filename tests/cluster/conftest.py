# SPDX-License-Identifier: Apache-2.0
"""Clusters of the lab, driven by the command line as a user does."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from cluster import KUBERNETES, Cluster, ControlPlane, new_name  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")


@pytest.fixture(scope="session")
def session_plane():
    plane = ControlPlane(new_name("plane"))
    yield plane
    plane.down()


@pytest.fixture
def plane(session_plane):
    """One control plane for all tests that leave it as they found it."""
    return session_plane


@pytest.fixture(scope="session")
def cluster():
    """Two nodes with devices, which all tests use one after the other; the last one may break it."""
    cluster = Cluster(new_name("nodes"), "--nodes", 2, *KUBERNETES)
    yield cluster
    cluster.down()


@pytest.fixture
def own_plane():
    """A control plane for a test that breaks it."""
    plane = ControlPlane(new_name("own"))
    yield plane
    plane.down()
