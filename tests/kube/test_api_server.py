# SPDX-License-Identifier: Apache-2.0
"""The API server's client against a real API server."""

import subprocess

import pytest
from conftest import CONFORMANCE, PATIENCE


def names():
    """The program's tests, each as SUITE.NAME."""
    if not CONFORMANCE.exists():
        return []
    listed = subprocess.run([CONFORMANCE, "--gtest_list_tests"], text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    found, suite = [], ""
    for line in listed.splitlines():
        if line.startswith("  "):
            found.append(suite + line.strip())
        elif line.endswith("."):
            suite = line
    return found


@pytest.mark.parametrize("name", names())
def test_server(kubeconfig, name):
    done = subprocess.run([CONFORMANCE, f"--gtest_filter={name}", "--gtest_brief=1"],
                          env={"KUBECONFIG": str(kubeconfig)}, text=True, timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
