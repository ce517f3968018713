# SPDX-License-Identifier: Apache-2.0
"""The kernel module under load, with open files, and when it is taken away."""

import subprocess

import pytest

from lab import ROOT

CLAIM = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(scope="session")
def guest_programs(session_lab, tmp_path_factory):
    """Builds the C programs of tests/guest and puts them into the guest's /tmp."""
    folder = tmp_path_factory.mktemp("guest")
    for source in (ROOT / "tests" / "guest").glob("*.c"):
        program = folder / source.stem
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread",
                        f"-I{ROOT / 'abi'}", "-o", program, source], check=True)
        with program.open("rb") as content:
            subprocess.run(["true"], check=True)
            done = session_lab.put(content, f"/tmp/{source.stem}")
        assert done == 0
    return "/tmp"


def test_of_two_racing_owners_exactly_one_wins(lab, guest_programs):
    said = lab.guest(f"{guest_programs}/owner_race /sys/class/mock-accel/mock0 10000")
    assert "10000 rounds" in said


def test_module_remembers_the_owner_over_a_reload(lab):
    lab.set_attribute("mock0", "owner", CLAIM)
    lab.guest("modprobe -r mock-accel && modprobe mock-accel")
    assert lab.attribute("mock0", "owner") == CLAIM
    assert lab.guest("ls /sys/class/mock-accel").split() == ["mock0", "mock1", "mock2", "mock3"]
