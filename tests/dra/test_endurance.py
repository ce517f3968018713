# SPDX-License-Identifier: Apache-2.0
"""The same things very often; `make soak` does them ten and thirty times as often as `make test`."""

import os
import random
import signal
import threading
import time

import grpc
import pytest

from agent import DRIVER, FAULT_POINTS, FAULTY_AGENT, PATIENCE, cdi_file, uid
from api import Api
from resource_api import NEWEST, request

KILLS = int(os.environ.get("MOCK_DEVICE_KILLS", "100"))
CLAIMS = int(os.environ.get("MOCK_DEVICE_CLAIMS", "300"))


def devices_of(claim):
    return [one["device"] for one in claim["status"]["allocation"]["devices"]["results"]]


def check(agent, claims):
    """What holds at every moment, however it was reached."""
    described, documented = agent.described(), agent.documented()
    for claim in claims:
        owners = {agent.owner(device) for device in devices_of(claim)}
        assert owners <= {"", uid(claim)}
        if cdi_file(claim) in described:
            # A container may start with it.
            assert owners == {uid(claim)} and uid(claim) in documented


@pytest.mark.skipif(not FAULTY_AGENT.exists(), reason="needs the build of the preset faults")
def test_sudden_death_again_and_again(agent, allocated):
    for number in range(2, 6):
        agent.add(f"mock{number}", f"pci0000:10/0000:10:0{number}.0/0000:3{number}:00.0")
    claims = [allocated("mock0"), allocated("mock1"), allocated("mock2", "mock3", "mock4", "mock5")]
    # The sequence of a failure can be had again.
    seed = int(os.environ.get("MOCK_DEVICE_SEED", time.time_ns() % 1_000_000))
    print(f"MOCK_DEVICE_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(KILLS):
        if chance.random() < 0.5:
            agent.start(program=FAULTY_AGENT, probes=False,
                        environment={"MOCK_ACCEL_CRASH_AT": chance.choice(FAULT_POINTS)})
            kubelet, killer = agent.kubelet(), None
        else:
            agent.start(probes=False)
            kubelet = agent.kubelet()
            killer = threading.Timer(chance.random() * 0.05, agent.process.kill)
            killer.start()
        kubelet.patience = 5
        claim = chance.choice(claims)
        try:
            for _ in range(2):
                call = chance.choice([kubelet.prepare, kubelet.unprepare])
                assert call(claim)[uid(claim)].error == ""
                check(agent, claims)
        except grpc.RpcError as error:
            # The last is that of a call to an agent that died before it was connected to.
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                    grpc.StatusCode.DEADLINE_EXCEEDED)
        if killer:
            killer.join()
        agent.kill()
        agent.processes.remove(agent.process)
        check(agent, claims)
    agent.start()
    kubelet = agent.kubelet()
    for claim in claims:
        assert kubelet.prepare(claim)[uid(claim)].error == ""
        assert {agent.owner(device) for device in devices_of(claim)} == {uid(claim)}
    for claim in claims:
        assert kubelet.unprepare(claim)[uid(claim)].error == ""
        assert {agent.owner(device) for device in devices_of(claim)} == {""}
    assert not agent.described() and not agent.documented()


def test_many_claims_in_a_row(agent, kubeconfig):
    """Each is made, allocated, prepared, unprepared and deleted; restarts in between."""
    api, claims = Api(kubeconfig, NEWEST), "namespaces/default/resourceclaims"
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    first = None
    for number in range(CLAIMS):
        if number and number % 1000 == 0:
            agent.process.send_signal(random.choice([signal.SIGKILL, signal.SIGTERM]))
            agent.process.wait(PATIENCE)
            agent.start()
            kubelet = agent.kubelet()
            first = None
        name = f"{agent.node}-{number}"
        claim = api.call("POST", claims, {
            "metadata": {"name": name},
            "spec": {"devices": {"requests": [request("r0", deviceClassName="any")]}}})
        device = f"mock{number % 2}"
        claim["status"] = {"allocation": {"devices": {"results": [
            {"request": "r0", "driver": DRIVER, "pool": f"{agent.node}/numa{number % 2}",
             "device": device}]}}}
        claim = api.call("PUT", f"{claims}/{name}/status", claim)
        assert kubelet.prepare(claim)[uid(claim)].error == ""
        assert agent.owner(device) == uid(claim)
        assert kubelet.unprepare(claim)[uid(claim)].error == ""
        api.call("DELETE", f"{claims}/{name}")
        if number % 1000 == 50:
            _, first = agent.memory()
    assert not agent.described() and not agent.documented()
    assert agent.owner("mock0") == agent.owner("mock1") == ""
    if first:
        # What it costs after a thousand claims more is what it cost after fifty.
        assert agent.memory()[1] < first * 1.25 + 1
