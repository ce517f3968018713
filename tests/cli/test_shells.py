# SPDX-License-Identifier: Apache-2.0
"""Completion in the shells themselves, and the manual page."""

import os
import pty
import re
import shutil
import subprocess
import time

import pytest

from .programs import PATIENCE, ROOT


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def bash_completions(environment, line):
    """What bash offers for `line` with the cursor at its end."""
    script = """
        source <(mock-device completion bash)
        COMP_LINE=$1 COMP_POINT=${#1}
        # As readline splits a line, with '=' and ':' as words of their own.
        mapfile -t COMP_WORDS < <(grep -oE '[=:]|[^ =:]+' <<<"$1")
        [[ $1 == *[\\ =:] ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _mock_device 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", line], env=environment,
                          text=True, capture_output=True, timeout=PATIENCE, check=True)
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


@pytest.mark.parametrize("line, offered", [
    ("mock-device dev", ["devices"]),
    ("mock-device devices --output ", ["table", "json", "yaml"]),
    ("mock-device devices --output=j", ["json"]),
    ("mock-device devices --output=", ["table", "json", "yaml"]),
    ("mock-device fault mock0 th", ["thermal"]),
    ("mock-device completion ", ["bash", "zsh", "fish"]),
    ("mock-device exec -- l", []),
    ("mock-device --vers", ["--version"]),
])
def test_bash_completes(environment, line, offered):
    assert bash_completions(environment, line) == offered


def test_bash_completes_devices_of_the_server_on_the_line(environment, server):
    offered = bash_completions(environment, f"mock-device fault --control {server} node0/")
    assert offered == ["node0/mock0", "node0/mock1"]


def test_bash_completes_files(environment, tmp_path):
    (tmp_path / "big.yaml").touch()
    for option in ["--topology ", "--topology="]:
        offered = bash_completions(environment, f"mock-device up {option}{tmp_path}/b")
        assert offered == [f"{tmp_path}/big.yaml"]


@needs("zsh")
def test_zsh_completes(environment):
    """In a real zsh on a terminal, since its completion works nowhere else."""
    master, slave = pty.openpty()
    with subprocess.Popen(["zsh", "-f", "-i"], env=environment, stdin=slave, stdout=slave,
                          stderr=slave, start_new_session=True) as shell:
        os.close(slave)
        os.write(master, b"PROMPT='READY''> '; autoload -U compinit; compinit -u -D; "
                         b"source <(mock-device completion zsh)\n")
        read_until(master, "READY> ")
        os.write(master, b"mock-device topo\t")
        read_until(master, r"mock-device topology ")
        os.write(master, b"--output=sv\t")
        read_until(master, r"--output=svg ?")
        os.write(master, b"\x15exit\n")
        try:
            while os.read(master, 65536):
                pass
        except OSError:
            pass
        shell.wait(PATIENCE)
        os.close(master)


def read_until(terminal, pattern):
    """Reads from a terminal until the text matches."""
    text = ""
    end = time.monotonic() + PATIENCE
    while not re.search(pattern, plain(text)):
        assert time.monotonic() < end, text
        text += os.read(terminal, 65536).decode(errors="replace")


def plain(text):
    """Text without what moves the cursor and sets colours."""
    return re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[=>])|[\r\x07]", "", text)


@needs("fish")
@pytest.mark.parametrize("line, offered", [
    ("mock-device dev", ["devices\tLists accelerators"]),
    ("mock-device devices --output ", ["json", "table", "yaml"]),
    ("mock-device devices --output=y", ["--output=yaml"]),
    ("mock-device heal mock0 deg", ["degraded\t"]),
])
def test_fish_completes(environment, line, offered):
    script = f"mock-device completion fish | source; complete -C '{line}'"
    done = subprocess.run(["fish", "--no-config", "-c", script], env=environment, text=True,
                          capture_output=True, timeout=PATIENCE, check=True)
    lines = sorted(done.stdout.splitlines())
    assert len(lines) == len(offered), done.stdout + done.stderr
    for line_offered, start in zip(lines, offered):
        assert line_offered.startswith(start)


@needs("groff")
def test_manual_page_has_no_warnings(mock_device, tmp_path):
    page = tmp_path / "mock-device.1"
    page.write_text(mock_device("man").stdout)
    done = subprocess.run(["groff", "-man", "-ww", "-rCHECKSTYLE=3", "-Tutf8", page],
                          capture_output=True, timeout=PATIENCE, check=True)
    assert done.stderr == b""
    assert b"mock-device exec" in re.sub(b".\b", b"", done.stdout)


def test_compatibility_page_is_the_one_that_the_program_prints(mock_device):
    """On failure: mock-device compatibility > docs/compatibility.md"""
    assert (ROOT / "docs" / "compatibility.md").read_text() == mock_device("compatibility").stdout


def test_documentation_has_the_reference_that_the_program_prints(mock_device):
    """On failure: mock-device reference shows what belongs between the two marks."""
    page = (ROOT / "docs" / "cli.md").read_text()
    reference = page.partition("<!-- reference: printed by mock-device reference -->\n")[2] \
        .partition("<!-- end of reference -->")[0]
    assert reference.strip() == mock_device("reference").stdout.strip()
