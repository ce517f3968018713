# SPDX-License-Identifier: Apache-2.0
"""Clients come and go, in any state and any way; so do servers."""

import os
import random
import signal
import socket
import stat
import struct
import subprocess
import time

import pytest
import wire


def connected(client):
    pass


def half_of_version(client):
    client.send(wire.message(wire.VERSION, struct.pack("=HH", 0, 1))[:13])


def negotiated(client):
    client.negotiate()


def version_unread(client):
    client.send(wire.message(wire.VERSION, struct.pack("=HH", 0, 1)))


def mapped(client):
    client.negotiate()
    for i in range(20):
        client.do(wire.DMA_MAP, wire.dma_map(i * 4096, 4096), fds=[wire.memory(4096)])
    client.do(wire.DMA_MAP, wire.dma_map(1 << 30, 4096))


def armed(client):
    client.negotiate()
    fd = os.eventfd(0)
    client.do(wire.SET_IRQS, wire.set_irqs(wire.DATA_EVENTFD | wire.TRIGGER, 2, 0, 1), fds=[fd])


def half_of_a_header(client):
    client.negotiate()
    client.send(b"\1\0\4\0\x20")


def half_of_a_write(client):
    client.negotiate()
    client.send(wire.message(wire.REGION_WRITE, wire.access(0, 0, 512) + bytes(512))[:300])


def half_of_a_map_with_descriptor(client):
    client.negotiate()
    client.send(wire.message(wire.DMA_MAP, wire.dma_map(0, 4096))[:20], fds=[wire.memory(4096)])


def posting(client):
    client.negotiate()
    for _ in range(5000):
        client.post(0, 0, b"1234")


def replies_unread(client):
    client.negotiate()
    client.send(wire.message(wire.REGION_READ, wire.access(0, 0, 4096)) * 40)


STATES = [
    connected,
    half_of_version,
    negotiated,
    version_unread,
    mapped,
    armed,
    half_of_a_header,
    half_of_a_write,
    half_of_a_map_with_descriptor,
    posting,
    replies_unread,
]


def killed_in(state, path):
    """A process that becomes a client, gets into a state and is killed there."""
    seen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            client = wire.Client(path)
            state(client)
            os.write(tell, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(seen, 1) == b"!", "the client got where it wanted to"
    os.close(seen)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("state", STATES, ids=[state.__name__ for state in STATES])
def test_client_is_killed(server, state):
    server.client().close()
    with server.client() as client:
        client.reset()
        before = server.descriptors()
    killed_in(state, server.path)
    with server.client() as client:
        client.reset()
        assert server.descriptors() == before, "nothing of the old client is left"


def test_client_is_killed_while_the_device_waits_for_it(target):
    with target.client() as client:
        client.do(wire.DMA_MAP, wire.dma_map(0, 4096))
        client.write(0, 0xFD0, struct.pack("=QII", 0, 16, 0))
        client.write(0, 0xFE0, struct.pack("=I", 1))
        assert client.receive_command().command == wire.DMA_READ
    with target.client() as client:
        assert client.read(0, 0, 16) == bytes(16), "the device was reset"


def test_device_starts_afresh_for_each_client(target):
    with target.client() as client:
        client.write(0, 0, b"secret")
        client.do(wire.DMA_MAP, wire.dma_map(0, 4096))
    with target.client() as client:
        assert client.read(0, 0, 6) == bytes(6)
        client.do(wire.DMA_MAP, wire.dma_map(0, 4096))


def test_hundreds_of_clients_leave_nothing_behind(target):
    with target.client() as client:
        client.reset()
        before = target.descriptors()
    for _ in range(300):
        with target.client() as client:
            client.reset()
    with target.client() as client:
        client.reset()
        assert target.descriptors() == before


def test_rubbish_of_any_kind_is_survived(server):
    numbers = random.Random(1)
    for _ in range(200):
        with server.client() as client:
            try:
                for _ in range(4):
                    client.send(numbers.randbytes(numbers.randrange(1, 200)))
            except (BrokenPipeError, ConnectionResetError):
                pass
    with server.client() as client:
        client.reset()


def test_client_that_never_reads_does_not_stop_the_server(own_target):
    client = own_target.client()
    client.socket.settimeout(1)
    request = wire.message(wire.REGION_READ, wire.access(4, 0, 1 << 20))
    for _ in range(10):
        client.send(request)
    begin = time.monotonic()
    assert own_target.stop() == 0
    assert time.monotonic() - begin < 5
    client.close()


def test_stop_is_the_end_of_the_stream_and_no_reset(own_target):
    """QEMU aborts on ECONNRESET: nothing may be left unread when the server closes."""
    client = own_target.client()
    for _ in range(200):
        client.post(0, 0, b"1234")
    own_target.process.terminate()
    end = time.monotonic() + 20
    with pytest.raises(BrokenPipeError):
        while time.monotonic() < end:
            client.post(0, 0, b"1234")
    assert client.socket.recv(1) == b""
    client.close()
    assert own_target.process.wait(20) == 0
    assert not own_target.path.exists()


def test_socket_is_for_its_owner_only(server):
    assert stat.S_IMODE(os.stat(server.path).st_mode) == 0o600


def start_again(server):
    return subprocess.run(server.command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


def test_second_server_on_a_socket_refuses_to_start(server):
    second = start_again(server)
    assert second.returncode != 0
    assert "another process serves it" in second.stderr
    assert str(server.path) in second.stderr
    with server.client() as client:
        client.reset()


def test_stale_socket_is_replaced(own_target):
    own_target.process.kill()
    own_target.process.wait()
    assert own_target.path.exists()
    own_target.start()
    with own_target.client() as client:
        client.reset()


def start_on(path, program):
    command = [*program.command[:-1], str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


def test_bad_paths_are_named(server, tmp_path):
    """The accelerator's socket is its last argument, the target's its only one."""
    assert server.command[-1] == str(server.path)
    file = tmp_path / "file"
    file.write_text("not a socket")
    long = tmp_path / ("x" * 120)
    for path, words in (
        (file, "exists and is not a socket"),
        (long, "107"),
        (tmp_path / "missing" / "s", "No such file or directory"),
        ("/proc/s", "/proc/s"),
    ):
        result = start_on(path, server)
        assert result.returncode != 0
        assert words in result.stderr
        assert str(path) in result.stderr
    assert file.read_text() == "not a socket"


def test_full_disk_is_named(target, tmp_path):
    """A folder on a file system with room for nothing."""
    script = 'mount -t tmpfs -o nr_inodes=1 none "$0" && exec "$@"'
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(tmp_path)]
    result = subprocess.run(
        [*own_mounts, target.command[0], str(tmp_path / "s")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=20,
    )
    if "unshare" in result.stderr or "mount:" in result.stderr:
        pytest.skip(f"no file system of one's own: {result.stderr.strip()}")
    assert result.returncode != 0
    assert "No space left on device" in result.stderr
