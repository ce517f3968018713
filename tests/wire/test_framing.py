# SPDX-License-Identifier: Apache-2.0
"""Bytes become messages, however they are cut; what is no message ends the connection."""

import errno
import os
import struct

import pytest
import wire

INFO = wire.message(wire.GET_INFO, struct.pack("=IIII", 16, 0, 0, 0), id=7)


@pytest.mark.parametrize("size", [1, 3, 15, 16, 17, 31])
def test_any_split_is_understood(client, size):
    client.send_in_pieces(INFO * 3, size)
    replies = [client.receive() for _ in range(3)]
    assert [reply.id for reply in replies] == [7, 7, 7]
    assert len({reply.body for reply in replies}) == 1


def test_version_may_come_byte_by_byte(server):
    server.client().close()
    with wire.Client(server.path) as client:
        client.send_in_pieces(wire.message(wire.VERSION, struct.pack("=HH", 0, 1)), 1)
        reply = client.receive()
        assert reply.command == wire.VERSION
        assert reply.error in (0, errno.EBUSY)


def test_commands_in_one_send_are_answered_in_order(client):
    requests = [wire.message(wire.RESET, id=i) for i in range(200)]
    client.send(b"".join(requests))
    assert [client.receive().id for _ in requests] == list(range(200))


@pytest.mark.parametrize("id", [0, 1, 65535])
def test_ids_are_repeated_and_may_be_used_again(client, id):
    client.send(wire.message(wire.RESET, id=id) * 3)
    assert [client.receive().id for _ in range(3)] == [id] * 3


@pytest.mark.parametrize("size", [0, 1, 15, (1 << 20) + 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_sizes_that_no_message_has_end_the_connection(server, size):
    with server.client() as bad:
        bad.send(wire.header(wire.GET_INFO, size) + bytes(64))
        assert bad.is_disconnected()
    server.wait_for_log(f"message size {size} is not between 16 and")
    with server.client() as good:
        good.reset()


@pytest.mark.parametrize("length", [1, 15, 16, 20, 31])
def test_leaving_within_a_message_is_noticed(server, length):
    with server.client() as client:
        client.send(INFO[:length])
    total = 16 if length < 16 else len(INFO)
    server.wait_for_log(f"the client left in the middle of a message: {length} of {total} bytes")
    with server.client() as good:
        good.reset()


@pytest.mark.parametrize("kind", [2, 3, 15])
def test_messages_that_are_neither_command_nor_reply_end_the_connection(server, kind):
    with server.client() as client:
        client.send(wire.message(wire.RESET, flags=kind))
        assert client.is_disconnected()
    server.wait_for_log(f"message type {kind} is neither command (0) nor reply (1)")


@pytest.mark.parametrize("command", [0, wire.DMA_READ, wire.DMA_WRITE, 19, 255, 65535])
def test_unknown_commands_get_an_error_and_the_connection_goes_on(client, command):
    for body in (b"", bytes(4096)):
        assert client.error(command, body) == errno.EINVAL
    client.reset()


@pytest.mark.parametrize(
    "command", [wire.DIRTY_PAGES, wire.DEVICE_FEATURE, wire.MIG_READ, wire.MIG_WRITE]
)
def test_what_is_not_supported_gets_an_error(client, command):
    for body in (b"", struct.pack("=IIQ", 16, 1 << 16, 0)):
        assert client.error(command, body) in (errno.ENOTTY, errno.EINVAL)
    client.reset()


@pytest.mark.parametrize("command", range(2, 11))
def test_every_length_of_every_body_is_survived(client, command):
    for length in range(64):
        client.error(command, bytes(length))
    for length in range(64):
        client.error(command, b"\xff" * length)
    client.reset()


def test_commands_without_reply_get_none(client):
    client.send(wire.message(wire.RESET, flags=wire.NO_REPLY))
    client.send(wire.message(99, bytes(8), flags=wire.NO_REPLY))
    client.send(wire.message(wire.GET_INFO, flags=wire.NO_REPLY))
    client.send(wire.message(wire.DMA_MAP, wire.dma_map(0, 4096), flags=wire.NO_REPLY))
    client.reset()


def test_replies_that_nobody_waits_for_are_ignored(client):
    for id in (0, 1, 65535):
        for body in (b"", bytes(100)):
            client.send(wire.message(wire.DMA_READ, body, flags=wire.REPLY, id=id))
    client.reset()


@pytest.mark.parametrize("count", [1, 5, 16])
def test_descriptors_that_nobody_asked_for_are_closed(server, count):
    with server.client() as client:
        client.reset()
        before = server.descriptors()
        pipe_out, pipe_in = os.pipe()
        for command in (wire.GET_INFO, wire.RESET, wire.REGION_READ, 99):
            assert client.error(command, bytes(32), fds=[pipe_in] * count) == errno.EINVAL
        client.reset()
        assert server.descriptors() == before
        os.close(pipe_in)
        assert os.read(pipe_out, 1) == b"", "nobody else holds the other end"
        os.close(pipe_out)


def test_descriptors_on_every_byte_end_the_connection_before_they_are_too_many(server):
    with server.client() as client:
        request = wire.message(wire.SET_IRQS, bytes(5000))
        out, into = os.pipe()
        for at in range(len(request)):
            try:
                client.send(request[at : at + 1], fds=[into] * 100)
            except OSError:
                break
        assert at < len(request) - 1
        os.close(into)
        os.close(out)
    server.wait_for_log("descriptors with one message are more than 253")
    with server.client() as good:
        good.reset()


def test_a_flood_of_bad_requests_does_not_flood_the_log(target):
    before = target.log().count("\n")
    with target.client() as client:
        for _ in range(1000):
            client.error(77)
    target.wait_for_log("more of this client's bad requests are left out")
    assert target.log().count("\n") - before < 50
