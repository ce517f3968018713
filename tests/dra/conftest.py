# SPDX-License-Identifier: Apache-2.0
"""The node agent as a real program, against a real API server and a machine made of files."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("integration", "cluster", "cli")]

from cluster import ControlPlane, new_name  # noqa: E402
from kubelet import Kubelet, Messages  # noqa: E402
from lab import PROGRAMS, eventually  # noqa: E402
from sysfs import Sysfs  # noqa: E402

DRIVER = "mock-accel.example.com"
PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
                 "--http-address", "127.0.0.1", "--http-port", str(http),
                 "--rescan-seconds", "1", "--repair-delay-ms", "200", *flags],
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


@pytest.fixture(scope="session")
def messages(tmp_path_factory):
    return Messages(tmp_path_factory.mktemp("messages"))


@pytest.fixture(scope="session")
def plane():
    plane = ControlPlane(new_name("dra"))
    # Only in such a namespace a claim may ask for devices that others hold.
    plane.kubectl("label", "ns", "default", "resource.kubernetes.io/admin-access=true")
    yield plane
    plane.down()


@pytest.fixture(scope="session")
def kubeconfig(plane):
    return plane.status()["kubernetes"]["kubeconfig"]


@pytest.fixture
def agent(messages, kubeconfig, plane, request):
    """A node of two accelerators on two NUMA nodes, known to the API server; its agent is not started
    yet."""
    # The path of a socket may not be long, and tmp_path is.
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder), kubeconfig, messages)
        agent.add("mock0", "pci0000:10/0000:10:00.0/0000:11:00.0", numa_node=0)
        agent.add("mock1", "pci0000:20/0000:20:00.0/0000:21:00.0", numa_node=1,
                  uuid="223e4567-e89b-12d3-a456-426614174000")
        plane.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": agent.node}})
        yield agent
        for process in agent.processes:
            process.kill()
            process.wait(PATIENCE)
        print(agent.log.read_text() if agent.log.exists() else "")
        plane.kubectl("delete", "node", agent.node)
        plane.kubectl("delete", "resourceslices", "--field-selector",
                      f"spec.nodeName={agent.node}")


class Slices:
    """The slices that an agent has published."""

    def __init__(self, plane, agent):
        self.plane, self.node = plane, agent.node

    def get(self, version="v1"):
        path = (f"/apis/resource.k8s.io/{version}/resourceslices"
                f"?fieldSelector=spec.nodeName={self.node}")
        return sorted(json.loads(self.plane.kubectl("get", "--raw", path))["items"],
                      key=lambda one: (one["spec"]["pool"]["name"], one["metadata"]["name"]))

    def devices(self, version="v1"):
        """By name."""
        return {device["name"]: device for one in self.get(version)
                for device in one["spec"].get("devices", [])}

    def versions(self):
        return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in self.get()}


@pytest.fixture
def slices(plane, agent):
    return Slices(plane, agent)


@pytest.fixture
def allocated(plane, agent):
    """Makes claims that the scheduler has given devices of this node: allocated("mock0")."""
    made = []

    def make(*devices, config=None, **result):
        name = new_name("claim")
        exactly = {"deviceClassName": "any",
                   **{key: value for key, value in result.items() if key == "adminAccess"}}
        requests = [{"name": f"r{index}", "exactly": exactly}
                    for index in range(len(devices))]
        plane.create({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
                      "metadata": {"name": name, "namespace": "default"},
                      "spec": {"devices": {"requests": requests}}})
        made.append(name)
        claim = plane.get("resourceclaim", name)
        results = [{"request": f"r{index}", "driver": DRIVER,
                    "pool": f"{agent.node}/numa{device[4]}", "device": device, **result}
                   for index, device in enumerate(devices)]
        claim["status"] = {"allocation": {"devices": {"results": results}}}
        if config:
            claim["status"]["allocation"]["devices"]["config"] = [
                {"source": "FromClaim", "opaque": {"driver": DRIVER, "parameters": config}}]
        plane.kubectl("replace", "--subresource=status", "-f", "-", manifest=[claim])
        return plane.get("resourceclaim", name)

    yield make
    for name in made:
        plane.kubectl("delete", "resourceclaim", name, "--ignore-not-found")
