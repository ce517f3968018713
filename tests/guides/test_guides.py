# SPDX-License-Identifier: Apache-2.0
"""What the guides tell their readers to type."""

import os
import shutil
import tempfile

import pytest

import guide
from lab import PROGRAMS, mock_device


@pytest.fixture
def environment(tmp_path):
    """A reader's, with labs of his own and with a kubectl that goes to the only one of them."""
    # Not below tmp_path, which is too long for the paths of sockets.
    labs = tempfile.mkdtemp(prefix="guide-")
    environment = os.environ | {
        "MOCK_DEVICE_RUN_DIR": labs,
        "PATH": guide.programs(tmp_path, kubectl=f"{PROGRAMS}/mock-device kubectl --")}
    yield environment
    mock_device("down", "--all", check=False, env=environment)
    shutil.rmtree(labs, ignore_errors=True)


def test_the_integration_guide(environment):
    printed = guide.follow("integration-guide.md", environment)
    assert '"generation": 1' in printed
    assert "deviceclass.resource.k8s.io/mock-accel-pf created" in printed
    allocated = printed[printed.rindex("status.allocation"):]
    assert allocated.count('"pool": "sim-') == 2


def test_the_testing_guide(environment):
    printed = guide.follow("testing-guide.md", environment)
    assert "\ndegraded\n" in printed
    assert "mock0_vf3" in printed
    assert "1 MiB written, moved and read back" in printed
