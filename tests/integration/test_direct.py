# SPDX-License-Identifier: Apache-2.0
"""Devices that are attached to their machine by themselves: QEMU hides that they could have VFs."""

import pytest

from conftest import new_name
from lab import ROOT, Lab


@pytest.fixture(scope="module")
def direct_lab(kernel_options):
    lab = Lab(new_name("direct"), "--topology",
              ROOT / "lab" / "topologies" / "two-numa-direct.yaml", *kernel_options)
    yield lab
    lab.down()


def test_devices_are_there_on_their_numa_nodes(direct_lab):
    assert direct_lab.guest("cd /sys/class/mock-accel; cat */numa_node").split() == list("0011")


def test_no_vfs_can_be_made(direct_lab):
    assert direct_lab.attribute("mock0", "sriov_totalvfs") == "0"
    code, said = direct_lab.set_attribute("mock0", "sriov_numvfs", 1)
    assert code != 0 and "Operation not supported" in said
    assert direct_lab.set_attribute("mock0", "sriov_numvfs", 0) == (0, "")


def test_cards_stay(direct_lab):
    done = direct_lab.run("unplug", "mock0", check=False)
    assert done.returncode == 1
    assert "node0/mock0: is attached directly, and stays" in done.stderr


def test_faults_reach_the_guest(direct_lab):
    direct_lab.run("fault", "mock2", "degraded")
    assert direct_lab.guest("""
        for try in $(seq 100); do
            grep degraded /sys/class/mock-accel/mock2/health && break; sleep 0.1
        done""") == "degraded\n"
    direct_lab.run("heal", "mock2")
