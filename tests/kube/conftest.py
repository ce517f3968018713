# SPDX-License-Identifier: Apache-2.0
"""A control plane for the tests of the API server's client: a lab's that has no nodes, or what
MOCK_DEVICE_KUBECONFIG names."""

import os
import subprocess
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("MOCK_DEVICE_BIN", ROOT / "build" / "release" / "bin"))
CONFORMANCE = PROGRAMS / "kube-conformance-tests"

# Seconds. Ends a hung test; only the first build of Kubernetes on a machine takes long.
PATIENCE = 300
BUILD_PATIENCE = 3600


def mock_device(*arguments, timeout=PATIENCE):
    return subprocess.run([PROGRAMS / "mock-device", *arguments], text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory):
    """The file that leads to an API server where one may do everything."""
    given = os.environ.get("MOCK_DEVICE_KUBECONFIG")
    if given:
        yield Path(given)
        return
    name = f"kube-{uuid.uuid4().hex[:8]}"
    mock_device("up", "--nodes", "0", "--kubernetes", "1.36", "--lab", name,
                timeout=BUILD_PATIENCE)
    try:
        raw = mock_device("kubectl", "--lab", name, "--", "config", "view", "--raw", "--flatten")
        path = tmp_path_factory.mktemp("kube") / "config"
        path.write_text(raw)
        yield path
    finally:
        mock_device("down", "--lab", name)
