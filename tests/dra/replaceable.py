# SPDX-License-Identifier: Apache-2.0
"""A control plane whose API server is replaced by one that serves other versions, or has other gates."""

import os
import socket
import subprocess
from pathlib import Path

from agent import PATIENCE
from cluster import ControlPlane
from lab import eventually


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
