# SPDX-License-Identifier: Apache-2.0
"""Faults come from the host and are seen in the guest where a real one would be."""

from lab import RELOAD, eventually


def is_eventually(lab, device, attribute, value):
    eventually(lambda: lab.attribute(device, attribute) == value,
               f"{device}/{attribute} is {value}")


def test_degraded_shows_in_health_and_goes_away(lab):
    lab.run("fault", "mock0", "degraded")
    is_eventually(lab, "mock0", "health", "degraded")
    assert lab.attribute("mock1", "health") == "healthy"
    lab.run("heal", "mock0")
    is_eventually(lab, "mock0", "health", "healthy")


def test_failed_outranks_degraded(lab):
    lab.run("fault", "mock0", "degraded")
    lab.run("fault", "mock0", "failed")
    is_eventually(lab, "mock0", "health", "failed")
    lab.run("heal", "mock0", "failed")
    is_eventually(lab, "mock0", "health", "degraded")


def test_errors_are_counted(lab):
    before = int(lab.attribute("mock0", "error_count"))
    lab.run("fault", "mock0", "errors", "7")
    is_eventually(lab, "mock0", "error_count", str(before + 7))


def test_heat_is_measured(lab):
    lab.run("fault", "mock0", "thermal", "97")
    is_eventually(lab, "mock0", "temperature", "97000")
    lab.run("heal", "mock0", "thermal")
    is_eventually(lab, "mock0", "temperature", "45000")


def test_change_of_health_raises_a_uevent(lab):
    with lab.uevents() as uevents:
        lab.run("fault", "mock3", "degraded")
        eventually(lambda: "HEALTH=degraded" in uevents(), "uevent arrives")
        event = uevents()
        assert "ACTION=change" in event
        assert "/mock-accel/mock3" in event
        assert "SUBSYSTEM=mock-accel" in event


def test_fault_survives_a_reload_of_the_module(lab):
    lab.run("fault", "mock0", "degraded")
    lab.guest(RELOAD)
    assert lab.attribute("mock0", "health") == "degraded"


def test_unknown_fault_is_refused_with_the_known_ones(lab):
    done = lab.run("fault", "mock0", "sleepy", check=False)
    assert done.returncode == 2
    assert "sleepy" in done.stderr and "degraded" in done.stderr


def test_unknown_device_is_refused(lab):
    done = lab.run("fault", "mock77", "degraded", check=False)
    assert done.returncode != 0
    assert "mock77" in done.stderr
