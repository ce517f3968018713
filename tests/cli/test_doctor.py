# SPDX-License-Identifier: Apache-2.0
"""mock-device doctor on this machine, whatever it is like."""

import json
import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"


def findings(done):
    return json.loads(done.stdout)["findings"]


def has_errors(done):
    return any(one["severity"] == "error" for one in findings(done))


def documented(scope):
    return set(re.findall(rf"`({scope}\.[a-z-]+)`", PAGE.read_text()))


def test_each_check_of_a_machine_says_something(mock_device):
    done = mock_device("doctor", "--machine", "--output", "json")
    assert {one["id"] for one in findings(done)} == documented("machine")
    assert done.returncode == has_errors(done)


def test_each_check_of_a_node_says_something(mock_device):
    done = mock_device("doctor", "--node", "--output", "json")
    assert {one["id"] for one in findings(done)} == documented("node")
    assert all(one["subject"].isprintable() for one in findings(done))
    assert done.returncode == has_errors(done)


def test_the_summary_counts(mock_device):
    done = mock_device("doctor", "--machine", "--node", "--output", "json")
    severities = [one["severity"] for one in findings(done)]
    assert json.loads(done.stdout)["summary"] == {
        severity: severities.count(severity) for severity in ("ok", "note", "warning", "error")}


def test_memory_that_is_not_shared(mock_device, tmp_path):
    """A process with QEMU's words on its command line is enough."""
    fake = tmp_path / "qemu-system-x86_64"
    fake.write_text("#!/bin/sh\necho up\nread line\n")
    fake.chmod(0o755)
    with subprocess.Popen([fake, "-object", "memory-backend-ram,id=m,size=1G", "-device",
                           "vfio-user-pci,socket=x"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        done = mock_device("doctor", "--machine", "--output", "json")
        process.stdin.close()
    found = [one for one in findings(done) if one["subject"] == f"process {process.pid}"]
    assert [(one["id"], one["severity"]) for one in found] == [("machine.shared-memory", "error")]
    assert done.returncode == 1
    assert re.search(r"findings are errors$", done.stderr.strip())


def test_a_cluster_that_is_not_to_be_found(mock_device, tmp_path):
    done = mock_device("doctor", "--cluster", "--kubeconfig", tmp_path / "none")
    assert done.returncode == 1
    assert str(tmp_path / "none") in done.stderr


def test_one_cluster_at_a_time(mock_device):
    assert mock_device("doctor", "--lab", "a", "--kubeconfig", "b").returncode == 2
