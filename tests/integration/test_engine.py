# SPDX-License-Identifier: Apache-2.0
"""The engine, from a program in the guest to the device and back."""

import re

import pytest

from lab import eventually

CLASS = "/sys/class/mock-accel"
WORKLOAD = "mock-device-workload"

pytestmark = pytest.mark.usefixtures("guest_programs")


def test_data_goes_to_the_device_and_comes_back(lab):
    said = lab.guest(f"{WORKLOAD} verify --size 2MiB")
    for number in range(4):
        uuid = lab.attribute(f"mock{number}", "uuid")
        assert re.search(rf"^mock{number} {uuid} NUMA node {number // 2}: 2 MiB written, moved and "
                         r"read back, CRC32C [0-9a-f]{8}$", said, re.MULTILINE), said
    assert "4 devices as given, no other in sight" in said


@pytest.mark.parametrize("size", [1, 7, 4096, 4097, 1000003])
def test_any_number_of_bytes(lab, size):
    lab.guest(f"{WORKLOAD} verify mock0 --size {size}")


def test_a_program_that_computes_for_long_keeps_its_device_open(lab):
    rounds = 40  # more than a file may have buffers
    lab.guest(f"""
        {WORKLOAD} verify mock0 --size 4096 --forever --pause 0 > /tmp/rounds & program=$!
        trap "kill $program" EXIT
        until grep -q "as given" /tmp/rounds; do kill -0 $program || exit 1; done
        until [ $(grep -c "as given" /tmp/rounds) -ge {rounds} ]; do
            [ $(ls -l /proc/$program/fd | grep -c /dev/mock0) -eq 1 ] || exit 2
        done""")


def test_as_many_copies_at_once_as_a_file_may_have(lab):
    said = lab.guest(f"{WORKLOAD} bench mock0 --size 4096 --seconds 1 --at-once 1024")
    copies = int(re.match(r"mock0: (\d+) copies of 4 KiB", said)[1])
    assert copies > 0 and copies % 1024 == 0


def test_vfs_have_engines_of_their_own(lab):
    lab.guest(f"echo 2 > {CLASS}/mock0/sriov_numvfs")
    try:
        said = lab.guest(f"""
            {WORKLOAD} verify mock0_vf0 --size 64KiB & first=$!
            {WORKLOAD} verify mock0_vf1 --size 64KiB & second=$!
            wait $first && wait $second""")
        assert said.count("written, moved and read back") == 2
    finally:
        lab.guest(f"echo 0 > {CLASS}/mock0/sriov_numvfs")


def test_a_program_tells_another_device_from_its_own(lab):
    wrong = "00000000-0000-4000-8000-000000000000"
    code, said = lab.guest_result(f"MOCK_ACCEL_DEVICES=mock0 MOCK_ACCEL_0_UUID={wrong} "
                                  f"{WORKLOAD} verify")
    assert code == 1 and f"not {wrong} as this container was told" in said
    code, said = lab.guest_result(f"MOCK_ACCEL_DEVICES=mock0 {WORKLOAD} verify")
    assert code == 1 and "mock1, mock2, mock3 are here, and nobody gave them" in said


@pytest.mark.parametrize(("fault", "why"), [("bitflip", "mock0: the engine's checksum is"),
                                            ("failed", "the device has failed")])
def test_work_that_goes_wrong_is_noticed(lab, fault, why):
    lab.run("fault", "mock0", fault)
    code, said = lab.guest_result(f"{WORKLOAD} verify mock0")
    assert code == 1 and why in said
    lab.run("heal", "mock0")
    lab.guest(f"{WORKLOAD} verify mock0")


def test_a_lost_interrupt_costs_time_only(lab):
    lab.run("fault", "mock0", "lost-interrupt")
    lab.guest(f"{WORKLOAD} verify mock0 --size 4096")
    lab.run("heal", "mock0")


def start_work(lab, unit, arguments):
    """Runs a program that waits for the engine."""
    lab.start(unit, f"{WORKLOAD} {arguments}")
    stack = f"cat /proc/$(systemctl show --value --property=MainPID {unit})/stack"
    eventually(lambda: "[mock_accel]" in lab.guest(stack, check=False), "the program waits in the driver")


def hang(lab, device, unit):
    """Runs a program whose work the engine has and does not finish."""
    lab.run("fault", device, "hung")
    start_work(lab, unit, f"verify {device} --size 4096")


def test_a_hung_engine_works_again_when_it_is_healed(lab):
    hang(lab, "mock0", "hung")
    lab.run("heal", "mock0")
    eventually(lambda: lab.guest("systemctl is-active hung", check=False).strip() == "inactive",
               "the work ends")
    lab.guest(f"{WORKLOAD} verify mock0")


def test_a_program_that_dies_with_a_hung_engine_hurts_nobody(lab):
    hang(lab, "mock0", "dies")
    lab.guest("systemctl kill --signal=KILL dies")
    lab.run("heal", "mock0")
    eventually(lambda: lab.guest_result(f"{WORKLOAD} verify mock0")[0] == 0, "the engine works")


def test_a_reset_gives_up_what_is_at_work(lab):
    hang(lab, "mock0", "cut")
    lab.guest(f"echo 1 > {CLASS}/mock0/device/reset")
    eventually(lambda: "given up" in lab.said("cut"), "the program hears of it")
    lab.run("heal", "mock0")
    lab.guest(f"{WORKLOAD} verify mock0")


def test_a_pulled_card_ends_what_it_never_would(lab):
    hang(lab, "mock3", "pulled")
    lab.run("unplug", "mock3")
    eventually(lambda: "No such device" in lab.said("pulled"), "the program hears of it")
    lab.run("heal", "mock3")
    lab.run("plug", "mock3")
    eventually(lambda: lab.guest_result(f"{WORKLOAD} verify mock3")[0] == 0, "the card works again")


def test_a_card_is_pulled_while_it_works(lab):
    start_work(lab, "works", "bench mock3 --at-once 16 --seconds 3600")
    lab.run("unplug", "mock3")
    eventually(lambda: "No such device" in lab.said("works"), "the program hears of it")
    lab.run("plug", "mock3")
    eventually(lambda: lab.guest_result(f"{WORKLOAD} verify mock3")[0] == 0, "the card works again")


def test_anything_at_all_may_be_asked_of_a_device(lab):
    lab.guest("ioctl_fuzz /dev/mock1 8 1")
