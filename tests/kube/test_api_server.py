# SPDX-License-Identifier: Apache-2.0
"""The API server's client against a real API server, and against one that stops and comes back.

MOCK_DEVICE_KUBECONFIG may name a server that is there; without it a lab with a control plane and
no nodes is started for these tests.
"""

import subprocess

import pytest
from conftest import CONFORMANCE, PATIENCE


def names():
    """What the program with the tests lists."""
    if not CONFORMANCE.exists():
        return []
    listed = subprocess.run([CONFORMANCE, "--gtest_list_tests"], text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    return [line.strip() for line in listed.splitlines() if line.startswith("  ")]


@pytest.mark.parametrize("name", names())
def test_server(kubeconfig, name):
    done = subprocess.run([CONFORMANCE, f"--gtest_filter=Server.{name}", "--gtest_brief=1"],
                          env={"KUBECONFIG": str(kubeconfig)}, text=True, timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
