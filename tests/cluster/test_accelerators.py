# SPDX-License-Identifier: Apache-2.0
"""The DRA driver as it is deployed: its image and its manifests, on nodes with the kernel module,
with the real kubelet, scheduler and containerd."""

import json
import subprocess

import pytest

from cluster import VERSION, make_driver_image
from lab import PROGRAMS, ROOT, eventually

DRIVER = "mock-accel.example.com"
EXAMPLES = ROOT / "docs" / "examples"
METADATA = "/var/run/kubernetes.io/dra-device-attributes"
AGENT = "system:serviceaccount:mock-device:mock-accel-node-agent"
PATIENCE = "--timeout=300s"


@pytest.fixture(scope="module")
def driver(cluster, tmp_path_factory):
    """The cluster with the driver on its nodes."""
    cluster.run("load-image", make_driver_image(tmp_path_factory.mktemp("image") / "driver.tar"))
    cluster.kubectl("apply", "-k", ROOT / "deploy")
    cluster.kubectl("-n", "mock-device", "rollout", "status", "ds/mock-accel-node-agent", PATIENCE)
    eventually(lambda: len(slices(cluster)) == 3, "a slice for each NUMA node")
    return cluster


def slices(cluster):
    return cluster.get("resourceslices")["items"]


def complete_pools(cluster):
    """The devices of each pool of which all slices are there."""
    specs = [one["spec"] for one in slices(cluster)]
    newest = {}
    for spec in sorted(specs, key=lambda spec: spec["pool"]["generation"]):
        newest[spec["pool"]["name"]] = spec["pool"]
    members = {name: [spec for spec in specs if spec["pool"] == pool]
               for name, pool in newest.items()}
    return {name: [device for spec in own for device in spec["devices"]]
            for name, own in members.items() if len(own) == newest[name]["resourceSliceCount"]}


def taints(cluster, pool, device):
    slice_ = next(one for one in slices(cluster) if one["spec"]["pool"]["name"] == pool)
    return [f'{taint["key"]}={taint["value"]}:{taint["effect"]}'
            for one in slice_["spec"]["devices"] if one["name"] == device
            for taint in one.get("taints", ())]


def devices_by_uuid(cluster):
    """What the device server, outside of all machines, says."""
    return {device["uuid"]: device for device in cluster.json("devices")["devices"]}


def run_example(driver, name, *pods):
    """Applies an example, waits for its pods, gives what each has said of its devices."""
    driver.kubectl("apply", "-f", EXAMPLES / f"{name}.yaml")
    driver.kubectl("wait", "--for=condition=Ready", *[f"pod/{pod}" for pod in pods], PATIENCE)
    said = [eventually(lambda pod=pod: driver.kubectl("logs", pod), "a pod's log") for pod in pods]
    return [[line.split() for line in text.splitlines()] for text in said]


def end_example(driver, name):
    driver.kubectl("delete", "-f", EXAMPLES / f"{name}.yaml", "--ignore-not-found", PATIENCE)
    eventually(lambda: all(device["owner"] is None for device in devices_by_uuid(driver).values()),
               "all devices are free")


def test_the_agent_has_no_privileges(driver):
    pod = driver.get("-n", "mock-device", "pods")["items"][0]
    context = pod["spec"]["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not context.get("privileged") and not context["allowPrivilegeEscalation"]
    assert not pod["spec"].get("hostNetwork")
    # Under the profile that containerd has for everybody.
    confined = driver.guest("cat /proc/$(pgrep -f -o 'mock-accel-dra-driver node-agent')/attr/current")
    assert confined.strip() == "cri-containerd.apparmor.d (enforce)"


def test_slices_say_where_devices_are(driver):
    pools = {one["spec"]["pool"]["name"]: one["spec"] for one in slices(driver)}
    assert sorted(pools) == ["node0/numa0", "node0/numa1", "node1/numa0"]
    known = devices_by_uuid(driver)
    for name, spec in pools.items():
        for device in spec["devices"]:
            attributes = device["attributes"]
            assert attributes["resource.kubernetes.io/numaNode"] == {"int": int(name[-1])}
            real = known[attributes[f"{DRIVER}/uuid"]["string"]]
            assert (real["node"], real["numa"]) == (spec["nodeName"], int(name[-1]))


def published(driver, pool):
    return {device["name"]: device for one in slices(driver) if one["spec"]["pool"]["name"] == pool
            for device in one["spec"].get("devices", ())}


def computes_anew(driver, pod):
    """Its container was started again, and has done its work since."""
    [container] = driver.get("pod", pod)["status"]["containerStatuses"]
    return (container["restartCount"] > 0 and "running" in container["state"] and
            "as given" in driver.kubectl("logs", pod))


def test_pods_compute_on_two_vfs_of_a_card_while_another_is_pulled(driver):
    numvfs = "/sys/class/mock-accel/mock0/sriov_numvfs"
    driver.guest(f"echo 2 > {numvfs}")
    vfs = eventually(lambda: {name: device for name, device in published(driver, "node0/numa0").items()
                              if name.startswith("mock0-vf")}, "VFs in the slice")
    assert all(device["attributes"][f"{DRIVER}/physfn"] == {"string": "mock0"}
               for device in vfs.values())
    driver.kubectl("apply", "-f", EXAMPLES / "vfs.yaml")
    driver.kubectl("wait", "--for=condition=Ready", "pod/vf-a", "pod/vf-b", PATIENCE)
    held = {driver.guest(f"cat /sys/class/mock-accel/mock0_vf{number}/owner").strip()
            for number in range(2)}
    assert held == {claim["metadata"]["uid"] for claim in driver.get("resourceclaims")["items"]}
    for pod in ("vf-a", "vf-b"):
        eventually(lambda pod=pod: "1 device as given, no other in sight"
                   in driver.kubectl("logs", pod), "the pod has computed")

    # The card is held as a whole now: its VFs stay, and nobody gets the PF beside them.
    refused, said = driver.guest_result(f"echo 0 > {numvfs}")
    assert refused != 0 and "busy" in said

    driver.run("unplug", "node0/mock1")
    eventually(lambda: "mock1" not in published(driver, "node0/numa0"), "the card has left the slice")
    for pod in ("vf-a", "vf-b"):
        before = driver.kubectl("logs", pod).count("as given")
        eventually(lambda pod=pod, before=before: driver.kubectl("logs", pod).count("as given") > before,
                   "the pod goes on")
    driver.run("plug", "node0/mock1")
    eventually(lambda: "mock1" in published(driver, "node0/numa0"), "the card is in the slice again")

    # Their own card: who holds the VFs hears of it, and they stay in their slice until they are let go.
    driver.run("unplug", "node0/mock0")
    for pod in ("vf-a", "vf-b"):
        eventually(lambda pod=pod: any(
            event["reason"] == "DeviceGone" and event["regarding"]["name"] == pod
            for event in driver.get("events.v1.events.k8s.io")["items"]), f"an event of {pod}")
    eventually(lambda: {name: [taint["value"] for taint in device.get("taints", ())]
                        for name, device in published(driver, "node0/numa0").items()
                        if name.startswith("mock0")} == {"mock0-vf0": ["gone"], "mock0-vf1": ["gone"]},
               "its VFs are gone, and the PF is not there")

    # It comes back, they hold its VFs again, and the pods' containers are started anew on them.
    driver.run("plug", "node0/mock0")
    eventually(lambda: "mock0" in published(driver, "node0/numa0"), "the card is in the slice again")
    driver.guest(f"echo 2 > {numvfs}")
    eventually(lambda: {driver.guest(f"cat /sys/class/mock-accel/mock0_vf{number}/owner").strip()
                        for number in range(2)} == held, "the claims hold the VFs again")
    for pod in ("vf-a", "vf-b"):
        eventually(lambda pod=pod: computes_anew(driver, pod), "the pod computes again")
    assert not any("taints" in device for device in published(driver, "node0/numa0").values())
    driver.kubectl("delete", "-f", EXAMPLES / "vfs.yaml", PATIENCE)
    driver.guest(f"echo 0 > {numvfs}")
    eventually(lambda: "mock0-vf0" not in published(driver, "node0/numa0"), "the VFs have left the slice")


def test_simulated_devices_look_like_real_ones(driver):
    """A controller publishes the same topology as another driver."""
    status = driver.status()
    controller = subprocess.Popen(
        [PROGRAMS / "mock-accel-dra-driver", "controller", "--namespace", "default", "--pod-name",
         "a", "--driver-name", "sim.example.com", "--simulated-topology", status["topology"],
         "--kubeconfig", status["kubernetes"]["kubeconfig"], "--healthcheck-port", "-1",
         "--http-port", "-1"], stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: len(slices(driver)) == 6, "as many simulated slices")
    finally:
        controller.terminate()
        controller.wait(60)
    by_driver = {name: {one["spec"]["pool"]["name"]: one["spec"]["devices"]
                        for one in slices(driver) if one["spec"]["driver"] == name}
                 for name in (DRIVER, "sim.example.com")}
    simulated = json.loads(json.dumps(by_driver["sim.example.com"]).replace("sim.example.com", DRIVER))
    assert simulated == by_driver[DRIVER]
    driver.kubectl("delete", "resourceslices", "--selector", "sim.example.com/simulated=true")


@pytest.mark.parametrize("name", ["one-pf", "alternatives"])
def test_a_pod_holds_one_device(driver, name):
    [[words]] = run_example(driver, name, name)
    device = devices_by_uuid(driver)[words[2]]
    claim = driver.get("resourceclaims")["items"][0]
    assert device["owner"] == claim["metadata"]["uid"]
    inside = driver.kubectl("exec", name, "--", "sh", "-c", "ls /dev/mock*")
    assert inside.split() == [f'/dev/{device["name"]}']
    [file] = driver.kubectl("exec", name, "--", "find", "-L", METADATA, "-type", "f").split()
    assert file.startswith(f"{METADATA}/resourceclaimtemplates/") and file.endswith(
        f"/{DRIVER}-metadata.json")
    metadata, _ = json.JSONDecoder().raw_decode(driver.kubectl("exec", name, "--", "cat", file))
    assert metadata["metadata"]["uid"] == claim["metadata"]["uid"]
    [described] = metadata["requests"][0]["devices"]
    assert described["attributes"][f"{DRIVER}/uuid"] == {"string": words[2]}
    end_example(driver, name)


def test_two_devices_on_one_numa_node(driver):
    [lines] = run_example(driver, "two-on-one-numa-node", "two-on-one-numa-node")
    known = devices_by_uuid(driver)
    held = [known[words[2]] for words in lines]
    assert len({device["uuid"] for device in held}) == 2
    assert len({(device["node"], device["numa"]) for device in held}) == 1
    end_example(driver, "two-on-one-numa-node")


def test_a_device_is_chosen_by_what_it_can(driver):
    [[words]] = run_example(driver, "by-memory", "by-memory")
    assert "encryption" in devices_by_uuid(driver)[words[2]]["capabilities"]
    end_example(driver, "by-memory")


def test_pods_share_a_claim(driver):
    [[one], [other]] = run_example(driver, "shared-claim", "shared-a", "shared-b")
    assert one[2] == other[2]
    end_example(driver, "shared-claim")


def test_a_monitor_sees_what_others_hold(driver):
    [[words]] = run_example(driver, "one-pf", "one-pf")
    owner = devices_by_uuid(driver)[words[2]]["owner"]
    driver.kubectl("apply", "-f", EXAMPLES / "admin-access.yaml")
    driver.kubectl("-n", "monitoring", "wait", "--for=condition=Ready", "pod/monitor", PATIENCE)
    seen = eventually(lambda: driver.kubectl("-n", "monitoring", "logs", "monitor"), "a log")
    assert len(seen.split()[1].split(",")) in (2, 4)
    driver.kubectl("delete", "-f", EXAMPLES / "admin-access.yaml", PATIENCE)
    assert devices_by_uuid(driver)[words[2]]["owner"] == owner
    end_example(driver, "one-pf")


def test_a_fault_reaches_the_pod_and_the_scheduler(driver):
    [[words]] = run_example(driver, "one-pf", "one-pf")
    device = devices_by_uuid(driver)[words[2]]
    pool = f'{device["node"]}/numa{device["numa"]}'

    def health():
        status = driver.get("pod", "one-pf")["status"]["containerStatuses"][0]
        return [resource["health"] for one in status.get("allocatedResourcesStatus", ())
                for resource in one["resources"]]

    def shows(wanted, what):
        # The kubelet of 1.34 looks for the claim by the name that the pod has for it, which is another
        # than the claim's own where it is made from a template.
        if not VERSION.startswith("1.34"):
            eventually(lambda: health() == [wanted], what)
    target = f'{device["node"]}/{device["name"]}'
    degraded = f"{DRIVER}/health=degraded:NoSchedule"
    shows("Healthy", "the pod's device is healthy")
    driver.run("fault", target, "degraded")
    shows("Unhealthy", "the pod knows of the fault")
    eventually(lambda: taints(driver, pool, device["name"]) == [degraded], "the scheduler knows")
    driver.run("heal", target, "degraded")
    shows("Healthy", "the pod knows that it is over")
    eventually(lambda: taints(driver, pool, device["name"]) == [], "the scheduler knows that it is over")
    driver.run("fault", target, "failed")
    driver.kubectl("wait", "--for=delete", "pod/one-pf", PATIENCE)
    driver.run("heal", target, "failed")
    end_example(driver, "one-pf")


def test_the_doctor_finds_nothing_wrong(driver):
    def look(text):
        found = json.loads(text)["findings"]
        wrong = [one for one in found if one["severity"] in ("warning", "error")]
        assert not wrong
        return {one["id"]: one for one in found}

    cluster = look(driver.run("doctor", "--cluster", "--output", "json").stdout)
    assert cluster["cluster.reports"]["found"] == "2 find nothing wrong"
    from_outside = look(driver.run("doctor", "--node", "node1", "--output", "json").stdout)
    assert from_outside["node.module"]["found"].endswith("is loaded")
    assert from_outside["node.runtime"]["found"] == "the container runtime can't be seen from the agent's pod"
    by_hand = look(driver.guest("mock-device doctor --node --output json"))
    assert by_hand["node.runtime"]["found"] == "containerd has CDI on"
    assert by_hand["node.apparmor"]["found"] == "AppArmor is on, no denial is in the logs"


def test_an_agent_that_is_killed_loses_nothing(driver):
    [[words]] = run_example(driver, "one-pf", "one-pf")
    device = devices_by_uuid(driver)[words[2]]
    before = {one["metadata"]["name"] for one in slices(driver)}
    driver.run("exec", "--node", device["node"], "--", "pkill", "-KILL", "-f",
               "^mock-accel-dra-driver node-agent")
    agents = ("-n", "mock-device", "pods", "-l", "app.kubernetes.io/component=node-agent",
              "--field-selector", f'spec.nodeName={device["node"]}')
    eventually(lambda: [(one["restartCount"], one["ready"])
                        for pod in driver.get(*agents)["items"]
                        for one in pod["status"]["containerStatuses"]] == [(1, True)],
               "a new agent", timeout=300)
    assert devices_by_uuid(driver)[words[2]]["owner"] == device["owner"]
    assert {one["metadata"]["name"] for one in slices(driver)} == before
    end_example(driver, "one-pf")


@pytest.mark.long
def test_a_node_that_boots_anew_has_its_claims_again(driver):
    """A device that is reset forgets its owner: preparing the claim again gives it back."""
    [[words]] = run_example(driver, "one-pf", "one-pf")
    claim = driver.get("resourceclaims")["items"][0]
    device = devices_by_uuid(driver)[words[2]]
    node, before = device["node"], complete_pools(driver)
    boot = driver.get("node", node)["status"]["nodeInfo"]["bootID"]
    driver.run("exec", "--node", node, "--", "systemctl", "reboot", check=False)
    eventually(lambda: driver.get("node", node)["status"]["nodeInfo"]["bootID"] != boot,
               "the node has booted", timeout=600)
    driver.kubectl("wait", "--for=condition=Ready", f"node/{node}", PATIENCE)
    eventually(lambda: [(one["restartCount"] > 0, one["ready"])
                        for one in driver.get("pod", "one-pf")["status"]["containerStatuses"]]
               == [(True, True)], "the pod runs again", timeout=300)
    owner = driver.run("exec", "--node", node, "--", "cat",
                       f'/sys/class/mock-accel/{device["name"]}/owner').stdout
    assert owner.strip() == claim["metadata"]["uid"]
    assert [one["uuid"] for one in devices_by_uuid(driver).values() if one["owner"]] == [words[2]]
    # The kubelet removes its node's slices when it starts.
    eventually(lambda: complete_pools(driver) == before, "the slices are complete")
    end_example(driver, "one-pf")


def test_an_agent_may_not_write_the_slices_of_another_node(driver, tmp_path):
    agent = driver.kubeconfig_of_agent(tmp_path / "agent", AGENT, "node1")

    def forge(node):
        forged = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice",
                  "metadata": {"name": "forged"},
                  "spec": {"driver": "other.example.com", "nodeName": node, "devices": [],
                           "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}}
        return driver.kubectl("--kubeconfig", agent, "create", "-f", "-", manifest=[forged],
                              check=False)
    refused = forge("node0")
    assert refused.returncode != 0
    assert "the node agent of node1 may not write slices of node0" in refused.stderr
    assert forge("node1").returncode == 0
    driver.kubectl("delete", "resourceslice", "forged")


def test_the_example_of_simulated_nodes(driver):
    """No kubelet is behind the node, and no kwok: its slices are all there is to see."""
    real = len(slices(driver))
    driver.create({"apiVersion": "v1", "kind": "Node", "metadata": {
        "name": "kwok-node-7", "labels": {f"{DRIVER}/simulated": "true"}}})
    driver.kubectl("apply", "-k", EXAMPLES / "simulation")
    pools = eventually(lambda: len(now := complete_pools(driver)) == real + 2 and now,
                       "slices of the simulated node")
    assert {name: len(devices) for name, devices in pools.items() if name.startswith("kwok")} == {
        "kwok-node-7/numa0": 4, "kwok-node-7/numa1": 4}
    # Its slices go with it.
    driver.kubectl("delete", "node", "kwok-node-7")
    eventually(lambda: len(slices(driver)) == real, "they are gone")
    driver.kubectl("apply", "-k", ROOT / "deploy")
    driver.kubectl("delete", "-f", EXAMPLES / "simulation" / "rbac.yaml")
