# SPDX-License-Identifier: Apache-2.0
"""The guides of docs/, run as a reader would who pastes every block marked `sh` into one shell."""

import re
import subprocess

from lab import PATIENCE, PROGRAMS, ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    return BLOCK.findall((ROOT / "docs" / page).read_text())


def script(page):
    """All of a page's blocks. Each is printed before it runs, so that a failure shows where it was."""
    steps = [f"cat <<'END_OF_BLOCK'\n{block}END_OF_BLOCK\n{block}" for block in blocks(page)]
    return "set -eu -o pipefail\n" + "".join(steps)


def follow(page, environment):
    """Gives what the page's commands printed; fails at the first that fails."""
    done = subprocess.run(["bash", "-c", script(page)], cwd=ROOT, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{page}: {done.returncode}\n{done.stdout}"
    return done.stdout


def programs(folder, **wrappers):
    """PATH with this build's programs and, made in `folder`, programs that call others."""
    for name, command in wrappers.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)
    return f"{folder}:{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"
