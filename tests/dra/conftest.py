# SPDX-License-Identifier: Apache-2.0
"""The node agent as a real program, against a real API server and a machine made of files."""

import json
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("integration", "cluster", "cli")]

from agent import DRIVER, PATIENCE, Agent, uid  # noqa: E402
from cluster import ControlPlane, new_name  # noqa: E402
from controllers import Controllers  # noqa: E402
from kubelet import Messages  # noqa: E402
from lab import ROOT  # noqa: E402
from resource_api import NEWEST, body, request  # noqa: E402

# Where deploy/ puts the agents, and who they are there.
NAMESPACE = "mock-device"
ACCOUNT = "mock-accel-node-agent"


@pytest.fixture(scope="session")
def messages(tmp_path_factory):
    return Messages(tmp_path_factory.mktemp("messages"))


@pytest.fixture(scope="session")
def plane():
    plane = ControlPlane(new_name("dra"))
    # Only in such a namespace a claim may ask for devices that others hold.
    plane.kubectl("label", "ns", "default", "resource.kubernetes.io/admin-access=true",
                  "resource.k8s.io/admin-access=true")  # the name that 1.33 knows
    yield plane
    plane.down()


@pytest.fixture(scope="session")
def kubeconfig(plane):
    return plane.status()["kubernetes"]["kubeconfig"]


@pytest.fixture
def agent(messages, kubeconfig, plane):
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

    def get(self, version=NEWEST):
        path = (f"/apis/resource.k8s.io/{version}/resourceslices"
                f"?fieldSelector=spec.nodeName={self.node}")
        return sorted(json.loads(self.plane.kubectl("get", "--raw", path))["items"],
                      key=lambda one: (one["spec"]["pool"]["name"], one["metadata"]["name"]))

    def devices(self, version=NEWEST):
        """Their bodies, by name."""
        return {device["name"]: body(version, device)
                for one in self.get(version) for device in one["spec"].get("devices", [])}

    def versions(self):
        return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in self.get()}


@pytest.fixture
def slices(plane, agent):
    return Slices(plane, agent)


@pytest.fixture
def controllers(plane, kubeconfig, tmp_path):
    controllers = Controllers(plane, kubeconfig, tmp_path)
    yield controllers
    controllers.clean_up()


@pytest.fixture
def allocated(plane, agent):
    """Makes claims that the scheduler has given devices of this node: allocated("mock0"). `others` are
    results of other drivers."""
    made = []

    def make(*devices, config=None, name=None, others=(), **result):
        name = name or new_name("claim")
        fields = {"deviceClassName": "any",
                  **{key: value for key, value in result.items() if key == "adminAccess"}}
        requests = [request(f"r{index}", **fields) for index in range(len(devices) + len(others))]
        plane.create({"apiVersion": f"resource.k8s.io/{NEWEST}", "kind": "ResourceClaim",
                      "metadata": {"name": name, "namespace": "default"},
                      "spec": {"devices": {"requests": requests}}})
        made.append(name)
        claim = plane.get("resourceclaim", name)
        results = [{"request": f"r{index}", "driver": DRIVER,
                    "pool": f"{agent.node}/numa{device[4]}", "device": device, **result}
                   for index, device in enumerate(devices)]
        results += [{"request": f"r{index}", **other}
                    for index, other in enumerate(others, start=len(devices))]
        here = {"key": "metadata.name", "operator": "In", "values": [agent.node]}
        claim["status"] = {"allocation": {
            "devices": {"results": results},
            "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [here]}]}}}
        if config:
            claim["status"]["allocation"]["devices"]["config"] = [
                {"source": "FromClaim", "opaque": {"driver": DRIVER, "parameters": config}}]
        plane.kubectl("replace", "--subresource=status", "-f", "-", manifest=[claim])
        return plane.get("resourceclaim", name)

    yield make
    for name in made:
        plane.kubectl("delete", "resourceclaim", name, "--ignore-not-found")


@pytest.fixture
def deployed(agent, plane, tmp_path):
    """The agent has the rights that deploy/ gives, by a token as a pod of its node has it."""
    for name in ("namespace", "rbac"):
        plane.kubectl("apply", "-f", ROOT / "deploy" / f"{name}.yaml")
    pod = {"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": agent.node, "namespace": NAMESPACE},
           "spec": {"nodeName": agent.node, "serviceAccountName": ACCOUNT,
                    "containers": [{"name": "agent", "image": "none"}]}}
    plane.create(pod)
    pod = plane.get("-n", NAMESPACE, "pod", agent.node)
    token = plane.kubectl("-n", NAMESPACE, "create", "token", ACCOUNT, "--bound-object-kind=Pod",
                          f"--bound-object-name={agent.node}", f"--bound-object-uid={uid(pod)}")
    config = yaml.safe_load(Path(agent.kubeconfig).read_text())
    config["users"][0]["user"] = {"token": token.strip()}
    agent.kubeconfig = tmp_path / "kubeconfig"
    agent.kubeconfig.write_text(yaml.safe_dump(config))
    yield agent
    plane.kubectl("-n", NAMESPACE, "delete", "pod", agent.node, "--grace-period=0", "--force")
