# SPDX-License-Identifier: Apache-2.0
"""Kernel Module Management, the real operator, with this project's modules and driver."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "cluster"), str(HERE)]

from cluster import make_driver_image  # noqa: E402
from kmm import KmmCluster  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Booted, with the operator and nothing of this project but images."""
    image = make_driver_image(tmp_path_factory.mktemp("image") / "driver.tar")
    cluster = KmmCluster(f"kmm-{image.parent.parent.name.rpartition('-')[2]}")
    cluster.run("load-image", image)
    yield cluster
    cluster.down()
