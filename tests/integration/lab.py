# SPDX-License-Identifier: Apache-2.0
"""Drives mock-device as a user does: by its command line."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("MOCK_DEVICE_BIN", ROOT / "build" / "release" / "bin"))

# Guests run under emulation on whatever machine this is: bounds are there to end a hung test, and
# are far above what anything takes.
PATIENCE = 1200

LOAD = "modprobe mock-accel"
RELOAD = f"modprobe -r mock-accel && {LOAD}"


def mock_device(*arguments, check=True, timeout=PATIENCE, **options):
    """Runs mock-device. Gives the completed process, with text output."""
    done = subprocess.run([PROGRAMS / "mock-device", *map(str, arguments)], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"mock-device {' '.join(map(str, arguments))} gave "
                             f"{done.returncode}\n{done.stdout}{done.stderr}")
    return done


def eventually(question, what, timeout=120):
    """Asks again until the answer is true. Gives the answer."""
    end = time.monotonic() + timeout
    while not (answer := question()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.2)
    return answer


def alive(pid):
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Lab:
    """A running lab."""

    def __init__(self, name, *options):
        self.name = name
        self.up_output = mock_device("up", "--lab", name, *options).stdout

    def run(self, verb, *arguments, **options):
        """Runs a verb of mock-device on this lab."""
        return mock_device(verb, "--lab", self.name, *arguments, **options)

    def guest(self, command, check=True, timeout=PATIENCE, node=None):
        """Runs a shell command line in the guest, or in that of a node. Gives its standard output."""
        where = () if node is None else ("--node", node)
        done = self.run("exec", *where, "--", "bash", "-c", command, check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"in the guest: {command}\ngave {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout

    def guest_result(self, command, timeout=PATIENCE):
        """Runs a shell command line in the guest. Gives exit code and all output."""
        done = self.run("exec", "--", "bash", "-c", f"{{ {command}; }} 2>&1", check=False,
                        timeout=timeout)
        return done.returncode, done.stdout

    def start(self, unit, program, node=None):
        """Runs a program in the guest as a unit of systemd's. said() gives what it prints."""
        self.guest(f"systemctl reset-failed {unit} 2>/dev/null; rm -f /tmp/{unit}; systemd-run --quiet "
                   f"--collect --unit={unit} --property=StandardOutput=file:/tmp/{unit} {program}",
                   node=node)

    def said(self, unit, node=None):
        """What a program that was started has printed until now, on standard error, too."""
        return self.guest(f"cat /tmp/{unit}", check=False, node=node)  # may not be there yet

    @contextlib.contextmanager
    def uevents(self):
        """Listens to the kernel's uevents about devices. Gives a function for those until now."""
        self.start("uevents", "udevadm monitor --kernel --property --subsystem-match=mock-accel")
        try:
            # The monitor says so after it has begun to listen.
            eventually(lambda: "KERNEL" in self.said("uevents"), "monitor listens")
            yield lambda: self.said("uevents")
        finally:
            self.guest("systemctl stop uevents")

    def put(self, source, path):
        """Copies a program of this machine to `path` in the guest."""
        with open(source, "rb") as content:
            subprocess.run([PROGRAMS / "mock-device", "exec", "--lab", self.name, "--", "sh", "-c",
                            f"cat > {path} && chmod 755 {path}"], stdin=content, check=True,
                           timeout=PATIENCE)

    def json(self, verb, *arguments):
        return json.loads(self.run(verb, *arguments, "--output", "json").stdout)

    def status(self):
        """What `mock-device status` says of this lab."""
        labs = json.loads(mock_device("status", "--output", "json").stdout)["labs"]
        return next((lab for lab in labs if lab["name"] == self.name), None)

    def attribute(self, device, name):
        return self.guest(f"cat /sys/class/mock-accel/{device}/{name}").rstrip("\n")

    def set_attribute(self, device, name, value):
        """Writes an attribute. Gives exit code and what the shell said."""
        return self.guest_result(f"echo '{value}' > /sys/class/mock-accel/{device}/{name}")

    def down(self):
        mock_device("down", "--lab", self.name, check=False)
