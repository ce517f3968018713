# SPDX-License-Identifier: Apache-2.0
"""What the guides tell their readers to type."""

import json
import os
import shutil
import subprocess
import tempfile

import pytest

import guide
from cluster import KUBERNETES, make_driver_image
from lab import PROGRAMS, ROOT, mock_device


@pytest.fixture
def environment(tmp_path):
    """A reader's, with labs of his own and with a kubectl that goes to the only one of them."""
    # Not below tmp_path, which is too long for the paths of sockets.
    labs = tempfile.mkdtemp(prefix="guide-")
    environment = os.environ | {
        "MOCK_DEVICE_RUN_DIR": labs,
        "PATH": guide.programs(tmp_path, kubectl=f"{PROGRAMS}/mock-device kubectl --",
                               helm='"$(%s/scripts/helm.sh 3)"' % ROOT)}
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


@pytest.fixture
def cluster_environment(environment):
    """With a cluster of nodes that have devices and modules, and the image that is to be installed."""
    make_driver_image(ROOT / "build/images/mock-accel-dra-driver.tar")
    mock_device("up", "--nodes", 2, *KUBERNETES, env=environment)
    (lab,) = json.loads(mock_device("status", "-o", "json", env=environment).stdout)["labs"]
    return environment | {"KUBECONFIG": lab["kubernetes"]["kubeconfig"]}


@pytest.mark.long
def test_the_installation_guide_and_the_upgrade_guide(cluster_environment):
    """The last block of the installation guide takes away what the others have installed."""
    installed = guide.follow("installation-guide.md", cluster_environment, slice(None, -1))
    assert "node0/numa0" in installed
    assert "Succeeded" in installed  # helm test
    assert "NUMA node" in installed[installed.rindex("kubectl logs one-pf"):]
    upgraded = guide.follow("upgrade-guide.md", cluster_environment)
    assert "Rollback was a success" in upgraded
    assert "v1beta1" in upgraded
    removed = guide.follow("installation-guide.md", cluster_environment, slice(-1, None))
    assert 'release "mock-device" uninstalled' in removed
    left = subprocess.run(["kubectl", "get", "deviceclasses", "-o", "name"], env=cluster_environment,
                          check=True, text=True, capture_output=True).stdout
    assert left == ""
