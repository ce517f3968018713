# SPDX-License-Identifier: Apache-2.0
"""What a release consists of, and how it gets its number."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from .programs import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()


def run(*command, **options):
    return subprocess.run([*map(str, command)], check=True, text=True, capture_output=True,
                          timeout=PATIENCE, **options).stdout


@pytest.fixture(name="dist", scope="module")
def fixture_dist():
    run(ROOT / "scripts" / "release.py", "--snapshot")
    return ROOT / "build" / "dist" / VERSION


@pytest.fixture(name="clone")
def fixture_clone(tmp_path):
    """The files of the project as they are now, in a repository of their own."""
    clone = tmp_path / "clone"
    for name in run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    run("git", "init", "--quiet", clone)
    run("git", "-C", clone, "add", "--all")
    run("git", "-C", clone, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit",
        "--quiet", "--message=all")
    return clone


def test_the_sums_are_those_of_the_files(dist):
    sums = dict(reversed(line.split()) for line in (dist / "SHA256SUMS").read_text().splitlines())
    files = {file.name for file in dist.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == files
    for name, digest in sums.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_the_program_of_the_debian_package_runs(dist, tmp_path):
    (package,) = dist.glob("mock-device_*.deb")
    run("dpkg-deb", "--extract", package, tmp_path)
    assert run(tmp_path / "usr/bin/mock-device", "--version").split()[-1] == VERSION
    assert (tmp_path / "usr/lib/systemd/system/mock-accel-server.service").exists()
    assert "mmdebstrap" in run("dpkg-deb", "--field", package, "Recommends")


def test_the_dkms_package_has_what_the_modules_are_built_from(dist, tmp_path):
    (package,) = dist.glob("mock-device-dkms_*.deb")
    run("dpkg-deb", "--extract", package, tmp_path)
    tree = tmp_path / "usr/src" / f"mock-device-{VERSION}"
    conf = run("bash", "-c", f"source {tree}/dkms.conf && echo $PACKAGE_NAME $PACKAGE_VERSION")
    assert conf.split() == ["mock-device", VERSION]
    headers = sorted(Path("/lib/modules").glob("*/build"))[-1]
    run("make", "-C", tree / "kernel", f"KDIR={headers}")
    assert {file.name for file in tree.rglob("*.ko")} == {"mock-accel.ko", "mock-accel-fabric.ko"}
    assert VERSION in run("dpkg-deb", "--info", package, "postinst")


def test_the_image_of_the_sources_has_what_the_dkms_package_has(dist, tmp_path):
    with tarfile.open(dist / f"mock-accel-source-{VERSION}.tar.gz") as archive:
        archive.extract("layer.tar", tmp_path)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        layer.extractall(tmp_path / "image")
    (package,) = dist.glob("mock-device-dkms_*.deb")
    run("dpkg-deb", "--extract", package, tmp_path / "package")
    run("diff", "--recursive", tmp_path / "image/usr/src/mock-device",
        tmp_path / "package/usr/src" / f"mock-device-{VERSION}")


@pytest.mark.parametrize(("program", "library", "package"), [
    ("mock-accel-dra-driver", "libcurl.so.4", "libcurl4"),
    ("mock-accel-server", "libuuid.so.1", "libuuid1")])
def test_an_image_and_its_bill_of_materials_agree(dist, tmp_path, program, library, package):
    (image,) = dist.glob(f"{program}-*.tar.gz")
    with tarfile.open(image) as archive:
        archive.extract("layer.tar", tmp_path)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        libraries = {Path(name).name for name in layer.getnames() if ".so" in name}
    (bill,) = dist.glob(f"{program}-*.spdx.json")
    document = json.loads(bill.read_text())
    held = {one["relatedSpdxElement"].removeprefix("SPDXRef-") for one in document["relationships"]
            if one["relationshipType"] == "CONTAINS"}
    assert library in libraries and package in held
    # Each library is of some package that is named, but packages may hold several.
    assert 0 < len(held) <= len(libraries)
    assert document["packages"][0]["versionInfo"] == VERSION


def test_the_program_of_an_image_needs_nothing_else(dist, tmp_path):
    (image,) = dist.glob("mock-accel-server-*.tar.gz")
    with tarfile.open(image) as archive:
        archive.extract("layer.tar", tmp_path)
    root = tmp_path / "root"
    with tarfile.open(tmp_path / "layer.tar") as layer:
        layer.extractall(root)
    # Root may enter it, and who has entered another tree may have no user namespace.
    as_root = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    said = run(*as_root, "chroot", root, "/bin/mock-accel-server", "--version")
    assert VERSION in said


def test_a_release_is_made_of_what_is_committed(clone):
    (clone / "new").write_text("x")
    done = subprocess.run([clone / "scripts" / "release.py"], text=True, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "there are changes that are not committed" in done.stderr


def test_a_release_has_its_date_in_the_changelog(clone):
    done = subprocess.run([clone / "scripts" / "release.py"], text=True, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert f"CHANGELOG.md has no date for {VERSION}" in done.stderr


def test_one_command_gives_everything_another_version(clone):
    run(clone / "scripts" / "bump.py", "9.8.7", cwd=clone)
    assert (clone / "VERSION").read_text() == "9.8.7\n"
    # Tests in src/ may have any version as an example.
    left = run("git", "-C", clone, "grep", "-lwF", VERSION, "--", ":!src").split()
    assert left == ["CHANGELOG.md"]
    changelog = (clone / "CHANGELOG.md").read_text()
    assert "## 9.8.7 - unreleased" in changelog
    assert re.search(rf"^## {re.escape(VERSION)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)


def test_a_version_that_is_none_is_refused(clone):
    done = subprocess.run([clone / "scripts" / "bump.py", "v1"], text=True, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "one version, such as 0.2.0" in done.stderr
    assert (clone / "VERSION").read_text().strip() == VERSION
