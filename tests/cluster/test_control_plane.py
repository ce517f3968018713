# SPDX-License-Identifier: Apache-2.0
"""A control plane without nodes: that it comes up, serves what drivers and schedulers need, and goes
away again."""

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from cluster import KUBERNETES, ControlPlane, new_name
from lab import PROGRAMS, alive, eventually, mock_device

COMPONENTS = ["etcd", "apiserver", "controller-manager", "scheduler"]
GROUP = "resource.k8s.io"
DRIVER = "mock-accel.example.com"


def pod(name, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "one", "image": "none"}], **spec}}


def device_class(name, version="v1"):
    return {"apiVersion": f"{GROUP}/{version}", "kind": "DeviceClass", "metadata": {"name": name},
            "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}]}}


def resource_slice(name, version="v1"):
    attributes = {"attributes": {"numa": {"int": 1}}}
    device = {"name": "mock0", **(attributes if version != "v1beta1" else {"basic": attributes})}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "ResourceSlice", "metadata": {"name": name},
            "spec": {"driver": DRIVER, "nodeName": "nowhere", "devices": [device],
                     "pool": {"name": name, "generation": 1, "resourceSliceCount": 1}}}


def condition(plane, name, kind):
    conditions = plane.get("pod", name)["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), None)


def refused(*options):
    """What a line says that `up` refuses as the user's mistake."""
    name = new_name("refused")
    done = mock_device("up", "--lab", name, *options, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("mock-device: ") and done.stderr.count("\n") == 1
    assert mock_device("status", "--lab", name, check=False).returncode != 0
    return done.stderr


def test_status_shows_all_of_it(plane):
    status = plane.status()
    assert status["state"] == "running" and status["nodes"] == []
    kubernetes = status["kubernetes"]
    assert [one["name"] for one in kubernetes["components"]] == COMPONENTS
    assert all(one["running"] and alive(one["pid"]) for one in kubernetes["components"])
    assert kubernetes["server"].startswith("https://127.0.0.1:")
    assert kubernetes["version"] in plane.kubectl("version")
    assert kubernetes["version"] in plane.run("status").stdout


def test_kubectl_passes_input_output_and_exit_status(plane):
    assert "kube-system" in plane.kubectl("get", "ns")
    done = plane.kubectl("get", "configmap", "none", check=False)
    assert done.returncode == 1 and "NotFound" in done.stderr
    plane.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}})
    assert plane.get("ns", "mine")["status"]["phase"] == "Active"
    plane.kubectl("delete", "ns", "mine")


def test_other_tools_take_the_kubeconfig(plane):
    kubernetes = plane.status()["kubernetes"]
    config = Path(kubernetes["kubeconfig"])
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    done = subprocess.run([Path(kubernetes["programs"]) / "kubectl", "auth", "whoami"], check=True,
                          env=os.environ | {"KUBECONFIG": str(config)}, capture_output=True)
    assert b"system:masters" in done.stdout


def test_every_component_has_a_log(plane):
    for component in COMPONENTS:
        assert plane.run("logs", "--source", component, "--tail", 1).stdout.count("\n") == 1


def test_machines_are_said_to_be_none(plane):
    for verb in (("exec", "true"), ("logs",), ("devices",), ("fault", "mock0", "degraded")):
        done = plane.run(*verb, check=False)
        assert done.returncode == 1 and "has no machines" in done.stderr


def test_a_pod_is_pending_for_want_of_nodes(plane):
    plane.create(pod("waiting"))
    said = eventually(lambda: condition(plane, "waiting", "PodScheduled"), "scheduler's verdict")
    assert said["status"] == "False" and said["reason"] == "Unschedulable"
    assert "no nodes available" in said["message"]
    assert plane.get("pod", "waiting")["status"]["phase"] == "Pending"
    plane.kubectl("delete", "pod", "waiting", "--now")


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_resources_are_served_in_every_version(plane, version):
    name = f"in-{version}"
    plane.create(device_class(name, version), resource_slice(name, version))
    for other in ("v1", "v1beta2", "v1beta1"):
        raw = f"/apis/{GROUP}/{other}"
        assert plane.kubectl("get", "--raw", f"{raw}/deviceclasses/{name}")
        seen = json.loads(plane.kubectl("get", "--raw", f"{raw}/resourceslices/{name}"))
        device = seen["spec"]["devices"][0]
        assert device.get("basic", device)["attributes"]["numa"] == {"int": 1}
    plane.kubectl("delete", f"deviceclasses/{name}", f"resourceslices/{name}")


def test_scheduler_allocates_a_device_on_a_node_that_is_made_by_hand(plane):
    plane.create(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "nowhere"},
         "status": {"allocatable": {"pods": "10"}, "capacity": {"pods": "10"}}},
        device_class("mock"), resource_slice("nowhere"),
        {"apiVersion": f"{GROUP}/v1", "kind": "ResourceClaim", "metadata": {"name": "one"},
         "spec": {"devices": {"requests": [
             {"name": "accel", "exactly": {"deviceClassName": "mock"}}]}}},
        pod("holder", tolerations=[{"operator": "Exists"}],
            resourceClaims=[{"name": "accel", "resourceClaimName": "one"}]))
    allocation = eventually(
        lambda: plane.get("resourceclaim", "one").get("status", {}).get("allocation"), "allocation")
    assert allocation["devices"]["results"][0]["device"] == "mock0"
    assert plane.get("pod", "holder")["spec"]["nodeName"] == "nowhere"
    plane.kubectl("delete", "pod/holder", "--force")
    plane.kubectl("delete", "resourceclaim/one", "deviceclass/mock", "resourceslice/nowhere",
                  "node/nowhere")


def test_tokens_of_service_accounts_are_good(plane):
    token = plane.kubectl("create", "token", "default").strip()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
              "spec": {"token": token}}
    said = json.loads(plane.kubectl("create", "-f", "-", "-o", "json", manifest=[review]))
    assert said["status"]["user"]["username"] == "system:serviceaccount:default:default"


def test_two_control_planes_live_beside_each_other(plane):
    other = ControlPlane(new_name("other"))
    try:
        other.create(device_class("only-there"))
        assert plane.kubectl("get", "deviceclass", "only-there", check=False).returncode != 0
        assert other.status()["kubernetes"]["server"] != plane.status()["kubernetes"]["server"]
    finally:
        other.down()
    assert plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_name_that_runs_is_refused(plane):
    done = mock_device("up", "--lab", plane.name, "--nodes", 0, *KUBERNETES, check=False)
    assert done.returncode == 1 and "runs already" in done.stderr
    assert plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_down_leaves_nothing(own_plane):
    folder, pids = own_plane.status()["folder"], own_plane.pids()
    mock_device("down", "--lab", own_plane.name)
    assert not any(alive(pid) for pid in pids.values())
    assert not Path(folder).exists()
    assert own_plane.status() is None


@pytest.mark.parametrize("killed", [["apiserver"], ["etcd"], COMPONENTS])
def test_a_crash_is_seen_and_cleaned_up(own_plane, killed):
    folder, pids = own_plane.status()["folder"], own_plane.pids()
    for name in killed:
        os.kill(pids[name], signal.SIGKILL)

    def gone():
        components = own_plane.status()["kubernetes"]["components"]
        return [one["name"] for one in components if not one["running"]]
    # A process of some size takes a moment to die.
    eventually(lambda: set(killed) <= set(gone()), "what was killed is seen to be gone")
    assert own_plane.status()["state"] == "broken"
    assert f"without {gone()[0]}" in own_plane.run("status").stdout
    mock_device("down", "--lab", own_plane.name)
    assert not any(alive(pid) for pid in pids.values())
    assert not Path(folder).exists()


@pytest.mark.parametrize("seconds", [0.1, 0.6, 2, 5])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_up_that_is_ended_leaves_nothing_after_down(plane, seconds, how):
    name = new_name("ended")
    process = subprocess.Popen([PROGRAMS / "mock-device", "up", "--lab", name, "--nodes", "0",
                                *KUBERNETES], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(seconds)  # not a bound: wherever this catches it must do
    process.send_signal(how)
    process.wait(timeout=120)
    if how == signal.SIGINT:
        assert process.returncode != 0
        assert mock_device("status", "--lab", name, check=False).returncode != 0
    mock_device("down", "--lab", name, check=False)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert name not in listed.stdout


def test_dry_run_prints_commands_and_starts_nothing():
    name = new_name("dry")
    said = mock_device("up", "--lab", name, "--nodes", 0, *KUBERNETES, "--dry-run").stdout
    for word in ("make-certificates", "kube-apiserver", "--listen-client-urls=unix:"):
        assert word in said
    assert "qemu" not in said
    assert mock_device("status", "--lab", name, check=False).returncode != 0


@pytest.mark.parametrize("version", ["1.30", "2.0", "latest", "1.36.x", ""])
def test_bad_versions_are_refused(version):
    assert "--kubernetes" in refused("--nodes", 0, f"--kubernetes={version}")


def test_no_machines_and_no_kubernetes_is_refused():
    assert "nodes: 0" in refused("--nodes", 0)


def test_folders_without_the_programs_are_refused(tmp_path):
    assert "has no kube-apiserver" in refused("--nodes", 0, "--kubernetes-bin", tmp_path)
    assert str(tmp_path / "none") in refused("--nodes", 0, "--kubernetes-bin", tmp_path / "none")


def test_ready_made_programs_of_another_version_are_refused(plane):
    programs = plane.status()["kubernetes"]["programs"]
    said = refused("--nodes", 0, "--kubernetes-bin", programs, "--kubernetes", "1.31")
    assert "1.31" in said and programs in said
