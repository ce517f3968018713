#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Gives all components another version: VERSION, the chart, what is made from it, documents that name an
image of this project, and the changelog.

    scripts/bump.py 0.2.0

Nothing is committed. `scripts/lint.py` refuses whatever is left behind.
"""

import datetime
import re
import sys
from pathlib import Path

from lint import ROOT, files

# Where this project names its own version.
PLACES = ("charts", "deploy", "docs", "tests/chart")
UNRELEASED = re.compile(r"^## (\S+) - unreleased$", re.MULTILINE)
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9a-z.]+)?")


def rewrite(name, change):
    path = ROOT / name
    before = path.read_text()
    after = change(before)
    if after != before:
        path.write_text(after)
        print(name)


def changelog(version):
    """Closes what is still open, if that is another version, and opens this one."""
    def change(text):
        today = datetime.date.today().isoformat()
        text = UNRELEASED.sub(
            lambda open_: open_[0] if open_[1] == version else f"## {open_[1]} - {today}", text)
        if f"## {version} - " in text:
            return text
        return text.replace("\n## ", f"\n## {version} - unreleased\n\n## ", 1)
    return change


def main():
    if len(sys.argv) != 2 or not VERSION.fullmatch(sys.argv[1]):
        sys.exit(f"{sys.argv[0]}: one version, such as 0.2.0")
    version = sys.argv[1]
    before = (ROOT / "VERSION").read_text().strip()
    named = re.compile(rf"(?<![\w.]){re.escape(before)}(?!\w|\.\d)")
    for name in files(*PLACES):
        rewrite(name, lambda text: named.sub(version, text))
    rewrite("VERSION", lambda _: f"{version}\n")
    rewrite("CHANGELOG.md", changelog(version))


if __name__ == "__main__":
    main()
