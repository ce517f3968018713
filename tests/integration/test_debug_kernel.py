# SPDX-License-Identifier: Apache-2.0
"""Both modules in a kernel that looks for errors: their own tests, allocations that fail, and what
happens at the wrong moment. After each test the kernel must have nothing to report."""

import os
import re

import pytest

from lab import LOAD, eventually

CLASS = "/sys/class/mock-accel"
DRIVER = "/sys/bus/pci/drivers/mock-accel"
PFS = ["mock0", "mock1", "mock2", "mock3"]
FAULTS = ("failslab", "fail_page_alloc", "fail_usercopy")

# How often what is not exhausted otherwise is done.
CYCLES = int(os.environ.get("MOCK_DEVICE_CYCLES", "5"))

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("guest_programs", "faults")]


@pytest.fixture(scope="module")
def faults(request, session_lab):
    """Allocations that may sleep can fail, too, and the kernel does not tell of each."""
    if request.config.getoption("--kernel") != "debug":
        pytest.fail("these tests take the option --kernel=debug")
    session_lab.guest(f"""
        mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
        cd /sys/kernel/debug
        for fault in {" ".join(FAULTS)}; do echo 0 > $fault/verbose; done
        echo N > failslab/ignore-gfp-wait; echo N > fail_page_alloc/ignore-gfp-wait
        echo 0 > fail_page_alloc/min-order""")


def names(lab):
    return lab.guest(f"ls {CLASS}").split()


def bdf(lab, device):
    return lab.guest(f"basename $(readlink -f {CLASS}/{device}/device)").strip()


def enable(lab, pf, count):
    assert lab.set_attribute(pf, "sriov_numvfs", count) == (0, "")


@pytest.fixture
def lab(lab):
    """All four devices are there and work after each test."""
    yield lab
    enable(lab, "mock0", 0)
    assert names(lab) == PFS
    assert "4 devices as given" in lab.guest("mock-device-workload verify --size 4096")


def fail_each(lab, command):
    """Runs fail_nth. Gives how many failures there were, and how often the whole was refused."""
    said = lab.guest(f"fail_nth {command}")
    numbers = re.search(r"(\d+) failures, refused (\d+) times", said)
    return int(numbers[1]), int(numbers[2])


def set_range(lab, which, first, last):
    """Of the addresses in the call trace of an allocation, that have it fail or keep it from that."""
    lab.guest(f"""cd /sys/kernel/debug
        for fault in failslab fail_page_alloc; do
            echo 32 > $fault/stacktrace-depth
            echo 0x{first} > $fault/{which}-start; echo 0x{last} > $fault/{which}-end
        done""")


@pytest.mark.parametrize(("module", "suites"), [
    ("mock_accel", ["attributes", "buffer", "cdev", "engine", "events", "numbers", "passphrase",
                    "registers", "work"]),
    ("mock_accel_fabric", ["domains", "interrupts", "segment"])])
def test_the_modules_own_tests_pass(lab, module, suites):
    for suite in suites:
        said = lab.guest(f"cat /sys/kernel/debug/kunit/{module.replace('_', '-')}-{suite}/results")
        assert re.search(rf"^ok \d+ {module.replace('_', '-')}-{suite}$", said, re.MULTILINE), said
        assert "not ok" not in said


def test_any_allocation_of_a_program_may_fail(lab):
    failures, refused = fail_each(lab, "/dev/mock0")
    assert failures > 10 and refused > 10


def test_any_allocation_while_a_vf_is_bound_may_fail(lab):
    enable(lab, "mock0", 1)
    vf = bdf(lab, "mock0_vf0")
    lab.guest(f"echo {vf} > {DRIVER}/unbind")
    failures, refused = fail_each(lab, f"{DRIVER}/bind {vf} {DRIVER}/unbind {vf} 1")
    assert failures > 20 and refused > 5
    lab.guest(f"echo {vf} > {DRIVER}/bind; mock-device-workload verify mock0_vf0 --size 4096")


@pytest.fixture
def no_failure_of_the_core(lab):
    """In pci_setup_device(), which goes on with a device that has no name, and in pci_device_add(),
    which warns of it and goes on with a device that is none. They stand in one file of the core."""
    said = lab.guest("sort /proc/kallsyms | grep -E -A 1 ' pci_(setup_device|device_add)$'")
    addresses = sorted(re.findall(r"^[0-9a-f]{16}", said, re.MULTILINE))
    assert int(addresses[-1], 16) - int(addresses[0], 16) < 1 << 16
    set_range(lab, "reject", addresses[0], addresses[-1])
    yield
    set_range(lab, "reject", "0", "0")


@pytest.mark.usefixtures("no_failure_of_the_core")
def test_allocations_while_vfs_come_may_fail(lab):
    """The core's other ones are among them. What it can't do without is refused, VFs that could not
    be bound are there without a driver."""
    numvfs = f"/sys/bus/pci/devices/{bdf(lab, 'mock0')}/sriov_numvfs"
    failures, _ = fail_each(lab, f"{numvfs} 2 {numvfs} 0 7")
    assert failures > 5


def test_allocations_while_vfs_go_may_fail(lab):
    numvfs = f"/sys/bus/pci/devices/{bdf(lab, 'mock0')}/sriov_numvfs"
    enable(lab, "mock0", 2)
    fail_each(lab, f"{numvfs} 0 {numvfs} 2 3")


def text_of_the_module(lab, module):
    """First and last address of its functions."""
    said = lab.guest(f"grep -i ' t .*\\[{module}\\]' /proc/kallsyms | sort | sed -n '1p;$p'")
    return [line.split()[0] for line in said.splitlines()]


@pytest.fixture
def failing_module(lab):
    """One in twelve of mock-accel's allocations fails, in whatever task. A card that is plugged in is
    bound by one of the kernel's own."""
    set_range(lab, "require", *text_of_the_module(lab, "mock_accel"))
    lab.guest("cd /sys/kernel/debug/failslab; echo -1 > times; echo 8 > probability")
    yield
    lab.guest("echo 0 > /sys/kernel/debug/failslab/probability")
    set_range(lab, "require", "0", "ffffffffffffffff")


def test_allocations_while_a_pf_is_bound_may_fail(lab, failing_module):
    pf = bdf(lab, "mock0")
    said = lab.guest(f"""
        for cycle in $(seq {4 * CYCLES}); do
            echo {pf} > {DRIVER}/unbind
            echo {pf} > {DRIVER}/bind && echo bound || echo refused
        done 2>/dev/null
        echo 0 > /sys/kernel/debug/failslab/probability
        [ -e {CLASS}/mock0 ] || echo {pf} > {DRIVER}/bind""")
    assert said.count("bound") + said.count("refused") == 4 * CYCLES


def test_allocations_while_cards_come_and_go_may_fail(lab, failing_module):
    for _ in range(CYCLES):
        lab.run("unplug", "mock1")
        eventually(lambda: "mock1" not in names(lab), "the card is gone")
        lab.run("plug", "mock1")
        eventually(lambda: "Card present" in lab.guest("dmesg") and
                   lab.guest("ls /sys/bus/pci/devices").count("0001:02:00.0"), "the card is there")
    lab.guest("echo 0 > /sys/kernel/debug/failslab/probability")
    lab.run("unplug", "mock1")
    eventually(lambda: "mock1" not in names(lab), "the card is gone")
    lab.run("plug", "mock1")
    eventually(lambda: "mock1" in names(lab), "the card is back")


def test_a_map_outlives_its_device(lab):
    device = bdf(lab, "mock0")
    for _ in range(CYCLES):
        lab.start("mapper", "/usr/local/bin/map_hold /dev/mock0")
        eventually(lambda: "mapped" in lab.said("mapper"), "memory is mapped")
        lab.guest(f"echo {device} > {DRIVER}/unbind")
        eventually(lambda: "No such device, memory: still there" in lab.said("mapper"),
                   "the program hears of it, and its memory stays")
        lab.guest(f"echo {device} > {DRIVER}/bind")


def test_a_card_is_pulled_under_a_map(lab):
    lab.start("mapper", "/usr/local/bin/map_hold /dev/mock2")
    eventually(lambda: "mapped" in lab.said("mapper"), "memory is mapped")
    lab.run("unplug", "mock2")
    eventually(lambda: "No such device, memory: still there" in lab.said("mapper"),
               "the program hears of it, and its memory stays")
    lab.run("plug", "mock2")
    eventually(lambda: names(lab) == PFS, "the card is back")


@pytest.mark.parametrize("method", ["flr", "bus"])
def test_a_pf_is_reset_while_its_vfs_work(lab, method):
    enable(lab, "mock0", 2)
    again = "while :; do mock-device-workload verify $0 --size 64KiB; done"
    for vf in ("mock0_vf0", "mock0_vf1"):
        lab.start(vf, f"/bin/bash -c '{again}' {vf}")
    try:
        for vf in ("mock0_vf0", "mock0_vf1"):
            eventually(lambda vf=vf: "read back" in lab.said(vf), "a VF works")
        lab.guest(f"""cd {CLASS}/mock0/device; echo {method} > reset_method
            for cycle in $(seq {CYCLES}); do echo 1 > reset; sleep 0.5; done
            echo default > reset_method""")
    finally:
        lab.guest("systemctl stop mock0_vf0 mock0_vf1")
    for vf in ("mock0_vf0", "mock0_vf1"):
        lab.guest(f"mock-device-workload verify {vf} --size 64KiB")


def test_suspending_devices_that_work(lab):
    """As far as the devices, and back: see /sys/power/pm_test."""
    lab.start("sleeper", "/bin/bash -c 'while :; do mock-device-workload verify mock3 --size 64KiB; done'")
    try:
        lab.set_attribute("mock1", "owner", "11111111-2222-4333-8444-555555555555")
        lab.guest("echo devices > /sys/power/pm_test; echo freeze > /sys/power/state; "
                  "echo none > /sys/power/pm_test")
        assert lab.attribute("mock1", "owner") == "11111111-2222-4333-8444-555555555555"
    finally:
        lab.guest("systemctl stop sleeper")
        lab.set_attribute("mock1", "owner", "")


def test_modules_come_and_go(lab):
    for _ in range(CYCLES):
        enable(lab, "mock0", 2)
        lab.guest(f"rmmod mock_accel; {LOAD}")
        assert set(PFS) <= set(names(lab))
        lab.guest("rmmod mock_accel_fabric; modprobe mock-accel-fabric")
        assert names(lab) == PFS


def test_nothing_leaks(lab):
    """What the modules took and nobody knows of any more. A second look finds what the first saw
    while it was still on its way."""
    said = lab.guest("""cd /sys/kernel/debug
        echo scan > kmemleak; sleep 6; echo scan > kmemleak; cat kmemleak""")
    leaks = [leak for leak in said.split("unreferenced object") if "[mock_accel" in leak]
    assert not leaks


def test_lockdep_looked_all_the_time(lab):
    """It stops at the first report, and where it runs out of memory."""
    assert re.search(r"debug_locks:\s+1$", lab.guest("cat /proc/lockdep_stats"), re.MULTILINE)
