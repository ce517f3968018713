# SPDX-License-Identifier: Apache-2.0
"""Values that can't be meant are refused, in words that say what would be right."""

import pytest

import chart
import yaml
from helm import NAMESPACE, with_each_helm

MAPPING = {"regexp": "^.+$", "containerImage": "registry.example.com/kmod:${KERNEL_FULL_VERSION}"}
IMAGE = "registry.example.com/source:1"
SIGN = {"keySecret": {"name": "key"}, "certSecret": {"name": "certificate"}}


def value(path, content):
    """Values with `content` at a dotted path."""
    for key in reversed(path.split(".")):
        content = {key: content}
    return content


def module(**settings):
    return {"kernelModule": {"enabled": True, "kernelMappings": [MAPPING], **settings}}


def refused(helm, values, *options, **named):
    done = helm.template(*options, values=values, check=False, **named)
    assert done.returncode != 0 and not done.stdout
    return done.stderr


@with_each_helm
def test_the_chart_has_nothing_to_complain_of(helm):
    done = helm.run("lint", "--strict", chart.CHART, "--namespace", NAMESPACE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["every-switch", "kmm"])
def test_nor_have_its_examples_of_values(helm, name):
    done = helm.run("lint", "--strict", chart.CHART, "--namespace", NAMESPACE, "--kube-version",
                    chart.NEWEST, *chart.values_of(name), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def settings(schema, path=()):
    """All keys of the schema that values.yaml has to have, as paths."""
    for key, node in schema["properties"].items():
        if key != "global":
            yield (*path, key)
        if "properties" in node:
            yield from settings(node, (*path, key))


def test_schema_and_values_know_the_same_settings():
    values = chart.Values()
    assert sorted(tuple(row[0].split(".")) for row in values.rows) == sorted(settings(values.schema))


def open_objects(node, path="values"):
    """Objects of the schema that take any key with any value."""
    if isinstance(node, dict):
        if node.get("type") == "object" and node.get("additionalProperties", True) is True:
            yield path
        for key, child in node.items():
            yield from open_objects(child, key)
    elif isinstance(node, list):
        for child in node:
            yield from open_objects(child, path)


def test_nearly_all_of_the_schema_is_closed():
    # Helm's own, and what the controller checks.
    assert sorted(open_objects(chart.Values().schema)) == ["global", "simulatedTopology"]


FREE = ("commonLabels", "labels", "selector", "nodeSelector", "podLabels", "podAnnotations", "limits",
        "requests", "simulatedTopology")


def misspell(values):
    """Puts a wrong key beside each of a map that the chart knows. Gives the wrong ones."""
    wrong = []
    for key, child in list(values.items()):
        if isinstance(child, dict) and key not in FREE:
            wrong += misspell(child)
        values[key + "x"] = child
        wrong.append(key + "x")
    return wrong


@with_each_helm
def test_every_misspelled_key_is_named(helm):
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    wrong = misspell(values)
    assert len(wrong) > 80
    said = refused(helm, values)
    named = "Additional property {} is not allowed" if helm.version == "3.14" else "'{}'"
    assert [key for key in wrong if named.format(key) not in said] == []


@pytest.mark.parametrize("path, content", [
    ("image.tag", 1.0),
    ("image.tag", "a b"),
    ("image.digest", "sha256:abc"),
    ("image.pullPolicy", "ifNotPresent"),
    ("image.repository", "https://registry.example.com/driver"),
    ("imagePullSecrets", ["registry"]),
    ("resourceApiVersion", "v1alpha2"),
    ("kubeletRootDir", "var/lib/kubelet"),
    ("kubeletRootDir", "/var/lib/kubelet/"),
    ("allowDefaultNamespace", "true"),
    ("commonLabels", {"a": 1}),
    ("deviceClasses", [{"name": "Upper"}]),
    ("deviceClasses", [{"name": "a", "extendedResourceName": "none"}]),
    ("deviceClasses", {"name": "a"}),
    ("draDriver.logLevel", "verbose"),
    ("draDriver.nodeAgent.vfs", 65),
    ("draDriver.nodeAgent.vfs", "4"),
    ("draDriver.nodeAgent.deployedBy", "KMM"),
    ("draDriver.nodeAgent.maxUnavailable", "half"),
    ("draDriver.nodeAgent.httpPort", 0),
    ("draDriver.nodeAgent.tolerations", [{"key": "a", "effect": "noSchedule"}]),
    ("draDriver.nodeAgent.tolerations", [{"keys": "a"}]),
    ("draDriver.nodeAgent.resources", {"limit": {"memory": "1Gi"}}),
    ("draDriver.nodeAgent.resources.limits", {"memory": "1 GiB"}),
    ("draDriver.nodeAgent.affinity", {"nodeaffinity": {}}),
    ("draDriver.nodeAgent.extraEnv", [{"name": "A", "value": 1}]),
    ("draDriver.nodeAgent.extraEnv", [{"name": "A", "valuefrom": {}}]),
    ("draDriver.nodeAgent.extraArgs", "--vfs"),
    ("draDriver.controller.replicas", 1.5),
    ("draDriver.controller.nodeSelector", {"a": True}),
    ("kernelModule.mode", "precompiled"),
    ("kernelModule.kernelMappings", [{**MAPPING, "regex": "^6"}]),
    ("kernelModule.kernelMappings", [{"regexp": "^6"}]),
    ("kernelModule.kernelMappings", {"regexp": "^6"}),
    ("kernelModule.kernelMappings", [{**MAPPING, "sign": {"keySecret": {"name": "a"}}}]),
    ("kernelModule.kernelMappings", [{**MAPPING, "build": {"dockerfile": "FROM a"}}]),
    ("kernelModule.parameters", ["debug"]),
    ("monitoring.podMonitor.interval", 30),
    ("networkPolicy.apiServerPorts", []),
    ("networkPolicy.metricsFrom", [{}]),
    ("test.deviceClassName", ""),
])
def test_a_value_that_makes_no_sense_is_refused(helm, path, content):
    said = refused(helm, value(path, content))
    # By the schema, with the place.
    assert path.split(".")[-1] in said and "schema" in said, said


@with_each_helm
@pytest.mark.parametrize("values, words", [
    ({"kernelModule": {"enabled": True}}, "takes kernelModule.kernelMappings: which image has"),
    (module(kernelMappings=[{**MAPPING, "literal": "6.1"}]), "[0] takes either regexp or literal"),
    (module(kernelMappings=[MAPPING, {"containerImage": "a:1"}]),
     "[1] takes either regexp or literal"),
    (module(kernelMappings=[{**MAPPING, "regexp": "^6[.1$"}]), "missing closing ]"),
    (module(kernelMappings=[{**MAPPING, "containerImage": "example.com:5000/kmod"}]),
     "example.com:5000/kmod has neither tag nor digest"),
    (module(kernelMappings=[{**MAPPING, "build": {}}, {**MAPPING, "build": {"secrets": []}}]),
     "[1].build takes kernelModule.mode: build"),
    (module(kernelMappings=[{**MAPPING, "sign": SIGN}]), "[0].sign takes an unsignedImage"),
    (module(mode="build"), "takes kernelModule.build.sourceImage"),
    (module(mode="build", build={"sourceImage": IMAGE},
            kernelMappings=[{**MAPPING, "containerImage": "kmod:1"}]),
     "kmod:1 has no ${KERNEL_FULL_VERSION}"),
    (value("draDriver.nodeAgent.deployedBy", "kmm"), "takes kernelModule.enabled"),
    ({**module(), **value("draDriver.nodeAgent.deployedBy", "kmm"), "cdiRoot": "/etc/cdi"},
     "kmm knows only"),
])
def test_settings_that_do_not_fit_together_are_refused(helm, values, words):
    assert words in refused(helm, values)


@pytest.mark.parametrize("where, sign", [
    ({}, {**SIGN, "unsignedImage": "registry.example.com/unsigned:1"}),
    ({"mode": "build", "build": {"sourceImage": IMAGE}}, SIGN),
])
def test_there_is_something_to_sign(helm, where, sign):
    assert helm.objects(values=module(kernelMappings=[{**MAPPING, "sign": sign}], **where))


@pytest.mark.parametrize("values, version, words", [
    ({**module(), **value("draDriver.nodeAgent.deployedBy", "kmm")}, "1.33", "1.34 or newer"),
    (value("draDriver.nodeAgent.rollingUpdate", True), "1.32", "kubelets from 1.33 on"),
    (value("deviceClasses", [{"name": "a", "extendedResourceName": "b.c/d"}]), "1.33",
     "takes resource.k8s.io/v1; this is v1beta2"),
])
def test_what_a_version_of_kubernetes_can_not_do_is_refused(helm, values, version, words):
    assert words in refused(helm, values, version=version)


@with_each_helm
def test_an_older_kubernetes_is_refused(helm):
    assert ">=1.31.0-0" in refused(helm, {}, version="1.30")


def test_a_version_of_kubernetes_with_a_suffix_is_taken(helm):
    assert helm.objects(version="v1.31.0-gke.1")


@with_each_helm
def test_the_default_namespace_is_refused_unless_allowed(helm):
    assert "--namespace mock-device" in refused(helm, {}, namespace="default")
    assert helm.objects(namespace="default", values={"allowDefaultNamespace": True})


def test_a_namespace_that_is_too_long_for_labels_of_nodes_is_refused(helm):
    assert "31 characters remain; it has 32" in refused(helm, module(), namespace="n" * 32)
    assert helm.objects(values=module(), namespace="n" * 31)
    assert helm.objects(namespace="n" * 63)
