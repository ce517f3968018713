# SPDX-License-Identifier: Apache-2.0
"""VFs that the guest's own PCI core makes, slots, and resets, on a segment behind a bridge."""

import re
import subprocess

import pytest

from lab import ROOT, eventually

CLAIM = "11111111-2222-4333-8444-555555555555"
OTHER_CLAIM = "99999999-2222-4333-8444-555555555555"
CLASS = "/sys/class/mock-accel"
PFS = ["mock0", "mock1", "mock2", "mock3"]


def names(lab):
    return lab.guest(f"ls {CLASS}").split()


def vfs_of(pf, count):
    return [f"{pf}_vf{number}" for number in range(count)]


def bdf(lab, device):
    return lab.guest(f"basename $(readlink -f {CLASS}/{device}/device)").strip()


@pytest.fixture
def lab(lab):
    """All cards are in their slots and have no VFs, before and after each test."""
    put_right(lab)
    yield lab
    put_right(lab)


def put_right(lab):
    for device in lab.json("devices")["devices"]:
        if not device["plugged"]:
            lab.run("plug", device["name"])
    eventually(lambda: set(PFS) <= set(names(lab)), "all cards are there")
    lab.guest(f"""
        for vf in {CLASS}/*_vf*; do [ -e $vf ] && echo > $vf/owner; done
        for pf in {" ".join(PFS)}; do echo > {CLASS}/$pf/owner; echo 0 > {CLASS}/$pf/sriov_numvfs; done
    """)


def enable(lab, pf, count):
    assert lab.set_attribute(pf, "sriov_numvfs", count) == (0, "")


def test_each_numa_node_has_a_segment_of_its_own(lab):
    for number, pf in enumerate(PFS):
        assert bdf(lab, pf) == f"000{number // 2 + 1}:0{number % 2 + 1}:00.0"
    slots = lab.guest("cd /sys/bus/pci/slots; grep . */address").split()
    assert {"101/address:0001:01:00", "102/address:0001:02:00", "201/address:0002:01:00",
            "202/address:0002:02:00"} <= set(slots)


def test_lspci_sees_sriov_and_a_port_with_a_slot(lab):
    card = lab.guest(f"lspci -vvv -s {bdf(lab, 'mock0')}")
    assert "Single Root I/O Virtualization (SR-IOV)" in card and "ARIHierarchy+" in card
    assert "Total VFs: 16, Number of VFs: 0" in card
    port = lab.guest("lspci -vvv -s 0001:00:00.0")
    for wanted in ["Root Port (Slot+)", "HotPlug+ Surprise+", "Slot #101", "PresDet+", "DLActive+",
                   "ARIFwd+", "Kernel driver in use: pcieport"]:
        assert wanted in port, port
    for unwanted in ["!!!", "??", "<MAbort+"]:
        assert unwanted not in card + port


def test_sixteen_vfs_are_devices_like_their_pf(lab, topology):
    enable(lab, "mock1", 16)
    assert set(names(lab)) == set(PFS + vfs_of("mock1", 16))
    said = lab.guest(f"cd {CLASS}/mock1_vf9; cat device_type numa_node memory_size status "
                     f"device/vendor device/device; readlink physfn device/physfn "
                     f"{CLASS}/mock1/virtfn9")
    memory = int(re.match(r"\d+", topology[1]["memory"])[0]) << 30
    assert said.split() == ["vf", str(topology[1]["numa"]), str(memory // 16), "0", "0x1de5",
                            "0x0002", "../../../0001:02:00.0/mock-accel/mock1",
                            "../0001:02:00.0", "../../../0001:02:01.2/mock-accel/mock1_vf9"]
    uuids = lab.guest(f"cat {CLASS}/*/uuid").split()
    assert len(set(uuids)) == len(PFS) + 16
    assert lab.json("devices")["devices"][1]["enabled_vfs"] == 16
    assert lab.guest("ls /dev/mock1_vf*").split() == sorted(
        f"/dev/{name}" for name in vfs_of("mock1", 16))
    enable(lab, "mock1", 0)
    assert names(lab) == PFS


def test_numbers_of_vfs_that_can_not_be(lab):
    enable(lab, "mock0", 2)
    code, said = lab.set_attribute("mock0", "sriov_numvfs", 3)
    assert code != 0 and "Device or resource busy" in said
    enable(lab, "mock0", 0)
    code, said = lab.set_attribute("mock0", "sriov_numvfs", 17)
    assert code != 0 and "Numerical result out of range" in said


def test_vfs_that_are_held_stay(lab):
    enable(lab, "mock0", 2)
    assert lab.set_attribute("mock0_vf1", "owner", CLAIM) == (0, "")
    code, said = lab.set_attribute("mock0", "sriov_numvfs", 0)
    assert code != 0 and "Device or resource busy" in said
    assert "VFs stay: mock0_vf1 is allocated" in lab.guest("dmesg")
    assert lab.set_attribute("mock0_vf1", "owner", "") == (0, "")
    enable(lab, "mock0", 0)


@pytest.mark.parametrize("bound", ["before", "meanwhile"])
def test_nobody_gets_a_vf_that_is_about_to_go(lab, bound):
    """Whoever comes first wins: a VF that somebody got stays, and who comes later gets none."""
    said = lab.guest(f"""
        vf={CLASS}/mock0_vf0 numvfs={CLASS}/mock0/sriov_numvfs
        driver=/sys/bus/pci/drivers/mock-accel
        for round in $(seq 30); do
            echo 1 > $numvfs
            address=$(basename $(readlink -f $vf/device))
            [ {bound} = before ] || echo $address > $driver/unbind
            ([ -e $vf ] || echo $address > $driver/bind
             echo {CLAIM} > $vf/owner) 2>/dev/null & holder=$!
            if (echo 0 > $numvfs) 2>/dev/null; then
                wait $holder && echo "gone under its holder"
            else
                wait $holder || echo "kept for nobody"
                echo > $vf/owner
                echo 0 > $numvfs
            fi
        done
        true""")
    assert said == ""


def test_a_pf_that_is_held_is_not_divided(lab):
    assert lab.set_attribute("mock0", "owner", CLAIM) == (0, "")
    code, said = lab.set_attribute("mock0", "sriov_numvfs", 2)
    assert code != 0 and "Device or resource busy" in said
    assert "no VFs: mock0 is allocated as a whole" in lab.guest("dmesg")


def test_vfs_have_owners_of_their_own_and_start_anew(lab):
    enable(lab, "mock0", 2)
    assert lab.set_attribute("mock0_vf0", "owner", CLAIM) == (0, "")
    assert lab.set_attribute("mock0_vf1", "owner", OTHER_CLAIM) == (0, "")
    code, _ = lab.set_attribute("mock0_vf0", "owner", OTHER_CLAIM)
    assert code != 0
    assert lab.attribute("mock0", "owner") == ""
    for vf in vfs_of("mock0", 2):
        assert lab.set_attribute(vf, "owner", "") == (0, "")


@pytest.mark.parametrize("method", ["flr", "bus"])
def test_a_reset_of_the_pf_keeps_its_vfs_and_their_owners(lab, method):
    enable(lab, "mock0", 4)
    lab.set_attribute("mock0_vf3", "owner", CLAIM)
    device = f"{CLASS}/mock0/device"
    lab.guest(f"echo {method} > {device}/reset_method; echo 1 > {device}/reset; "
              f"echo default > {device}/reset_method")
    assert lab.attribute("mock0", "sriov_numvfs") == "4"
    assert lab.attribute("mock0_vf3", "owner") == CLAIM
    assert lab.attribute("mock0_vf0", "owner") == ""


def test_a_vf_is_bound_while_its_pf_is_reset(lab):
    enable(lab, "mock0", 1)
    vf, driver = bdf(lab, "mock0_vf0"), "/sys/bus/pci/drivers/mock-accel"
    lab.guest(f"""
        (for round in $(seq 20); do echo 1 > {CLASS}/mock0/device/reset; done) & resets=$!
        for round in $(seq 20); do echo {vf} > {driver}/unbind; echo {vf} > {driver}/bind; done
        wait $resets""")
    assert lab.attribute("mock0_vf0", "health") == "healthy"
    assert lab.set_attribute("mock0_vf0", "owner", CLAIM) == (0, "")


def test_a_reset_of_a_vf_is_its_own_business(lab):
    enable(lab, "mock0", 2)
    for vf in vfs_of("mock0", 2):
        lab.set_attribute(vf, "owner", CLAIM)
    lab.guest(f"echo 1 > {CLASS}/mock0_vf0/device/reset")
    assert [lab.attribute(vf, "owner") for vf in vfs_of("mock0", 2)] == [CLAIM, CLAIM]


def test_a_fault_of_the_pf_interrupts_on_every_function(lab):
    enable(lab, "mock0", 16)
    lab.run("fault", "mock0", "degraded")
    said = lab.guest(f"""
        sum() {{ awk '/ mock0(_vf[0-9]+)?$/ && $2 + $3 > 0' /proc/interrupts | wc -l; }}
        for try in $(seq 100); do [ $(sum) = 17 ] && break; sleep 0.1; done; sum
        cat {CLASS}/mock0*/health | sort | uniq -c""")
    assert said.split() == ["17", "17", "degraded"]
    lab.run("heal", "mock0")


def test_no_interrupt_is_lost_in_a_storm(lab):
    enable(lab, "mock1", 16)
    try:
        with lab.uevents() as uevents:
            for _ in range(30):
                lab.run("fault", "mock1", "degraded")
                lab.run("heal", "mock1")
            lab.run("fault", "mock1", "failed")
            # Each function has told of the last state, whatever came in between.
            eventually(lambda: uevents().count("HEALTH=failed\n") == 17,
                       "17 functions say that they failed")
    finally:
        lab.run("heal", "mock1")


def test_a_vf_that_is_bound_to_no_driver_is_left_alone(lab):
    """Not to vfio-pci either: functions on the segment have no IOMMU group, so it refuses them."""
    enable(lab, "mock0", 2)
    address = bdf(lab, "mock0_vf1")
    lab.guest(f"echo {address} > /sys/bus/pci/devices/{address}/driver/unbind")
    assert set(names(lab)) == set(PFS + ["mock0_vf0"])
    lab.guest(f"echo 1 > {CLASS}/mock0/device/reset")
    enable(lab, "mock0", 0)
    assert names(lab) == PFS


# --- Slots ---------------------------------------------------------------------------------------


def test_a_card_is_pulled_out_and_put_back(lab):
    lab.set_attribute("mock1", "owner", CLAIM)
    uuid = lab.attribute("mock1", "uuid")
    lab.run("unplug", "mock1")
    eventually(lambda: "mock1" not in names(lab), "the card is gone")
    assert "Card not present" in lab.guest("dmesg")
    assert lab.json("devices")["devices"][1]["plugged"] is False
    lab.run("plug", "mock1")
    eventually(lambda: names(lab) == PFS, "the card is back")
    assert lab.attribute("mock1", "uuid") == uuid
    assert lab.attribute("mock1", "owner") == ""


def test_a_card_with_live_vfs_is_pulled_out(lab):
    enable(lab, "mock0", 16)
    lab.set_attribute("mock0_vf5", "owner", CLAIM)
    lab.run("unplug", "mock0")
    eventually(lambda: names(lab) == PFS[1:], "the card is gone with its VFs")
    lab.run("plug", "mock0")
    eventually(lambda: names(lab) == PFS, "the card is back")
    enable(lab, "mock0", 16)
    assert lab.attribute("mock0_vf5", "owner") == ""


def device_numbers(lab):
    """Of all devices: those of their nodes in /dev."""
    said = lab.guest(f"cd {CLASS}; for device in *; do echo $device $(cat $device/dev); done")
    return dict(line.split() for line in said.splitlines())


def test_nobody_gets_the_node_of_a_card_that_is_gone(lab):
    """A container may still have it."""
    lab.guest("rmmod mock_accel; modprobe mock-accel")
    enable(lab, "mock0", 4)
    before = device_numbers(lab)
    lab.run("unplug", "mock0")
    eventually(lambda: names(lab) == PFS[1:], "the card is gone with its VFs")
    enable(lab, "mock1", 8)
    meanwhile = device_numbers(lab)
    assert len(set(before.values()) & set(meanwhile.values())) == len(PFS[1:])
    lab.run("plug", "mock0")
    eventually(lambda: "mock0" in names(lab), "the card is back")
    enable(lab, "mock0", 4)
    assert device_numbers(lab) == before | meanwhile


@pytest.mark.usefixtures("guest_programs")
def test_an_open_file_outlives_its_card(lab):
    lab.start("hold", "/usr/local/bin/open_hold /dev/mock2")
    try:
        eventually(lambda: "uuid" in lab.said("hold"), "the device is open")
        lab.run("unplug", "mock2")
        eventually(lambda: "removed: No such device" in lab.said("hold"),
                   "the open file says that the device is gone")
    finally:
        lab.guest("systemctl stop hold")


def test_a_vf_has_faults_of_its_own(lab):
    enable(lab, "mock0", 2)
    with lab.uevents() as uevents:
        lab.run("fault", "mock0_vf1", "thermal", "97")
        eventually(lambda: lab.attribute("mock0_vf1", "health") == "degraded", "the fault shows")
        assert lab.attribute("mock0_vf1", "temperature") == "97000"
        for other in ("mock0", "mock0_vf0"):
            assert lab.attribute(other, "health") == "healthy"
        lab.run("fault", "mock0-vf1", "failed")
        eventually(lambda: "HEALTH=failed" in uevents(), "the uevent comes")
        assert "NAME=mock0_vf1" in uevents()
        assert "NAME=mock0\n" not in uevents()
    listed = {device["name"]: device for device in lab.json("devices")["devices"]}
    assert listed["mock0_vf1"]["faults"] == ["failed", "thermal"]
    assert listed["mock0"]["faults"] == listed["mock0_vf0"]["faults"] == []

    # A VF that goes takes its faults along.
    enable(lab, "mock0", 0)
    enable(lab, "mock0", 2)
    assert lab.attribute("mock0_vf1", "health") == "healthy"


def test_the_engine_of_one_vf_flips_bits(lab):
    enable(lab, "mock0", 2)
    lab.run("fault", "mock0_vf1", "bitflip")
    lab.guest("mock-device-workload verify mock0 mock0_vf0 --size 4096")
    code, _ = lab.guest_result("mock-device-workload verify mock0_vf1 --size 4096")
    assert code != 0


def test_a_link_that_goes_down_takes_the_card_along(lab):
    lab.run("fault", "mock2", "link-down")
    eventually(lambda: "mock2" not in names(lab), "the card is gone")
    assert "Slot(201): Link Down" in lab.guest("dmesg")
    assert lab.json("devices")["devices"][2]["plugged"] is True
    lab.run("heal", "mock2")
    eventually(lambda: names(lab) == PFS, "the card is back")


def test_errors_of_the_link_are_counted_by_the_kernel(lab):
    counter = f"{CLASS}/mock0/device/aer_dev_correctable"
    before = int(lab.guest(f"awk '/RxErr/ {{ print $2 }}' {counter}"))
    lab.run("fault", "mock0", "correctable-error")
    eventually(lambda: int(lab.guest(f"awk '/RxErr/ {{ print $2 }}' {counter}")) == before + 1,
               "the error is counted")
    # Each kernel has its own way of writing that.
    assert re.search(f"Correct(able|ed) error message received from {bdf(lab, 'mock0')}",
                     lab.guest("dmesg"), re.IGNORECASE)


@pytest.mark.parametrize(("fault", "said"), [
    ("nonfatal-error", r"Uncorrect(able|ed) \(Non-Fatal\) error message received"),
    ("fatal-error", r"Root Port link has been reset \(0\)")])
def test_the_kernel_recovers_a_card_from_an_error(lab, fault, said):
    enable(lab, "mock0", 2)
    lab.set_attribute("mock0_vf1", "owner", CLAIM)
    # A reset uses up what the driver had saved for such a case.
    lab.guest(f"echo 1 > {CLASS}/mock0/device/reset")
    lab.run("fault", "mock0", fault)
    eventually(lambda: "device recovery successful" in lab.guest("dmesg"), "recovery")
    assert re.search(said, lab.guest("dmesg"), re.IGNORECASE)
    assert lab.attribute("mock0", "health") == "healthy"
    assert lab.attribute("mock0_vf1", "owner") == CLAIM
    lab.guest("mock-device-workload verify mock0 --size 4096")


def test_two_cards_at_once(lab):
    for verb, there in (("unplug", ["mock1", "mock3"]), ("plug", PFS)):
        commands = [subprocess.Popen([ROOT / "build/release/bin/mock-device", verb, "--lab", lab.name,
                                      card]) for card in ("mock0", "mock2")]
        assert [command.wait(60) for command in commands] == [0, 0]
        eventually(lambda there=there: names(lab) == there, f"{verb} of two")
    # Each has the name again that goes with its slot.
    assert [bdf(lab, pf) for pf in PFS] == ["0001:01:00.0", "0001:02:00.0", "0002:01:00.0",
                                            "0002:02:00.0"]


def test_the_segment_goes_and_comes_with_the_module(lab):
    """With the same number, whatever has happened on it: the core keeps a PF that was pulled with
    its VFs for good."""
    addresses = [bdf(lab, pf) for pf in PFS]
    enable(lab, "mock0", 4)
    lab.run("unplug", "mock0")
    eventually(lambda: names(lab) == PFS[1:], "the card is gone with its VFs")
    lab.run("plug", "mock0")
    for _ in range(3):
        eventually(lambda: names(lab) == PFS, "the cards are there")
        enable(lab, "mock0", 16)
        enable(lab, "mock3", 16)
        lab.guest("rmmod mock_accel_fabric")
        assert lab.guest(f"ls {CLASS}; ls /sys/bus/pci/devices | grep -v ^0000 || true") == ""
        lab.guest("modprobe mock-accel-fabric")
        assert names(lab) == PFS
        assert [bdf(lab, pf) for pf in PFS] == addresses


@pytest.fixture
def bridge(lab):
    """The address of one that has two of the four cards."""
    return lab.guest("basename $(ls -d /sys/bus/pci/drivers/mock-accel-fabric/0000:* | head -n 1)").strip()


def test_one_bridge_is_unbound_and_bound(lab, bridge):
    lab.guest(f"echo {bridge} > /sys/bus/pci/drivers/mock-accel-fabric/unbind")
    assert len(names(lab)) == 2
    lab.guest(f"echo {bridge} > /sys/bus/pci/drivers/mock-accel-fabric/bind")
    eventually(lambda: names(lab) == PFS, "its devices are back")


def test_a_bridge_with_live_vfs_is_removed_and_found_again(lab, bridge):
    enable(lab, "mock0", 4)
    lab.guest(f"echo 1 > /sys/bus/pci/devices/{bridge}/remove")
    assert len(names(lab)) == 2
    lab.guest("echo 1 > /sys/bus/pci/rescan")
    eventually(lambda: names(lab) == PFS, "its devices are back")
    assert "4 devices as given" in lab.guest("mock-device-workload verify --size 4096")


def test_a_reset_of_a_bridge_is_as_one_of_all_that_is_behind_it(lab, bridge):
    """It takes their configuration from them: they go, and come back as new ones."""
    enable(lab, "mock0", 4)
    assert lab.set_attribute("mock1", "owner", CLAIM) == (0, "")
    with lab.uevents() as uevents:
        lab.guest(f"echo 1 > /sys/bus/pci/devices/{bridge}/reset")
        eventually(lambda: names(lab) == PFS, "the VFs are gone, and the cards are there")
        eventually(lambda: re.search(r"^ACTION=add\nDEVPATH=\S+/mock1$", uevents(), re.MULTILINE),
                   "a new card")
    assert lab.attribute("mock1", "owner") == ""
    assert "4 devices as given" in lab.guest("mock-device-workload verify --size 4096")
