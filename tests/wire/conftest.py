# SPDX-License-Identifier: Apache-2.0
"""Servers for the wire tests. MOCK_DEVICE_BIN is the folder of the programs to test."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
import wire

BIN = pathlib.Path(
    os.environ.get(
        "MOCK_DEVICE_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bin"
    )
)
UUID = "11111111-2222-4333-8444-555555555555"

TARGET = ["vfio-user-conformance-target"]
ACCELERATOR = ["mock-accel-server", "--uuid", UUID, "--memory", "16GiB", "--socket"]


class Server:
    """A server process on a socket of its own. Its log is a file, so that no pipe fills up."""

    def __init__(self, command, arguments=()):
        program = BIN / command[0]
        if not program.exists():
            pytest.skip(f"{program} is not built")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wire."))
        self.path = self.folder / "s"
        self.command = [str(program), *command[1:], str(self.path), *map(str, arguments)]
        self.process = None
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, "the server does not start"
            try:
                wire.connect_when_free(self.path).close()
                return
            except (FileNotFoundError, ConnectionRefusedError):
                time.sleep(0.01)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def wait_for_log(self, text):
        """The server says it in its own time, after the client has seen the effect."""
        end = time.monotonic() + 10
        while text not in self.log():
            assert time.monotonic() < end, f"{text!r} is not in the log:\n{self.log()}"
            time.sleep(0.01)

    def client(self):
        return wire.connect_when_free(self.path)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def mappings(self):
        """How many ranges of clients' memory are mapped."""
        with open(f"/proc/{self.process.pid}/maps") as maps:
            return sum("memfd:client-memory" in line for line in maps)

    def stop(self):
        """Asks for an orderly end and gives the exit code."""
        self.process.terminate()
        return self.process.wait(20)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def serving(command, arguments=()):
    server = Server(command, arguments)
    yield server
    server.close()


@pytest.fixture(scope="session")
def target():
    """A device that shows all of the protocol."""
    yield from serving(TARGET)


@pytest.fixture(scope="session")
def hasty_target():
    """The same, with 300 ms for the negotiation."""
    yield from serving(TARGET, [300])


@pytest.fixture
def own_target():
    """The same, for a test that ends it."""
    yield from serving(TARGET)


@pytest.fixture(scope="session")
def accelerator():
    yield from serving(ACCELERATOR)


@pytest.fixture(params=["target", "accelerator"])
def server(request):
    """Each of the servers: for what holds whatever the device is."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def client(server):
    """A client of each of the servers, past VERSION."""
    with server.client() as one:
        yield one


@pytest.fixture
def target_client(target):
    with target.client() as one:
        yield one
