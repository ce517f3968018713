# SPDX-License-Identifier: Apache-2.0
"""A pod that holds a device."""

from lab import ROOT
from resource_api import NEWEST, request

DRIVER_IMAGE = f"localhost/mock-accel-dra-driver:{(ROOT / 'VERSION').read_text().strip()}"

COMPUTE = ["/bin/mock-device-workload", "verify", "--forever", "--pause", "1"]


def holder(name, command, image=DRIVER_IMAGE):
    """A pod with a whole accelerator, and its claim."""
    return [
        {"apiVersion": f"resource.k8s.io/{NEWEST}", "kind": "ResourceClaim", "metadata": {"name": name},
         "spec": {"devices": {"requests": [request("accelerator", deviceClassName="mock-accel-pf")]}}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
         "spec": {
             "terminationGracePeriodSeconds": 1,
             "restartPolicy": "Never",
             "resourceClaims": [{"name": "accelerator", "resourceClaimName": name}],
             "containers": [{
                 "name": "main", "image": image, "command": command,
                 "resources": {"claims": [{"name": "accelerator"}]}}]}},
    ]
