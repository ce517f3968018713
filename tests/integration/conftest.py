# SPDX-License-Identifier: Apache-2.0
import re
import subprocess
import uuid

import pytest
import yaml

from lab import LOAD, ROOT, Lab

TWO_NUMA = ROOT / "lab" / "topologies" / "two-numa.yaml"


# What a kernel says when something is wrong with it or with a driver.
REPORTS = ("BUG:|WARNING:|Call Trace|Oops|KASAN|UBSAN|ODEBUG|DMA-API:|general protection fault|"
           "INFO: possible|suspicious RCU usage|blocked for more|cannot create duplicate")

WARNING = re.compile(r"^.*cut here.*$[\s\S]*?^.*end trace.*$", re.MULTILINE)

# The debugging kernel is slow, and KASAN takes an eighth of the memory.
KERNEL_NEEDS = {"debug": ("--memory", "2GiB", "--boot-timeout", "1800")}


def pytest_addoption(parser):
    parser.addoption("--kernel", default="6.12", help="what guests boot, as `mock-device up` takes it")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes, and runs with make test-all only")


def new_name(what):
    """A name that no other lab on this machine has."""
    return f"{what}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def topology():
    """The devices of two-numa.yaml in the order in which a guest numbers them, each with the NUMA
    node it stands on."""
    node = yaml.safe_load(TWO_NUMA.read_text())["nodes"][0]
    return [device | {"numa": numa["id"]} for numa in node["numa"] for device in numa["devices"]]


@pytest.fixture(scope="session")
def kernel_options(request):
    """What `up` takes beside the topology."""
    kernel = request.config.getoption("--kernel")
    return "--kernel", kernel, *KERNEL_NEEDS.get(kernel, ())


@pytest.fixture(scope="session")
def session_lab(kernel_options):
    lab = Lab(new_name("shared"), "--topology", TWO_NUMA, *kernel_options)
    yield lab
    lab.down()


@pytest.fixture(scope="session")
def guest_programs(session_lab, tmp_path_factory):
    """Builds the programs of tests/guest and puts them into the guest's /usr/local/bin."""
    folder = tmp_path_factory.mktemp("guest")
    for source in (ROOT / "tests" / "guest").glob("*.c"):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-pthread",
                        f"-I{ROOT / 'abi'}", "-o", folder / source.stem, source], check=True)
        session_lab.put(folder / source.stem, f"/usr/local/bin/{source.stem}")


def ours(log):
    """The log without what Linux does where allocations are made to fail: register_irq_proc() does not
    mind that an entry was not made, and it warns when that is to be removed."""
    def is_known(warning):
        return "remove_proc_entry" in warning and "unregister_irq_proc" in warning
    return WARNING.sub(lambda found: "" if is_known(found[0]) else found[0], log)


@pytest.fixture
def lab(session_lab, kernel_options):
    """One guest for all tests that leave it as they found it. All devices are free and healthy,
    and the module is loaded, before each test; the kernel has nothing to report after it."""
    for device in ("mock0", "mock1", "mock2", "mock3"):
        session_lab.run("heal", device)
    session_lab.guest(f"""
        [ -d /sys/module/mock_accel ] || {LOAD}
        for device in /sys/class/mock-accel/mock*; do echo > $device/owner; echo 0 > $device/status; done
        dmesg --clear
    """)
    yield session_lab
    log = session_lab.guest("dmesg")
    if "debug" in kernel_options:
        log = ours(log)
    assert not re.search(REPORTS, log), log


@pytest.fixture
def own_lab(kernel_options):
    """A guest for a test that breaks it."""
    lab = Lab(new_name("own"), "--topology", TWO_NUMA, *kernel_options)
    yield lab
    lab.down()
