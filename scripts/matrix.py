#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the DRA driver with several versions of Kubernetes, and ends with a line each.

    scripts/matrix.py                 all that are supported but 1.36, which make test has
    scripts/matrix.py 1.32 1.33       these

Each version's programs are built the first time, which takes ten minutes on two cores. The tests on
real nodes are those of make test from 1.34 on, which deploy/ takes, and others before. Output:
build/test/matrix-VERSION.log.
"""

import os
import subprocess
import sys
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "test"
VERSIONS = ["1.31", "1.32", "1.33", "1.34", "1.35", "1.37"]
FIRST_WITH_V1 = 34


def tests(version):
    minor = int(version.split(".")[1])
    nodes = "tests/cluster" if minor >= FIRST_WITH_V1 else "tests/older_nodes"
    return ["tests/kube", "tests/dra", "tests/chart", nodes]


def run(version):
    """Whether all passed."""
    report, log = OUT / f"matrix-{version}.xml", OUT / f"matrix-{version}.log"
    report.unlink(missing_ok=True)
    print(f"Kubernetes {version}: {' '.join(tests(version))} …", flush=True)
    passed = failed = skipped = 0
    # One pytest a folder: their conftest.py have the same name.
    with log.open("wb") as output:
        for folder in tests(version):
            subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                            "-m", "not long", f"--junitxml={report}", str(ROOT / folder)],
                           cwd=ROOT, check=False,
                           stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                           env=os.environ | {"MOCK_DEVICE_TEST_KUBERNETES": version})
            counts = junit.count(report) or (0, 1, 0)
            passed, failed, skipped = (passed + counts[0], failed + counts[1], skipped + counts[2])
            report.unlink(missing_ok=True)
    print(f"Kubernetes {version}: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return failed == 0


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    return 0 if all([run(version) for version in sys.argv[1:] or VERSIONS]) else 1


if __name__ == "__main__":
    sys.exit(main())
