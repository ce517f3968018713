# SPDX-License-Identifier: Apache-2.0
"""mock-device doctor on a real API server with a real node agent, whose machine and pod are made up."""

import http.server
import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("integration", "cluster", "cli", "dra")]

from agent import Agent  # noqa: E402
from cluster import new_name  # noqa: E402
from kubelet import Messages  # noqa: E402
from lab import ROOT, mock_device  # noqa: E402
from replaceable import ReplaceablePlane  # noqa: E402

NAMESPACE = "mock-device"
VERSION = (ROOT / "VERSION").read_text().strip()


def own_address():
    """Of this machine: the API server goes to no pod on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but that of loopback")
        return probe.getsockname()[0]


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """A cluster in which mock-device is installed, but for its pods."""
    plane = ReplaceablePlane(new_name("doctor"), tmp_path_factory.mktemp("plane") / "apiserver.log")
    for name in ("namespace", "rbac", "admission-policy", "device-classes"):
        plane.kubectl("apply", "-f", ROOT / "deploy" / f"{name}.yaml")
    yield plane
    plane.end_server()
    plane.down()


@pytest.fixture(scope="session")
def kubeconfig(plane):
    return plane.status_at_start["kubeconfig"]


class Pods:
    """Pods that no kubelet runs."""

    def __init__(self, plane):
        self.plane = plane
        self.names = []

    def add(self, component, node, port):
        name = new_name(component)
        self.plane.create({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE,
                         "labels": {"app.kubernetes.io/name": "mock-device",
                                    "app.kubernetes.io/component": component}},
            "spec": {"nodeName": node, "serviceAccountName": f"mock-accel-{component}",
                     "tolerations": [{"operator": "Exists"}],
                     "containers": [{"name": component, "image": f"x/driver:{VERSION}",
                                     "ports": [{"name": "http", "containerPort": port}]}]}})
        self.names.append(name)
        self.make_ready(name)

    def make_ready(self, name):
        address = own_address()
        status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                             "conditions": [{"type": "Ready", "status": "True"}]}}
        self.plane.kubectl("-n", NAMESPACE, "patch", "pod", name, "--subresource=status",
                           "--type=merge", "-p", json.dumps(status))

    def remove(self):
        for name in self.names:
            self.plane.kubectl("-n", NAMESPACE, "delete", "pod", name, "--force", "--grace-period=0",
                               "--ignore-not-found")


@pytest.fixture
def pods(plane):
    pods = Pods(plane)
    yield pods
    pods.remove()


@pytest.fixture
def node(plane, kubeconfig, pods, tmp_path_factory):
    """A node with two accelerators and an agent that serves them; a controller is there, too."""
    messages = Messages(tmp_path_factory.mktemp("messages"))
    # The path of a socket may not be long, and tmp_path is.
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder), kubeconfig, messages)
        agent.http_address = "0.0.0.0"  # the API server comes by another one than loopback
        agent.rescan = 3600  # what a test changes is not published
        agent.add("mock0", "pci0000:10/0000:10:00.0/0000:11:00.0", numa_node=0)
        agent.add("mock1", "pci0000:20/0000:20:00.0/0000:21:00.0", numa_node=1,
                  uuid="223e4567-e89b-12d3-a456-426614174000")
        plane.create({"apiVersion": "v1", "kind": "Node",
                      "metadata": {"name": agent.node, "labels": {"accelerators": "mock"}}})
        info = {"kubeletVersion": "v1.36.0", "containerRuntimeVersion": "containerd://1.7.24",
                "kernelVersion": "6.12.117+deb13-amd64"}
        plane.kubectl("patch", "node", agent.node, "--subresource=status", "--type=merge", "-p",
                      json.dumps({"status": {"nodeInfo": node_info(info)}}))
        agent.start()
        agent.kubelet()
        agent.ready()
        pods.add("node-agent", agent.node, agent.http_port)
        pods.add("controller", agent.node, 8080)
        yield agent
        agent.stop()
        print(agent.log.read_text())
        plane.kubectl("delete", "node", agent.node)
        plane.kubectl("delete", "resourceslices", "--field-selector", f"spec.nodeName={agent.node}")


def node_info(values):
    """All members that a NodeSystemInfo has to have."""
    names = ("architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion",
             "kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID")
    return {name: values.get(name, "") for name in names}


class Findings:
    """What a run of the doctor has found."""

    def __init__(self, done):
        self.status = done.returncode
        self.stderr = done.stderr
        self.all = json.loads(done.stdout)["findings"]

    def of(self, check):
        return [one for one in self.all if one["id"] == check]

    def worse_than_ok(self, check):
        """(severity, found) of each."""
        return [(one["severity"], one["found"]) for one in self.of(check)
                if one["severity"] != "ok"]

    def errors(self):
        return {one["id"] for one in self.all if one["severity"] == "error"}


@pytest.fixture
def doctor(pods, kubeconfig):
    """Runs the doctor on the cluster: doctor(), doctor("--node", "n1")."""
    def run(*arguments, config=kubeconfig):
        # The node lifecycle controller thinks little of nodes without a kubelet.
        for name in pods.names:
            pods.make_ready(name)
        return Findings(mock_device("doctor", *(arguments or ["--cluster"]), "--kubeconfig", config,
                                    "--output", "json", check=False))
    return run


@pytest.fixture
def page():
    """Serves a text at a port of this machine: page(text) gives the port."""
    servers = []

    def serve(text):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802, the library's name
                self.send_response(200)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments):
                pass

        server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        return server.server_address[1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def somebody(plane, kubeconfig, tmp_path):
    """The kubeconfig of a service account without any rights, and the account's name."""
    name = new_name("somebody")
    plane.kubectl("create", "serviceaccount", name)
    token = plane.kubectl("create", "token", name).strip()
    path = tmp_path / "kubeconfig"
    path.write_text(Path(kubeconfig).read_text())
    path.chmod(0o600)
    kubectl = [f"{plane.status_at_start['programs']}/kubectl", "--kubeconfig", path, "config"]
    subprocess.run([*kubectl, "set-credentials", "somebody", f"--token={token}"], check=True)
    subprocess.run([*kubectl, "set-context", "--current", "--user=somebody"], check=True)
    yield path, name
    plane.kubectl("delete", "serviceaccount", name)


