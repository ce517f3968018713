#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each fuzz target for a while, as many side by side as there are processors.

    scripts/fuzz.py SECONDS [--report FILE]

Reads the project's inputs (tests/fuzz/corpus) and those that earlier runs have found, which are
kept in the cache. An input that breaks something is left in build/fuzz/crashes, and named. FILE
gets a JUnit report.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
CRASHES = BUILD / "crashes"
FOUND = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mock-device" / "fuzz"
JOBS = os.cpu_count() or 1


def fuzz(target, seconds):
    """Runs one target. Gives its case and a line on what it did."""
    found = FOUND / target
    found.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "tests" / "fuzz" / "corpus" / target
    log = BUILD / f"{target}.log"
    with log.open("wb") as output:
        code = subprocess.run(
            [BUILD / "bin" / f"fuzz_{target}", f"-max_total_time={seconds}", "-timeout=20",
             "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={CRASHES}/{target}-",
             found, *([seeds] if seeds.exists() else [])],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            check=False).returncode
    text = log.read_text(errors="replace")
    if code != 0:
        return junit.Case(target, text[-4000:]), f"failed, see {log.relative_to(ROOT)}"
    executions = re.findall(r"number_of_executed_units:\s*(\d+)", text)[-1]
    coverage = re.findall(r"cov: (\d+)", text)[-1]
    return junit.Case(target), f"{executions} executions, {coverage} edges covered"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=int, help="how long each target runs")
    parser.add_argument("--report", type=Path, help="write a JUnit report here")
    arguments = parser.parse_args()

    for command in (["cmake", "--preset", "fuzz"],
                    ["cmake", "--build", "--preset", "fuzz", "--target", "fuzzers", "-j", str(JOBS)]):
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    CRASHES.mkdir(parents=True, exist_ok=True)

    targets = sorted(path.name.removeprefix("fuzz_") for path in (BUILD / "bin").glob("fuzz_*"))
    cases = []
    with ThreadPoolExecutor(JOBS) as pool:
        results = pool.map(lambda target: fuzz(target, arguments.seconds), targets)
        for case, line in results:
            print(f"fuzz {case.name}: {line}", flush=True)
            cases.append(case)
    if arguments.report:
        junit.write(arguments.report, "fuzz", cases)
    return 1 if any(case.failure for case in cases) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
