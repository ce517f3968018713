# SPDX-License-Identifier: Apache-2.0
"""The devices as the guest's PCI core and lspci see them."""

import re

import pytest

from lab import eventually


def bdf(lab, device="mock0"):
    return lab.guest(f"basename $(readlink -f /sys/class/mock-accel/{device}/device)").strip()


def test_lspci_sees_a_healthy_accelerator(lab):
    text = lab.guest(f"lspci -vvv -s {bdf(lab)}")
    for wanted in ["Processing accelerators", "Kernel driver in use: mock", "LnkSta:\tSpeed 16GT/s",
                   "Width x16", "MSI-X: Enable+ Count=2 Masked-", "Express (v2) Endpoint",
                   "Power Management version 3", "Advanced Error Reporting",
                   "Device Serial Number", "FLReset+"]:
        assert wanted in text, text
    status = next(line for line in text.splitlines() if "DevSta:" in line)
    assert "CorrErr- NonFatalErr- FatalErr- UnsupReq-" in status
    for unwanted in ["!!!", "??", "Unknown", "unassigned", "downgraded", "<MAbort+", "Expansion ROM"]:
        assert unwanted not in text, text
    assert re.search(r"Memory at [0-9a-f]+ .*\[size=4K\]", text), text


def test_boot_leaves_no_warning_about_the_devices(own_lab):
    lines = own_lab.guest("dmesg --level=emerg,alert,crit,err,warn").splitlines()
    addresses = own_lab.guest(
        "for d in /sys/class/mock-accel/*/device; do basename $(readlink -f $d); done").split()
    about = [line for line in lines
             if "mock" in line or any(address in line for address in addresses)]
    # A module that the distribution has not signed always says so.
    unexplained = [line for line in about if "taint" not in line]
    assert not unexplained
    assert not re.search(r"Call Trace|BUG:|WARNING:", "\n".join(lines))


@pytest.mark.parametrize("method", ["flr", "bus"])
def test_reset_by_the_user_keeps_the_owner(lab, method):
    claim = "11111111-2222-4333-8444-555555555555"
    device = f"/sys/bus/pci/devices/{bdf(lab)}"
    lab.set_attribute("mock0", "owner", claim)
    lab.guest(f"echo {method} > {device}/reset_method; echo 1 > {device}/reset; "
              f"echo default > {device}/reset_method")
    assert lab.attribute("mock0", "owner") == claim
    assert lab.attribute("mock0", "status") == "1"


def test_interrupts_work_after_a_reset(lab):
    device = f"/sys/bus/pci/devices/{bdf(lab)}"
    lab.guest(f"echo 1 > {device}/reset")
    lab.run("fault", "mock0", "degraded")
    count = lab.guest(f"""
        for try in $(seq 100); do
            grep -q degraded /sys/class/mock-accel/mock0/health && break; sleep 0.1
        done
        irqs=$(ls {device}/msi_irqs)
        for irq in $irqs; do awk -v irq=$irq: '$1 == irq {{ n += $2 + $3 }} END {{ print n }}' \
            /proc/interrupts; done | sort -n | tail -n 1
    """)
    assert int(count) >= 1


def test_guest_reboot_frees_every_device(own_lab):
    own_lab.set_attribute("mock1", "owner", "11111111-2222-4333-8444-555555555555")
    before = own_lab.guest("cat /proc/sys/kernel/random/boot_id")
    own_lab.run("exec", "--", "systemctl", "reboot", check=False)

    def rebooted():
        code, said = own_lab.guest_result(
            "cat /proc/sys/kernel/random/boot_id; ls /sys/class/mock-accel")
        return code == 0 and before not in said and said.count("mock") == 4

    eventually(rebooted, "guest is back", timeout=300)
    assert own_lab.attribute("mock1", "owner") == ""
    assert own_lab.attribute("mock1", "status") == "0"
