# SPDX-License-Identifier: Apache-2.0
"""What the doctor says of a healthy cluster and of broken ones."""

import base64
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import NAMESPACE
from lab import PATIENCE, PROGRAMS, ROOT, alive, eventually, mock_device
from resource_api import MINOR

KMM = ROOT / "tests" / "data" / "kmm"

pytestmark = pytest.mark.skipif(MINOR < 34, reason="deploy/ is for clusters from 1.34 on")


def test_a_healthy_cluster(node, doctor):
    found = doctor()
    assert (found.status, found.stderr) == (0, "")
    # Its DaemonSet is not there: nobody would run its pods.
    assert {one["id"] for one in found.all if one["severity"] != "ok"} <= {
        "cluster.installations", "cluster.gates"}
    assert not [one for one in found.all if one["severity"] in ("warning", "error")]
    slices, = found.of("cluster.slices")
    assert slices["found"] == "2 slices offer 2 devices"
    documented = set(re.findall(r"`(cluster\.[a-z-]+)`", (ROOT / "docs" / "doctor.md").read_text()))
    assert {one["id"] for one in found.all} == documented


def test_people_get_a_table(node, doctor, kubeconfig, plane):
    plane.kubectl("delete", "deviceclasses", "--all")
    try:
        done = mock_device("doctor", "--cluster", "--kubeconfig", kubeconfig, check=False)
    finally:
        plane.kubectl("apply", "-f", ROOT / "deploy" / "device-classes.yaml")
    assert done.returncode == 1
    assert re.search(r"^error +cluster.device-classes +DeviceClasses +none selects", done.stdout, re.M)
    assert "do      kubectl apply -f deploy/device-classes.yaml" in done.stdout
    assert re.fullmatch(r"mock-device: \d+ of \d+ findings are errors\n", done.stderr)


def test_no_device_class(node, doctor, plane):
    plane.kubectl("delete", "deviceclasses", "--all")
    try:
        found = doctor()
    finally:
        plane.kubectl("apply", "-f", ROOT / "deploy" / "device-classes.yaml")
    assert (found.status, found.errors()) == (1, {"cluster.device-classes"})


def test_a_slice_that_disagrees_with_sysfs(node, doctor):
    other = "323e4567-e89b-12d3-a456-426614174000"
    node.sysfs.set("mock1", "uuid", other)
    found = doctor()
    assert (found.status, found.errors()) == (1, {"cluster.slices"})
    said = [text for _, text in found.worse_than_ok("cluster.slices")]
    assert said == [f"in sysfs but in no slice: {node.node}/numa1/mock1 ({other})",
                    f"in a slice but not in sysfs: {node.node}/numa1/mock1 "
                    "(223e4567-e89b-12d3-a456-426614174000)"]


@pytest.fixture
def module(plane):
    """KMM's definition of Module, and one without a mapping for the node's kernel."""
    definition = KMM / "kmm.sigs.x-k8s.io_modules.yaml"
    plane.kubectl("apply", "--server-side", "-f", definition)
    mapping = {"regexp": r"^6\.1\..*$", "containerImage": "x/kmod:1"}
    container = {"modprobe": {"moduleName": "mock-accel"}, "kernelMappings": [mapping]}
    eventually(lambda: plane.kubectl("create", "-f", "-", check=False, manifest=[{
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": "mock-accel", "namespace": NAMESPACE},
        "spec": {"selector": {"accelerators": "mock"},
                 "tolerations": [{"operator": "Exists"}],
                 "moduleLoader": {"container": container}}}]).returncode == 0, "the kind Module")
    yield
    plane.kubectl("delete", "-f", definition)


def test_a_module_without_a_mapping_for_the_kernel(node, doctor, module):
    found = doctor()
    assert (found.status, found.errors()) == (1, {"cluster.kmm"})
    (_, said), = found.worse_than_ok("cluster.kmm")
    assert said == "no kernel mapping matches 6.12.117+deb13-amd64"
    assert found.worse_than_ok("cluster.cert-manager")


def test_an_agent_of_another_version(node, doctor, pods, page):
    report = {"version": "9.0.0", "node": node.node, "findings": []}
    pods.add("node-agent", node.node, page(json.dumps(report)))
    found = doctor()
    assert (found.status, found.errors()) == (1, {"cluster.versions"})
    (_, said), = found.worse_than_ok("cluster.versions")
    assert said.startswith("is 9.0.0")
    assert [text for _, text in found.worse_than_ok("cluster.agents")] == ["has 2 node agents"]


def test_somebody_without_rights(node, doctor, somebody):
    found = doctor(config=somebody[0])
    assert found.status == 0
    notes = {one["found"] for one in found.all if one["severity"] == "note"}
    assert {"may not list nodes", "may not list resourceslices", "may not get /metrics"} <= notes
    assert all("deploy/doctor.yaml" in one["remedy"] for one in found.all
               if one["found"].startswith("may not"))


def by_program(kubeconfig, folder, status):
    """A copy of a kubeconfig whose user has a program that prints this status of an ExecCredential."""
    version = "client.authentication.k8s.io/v1"
    program = folder / "login"
    program.write_text("#!/bin/sh\necho asked >>\"$ASKED\"\necho 'log in' >&2\ncat <<'END'\n" + json.dumps(
        {"apiVersion": version, "kind": "ExecCredential", "status": status}) + "\nEND\n")
    program.chmod(0o755)
    config = yaml.safe_load(Path(kubeconfig).read_text())
    config["users"][0]["user"] = {"exec": {
        "apiVersion": version, "command": "./login", "interactiveMode": "IfAvailable",
        "env": [{"name": "ASKED", "value": str(folder / "asked")}]}}
    copy = folder / "by-program"
    copy.write_text(yaml.safe_dump(config))
    return copy


def test_a_user_whose_credentials_a_program_fetches(node, doctor, kubeconfig, somebody, tmp_path):
    user = yaml.safe_load(Path(kubeconfig).read_text())["users"][0]["user"]
    read = {"clientCertificateData": "client-certificate", "clientKeyData": "client-key"}
    status = {name: base64.b64decode(user[f"{key}-data"]).decode() if f"{key}-data" in user
              else Path(user[key]).read_text() for name, key in read.items()}
    found = doctor(config=by_program(kubeconfig, tmp_path, status))
    assert (found.status, found.stderr) == (0, "log in\n")
    assert found.of("cluster.slices")[0]["found"] == "2 slices offer 2 devices"
    assert (tmp_path / "asked").read_text() == "asked\n"

    users = yaml.safe_load(Path(somebody[0]).read_text())["users"]
    (token,) = (one["user"]["token"] for one in users if "token" in one["user"])
    found = doctor(config=by_program(kubeconfig, tmp_path, {"token": token}))
    assert "may not list nodes" in {one["found"] for one in found.all}


@pytest.mark.parametrize("command", [("mock-device", "doctor", "--cluster"),
                                     ("mock-accel-dra-driver", "doctor")])
def test_who_waits_for_such_a_program_can_end_it(kubeconfig, tmp_path, command):
    config = by_program(kubeconfig, tmp_path, {})
    (tmp_path / "login").write_text('#!/bin/sh\necho $$ >"$ASKED"\nexec sleep 600\n')
    asked = tmp_path / "asked"
    waits = subprocess.Popen([PROGRAMS / command[0], *command[1:], "--kubeconfig", config],
                             stdout=subprocess.DEVNULL)
    try:
        program = eventually(lambda: asked.exists() and asked.read_text().strip(), "the program")
        waits.send_signal(signal.SIGINT)
        assert waits.wait(PATIENCE) != 0
        eventually(lambda: not alive(program), "the program has ended")
    finally:
        waits.kill()
        waits.wait()


def test_the_rights_of_a_doctor_are_enough(node, doctor, somebody, plane):
    config, name = somebody
    plane.kubectl("apply", "-f", ROOT / "deploy" / "doctor.yaml")
    account = f"--serviceaccount=default:{name}"
    plane.kubectl("create", "clusterrolebinding", name, "--clusterrole=mock-accel-doctor", account)
    plane.kubectl("-n", NAMESPACE, "create", "rolebinding", name, "--role=mock-accel-doctor", account)
    found = eventually(lambda: (now := doctor(config=config)).of("cluster.slices")
                       and not [one for one in now.all if "may not" in one["found"]] and now,
                       "the rights")
    assert found.of("cluster.slices")[0]["found"] == "2 slices offer 2 devices"
    assert found.of("cluster.reports")[0]["found"] == "1 find nothing wrong"


def test_one_node_from_outside(node, doctor):
    found = doctor("--node", node.node)
    assert {one["subject"] for one in found.all} == {node.node}
    documented = set(re.findall(r"`(node\.[a-z-]+)`", (ROOT / "docs" / "doctor.md").read_text()))
    assert {one["id"] for one in found.all} == documented
    node.sysfs.set("mock0", "abi_version", 9)
    found = doctor("--node", node.node)
    assert (found.status, found.errors()) == (1, {"node.abi"})


def test_a_node_that_is_not_there(node, doctor):
    found = doctor("--node", "nowhere")
    assert found.status == 1
    assert found.all[0]["found"] == "no node agent has a pod on this node"


def test_a_server_that_does_not_answer(node, doctor, kubeconfig, tmp_path):
    config = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    found = doctor(config=path)
    assert (found.status, found.errors()) == (1, {"cluster.server"})
