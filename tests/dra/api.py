# SPDX-License-Identifier: Apache-2.0
"""Claims by the thousand: the API server over one connection, without a kubectl for each call."""

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import yaml


class Api:
    """resource.k8s.io, as the user of a kubeconfig with a client certificate."""

    def __init__(self, kubeconfig, version):
        config = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urlsplit(cluster["server"])
        with tempfile.TemporaryDirectory() as folder:
            def file(part, name):
                """The file that a member names, or one with the data that it holds."""
                if name in part:
                    return part[name]
                path = Path(folder) / name
                path.write_bytes(base64.b64decode(part[f"{name}-data"]))
                return str(path)

            context = ssl.create_default_context(cafile=file(cluster, "certificate-authority"))
            context.load_cert_chain(file(user, "client-certificate"), file(user, "client-key"))
        self.connect = lambda: http.client.HTTPSConnection(url.hostname, url.port, context=context)
        self.connection = self.connect()
        self.version = version

    def call(self, verb, path, body=None):
        """The object that comes back."""
        text = json.dumps(body) if body is not None else None
        self.connection.request(verb, f"/apis/resource.k8s.io/{self.version}/{path}", text,
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status < 300, content
        return content

    def watch(self, path):
        """The objects of `path` as they come to be, on a connection of its own, until it is closed."""
        connection = self.connect()
        try:
            connection.request("GET", f"/apis/resource.k8s.io/{self.version}/{path}")
            for line in connection.getresponse():
                yield json.loads(line)["object"]
        finally:
            connection.close()
