# SPDX-License-Identifier: Apache-2.0
"""The API server is replaced: by one without a feature gate, and, under a running agent, by one that serves
other versions."""

import uuid

import pytest

from agent import uid
from cluster import new_name
from conftest import PATIENCE
from lab import eventually
from replaceable import ReplaceablePlane
from resource_api import MINOR


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    log = tmp_path_factory.mktemp("upgrade") / "apiserver.log"
    plane = ReplaceablePlane(new_name("upgrade"), log)
    yield plane
    plane.end_server()
    plane.down()


@pytest.fixture(scope="module")
def kubeconfig(plane):
    return plane.status()["kubernetes"]["kubeconfig"]


def versions_asked(agent):
    return [line for line in agent.log.read_text().splitlines() if "beginning anew" in line]


# Of an older server others depend on the gate, and from 1.37 on it can't be off.
@pytest.mark.skipif(MINOR != 36, reason="the gates are those of 1.36")
def test_a_server_that_drops_the_status_of_devices(agent, allocated, slices, plane):
    plane.replace(gates_off=["DRAResourceClaimDeviceStatus", "DRADeviceBindingConditions",
                             "DRAResourceClaimGranularStatusAuthorization"])
    agent.start("--claim-status")
    kubelet = agent.kubelet()
    claim = allocated("mock0")
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    eventually(lambda: "feature gate DRAResourceClaimDeviceStatus is off" in agent.log.read_text(),
               "a line that names the gate", PATIENCE)
    assert "devices" not in plane.get("resourceclaim", claim["metadata"]["name"])["status"]
    # It is not tried again, and all else goes on.
    agent.sysfs.set("mock0", "health", "degraded")
    eventually(lambda: slices.devices()["mock0"].get("taints"), "the taint", PATIENCE)
    metrics = agent.page("/metrics")[1]
    assert [line.split()[-1] for line in metrics.splitlines()
            if "api_requests_total" in line and "resourceclaims/status" in line] == ["1"]
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == ""


@pytest.mark.skipif(MINOR != 36, reason="other API servers, of 1.34 and 1.37, end without v1")
def test_a_version_that_is_removed(agent, slices, plane):
    agent.start()
    agent.kubelet()
    agent.ready()
    before = slices.versions()
    plane.replace(without=["v1"])
    eventually(lambda: versions_asked(agent), "the agent to notice", PATIENCE)
    assert "is now 1." in versions_asked(agent)[0] and "v1beta2" in versions_asked(agent)[0]
    kubelet = agent.kubelet()
    agent.ready()
    assert {one["metadata"]["name"]: one["metadata"]["resourceVersion"]
            for one in slices.get("v1beta2")} == before
    claim = {"metadata": {"namespace": "default", "name": "none", "uid": str(uuid.uuid4())}}
    assert "not found" in kubelet.prepare(claim)[claim["metadata"]["uid"]].error
    agent.sysfs.set("mock0", "health", "degraded")
    eventually(lambda: [taint["value"] for taint in slices.devices("v1beta2")["mock0"].get("taints", [])]
               == ["degraded"], "the taint", PATIENCE)
    assert next(kubelet.health())["mock0"] == ("UNHEALTHY", "the device is degraded")
