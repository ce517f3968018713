# SPDX-License-Identifier: Apache-2.0
"""The node agent as a real program, on a machine made of files."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from kubelet import Kubelet
from lab import PROGRAMS, ROOT, eventually
from sysfs import Sysfs

DRIVER = "mock-accel.example.com"
# The agent that dies where it is told to (fault_points.h): cmake --build --preset faults
FAULTY_AGENT = ROOT / "build" / "faults" / "bin" / "mock-accel-dra-driver"
# Where it can be told to, in the order in which a claim's life passes them: the first four are those
# of preparing it.
FAULT_POINTS = ["device-taken", "all-taken", "metadata-written", "cdi-written", "cdi-removed",
                "metadata-removed", "device-freed"]
PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def uid(claim):
    return claim["metadata"]["uid"]


def cdi_file(claim):
    """The name of its file."""
    return f"k8s.{DRIVER}-claim_{uid(claim)}.json"


class Agent:
    """A node with its agent. The agent may be killed and started again; the node stays."""

    def __init__(self, folder, kubeconfig, messages):
        self.folder = folder
        self.node = f"n{uuid.uuid4().hex[:6]}"
        self.kubeconfig = kubeconfig
        self.messages = messages
        self.sysfs = Sysfs(folder / "sys")
        self.dev = folder / "dev"
        self.dev.mkdir()
        self.cdi = folder / "cdi"
        self.registry = folder / "reg"
        self.log = folder / "agent.log"
        self.health_port, self.http_port = free_port(), free_port()
        self.http_address = "127.0.0.1"
        self.rescan = 1  # seconds; the kernel says nothing of these devices
        self.process = None
        self.processes = []  # also those before it

    def add(self, name, pci, **attributes):
        self.sysfs.add(name, pci, **attributes)
        (self.dev / name).touch()

    def start(self, *flags, program=PROGRAMS / "mock-accel-dra-driver", environment=None,
              probes=True, wrapped=()):
        """`wrapped` are the words of a command that becomes the agent."""
        health, http = (self.health_port, self.http_port) if probes else (-1, -1)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapped, program, "node-agent", "--node-name", self.node, "--kubeconfig", self.kubeconfig,
                 "--sysfs", self.sysfs.root, "--dev", self.dev, "--cdi-root", self.cdi,
                 "--registrar-directory", self.registry,
                 "--plugins-directory", self.folder / "plugins",
                 "--healthcheck-address", "127.0.0.1", "--healthcheck-port", str(health),
                 "--http-address", self.http_address, "--http-port", str(http),
                 "--rescan-seconds", str(self.rescan), "--repair-delay-ms", "200", *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | (environment or {}))
        self.processes.append(self.process)

    def kubelet(self, service="v1.DRAPlugin"):
        """A kubelet that has found the agent and registered it."""
        found = eventually(lambda: list(self.registry.glob("*-reg.sock")), "a socket", PATIENCE)
        kubelet = Kubelet(self.messages, found[0], service)
        kubelet.register()
        return kubelet

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self):
        """Asks it to end. Gives the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def page(self, path):
        """Status and text of a page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}",
                                        timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def memory(self):
        """MiB that it has: all that is resident, and its own alone."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()
                     if line.endswith("kB")}
        return kilobytes["VmRSS"] / 1024, kilobytes["RssAnon"] / 1024

    def ready(self):
        eventually(lambda: self.page("/readyz") == (200, "ok\n"), "readiness", PATIENCE)

    def owner(self, device):
        return (self.sysfs.class_folder / device / "owner").read_text().strip()

    def described(self):
        """Names of the CDI files."""
        return sorted(path.name for path in self.cdi.glob("*")) if self.cdi.exists() else []

    def documented(self):
        """UIDs of the claims that have metadata files."""
        folder = self.folder / "plugins" / DRIVER / "dra-device-metadata"
        return sorted(path.name for path in folder.glob("*"))
