# SPDX-License-Identifier: Apache-2.0
"""/sys/class/mock-accel in a real guest."""

import re
import uuid

import pytest

CLAIM = "11111111-2222-4333-8444-555555555555"
OTHER_CLAIM = "99999999-8888-4777-8666-555555555555"
NAMES = ["mock0", "mock1", "mock2", "mock3"]
CAPABILITY_BITS = {"compute": 1, "encryption": 2, "compression": 4, "p2p": 8}


def bytes_of(size):
    number, unit = re.fullmatch(r"(\d+)\s*([KMGT])i?B?", str(size)).groups()
    return int(number) << {"K": 10, "M": 20, "G": 30, "T": 40}[unit]


def test_every_device_of_the_topology_is_there(lab):
    assert lab.guest("ls /sys/class/mock-accel").split() == NAMES


@pytest.mark.parametrize("number", range(4))
def test_attributes_say_what_the_topology_says(lab, topology, number):
    wanted = topology[number]
    name = NAMES[number]
    values = dict(line.split("=", 1) for line in lab.guest(
        f"cd /sys/class/mock-accel/{name}; "
        "for f in uuid memory_size capabilities numa_node device_type status owner health "
        "temperature error_count fw_version abi_version sriov_totalvfs sriov_numvfs; "
        "do echo $f=$(cat $f); done").splitlines())
    mask = sum(CAPABILITY_BITS[name] for name in wanted["capabilities"])
    uuid.UUID(values.pop("uuid"))
    assert int(values.pop("memory_size")) == bytes_of(wanted["memory"])
    assert int(values.pop("capabilities"), 16) == mask
    assert int(values.pop("numa_node")) == wanted["numa"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", values.pop("fw_version"))
    assert values == {"device_type": "pf", "status": "0", "owner": "", "health": "healthy",
                      "temperature": "45000", "error_count": "0", "abi_version": "1",
                      "sriov_totalvfs": str(wanted["vfs"]), "sriov_numvfs": "0"}


def test_device_link_leads_to_the_pci_device_on_its_numa_node(lab, topology):
    for number, device in enumerate(topology):
        path = f"/sys/class/mock-accel/{NAMES[number]}/device"
        assert lab.guest(f"cat {path}/vendor {path}/device {path}/class {path}/numa_node").split() \
            == ["0x1de5", "0x0001", "0x120000", str(device["numa"])]


def test_owner_allocates_refuses_a_second_and_frees(lab):
    assert lab.set_attribute("mock0", "owner", CLAIM) == (0, "")
    assert lab.attribute("mock0", "owner") == CLAIM
    assert lab.attribute("mock0", "status") == "1"

    code, said = lab.set_attribute("mock0", "owner", OTHER_CLAIM)
    assert code != 0 and "Device or resource busy" in said
    assert lab.attribute("mock0", "owner") == CLAIM

    assert lab.set_attribute("mock0", "owner", CLAIM) == (0, "")
    assert lab.set_attribute("mock0", "owner", "") == (0, "")
    assert lab.attribute("mock0", "owner") == ""
    assert lab.attribute("mock0", "status") == "0"


def test_owners_of_different_devices_do_not_meet(lab):
    assert lab.set_attribute("mock0", "owner", CLAIM) == (0, "")
    assert lab.set_attribute("mock1", "owner", OTHER_CLAIM) == (0, "")
    assert lab.attribute("mock0", "owner") == CLAIM
    assert lab.attribute("mock1", "owner") == OTHER_CLAIM


@pytest.mark.parametrize("text", ["claim-1", CLAIM + "0", CLAIM[:-1], "0x1234",
                                  "00000000-0000-0000-0000-000000000000"])
def test_owner_must_be_a_uuid(lab, text):
    code, said = lab.set_attribute("mock0", "owner", text)
    assert code != 0 and "Invalid argument" in said
    assert lab.attribute("mock0", "owner") == ""


def test_status_allocates_without_an_owner(lab):
    assert lab.set_attribute("mock0", "status", 1) == (0, "")
    assert lab.attribute("mock0", "status") == "1"
    code, said = lab.set_attribute("mock0", "owner", CLAIM)
    assert code != 0 and "Device or resource busy" in said
    assert lab.set_attribute("mock0", "status", 0) == (0, "")
    assert lab.set_attribute("mock0", "owner", CLAIM) == (0, "")


def test_status_cannot_take_a_device_from_its_owner(lab):
    lab.set_attribute("mock0", "owner", CLAIM)
    code, said = lab.set_attribute("mock0", "status", 0)
    assert code != 0 and "Device or resource busy" in said
    assert lab.attribute("mock0", "owner") == CLAIM


def test_server_sees_the_owner_that_the_guest_wrote(lab):
    lab.set_attribute("mock2", "owner", CLAIM)
    listed = {device["name"]: device for device in lab.json("devices")["devices"]}
    assert listed["mock2"]["owner"] == CLAIM
    assert listed["mock2"]["status"] == "allocated"
    assert listed["mock1"]["owner"] is None
