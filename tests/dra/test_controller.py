# SPDX-License-Identifier: Apache-2.0
"""Controllers with a real API server: one leads, and slices that nobody serves go."""

import signal

import pytest

from conftest import PATIENCE
from kubeconfig import changed, server_of
from lab import eventually
from relay import Relay
from resource_api import MINOR, NEWEST, body, capacity


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


def test_slices_that_came_while_it_heard_nothing_go(controllers, kubeconfig, tmp_path):
    relay = Relay(server_of(kubeconfig))
    controllers.kubeconfig = changed(kubeconfig, tmp_path / "kubeconfig",
                                     server=f"https://127.0.0.1:{relay.port}")
    controllers.start("a", "--grace-seconds", "0")
    controllers.add_slice("heard")
    eventually(lambda: controllers.slices() == [], "no slice", PATIENCE)
    relay.cut()
    controllers.add_slice("unheard")
    relay.mend()
    eventually(lambda: controllers.slices() == [], "no slice", PATIENCE)
    relay.cut()


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
