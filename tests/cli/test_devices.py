# SPDX-License-Identifier: Apache-2.0
"""mock-device devices and topology on a machine that has accelerators."""

import json
import os
import pty
import subprocess
import xml.etree.ElementTree as xml

import yaml

from .programs import MOCK_DEVICE, PATIENCE

MEMBERS = ["node", "name", "type", "numa", "pci", "port", "slot", "physfn", "uuid", "memory",
           "capabilities", "status", "owner", "health", "temperature", "error_count", "fw_version",
           "abi_version", "total_vfs", "enabled_vfs", "connected", "plugged",
           "faults"]


def test_table_has_a_line_a_device(mock_device, sysfs):
    done = mock_device("devices", "--sysfs", sysfs.root)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "NUMA", "PCI", "UUID", "MEMORY", "CAPABILITIES",
                                "HEALTH", "TEMP", "STATUS", "OWNER"]
    assert [line.split()[0] for line in lines[1:]] == ["mock0", "mock0_vf0", "mock0_vf1", "mock1"]
    assert lines[4].split() == ["mock1", "pf", "1", "0000:21:00.0",
                                "123e4567-e89b-12d3-a456-426614174000", "16", "GiB",
                                "compute,encryption", "degraded", "95.5", "C", "free", "-"]


def test_json_and_yaml_say_the_same(mock_device, sysfs):
    devices = json.loads(mock_device("devices", "--sysfs", sysfs.root, "-o", "json").stdout)
    assert devices == yaml.safe_load(mock_device("devices", "--sysfs", sysfs.root, "-o",
                                                 "yaml").stdout)
    tree = json.loads(mock_device("topology", "--sysfs", sysfs.root, "-o", "json").stdout)
    assert tree == yaml.safe_load(mock_device("topology", "--sysfs", sysfs.root, "-o",
                                              "yaml").stdout)


def test_json_has_the_members_that_the_documentation_promises(mock_device, sysfs):
    devices = json.loads(mock_device("devices", "--sysfs", sysfs.root, "-o", "json").stdout)
    assert [list(device) for device in devices["devices"]] == [MEMBERS] * 4
    vf = devices["devices"][2]
    assert vf["physfn"] == "mock0" and vf["type"] == "vf" and vf["memory"] == 1 << 30
    assert vf["pci"] == "0000:11:00.2" and vf["port"] == "0000:10:00.0"
    assert devices["devices"][0]["capabilities"] == ["compute", "encryption"]


def test_tree_has_vfs_below_their_pf(mock_device, sysfs):
    lines = mock_device("topology", "--sysfs", sysfs.root).stdout.splitlines()
    assert [line.split("0000:")[0].rstrip() for line in lines[1:]] == [
        "├─ NUMA node 0",
        "│  └─ port",
        "│     └─ mock0",
        "│        ├─ mock0_vf0",
        "│        └─ mock0_vf1",
        "└─ NUMA node 1",
        "   └─ port",
        "      └─ mock1"]


def test_tree_is_ascii_where_the_locale_is(mock_device, sysfs, environment):
    done = mock_device("topology", "--sysfs", sysfs.root, env=environment | {"LC_ALL": "C"})
    assert done.stdout.isascii() and "`- mock1" in done.stdout


def test_picture_is_a_complete_svg_file(mock_device, sysfs):
    picture = xml.fromstring(mock_device("topology", "--sysfs", sysfs.root, "-o", "svg").stdout)
    space = {"svg": "http://www.w3.org/2000/svg"}
    assert picture.tag == "{http://www.w3.org/2000/svg}svg" and picture.get("role") == "img"
    assert picture.find("svg:title", space).text
    assert picture.find("svg:desc", space).text.startswith("1 machine, 2 devices, 2 VFs")
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    for wanted in ["NUMA node 0", "NUMA node 1", "port 0000:10:00.0", "mock0", "vf1", "degraded"]:
        assert wanted in texts
    for element in picture.iter():
        right = float(element.get("x", 0)) + float(element.get("width", 0))
        assert right <= float(picture.get("width")), element.attrib


def test_a_broken_device_is_said_and_hides_no_other(mock_device, sysfs):
    sysfs.set("mock0", "uuid", "none")
    done = mock_device("devices", "--sysfs", sysfs.root)
    assert done.returncode == 1
    assert done.stderr.startswith("mock-device: mock0: uuid: none is not a UUID")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "mock0_vf0", "mock0_vf1", "mock1"]


def test_without_a_source_both_ways_are_named(mock_device):
    done = mock_device("devices")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "mock-device up" in done.stderr and "--sysfs" in done.stderr


def on_a_terminal(environment, *arguments):
    """Everything that mock-device writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([MOCK_DEVICE, *map(str, arguments)], env=environment, stdin=slave,
                          stdout=slave, stderr=slave) as process:
        os.close(slave)
        text = b""
        try:
            while piece := os.read(master, 65536):
                text += piece
        except OSError:  # how Linux says that the other side has closed
            pass
        os.close(master)
        process.wait(PATIENCE)
    return text.decode()


def test_colours_are_for_terminals_that_want_them(mock_device, sysfs, environment):
    arguments = ["devices", "--sysfs", sysfs.root]
    assert "\x1b[33mdegraded\x1b[0m" in on_a_terminal(environment, *arguments)
    assert "\x1b" not in on_a_terminal(environment | {"NO_COLOR": "1"}, *arguments)
    assert "\x1b" not in on_a_terminal(environment | {"TERM": "dumb"}, *arguments)
    assert "\x1b" not in mock_device(*arguments).stdout


def test_output_that_cannot_be_written_is_a_failure(environment, sysfs):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([MOCK_DEVICE, "devices", "--sysfs", sysfs.root], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=environment, check=False,
                              timeout=PATIENCE)
    assert done.returncode == 1 and "standard output" in done.stderr
