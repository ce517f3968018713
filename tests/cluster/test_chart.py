# SPDX-License-Identifier: Apache-2.0
"""The Helm chart on real nodes: pods that hold devices while releases come, change and go."""

import pytest

from cluster import make_driver_image
from lab import ROOT, eventually
from release import NAMESPACE, Release

pytestmark = pytest.mark.long

EXAMPLE = ROOT / "docs" / "examples" / "one-pf.yaml"
PATIENCE = "--timeout=300s"


@pytest.fixture(scope="module")
def release(cluster, tmp_path_factory):
    cluster.run("load-image", make_driver_image(tmp_path_factory.mktemp("image") / "driver.tar"))
    cluster.kubectl("delete", "-k", ROOT / "deploy", "--ignore-not-found", PATIENCE)
    release = Release(cluster)
    release.upgrade()
    eventually(lambda: len(cluster.get("resourceslices")["items"]) == 3, "a slice for each NUMA node")
    yield release
    cluster.kubectl("delete", "-f", EXAMPLE, "--ignore-not-found", PATIENCE)
    release.uninstall()


@pytest.fixture
def holder(release):
    """A pod that holds a device. Gives the claim's UID."""
    release.cluster.kubectl("apply", "-f", EXAMPLE)
    release.cluster.kubectl("wait", "--for=condition=Ready", "pod/one-pf", PATIENCE)
    [claim] = release.cluster.get("resourceclaims")["items"]
    assert release.owners() == {claim["metadata"]["uid"]}
    return claim["metadata"]["uid"]


def still_holds(release, uid):
    """Whether the pod has never noticed anything."""
    [container] = release.cluster.get("pod", "one-pf")["status"]["containerStatuses"]
    return container["restartCount"] == 0 and release.owners() == {uid}


def ends(release):
    release.cluster.kubectl("delete", "-f", EXAMPLE, PATIENCE)
    eventually(lambda: not release.owners(), "the device is free")


def test_helm_test_computes_on_a_device(release):
    said = release.helm("test")
    assert "Phase:" in said and "Succeeded" in said
    left = release.cluster.get("-n", NAMESPACE, "pods,resourceclaimtemplates",
                               "-l", "app.kubernetes.io/component=test")
    assert left["items"] == []
    eventually(lambda: not release.owners(), "the device is free")


def test_upgrade_and_rollback_under_a_pod_that_holds_a_device(release, holder):
    release.upgrade("--set", "draDriver.logLevel=debug")
    assert still_holds(release, holder)
    # From now on both agents of a node overlap.
    release.upgrade("--set", "draDriver.nodeAgent.rollingUpdate=true")
    release.upgrade("--set", "draDriver.nodeAgent.rollingUpdate=true,draDriver.logLevel=debug")
    assert still_holds(release, holder)
    release.helm("rollback", "1", "--wait")
    assert still_holds(release, holder)
    ends(release)


# Programs that have an accelerator open.
OPEN = """for fd in /proc/[0-9]*/fd/*; do
  case $(readlink "$fd") in /dev/mock*) cat "${fd%/fd/*}/comm" ;; esac
done"""


def test_a_privileged_agent_keeps_the_module_loaded(release, holder):
    release.upgrade("--set", "draDriver.nodeAgent.privileged=true")
    node = release.cluster.get("pod", "one-pf")["spec"]["nodeName"]
    eventually(lambda: "mock-accel-dra-" in release.cluster.guest(OPEN, node=node), "an open device")
    assert "in use" in release.cluster.guest("rmmod mock-accel 2>&1", node=node, check=False)
    assert still_holds(release, holder)
    ends(release)


def test_a_pod_outlives_the_driver_and_ends_when_it_is_back(release, holder):
    release.helm("uninstall")
    release.cluster.kubectl("-n", NAMESPACE, "wait", "--for=delete", "pods", "--all", PATIENCE)
    assert still_holds(release, holder)
    release.upgrade()
    assert still_holds(release, holder)
    ends(release)
