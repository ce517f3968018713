# SPDX-License-Identifier: Apache-2.0
"""The server as a program: started, asked and stopped."""

import json
import os
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("MOCK_DEVICE_BIN", ROOT / "build" / "release" / "bin"),
               "mock-accel-server")
TOPOLOGIES = ROOT / "lab" / "topologies"
# Attached directly: each device has a socket that a test can talk to as a machine does.
TWO_NUMA = TOPOLOGIES / "two-numa-direct.yaml"
PATIENCE = 30  # seconds; nothing takes long, but machines may be busy

VERSION, REGION_READ = 1, 9
CONFIG_REGION = 7
HEALTH = 0x034


def run(*arguments, **options):
    """Runs the server to its end. Gives the completed process, with text output."""
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built")
    return subprocess.run([PROGRAM, *map(str, arguments)], text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE, check=False, **options)


def until(condition, what):
    """Waits until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


class Client:
    """A vfio-user client that agrees on the version and reads."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.settimeout(PATIENCE)
        self.ask(VERSION, struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":16}}\0')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, command, body):
        self.socket.sendall(struct.pack("<HHIII", 1, command, 16 + len(body), 0, 0) + body)
        _, _, size, flags, error = struct.unpack("<HHIII", self.exactly(16))
        answer = self.exactly(size - 16)
        if flags & 0x20:
            raise OSError(error, os.strerror(error))
        return answer

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the server closed the connection")
            data += part
        return data

    def read(self, region, offset, count=4):
        request = struct.pack("<QII", offset, region, count)
        return int.from_bytes(self.ask(REGION_READ, request)[16:], "little")


class Control:
    """A connection to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.settimeout(PATIENCE)
        self.lines = self.socket.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode())
        return json.loads(self.lines.readline())

    def ask(self, verb, **arguments):
        return self.send(json.dumps({"verb": verb} | arguments) + "\n")


class Server:
    """A running server. Its log is a file, so that no pipe fills up."""

    def __init__(self, folder, *arguments, wait=True, **options):
        if not PROGRAM.exists():
            pytest.skip(f"{PROGRAM} is not built")
        self.folder = folder
        self.arguments = arguments or ("--topology", TWO_NUMA, "--socket-dir", folder)
        self.log_file = folder / f"log-{time.monotonic_ns()}"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen([PROGRAM, *map(str, self.arguments)], stderr=log,
                                            stdin=subprocess.DEVNULL, **options)
        if wait:
            until(lambda: self.process.poll() is not None or "serving" in self.log(),
                  "the server serves")
            assert self.process.poll() is None, self.log()

    def log(self):
        return self.log_file.read_text(errors="replace")

    def control(self):
        return Control(self.folder / "control.sock")

    def ask(self, verb, **arguments):
        with self.control() as control:
            return control.ask(verb, **arguments)

    def devices(self):
        return self.ask("list")["devices"]

    def status(self):
        """/proc/PID/status as a dictionary."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}

    def stop(self, number=signal.SIGTERM):
        """Sends a signal. Gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def sockets(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_socket())
