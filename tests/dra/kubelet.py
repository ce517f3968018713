# SPDX-License-Identifier: Apache-2.0
"""Plays the kubelet: speaks to a driver over its sockets."""

import importlib
import subprocess
import sys
from pathlib import Path

import grpc

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "abi" / "kubelet"
PATIENCE = 30

# What a kubelet calls, by the name in supported_versions.
SERVICES = {
    "v1.DRAPlugin": ("dra_v1", "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin"),
    "v1beta1.DRAPlugin": ("dra_v1beta1", "k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin"),
    "1.0.0": ("dra_v1alpha3", "v1alpha3.Node"),
}


def connect(target):
    """A connection of its own: one to a process that is gone does not come back in the next."""
    return grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1),
                                                  ("grpc.max_reconnect_backoff_ms", 200),
                                                  ("grpc.initial_reconnect_backoff_ms", 50)])


class Messages:
    """The modules that protoc makes of the contracts, by the names of their files."""

    def __init__(self, folder):
        names = sorted(path.name for path in CONTRACTS.glob("*.proto"))
        subprocess.run(["protoc", f"--python_out={folder}", "-I", CONTRACTS, *names], check=True)
        sys.path.insert(0, str(folder))
        for name in names:
            stem = name.removesuffix(".proto")
            setattr(self, stem, importlib.import_module(f"{stem}_pb2"))
        sys.path.remove(str(folder))


class Kubelet:
    """A kubelet that speaks one version of DRA with one driver."""

    def __init__(self, messages, registration_socket, service="v1.DRAPlugin"):
        self.messages = messages
        self.registration = connect(f"unix:{registration_socket}")
        self.module, self.path = getattr(messages, SERVICES[service][0]), SERVICES[service][1]
        self.plugin = None
        self.patience = PATIENCE

    def call(self, channel, path, request, response):
        return channel.unary_unary(path, request_serializer=type(request).SerializeToString,
                                   response_deserializer=response.FromString)(
                                       request, timeout=self.patience, wait_for_ready=True)

    def register(self):
        """The whole handshake. Gives what the plugin said of itself."""
        types = self.messages.plugin_registration
        info = self.call(self.registration, "/pluginregistration.Registration/GetInfo",
                         types.InfoRequest(), types.PluginInfo)
        self.plugin = connect(f"unix:{info.endpoint}")
        self.call(self.registration, "/pluginregistration.Registration/NotifyRegistrationStatus",
                  types.RegistrationStatus(plugin_registered=True),
                  types.RegistrationStatusResponse)
        return info

    def _claims(self, kind, claims):
        request = getattr(self.module, f"{kind}Request")()
        for claim in claims:
            metadata = claim["metadata"]
            request.claims.add(namespace=metadata["namespace"], name=metadata["name"],
                               uid=metadata["uid"])
        return self.call(self.plugin, f"/{self.path}/{kind}", request,
                         getattr(self.module, f"{kind}Response")).claims

    def prepare(self, *claims):
        return self._claims("NodePrepareResources", claims)

    def unprepare(self, *claims):
        return self._claims("NodeUnprepareResources", claims)

    def health(self):
        """A stream of health, as {device: (status, message)}."""
        types = self.messages.health_v1alpha1
        stream = self.plugin.unary_stream(
            "/v1alpha1.DRAResourceHealth/NodeWatchResources",
            request_serializer=types.NodeWatchResourcesRequest.SerializeToString,
            response_deserializer=types.NodeWatchResourcesResponse.FromString)(
                types.NodeWatchResourcesRequest(), timeout=PATIENCE)
        for message in stream:
            yield {one.device.device_name: (types.HealthStatus.Name(one.health), one.message)
                   for one in message.devices}

    def liveness(self, port):
        types = self.messages.grpc_health
        channel = connect(f"127.0.0.1:{port}")
        answer = self.call(channel, "/grpc.health.v1.Health/Check",
                           types.HealthCheckRequest(service="liveness"), types.HealthCheckResponse)
        return types.HealthCheckResponse.ServingStatus.Name(answer.status)
