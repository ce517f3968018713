# SPDX-License-Identifier: Apache-2.0
"""What claims and pods are told of their devices by events."""

import time

import pytest

from agent import DRIVER, PATIENCE, uid
from lab import eventually
from resource_api import MINOR

QUIET = 3  # seconds, in which an agent looks at its devices as many times


def events(plane, claim):
    """Of the claim and its pods: kind, reason and type."""
    found = [event for event in plane.get("events.v1.events.k8s.io")["items"]
             if f"claim {claim['metadata']['name']}:" in event["note"]]
    assert all(event["reportingController"] == DRIVER for event in found)
    return sorted((event["regarding"]["kind"], event["reason"], event["type"]) for event in found)


@pytest.fixture
def users(agent, plane):
    """Makes pods of the node that use a claim. Kubernetes itself reserves it for them."""
    made = []

    def make(claim, number):
        name = claim["metadata"]["name"]
        for index in range(number):
            made.append(f"{name}-{index}")
            plane.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": made[-1]},
                          "spec": {"nodeName": agent.node,
                                   "resourceClaims": [{"name": "c", "resourceClaimName": name}],
                                   "containers": [{"name": "c", "image": "none"}]}})
        eventually(lambda: len(plane.get("resourceclaim", name)["status"].get("reservedFor", ())) == number,
                   "the claim is reserved", PATIENCE)

    yield make
    for pod in made:
        plane.kubectl("delete", "pod", pod, "--grace-period=0", "--force")


def prepared(agent, claim):
    assert agent.kubelet().prepare(claim)[uid(claim)].error == ""
    return claim


def become(plane, claim, *expected):
    eventually(lambda: events(plane, claim) == sorted(expected), f"{expected}", PATIENCE)


def test_a_claim_and_its_pods_hear_of_a_device_that_fails_and_heals(deployed, allocated, users,
                                                                       plane):
    deployed.start()
    claim = prepared(deployed, allocated("mock0"))
    users(claim, 2)
    time.sleep(QUIET)
    assert events(plane, claim) == []
    deployed.sysfs.set("mock0", "health", "failed")
    ill = [("Pod", "DeviceFailed", "Warning")] * 2 + [("ResourceClaim", "DeviceFailed", "Warning")]
    become(plane, claim, *ill)
    deployed.sysfs.set("mock0", "health", "healthy")
    well = [("Pod", "DeviceHealthy", "Normal")] * 2 + [("ResourceClaim", "DeviceHealthy", "Normal")]
    become(plane, claim, *ill, *well)
    about = plane.kubectl("describe", "resourceclaim", claim["metadata"]["name"])
    assert "DeviceFailed" in about and f"mock0 of pool {deployed.node}/numa0" in about


def test_what_happened_while_no_agent_ran_is_told_by_the_next(agent, allocated, plane):
    agent.start()
    claim = prepared(agent, allocated("mock0"))
    agent.kill()
    agent.sysfs.set("mock0", "health", "degraded")
    agent.start()
    become(plane, claim, ("ResourceClaim", "DeviceDegraded", "Warning"))


def test_without_them_nothing_is_asked_for_them(agent, allocated, plane):
    agent.start("--no-claim-events")
    claim = prepared(agent, allocated("mock0"))
    agent.sysfs.set("mock0", "health", "failed")
    time.sleep(QUIET)
    assert events(plane, claim) == []


def test_a_right_that_is_missing_is_named_and_hurts_nobody(deployed, allocated, plane):
    role = plane.get("clusterrole", "mock-accel-node-agent")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["events"]]
    plane.kubectl("replace", "-f", "-", manifest=[role])
    deployed.start()
    claim = prepared(deployed, allocated("mock0"))
    deployed.sysfs.set("mock0", "health", "failed")
    eventually(lambda: "cannot create resource \"events\"" in deployed.log.read_text(), "a complaint",
               PATIENCE)
    assert deployed.kubelet().unprepare(claim)[uid(claim)].error == ""
    assert events(plane, claim) == []


@pytest.mark.skipif(MINOR < 33, reason="there are taints from 1.33 on")
def test_a_held_device_that_goes_is_tainted_until_it_is_let_go(agent, allocated, plane, slices):
    agent.start()
    claim = prepared(agent, allocated("mock0"))
    eventually(lambda: set(slices.devices()) == {"mock0", "mock1"}, "both devices", PATIENCE)
    agent.sysfs.remove("mock0")
    become(plane, claim, ("ResourceClaim", "DeviceGone", "Warning"))
    eventually(lambda: slices.devices()["mock0"].get("taints"), "a taint", PATIENCE)
    [taint] = slices.devices()["mock0"]["taints"]
    assert (taint["key"], taint["value"], taint["effect"]) == (f"{DRIVER}/health", "gone", "NoSchedule")
    assert 'mock_accel_devices{health="gone"} 1' in agent.page("/metrics")[1]
    assert agent.kubelet().unprepare(claim)[uid(claim)].error == ""
    eventually(lambda: set(slices.devices()) == {"mock1"}, "it leaves its slice", PATIENCE)


def test_a_held_device_that_comes_back_is_taken_again(agent, allocated, plane, slices):
    agent.start()
    claim = prepared(agent, allocated("mock0"))
    gone = ("ResourceClaim", "DeviceGone", "Warning")
    agent.sysfs.remove("mock0")
    become(plane, claim, gone)
    agent.sysfs.put_back("mock0")
    eventually(lambda: agent.owner("mock0") == uid(claim), "its owner", PATIENCE)
    become(plane, claim, gone, ("ResourceClaim", "DeviceHealthy", "Normal"))
    eventually(lambda: "taints" not in slices.devices().get("mock0", {"taints": []}), "no taint", PATIENCE)
    # So is one that came back while no agent ran.
    agent.kill()
    agent.sysfs.set("mock0", "owner", "")
    agent.start()
    eventually(lambda: agent.owner("mock0") == uid(claim), "its owner", PATIENCE)
    assert agent.kubelet().unprepare(claim)[uid(claim)].error == ""
    time.sleep(QUIET)
    assert agent.owner("mock0") == ""
