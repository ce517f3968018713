# SPDX-License-Identifier: Apache-2.0
"""The agent and its kubelet: registering, preparing, dying, coming back."""

import json
import signal
import time
import uuid
from pathlib import Path

import pytest

from agent import DRIVER, FAULT_POINTS, FAULTY_AGENT, PATIENCE, cdi_file, uid
from kubelet import Kubelet
from lab import eventually
from resource_api import MINOR


def test_registers_with_a_new_kubelet(agent):
    agent.start()
    found = eventually(lambda: list(agent.registry.glob("*")), "a socket", PATIENCE)
    assert [path.name for path in found] == [f"{DRIVER}-reg.sock"]
    kubelet = Kubelet(agent.messages, found[0])
    assert agent.page("/readyz")[0] == 503
    info = kubelet.register()
    assert (info.type, info.name) == ("DRAPlugin", DRIVER)
    assert info.endpoint == str(agent.folder / "plugins" / DRIVER / "dra.sock")
    first = {31: "1.0.0", 32: "v1beta1.DRAPlugin", 33: "v1beta1.DRAPlugin"}
    assert info.supported_versions[0] == first.get(MINOR, "v1.DRAPlugin")
    agent.ready()


@pytest.mark.parametrize("service", ["v1.DRAPlugin", "v1beta1.DRAPlugin", "1.0.0"])
def test_prepares_and_unprepares(agent, allocated, service):
    agent.start()
    kubelet = agent.kubelet(service)
    claim = allocated("mock0", "mock1")
    prepared = kubelet.prepare(claim)[uid(claim)]
    assert prepared.error == ""
    assert [(list(one.request_names), one.pool_name, one.device_name, list(one.cdi_device_ids))
            for one in prepared.devices] == [
        ([f"r{number}"], f"{agent.node}/numa{number}", f"mock{number}",
         [f"k8s.{DRIVER}/claim={uid(claim)}-mock{number}",
          f"k8s.{DRIVER}/claim={uid(claim)}-metadata.r{number}"]) for number in (0, 1)]
    assert agent.owner("mock0") == agent.owner("mock1") == uid(claim)
    spec = json.loads((agent.cdi / cdi_file(claim)).read_text())
    assert spec["containerEdits"]["env"] == ["MOCK_ACCEL_DEVICES=mock0,mock1"]
    assert spec["devices"][0]["containerEdits"]["deviceNodes"][0]["hostPath"] == str(
        agent.dev / "mock0")

    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == agent.owner("mock1") == ""
    assert not agent.described()
    assert kubelet.unprepare(claim)[uid(claim)].error == ""


def test_the_settings_of_a_claim_reach_its_containers(agent, allocated):
    agent.start()
    kubelet = agent.kubelet()
    config = {"apiVersion": f"config.{DRIVER}/v1", "kind": "MockAccelConfig"}
    claim = allocated("mock0", config=config | {"env": {"MODE": "fast"}})
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    spec = json.loads((agent.cdi / cdi_file(claim)).read_text())
    assert "MODE=fast" in spec["devices"][0]["containerEdits"]["env"]
    wrong = allocated("mock1", config=config | {"colour": "red"})
    assert "parameters: colour: there is no such field" in kubelet.prepare(wrong)[uid(wrong)].error
    assert agent.owner("mock1") == ""


def test_containers_can_read_what_their_devices_are(agent, allocated, slices):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    claim = allocated("mock1")
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    spec = json.loads((agent.cdi / cdi_file(claim)).read_text())
    mount = spec["devices"][1]["containerEdits"]["mounts"][0]
    assert mount["containerPath"] == (
        "/var/run/kubernetes.io/dra-device-attributes/resourceclaims/"
        f"{claim['metadata']['name']}/r0/{DRIVER}-metadata.json")
    text = Path(mount["hostPath"]).read_text()
    newest, end = json.JSONDecoder().raw_decode(text)
    oldest = json.loads(text[end:])
    assert newest["apiVersion"] == "metadata.resource.k8s.io/v1beta1"
    assert newest | {"apiVersion": "metadata.resource.k8s.io/v1alpha1"} == oldest
    assert newest["requests"] == [
        {"name": "r0", "devices": [{"driver": DRIVER, "pool": f"{agent.node}/numa1",
                                    "name": "mock1",
                                    "attributes": slices.devices()["mock1"]["attributes"]}]}]
    assert agent.documented() == [uid(claim)]
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert not agent.documented()


def test_without_metadata_there_is_none(agent, allocated):
    agent.start("--no-device-metadata")
    kubelet = agent.kubelet()
    claim = allocated("mock0")
    [device] = kubelet.prepare(claim)[uid(claim)].devices
    assert list(device.cdi_device_ids) == [f"k8s.{DRIVER}/claim={uid(claim)}-mock0"]
    assert not agent.documented()


def test_every_claim_has_an_answer(agent, allocated):
    agent.start()
    kubelet = agent.kubelet()
    good = allocated("mock0")
    unknown = {"metadata": {"namespace": "default", "name": "none", "uid": str(uuid.uuid4())}}
    replaced = {"metadata": good["metadata"] | {"uid": str(uuid.uuid4())}}
    answers = kubelet.prepare(good, unknown, replaced)
    assert answers[uid(good)].error == ""
    assert "not found" in answers[uid(unknown)].error
    assert "it was replaced" in answers[uid(replaced)].error


@pytest.mark.skipif(MINOR < 32, reason="1.31 does not say so in the claim's results")
def test_admin_access_takes_nothing(agent, allocated, plane):
    agent.start()
    kubelet = agent.kubelet()
    holder = allocated("mock0")
    assert kubelet.prepare(holder)[uid(holder)].error == ""
    admin = allocated("mock0", adminAccess=True)
    assert kubelet.prepare(admin)[uid(admin)].error == ""
    assert agent.owner("mock0") == uid(holder)
    assert kubelet.unprepare(admin)[uid(admin)].error == ""
    assert agent.owner("mock0") == uid(holder)
    assert agent.described() == [cdi_file(holder)]


def test_a_killed_agent_comes_back_to_what_it_was(agent, allocated, slices):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    claim = allocated("mock0")
    first = kubelet.prepare(claim)[uid(claim)]
    before = slices.versions()
    agent.kill()
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    assert kubelet.prepare(claim)[uid(claim)] == first
    assert agent.owner("mock0") == uid(claim)
    assert slices.versions() == before
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == ""


@pytest.mark.skipif(not FAULTY_AGENT.exists(), reason="needs the build of the preset faults")
@pytest.mark.parametrize("point", FAULT_POINTS)
def test_death_at_any_point_loses_nothing(agent, allocated, point):
    claim = allocated("mock0", "mock1")
    agent.start(program=FAULTY_AGENT,
                environment={"MOCK_ACCEL_CRASH_AT": point})
    kubelet = agent.kubelet()
    with pytest.raises(Exception, match="UNAVAILABLE"):
        kubelet.prepare(claim)
        kubelet.unprepare(claim)
    assert agent.process.wait(PATIENCE) == 137
    agent.start()
    kubelet = agent.kubelet()
    if point in FAULT_POINTS[:4]:
        assert kubelet.prepare(claim)[uid(claim)].error == ""
        assert agent.owner("mock0") == agent.owner("mock1") == uid(claim)
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == agent.owner("mock1") == ""
    assert not agent.described() and not agent.documented()


def test_what_claims_left_that_are_gone_is_freed(agent, allocated, plane):
    agent.start()
    kubelet = agent.kubelet()
    living, gone = allocated("mock0"), allocated("mock1")
    for claim in (living, gone):
        assert kubelet.prepare(claim)[uid(claim)].error == ""
    agent.kill()
    plane.kubectl("delete", "resourceclaim", gone["metadata"]["name"])
    agent.start()
    eventually(lambda: agent.owner("mock1") == "", "a free device", PATIENCE)
    assert agent.owner("mock0") == uid(living)
    eventually(lambda: agent.described() == [cdi_file(living)], "one CDI file", PATIENCE)


def test_a_device_that_its_claim_was_not_given_is_freed(agent, allocated, plane):
    """It was away when the claim was unprepared, and came back with its owner."""
    agent.start("--orphan-check-seconds", "1")
    claim = allocated("mock0")
    assert agent.kubelet().prepare(claim)[uid(claim)].error == ""
    agent.sysfs.set("mock1", "owner", uid(claim))
    agent.sysfs.set("mock1", "status", "1")
    eventually(lambda: agent.owner("mock1") == "", "a free device", PATIENCE)
    assert agent.owner("mock0") == uid(claim)
    plane.kubectl("patch", "resourceclaim", claim["metadata"]["name"], "--subresource=status",
                  "--type=merge", "-p", '{"status": null}')
    eventually(lambda: agent.owner("mock0") == "", "a free device", PATIENCE)
    time.sleep(2)  # in which the agent looks at its devices, and does not take it again
    assert agent.owner("mock0") == ""


def test_health_is_streamed_as_it_changes(agent):
    agent.start()
    stream = agent.kubelet().health()
    assert next(stream) == {"mock0": ("HEALTHY", ""), "mock1": ("HEALTHY", "")}
    agent.sysfs.set("mock0", "health", "failed")
    assert next(stream)["mock0"] == ("UNHEALTHY", "the device is failed")


def test_probes_and_metrics(agent, allocated):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    assert kubelet.liveness(agent.health_port) == "SERVING"
    assert agent.page("/healthz") == (200, "ok\n")
    claim = allocated("mock0")
    kubelet.prepare(claim)
    metrics = agent.page("/metrics")[1]
    assert 'mock_accel_claim_seconds_count{operation="prepare",outcome="ok"} 1' in metrics
    assert 'mock_accel_devices{health="healthy"} 2' in metrics
    # A socket that somebody removed means a kubelet that can't reach the driver.
    (agent.folder / "plugins" / DRIVER / "dra.sock").unlink()
    assert kubelet.liveness(agent.health_port) == "NOT_SERVING"


def test_ends_in_good_order(agent, slices):
    agent.start()
    agent.kubelet()
    agent.ready()
    assert agent.stop() == 0
    assert not list(agent.registry.glob("*"))
    assert not (agent.folder / "plugins" / DRIVER / "dra.sock").exists()
    assert len(slices.get()) == 2  # the kubelet removes them if no agent comes back


def test_two_agents_overlap_in_a_rolling_update(agent, allocated):
    agent.start("--rolling-update", "--pod-uid", "one")
    first = agent.kubelet()
    old = agent.process
    agent.start("--rolling-update", "--pod-uid", "two", probes=False)
    socket = agent.registry / f"{DRIVER}-two-reg.sock"
    eventually(socket.exists, "the second socket", PATIENCE)
    second = Kubelet(agent.messages, socket)
    second.register()
    claim = allocated("mock0")
    assert first.prepare(claim)[uid(claim)].error == ""
    old.send_signal(signal.SIGTERM)
    assert old.wait(PATIENCE) == 0
    assert second.prepare(claim)[uid(claim)].error == ""
    assert second.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == ""


def test_waits_for_the_api_server_and_lives(agent, tmp_path):
    agent.kubeconfig = tmp_path / "kubeconfig"
    agent.kubeconfig.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}]}))
    agent.start()
    eventually(lambda: agent.log.exists() and "127.0.0.1:1" in agent.log.read_text(), "a line",
               PATIENCE)
    assert agent.page("/healthz")[0] == 200
    assert agent.page("/readyz")[0] == 503
    assert agent.stop() == 0


def test_a_label_of_the_node_says_how_pfs_are_divided(agent, plane):
    """It goes before the flag, which is the same on all nodes."""
    agent.sysfs.set("mock0", "sriov_totalvfs", 8)
    agent.sysfs.set("mock0", "sriov_numvfs", 0)
    plane.kubectl("label", "node", agent.node, f"{DRIVER}/vfs=4")
    agent.start("--vfs", "2")
    agent.kubelet()
    agent.ready()
    numvfs = agent.sysfs.class_folder / "mock0" / "sriov_numvfs"
    eventually(lambda: numvfs.read_text() == "4\n", "four VFs", PATIENCE)
