# SPDX-License-Identifier: Apache-2.0
"""Servers for these tests. MOCK_DEVICE_BIN is the folder of the programs to test."""

import tempfile
from pathlib import Path

import pytest

from .programs import Server


@pytest.fixture(name="folder")
def fixture_folder():
    """An empty folder with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="mockdev.") as path:
        yield Path(path)


@pytest.fixture(name="start")
def fixture_start(folder):
    """Starts servers, which end with the test: start("--topology", file, "--socket-dir", folder).
    Without arguments: of the ready-made topology two-numa-direct."""
    servers = []

    def start(*arguments, **options):
        server = Server(folder, *arguments, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()
