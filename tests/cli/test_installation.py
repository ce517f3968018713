# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts somewhere works there."""

import os
import subprocess
from pathlib import Path

import pytest

from .programs import PATIENCE, PROGRAMS

BUILD = PROGRAMS.parent


@pytest.fixture(name="prefix", scope="module")
def fixture_prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True,
                   capture_output=True, timeout=PATIENCE)
    return prefix


def scripts(folder):
    """The files below `folder` that begin with #!, by path."""
    return {path.relative_to(folder) for path in folder.rglob("*")
            if path.is_file() and path.read_bytes()[:2] == b"#!"}


def test_scripts_that_can_be_run_in_the_sources_can_be_run_there(prefix):
    installed = prefix / "share" / "mock-device" / "lab"
    sources = Path(__file__).resolve().parents[2] / "lab"
    runnable = {path for path in scripts(sources) if os.access(sources / path, os.X_OK)}
    assert Path("guest/customize") in runnable
    assert {path for path in runnable if os.access(installed / path, os.X_OK)} == runnable


def test_its_programs_find_what_they_need(prefix, environment):
    done = subprocess.run([prefix / "bin" / "mock-device", "up", "--lab", "x", "--dry-run"],
                          env=environment | {"MOCK_DEVICE_RUN_DIR": "/short"}, text=True, capture_output=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert str(prefix / "share" / "mock-device" / "lab" / "guest" / "customize") in done.stdout
