# SPDX-License-Identifier: Apache-2.0
"""A cluster with two nodes, which are guests with accelerators: pods run, and everybody reaches
everybody."""

import os
import signal

import pytest

from cluster import KUBERNETES, new_name
from lab import eventually, mock_device

# Under emulation a pod takes ten seconds and more to start.
PATIENCE = "--timeout=300s"


def pod(name, node, runtime, command):
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"nodeName": node, "runtimeClassName": runtime,
                     "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "one", "image": "localhost/busybox:1",
                                     "command": ["sh", "-c", command]}]}}


@pytest.fixture(scope="module")
def pods(cluster):
    """A web server on the first node and a client on the second one, with a runtime each."""
    cluster.create(
        pod("web", "node0", "runc", "mkdir /www; echo from web >/www/index.html; "
                                    "exec httpd -f -p 80 -h /www"),
        pod("client", "node1", "crun", "echo started; exec sleep 100000"),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
         "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
    cluster.kubectl("wait", "--for=condition=Ready", "pod/web", "pod/client", PATIENCE)
    return cluster


def test_nodes_are_ready_and_have_their_devices(cluster):
    nodes = cluster.get("nodes")["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["node0", "node1"]
    for node in nodes:
        ready = [one for one in node["status"]["conditions"] if one["type"] == "Ready"]
        assert ready[0]["status"] == "True"
    assert len(cluster.json("devices")["devices"]) == 6
    assert cluster.guest("ls /sys/class/mock-accel").split() == ["mock0", "mock1", "mock2", "mock3"]


def test_logs_and_exec_reach_pods(pods):
    assert pods.kubectl("logs", "client") == "started\n"
    assert pods.kubectl("exec", "client", "--", "hostname") == "client\n"
    done = pods.kubectl("exec", "client", "--", "sh", "-c", "exit 7", check=False)
    assert done.returncode == 7


def test_pods_of_different_nodes_reach_each_other(pods):
    address = pods.get("pod", "web")["status"]["podIP"]
    assert pods.kubectl("exec", "client", "--", "wget", "-qO-", f"http://{address}/") == "from web\n"


def test_services_are_reached_from_pods_and_by_the_api_server(pods):
    address = pods.get("service", "web")["spec"]["clusterIP"]
    assert pods.kubectl("exec", "client", "--", "wget", "-qO-", f"http://{address}/") == "from web\n"
    assert pods.kubectl("get", "--raw", "/api/v1/namespaces/default/services/web/proxy/") \
        == "from web\n"


def test_pods_reach_the_api_server_at_its_service(pods):
    token = pods.kubectl("create", "token", "default").strip()
    said = pods.kubectl("exec", "client", "--", "wget", "-qO-", "--no-check-certificate",
                        f"--header=Authorization: Bearer {token}", "https://10.96.0.1/version")
    assert "gitVersion" in said


def rounds(cluster, node):
    """How often the work on a node has come out right."""
    return cluster.said("work", node).count("read back")


@pytest.fixture
def at_work(cluster):
    """The engines of both nodes' devices, which one server drives, without a pause."""
    for node in ("node0", "node1"):
        cluster.start("work", "mock-device-workload verify --forever --size 65536", node)
    for node in ("node0", "node1"):
        eventually(lambda node=node: rounds(cluster, node) > 10, "the engines are at work")
    yield cluster
    cluster.guest("systemctl stop work")


def test_a_node_that_dies_is_not_ready_and_the_others_devices_go_on(at_work):
    cluster = at_work
    cluster.run("fault", "node1/mock0", "hung")
    before = rounds(cluster, "node0")
    eventually(lambda: rounds(cluster, "node0") > before + 10, "a hung engine holds up its node only")

    victim = cluster.status()["nodes"][1]
    os.kill(victim["pid"], signal.SIGKILL)
    eventually(lambda: cluster.status()["state"] == "broken", "lab is seen as broken")

    def ready():
        conditions = cluster.get("node", "node1")["status"]["conditions"]
        return next(one["status"] for one in conditions if one["type"] == "Ready")
    eventually(lambda: ready() == "Unknown", "node is seen as gone", timeout=300)
    before = rounds(cluster, "node0")
    eventually(lambda: rounds(cluster, "node0") > before + 10, "the other node computes on")
    assert cluster.guest("systemctl is-active work").strip() == "active"


def test_more_nodes_than_the_topology_has_are_refused():
    done = mock_device("up", "--lab", new_name("many"), "--nodes", 3, *KUBERNETES, check=False)
    assert done.returncode == 2 and "nodes: 3" in done.stderr
