# SPDX-License-Identifier: Apache-2.0
"""What a server does when something is wrong: one clear line, the right exit code, no damage."""

import os
import socket
import subprocess
import time

import pytest

from .programs import PROGRAM, TWO_NUMA, Client, run, sockets, until

UUID = "12345678-1234-4234-9234-123456789abc"
ONE = "nodes:\n- name: a\n  numa:\n  - devices:\n    - "


def refused(folder, text, *arguments):
    """What a server says to this topology."""
    file = folder / "t.yaml"
    file.write_text(text)
    done = run("--topology", file, "--socket-dir", folder, *arguments)
    assert done.returncode == 2 and not done.stdout
    assert not sockets(folder)
    return done.stderr.replace(str(file), "t.yaml")


@pytest.mark.parametrize(("text", "said"), [
    (ONE + "colour: red\n", "t.yaml:5: nodes[0].numa[0].devices[0].colour: unknown key; known are "
     "uuid, memory, vfs, numvfs, vf_memory, capabilities, slot, faults\n"),
    (ONE + "vfs: 65\n",
     "t.yaml:5: nodes[0].numa[0].devices[0].vfs: 65 is more than the 64 that a PF can have\n"),
    (ONE + "memory: 0\n",
     "t.yaml:5: nodes[0].numa[0].devices[0].memory: 0 B is less than 4 KiB\n"),
    (ONE + f"uuid: {UUID}\n    - uuid: {UUID}\n",
     f"t.yaml:6: nodes[0].numa[0].devices[1].uuid: {UUID} is also that of "
     "nodes[0].numa[0].devices[0] on line 5\n"),
    ("nodes:\n- name: a\n  numa:\n  - id: -1\n",
     "t.yaml:4: nodes[0].numa[0].id: -1 is less than 0\n"),
    ("{{{", "t.yaml:1: not YAML: "),
    ("", "t.yaml: the file is empty; it has to have nodes\n"),
    ("\0\1\2", "t.yaml:1: control character 0x00 in the text\n"),
    ("#" * (10 << 20), "t.yaml: larger than the 1 MiB that are read at most\n"),
], ids=["unknown key", "65 VFs", "no memory", "uuid twice", "negative NUMA node", "not YAML",
        "empty", "binary", "10 MiB"])
def test_bad_topology_is_named_with_its_line(folder, text, said):
    answer = refused(folder, text)
    assert answer == said or said.endswith(" ") and answer.startswith(said)


def test_all_problems_are_named_at_once(folder):
    lines = refused(folder, ONE + "vfs: 65\n      slot: 0\n      memory: x\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["5", "6", "7"]


@pytest.mark.parametrize(("make", "said"), [
    (lambda path: None, "No such file or directory"),
    (lambda path: path.mkdir(), "not a regular file"),
    (os.mkfifo, "not a regular file"),
])
def test_topology_that_is_no_file_is_named(folder, make, said):
    make(folder / "t")
    done = run("--topology", folder / "t", "--dry-run")
    assert (done.returncode, done.stderr) == (2, f"{folder}/t: {said}\n")


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "one of --topology and --socket is required"),
    (["--topology", TWO_NUMA], "--socket-dir is required with --topology"),
    (["--topology", TWO_NUMA, "--socket-dir", "x" * 100], "a socket's can have 107"),
    (["--topology", TWO_NUMA, "--dry-run", "--node", "node7"], "no such node"),
    (["--topology", TWO_NUMA, "--dry-run", "--log-level", "loud"], "log level loud is none of"),
    (["--socket", "a"], "--uuid is required"),
    (["--socket", "a", "--uuid", UUID, "--memory", "-1"], "--memory: -1 is not a size"),
    (["--colour"], "--colour"),
])
def test_bad_flags_are_named(arguments, said):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("mock-accel-server: ") and said in done.stderr
    assert done.stderr.count("\n") == 1


def failure(*arguments, **options):
    """What a server says that fails at run time."""
    done = run(*arguments, **options)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    return done.stderr


def test_socket_that_somebody_serves_is_left_alone(start, folder):
    start()
    said = failure("--topology", TWO_NUMA, "--socket-dir", folder, "--control", folder / "c.sock")
    assert "node0-mock0.sock" in said and "another process serves it" in said
    with Client(folder / "node0-mock0.sock"):
        pass
    assert "c.sock" not in sockets(folder)


def test_file_in_the_place_of_a_socket_is_left_alone(folder):
    (folder / "node0-mock2.sock").write_text("precious")
    said = failure("--topology", TWO_NUMA, "--socket-dir", folder)
    assert "node0-mock2.sock" in said and "not a socket" in said
    assert (folder / "node0-mock2.sock").read_text() == "precious"
    assert not sockets(folder)


def test_stale_sockets_of_a_killed_server_are_replaced(start, folder):
    first = start()
    first.kill()
    assert len(sockets(folder)) == 5
    second = start()
    assert all(device["health"] == "healthy" for device in second.devices())
    assert second.stop() == 0
    assert sockets(folder) == []


def test_missing_folder_is_named(folder):
    assert f"{folder}/none" in failure("--topology", TWO_NUMA, "--socket-dir", folder / "none")


def test_folder_without_permission_is_named(folder):
    if os.geteuid() == 0:
        folder.chmod(0o755)
        options = {"user": 65534, "group": 65534, "extra_groups": []}
        program = folder / "program"  # where nobody can reach it
        program.write_bytes(PROGRAM.read_bytes())
        program.chmod(0o755)
        topology = folder / "t.yaml"
        topology.write_bytes(TWO_NUMA.read_bytes())
        done = subprocess.run([program, "--topology", topology, "--socket-dir", folder],
                              capture_output=True, text=True, timeout=30, check=False, **options)
        assert done.returncode == 1
        said = done.stderr
    else:
        folder.chmod(0o500)
        said = failure("--topology", TWO_NUMA, "--socket-dir", folder)
        folder.chmod(0o700)
    assert "Permission denied" in said and str(folder) in said


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_full_file_system_is_named(folder):
    mounted = folder / "full"
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=4", "tmpfs", mounted],
                   check=True)
    try:
        said = failure("--topology", TWO_NUMA, "--socket-dir", mounted)
        assert "No space left on device" in said
        assert not sockets(mounted)
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_of_two_servers_that_race_for_a_folder_one_serves_everything(folder, start):
    arguments = [PROGRAM, "--topology", TWO_NUMA, "--socket-dir", folder]
    for _ in range(5):
        racers = [subprocess.Popen(list(map(str, arguments)), stderr=subprocess.PIPE, text=True)
                  for _ in range(4)]
        until(lambda: sum(racer.poll() is None for racer in racers) == 1, "one is left")
        for racer in racers:
            if racer.poll() is None:
                for number in range(4):
                    with Client(folder / f"node0-mock{number}.sock"):
                        pass
                racer.terminate()
                assert racer.wait(30) == 0
            else:
                assert racer.returncode == 1
            said = racer.stderr.read()
            racer.stderr.close()
            assert racer.returncode == 0 or "control.sock: another process serves it" in said
        assert sockets(folder) == []


# The control socket.

@pytest.mark.parametrize(("request_line", "said"), [
    ("rubbish", "request is not a JSON object"),
    ("[" * 60000, "request is nested over 4 deep"),
    ("{}", "verb: missing"),
    ('{"verb": "dance"}', "dance: unknown verb; known are version, list, faults, schedule, fault, heal, plug, unplug"),
    ('{"verb": "fault", "device": "mock0"}', "fault: fault: missing"),
    ('{"verb": "fault", "device": "mock9", "fault": "degraded"}',
     "mock9: no such device; there are node0/mock0 to node0/mock3"),
    ('{"verb": "fault", "device": 3, "fault": "degraded"}', "device: has to be a text"),
    ('{"verb": "fault", "device": "mock0", "fault": "thermal", "value": "x"}',
     "value: has to be a number"),
    ('{"verb": "unplug", "device": "mock0"}',
     "node0/mock0: is attached directly, and stays; with `attach: fabric` it has a slot"),
    ('{"verb": "fault", "device": "mock0_vf3", "fault": "degraded"}',
     "node0/mock0: VF 3 is not there: 0 are enabled"),
    ('{"verb": "heal", "device": "mock0-vf77"}',
     "mock0-vf77: node0/mock0 can have 16 VFs, numbered from 0"),
    ('{"verb": "fault", "device": "mock0_vf3", "fault": "link-down"}',
     "node0/mock0_vf3: link-down is a fault of the card's slot: inject it into node0/mock0"),
    ('{"verb": "unplug", "device": "mock0_vf3"}',
     "node0/mock0_vf3: a VF has no slot; that of its card is node0/mock0's"),
    ('{"verb": "list", "all": true}', "list: all: unknown argument"),
], ids=lambda value: value[:30])
def test_bad_requests_get_one_line_and_the_connection_lives(start, request_line, said):
    with start().control() as control:
        assert control.send(request_line + "\n") == {"ok": False, "error": said}
        assert control.ask("version")["ok"]


def test_fault_that_is_none_changes_nothing(start):
    server = start()
    assert not server.ask("fault", device="mock0", fault="flood")["ok"]
    assert not server.ask("fault", device="mock0", fault="thermal", value=1e9)["ok"]
    assert not server.ask("heal", device="mock0", fault="flood")["ok"]
    assert server.devices()[0]["faults"] == []


def test_name_that_several_nodes_have_needs_the_node(start, folder):
    server = start("--topology", TWO_NUMA.parent / "two-nodes.yaml", "--socket-dir", folder)
    assert server.ask("heal", device="mock0")["error"] == (
        "mock0: several nodes have one; say node0/mock0 or node1/mock0")
    assert server.ask("heal", device="node1/mock0")["ok"]


def test_clients_that_never_read_or_never_ask_hold_up_nobody(start, folder):
    server = start()
    idle = [server.control() for _ in range(100)]
    deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    deaf.connect(str(folder / "control.sock"))
    deaf.settimeout(30)
    with pytest.raises(OSError):  # dropped before it has said all that
        for _ in range(100_000):
            deaf.sendall(b'{"verb":"list"}\n' * 100)
    began = time.monotonic()
    assert len(server.devices()) == 4
    assert time.monotonic() - began < 5
    for control in idle:
        control.lines.close()
        control.socket.close()
    deaf.close()


# The sandbox.

def test_is_sandboxed_once_it_serves(start):
    status = start().status()
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    # Root keeps what removing sockets from another user's folder takes.
    assert int(status["CapEff"], 16) in (0, 1 << 1)
    assert int(status["CapPrm"], 16) in (0, 1 << 1)


def test_sandbox_can_be_left_out(start, folder):
    status = start("--topology", TWO_NUMA, "--socket-dir", folder, "--no-sandbox").status()
    assert status["Seccomp"] == "0"


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_needs_no_root(start, folder):
    os.chown(folder, 65534, 65534)
    program = folder / "program"
    program.write_bytes(PROGRAM.read_bytes())
    program.chmod(0o755)
    topology = folder / "t.yaml"
    topology.write_bytes(TWO_NUMA.read_bytes())
    process = subprocess.Popen([program, "--topology", topology, "--socket-dir", folder],
                               user=65534, group=65534, extra_groups=[], stderr=subprocess.DEVNULL)
    try:
        until(lambda: (folder / "node0-mock3.sock").exists(), "it serves")
        with Client(folder / "node0-mock3.sock"):
            pass
    finally:
        process.terminate()
    assert process.wait(30) == 0
    assert sockets(folder) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="owning another user's folder takes root")
def test_root_removes_its_sockets_from_another_users_folder(start, folder):
    os.chown(folder, 65534, 65534)
    folder.chmod(0o700)
    assert start().stop() == 0
    assert sockets(folder) == []
