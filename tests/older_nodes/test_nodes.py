# SPDX-License-Identifier: Apache-2.0
"""A node of a Kubernetes before 1.34, whose kubelet speaks older versions of the plugin's protocol: the chart, and pods
that hold a device. make test-matrix runs it with such versions."""

import pytest

from cluster import KUBERNETES, Cluster, make_driver_image, new_name
from holder import holder
from lab import eventually
from release import Release

PATIENCE = "--timeout=300s"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    cluster = Cluster(new_name("older"), "--nodes", 1, *KUBERNETES)
    try:
        cluster.run("load-image", make_driver_image(tmp_path_factory.mktemp("image") / "driver.tar"))
        release = Release(cluster)
        release.upgrade()
        eventually(lambda: cluster.get("resourceslices")["items"], "slices")
        yield release
        release.uninstall()
        # By the kubelet, which gives a driver some time to come back.
        eventually(lambda: not cluster.get("resourceslices")["items"], "no slices are left")
    finally:
        cluster.down()


def test_helm_test_computes_on_a_device(release):
    assert "Succeeded" in release.helm("test")
    eventually(lambda: not release.owners(), "the device is free")


def test_a_pod_keeps_its_device_while_the_release_changes(release):
    cluster = release.cluster
    cluster.create(*holder("holds", ["sh", "-c", "ls /dev/mock*; exec sleep infinity"], "localhost/busybox:1"))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/holds", PATIENCE)
    uid = cluster.get("resourceclaim", "holds")["metadata"]["uid"]
    assert release.owners() == {uid}
    seen = eventually(lambda: cluster.kubectl("logs", "holds").split(), "what the pod sees")
    assert len(seen) == 1
    release.upgrade("--set", "draDriver.logLevel=debug")
    [container] = cluster.get("pod", "holds")["status"]["containerStatuses"]
    assert (container["restartCount"], release.owners()) == (0, {uid})
    cluster.kubectl("delete", "pod/holds", "resourceclaim/holds", PATIENCE)
    eventually(lambda: not release.owners(), "the device is free")
