# SPDX-License-Identifier: Apache-2.0
"""The kernel module under load, with open files, and when it is taken away."""

import pytest

from lab import RELOAD, eventually

CLAIM = "11111111-2222-4333-8444-555555555555"
NAMES = ["mock0", "mock1", "mock2", "mock3"]


pytestmark = pytest.mark.usefixtures("guest_programs")


def bdf(lab, device="mock0"):
    return lab.guest(f"basename $(readlink -f /sys/class/mock-accel/{device}/device)").strip()


def test_of_two_racing_owners_exactly_one_wins(lab, request):
    # Each round takes the debugging kernel a tenth of a second.
    rounds = 500 if request.config.getoption("--kernel") == "debug" else 10000
    assert f"{rounds} rounds" in lab.guest(f"owner_race /sys/class/mock-accel/mock0 {rounds}")


def test_module_finds_the_owner_again_after_a_reload(lab):
    lab.set_attribute("mock0", "owner", CLAIM)
    lab.guest(RELOAD)
    assert lab.guest("ls /sys/class/mock-accel").split() == NAMES
    assert lab.attribute("mock0", "owner") == CLAIM


def test_open_file_outlives_its_device_and_keeps_the_module(lab):
    device = bdf(lab)
    lab.start("hold", "/usr/local/bin/open_hold /dev/mock0")
    try:
        eventually(lambda: "uuid" in lab.said("hold"), "the device is open")
        lab.guest(f"echo {device} > /sys/bus/pci/drivers/mock-accel/unbind")
        eventually(lambda: "removed: No such device" in lab.said("hold"),
                   "the open file says that the device is gone")
        code, said = lab.guest_result("rmmod mock_accel")
        assert code != 0 and "in use" in said
        lab.guest(f"echo {device} > /sys/bus/pci/drivers/mock-accel/bind")
        assert lab.guest("ls /sys/class/mock-accel").split() == NAMES
    finally:
        lab.guest("systemctl stop hold")
    lab.guest(RELOAD)


def test_access_while_the_driver_comes_and_goes_is_safe(lab):
    lab.guest(f"unbind_race mock0 {bdf(lab)} 50")
    assert lab.guest("ls /sys/class/mock-accel").split() == NAMES


def test_registers_read_the_same_in_any_width_and_alignment(lab):
    uuid = lab.attribute("mock0", "uuid").replace("-", "")
    address = bdf(lab)
    # The kernel maps registers for a program only while no driver has them.
    lab.guest(f"echo {address} > /sys/bus/pci/drivers/mock-accel/unbind")
    try:
        device = f"/sys/bus/pci/devices/{address}"
        said = lab.guest(f"echo 1 > {device}/enable && bar_access {device}/resource0")
    finally:
        lab.guest(f"echo {address} > /sys/bus/pci/drivers/mock-accel/bind")
    assert said.split()[0] == "4d4f434b" + "00000100" + uuid
