# SPDX-License-Identifier: Apache-2.0
"""The API server is replaced: by one without a feature gate, and, under a running agent, by one that serves
other versions."""

import os
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

from agent import uid
from cluster import ControlPlane, new_name
from conftest import PATIENCE
from lab import eventually
from resource_api import MINOR


class ReplaceablePlane(ControlPlane):
    """Its API server may be started again, with other versions of resource.k8s.io and other gates."""

    def __init__(self, name, log):
        super().__init__(name)
        self.server = None
        self.log = log
        self.status_at_start = self.status()["kubernetes"]
        pid = self.pids()["apiserver"]
        self.command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
        self.folder = os.readlink(f"/proc/{pid}/cwd")

    def kubectl_command(self):
        # mock-device does not ask a lab of which a part has died.
        return [f"{self.status_at_start['programs']}/kubectl", "--kubeconfig",
                self.status_at_start["kubeconfig"]]

    def replace(self, without=(), gates_off=()):
        """A server that does not serve these versions any more, and has these feature gates off."""
        if self.server:
            self.end_server()
        else:
            self.end_first_server()
        command = list(self.command)
        for version in without:
            command = [word.replace(f"/{version}=true", f"/{version}=false") for word in command]
        command += [f"--feature-gates={gate}=false" for gate in gates_off]
        with open(self.log, "wb") as log:
            self.server = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log)
        eventually(self.answers, "an API server", PATIENCE)

    def answers(self):
        assert self.server.poll() is None, self.log.read_text(errors="replace")[-2000:]
        # Its own informers ask for v1: such a server never says that it is ready.
        return self.kubectl("get", "--raw", "/version", check=False).returncode == 0

    def end_first_server(self):
        os.kill(self.pids()["apiserver"], 9)
        eventually(self.port_is_free, "the port of the lab's own API server", PATIENCE)

    def port_is_free(self):
        # A process looks dead when its first thread is; others may hold the port for a while yet.
        port = next(word for word in self.command if word.startswith("--secure-port="))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port.partition("=")[2])))
            except OSError:
                return False
            return True

    def end_server(self):
        if self.server:
            self.server.kill()
            self.server.wait(PATIENCE)


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
