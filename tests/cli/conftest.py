# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line need: the programs, a sysfs tree, a server."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from .programs import MOCK_DEVICE, PATIENCE, PROGRAMS
from .sysfs import Sysfs

TOPOLOGY = """\
nodes:
  - name: node0
    numa:
      - id: 0
        devices:
          - {memory: 16GiB, capabilities: [compute, p2p]}
      - id: 1
        devices:
          - {memory: 8GiB, vfs: 4}
  - name: node1
    numa:
      - id: 0
        devices:
          - faults:
              - {kind: slow, value: 7, vf: 1, at: 1h, for: 1m, every: 2h}
"""


@pytest.fixture(name="environment")
def fixture_environment(tmp_path):
    """Of a user without labs."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    plain = {name: value for name, value in os.environ.items()
             if name not in ("NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE")}
    return plain | {"XDG_RUNTIME_DIR": str(run), "XDG_STATE_HOME": str(tmp_path / "state"),
                    "HOME": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8",
                    "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}


@pytest.fixture(name="mock_device")
def fixture_mock_device(environment):
    """Runs mock-device. Gives the completed process, with text output."""
    def run(*arguments, **options):
        return subprocess.run([MOCK_DEVICE, *map(str, arguments)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                              check=False, **({"env": environment} | options))
    return run


@pytest.fixture(name="sysfs")
def fixture_sysfs(tmp_path):
    """Two PFs on two NUMA nodes; the first has two VFs."""
    sysfs = Sysfs(tmp_path / "sys")
    sysfs.add("mock0", "pci0000:10/0000:10:00.0/0000:11:00.0", sriov_totalvfs=16, sriov_numvfs=2)
    for vf in range(2):
        sysfs.add(f"mock0_vf{vf}", f"pci0000:10/0000:10:00.0/0000:11:00.{vf + 1}", physfn="mock0",
                  memory_size=1 << 30)
    sysfs.add("mock1", "pci0000:20/0000:20:00.0/0000:21:00.0", numa_node=1, health="degraded",
              temperature=95500)
    return sysfs


@pytest.fixture(name="server")
def fixture_server(tmp_path):
    """The control socket of a server with three devices in two machines."""
    topology = tmp_path / "topology.yaml"
    topology.write_text(TOPOLOGY)
    log = tmp_path / "server.log"
    # The path of a socket may not be long, and tmp_path is.
    with tempfile.TemporaryDirectory() as sockets, log.open("wb") as output:
        control = Path(sockets, "control.sock")
        server = subprocess.Popen([PROGRAMS / "mock-accel-server", "--topology", topology,
                                   "--socket-dir", sockets], stderr=output)
        try:
            end = time.monotonic() + PATIENCE
            while not control.exists():
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < end, "no control socket in time"
                time.sleep(0.02)
            yield control
        finally:
            server.terminate()
            server.wait(PATIENCE)
