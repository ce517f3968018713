# SPDX-License-Identifier: Apache-2.0
"""What the agent publishes, as a real API server accepts and keeps it."""

import json
import time

import pytest

from conftest import DRIVER, PATIENCE
from lab import eventually
from resource_api import MINOR, NEWEST, SERVED, capacity


@pytest.mark.parametrize("version", SERVED)
def test_every_version_says_the_same(agent, slices, plane, version):
    agent.start("--resource-api-version", version)
    agent.kubelet()
    agent.ready()
    published = slices.get()
    assert [one["spec"]["pool"] for one in published] == [
        {"name": f"{agent.node}/numa{numa}", "generation": 1, "resourceSliceCount": 1}
        for numa in (0, 1)]
    owner = published[0]["metadata"]["ownerReferences"][0]
    assert owner["kind"] == "Node" and owner["controller"]
    assert owner["uid"] == plane.get("node", agent.node)["metadata"]["uid"]
    start = f"00000-{DRIVER}" if MINOR >= 36 else f"{agent.node}-{DRIVER}"
    assert published[0]["metadata"]["name"].startswith(start)
    device = slices.devices()["mock1"]
    assert device["attributes"] == {
        "resource.kubernetes.io/pciBusID": {"string": "0000:21:00.0"},
        "resource.kubernetes.io/pcieRoot": {"string": "pci0000:20"},
        "resource.kubernetes.io/numaNode": {"int": 1},
        f"{DRIVER}/uuid": {"string": "223e4567-e89b-12d3-a456-426614174000"},
        f"{DRIVER}/memory": {"int": 16 << 30},
        f"{DRIVER}/deviceType": {"string": "pf"},
        f"{DRIVER}/pciAddress": {"string": "0000:21:00.0"},
        f"{DRIVER}/numa_node": {"int": 1},
        f"{DRIVER}/numaNode": {"int": 1},
        f"{DRIVER}/capabilities": {"string": "compute,encryption"},
        "nodepartition.dra.k8s.io/numaNode": {"int": 1}}
    assert device["capacity"] == {"memory": capacity(NEWEST, "16Gi")}


@pytest.mark.parametrize("version", SERVED)
def test_a_node_at_rest_writes_nothing(agent, slices, version):
    # With all that a slice can hold: what a server adds must not look like a change.
    agent.add("mock2", "pci0000:10/0000:10:01.0/0000:12:00.0", sriov_numvfs=1, sriov_totalvfs=4,
              health="degraded")
    agent.add("mock2_vf0", "pci0000:10/0000:10:01.0/0000:12:00.1", physfn="mock2")
    agent.start("--resource-api-version", version)
    agent.kubelet()
    agent.ready()
    before = slices.versions()
    # Counters have a slice of their own from 1.35 on.
    assert len(before) == (3 if MINOR >= 35 and version != "v1alpha3" else 2)
    requests = writes(agent)
    time.sleep(5)  # five rescans, and longer than any repair takes
    assert slices.versions() == before
    assert writes(agent) == requests


def writes(agent):
    """The lines of the metrics that count requests for slices, other than watches."""
    return [line for line in agent.page("/metrics")[1].splitlines()
            if "api_requests_total" in line and "resourceslices" in line and "watch" not in line]


@pytest.mark.skipif(MINOR < 33, reason="there are counters from 1.33 on")
def test_a_pf_shares_counters_with_its_vfs(agent, slices):
    agent.sysfs.set("mock0", "sriov_numvfs", 2)
    for vf in range(2):
        agent.add(f"mock0_vf{vf}", f"pci0000:10/0000:10:00.0/0000:11:00.{vf + 1}", physfn="mock0",
                  memory_size=1 << 30)
    agent.start()
    agent.kubelet()
    agent.ready()
    counters = [one["spec"]["sharedCounters"] for one in slices.get()
                if "sharedCounters" in one["spec"]]
    assert counters == [[{"name": "mock0-vfs", "counters": {"vfs": {"value": "2"}}}]]
    used = {name: device["consumesCounters"][0]["counters"]["vfs"]["value"]
            for name, device in slices.devices().items() if "consumesCounters" in device}
    assert used == {"mock0": "2", "mock0-vf0": "1", "mock0-vf1": "1"}
    assert slices.devices()["mock0-vf1"]["attributes"][f"{DRIVER}/physfn"] == {"string": "mock0"}
    # What ails one VF is said of that one.
    agent.sysfs.set("mock0_vf1", "health", "failed")
    eventually(lambda: [name for name, device in slices.devices().items() if "taints" in device]
               == ["mock0-vf1"], "the taint", PATIENCE)


def test_without_shared_counters_a_pf_with_vfs_leaves_its_slice(agent, slices):
    agent.sysfs.set("mock0", "sriov_numvfs", 1)
    agent.add("mock0_vf0", "pci0000:10/0000:10:00.0/0000:11:00.1", physfn="mock0")
    agent.start("--no-shared-counters")
    agent.kubelet()
    agent.ready()
    assert sorted(slices.devices()) == ["mock0-vf0", "mock1"]
    assert len(slices.get()) == 2


@pytest.mark.skipif(MINOR < 33, reason="there are taints from 1.33 on")
def test_an_unhealthy_device_is_tainted_until_it_is_well(agent, slices):
    agent.start()
    agent.kubelet()
    agent.ready()

    def taints():
        return [(one["key"], one["value"], one["effect"])
                for one in slices.devices()["mock0"].get("taints", [])]

    for health, expected in (
            ("degraded", [(f"{DRIVER}/health", "degraded", "NoSchedule")]),
            ("failed", [(f"{DRIVER}/health", "failed", "NoExecute")]), ("healthy", [])):
        agent.sysfs.set("mock0", "health", health)
        eventually(lambda: taints() == expected, health, PATIENCE)  # pylint: disable=W0640
    assert slices.get()[0]["spec"]["pool"]["generation"] == 1


@pytest.mark.skipif(MINOR < 33, reason="there are taints from 1.33 on")
def test_a_change_is_one_request(agent, slices):
    def requests(verb=""):
        return sum(int(float(line.split()[-1])) for line in agent.page("/metrics")[1].splitlines()
                   if line.startswith("mock_accel_api_requests_total") and verb in line)

    agent.start()
    agent.kubelet()
    agent.ready()
    eventually(lambda: requests('verb="list"') == 2, "the watch to begin", PATIENCE)
    before = requests()
    agent.sysfs.set("mock0", "health", "degraded")
    eventually(lambda: slices.devices()["mock0"].get("taints"), "the taint", PATIENCE)
    assert requests() == before + 1


def test_the_socket_of_a_device_is_a_setting(agent, slices):
    agent.sysfs.add_numa_node(1, cpus="2-3", socket=1)
    agent.start("--socket-alias")
    agent.kubelet()
    agent.ready()
    key = "nodepartition.dra.k8s.io/socket"
    devices = slices.devices()
    assert devices["mock1"]["attributes"][key] == {"int": 1}
    assert key not in devices["mock0"]["attributes"], "nobody knows it"


def test_devices_come_and_go(agent, slices):
    agent.start()
    agent.kubelet()
    agent.ready()
    agent.add("mock7", "pci0000:10/0000:10:01.0/0000:12:00.0", numa_node=0)
    eventually(lambda: "mock7" in slices.devices(), "the new device", PATIENCE)
    for name in ("mock0", "mock7"):
        agent.sysfs.remove(name)
    eventually(lambda: list(slices.devices()) == ["mock1"], "only the last device", PATIENCE)
    assert len(slices.get()) == 1


def test_slices_that_somebody_removes_come_back(agent, slices, plane):
    agent.start()
    agent.kubelet()
    agent.ready()
    # As a kubelet does that starts.
    plane.kubectl("delete", "resourceslices", "--field-selector", f"spec.nodeName={agent.node}")
    eventually(lambda: sorted(slices.devices()) == ["mock0", "mock1"], "the slices", PATIENCE)


def test_slices_that_somebody_edits_are_put_right(agent, slices, plane):
    agent.start()
    agent.kubelet()
    agent.ready()
    name = slices.get()[0]["metadata"]["name"]
    plane.kubectl("patch", "resourceslice", name, "--type=json", "--patch", json.dumps(
        [{"op": "replace", "path": "/spec/devices/0/name", "value": "wrong"}]))
    eventually(lambda: sorted(slices.devices()) == ["mock0", "mock1"], "the right name", PATIENCE)


def test_a_module_that_is_loaded_later_is_found(agent, slices):
    hidden = agent.sysfs.class_folder.rename(agent.folder / "unloaded")
    agent.start()
    agent.kubelet()
    agent.ready()
    assert not slices.get()
    assert "mock-accel is not loaded" in agent.log.read_text()
    hidden.rename(agent.sysfs.class_folder)
    eventually(lambda: len(slices.devices()) == 2, "the devices", PATIENCE)


def test_a_module_of_another_abi_is_refused(agent, slices):
    for device in ("mock0", "mock1"):
        agent.sysfs.set(device, "abi_version", 99)
    agent.start()
    agent.kubelet()
    agent.ready()
    assert not slices.get()
    assert "the kernel module's ABI is 99; this driver" in agent.log.read_text()
