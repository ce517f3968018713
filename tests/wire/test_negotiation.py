# SPDX-License-Identifier: Apache-2.0
"""VERSION: the first message, and what both sides tell each other."""

import errno
import json
import struct

import pytest
import wire
from wire import Client

VERSION_0_1 = struct.pack("=HH", 0, 1)


def offered(text):
    assert text.endswith(b"\0")
    return json.loads(text[:-1])["capabilities"]


def fresh(server):
    """A connection that has said nothing, on a device that is free."""
    server.client().close()
    return Client(server.path)


def greeting(server, body):
    """The reply to a VERSION with this body; the device may still be seeing off another client."""
    while True:
        with Client(server.path) as client:
            reply = client.ask(wire.VERSION, body)
            if reply.error != errno.EBUSY:
                return reply


def test_reply_fits_qemus_buffer(server):
    request = wire.message(wire.VERSION, struct.pack("=HH", 0, 0) + wire.json_text(wire.QEMU_CAPABILITIES))
    with Client(server.path) as client:
        client.send(request)
        reply = client.receive()
    assert not reply.failed
    assert reply.size <= len(request) <= 230
    assert reply.size <= 214


def test_offer_is_what_qemu_accepts(server):
    text = greeting(server, VERSION_0_1).body[4:]
    capabilities = offered(text)
    assert 0 < capabilities["max_msg_fds"] <= 16
    assert 4096 <= capabilities["max_data_xfer_size"] <= 64 << 20
    assert capabilities["pgsizes"] % 4096 == 0
    assert 0 < capabilities["max_dma_maps"] <= 65535
    assert capabilities["write_multiple"] is True
    known = {"max_msg_fds", "max_data_xfer_size", "pgsizes", "max_dma_maps", "write_multiple", "migration"}
    assert set(capabilities) <= known, "QEMU warns about others, also twin_socket"


@pytest.mark.parametrize("minor, agreed", [(0, 0), (1, 1), (2, 1), (65535, 1)])
def test_lower_minor_version_wins(server, minor, agreed):
    assert struct.unpack_from("=HH", greeting(server, struct.pack("=HH", 0, minor)).body) == (0, agreed)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}\0",
        wire.json_text({}),
        wire.json_text({"max_msg_fds": 1, "max_data_xfer_size": 1048576, "migration": {"pgsize": 4096}}),
        wire.json_text({"max_msg_fds": 8, "twin_socket": {"supported": True, "fd_index": 0}}),
        wire.json_text({"max_msg_fds": 0, "something new": [1, 2, {"a": None}]}),
        b' { "capabilities" : { "max_data_xfer_size" : 1 } } \n\0',
    ],
    ids=["none (SPDK)", "empty", "no capabilities", "rust", "libvfio-user", "unknown", "spaces"],
)
def test_clients_of_all_kinds_are_welcome(server, text):
    assert not greeting(server, VERSION_0_1 + text).failed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        struct.pack("=HH", 1, 0),
        struct.pack("=HH", 65535, 65535),
        VERSION_0_1 + b"{}",
        VERSION_0_1 + b"\0",
        VERSION_0_1 + b"[]\0",
        VERSION_0_1 + b"{\0",
        VERSION_0_1 + b"\xff\xfe\0",
        VERSION_0_1 + b'{"capabilities":[]}\0',
        VERSION_0_1 + wire.json_text({"max_data_xfer_size": 0}),
        VERSION_0_1 + wire.json_text({"max_data_xfer_size": -1}),
        VERSION_0_1 + wire.json_text({"max_data_xfer_size": "1M"}),
        VERSION_0_1 + wire.json_text({"max_msg_fds": 1.5}),
        VERSION_0_1 + b"[" * 4000 + b"\0",
        VERSION_0_1 + b" " * 100_000 + b"{}\0",
    ],
    ids=range(16),
)
def test_bad_version_gets_an_error_and_the_end(server, body):
    with fresh(server) as client:
        assert client.error(wire.VERSION, body) == errno.EINVAL
        assert client.is_disconnected()


@pytest.mark.parametrize("command", [wire.GET_INFO, wire.RESET, wire.REGION_READ, 99])
def test_first_message_must_be_version(server, command):
    with fresh(server) as client:
        assert client.error(command, bytes(32)) == errno.EINVAL
        assert client.is_disconnected()
    server.wait_for_log("the first message is not VERSION")


def test_second_version_is_refused(client):
    assert client.error(wire.VERSION, VERSION_0_1) == errno.EINVAL
    client.reset()


def test_second_client_is_told_that_the_device_is_busy(server):
    with server.client() as first:
        with Client(server.path) as second:
            assert second.error(wire.VERSION, VERSION_0_1) == errno.EBUSY
            assert second.is_disconnected()
        first.reset()


def test_client_that_never_says_version_makes_room(hasty_target):
    silent = Client(hasty_target.path)
    slow = None
    try:
        assert silent.is_disconnected()
        hasty_target.wait_for_log("did not agree on a version within 300 ms")
        slow = Client(hasty_target.path)
        slow.send(wire.message(wire.VERSION, VERSION_0_1)[:10])
        assert slow.is_disconnected()
    finally:
        silent.close()
        if slow:
            slow.close()
    hasty_target.client().close()


def test_silence_after_version_is_fine(hasty_target):
    with hasty_target.client() as quiet:
        waiting = Client(hasty_target.path)  # turned away after three times the negotiation time
        assert waiting.is_disconnected()
        waiting.close()
        quiet.reset()
