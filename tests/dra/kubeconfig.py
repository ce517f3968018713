# SPDX-License-Identifier: Apache-2.0
"""Kubeconfigs that differ from the lab's."""

import yaml


def server_of(kubeconfig):
    """Its API server's address."""
    config = yaml.safe_load(open(kubeconfig, encoding="utf-8"))
    return config["clusters"][0]["cluster"]["server"]


def changed(kubeconfig, file, **members):
    """A copy of a kubeconfig with other values in its cluster or user."""
    config = yaml.safe_load(open(kubeconfig, encoding="utf-8"))
    for part in (config["clusters"][0]["cluster"], config["users"][0]["user"]):
        for name in list(part):
            if name in members:
                part[name] = members[name]
    if "user" in members:
        config["users"][0]["user"] = members["user"]
    file.write_text(yaml.safe_dump(config))
    return file
