# SPDX-License-Identifier: Apache-2.0
"""What a server does for those who use it as they should."""

import json
import os
import signal
import socket
import time

import pytest
import yaml

from .programs import CONFIG_REGION, HEALTH, TOPOLOGIES, TWO_NUMA, Client, run, sockets, until

READY_MADE = sorted(TOPOLOGIES.glob("*.yaml"))
UUID = "12345678-1234-4234-9234-123456789abc"


def count(devices):
    return devices if isinstance(devices, int) else len(devices)


@pytest.mark.parametrize("topology", READY_MADE, ids=lambda path: path.stem)
def test_serves_all_devices_of_each_ready_made_topology(start, folder, topology):
    server = start("--topology", topology, "--socket-dir", folder)
    devices = server.devices()
    nodes = yaml.safe_load(topology.read_text())["nodes"]
    assert len(devices) == sum(count(numa["devices"]) for node in nodes for numa in node["numa"])
    assert len({device["uuid"] for device in devices}) == len(devices)
    for socket, attach in {(device["socket"], device["attach"]) for device in devices}:
        with Client(socket) as client:
            assert client.read(CONFIG_REGION, 0) == {"direct": 0x0001_1de5,
                                                     "fabric": 0x00fb_1de5}[attach]
    assert server.stop() == 0


@pytest.mark.parametrize("topology", READY_MADE, ids=lambda path: path.stem)
def test_dry_run_lists_the_devices_and_touches_nothing(folder, topology):
    done = run("--topology", topology, "--socket-dir", folder, "--dry-run")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.splitlines()[-1].startswith("OK: ")
    assert not list(folder.iterdir())


def test_list_says_what_the_topology_says(start, folder):
    device = start().devices()[3]
    assert device == {
        "node": "node0", "name": "mock3", "numa": 1, "slot": 2, "uuid": device["uuid"],
        "memory": 64 << 30, "vfs": 32,
        "capabilities": ["compute", "encryption", "compression", "p2p"],
        "health": "healthy", "temperature": 45000, "error_count": 0,
        "status": "free", "owner": None, "faults": [],
        "socket": str(folder / "node0-mock3.sock"), "connected": False,
        "attach": "direct", "plugged": True, "enabled_vfs": []}


def test_list_says_whether_a_client_is_connected(start):
    server = start()
    with Client(server.devices()[1]["socket"]):
        assert [device["connected"] for device in server.devices()] == [False, True, False, False]
    until(lambda: not server.devices()[1]["connected"], "the client has left")


def test_serves_the_devices_of_one_node(start, folder):
    server = start("--topology", TOPOLOGIES / "two-nodes.yaml", "--socket-dir", folder,
                   "--node", "node1")
    assert [(device["node"], device["name"]) for device in server.devices()] == [
        ("node1", "mock0"), ("node1", "mock1")]
    assert sockets(folder) == ["control.sock", "node1-numa0.sock"]


def test_pulls_a_card_out_of_its_slot_and_puts_it_back(start, folder):
    server = start("--topology", TOPOLOGIES / "two-numa.yaml", "--socket-dir", folder)
    with server.control() as control:
        assert control.ask("unplug", device="mock1")["device"]["plugged"] is False
        again = control.ask("unplug", device="mock1")
        assert (again["ok"], again["error"]) == (False, "node0/mock1: is not plugged in")
        assert [device["plugged"] for device in server.devices()] == [True, False, True, True]
        assert control.ask("plug", device="mock1")["device"]["plugged"] is True
        again = control.ask("plug", device="mock1")
        assert (again["ok"], again["error"]) == (False, "node0/mock1: is plugged in already")


PLANNED = """
nodes:
- name: a
  numa:
  - devices:
    - faults:
      - {kind: thermal, value: 97}
      - {kind: errors, value: 2, every: 100ms}
      - {kind: degraded, at: 200ms, for: 300ms, every: 1s}
      - {kind: failed, vf: 3, at: 1h}
"""


def test_planned_faults_come_by_themselves(start, folder):
    (folder / "t.yaml").write_text(PLANNED)
    server = start("--topology", folder / "t.yaml", "--socket-dir", folder)
    with server.control() as control:
        def device():
            return control.ask("list")["devices"][0]

        def planned(fault):
            return next(one for one in control.ask("schedule")["schedule"]
                        if one["fault"] == fault)

        assert (device()["temperature"], device()["health"]) == (97000, "degraded")
        until(lambda: device()["error_count"] >= 6, "errors add up")
        until(lambda: "degraded" in device()["faults"], "it comes")
        until(lambda: "degraded" not in device()["faults"], "it goes")
        until(lambda: "degraded" in device()["faults"], "it comes again")
        assert planned("thermal") == {
            "node": "a", "device": "mock0", "fault": "thermal", "value": 97.0, "at": 0.0,
            "for": None, "every": None, "on": True, "next": None}
        failed = planned("failed")
        assert (failed["device"], failed["on"]) == ("mock0_vf3", False)
        assert 0 < failed["next"] <= 3600

        # What is planned is not healed by hand.
        assert "thermal" in control.ask("heal", device="mock0")["device"]["faults"]
    assert "a/mock0: fault thermal comes as planned" in server.log()
    assert server.stop() == 0


def test_a_server_without_plans_says_so(start):
    assert start().ask("schedule") == {"ok": True, "schedule": []}


def test_serves_one_device_by_flags(start, folder):
    server = start("--socket", folder / "a.sock", "--uuid", UUID, "--memory", "512MiB",
                   "--capabilities", "compute,p2p", "--control", folder / "control.sock",
                   "--vendor", "0x1234")
    device = server.devices()[0]
    assert (device["uuid"], device["memory"]) == (UUID, 512 << 20)
    assert device["capabilities"] == ["compute", "p2p"]
    with Client(folder / "a.sock") as client:
        assert client.read(CONFIG_REGION, 0) == 0x0001_1234


def test_one_device_has_no_control_socket_unless_asked_for(start, folder):
    server = start("--socket", folder / "a.sock", "--uuid", UUID)
    assert sockets(folder) == ["a.sock"]
    assert server.stop() == 0


def test_takes_flags_from_the_environment(start, folder):
    server = start("--log-level", "info", env=os.environ | {
        "MOCK_ACCEL_SERVER_TOPOLOGY": str(TWO_NUMA), "MOCK_ACCEL_SERVER_SOCKET_DIR": str(folder)})
    assert len(server.devices()) == 4


def test_fault_and_heal_show_in_the_registers(start):
    server = start()
    with Client(server.devices()[0]["socket"]) as client:
        assert client.read(0, HEALTH) == 0
        changed = server.ask("fault", device="mock0", fault="degraded")
        assert changed["device"]["health"] == "degraded"
        assert changed["device"]["faults"] == ["degraded"]
        assert client.read(0, HEALTH) == 1
        server.ask("fault", device="node0/mock0", fault="thermal", value=99.5)
        assert server.devices()[0]["temperature"] == 99500
        server.ask("heal", device="mock0", fault="degraded")
        assert server.devices()[0]["faults"] == ["thermal"]
        healed = server.ask("heal", device=server.devices()[0]["uuid"])
        assert healed["device"]["faults"] == []
        assert client.read(0, HEALTH) == 0
    assert "node0/mock0: fault degraded injected" in server.log()


def test_fault_leaves_other_devices_alone(start):
    server = start()
    server.ask("fault", device="mock1", fault="failed")
    assert [device["health"] for device in server.devices()] == [
        "healthy", "failed", "healthy", "healthy"]


def test_every_fault_that_it_names_can_be_injected_and_healed(start, folder):
    server = start("--topology", TOPOLOGIES / "two-numa.yaml", "--socket-dir", folder)
    faults = server.ask("faults")["faults"]
    assert {"degraded", "failed", "thermal", "errors"} <= {fault["name"] for fault in faults}
    for fault in faults:
        assert fault["meaning"]
        done = server.ask("fault", device="mock0", fault=fault["name"])
        passes = fault["name"].endswith("-error")
        assert done["device"]["faults"] == ([] if passes else [fault["name"]])
        assert server.ask("heal", device="mock0", fault=fault["name"])["device"]["faults"] == []


def test_faults_of_a_slot_need_one(start):
    done = start().ask("fault", device="mock0", fault="link-down")
    assert done["error"] == ("node0/mock0: is attached directly, and stays; "
                             "with `attach: fabric` it has a slot")


def test_version_names_program_and_abi(start):
    server = start()
    answer = server.ask("version")
    assert answer["version"] == run("--version").stdout.strip()
    assert answer["abi"] == 1
    assert answer["pid"] == server.process.pid


def test_sockets_are_for_their_user_only(start, folder):
    start(umask=0)
    assert {(folder / name).stat().st_mode & 0o777 for name in sockets(folder)} == {0o600}


def test_tells_systemd_when_it_is_ready_and_when_it_stops(start, folder):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(folder / "notify"))
    manager.settimeout(30)
    server = start(env=os.environ | {"NOTIFY_SOCKET": str(folder / "notify")})
    assert manager.recv(4096) == b"READY=1\nSTATUS=Serving 4 devices"
    assert server.stop() == 0
    assert manager.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_on_a_signal(start, folder, number):
    server = start()
    with Client(folder / "node0-mock0.sock"), server.control():
        assert server.stop(number) == 0
    assert sockets(folder) == []


def test_a_second_signal_ends_it_at_once(start, folder):
    server = start()
    # Clients that do not leave make stopping take a moment, in which the second signal comes.
    clients = [Client(folder / f"node0-mock{number}.sock") for number in range(4)]
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.process.poll() is not None
          or int(server.status()["SigBlk"], 16) & 1 << signal.SIGTERM - 1 == 0,
          "the first signal is taken")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) in (0, -signal.SIGTERM)
    for client in clients:
        client.socket.close()


def test_sixty_four_devices_of_a_tebibyte_start_at_once(start, folder):
    nodes = [{"name": f"node{node}", "numa": [{"devices": [{"memory": "1TiB"}] * 32}]}
             for node in range(2)]
    file = folder / "topology.yaml"
    file.write_text(json.dumps({"attach": "direct", "nodes": nodes}))  # JSON is YAML
    began = time.monotonic()
    server = start("--topology", file, "--socket-dir", folder)
    clients = [Client(device["socket"]) for device in server.devices()]
    # The benchmark measures it; here only that nothing depends on the memory's size.
    assert time.monotonic() - began < 5
    assert all(device["connected"] for device in server.devices())
    for client in clients:
        client.socket.close()
    assert int(server.status()["VmRSS"].split()[0]) < 64 << 10


def test_says_one_line_at_start_and_at_stop(start):
    server = start(env={name: value for name, value in os.environ.items()
                        if name != "JOURNAL_STREAM"})
    server.stop()
    assert [line.split(" ", 1)[1] for line in server.log().splitlines()] == [
        "info: serving 4 devices", "info: stopped"]


def test_log_level_silences_it(start, folder):
    server = start("--topology", TWO_NUMA, "--socket-dir", folder, "--log-level", "off",
                   wait=False)
    until(lambda: (folder / "node0-mock3.sock").is_socket(), "the last socket is there")
    assert server.stop() == 0
    assert server.log() == ""
