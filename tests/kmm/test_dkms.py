# SPDX-License-Identifier: Apache-2.0
"""The DKMS package, by the real dkms: in a tree with the headers of the guests' kernel."""

import subprocess

import pytest

from kmm import VERSION
from lab import ROOT

pytestmark = pytest.mark.long


@pytest.fixture
def tree(cluster, tmp_path):
    """A copy of the guests' build tree with Debian's dkms in it."""
    _, guest = cluster.guest_folder()
    subprocess.run(["apt-get", "download", "-qq", "dkms"], cwd=tmp_path, check=True,
                   stderr=subprocess.DEVNULL)
    tree = tmp_path / "tree"
    subprocess.run(["cp", "-R", guest / "kbuild", tree], check=True)
    subprocess.run(["dpkg", "-x", *tmp_path.glob("dkms_*.deb"), tree], check=True)
    return tree


def test_dkms_builds_and_installs_both_modules(cluster, tree):
    release = cluster.release()
    kernel = tree / "usr/lib/modules" / release
    kernel.mkdir(parents=True, exist_ok=True)
    build = kernel / "build"
    build.unlink(missing_ok=True)
    build.symlink_to("/usr/src/linux-headers")
    subprocess.run(["make", "-s", "-C", ROOT / "kernel", "dkms",
                    f"DKMS_TREE={tree}/usr/src/mock-device-{VERSION}"], check=True)
    done = subprocess.run(["chroot", tree, "dkms", "install", f"mock-device/{VERSION}", "-k", release],
                          check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = sorted(file.name.partition(".")[0] for file in (kernel / "updates").rglob("*.ko*"))
    assert installed == ["mock-accel", "mock-accel-fabric"]
    # depmod knows them: modprobe and udev find them by name and by the devices' ids.
    aliases = (kernel / "modules.alias").read_text()
    assert "v00001DE5d00000001" in aliases and "v00001DE5d000000FB" in aliases
