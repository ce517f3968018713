# SPDX-License-Identifier: Apache-2.0
"""The controller as a real program."""

import os
import subprocess
import uuid

from agent import PATIENCE
from lab import PROGRAMS
from resource_api import NEWEST


class Controllers:
    """Replicas for a driver, and in a namespace, that no other test has."""

    def __init__(self, plane, kubeconfig, folder):
        self.plane = plane
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.name = f"c{uuid.uuid4().hex[:6]}"
        self.driver = f"{self.name}.example.com"
        self.processes = {}
        plane.kubectl("create", "namespace", self.name)

    def start(self, replica, *flags):
        with (self.folder / f"{replica}.log").open("wb") as log:
            self.processes[replica] = subprocess.Popen(
                [PROGRAMS / "mock-accel-dra-driver", "controller", "--namespace", self.name,
                 "--pod-name", replica, "--driver-name", self.driver,
                 "--kubeconfig", self.kubeconfig, "--healthcheck-port", "-1", "--http-port", "-1",
                 *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ)

    def end(self, replica, how):
        process = self.processes[replica]
        process.send_signal(how)
        return process.wait(PATIENCE)

    def leader(self):
        done = self.plane.kubectl("-n", self.name, "get", "lease", "mock-accel-controller", "-o",
                                  "jsonpath={.spec.holderIdentity}", check=False)
        return done.stdout.partition("_")[0]

    def node(self, name):
        return f"{self.name}-{name}"

    def add_node(self, name):
        self.plane.create({"apiVersion": "v1", "kind": "Node",
                           "metadata": {"name": self.node(name)}})

    def add_slice(self, name):
        """A slice of the node of that name, which need not be there."""
        self.plane.create({"apiVersion": f"resource.k8s.io/{NEWEST}", "kind": "ResourceSlice",
                           "metadata": {"name": self.node(name)},
                           "spec": {"driver": self.driver, "nodeName": self.node(name),
                                    "pool": {"name": self.node(name), "generation": 1,
                                             "resourceSliceCount": 1}, "devices": []}})

    def slices(self):
        return sorted(one["metadata"]["name"].removeprefix(f"{self.name}-")
                      for one in self.whole_slices())

    def whole_slices(self):
        return self.plane.get("resourceslices", "--field-selector",
                              f"spec.driver={self.driver}")["items"]

    def clean_up(self):
        for process in self.processes.values():
            process.kill()
            process.wait(PATIENCE)
        for log in self.folder.glob("*.log"):
            print(log.read_text())
        self.plane.kubectl("delete", "resourceslices", "--field-selector",
                           f"spec.driver={self.driver}")
        self.plane.kubectl("delete", "namespace", self.name, "--wait=false")
        for node in self.plane.get("nodes")["items"]:
            if node["metadata"]["name"].startswith(self.name):
                self.plane.kubectl("delete", "node", node["metadata"]["name"])
