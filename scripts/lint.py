#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All checks that need no run of the programs. Shows only what is wrong.

    scripts/lint.py [--tidy | --analyze] [--report FILE]

With --tidy only clang-tidy, which takes minutes; with --analyze it also follows the paths through each
function (clang-analyzer-*), which takes four times as long. FILE gets a JUnit report. clang-tidy's
verdict on a source file is cached by the file's content with all that it includes, so that a second
run checks only what has changed.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mock-device" / "tidy"


def files(*patterns):
    """The project's files of these patterns, tracked or new, as paths from its root."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                             *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def output_of_failure(*command):
    """What `command` printed if it failed, else nothing."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout or f"exit code {done.returncode}"


def licences():
    sources = files("*.cpp", "*.h", "*.c", "*.py", "*.sh", "*.cmake", "*CMakeLists.txt", "*Kbuild",
                    "*Makefile", ".ci/run")
    bare = [name for name in sources
            if "SPDX-License-Identifier" not in (ROOT / name).read_text(errors="replace")[:400]]
    return "".join(f"{name}: no SPDX line\n" for name in bare)


def formatting():
    return output_of_failure("clang-format-19", "--dry-run", "--Werror",
                             *files("src/*.h", "src/*.cpp", "tests/*.cpp", "bench/*.cpp"))


def shell():
    return output_of_failure("shellcheck", *files("*.sh", ".ci/run"))


def python():
    return output_of_failure(sys.executable, "-c",
                             "import ast, sys\nfor f in sys.argv[1:]: ast.parse(open(f).read(), f)",
                             *files("*.py"))


def kernel():
    return output_of_failure("scripts/check-kernel.sh")


def versions():
    """Manifests and the chart name this version, and the images of it."""
    version = (ROOT / "VERSION").read_text().strip()
    chart = "charts/mock-device/Chart.yaml"
    named = [(name, image) for name in files("deploy/*.yaml", "docs/examples/*.yaml", chart)
             for image in re.findall(r"image: *(\S+/mock-\S+)", (ROOT / name).read_text())]
    named += [(chart, f"{key}:{found}") for key, found in re.findall(
        r'^(version|appVersion): "?([^"\s]*)', (ROOT / chart).read_text(), re.MULTILINE)]
    return "".join(f"{name}: {what} is not of version {version}\n" for name, what in named
                   if what.rpartition(":")[2] != version)


def anchors(page):
    """What a link to a heading of this page ends in: `#this-heading`, as forges make it."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links():
    """Links of the documentation to files and headings of this project."""
    wrong = []
    for name in files("*.md"):
        page = ROOT / name
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            path, _, heading = target.partition("#")
            there = page.parent / path if path else page
            if not there.exists():
                wrong.append(f"{name}: {target}: no such file\n")
            elif heading and heading not in anchors(there):
                wrong.append(f"{name}: {target}: no such heading\n")
    return "".join(wrong)


def tidy_key(entry, options):
    """Names what clang-tidy would look at: its settings and the source with all its includes and
    comments. None if that can't be told."""
    words = shlex.split(entry["command"])
    compile_command = words[next(i for i, word in enumerate(words) if word.endswith("c++")):]
    output = compile_command.index("-o")
    compile_command[output:output + 2] = []
    done = subprocess.run([*compile_command, "-E", "-C", "-P"], cwd=entry["directory"],
                          capture_output=True, check=False)
    if done.returncode != 0:
        return None
    source = Path(entry["file"])
    settings = b"".join(file.read_bytes() for folder in (source.parent, *source.parents)
                        if (file := folder / ".clang-tidy").exists())
    name = " ".join([*options, str(source.relative_to(ROOT))])
    return hashlib.sha256(settings + name.encode() + done.stdout).hexdigest()


def tidy_one(entry, options):
    key = tidy_key(entry, options)
    known = CACHE / key if key else None
    if known and known.exists():
        return ""
    wrong = output_of_failure("clang-tidy-19", "-p", str(BUILD), "--quiet", *options, entry["file"])
    if known and not wrong:
        known.touch()
    return wrong


def tidy(*options):
    # The libraries of src/, of which several files are compiled as one. Tests are compiled with the
    # same warnings, but GoogleTest's macros trip many of the checks.
    CACHE.mkdir(parents=True, exist_ok=True)
    entries = [entry for entry in json.loads((BUILD / "compile_commands.json").read_text())
               if re.search(r" -o src/.*/mock_\w+\.dir/", entry["command"])
               and "/src/" in entry["file"] and not entry["file"].endswith(".cc")]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return "".join(pool.map(lambda entry: tidy_one(entry, options), entries))


# clang-tidy without what follows paths. Files that are compiled as one include sources.
FAST = ["--checks=-clang-analyzer-*,-bugprone-suspicious-include,"
        "-bugprone-forward-declaration-namespace"]

CHECKS = {
    "licences": licences,
    "formatting (clang-format)": formatting,
    "shell scripts (shellcheck)": shell,
    "Python (parses)": python,
    "one version": versions,
    "links of the documentation": links,
    "kernel code (checkpatch, sparse, W=1)": kernel,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    clang_tidy = parser.add_mutually_exclusive_group()
    clang_tidy.add_argument("--tidy", action="store_const", dest="options", const=FAST,
                            help="run clang-tidy, and nothing else")
    clang_tidy.add_argument("--analyze", action="store_const", dest="options", const=[],
                            help="the same, following all paths")
    parser.add_argument("--report", type=Path, help="write a JUnit report here")
    arguments = parser.parse_args()

    cases = []
    checks = CHECKS
    if arguments.options is not None:
        checks = {"C++ (clang-tidy)": lambda: tidy(*arguments.options)}
    for name, check in checks.items():
        print(f"lint: {name}", flush=True)
        wrong = check()
        cases.append(junit.Case(name, wrong))
        if wrong:
            print(f"{wrong.rstrip()}\nlint: {name}: failed", flush=True)
    if arguments.report:
        junit.write(arguments.report, "lint", cases)
    return 1 if any(case.failure for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
