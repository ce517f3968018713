# SPDX-License-Identifier: Apache-2.0
"""A lab of an arm64 machine, as a user has it."""

import re
import uuid

import pytest
import yaml

from lab import ROOT, Lab, alive, eventually, mock_device

pytestmark = pytest.mark.long

TOPOLOGY = ROOT / "lab" / "topologies" / "two-numa.yaml"
# What a kernel says when something is wrong with it or with a driver.
COMPLAINTS = "Oops|BUG|WARNING|Call trace|rcu.*stall"


@pytest.fixture(scope="module")
def lab():
    lab = Lab(f"arm64-{uuid.uuid4().hex[:8]}", "--arch", "arm64", "--topology", TOPOLOGY,
              "--boot-timeout", "1200")
    yield lab
    lab.down()


@pytest.mark.parametrize("option", [("--kubernetes", "1.36"), ("--kmm",), ("--kernel", "6.1"),
                                    ("--accelerator", "kvm")])
def test_what_it_goes_without_is_refused(option):
    done = mock_device("up", "--arch", "arm64", *option, check=False)
    assert done.returncode == 2
    assert f"go without {' '.join(option[:1])}" in done.stderr


def test_the_machine_is_arm64_and_so_are_its_programs(lab):
    assert lab.guest("uname -m") == "aarch64\n"
    assert (ROOT / "VERSION").read_text().strip() in lab.guest("mock-device --version")


def test_systemd_has_started_all_of_its_units(lab):
    assert lab.guest("systemctl --failed --no-legend") == ""


def test_devices_are_on_their_numa_nodes(lab):
    node = yaml.safe_load(TOPOLOGY.read_text())["nodes"][0]
    wanted = [numa["id"] for numa in node["numa"] for _ in numa["devices"]]
    assert [int(lab.attribute(f"mock{number}", "numa_node"))
            for number in range(len(wanted))] == wanted
    assert len(lab.json("devices")["devices"]) == len(wanted)


def test_vfs_and_their_pf_compute(lab):
    code, said = lab.set_attribute("mock0", "sriov_numvfs", 2)
    assert code == 0, said
    assert lab.guest("ls -d /sys/class/mock-accel/mock0_vf*").split() == [
        f"/sys/class/mock-accel/mock0_vf{number}" for number in (0, 1)]
    names = ("mock0", "mock0_vf0", "mock0_vf1", "mock3")
    said = lab.guest(f"mock-device-workload verify {' '.join(names)}")
    for name in names:
        assert re.search(rf"^{name} \S+ NUMA node \d: 1 MiB written, moved and read back, "
                         r"CRC32C [0-9a-f]{8}$", said, re.MULTILINE), said


def test_a_fault_and_its_end_reach_the_guest(lab):
    lab.run("fault", "mock1", "failed")
    eventually(lambda: lab.attribute("mock1", "health") == "failed", "the fault")
    lab.run("heal", "mock1")
    eventually(lambda: lab.attribute("mock1", "health") == "healthy", "its end")


def test_the_kernel_has_no_complaints(lab):
    assert lab.guest(f"dmesg | grep -E '{COMPLAINTS}'", check=False) == ""


def test_down_leaves_nothing(lab):
    status = lab.status()
    pids = [status["server"]["pid"], *(node["pid"] for node in status["nodes"])]
    lab.down()
    assert lab.status() is None
    assert not any(map(alive, pids))
