# SPDX-License-Identifier: Apache-2.0
"""mock-device up, down and what lies between, when all goes well and when it does not."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import TWO_NUMA, new_name
from lab import PROGRAMS, Lab, alive, eventually, mock_device


def pids(status):
    return [status["server"]["pid"], *(node["pid"] for node in status["nodes"])]


def test_dry_run_prints_commands_and_starts_nothing(session_lab):
    name = new_name("dry")
    said = mock_device("up", "--lab", name, "--topology", TWO_NUMA, "--dry-run").stdout
    assert "mock-accel-server" in said and "vfio-user-pci" in said and "pxb-pcie" in said
    assert mock_device("status", "--lab", name, check=False).returncode != 0


def test_two_labs_live_beside_each_other(session_lab):
    other = Lab(new_name("other"), "--topology", "one-device")
    try:
        assert other.guest("ls /sys/class/mock-accel").split() == ["mock0"]
        assert len(session_lab.guest("ls /sys/class/mock-accel").split()) == 4
        other.set_attribute("mock0", "owner", "11111111-2222-4333-8444-555555555555")
        assert session_lab.attribute("mock0", "owner") == ""
    finally:
        other.down()
    assert session_lab.guest("echo here").strip() == "here"


def test_a_name_that_runs_is_refused(session_lab):
    done = mock_device("up", "--lab", session_lab.name, "--topology", TWO_NUMA, check=False)
    assert done.returncode != 0
    assert session_lab.name in done.stderr
    assert session_lab.guest("echo here").strip() == "here"


@pytest.mark.parametrize("name", ["", "-x", "a/b", "../up", "UPPER", "x" * 64])
def test_names_that_are_no_labels_are_refused(name):
    done = mock_device("up", f"--lab={name}", "--topology", TWO_NUMA, "--dry-run", check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_exec_passes_arguments_output_and_exit_code(session_lab):
    done = session_lab.run("exec", "--", "sh", "-c", "printf '%s|' \"$@\"; echo bad >&2; exit 7",
                           "x", "two words", "$HOME", "*", "", "'", check=False)
    assert done.returncode == 7
    assert done.stdout == "two words|$HOME|*||'|"
    assert "bad" in done.stderr


def test_exec_passes_standard_input(session_lab):
    done = subprocess.run([PROGRAMS / "mock-device", "exec", "--lab", session_lab.name, "--", "wc",
                           "-c"], input=b"x" * 1_000_000, capture_output=True, check=True)
    assert done.stdout.strip() == b"1000000"


def test_logs_show_the_kernel_starting(session_lab):
    assert "Linux version" in session_lab.run("logs").stdout or \
        "login:" in session_lab.run("logs").stdout
    assert session_lab.run("logs", "--source", "server").stdout


def test_view_from_the_host_is_the_view_from_the_guest(session_lab):
    def essence(devices):
        return [(d["name"], d["uuid"], d["memory"], d["numa"], sorted(d["capabilities"]),
                 d["health"]) for d in devices]
    inside = session_lab.guest("mock-device devices --output json")
    assert essence(json.loads(inside)["devices"]) == essence(session_lab.json("devices")["devices"])


def test_topology_inside_the_guest_is_a_tree_of_ports_and_devices(session_lab):
    text = session_lab.guest("mock-device topology")
    for device in session_lab.json("devices")["devices"]:
        assert device["uuid"] in text
    assert text.index("NUMA node 0") < text.index("mock0") < text.index("NUMA node 1") \
        < text.index("mock2")
    assert "</svg>" in session_lab.guest("mock-device topology --output svg")


def test_down_leaves_nothing(own_lab):
    status = own_lab.status()
    assert all(alive(pid) for pid in pids(status))
    mock_device("down", "--lab", own_lab.name)
    assert not any(alive(pid) for pid in pids(status))
    assert not Path(status["folder"]).exists()
    assert own_lab.status() is None


def test_down_cleans_up_after_a_crash(own_lab):
    status = own_lab.status()
    for pid in pids(status):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: own_lab.status()["state"] == "broken", "lab is seen as broken")
    mock_device("down", "--lab", own_lab.name)
    assert not Path(status["folder"]).exists()


@pytest.fixture
def divided_lab(tmp_path):
    """A guest of its own whose mock0 has two VFs from the start, the second of them ill."""
    topology = yaml.safe_load(TWO_NUMA.read_text())
    topology["nodes"][0]["numa"][0]["devices"][0] |= {
        "numvfs": 2, "faults": [{"kind": "degraded", "vf": 1}]}
    file = tmp_path / "divided.yaml"
    file.write_text(yaml.safe_dump(topology))
    lab = Lab(new_name("divided"), "--topology", file)
    yield lab
    lab.down()


def test_a_server_that_is_killed_takes_the_devices_along_until_the_lab_is_repaired(divided_lab):
    lab = divided_lab
    names = ["mock0", "mock0_vf0", "mock0_vf1", "mock1", "mock2", "mock3"]
    health = {name: "healthy" for name in names} | {"mock0_vf1": "degraded"}

    def devices():
        said = lab.guest("cd /sys/class/mock-accel; grep -H . */health").split()
        return dict(line.split("/health:") for line in said)

    assert devices() == health
    # VFs are enabled whenever their PF comes.
    lab.run("unplug", "mock0")
    eventually(lambda: "mock0" not in devices(), "the card is gone")
    lab.run("plug", "mock0")
    eventually(lambda: devices() == health, "the card is back with its VFs")

    lab.guest("dmesg --clear")
    with lab.uevents() as uevents:
        os.kill(lab.status()["server"]["pid"], signal.SIGKILL)

        # The guest goes on. The bridges are noticed to be gone, and with them all that was behind.
        eventually(lambda: lab.guest("ls /sys/class/mock-accel") == "", "the devices are gone")
        assert lab.guest("ls -d /sys/bus/pci/drivers/mock-accel*/0* 2>/dev/null || true") == ""
        removed = re.compile(r"^KERNEL.* remove .*/(mock\w+) \(mock-accel\)$", re.MULTILINE)
        eventually(lambda: sorted(removed.findall(uevents())) == names, "each has its uevent")
    lab.guest("rmmod mock_accel mock_accel_fabric", timeout=120)
    said = lab.guest("dmesg")
    assert "Call Trace" not in said
    assert said.count("bridge does not answer (reads all ones)") == 2

    # QEMU does not connect to a server twice: the machine is switched off and on.
    status = lab.status()
    assert status["state"] == "broken"
    lab.run("repair")
    repaired = lab.status()
    assert repaired["state"] == "running"
    assert repaired["nodes"][0]["pid"] != status["nodes"][0]["pid"]
    assert devices() == health
    lab.guest("mock-device-workload verify mock0_vf0 mock3 --size 4096")

    # What lacks nothing is left alone.
    lab.run("repair")
    assert lab.status()["nodes"] == repaired["nodes"]


# Steps of `up`, in the order in which it takes them.
STEPS = ["run folder", "device server", "start node0", "boot node0"]


def up_until(name, step):
    """An `up` that has just begun `step`."""
    process = subprocess.Popen([PROGRAMS / "mock-device", "up", "--lab", name, "--topology",
                                TWO_NUMA], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith(step):
            return process
    raise AssertionError(f"up ended before {step}:\n{''.join(said)}")


def running(name):
    """Whether any process of the lab `name` runs."""
    return name in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True,
                                  check=True).stdout


@pytest.mark.parametrize("step", STEPS)
def test_interrupted_up_cleans_up_after_itself(session_lab, step):
    name = new_name("interrupted")
    process = up_until(name, step)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert mock_device("status", "--lab", name, check=False).returncode != 0
    assert not running(name)


@pytest.mark.parametrize("step", STEPS)
def test_down_after_a_killed_up(session_lab, step):
    name = new_name("killed")
    process = up_until(name, step)
    process.kill()
    process.wait()
    mock_device("down", "--lab", name, check=False)
    assert not running(name)


def test_topology_errors_are_all_named_before_anything_starts(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("nodes:\n- name: a\n  numa:\n  - devices:\n    - vfs: 65\n      colour: red\n")
    done = mock_device("up", "--lab", new_name("bad"), "--topology", bad, check=False)
    assert done.returncode == 2
    assert "bad.yaml:5" in done.stderr and "bad.yaml:6" in done.stderr
