# SPDX-License-Identifier: Apache-2.0
"""What a user of Kernel Module Management sees of this project's modules and driver. One node, which
the tests use one after the other, each as the one before left it."""

import json
import re
import subprocess

import pytest
import yaml

from holder import COMPUTE, holder
from kmm import (DEVICES, KMM, KMM_DRA, NAMESPACE, NODE, PATIENCE, VERSION, make_image,
                 module_object)
from lab import ROOT

pytestmark = pytest.mark.long

# Another, of as many characters: it is written over VERSION in the modules.
NEXT = VERSION[:-1] + ("2" if VERSION.endswith("1") else "1")
VERSION_LABEL = f"kmm.node.kubernetes.io/version-module.{NAMESPACE}.mock-accel"
IN_USE = "Module mock_accel is in use"
OPERATOR = "kmm-operator-system"


@pytest.fixture(scope="module")
def driver(cluster):
    """The driver and the Module, as the guide has a user apply them: one after the other here, to see
    that the node agent waits."""
    objects = yaml.safe_load_all(cluster.kubectl("kustomize", KMM))
    cluster.kubectl("apply", "-f", "-",
                    manifest=[one for one in objects if one["kind"] != "Module"])
    agents = cluster.soon(lambda: agent_set(cluster)["status"].get("observedGeneration")
                          and agent_set(cluster)["status"], "the node agents' DaemonSet")
    assert agents["desiredNumberScheduled"] == 0
    cluster.kubectl("apply", "-k", KMM)
    wait_until_published(cluster)
    return cluster


def agent_set(cluster):
    return cluster.get("-n", NAMESPACE, "daemonset", "mock-accel-node-agent")


def wait_until_published(cluster):
    cluster.soon(cluster.is_ready, "the modules are ready")
    cluster.soon(lambda: len(cluster.published()) == DEVICES, "all devices are published")


def wait_for_pod(cluster, name):
    cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={PATIENCE}s")


def rounds(cluster, pod):
    """How often the pod has seen that its device computes right."""
    return cluster.kubectl("logs", pod).count("1 device as given, no other in sight")


def end(cluster, *names):
    for name in names:
        cluster.kubectl("delete", "pod", name, "--ignore-not-found", f"--timeout={PATIENCE}s")
        cluster.kubectl("delete", "resourceclaim", name, "--ignore-not-found",
                        f"--timeout={PATIENCE}s")
    cluster.soon(lambda: not cluster.owners(), "all devices are free")


def image_of(cluster, version, folder):
    """Loads an image whose modules say that they are of this version. Gives its name."""
    modules, guest = cluster.guest_folder()
    changed = folder / "modules"
    changed.mkdir()
    for name in ("mock-accel.ko", "mock-accel-fabric.ko"):
        text = (modules / name).read_bytes()
        old, new = f"version={VERSION}\0".encode(), f"version={version}\0".encode()
        assert len(old) == len(new) and old in text
        (changed / name).write_bytes(text.replace(old, new))
    subprocess.run([ROOT / "lab/kmm/kmod-image", changed, guest, folder], check=True,
                   env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "VERSION": version})
    cluster.run("load-image", folder / "mock-accel-kmod.tar")
    return f"localhost/mock-accel-kmod:{version}-${{KERNEL_FULL_VERSION}}"


def test_nodes_come_without_modules_and_status_says_why(cluster):
    assert cluster.loaded() == []
    assert cluster.devices() == []
    assert cluster.status()["kubernetes"]["kmm"]


def test_modules_work_without_the_operator(cluster):
    """By plain modprobe, from where `make install` and DKMS put them."""
    modules, _ = cluster.guest_folder()
    place = f"/lib/modules/{cluster.release()}/updates"
    cluster.guest(f"mkdir -p {place}")
    for name in ("mock-accel.ko", "mock-accel-fabric.ko"):
        cluster.put(modules / name, f"{place}/{name}")
    cluster.guest("depmod && modprobe -a mock-accel-fabric mock-accel")
    assert len(cluster.devices()) == DEVICES
    cluster.guest(f"modprobe -r mock-accel mock-accel-fabric && rm -r {place} && depmod")
    assert cluster.loaded() == []


def test_the_operator_loads_modules_and_pods_compute(driver):
    assert driver.loaded() == ["mock_accel", "mock_accel_fabric"]
    assert len(driver.devices()) == DEVICES
    assert "ModuleLoaded" in driver.events("Node")
    assert driver.module()["status"]["moduleLoader"]["availableNumber"] == 1
    driver.create(*holder("computes", COMPUTE))
    wait_for_pod(driver, "computes")
    driver.soon(lambda: rounds(driver, "computes"), "the pod has computed")
    end(driver, "computes")


def test_cordon_leaves_module_and_agent_alone(driver):
    """The Module tolerates it; the operator unloads what does not."""
    driver.kubectl("cordon", NODE)
    try:
        seen = driver.soon(lambda: "node.kubernetes.io/unschedulable" in json.dumps(
            driver.get("node", NODE)["spec"].get("taints", ())), "the taint")
        assert seen
        # What the operator does, it does in the same moment as for a Module that does not: this one
        # is a witness.
        witness = module_object("witness", mapping={"literal": "none"})
        del witness["spec"]["tolerations"]
        driver.create(witness)
        assert driver.is_ready() and driver.loaded() == ["mock_accel", "mock_accel_fabric"]
    finally:
        driver.delete_module("witness")
        driver.kubectl("uncordon", NODE)
    assert len(driver.published()) == DEVICES


def test_deleting_a_module_takes_driver_and_slices_along(driver):
    driver.delete_module()
    assert driver.loaded() == []
    assert driver.devices() == []
    assert not driver.is_ready()
    driver.soon(lambda: not driver.pods("mock-accel-node-agent"), "the agent has gone")
    # The kubelet removes the slices of a driver that has been gone for half a minute.
    driver.soon(lambda: not driver.slices(), "the slices have gone")


@pytest.fixture(scope="module")
def versioned(driver):
    """With the version label of ordered upgrades."""
    driver.kubectl("label", "node", NODE, f"{VERSION_LABEL}={VERSION}")
    driver.create(module_object(version=VERSION))
    wait_until_published(driver)
    assert driver.module_version() == VERSION
    return driver


def test_an_upgrade_waits_for_open_devices_and_owners_outlive_it(versioned, tmp_path):
    driver = versioned
    driver.create(*holder("computes", COMPUTE))
    sleeper = holder("sleeps", ["sh", "-c", "exec sleep infinity"])
    sleeper[1]["spec"]["containers"][0]["image"] = "localhost/busybox:1"
    driver.create(*sleeper)
    wait_for_pod(driver, "computes")
    wait_for_pod(driver, "sleeps")
    held = driver.owners()
    assert len(held) == 2

    image = image_of(driver, NEXT, tmp_path)
    driver.kubectl("-n", NAMESPACE, "apply", "-f", "-",
                   manifest=[module_object(image=image, version=NEXT)])
    driver.kubectl("label", "node", NODE, "--overwrite", f"{VERSION_LABEL}={NEXT}")
    driver.soon(lambda: IN_USE in driver.worker_log(), "the worker says that the module is in use")

    # Nothing has happened to who computes, and no device has changed hands.
    assert driver.module_version() == VERSION
    assert driver.owners() == held
    before = rounds(driver, "computes")
    driver.soon(lambda: rounds(driver, "computes") > before, "the pod goes on")

    # Once nobody has a device open, the new module comes. The one who slept keeps his device.
    driver.kubectl("delete", "pod", "computes", "--wait=false")
    driver.soon(lambda: driver.module_version() == NEXT, "the new module")
    driver.soon(lambda: driver.labels().get(
        f"kmm.node.kubernetes.io/{NAMESPACE}.mock-accel.version.ready") == NEXT, "its label")
    wait_until_published(driver)
    claim = driver.get("resourceclaim", "sleeps")["metadata"]["uid"]
    assert claim in driver.owners().values()
    pod = driver.get("pod", "sleeps")
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    end(driver, "computes", "sleeps")


def test_a_deleted_module_waits_for_open_devices(versioned):
    driver = versioned
    driver.create(*holder("computes", COMPUTE))
    wait_for_pod(driver, "computes")
    driver.soon(lambda: rounds(driver, "computes"), "the pod has computed")
    driver.kubectl("-n", NAMESPACE, "delete", "module", "mock-accel", "--wait=false")
    driver.soon(lambda: IN_USE in driver.worker_log(), "the worker says that the module is in use")
    assert driver.module()["metadata"]["deletionTimestamp"]
    assert driver.loaded() == ["mock_accel", "mock_accel_fabric"]
    before = rounds(driver, "computes")
    driver.soon(lambda: rounds(driver, "computes") > before, "the pod goes on")

    driver.kubectl("delete", "pod", "computes", "--wait=false")
    driver.kubectl("delete", "resourceclaim", "computes", "--wait=false")
    driver.soon(lambda: driver.module() is None, "the Module has gone")
    assert driver.loaded() == []
    driver.kubectl("label", "node", NODE, f"{VERSION_LABEL}-")


def test_a_kernel_that_no_mapping_matches_gets_nothing(driver):
    driver.create(module_object(mapping={"literal": "5.4.0-none"}))
    status = driver.soon(lambda: driver.module().get("status", {}).get("moduleLoader"), "a status")
    # That is all there is to see: the node is counted, and nothing is wanted on it.
    assert status["nodesMatchingSelectorNumber"] == 1
    assert status.get("desiredNumber", 0) == 0
    assert not driver.pods("kmm-worker") and not driver.pods("mock-accel-pull")
    assert f"no kernel mapping matches {driver.release()}" in driver.doctor("cluster.kmm")
    driver.delete_module()


def test_a_node_without_the_label_of_a_version_gets_nothing(driver):
    driver.create(module_object(version=VERSION))
    driver.soon(lambda: driver.doctor("cluster.kmm") == [
        f"KMM wants it on 0 of the 1 nodes that it selects: {NODE} has not the label {VERSION_LABEL}"],
        "the doctor names the label")
    assert not driver.loaded()
    driver.delete_module()


def test_a_namespace_without_privileges_keeps_workers_out(driver):
    level = "pod-security.kubernetes.io/enforce"
    driver.kubectl("label", "namespace", NAMESPACE, "--overwrite", f"{level}=baseline")
    try:
        driver.create(module_object())
        driver.soon(lambda: "violates PodSecurity" in driver.kubectl(
            "-n", OPERATOR, "logs", "--selector=control-plane=controller", "--tail=-1"),
            "the operator says why")
        assert not driver.pods("kmm-worker") and not driver.loaded()
        assert "enforces baseline" in driver.doctor("cluster.kmm")
    finally:
        driver.kubectl("label", "namespace", NAMESPACE, "--overwrite", f"{level}=privileged")
    driver.soon(driver.is_ready, "the modules are ready")
    driver.delete_module()


def test_an_image_that_is_not_there_is_seen_at_the_pull_pod(driver):
    driver.create(module_object(image="registry.invalid/mock-accel-kmod:1"))

    def reason():
        for pod in driver.pods("mock-accel-pull-pod"):
            for status in pod["status"].get("containerStatuses", ()):
                waiting = status["state"].get("waiting", {}).get("reason")
                if waiting in ("ErrImagePull", "ImagePullBackOff"):
                    return waiting
        return None
    driver.soon(reason, "the pull pod says that it has no image")
    [said] = driver.doctor("cluster.kmm")
    assert re.search(r"on 0 of the 1 nodes that it selects: mock-device/mock-accel-pull-pod-\S+: "
                     "(ErrImagePull|ImagePullBackOff)$", said)
    assert not driver.pods("kmm-worker") and not driver.loaded()
    driver.delete_module()


def test_an_image_without_a_shell_is_seen_at_the_pull_pod_only(driver, tmp_path):
    root = tmp_path / "root"
    (root / "opt/lib/modules" / driver.release()).mkdir(parents=True)
    make_image(tmp_path / "bare.tar", "localhost/mock-accel-kmod:bare", root, "/none")
    driver.run("load-image", tmp_path / "bare.tar")
    driver.create(module_object(image="localhost/mock-accel-kmod:bare"))

    def failed():
        return any("StartError" in json.dumps(pod["status"]) or
                   "RunContainerError" in json.dumps(pod["status"])
                   for pod in driver.pods("mock-accel-pull-pod"))
    driver.soon(failed, "the pull pod can't start")
    assert not driver.loaded()
    driver.delete_module()


def test_the_operator_runs_the_driver_with_crun(driver):
    """spec.dra, and another runtime for it, for worker pods and for everything else."""
    driver.guest("sed -i 's/default_runtime_name = \"runc\"/default_runtime_name = \"crun\"/' "
                 "/etc/containerd/config.toml && systemctl restart containerd")
    driver.kubectl("-n", NAMESPACE, "delete", "daemonset", "mock-accel-node-agent")
    driver.kubectl("apply", "-k", KMM_DRA)
    wait_until_published(driver)
    pod = driver.soon(lambda: driver.pods("mock-accel-dra"), "the driver's pod")[0]["spec"]
    assert pod["hostNetwork"] and pod["containers"][0]["securityContext"]["privileged"]
    probe = pod["containers"][0]["livenessProbe"]["grpc"]
    assert (probe["port"], probe["service"]) == (51515, "liveness")
    driver.create(*holder("computes", COMPUTE))
    wait_for_pod(driver, "computes")
    driver.soon(lambda: rounds(driver, "computes"), "the pod has computed")
    # Where runc would have left a file state.json of each container.
    kept = driver.guest("find /run/containerd/runc/k8s.io -name status | wc -l")
    assert int(kept) > 0
    end(driver, "computes")
