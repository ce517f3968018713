#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test there is, stage by stage, and ends with one line that counts what really ran.

    scripts/test.py              the stages that every change has to pass
    scripts/test.py --all        those that take long, too
    scripts/test.py unit guest   these stages only
    scripts/test.py --list       the stages

A stage that fails does not stop the others. Each writes its output to build/test/STAGE.log; what
failed is shown at once. The exit code is 0 if nothing failed.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "test"
JOBS = str(os.cpu_count() or 1)
LINES_SHOWN = 60


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Stage:
    """Commands that run in order; the last one leaves a JUnit report."""
    name: str
    meaning: str
    commands: list
    report: Path
    long: bool = False  # only with --all


def ctest(name, meaning, preset, rooms=(), without=""):
    """The unit tests of these rooms (none given: of all), built as `preset` says, but for those whose
    names begin with `without`."""
    report = OUT / f"{name}.xml"
    targets = [f"{room}_tests" for room in rooms] or ["unit_tests"]
    chosen = ["-R", rf"^({'|'.join(rooms)})\."] if rooms else []
    if without:
        chosen += ["-E", f"^{without}"]
    return Stage(name, meaning, [
        ["cmake", "--preset", preset],
        ["cmake", "--build", "--preset", preset, "-j", JOBS, "--target", *targets],
        ["ctest", "--test-dir", str(ROOT / "build" / preset), "-j", JOBS, "--output-on-failure",
         "--output-junit", str(report), *chosen]], report)


def pytest_stage(name, meaning, paths, options, before=(), long=False):
    report = OUT / f"{name}.xml"
    return Stage(name, meaning, [
        *before,
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5",
         *options, f"--junitxml={report}", *[str(ROOT / path) for path in paths]]], report, long)


def pytest(name, meaning, *paths, before=(), long=False):
    """`long`: the tests that are marked so, else those that are not."""
    return pytest_stage(name, meaning, paths, ["-m", "long" if long else "not long"], before, long)


def guest_with(kernel, name, meaning, *more, which=""):
    """What is done to devices in a guest, again with another kernel, after `more`, which looks for leaks
    before a card is pulled whose VFs are live: Linux never frees that. `which` chooses from the tests by
    their names, as pytest's -k does."""
    tests = [f"tests/integration/test_{subject}.py"
             for subject in (*more, "sysfs", "pci", "fabric", "engine", "driver")]
    return pytest_stage(name, meaning, tests, [f"--kernel={kernel}", "-k", which], long=True)


def script(name, meaning, *command, long=False):
    report = OUT / f"{name}.xml"
    return Stage(name, meaning, [[*command, f"--report={report}"]], report, long)


def stages():
    return [
        script("lint", "formatting, kernel checks, shellcheck, licences", "scripts/lint.py"),
        script("tidy", "clang-tidy", "scripts/lint.py", "--tidy"),
        script("analyze", "clang-tidy that follows all paths", "scripts/lint.py", "--analyze",
               long=True),
        ctest("unit", "unit tests with address and undefined-behaviour sanitizers", "asan"),
        ctest("tsan", "unit tests of what has threads, with the thread sanitizer", "tsan",
              ("vfio_user", "accel", "fabric", "control", "server", "kube", "dra"),
              # gRPC's libraries are not built for it, and it does not know the call by which a
              # timed mutex is locked.
              without=r"dra\.(Plugin|Service)"),
        pytest("programs", "the programs by their command lines and sockets",
               "tests/wire", "tests/server", "tests/cli", before=[["scripts/helm.sh", "3"]]),
        script("fuzz", "each fuzz target for 20 seconds", "scripts/fuzz.py", "20"),
        pytest("cluster", "real Kubernetes: control plane, nodes, pods with devices", "tests/cluster"),
        pytest("nodes", "a node that boots anew, releases of the chart under running pods",
               "tests/cluster", long=True),
        pytest("node-kernels", "nodes of Kubernetes with the oldest and the newest kernel",
               "tests/node_kernels", long=True),
        pytest("kmm", "Kernel Module Management, the real operator, loads the modules", "tests/kmm",
               long=True),
        pytest("kube", "the client of the API server with a real one", "tests/kube"),
        pytest("dra", "the node agent with a real API server", "tests/dra", before=[
            ["cmake", "--preset", "faults"],
            ["cmake", "--build", "--preset", "faults", "-j", JOBS, "--target",
             "mock-accel-dra-driver"]]),
        pytest("chart", "the Helm chart with a real control plane", "tests/chart", before=[
            ["scripts/helm.sh", "3"], ["scripts/helm.sh", "4"]]),
        pytest("doctor", "the doctor on a real API server, healthy and broken", "tests/doctor"),
        pytest("guest", "real guests on real QEMU", "tests/integration"),
        pytest("guides", "what the guides tell their readers to type", "tests/guides"),
        pytest("installation", "the installation and the upgrade guide, on real nodes", "tests/guides",
               long=True),
        pytest("arm64", "programs by qemu-user, and a guest, for arm64", "tests/arm64", before=[
            ["scripts/arm64.sh"]], long=True),
        pytest("image", "a lab in a container", "tests/images", long=True),
        pytest("chart-more", "the chart with the oldest Helm, and its Dockerfile builds the modules",
               "tests/chart", before=[["scripts/helm.sh", "3.14"]], long=True),
        guest_with("6.1", "oldest", "both modules in the oldest kernel that they are for",
                   "direct", "faults"),
        guest_with("newest", "newest", "both modules in the newest kernel that Debian 13 has",
                   "direct", "faults"),
        # To boot a second such guest would take longer than it is worth.
        guest_with("debug", "kernel", "both modules in a kernel with KASAN, lockdep, KUnit and faults",
                   "debug_kernel", which="not boot"),
    ]


def run(stage):
    """Runs a stage's commands until one fails. Gives its counts."""
    log = OUT / f"{stage.name}.log"
    stage.report.unlink(missing_ok=True)
    with log.open("wb") as output:
        succeeded = all(
            subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                           stderr=subprocess.STDOUT, check=False).returncode == 0
            for command in stage.commands)
    counted = Count(*(junit.count(stage.report) or ()))
    if succeeded and counted.passed and not counted.failed:
        return counted
    lines = log.read_text(errors="replace").splitlines()
    print("\n".join(f"    {line}" for line in lines[-LINES_SHOWN:]), flush=True)
    # A stage that broke without a failed test, or ran none, must not look like success.
    return counted if counted.failed else counted + Count(failed=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE")
    parser.add_argument("--list", action="store_true", help="name the stages and leave")
    parser.add_argument("--all", action="store_true", help="also the stages that take long")
    arguments = parser.parse_args()

    known = {stage.name: stage for stage in stages()}
    if arguments.list:
        for stage in known.values():
            print(f"{stage.name:10} {stage.meaning}{' (with --all)' if stage.long else ''}")
        return 0
    unknown = [name for name in arguments.stages if name not in known]
    if unknown:
        parser.error(f"{unknown[0]} is no stage; there are {', '.join(known)}")

    OUT.mkdir(parents=True, exist_ok=True)
    total = Count()
    usual = [name for name, stage in known.items() if arguments.all or not stage.long]
    for name in arguments.stages or usual:
        print(f"{name}: {known[name].meaning} …", flush=True)
        started = time.monotonic()
        counted = run(known[name])
        total += counted
        print(f"{name}: {counted} ({time.monotonic() - started:.0f} s)", flush=True)
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
