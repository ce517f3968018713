# SPDX-License-Identifier: Apache-2.0
"""What the chart gives without a cluster."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import chart
import yaml
from helm import OLDEST
from lab import ROOT

MAPPING = {"regexp": r"^6\.12\..*$", "containerImage": "registry.example.com/kmod:1"}


def test_nothing_is_said_twice():
    """README, deploy/ and the snapshots are as the chart has it; scripts/chart.py makes them anew."""
    wrong = chart.differences()
    assert not wrong, wrong


@pytest.mark.parametrize("name", chart.SNAPSHOTS)
@pytest.mark.parametrize("other", [OLDEST, 4])
def test_all_helms_give_the_same(name, other):
    def rendered(helm):
        return list(yaml.safe_load_all(chart.template(chart.NEWEST, *chart.values_of(name),
                                                      helm=helm)))
    assert rendered(3) == rendered(other)


@pytest.mark.parametrize("version, served", chart.SERVED.items())
def test_device_classes_and_claims_speak_what_is_served(helm, version, served):
    objects = helm.objects(version=version)
    claim = objects["ResourceClaimTemplate", "mock-device-test"]
    for name in ("mock-accel.example.com", "mock-accel-pf", "mock-accel-vf"):
        assert objects["DeviceClass", name]["apiVersion"] == f"resource.k8s.io/{served[0]}"
    assert claim["apiVersion"] == f"resource.k8s.io/{served[0]}"
    [request] = claim["spec"]["spec"]["devices"]["requests"]
    assert ("exactly" in request) == (served[0] in ("v1", "v1beta2"))


def variables(objects, kind, name):
    [container] = objects[kind, name]["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}


def test_a_version_can_be_insisted_on(helm):
    objects = helm.objects(values={"resourceApiVersion": "v1beta1"})
    assert objects["DeviceClass", "mock-accel-pf"]["apiVersion"] == "resource.k8s.io/v1beta1"
    for kind, name in (("DaemonSet", "mock-accel-node-agent"), ("Deployment", "mock-accel-controller")):
        assert variables(objects, kind, name)["RESOURCE_API_VERSION"] == "v1beta1"


def test_rights_of_later_versions_are_not_asked_of_earlier_ones(helm):
    def resources(version):
        objects = helm.objects(version=version, values={"draDriver": {"nodeAgent": {"claimStatus": True}}})
        rules = objects["ClusterRole", "mock-accel-claim-status"]["rules"]
        return [resource for rule in rules for resource in rule["resources"]]
    assert resources("1.35") == ["resourceclaims/status"]
    assert resources("1.36") == ["resourceclaims/status", "resourceclaims/driver"]


def test_what_is_switched_off_is_not_there(helm):
    off = {"admissionPolicy": False, "deviceClasses": [], "test": {"deviceClassName": "other"},
           "draDriver": {"nodeAgent": {"enabled": False}, "controller": {"enabled": False}}}
    assert list(helm.objects("--skip-tests", values=off)) == []


def test_node_agents_run_where_the_module_is(helm):
    objects = helm.objects(namespace="accel", values={"kernelModule": {
        "enabled": True, "kernelMappings": [MAPPING]}})
    agent = objects["DaemonSet", "mock-accel-node-agent"]["spec"]["template"]["spec"]
    assert agent["nodeSelector"] == {"kmm.node.kubernetes.io/accel.mock-accel.ready": ""}
    module = objects["Module", "mock-accel"]["spec"]
    # The taints of a node that is cordoned or away must not unload the module.
    tolerated = {one["key"] for one in module["tolerations"] if one["operator"] == "Exists"}
    assert tolerated == {f"node.kubernetes.io/{what}"
                         for what in ("unschedulable", "not-ready", "unreachable")}
    assert module["moduleLoader"]["container"]["kernelMappings"] == [MAPPING]
    assert "dra" not in module


def test_regexps_survive_a_file_and_set_json_but_not_set(helm):
    """What docs/helm.md warns of."""
    def regexp(*options):
        objects = helm.objects("--set", "kernelModule.enabled=true", *options)
        container = objects["Module", "mock-accel"]["spec"]["moduleLoader"]["container"]
        return container["kernelMappings"][0]["regexp"]
    assert regexp("--set-json", f"kernelModule.kernelMappings={json.dumps([MAPPING])}") == MAPPING["regexp"]
    assert regexp("--set", f"kernelModule.kernelMappings[0].regexp={MAPPING['regexp']}",
                  "--set", "kernelModule.kernelMappings[0].containerImage=a:1") != MAPPING["regexp"]


def test_the_dashboard_asks_for_metrics_that_there_are():
    known = re.findall(r"^\| `(mock_accel_\w+)`", (ROOT / "docs" / "dra.md").read_text(), re.MULTILINE)
    dashboard = json.loads((chart.CHART / "files" / "dashboard.json").read_text())
    asked = {name for panel in dashboard["panels"] for target in panel["targets"]
             for name in re.findall(r"mock_accel_\w+", target["expr"])}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in asked} == set(known)


@pytest.mark.long
def test_the_dockerfile_builds_the_modules(helm, tmp_path):
    """The steps between the images, with this machine's headers and in a folder of its own."""
    objects = helm.objects(*chart.values_of("kmm"))
    dockerfile = objects["ConfigMap", "mock-accel-dockerfile"]["data"]["dockerfile"]
    [step] = re.findall(r"^RUN (make (?:.*\\\n)*.*)", dockerfile, re.MULTILINE)
    [sources] = re.findall(r"^COPY --from=source (\S+) \1$", dockerfile, re.MULTILINE)
    kernel = max(one.parent.name for one in Path("/lib/modules").glob("6.12*/build"))
    subprocess.run([ROOT / "images/source/make", tmp_path / "source.tar"], check=True)
    with tarfile.open(tmp_path / "source.tar") as image:
        image.extract("layer.tar", tmp_path)
    with tarfile.open(tmp_path / "layer.tar") as layer:
        layer.extractall(tmp_path)
    step = step.replace(sources, f"{tmp_path}{sources}").replace('"/opt', f'"{tmp_path}/opt')
    step = step.replace("-b /opt", f"-b {tmp_path}/opt")
    subprocess.run(["sh", "-ec", step], check=True, env={
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KERNEL_FULL_VERSION": kernel})
    made = tmp_path / "opt" / "lib" / "modules" / kernel
    assert {one.name for one in made.glob("*.ko")} == {"mock-accel.ko", "mock-accel-fabric.ko"}
    assert "mock-accel.ko" in (made / "modules.dep").read_text()
