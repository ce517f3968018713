# SPDX-License-Identifier: Apache-2.0
"""Programs for arm64, run by qemu-user."""

import json
import os
import subprocess
import sys
import tarfile

import pytest

from lab import PATIENCE, PROGRAMS, ROOT

pytestmark = pytest.mark.long

BUILT = ROOT / "build" / "arm64"
EMULATOR = "qemu-aarch64-static"
ROOMS = ("base", "pci", "accel", "fabric", "topology", "discovery")


def run(sysroot, program, *arguments):
    return subprocess.run([EMULATOR, "-L", sysroot, BUILT / "bin" / program, *arguments], text=True,
                          capture_output=True, timeout=PATIENCE, check=True).stdout


@pytest.mark.parametrize("program", ["mock-device", "mock-accel-server", "mock-accel-dra-driver",
                                     "mock-device-workload"])
def test_each_program_says_its_version(sysroot, program):
    assert (ROOT / "VERSION").read_text().strip() in run(sysroot, program, "--version")


@pytest.mark.parametrize("room", ROOMS)
def test_the_unit_tests_of(room):
    subprocess.run(["cmake", "--build", BUILT, "--target", f"{room}_tests"], check=True,
                   timeout=PATIENCE, capture_output=True)
    # What an emulated process can't: enter a sandbox, count on the time of the machine, and have a
    # limit of its addresses.
    done = subprocess.run(["ctest", "--test-dir", BUILT, "--output-on-failure", "-R", rf"^{room}\.",
                           "-E", "AHostWithoutMemory"],
                          text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "tests failed out of" in done.stdout


def test_the_node_agent_speaks_to_a_real_api_server(sysroot, tmp_path):
    """The agent's own tests, with the program for arm64 in place of this machine's."""
    for program in PROGRAMS.iterdir():
        (tmp_path / program.name).symlink_to(program)
    agent = tmp_path / "mock-accel-dra-driver"
    agent.unlink()
    agent.write_text(f'#!/bin/sh\nexec {EMULATOR} -L {sysroot} {BUILT}/bin/mock-accel-dra-driver "$@"\n')
    agent.chmod(0o755)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           ROOT / "tests" / "dra" / "test_slices.py"], cwd=ROOT, text=True,
                          capture_output=True, timeout=PATIENCE, check=False,
                          env=os.environ | {"MOCK_DEVICE_BIN": str(tmp_path)})
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("program", ["mock-accel-dra-driver", "mock-accel-server"])
def test_the_image_is_for_arm64(program):
    with tarfile.open(ROOT / "build" / "images" / f"{program}-arm64.tar") as image:
        config = json.load(image.extractfile("config.json"))
        assert config["architecture"] == "arm64"
        with tarfile.open(fileobj=image.extractfile("layer.tar")) as layer:
            names = layer.getnames()
    assert "./lib/ld-linux-aarch64.so.1" in names
    assert f"./bin/{program}" in names
