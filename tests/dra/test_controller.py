# SPDX-License-Identifier: Apache-2.0
"""Controllers with a real API server: one leads, and slices that nobody serves go."""

import os
import signal
import subprocess
import uuid

import pytest

from conftest import PATIENCE
from lab import PROGRAMS, eventually
from resource_api import MINOR, NEWEST, body, capacity


class Controllers:
    """Replicas for a driver, and in a namespace, that no other test has."""

    def __init__(self, plane, kubeconfig, folder):
        self.plane = plane
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.name = f"c{uuid.uuid4().hex[:6]}"
        self.driver = f"{self.name}.example.com"
        self.processes = {}
        plane.kubectl("create", "namespace", self.name)

    def start(self, replica, *flags):
        with (self.folder / f"{replica}.log").open("wb") as log:
            self.processes[replica] = subprocess.Popen(
                [PROGRAMS / "mock-accel-dra-driver", "controller", "--namespace", self.name,
                 "--pod-name", replica, "--driver-name", self.driver,
                 "--kubeconfig", self.kubeconfig, "--healthcheck-port", "-1", "--http-port", "-1",
                 *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ)

    def end(self, replica, how):
        process = self.processes[replica]
        process.send_signal(how)
        return process.wait(PATIENCE)

    def leader(self):
        done = self.plane.kubectl("-n", self.name, "get", "lease", "mock-accel-controller", "-o",
                                  "jsonpath={.spec.holderIdentity}", check=False)
        return done.stdout.partition("_")[0]

    def node(self, name):
        return f"{self.name}-{name}"

    def add_node(self, name):
        self.plane.create({"apiVersion": "v1", "kind": "Node",
                           "metadata": {"name": self.node(name)}})

    def add_slice(self, name):
        """A slice of the node of that name, which need not be there."""
        self.plane.create({"apiVersion": f"resource.k8s.io/{NEWEST}", "kind": "ResourceSlice",
                           "metadata": {"name": self.node(name)},
                           "spec": {"driver": self.driver, "nodeName": self.node(name),
                                    "pool": {"name": self.node(name), "generation": 1,
                                             "resourceSliceCount": 1}, "devices": []}})

    def slices(self):
        return sorted(one["metadata"]["name"].removeprefix(f"{self.name}-")
                      for one in self.whole_slices())

    def whole_slices(self):
        return self.plane.get("resourceslices", "--field-selector",
                              f"spec.driver={self.driver}")["items"]

    def clean_up(self):
        for process in self.processes.values():
            process.kill()
            process.wait(PATIENCE)
        for log in self.folder.glob("*.log"):
            print(log.read_text())
        self.plane.kubectl("delete", "resourceslices", "--field-selector",
                           f"spec.driver={self.driver}")
        self.plane.kubectl("delete", "namespace", self.name, "--wait=false")
        for node in self.plane.get("nodes")["items"]:
            if node["metadata"]["name"].startswith(self.name):
                self.plane.kubectl("delete", "node", node["metadata"]["name"])


@pytest.fixture
def controllers(plane, kubeconfig, tmp_path):
    controllers = Controllers(plane, kubeconfig, tmp_path)
    yield controllers
    controllers.clean_up()


def test_slices_of_nodes_that_are_gone_go(controllers):
    controllers.add_node("here")
    for node in ("here", "gone"):
        controllers.add_slice(node)
    controllers.start("a", "--grace-seconds", "1")
    eventually(lambda: controllers.slices() == ["here"], "one slice", PATIENCE)
    controllers.plane.kubectl("delete", "node", controllers.node("here"))
    eventually(lambda: controllers.slices() == [], "no slice", PATIENCE)


def test_slices_of_nodes_without_an_agent_go(controllers):
    for node in ("served", "left"):
        controllers.add_node(node)
        controllers.add_slice(node)
    controllers.plane.create(
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "agent", "namespace": controllers.name, "labels": {"app": "agent"}},
         "spec": {"nodeName": controllers.node("served"),
                  "containers": [{"name": "a", "image": "localhost/none"}]}})
    controllers.start("a", "--grace-seconds", "1", "--agent-selector", "app=agent")
    eventually(lambda: controllers.slices() == ["served"], "one slice", PATIENCE)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_another_takes_over(controllers, how):
    controllers.start("a", "--grace-seconds", "0")
    eventually(lambda: controllers.leader() == "a", "a leader", PATIENCE)
    controllers.start("b", "--grace-seconds", "0")
    assert controllers.end("a", how) == (0 if how == signal.SIGTERM else -how)
    eventually(lambda: controllers.leader() == "b", "another leader", PATIENCE)
    controllers.add_slice("gone")
    eventually(lambda: controllers.slices() == [], "no slice", PATIENCE)


@pytest.fixture
def topology(tmp_path):
    """Ten machines of two NUMA nodes with two accelerators each."""
    def write(name):
        file = tmp_path / "topology.yaml"
        file.write_text(f"nodes: [{{name: {name}, count: 10, numa: [{{devices: 2}}, "
                        "{devices: [{memory: 1GiB}, {}]}]}]")
        return file
    return write


def test_simulated_nodes_get_slices(controllers, topology):
    for number in range(3):
        controllers.add_node(f"sim-{number}")
    file = topology(controllers.node("sim"))
    controllers.start("a", "--simulated-topology", file, "--agent-selector", "app=agent",
                      "--grace-seconds", "0")
    def name(node, numa):
        parts = [controllers.driver, node] if MINOR >= 36 else [node, controllers.driver]
        return "-".join([*(["00000"] if MINOR >= 36 else []), *parts, f"numa{numa}"])

    expected = sorted(name(controllers.node(f"sim-{number}"), numa).removeprefix(f"{controllers.name}-")
                      for number in range(3) for numa in (0, 1))
    eventually(lambda: controllers.slices() == expected, "two slices a node", PATIENCE)
    slices = controllers.whole_slices()
    device = body(NEWEST, slices[1]["spec"]["devices"][0])
    assert device["capacity"] == {"memory": capacity(NEWEST, "1Gi")}
    assert device["attributes"]["resource.kubernetes.io/numaNode"] == {"int": 1}
    assert slices[0]["metadata"]["ownerReferences"][0]["kind"] == "Node"

    # One that joins gets its own; one that somebody removes comes back.
    controllers.add_node("sim-7")
    eventually(lambda: len(controllers.slices()) == 8, "slices of the new node", PATIENCE)
    controllers.plane.kubectl("delete", "resourceslice", slices[0]["metadata"]["name"])
    eventually(lambda: len(controllers.slices()) == 8, "the slice again", PATIENCE)

    # Another leader finds nothing to do.
    before = {one["metadata"]["name"]: one["metadata"]["resourceVersion"]
              for one in controllers.whole_slices()}
    assert controllers.end("a", signal.SIGTERM) == 0
    controllers.start("b", "--simulated-topology", file)
    eventually(lambda: controllers.leader() == "b", "another leader", PATIENCE)
    controllers.add_node("sim-8")
    eventually(lambda: len(controllers.slices()) == 10, "slices of the new node", PATIENCE)
    after = {one["metadata"]["name"]: one["metadata"]["resourceVersion"]
             for one in controllers.whole_slices()}
    assert before.items() <= after.items()


def test_a_simulated_node_may_get_an_agent(controllers, topology):
    for number in range(2):
        controllers.add_node(f"sim-{number}")
    controllers.plane.create(
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "agent", "namespace": controllers.name, "labels": {"app": "agent"}},
         "spec": {"nodeName": controllers.node("sim-0"),
                  "containers": [{"name": "a", "image": "localhost/none"}]}})
    controllers.start("a", "--simulated-topology", topology(controllers.node("sim")),
                      "--agent-selector", "app=agent", "--grace-seconds", "0")
    eventually(lambda: len(controllers.slices()) == 2, "slices of one node", PATIENCE)
    assert {one["spec"]["nodeName"] for one in controllers.whole_slices()} == {
        controllers.node("sim-1")}


def test_a_wrong_topology_ends_the_controller(controllers, tmp_path):
    file = tmp_path / "topology.yaml"
    file.write_text("nodes: [{name: a, numa: [{devices: 33}]}]")
    controllers.start("a", "--simulated-topology", file)
    assert controllers.processes["a"].wait(PATIENCE) == 2
    assert f"{file}:1: nodes[0].numa[0].devices: 33 is more than the 32" in (
        tmp_path / "a.log").read_text()
