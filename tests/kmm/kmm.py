# SPDX-License-Identifier: Apache-2.0
"""A cluster with Kernel Module Management, and what there is to see of it."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from cluster import Cluster
from lab import ROOT, eventually, mock_device

NAMESPACE = "mock-device"
NODE = "node0"
DEVICES = 4
KMM = ROOT / "docs" / "examples" / "kmm"
KMM_DRA = ROOT / "docs" / "examples" / "kmm-dra"
VERSION = (ROOT / "VERSION").read_text().strip()
# Guests of an emulator on a machine with other work to do: a worker pod takes minutes then.
PATIENCE = 1200
KUBERNETES = os.environ.get("MOCK_DEVICE_TEST_KUBERNETES", "1.37")


def source():
    """Of Kernel Module Management, which this project has no copy of."""
    named = os.environ.get("KMM_SOURCE")
    usual = ROOT.parent / "shared" / "data" / "kmm" / "source.tar.gz"
    if named:
        return Path(named)
    if usual.exists():
        return usual
    pytest.skip("no source of Kernel Module Management: KMM_SOURCE names a checkout or an archive")


class KmmCluster(Cluster):
    """One node whose modules are loaded by nobody but Kernel Module Management."""

    def __init__(self, name):
        self.options = ("--nodes", 1, "--kubernetes", KUBERNETES, "--kmm", "--kmm-source", source(),
                        "--memory", "3GiB", "--boot-timeout", 3600)
        super().__init__(name, *self.options)

    def guest_folder(self):
        """The modules, and the cached folder of the guests' image."""
        lines = mock_device("up", "--lab", f"{self.name}-dry", "--dry-run", *self.options).stdout
        words = next(shlex.split(line) for line in lines.splitlines() if "kmm/kmod-image" in line)
        return Path(words[1]), Path(words[2])

    def release(self):
        return self.guest("uname -r").strip()

    def loaded(self):
        """Modules of this project that the kernel has."""
        names = self.guest("cut -d' ' -f1 /proc/modules").split()
        return sorted(name for name in names if name.startswith("mock_accel"))

    def module_version(self):
        return self.guest("cat /sys/module/mock_accel/version 2>/dev/null || true").strip()

    def devices(self):
        return self.guest("ls /sys/class/mock-accel 2>/dev/null || true").split()

    def owners(self):
        """Who holds what, as the device server sees it, whatever the node does."""
        return {device["name"]: device["owner"] for device in self.json("devices")["devices"]
                if device["owner"]}

    def labels(self):
        """The node's, of Kernel Module Management."""
        labels = self.get("node", NODE)["metadata"]["labels"]
        return {key: value for key, value in labels.items() if "kmm.node.kubernetes.io" in key}

    def is_ready(self):
        return f"kmm.node.kubernetes.io/{NAMESPACE}.mock-accel.ready" in self.labels()

    def module(self, name="mock-accel"):
        found = self.kubectl("-n", NAMESPACE, "get", "module", name, "-o", "json", check=False)
        return self.get("-n", NAMESPACE, "module", name) if found.returncode == 0 else None

    def pods(self, name):
        """Those of this namespace whose names begin so."""
        return [pod for pod in self.get("-n", NAMESPACE, "pods")["items"]
                if pod["metadata"]["name"].startswith(name)]

    def worker_log(self, module="mock-accel"):
        """What the worker pod said last, of which nothing stays when it succeeds."""
        return self.kubectl("-n", NAMESPACE, "logs", f"kmm-worker-{NODE}-{module}", "--tail=20",
                            check=False).stdout

    def slices(self):
        return self.get("resourceslices")["items"]

    def published(self):
        return sorted(device["name"] for one in self.slices()
                      for device in one["spec"].get("devices", ()))

    def events(self, kind):
        return {event["reason"] for event in self.get("events", "-A")["items"]
                if event["involvedObject"]["kind"] == kind}

    def doctor(self, check):
        """What the doctor finds worse than well in one of its checks."""
        said = json.loads(self.run("doctor", "--cluster", "--output", "json", check=False).stdout)
        return [one["found"] for one in said["findings"]
                if one["id"] == check and one["severity"] in ("warning", "error")]

    def delete_module(self, name="mock-accel"):
        self.kubectl("-n", NAMESPACE, "delete", "module", name, "--ignore-not-found",
                     f"--timeout={PATIENCE}s")

    def soon(self, question, what):
        return eventually(question, what, timeout=PATIENCE)


def module_object(name="mock-accel", image=None, version=None, mapping=None):
    """A Module as that of the example, with what a test wants different."""
    container = {
        "modprobe": {"moduleName": "mock-accel",
                     "modulesLoadingOrder": ["mock-accel", "mock-accel-fabric"]},
        "imagePullPolicy": "IfNotPresent",
        "kernelMappings": [{
            **(mapping or {"regexp": "^.+$"}),
            "containerImage": image or f"localhost/mock-accel-kmod:{VERSION}-${{KERNEL_FULL_VERSION}}",
        }],
    }
    if version:
        container["version"] = version
    return {
        "apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"moduleLoader": {"container": container},
                 "selector": {"kubernetes.io/os": "linux"},
                 "tolerations": [{"key": f"node.kubernetes.io/{key}", "operator": "Exists"}
                                 for key in ("unschedulable", "not-ready", "unreachable")]},
    }


def make_image(file, name, root, *command):
    subprocess.run([ROOT / "lab/images/make", file, name, root, *command], check=True)
