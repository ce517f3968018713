# SPDX-License-Identifier: Apache-2.0
"""The guides of docs/, run as a reader would who pastes every block marked `sh` into one shell."""

import re
import subprocess

from lab import PATIENCE, PROGRAMS, ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    return BLOCK.findall((ROOT / "docs" / page).read_text())


def script(chosen):
    """Blocks as one script. Each is printed before it runs, so that a failure shows where it was."""
    steps = [f"cat <<'END_OF_BLOCK'\n{block}END_OF_BLOCK\n{block}" for block in chosen]
    return "set -eu -o pipefail\n" + "".join(steps)


def follow(page, environment, part=slice(None)):
    """Runs the page's blocks, or a part of them. Gives what they printed; fails at the first command
    that fails."""
    done = subprocess.run(["bash", "-c", script(blocks(page)[part])], cwd=ROOT, env=environment, text=True,
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
