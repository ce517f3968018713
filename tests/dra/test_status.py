# SPDX-License-Identifier: Apache-2.0
"""What prepared claims say of their devices: --claim-status."""

import time

import pytest
import yaml

from agent import DRIVER, PATIENCE, uid
from lab import ROOT, eventually
from resource_api import MINOR, NEWEST
from sysfs import USUAL

# The gate is alpha, and off, in 1.32.
pytestmark = pytest.mark.skipif(MINOR < 33, reason="the server does not keep the field")
QUIET = 3  # seconds, in which an agent looks at its devices as many times
MANIFEST = ROOT / "deploy" / "claim-status.yaml"


def entries(plane, claim):
    return plane.get("resourceclaim", claim["metadata"]["name"])["status"].get("devices", [])


def conditions(plane, claim):
    """Of the claim's devices of this driver: status and reason."""
    return [(one["conditions"][0]["status"], one["conditions"][0]["reason"])
            for one in entries(plane, claim) if one["driver"] == DRIVER]


def becomes(plane, claim, *expected):
    eventually(lambda: conditions(plane, claim) == list(expected), f"{expected}", PATIENCE)


def writes(agent):
    return sum(int(float(line.split()[-1])) for line in agent.page("/metrics")[1].splitlines()
               if "api_requests_total" in line and 'resource="resourceclaims/status"' in line)


def said(agent, text):
    return [line for line in agent.log.read_text().splitlines() if text in line]


def prepare(kubelet, claim):
    assert kubelet.prepare(claim)[uid(claim)].error == ""


def test_a_claim_says_how_its_devices_are(agent, allocated, plane):
    agent.start("--claim-status")
    kubelet = agent.kubelet()
    claim = allocated("mock0", "mock1")
    prepare(kubelet, claim)
    becomes(plane, claim, ("True", "Prepared"), ("True", "Prepared"))
    first = entries(plane, claim)[0]
    assert first.pop("conditions")[0]["message"] == "the device is healthy"
    assert first == {"driver": DRIVER, "pool": f"{agent.node}/numa0", "device": "mock0",
                     "data": {"uuid": USUAL["uuid"],
                              "pciAddress": "0000:11:00.0", "numaNode": 0}}
    agent.sysfs.set("mock0", "health", "degraded")
    becomes(plane, claim, ("False", "Degraded"), ("True", "Prepared"))
    agent.sysfs.set("mock0", "health", "failed")
    becomes(plane, claim, ("False", "Failed"), ("True", "Prepared"))
    agent.sysfs.set("mock0", "health", "healthy")
    becomes(plane, claim, ("True", "Prepared"), ("True", "Prepared"))
    assert writes(agent) == 4


def test_nothing_is_written_at_rest(agent, allocated, plane):
    agent.start("--claim-status")
    kubelet = agent.kubelet()
    claim = allocated("mock0")
    prepare(kubelet, claim)
    becomes(plane, claim, ("True", "Prepared"))
    prepare(kubelet, claim)
    time.sleep(QUIET)
    assert writes(agent) == 1
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    agent.sysfs.set("mock0", "health", "failed")
    time.sleep(QUIET)
    assert writes(agent) == 1


def test_without_the_flag_claims_say_nothing(agent, allocated, plane):
    agent.start()
    claim = allocated("mock0")
    prepare(agent.kubelet(), claim)
    time.sleep(QUIET)
    assert entries(plane, claim) == []


def test_another_agent_goes_on_where_the_first_was_killed(agent, allocated, plane):
    agent.start("--claim-status")
    claim = allocated("mock0")
    prepare(agent.kubelet(), claim)
    becomes(plane, claim, ("True", "Prepared"))
    agent.kill()
    agent.start("--claim-status")
    agent.kubelet()
    time.sleep(QUIET)
    assert writes(agent) == 0
    agent.sysfs.set("mock0", "health", "degraded")
    becomes(plane, claim, ("False", "Degraded"))
    assert writes(agent) == 1


def test_what_others_say_stays(agent, allocated, plane):
    claim = allocated("mock0", others=[{"driver": "nic.example.com", "pool": "p", "device": "nic0"}])
    theirs = {"driver": "nic.example.com", "pool": "p", "device": "nic0",
              "conditions": [{"type": "Ready", "status": "True", "reason": "Up", "message": "",
                              "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    plane.kubectl("apply", "--server-side", "--field-manager=nic.example.com",
                  "--subresource=status", "-f", "-",
                  manifest=[{"apiVersion": f"resource.k8s.io/{NEWEST}", "kind": "ResourceClaim",
                             "metadata": {"name": claim["metadata"]["name"]},
                             "status": {"devices": [theirs]}}])
    agent.start("--claim-status")
    prepare(agent.kubelet(), claim)
    becomes(plane, claim, ("True", "Prepared"))
    agent.sysfs.set("mock0", "health", "failed")
    becomes(plane, claim, ("False", "Failed"))
    assert theirs in entries(plane, claim)


def test_a_claim_that_took_the_name_of_a_prepared_one_is_left_alone(agent, allocated, plane):
    agent.start("--claim-status")
    claim = allocated("mock0")
    prepare(agent.kubelet(), claim)
    becomes(plane, claim, ("True", "Prepared"))
    plane.kubectl("delete", "resourceclaim", claim["metadata"]["name"])
    other = allocated("mock0", name=claim["metadata"]["name"])
    agent.sysfs.set("mock0", "health", "failed")
    time.sleep(QUIET)
    assert entries(plane, other) == []
    assert writes(agent) == 2


@pytest.fixture
def rightful(deployed, plane):
    """An agent as deployed, which gets no right to claims' status before the test gives it."""
    yield deployed
    plane.kubectl("delete", "-f", MANIFEST, "--ignore-not-found")


def test_the_rights_that_are_deployed_are_enough(rightful, allocated, plane):
    plane.kubectl("apply", "-f", MANIFEST)
    rightful.start("--claim-status")
    claim = allocated("mock0")
    prepare(rightful.kubelet(), claim)
    becomes(plane, claim, ("True", "Prepared"))


@pytest.mark.parametrize("missing", ["resourceclaims/status", "resourceclaims/driver"])
def test_a_missing_right_is_named_once_and_hurts_nobody(rightful, allocated, plane, missing):
    if missing == "resourceclaims/driver" and MINOR < 36:
        pytest.skip("there is no such right before 1.36")
    role, binding = yaml.safe_load_all(MANIFEST.read_text())
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != [missing]]
    plane.kubectl("apply", "-f", "-", manifest=[role, binding])
    rightful.start("--claim-status")
    kubelet = rightful.kubelet()
    for device in ("mock0", "mock1"):
        prepare(kubelet, allocated(device))
    eventually(lambda: writes(rightful) == 2, "both were tried", PATIENCE)
    time.sleep(QUIET)
    assert writes(rightful) == 2
    [line] = said(rightful, "claims get no status")
    assert missing in line and "patch" in line
    plane.kubectl("apply", "-f", MANIFEST)
    rightful.sysfs.set("mock0", "health", "failed")
    eventually(lambda: writes(rightful) == 3, "the next news is tried", PATIENCE)
