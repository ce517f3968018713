# SPDX-License-Identifier: Apache-2.0
"""What scripts/arm64.sh has built for arm64."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration")]

from lab import PATIENCE, ROOT  # noqa: E402


# Kernels of Debian 12 that it builds modules for.
KERNELS = ("6.1", "6.12")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")


def tree(*what):
    """A folder of Debian's packages."""
    done = subprocess.run([ROOT / "scripts" / "arm64" / "tree.sh", *what], check=True, text=True,
                          capture_output=True, timeout=PATIENCE)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def sysroot():
    return tree("sysroot")


@pytest.fixture(scope="session")
def qemu_tree():
    return tree("qemu")
