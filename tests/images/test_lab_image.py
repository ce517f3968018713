# SPDX-License-Identifier: Apache-2.0
"""The image of the lab, in what a privileged container has: its own root, mounts and processes."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long,
              pytest.mark.skipif(os.geteuid() != 0, reason="a container of root's takes root")]

ROOT = Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mock-device"
PATIENCE = 1800

# In namespaces of their own: $1 is the root, $2 the cache, which is what a volume would be.
CONTAINER = """
    mount --make-rprivate /
    mount --bind "$1" "$1"
    cd "$1"
    for node in null zero full random urandom; do : >dev/$node; mount --bind /dev/$node dev/$node; done
    mkdir -p dev/pts dev/shm root/.cache/mock-device
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    for folder in dev/shm tmp run; do mount -t tmpfs tmpfs $folder; done
    mount --bind "$2" root/.cache/mock-device
    exec chroot . sh -eu -c "$3"
"""


@pytest.fixture(name="image", scope="module")
def fixture_image():
    subprocess.run(["make", "lab-image"], cwd=ROOT, check=True, timeout=PATIENCE)
    return ROOT / "build" / "images" / "mock-device-lab.tar"


@pytest.fixture(name="container")
def fixture_container(image, tmp_path):
    """Runs a script in one, with the variables that the image has. Gives what it says."""
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(image) as archive:
        config = json.load(archive.extractfile("config.json"))["config"]
        archive.extract("layer.tar", tmp_path)
    subprocess.run(["tar", "--extract", "--numeric-owner", "--directory", root, "--file",
                    tmp_path / "layer.tar"], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc")

    def run(script):
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-eu", "-c",
                               CONTAINER, "container", root, CACHE, script],
                              env={"HOME": "/root"} | dict(one.split("=", 1) for one in config["Env"]),
                              text=True, capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    shutil.rmtree(root)


def test_a_lab_runs_in_the_container(container):
    said = container("""
        mock-device up
        mock-device status
        mock-device exec -- mock-device-workload verify --size 4096
        mock-device down""")
    assert "default  running  node0" in said
    assert "4 devices as given, no other in sight" in said


def test_the_programs_have_the_project_s_version(container):
    assert container("mock-device --version").split()[-1] == VERSION
