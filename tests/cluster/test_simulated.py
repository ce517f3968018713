# SPDX-License-Identifier: Apache-2.0
"""Nodes that no machine is behind, for schedulers to look at."""

import pytest

from cluster import KUBERNETES, Cluster, new_name
from lab import PATIENCE, eventually, mock_device

SIMULATED = "mock-accel.example.com/simulated"


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(new_name("sim"), "--nodes", 0, *KUBERNETES, "--simulated-nodes", 20)
    yield cluster
    cluster.down()


def test_the_nodes_are_ready_and_have_slices(cluster):
    nodes = cluster.get("nodes", "--selector", f"{SIMULATED}=true")["items"]
    assert sorted(node["metadata"]["name"] for node in nodes) == sorted(
        f"sim-{number}" for number in range(20))
    slices = cluster.get("resourceslices")["items"]
    assert len(slices) == 40
    assert {len(one["spec"]["devices"]) for one in slices} == {4}


def test_the_scheduler_gives_their_devices_to_pods(cluster):
    cluster.create(
        {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass",
         "metadata": {"name": "mock-accel.example.com"},
         "spec": {"selectors": [{"cel": {
             "expression": 'device.driver == "mock-accel.example.com"'}}]}},
        {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate",
         "metadata": {"name": "two", "namespace": "default"},
         "spec": {"spec": {"devices": {
             "requests": [{"name": "pair", "exactly": {
                 "deviceClassName": "mock-accel.example.com", "count": 2}}],
             "constraints": [{"matchAttribute": "resource.kubernetes.io/numaNode"}]}}}},
        {"apiVersion": "apps/v1", "kind": "Deployment",
         "metadata": {"name": "load", "namespace": "default"},
         "spec": {"replicas": 80, "selector": {"matchLabels": {"app": "load"}},
                  "template": {
                      "metadata": {"labels": {"app": "load"}},
                      "spec": {
                          "resourceClaims": [{"name": "pair", "resourceClaimTemplateName": "two"}],
                          "containers": [{"name": "a", "image": "localhost/none",
                                          "resources": {"claims": [{"name": "pair"}]}}]}}}})
    # 20 nodes of 2 times 4 devices are 80 pairs: every device is in use.
    cluster.kubectl("rollout", "status", "deployment/load", f"--timeout={PATIENCE}s")
    claims = cluster.get("resourceclaims")["items"]
    results = [result for claim in claims
               for result in claim["status"]["allocation"]["devices"]["results"]]
    assert len({(result["pool"], result["device"]) for result in results}) == 160
    for claim in claims:
        pools = {result["pool"] for result in claim["status"]["allocation"]["devices"]["results"]}
        assert len(pools) == 1
    cluster.kubectl("delete", "deployment", "load")
    eventually(lambda: not cluster.get("resourceclaims")["items"], "no claim", PATIENCE)


def test_a_node_that_is_removed_takes_its_slices_along(cluster):
    cluster.kubectl("delete", "node", "sim-19")
    eventually(lambda: len(cluster.get("resourceslices")["items"]) == 38, "its slices to go",
               PATIENCE)


@pytest.mark.parametrize("flags, complaint", [
    (("--simulated-nodes", "3"), "simulated nodes take Kubernetes"),
    ((*KUBERNETES, "--simulated-nodes", "0"), "--simulated-nodes: 0"),
    ((*KUBERNETES, "--simulated-nodes", "3", "--simulated-topology", "x.yaml"), "leave out one"),
    ((*KUBERNETES, "--simulated-topology", "/nowhere.yaml"), "/nowhere.yaml"),
])
def test_what_makes_no_sense(flags, complaint):
    done = mock_device("up", "--lab", new_name("none"), "--dry-run", *flags, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr
