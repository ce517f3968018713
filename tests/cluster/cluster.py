# SPDX-License-Identifier: Apache-2.0
"""A cluster of the lab's."""

import json
import os
import subprocess
import uuid
from pathlib import Path

import yaml

from lab import PATIENCE, PROGRAMS, ROOT, Lab

# Its programs are built the first time, which takes ten minutes on two cores. The variable names a
# folder of ready-made ones instead.
VERSION = os.environ.get("MOCK_DEVICE_TEST_KUBERNETES", "1.36")
READY_MADE = os.environ.get("MOCK_DEVICE_TEST_KUBERNETES_BIN")
KUBERNETES = ("--kubernetes-bin", READY_MADE) if READY_MADE else ("--kubernetes", VERSION)


def new_name(what):
    """A name that no other lab on this machine has."""
    return f"{what}-{uuid.uuid4().hex[:8]}"


def make_driver_image(file):
    """The image of the DRA driver as it is deployed. Gives the file."""
    subprocess.run([ROOT / "images" / "driver" / "make", PROGRAMS / "mock-accel-dra-driver", file],
                   check=True)
    return file


class Cluster(Lab):
    """A lab that has Kubernetes."""

    def kubectl(self, *arguments, manifest=None, check=True):
        """Runs kubectl, with objects (dictionaries) on its standard input. Gives its output."""
        text = "".join(f"---\n{json.dumps(one)}\n" for one in manifest or ())
        done = subprocess.run([*self.kubectl_command(), *map(str, arguments)], input=text, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {arguments} gave {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout if check else done

    def kubectl_command(self):
        return [PROGRAMS / "mock-device", "kubectl", "--lab", self.name, "--"]

    def kubeconfig_of(self, path, user):
        """Makes a kubeconfig for the same server, of the user that user(administrator) gives. Gives
        the file."""
        config = yaml.safe_load(Path(self.status()["kubernetes"]["kubeconfig"]).read_text())
        config["users"][0]["user"] = user(config["users"][0]["user"])
        path.write_text(json.dumps(config))
        return path

    def kubeconfig_of_agent(self, path, account, node):
        """Of an administrator who acts as a node's agent, whose token names its node. kubectl has a
        flag for that, but not in 1.34 and older."""
        return self.kubeconfig_of(path, lambda administrator: administrator | {
            "as": account, "as-user-extra": {"authentication.kubernetes.io/node-name": [node]}})

    def create(self, *objects):
        self.kubectl("create", "-f", "-", manifest=objects)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def pids(self):
        """Of the control plane's processes, by name."""
        return {one["name"]: one["pid"] for one in self.status()["kubernetes"]["components"]}


class ControlPlane(Cluster):
    """A cluster without nodes."""

    def __init__(self, name):
        super().__init__(name, "--nodes", 0, *KUBERNETES)
