# SPDX-License-Identifier: Apache-2.0
"""Programs for arm64, run by qemu-user."""

import json
import os
import subprocess
import sys
import tarfile

import pytest

from conftest import KERNELS
from lab import PATIENCE, PROGRAMS, ROOT

pytestmark = pytest.mark.long

BUILT = ROOT / "build" / "arm64"
IMAGES = ROOT / "build" / "images"
AARCH64 = 183  # EM_AARCH64
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


def files_of(image):
    """Names of what an image has, which is one of arm64, and so is all that a processor runs in it."""
    with tarfile.open(image) as archive:
        assert json.load(archive.extractfile("config.json"))["architecture"] == "arm64"
        with tarfile.open(fileobj=archive.extractfile("layer.tar")) as layer:
            for file in filter(tarfile.TarInfo.isfile, layer.getmembers()):
                head = layer.extractfile(file).read(20)
                if head.startswith(b"\x7fELF"):
                    # e_machine, after the file's type.
                    assert int.from_bytes(head[18:20], "little") == AARCH64, file.name
            return layer.getnames()


@pytest.mark.parametrize("program", ["mock-accel-dra-driver", "mock-accel-server"])
def test_an_image_and_its_bill_of_materials_are_for_arm64(program):
    names = files_of(IMAGES / f"{program}-arm64.tar")
    assert "./lib/ld-linux-aarch64.so.1" in names
    assert f"./bin/{program}" in names

    said = subprocess.run([ROOT / "scripts" / "sbom.py", program, BUILT / "bin" / program], check=True,
                          text=True, capture_output=True, timeout=PATIENCE,
                          env=os.environ | {"ARCH": "arm64", "SYSROOT": str(ROOT / "build" / "arm64-sysroot")})
    document = json.loads(said.stdout)
    held = {one["relatedSpdxElement"] for one in document["relationships"]
            if one["relationshipType"] == "CONTAINS"}
    # Each library is of some package that is named, but packages may hold several.
    assert "SPDXRef-libc6" in held
    assert len(held) <= len([name for name in names if ".so" in name])
    (libc,) = (one for one in document["packages"] if one["name"] == "libc6")
    assert libc["externalRefs"][0]["referenceLocator"].endswith("?arch=arm64")


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_image_of_the_modules_is_for_arm64(kernel):
    (image,) = IMAGES.glob(f"mock-accel-kmod-{kernel}.*-arm64.tar")
    release = image.stem.removeprefix("mock-accel-kmod-")
    names = files_of(image)
    for file in ("mock-accel.ko", "mock-accel-fabric.ko", "modules.dep"):
        assert f"./opt/lib/modules/{release}/{file}" in names
    assert {"./bin/sh", "./bin/mkdir", "./bin/cp"} <= set(names)
