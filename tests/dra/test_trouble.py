# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around an agent: it says what, harms nothing, and goes on when it is over."""

import os
import signal
import subprocess
import threading
import time

import grpc
import pytest
import yaml

from agent import PATIENCE, uid
from kubeconfig import changed, server_of
from lab import eventually
from relay import Relay


def shown_as_unusable(slices, device):
    """Where there are no taints, which is before 1.33, it is not offered."""
    devices = slices.devices()
    return device not in devices or devices[device].get("taints")


def in_own_mounts(command):
    """Runs `command` in a mount namespace, and then becomes the agent."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *rights, "--mount", "sh", "-c", f'{command} && exec "$@"', "sh"]


@pytest.fixture
def relayed(agent, kubeconfig, tmp_path):
    """The agent reaches its API server by a relay."""
    relay = Relay(server_of(kubeconfig))
    agent.kubeconfig = changed(kubeconfig, tmp_path / "kubeconfig",
                               server=f"https://127.0.0.1:{relay.port}")
    yield relay
    relay.cut()


def test_an_api_server_that_is_away(agent, allocated, slices, relayed):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    held, wanted = allocated("mock0"), allocated("mock1")
    assert kubelet.prepare(held)[uid(held)].error == ""
    relayed.cut()
    # What needs no API server goes on: a pod that ends gives its device back.
    assert kubelet.unprepare(held)[uid(held)].error == ""
    assert agent.owner("mock0") == ""
    agent.sysfs.set("mock0", "health", "failed")
    assert agent.page("/healthz")[0] == 200
    time.sleep(2)
    # A pod that starts waits as long as the kubelet does.
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(kubelet.prepare(wanted)))
    waiting.start()
    time.sleep(1)
    relayed.mend()
    waiting.join(PATIENCE)
    assert answers[0][uid(wanted)].error == ""
    eventually(lambda: shown_as_unusable(slices, "mock0"), "news of the device", PATIENCE)
    agent.ready()


def test_an_agent_without_rights_says_which(agent, kubeconfig, plane, tmp_path):
    plane.kubectl("create", "serviceaccount", agent.node)
    token = plane.kubectl("create", "token", agent.node).strip()
    agent.kubeconfig = changed(kubeconfig, tmp_path / "kubeconfig", user={"token": token})
    agent.start()
    eventually(lambda: f'nodes "{agent.node}" is forbidden: User "system:serviceaccount:default:'
                       f'{agent.node}" cannot get resource "nodes"' in agent.log.read_text(),
               "a line that names the verb", PATIENCE)
    assert agent.page("/readyz")[0] == 503
    # The rights may come later.
    plane.kubectl("create", "clusterrolebinding", agent.node, "--clusterrole=cluster-admin",
                  f"--serviceaccount=default:{agent.node}")
    agent.kubelet()
    agent.ready()
    plane.kubectl("delete", "clusterrolebinding", agent.node)
    plane.kubectl("delete", "serviceaccount", agent.node)


def test_an_authority_that_did_not_sign_is_not_trusted(agent, kubeconfig, tmp_path):
    other = tmp_path / "other.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other", "-keyout",
                    tmp_path / "other.key", "-out", other], check=True, capture_output=True)
    config = yaml.safe_load(open(kubeconfig, encoding="utf-8"))
    cluster = config["clusters"][0]["cluster"]
    config["clusters"][0]["cluster"] = {"server": cluster["server"],
                                        "certificate-authority": str(other)}
    agent.kubeconfig = tmp_path / "kubeconfig"
    agent.kubeconfig.write_text(yaml.safe_dump(config))
    agent.start()
    eventually(lambda: "certificate" in agent.log.read_text(), "a line", PATIENCE)
    assert agent.page("/readyz")[0] == 503


def test_all_devices_of_a_dense_node_for_one_claim(agent, allocated):
    for number in range(2, 32):
        numa = number % 2
        root = f"{numa + 1}0"
        agent.add(f"mock{number}", f"pci0000:{root}/0000:{root}:{number:02x}.0/"
                  f"0000:{number + 64:02x}:00.0", numa_node=numa)
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    names = [f"mock{number}" for number in range(32)]
    claim = allocated(*names)
    prepared = kubelet.prepare(claim)[uid(claim)]
    assert prepared.error == ""
    assert [one.device_name for one in prepared.devices] == names
    assert {agent.owner(name) for name in names} == {uid(claim)}
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert {agent.owner(name) for name in names} == {""}


def test_a_full_disk(agent, allocated):
    """The CDI folder is a file system of its own, without space."""
    agent.cdi.mkdir()
    agent.start(wrapped=in_own_mounts(f"mount -t tmpfs -o size=4k none {agent.cdi} && "
                                      f"head -c 4096 /dev/zero >{agent.cdi}/ballast"))
    kubelet = agent.kubelet()
    claim = allocated("mock0")
    assert "No space left on device" in kubelet.prepare(claim)[uid(claim)].error
    assert agent.owner("mock0") == ""
    inside = f"/proc/{agent.process.pid}/root{agent.cdi}"
    assert os.listdir(inside) == ["ballast"]
    os.unlink(f"{inside}/ballast")
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock0") == uid(claim)
    assert kubelet.unprepare(claim)[uid(claim)].error == ""


def test_a_cdi_folder_that_can_not_be_written(agent, allocated):
    agent.cdi.mkdir()
    agent.start(wrapped=in_own_mounts(f"mount -t tmpfs -o ro none {agent.cdi}"))
    kubelet = agent.kubelet()
    claim = allocated("mock0")
    assert "Read-only file system" in kubelet.prepare(claim)[uid(claim)].error
    assert agent.owner("mock0") == ""


def test_a_kubelet_that_has_given_up_gets_nothing_prepared(agent, allocated, relayed):
    """It may have asked to unprepare meanwhile, and not ask for it again."""
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    claim = allocated("mock0")
    kubelet.prepare()
    relayed.cut()
    kubelet.patience = 1
    with pytest.raises(grpc.RpcError):
        kubelet.prepare(claim)
    relayed.mend()
    eventually(lambda: "the kubelet has given up" in agent.log.read_text(), "the log says so", PATIENCE)
    assert agent.owner("mock0") == ""
    assert agent.described() == []
    kubelet.patience = PATIENCE
    assert kubelet.prepare(claim)[uid(claim)].error == ""


def test_an_agent_that_ends_waits_for_no_server(agent, allocated, relayed):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    claim = allocated("mock0")
    kubelet.prepare()
    relayed.silent = True
    answers = []
    call = threading.Thread(target=lambda: answers.append(kubelet.prepare(claim)[uid(claim)].error))
    call.start()
    time.sleep(1)
    assert agent.stop() == 0
    call.join(PATIENCE)
    assert "ended because this program stops" in answers[0]


def test_a_device_that_goes_while_it_is_held(agent, allocated, slices):
    agent.start()
    kubelet = agent.kubelet()
    agent.ready()
    claim = allocated("mock0", "mock1")
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    agent.sysfs.remove("mock0")
    eventually(lambda: shown_as_unusable(slices, "mock0"), "a taint", PATIENCE)
    assert "this node has no such device" in kubelet.prepare(claim)[uid(claim)].error
    assert agent.owner("mock1") == uid(claim)
    assert kubelet.unprepare(claim)[uid(claim)].error == ""
    assert agent.owner("mock1") == ""
    eventually(lambda: list(slices.devices()) == ["mock1"], "one device", PATIENCE)


def test_a_kubelet_that_starts_anew_finds_the_agent(agent, allocated, slices, plane):
    """As a kubelet does at its start: it removes its node's slices and asks who is there."""
    agent.start()
    agent.kubelet()
    agent.ready()
    claim = allocated("mock0")
    plane.kubectl("delete", "resourceslices", "--field-selector", f"spec.nodeName={agent.node}")
    kubelet = agent.kubelet()
    assert kubelet.prepare(claim)[uid(claim)].error == ""
    eventually(lambda: len(slices.get()) == 2, "the slices again", PATIENCE)


def test_an_agent_that_was_stopped_for_a_while(agent, slices):
    """To the agent it is as if the clock had jumped."""
    agent.start()
    agent.kubelet()
    agent.ready()
    agent.process.send_signal(signal.SIGSTOP)
    agent.sysfs.set("mock1", "health", "failed")
    time.sleep(3)
    agent.process.send_signal(signal.SIGCONT)
    eventually(lambda: shown_as_unusable(slices, "mock1"), "news of the device", PATIENCE)
    agent.ready()
