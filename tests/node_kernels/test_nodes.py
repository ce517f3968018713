# SPDX-License-Identifier: Apache-2.0
"""Nodes of Kubernetes with the oldest and the newest kernel that the modules are for: the driver, and a pod that
computes on a device."""

import pytest

from cluster import KUBERNETES, Cluster, make_driver_image, new_name
from holder import COMPUTE, holder
from lab import ROOT, eventually

pytestmark = pytest.mark.long

PATIENCE = "--timeout=300s"


@pytest.fixture(scope="module", params=["6.1", "newest"])
def node(request, tmp_path_factory):
    cluster = Cluster(new_name("kernel"), "--nodes", 1, "--kernel", request.param, *KUBERNETES)
    try:
        cluster.run("load-image", make_driver_image(tmp_path_factory.mktemp("image") / "driver.tar"))
        cluster.kubectl("apply", "-k", ROOT / "deploy")
        cluster.kubectl("-n", "mock-device", "rollout", "status", "ds/mock-accel-node-agent", PATIENCE)
        eventually(lambda: cluster.get("resourceslices")["items"], "slices")
        yield cluster
    finally:
        cluster.down()


def test_a_pod_computes_on_a_device(node):
    node.create(*holder("computes", COMPUTE))
    node.kubectl("wait", "--for=condition=Ready", "pod/computes", PATIENCE)
    eventually(lambda: "1 device as given, no other in sight" in node.kubectl("logs", "computes"),
               "the pod has computed")
    node.kubectl("delete", "pod", "computes", PATIENCE)
    node.kubectl("delete", "resourceclaim", "computes", PATIENCE)
    eventually(lambda: not any(one["owner"] for one in node.json("devices")["devices"]),
               "the device is free")


def test_the_kernel_has_no_complaints(node):
    assert node.guest("dmesg | grep -E 'Oops|BUG|WARNING|Call Trace|rcu.*stall'", check=False) == ""
