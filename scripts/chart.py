#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what is made from the Helm chart, so that nothing is said twice.

    scripts/chart.py            its README's table of values, deploy/, and the snapshots of its tests
    scripts/chart.py --check    writes nothing; names what is not as it should be
    scripts/chart.py package    build/charts/mock-device-VERSION.tgz
"""

import argparse
import difflib
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "mock-device"
DEPLOY = ROOT / "deploy"
TESTS = ROOT / "tests" / "chart"

# What each supported version of Kubernetes has of resource.k8s.io, newest first.
SERVED = {"1.31": ["v1alpha3"], "1.32": ["v1beta1", "v1alpha3"],
          "1.33": ["v1beta2", "v1beta1", "v1alpha3"],
          **{f"1.{minor}": ["v1", "v1beta2", "v1beta1"] for minor in range(34, 38)}}
NEWEST = list(SERVED)[-1]
# deploy/ is what most clusters take.
DEPLOYED_VERSION = "1.36"

# Files of deploy/ that are templates with default values, or with these.
MANIFESTS = {"rbac": [], "admission-policy": [], "device-classes": [], "node-agent": [],
             "controller": [], "claim-status": ["--set", "draDriver.nodeAgent.claimStatus=true"]}
HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Made from charts/mock-device by scripts/chart.py: change it there.
"""
ABOUT = {"claim-status": """\
#
# Not part of the kustomization: what the node agent may do besides where it has --claim-status.
#
#     kubectl apply -f deploy/claim-status.yaml
#     kubectl -n mock-device set env ds/mock-accel-node-agent CLAIM_STATUS=true
"""}

# Files of values (none: the chart's own), and the first version that takes them.
SNAPSHOTS = {"default": "1.31", "every-switch": "1.31", "kmm": "1.34"}

BEGIN, END = "<!-- values: made from values.yaml by scripts/chart.py -->", "<!-- end of values -->"
WIDEST_DEFAULT = 60


@functools.cache
def helm_program(version=3):
    return subprocess.run([ROOT / "scripts" / "helm.sh", str(version)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def template(version, *options, helm=3):
    """What the chart gives as release mock-device in namespace mock-device of a cluster of this version."""
    served = [f"resource.k8s.io/{one}" for one in SERVED[version]]
    return subprocess.run(
        [helm_program(helm), "template", "mock-device", CHART, "--namespace", "mock-device",
         "--kube-version", version, "--api-versions", ",".join(served), *options],
        check=True, text=True, stdout=subprocess.PIPE).stdout


def values_of(name):
    """Options for the values of a snapshot."""
    return [] if name == "default" else ["--values", TESTS / "values" / f"{name}.yaml"]


def manifest(name, options):
    lines = template(DEPLOYED_VERSION, "--show-only", f"templates/{name}.yaml", *options)
    lines = [line for line in lines.splitlines() if not line.startswith("# Source: ")]
    return HEADER + ABOUT.get(name, "") + "\n".join(lines) + "\n"


def snapshots(name):
    """The newest version's in full, and of each other what differs there from the next newer one."""
    versions = [version for version in SERVED
                if list(SERVED).index(version) >= list(SERVED).index(SNAPSHOTS[name])]
    said = {version: template(version, *values_of(name)) for version in versions}
    made = {f"{name}-{NEWEST}.yaml": said[NEWEST]}
    for version, newer in zip(versions, versions[1:]):
        changes = difflib.unified_diff(said[newer].splitlines(), said[version].splitlines(),
                                       newer, version, lineterm="", n=2)
        # Without numbers of lines, which a change further up would change, too.
        made[f"{name}-{version}.diff"] = "".join(f"{re.sub('^@@.*', '@@', line)}\n"
                                                 for line in changes)
    return made


class Values:
    """Rows of the table: each setting, its default, and the comment above it."""

    KEY = re.compile(r"^( *)([A-Za-z]+):")
    COMMENT = re.compile(r"^ *# ?(.*)$")

    def __init__(self):
        self.schema = json.loads((CHART / "values.schema.json").read_text())
        text = (CHART / "values.yaml").read_text()
        self.values = yaml.safe_load(text)
        self.rows = list(self.read(text.splitlines()))

    def read(self, lines):
        comment, path, inside = [], [], None
        for line in lines:
            if inside is not None and (not line.strip() or len(line) - len(line.lstrip()) > inside):
                continue  # the value of a setting, over several lines
            inside = None
            if match := self.COMMENT.match(line):
                comment.append(match[1])
            elif match := self.KEY.match(line):
                path = [*path[:len(match[1]) // 2], match[2]]
                if not self.is_section(path):
                    inside = len(match[1])
                yield ".".join(path), self.default(path), " ".join(comment)
                comment = []
            else:
                comment = []

    def is_section(self, path):
        node = self.schema
        for key in path:
            node = node["properties"][key]
        return "properties" in node

    def default(self, path):
        if self.is_section(path):
            return ""
        value = self.values
        for key in path:
            value = value[key]
        text = json.dumps(value)
        return f"`{text}`" if len(text) <= WIDEST_DEFAULT else "see values.yaml"

    def table(self):
        cells = [(f"`{key}`", default, about) for key, default, about in self.rows if default or about]
        lines = ["| setting | default | |", "|---|---|---|"]
        lines += [" | ".join(cell.replace("|", "\\|") for cell in row).join(("| ", " |"))
                  for row in cells]
        return "\n".join(lines)


def readme():
    text = (CHART / "README.md").read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{Values().table()}\n\n{END}{after}"


def made():
    """What there has to be, by path."""
    files = {CHART / "README.md": readme()}
    files |= {DEPLOY / f"{name}.yaml": manifest(name, options)
              for name, options in MANIFESTS.items()}
    for name in SNAPSHOTS:
        files |= {TESTS / "snapshots" / file: text for file, text in snapshots(name).items()}
    return files


def differences():
    """What is not as it should be, as diffs."""
    return "".join(
        line if line.endswith("\n") else f"{line}\n"
        for path, text in made().items()
        for line in difflib.unified_diff(
            (path.read_text() if path.exists() else "").splitlines(), text.splitlines(),
            str(path.relative_to(ROOT)), "as the chart has it", lineterm="", n=1))


def write():
    for path, text in made().items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(path.relative_to(ROOT))


def package(folder=ROOT / "build" / "charts"):
    """The archive."""
    version = (ROOT / "VERSION").read_text().strip()
    subprocess.run([helm_program(), "package", CHART, "--destination", folder], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / f"mock-device-{version}.tgz"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=["write", "package"], default="write")
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    arguments = parser.parse_args()
    if arguments.what == "package":
        print(package().relative_to(ROOT))
        return 0
    if not arguments.check:
        write()
        return 0
    wrong = differences()
    print(wrong + "scripts/chart.py makes them anew" if wrong else "all is as the chart has it")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
