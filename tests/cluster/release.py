# SPDX-License-Identifier: Apache-2.0
"""The Helm chart in a cluster of the lab's."""

import subprocess
import sys

from lab import ROOT

sys.path.append(str(ROOT / "scripts"))

import chart  # noqa: E402

NAMESPACE = "mock-device"


class Release:
    """Helm's release in a cluster, in a namespace of its own."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.kubeconfig = cluster.status()["kubernetes"]["kubeconfig"]
        cluster.kubectl("create", "namespace", NAMESPACE)
        cluster.kubectl("label", "namespace", NAMESPACE,
                        "pod-security.kubernetes.io/enforce=privileged")

    def helm(self, verb, *arguments):
        done = subprocess.run(
            [chart.helm_program(), verb, "mock-device", *map(str, arguments), "--namespace", NAMESPACE,
             "--kubeconfig", self.kubeconfig, "--timeout", "10m"], text=True, capture_output=True,
            check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def upgrade(self, *options):
        self.helm("upgrade", chart.CHART, "--install", "--wait", *options)

    def uninstall(self):
        self.helm("uninstall", "--wait")
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=600s")

    def owners(self):
        """Claims that hold devices, as the device server says."""
        return {device["owner"] for device in self.cluster.json("devices")["devices"]} - {None}
