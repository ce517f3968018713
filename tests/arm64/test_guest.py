# SPDX-License-Identifier: Apache-2.0
"""Accelerators in an arm64 guest: the same server, and drivers that were built for it."""

import re
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml

import guest
from conftest import KERNELS, tree
from lab import ROOT

pytestmark = pytest.mark.long

TOPOLOGY = ROOT / "lab" / "topologies" / "two-numa.yaml"

SCRIPT = """
uname -mr
class=/sys/class/mock-accel
tries=0
until [ -e $class/mock3 ] || [ $tries = 60 ]; do tries=$((tries + 1)); sleep 1; done
for name in mock0 mock1 mock2 mock3; do
  echo "$name numa=$(cat $class/$name/numa_node) memory=$(cat $class/$name/memory_size) health=$(cat $class/$name/health)"
done
echo 4 > $class/mock0/sriov_numvfs
ls $class
for name in mock0_vf0 mock0_vf3; do
  echo "$name numa=$(cat $class/$name/numa_node) physfn=$(basename $(readlink $class/$name/physfn))"
done
mock-device-workload verify mock0 mock0_vf0 mock0_vf3 mock3
lspci -vvv -s $(basename $(readlink $class/mock0/device))
echo 0 > $class/mock0/sriov_numvfs
echo "interrupts: $(grep -c mock /proc/interrupts)"
rmmod mock-accel-fabric && rmmod mock-accel
dmesg | grep -E 'Oops|BUG|WARNING|Call trace|rcu.*stall' && echo "the kernel complained"
true
"""


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    return request.param


@pytest.fixture(scope="module")
def said(qemu_tree, kernel):
    # Paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="arm64-"))
    try:
        yield guest.run(folder, TOPOLOGY, qemu_tree, tree("guest", kernel),
                        guest.BUILT / "modules" / kernel, SCRIPT)
    finally:
        shutil.rmtree(folder)


def test_the_script_ran_to_its_end(said, kernel):
    assert re.match(rf"{re.escape(kernel)}\.\S+ aarch64\n", said)
    assert "end: well" in said, said
    assert "the kernel complained" not in said, said


def test_devices_are_on_their_numa_nodes(said):
    node = yaml.safe_load(TOPOLOGY.read_text())["nodes"][0]
    wanted = [numa["id"] for numa in node["numa"] for _ in numa["devices"]]
    found = re.findall(r"^mock\d numa=(\d) memory=\d+ health=healthy$", said, re.MULTILINE)
    assert [int(number) for number in found] == wanted


def test_vfs_appear_on_their_pf(said):
    assert "mock0_vf0 numa=0 physfn=mock0" in said
    assert "mock0_vf3 numa=0 physfn=mock0" in said


def test_the_engines_of_pfs_and_vfs_compute(said):
    for name in ("mock0", "mock0_vf0", "mock0_vf3", "mock3"):
        assert re.search(rf"^{name} [0-9a-f-]{{36}} NUMA node \d: 1 MiB written, moved and read back, "
                         r"CRC32C [0-9a-f]{8}$", said, re.MULTILINE), said


def test_lspci_shows_a_healthy_accelerator(said):
    assert "Processing accelerators" in said
    assert "Single Root I/O Virtualization (SR-IOV)" in said
    assert "Kernel driver in use: mock-accel" in said
