# SPDX-License-Identifier: Apache-2.0
"""Releases of the chart in a real control plane. There are no nodes: pods stay pending."""

import json
import re
import subprocess

import pytest

import chart
import yaml
from cluster import VERSION, new_name
from helm import NAMESPACE, with_each_helm
from lab import PROGRAMS, ROOT, eventually

MINOR = ".".join(VERSION.split(".")[:2])
AGENT = f"system:serviceaccount:{NAMESPACE}:mock-accel-node-agent"
# Of no object that somebody made.
PASSING = ("events", "events.events.k8s.io")


def takes(name):
    """Whether this version of Kubernetes takes the values of a snapshot."""
    return list(chart.SERVED).index(MINOR) >= list(chart.SERVED).index(chart.SNAPSHOTS[name])


def everything(plane):
    """All objects of all kinds: kind, namespace and name."""
    kinds = plane.kubectl("api-resources", "--verbs=list", "--output=name").split()
    listed = plane.get(",".join(kind for kind in kinds if kind not in PASSING), "--all-namespaces")
    return {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in listed["items"]}


@pytest.fixture
def before(plane):
    """What there is when the namespace is complete."""
    eventually(lambda: plane.kubectl("-n", NAMESPACE, "get", "configmap/kube-root-ca.crt",
                                     "serviceaccount/default", check=False).returncode == 0,
               "what each namespace gets")
    return everything(plane)


def spec(plane, kind, name):
    return plane.get("-n", NAMESPACE, kind, name)["spec"]


def level(plane):
    """The log level that the node agents are given."""
    [container] = spec(plane, "daemonset", "mock-accel-node-agent")["template"]["spec"]["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}.get("LOG_LEVEL")


@pytest.mark.parametrize("name", filter(takes, chart.SNAPSHOTS))
def test_the_server_takes_every_object(plane, helm, name):
    said = helm.template(*chart.values_of(name), version=MINOR, values=None).stdout
    objects = [one for one in yaml.safe_load_all(said) if one]
    taken = plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", manifest=objects)
    assert taken.count("(server dry run)") == len(objects)


def test_the_server_knows_what_a_module_has_to_have(plane, helm):
    """As above, and what is wrong is noticed."""
    [module] = [one for (kind, _), one in helm.objects(*chart.values_of("every-switch"),
                                                       version=MINOR).items() if kind == "Module"]
    del module["spec"]["moduleLoader"]["container"]["kernelMappings"][1]["containerImage"]
    refused = plane.kubectl("create", "--dry-run=server", "-f", "-", manifest=[module], check=False)
    assert "kernelMappings[1].containerImage: Required value" in refused.stderr


@with_each_helm
def test_a_release_comes_changes_and_goes(plane, helm, before):
    said = helm.release("install").stdout
    assert "Before helm uninstall remove the pods that hold devices" in said
    assert "helm test --namespace mock-device mock-device" in said
    assert level(plane) is None
    installed = everything(plane)

    helm.release("upgrade", *chart.values_of("every-switch"))
    assert level(plane) == "debug"
    loader = plane.get("-n", NAMESPACE, "modules.kmm.sigs.x-k8s.io", "mock-accel")["spec"]["moduleLoader"]
    assert loader["container"]["modprobe"]["modulesLoadingOrder"] == ["mock-accel", "mock-accel-fabric"]
    assert ("PodMonitor", NAMESPACE, "mock-accel") in everything(plane)

    helm.run("rollback", "mock-device", "1", "--namespace", NAMESPACE)
    assert level(plane) is None
    changing = {"Pod", "ReplicaSet", "ControllerRevision", "Secret"}
    def lasting(objects):
        return {one for one in objects if one[0] not in changing}
    eventually(lambda: lasting(everything(plane)) == lasting(installed), "what was installed at first")

    helm.run("uninstall", "mock-device", "--namespace", NAMESPACE)
    eventually(lambda: everything(plane) == before, "nothing is left")


def test_every_switch_leaves_nothing_either(plane, helm, before):
    helm.release("install", *chart.values_of("every-switch"))
    assert len(everything(plane)) > len(before) + 15
    helm.run("uninstall", "mock-device", "--namespace", NAMESPACE)
    eventually(lambda: everything(plane) == before, "nothing is left")


@pytest.mark.skipif(not takes("kmm"), reason="before Kubernetes 1.34")
def test_a_release_whose_agents_kmm_runs(plane, helm):
    helm.release("install", *chart.values_of("kmm"))
    module = plane.get("-n", NAMESPACE, "modules.kmm.sigs.x-k8s.io", "mock-accel")
    assert module["spec"]["dra"]["driverName"] == "mock-accel.example.com"
    assert plane.get("-n", NAMESPACE, "daemonsets")["items"] == []
    named = plane.get("deviceclass", "mock-accel.example.com")["spec"]["extendedResourceName"]
    assert named == "mock-accel.example.com/accelerator"


@pytest.mark.skipif(not takes("kmm"), reason="before Kubernetes 1.34")
def test_a_kmm_that_can_not_run_agents_is_refused(plane_with_an_older_kmm, helm):
    refused = helm.release("install", *chart.values_of("kmm"), check=False)
    assert refused.returncode != 0 and "takes a KMM newer than 2.6.0" in refused.stderr
    # What it says to do is done.
    helm.release("install", *chart.values_of("kmm"), "--set", "draDriver.nodeAgent.deployedBy=chart")


@with_each_helm
def test_an_upgrade_that_was_killed_is_undone(plane, helm):
    helm.release("install")
    # Without nodes a Deployment never comes up, and Helm waits for it.
    waiting = helm.start("upgrade", "mock-device", chart.CHART, "--namespace", NAMESPACE, "--wait",
                         "--set", "draDriver.logLevel=debug,draDriver.controller.enabled=true")
    try:
        eventually(lambda: level(plane) == "debug", "the upgrade is under way")
    finally:
        waiting.kill()
        waiting.wait()
    refused = helm.release("upgrade", check=False)
    assert refused.returncode != 0 and "another operation" in refused.stderr
    history = json.loads(helm.run("history", "mock-device", "--namespace", NAMESPACE, "-o", "json").stdout)
    [good] = [one["revision"] for one in history if one["status"] == "deployed"]
    helm.run("rollback", "mock-device", good, "--namespace", NAMESPACE)
    assert level(plane) is None
    helm.release("upgrade", "--set", "draDriver.logLevel=debug")
    assert level(plane) == "debug"


@with_each_helm
def test_a_second_release_is_refused(plane, helm):
    helm.release("install")
    other = new_name("other")
    refused = helm.release("install", "--create-namespace", name="second", namespace=other, check=False)
    plane.kubectl("delete", "namespace", other, "--ignore-not-found")
    assert refused.returncode != 0
    assert ("is in this cluster already, as release mock-device in namespace mock-device"
            in refused.stderr)
    assert helm.release("upgrade").returncode == 0


def test_manifests_that_were_applied_without_helm_are_not_taken_over(plane, helm):
    rbac = ROOT / "deploy" / "rbac.yaml"
    plane.kubectl("apply", "-f", rbac)
    refused = helm.release("install", check=False)
    plane.kubectl("delete", "-f", rbac)
    assert refused.returncode != 0 and "kubectl delete -k deploy" in refused.stderr


def test_a_namespace_whose_pods_may_not_mount_folders_is_refused(plane, helm):
    label = "pod-security.kubernetes.io/enforce"
    plane.kubectl("label", "namespace", NAMESPACE, f"{label}=baseline")
    refused = helm.release("install", check=False)
    assert refused.returncode != 0
    # What it says to do is done.
    advice = re.search(r"kubectl (label .*)", refused.stderr)[1].split()
    plane.kubectl(*advice)
    helm.release("install")


def test_the_default_namespace_is_refused(plane, helm):
    refused = helm.release("install", namespace="default", check=False)
    assert refused.returncode != 0 and "a namespace of its own" in refused.stderr


def test_an_agent_writes_slices_of_its_own_node_only(plane, helm, tmp_path):
    helm.release("install")
    [version, *_] = chart.SERVED[MINOR]
    agent = plane.kubeconfig_of_agent(tmp_path / "agent", AGENT, "node1")

    def forge(node):
        forged = {"apiVersion": f"resource.k8s.io/{version}", "kind": "ResourceSlice",
                  "metadata": {"name": "forged"},
                  "spec": {"driver": "other.example.com", "nodeName": node,
                           "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}}
        return plane.kubectl("--kubeconfig", agent, "create", "--dry-run=server", "-f", "-",
                             manifest=[forged], check=False)
    eventually(lambda: "may not write slices of node0" in forge("node0").stderr, "the policy is in force")
    assert forge("node1").returncode == 0


def test_the_controller_leads_with_the_rights_that_it_gets(plane, helm, before, tmp_path):
    helm.release("install")
    token = plane.kubectl("-n", NAMESPACE, "create", "token", "mock-accel-controller")
    kubeconfig = plane.kubeconfig_of(tmp_path / "kubeconfig", lambda _: {"token": token.strip()})

    def holder():
        lease = plane.kubectl("-n", NAMESPACE, "get", "lease", "mock-accel-controller", "--output",
                              "jsonpath={.spec.holderIdentity}")
        return lease.startswith("a_")
    with subprocess.Popen(
            [PROGRAMS / "mock-accel-dra-driver", "controller", "--namespace", NAMESPACE, "--pod-name",
             "a", "--kubeconfig", kubeconfig, "--agent-selector", "a=b", "--healthcheck-port", "-1",
             "--http-port", "-1"], stdin=subprocess.DEVNULL) as controller:
        try:
            eventually(holder, "the controller leads")
            # A Lease that is renewed by it until the end goes with the release, too.
            helm.run("uninstall", "mock-device", "--namespace", NAMESPACE)
            eventually(lambda: everything(plane) == before, "nothing is left")
        finally:
            controller.terminate()
    assert everything(plane) == before


@with_each_helm
def test_a_packaged_chart_is_installed_from_a_registry(plane, helm, registry, tmp_path):
    archive = chart.package(tmp_path)
    folder = f"oci://{registry.address}/{helm.version}"
    helm.run("push", archive, folder, "--plain-http")
    version = (ROOT / "VERSION").read_text().strip()
    helm.release("install", "--plain-http", "--version", version, source=f"{folder}/mock-device")
    image = spec(plane, "deployment", "mock-accel-controller")["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(f":{version}")
