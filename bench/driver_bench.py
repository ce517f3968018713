#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times and memory of the DRA driver's node agent against a real API server, one row a figure:
name | value | target | ok.

    bench/driver_bench.py

MOCK_DEVICE_BIN is the folder of the programs (default: build/release/bin). The machine is made of
files. One claim at a time: it is made and allocated, and then prepared and unprepared by a kubelet
that is part of this program. Beside each preparation the same client gets the same claim from the
API server, the only request that the preparation makes: the ratio is what the driver adds.

No kernel tells of changes in files. What becomes of them is measured from the moment at which the
agent sees them, by its log; where the kernel does tell of them, it looks at once.
"""

import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("MOCK_DEVICE_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("dra", "integration", "cluster", "cli")]

from agent import DRIVER, Agent  # noqa: E402
from api import Api  # noqa: E402
from cluster import ControlPlane, new_name  # noqa: E402
from kubelet import Messages  # noqa: E402

CLAIMS = 500
CLAIMS_PATH = "namespaces/default/resourceclaims"
REST = 30  # seconds
CHANGES = 60


def timed(call):
    """Milliseconds, and what came of it."""
    begin = time.perf_counter()
    outcome = call()
    return (time.perf_counter() - begin) * 1000, outcome


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def row(name, value, unit, target=None):
    if target is None:
        print(f"{name} | {value:.2f} {unit} | |")
    else:
        print(f"{name} | {value:.2f} {unit} | <= {target} {unit} | "
              f"{'yes' if value <= target else 'NO'}")


def allocated(api, agent, number):
    name = f"{agent.node}-{number}"
    claim = api.call("POST", CLAIMS_PATH, {
        "metadata": {"name": name},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "any"}}]}}})
    claim["status"] = {"allocation": {"devices": {"results": [
        {"request": "r", "driver": DRIVER, "pool": f"{agent.node}/numa0", "device": "mock0"}]}}}
    return api.call("PUT", f"{CLAIMS_PATH}/{name}/status", claim)


def check(answers):
    for answer in answers.values():
        if answer.error:
            sys.exit(answer.error)


def claims(api, agent, kubelet):
    prepares, unprepares, gets = [], [], []
    for number in range(CLAIMS):
        claim = allocated(api, agent, number)
        path = f"{CLAIMS_PATH}/{claim['metadata']['name']}"
        took, _ = timed(lambda: api.call("GET", path))  # pylint: disable=W0640
        gets.append(took)
        took, answers = timed(lambda: kubelet.prepare(claim))  # pylint: disable=W0640
        check(answers)
        prepares.append(took)
        took, answers = timed(lambda: kubelet.unprepare(claim))  # pylint: disable=W0640
        check(answers)
        unprepares.append(took)
        api.call("DELETE", path)
    for part, name in ((0.5, "median"), (0.99, "p99")):
        row(f"prepare a claim, {name} of {CLAIMS}", percentile(prepares, part), "ms")
        row(f"unprepare a claim, {name} of {CLAIMS}", percentile(unprepares, part), "ms")
        row(f"get a claim from the API server, {name} of {CLAIMS}", percentile(gets, part), "ms")
    row("prepare to get, medians", percentile(prepares, 0.5) / percentile(gets, 0.5), "times")


def requests(agent, *words):
    """To the API server, of which the metric has all these words."""
    return sum(int(float(line.split()[-1])) for line in agent.page("/metrics")[1].splitlines()
               if line.startswith("mock_accel_api_requests_total{")
               and all(word in line for word in words))


def wakeups(agent):
    """How often its threads have begun to run after they had waited."""
    return sum(int(line.split()[1])
               for status in Path(f"/proc/{agent.process.pid}/task").glob("*/status")
               for line in status.read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


def rest(agent):
    """What an agent costs to whom nothing happens."""
    time.sleep(REST)  # after its start
    total, own = agent.memory()
    row("resident memory at rest", total, "MiB", 12)
    row("of which the process's own", own, "MiB")
    asked, woken = requests(agent), wakeups(agent)
    time.sleep(REST)
    woken = wakeups(agent) - woken
    row(f"wake-ups at rest, of {REST} s", woken / REST, "a second")
    row(f"requests at rest, in {REST} s", requests(agent) - asked, "", 0)


def claims_and_memory(api, agent, kubelet):
    claims(api, agent, kubelet)
    row("requests a claim", requests(agent, "resourceclaims") / CLAIMS, "", 1.01)
    total, own = agent.memory()
    row(f"resident memory after {CLAIMS} claims", total, "MiB")
    row("of which the process's own", own, "MiB")


def seen_at(agent, health):
    """When the agent last said so, in seconds since the epoch."""
    line = [line for line in agent.log.read_text().splitlines() if f"mock0 is {health}" in line][-1]
    return datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()


def changes(api, agent):
    """A device's health goes to and fro, and somebody watches its slice."""
    watcher = api.watch(f"resourceslices?watch=1&fieldSelector=spec.nodeName={agent.node}")
    next(watcher)  # the slice as it is
    delays = []
    for number in range(CHANGES):
        health = ("degraded", "healthy")[number % 2]
        agent.sysfs.set("mock0", "health", health)
        next(watcher)
        delays.append((time.time() - seen_at(agent, health)) * 1000)
    for part, name in ((0.5, "median"), (0.99, "p99")):
        row(f"health seen to slice at a watcher, {name} of {CHANGES}", percentile(delays, part), "ms",
            100 if part > 0.5 else None)


def main():
    plane = ControlPlane(new_name("bench"))
    try:
        kubeconfig = plane.status()["kubernetes"]["kubeconfig"]
        api = Api(kubeconfig, "v1")
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as messages:
            agent = Agent(Path(folder), kubeconfig, Messages(Path(messages)))
            agent.add("mock0", "pci0000:10/0000:10:00.0/0000:11:00.0", numa_node=0)
            plane.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": agent.node}})
            agent.rescan = 60  # as it is by default
            agent.start()
            try:
                kubelet = agent.kubelet()
                agent.ready()
                rest(agent)
                claims_and_memory(api, agent, kubelet)
                agent.kill()
                agent.rescan = 1
                agent.start()
                agent.kubelet()
                agent.ready()
                changes(api, agent)
            finally:
                agent.kill()
    finally:
        plane.down()


if __name__ == "__main__":
    main()
