# SPDX-License-Identifier: Apache-2.0
"""The API server serves resource.k8s.io no more. The last test: nobody else can use the cluster then."""

import subprocess
import sys

import pytest

from lab import PATIENCE, ROOT
from resource_api import MINOR, SERVED

sys.path.append(str(ROOT / "scripts"))

import chart  # noqa: E402


@pytest.mark.skipif(MINOR != 36, reason="other API servers end without v1")
def test_no_version_of_the_resource_api(plane, doctor):
    plane.replace(without=SERVED)
    found = doctor()
    assert found.status == 1
    assert "cluster.resource-api" in found.errors()
    advice = found.of("cluster.resource-api")[0]
    assert "--runtime-config" in advice["remedy"]
    assert found.worse_than_ok("cluster.slices")[0][0] == "note"

    refused = subprocess.run([chart.helm_program(), "install", "mock-device", chart.CHART, "--namespace", "other",
                              "--kubeconfig", plane.status_at_start["kubeconfig"]], check=False,
                             text=True, capture_output=True, timeout=PATIENCE)
    assert refused.returncode != 0
    assert "serves no version of resource.k8s.io that mock-device speaks" in refused.stderr
