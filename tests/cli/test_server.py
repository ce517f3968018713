# SPDX-License-Identifier: Apache-2.0
"""Verbs that ask a server: devices and topology from the host, fault, heal."""

import json
import os
import socket
import threading

import pytest


@pytest.fixture(name="devices")
def fixture_devices(mock_device, server):
    """Asks for the devices, by node and name."""
    def ask():
        done = mock_device("devices", "--control", server, "-o", "json")
        assert done.returncode == 0, done.stderr
        return {f"{device['node']}/{device['name']}": device
                for device in json.loads(done.stdout)["devices"]}
    return ask


def test_devices_of_a_server_have_machines_and_slots(mock_device, server, devices):
    lines = mock_device("devices", "--control", server).stdout.splitlines()
    assert lines[0].split()[:6] == ["NODE", "NAME", "TYPE", "NUMA", "SLOT", "UUID"]
    assert [line.split()[:2] for line in lines[1:]] == [["node0", "mock0"], ["node0", "mock1"],
                                                        ["node1", "mock0"]]
    device = devices()["node0/mock1"]
    assert (device["numa"], device["memory"], device["total_vfs"]) == (1, 8 << 30, 4)
    assert device["pci"] is None and device["connected"] is False and device["faults"] == []
    assert device["plugged"] is True and device["enabled_vfs"] == 0


def test_topology_of_a_server_has_a_tree_a_machine(mock_device, server):
    lines = mock_device("topology", "--control", server).stdout.splitlines()
    assert [line for line in lines if line.startswith("node")] == ["node0", "node1"]
    assert "slot 1" in lines[2]


def test_faults_come_and_go(mock_device, server, devices):
    assert mock_device("fault", "node0/mock0", "degraded", "--control", server).returncode == 0
    assert mock_device("fault", "node0/mock0", "thermal", 97.5, "--control",
                       server).returncode == 0
    device = devices()["node0/mock0"]
    assert (device["health"], device["temperature"]) == ("degraded", 97500)
    assert device["faults"] == ["degraded", "thermal"]
    assert devices()["node1/mock0"]["health"] == "healthy"

    assert mock_device("heal", "node0/mock0", "thermal", "--control", server).returncode == 0
    assert devices()["node0/mock0"]["faults"] == ["degraded"]
    assert mock_device("heal", "node0/mock0", "--control", server).returncode == 0
    assert devices()["node0/mock0"]["health"] == "healthy"


def test_planned_faults_are_listed(mock_device, server):
    lines = mock_device("schedule", "--control", server).stdout.splitlines()
    assert lines[0].split()[:4] == ["NODE", "DEVICE", "FAULT", "VALUE"]
    assert lines[1].split()[:11] == ["node1", "mock0_vf1", "slow", "7", "3600", "s", "60", "s",
                                     "7200", "s", "off"]
    listed = mock_device("schedule", "--control", server, "-o", "json").stdout
    [planned] = json.loads(listed)["schedule"]
    assert 0 < planned.pop("next") <= 3600
    assert planned == {"node": "node1", "device": "mock0_vf1", "fault": "slow", "value": 7.0,
                       "at": 3600.0, "for": 60.0, "every": 7200.0, "on": False}


def test_a_device_may_be_named_by_its_uuid(mock_device, server, devices):
    uuid = devices()["node1/mock0"]["uuid"]
    assert mock_device("fault", uuid, "failed", "--control", server).returncode == 0
    assert devices()["node1/mock0"]["health"] == "failed"


@pytest.mark.parametrize("arguments, complaint", [
    (["mock7", "degraded"], "mock7"),
    (["mock0", "degraded"], "mock0"),  # both machines have one
    (["mock1", "thermal", "1000"], "1000"),
    (["mock1", "degraded", "3"], "3"),
])
def test_the_servers_refusal_is_the_error(mock_device, server, arguments, complaint):
    done = mock_device("fault", *arguments, "--control", server)
    assert done.returncode == 1
    assert done.stderr.startswith("mock-device: ") and done.stderr.count("\n") == 1
    assert complaint in done.stderr


@pytest.mark.parametrize("reply", [b"", b"hello\n", b'{"ok": true}\n',
                                   b'{"ok": true, "devices": 7}\n',
                                   b'{"ok": true, "devices": [{"name": "mock0"}]}\n',
                                   b'{"ok": true, "devices": [[1], null, 3]}\n',
                                   b'{"ok": false, "error": "no"}\n'])
def test_a_strange_server_is_an_error(mock_device, tmp_path, reply):
    path = tmp_path / "strange.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)
        thread = threading.Thread(target=answer)
        thread.start()
        done = mock_device("devices", "--control", path)
        thread.join()
    assert done.returncode == 1
    assert done.stderr.startswith("mock-device: ")


def test_a_socket_that_nobody_serves_is_an_error(mock_device, tmp_path):
    done = mock_device("heal", "mock0", "--control", tmp_path / "nobody.sock")
    assert done.returncode == 1 and "nobody.sock" in done.stderr


def test_a_server_may_be_asked_by_another_working_folder(mock_device, server):
    done = mock_device("devices", "--control", os.path.relpath(server, server.parent),
                       cwd=server.parent)
    assert done.returncode == 0, done.stderr
