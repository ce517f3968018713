# SPDX-License-Identifier: Apache-2.0
"""Helm as a program."""

import os
import subprocess

import chart
import pytest
import yaml
from lab import PATIENCE

NAMESPACE = "mock-device"

# The oldest that is supported. It takes minutes to build.
OLDEST = pytest.param("3.14", marks=pytest.mark.long)

# For tests that Helm's version may make a difference to.
with_each_helm = pytest.mark.parametrize("helm", [3, OLDEST, 4], indirect=True,
                                         ids=["helm3", "helm3.14", "helm4"], scope="session")


class Helm:
    def __init__(self, version, home):
        self.program = chart.helm_program(version)
        self.version, self.kubeconfig = version, "/dev/null"
        self.home = {f"HELM_{what}_HOME": str(home / what) for what in ("CACHE", "CONFIG", "DATA")}

    def environment(self):
        return os.environ | self.home | {"KUBECONFIG": str(self.kubeconfig)}

    def start(self, *arguments):
        """Runs it in the background."""
        return subprocess.Popen([self.program, *map(str, arguments)], env=self.environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def run(self, *arguments, values=None, check=True):
        """Runs it, with values from a dictionary. Gives the completed process, with text output."""
        given = () if values is None else ("--values", "-")
        done = subprocess.run([self.program, *map(str, arguments), *given],
                              input=yaml.safe_dump(values) if given else "", text=True,
                              env=self.environment(),
                              capture_output=True, timeout=PATIENCE, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"helm {' '.join(map(str, arguments))} gave {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def template(self, *options, namespace=NAMESPACE, version=chart.NEWEST, values=None, check=True):
        """Renders the chart. Gives the completed process."""
        return self.run("template", "mock-device", chart.CHART, "--namespace", namespace,
                        "--kube-version", version, *options, values=values, check=check)

    def objects(self, *options, **named):
        """What the chart gives, by kind and name."""
        said = yaml.safe_load_all(self.template(*options, **named).stdout)
        return {(one["kind"], one["metadata"]["name"]): one for one in said if one}

    def release(self, verb, *options, name="mock-device", namespace=NAMESPACE, source=chart.CHART,
                **named):
        """install or upgrade of the chart. Gives the completed process."""
        return self.run(verb, name, source, "--namespace", namespace, *options, **named)
