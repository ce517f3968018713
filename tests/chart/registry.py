# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry, unpacked: installed, it would be a service."""

import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import yaml
from lab import eventually

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mock-device"


def download(folder):
    """The package. A computer that was never asked for packages has no lists of them."""
    command = ["apt-get", "download", "-qq", "docker-registry"]
    if subprocess.run(command, cwd=folder, check=False).returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, cwd=folder, check=True)


def program():
    """Where it is; it is fetched the first time."""
    folder = CACHE / "docker-registry"
    found = folder / "usr" / "bin" / "docker-registry"
    if not found.exists():
        work = CACHE / f"docker-registry.{os.getpid()}"
        work.mkdir(parents=True)
        download(work)
        [package] = work.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, work], check=True)
        package.unlink()
        try:
            work.rename(folder)
        except OSError:  # another run was faster
            shutil.rmtree(work)
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Registry:
    """A registry on the loopback address, without TLS."""

    def __init__(self, folder):
        self.address = f"127.0.0.1:{free_port()}"
        config = folder / "config.yml"
        config.write_text(yaml.safe_dump({
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
            "http": {"addr": self.address}}))
        self.process = subprocess.Popen([program(), "serve", config], stdin=subprocess.DEVNULL)
        eventually(self.answers, "the registry answers")

    def answers(self):
        assert self.process.poll() is None, "the registry ended"
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/"):
                return True
        except urllib.error.URLError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
