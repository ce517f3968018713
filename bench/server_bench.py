#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Start-up time and memory of mock-accel-server, one row a figure: name | value | target | ok.

    bench/server_bench.py

MOCK_DEVICE_BIN is the folder of the program (default: build/release/bin). Start-up: from just before
the program is spawned until each of 64 devices has accepted a connection and agreed on the protocol
version. Memory: what a process with 1,024 devices and no clients has over one with a single device,
by the kernel's proportional count.
"""

import json
import os
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STARTS = 15
# In memory, as /run is: on a disk, its journal would take longer than all the rest.
FOLDERS = "/dev/shm"
DEVICES = 64
FUNCTIONS = 1024
VERSION = json.dumps({"capabilities": {"max_msg_fds": 16}}).encode() + b"\0"
VERSION_REQUEST = struct.pack("<HHIIIHH", 1, 1, 20 + len(VERSION), 0, 0, 0, 0) + VERSION


def topology(devices, memory):
    """A topology of `devices` devices in nodes of at most 32, and its sockets' names in order."""
    lines, names = ["nodes:"], []
    for node in range(0, devices, 32):
        name = f"node{node // 32}"
        lines += [f"  - name: {name}", "    numa:", "      - devices:"]
        for device in range(min(32, devices - node)):
            lines.append(f"          - {{memory: {memory}, vfs: 1}}")
            names.append(f"{name}-mock{device}.sock")
    return "\n".join(lines) + "\n", names


class Server:
    """A running server in a folder of its own."""

    def __init__(self, program, devices, memory="16GiB"):
        self.folder = tempfile.TemporaryDirectory(prefix="mockdev-", dir=FOLDERS)
        text, names = topology(devices, memory)
        file = Path(self.folder.name, "topology.yaml")
        file.write_text(text)
        self.sockets = [str(Path(self.folder.name, name)) for name in names]
        self.started = time.perf_counter()
        self.pid = os.posix_spawn(program, [program, "--topology", str(file), "--socket-dir",
                                            self.folder.name, "--log-level", "error"], os.environ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        _, status = os.waitpid(self.pid, 0)
        self.folder.cleanup()
        if status != 0:
            sys.exit(f"mock-accel-server ended with status {status}")

    def connect(self, path):
        """A connection to a device, as soon as it can be had."""
        deadline = self.started + 10
        while True:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                client.connect(path)
                return client
            except (FileNotFoundError, ConnectionRefusedError):
                client.close()
                if time.perf_counter() > deadline:
                    sys.exit(f"{path}: nobody serves it")

    def connect_all(self):
        """Milliseconds from the start until all devices have taken a client."""
        # The last socket first: while it is not there, trying others would only take time from
        # the server.
        clients = [self.connect(path) for path in reversed(self.sockets)]
        for client in clients:
            client.sendall(VERSION_REQUEST)
        for client in clients:
            if len(client.recv(4096)) < 16:
                sys.exit("a device did not answer")
        milliseconds = (time.perf_counter() - self.started) * 1000
        for client in clients:
            client.close()
        return milliseconds

    def proportional_memory(self):
        """Bytes that the process has, its part of what it shares included."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) * 1024 for line in text.splitlines()
                    if line.startswith("Pss:"))


def start_times(program, devices, memory):
    """Of several starts, in order."""
    def once():
        with Server(program, devices, memory) as server:
            return server.connect_all()
    return sorted(once() for _ in range(STARTS))


def memory_per_function(program):
    def used(devices):
        with Server(program, devices) as server:
            for path in reversed(server.sockets):
                server.connect(path).close()
            return server.proportional_memory()
    return (used(FUNCTIONS) - used(1)) / (FUNCTIONS - 1)


def row(name, value, unit, target):
    ok = "yes" if value <= target else "NO"
    print(f"{name} | {value:.2f} {unit} | <= {target} {unit} | {ok}")


def main():
    program = str(Path(os.environ.get("MOCK_DEVICE_BIN", ROOT / "build" / "release" / "bin"),
                       "mock-accel-server"))
    for memory, size in (("4KiB", "4 KiB"), ("1TiB", "1 TiB")):
        times = start_times(program, DEVICES, memory)
        name = f"{DEVICES} devices of {size}, start to all clients served"
        row(f"{name}, median of {STARTS}", statistics.median(times), "ms", 10)
        # What the program takes where nothing else does: noise only ever adds.
        row(f"{name}, best of {STARTS}", times[0], "ms", 10)
    row(f"memory of one of {FUNCTIONS} functions", memory_per_function(program) / 1024, "KiB", 24)


if __name__ == "__main__":
    main()
