#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what a release consists of, in build/dist/VERSION, from what is committed.

    scripts/release.py [--snapshot] [--arm64]

A release is made of a clean tree and has its date in the changelog. --snapshot makes the same files of
whatever is there. It takes a built build/release, and for images for arm64 build/arm64, as `make release` sees to.
"""

import argparse
import functools
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
VERSION = (ROOT / "VERSION").read_text().strip()
DIST = ROOT / "build" / "dist" / VERSION


def run(*command, **options):
    subprocess.run([*map(str, command)], check=True, cwd=options.pop("cwd", ROOT), **options)


def git(*command):
    return subprocess.run(["git", *command], cwd=ROOT, check=True, text=True,
                          capture_output=True).stdout


def wrong_with_the_tree():
    """What keeps this tree from being a release, or nothing."""
    if git("status", "--porcelain"):
        return "there are changes that are not committed"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    if f"\n## {VERSION} - " not in changelog:
        return f"CHANGELOG.md says nothing of {VERSION}"
    if f"\n## {VERSION} - unreleased" in changelog:
        return f"CHANGELOG.md has no date for {VERSION}"
    return ""


def source():
    name = f"mock-device-{VERSION}"
    archive = subprocess.run(["git", "archive", f"--prefix={name}/", "HEAD"], cwd=ROOT, check=True,
                             capture_output=True).stdout
    (DIST / f"{name}.tar.gz").write_bytes(gzip.compress(archive, mtime=0))


def packages():
    run("cpack", "-B", DIST / "cpack", cwd=BUILD, stdout=subprocess.DEVNULL)
    for package in (DIST / "cpack").glob("*.deb"):
        package.rename(DIST / package.name)
    shutil.rmtree(DIST / "cpack")


def compress(file):
    """FILE.gz takes its place."""
    Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    file.unlink()


def image(recipe, program, *others, build=BUILD, architecture=sbom.THIS_ARCHITECTURE, environment=None):
    """By images/`recipe`. `others` are the programs that it takes along."""
    environment = os.environ | (environment or {})
    programs = [build / "bin" / one for one in (program, *others)]
    name = f"{program}-{VERSION}-{architecture}"
    file = DIST / f"{name}.tar"
    run(ROOT / "images" / recipe / "make", programs[0], file, env=environment)
    compress(file)
    with (DIST / f"{name}.spdx.json").open("w") as document:
        run(ROOT / "scripts" / "sbom.py", program, *programs, stdout=document, env=environment)


def images(**where):
    image("driver", "mock-accel-dra-driver", "mock-device-workload", **where)
    image("server", "mock-accel-server", **where)


def source_image():
    """Of the kernel modules, for any architecture. Without a program in it, it needs no bill."""
    file = DIST / f"mock-accel-source-{VERSION}.tar"
    run(ROOT / "images" / "source" / "make", file)
    compress(file)


def chart():
    run(ROOT / "scripts" / "chart.py", "package", stdout=subprocess.DEVNULL)
    package = ROOT / "build" / "charts" / f"mock-device-{VERSION}.tgz"
    shutil.copy2(package, DIST / f"mock-device-chart-{VERSION}.tgz")


def sums():
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
             for file in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("".join(lines))


def parts(arm64):
    yield "source", source
    yield "Debian packages", packages
    yield "images", images
    if arm64:
        yield "images for arm64", functools.partial(
            images, build=ROOT / "build" / "arm64", architecture="arm64",
            environment={"ARCH": "arm64", "SYSROOT": str(ROOT / "build" / "arm64-sysroot")})
    yield "image of the kernel modules' sources", source_image
    yield "Helm chart", chart
    yield "checksums", sums


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snapshot", action="store_true", help="whatever state the tree is in")
    parser.add_argument("--arm64", action="store_true", help="images for arm64, too")
    arguments = parser.parse_args()
    if not arguments.snapshot and (wrong := wrong_with_the_tree()):
        sys.exit(f"release {VERSION}: {wrong}; --snapshot does not mind")

    # Files in archives are as old as the last commit, so that the same sources give the same files.
    os.environ["SOURCE_DATE_EPOCH"] = git("log", "-1", "--format=%ct").strip()
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    for name, make in parts(arguments.arm64):
        print(f"release {VERSION}: {name}", flush=True)
        make()
    for file in sorted(DIST.iterdir()):
        print(f"{file.stat().st_size / 1e6:8.1f} MB  {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
