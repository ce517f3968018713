# SPDX-License-Identifier: Apache-2.0
"""What differs between versions of Kubernetes and of resource.k8s.io."""

from cluster import VERSION

MINOR = int(VERSION.split(".")[1])

# In which a server of this version has slices, newest first.
SERVED = {31: ["v1alpha3"], 32: ["v1beta1", "v1alpha3"],
          33: ["v1beta2", "v1beta1", "v1alpha3"]}.get(MINOR, ["v1", "v1beta2", "v1beta1"])
NEWEST = SERVED[0]
FLAT = ("v1beta1", "v1alpha3")


def request(name, **fields):
    """A request of a claim's for one device."""
    return {"name": name, **fields} if NEWEST in FLAT else {"name": name, "exactly": fields}


def body(version, device):
    """Attributes and all that of a slice's device."""
    return device["basic"] if version in FLAT else device


def capacity(version, text):
    return text if version == "v1alpha3" else {"value": text}
