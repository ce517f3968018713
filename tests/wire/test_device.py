# SPDX-License-Identifier: Apache-2.0
"""What a device tells of itself, and its regions."""

import errno
import struct

import pytest
import wire


def test_info_is_what_qemu_demands(client):
    argsz, flags, regions, irqs = client.info()
    assert argsz == 16
    assert flags & 3 == 3, "can be reset, is PCI"
    assert 8 <= regions <= 100
    assert 3 <= irqs <= 50


@pytest.mark.parametrize("argsz, error", [(16, 0), (32, 0), (15, errno.EINVAL), (0, errno.EINVAL)])
def test_info_wants_room(client, argsz, error):
    assert client.error(wire.GET_INFO, struct.pack("=IIII", argsz, 0, 0, 0)) == error


def test_every_region_is_described_also_the_absent(client):
    regions = client.info()[2]
    for index in range(regions):
        argsz, flags, echoed, cap, size, offset = client.region_info(index)
        assert (argsz, echoed, cap) == (32, index, 0)
        assert flags & ~3 == 0
        if size == 0:
            assert flags == 0
        elif index < 6:
            assert size >= 16 and size & (size - 1) == 0, "QEMU aborts on another size of a BAR"
    body = struct.pack("=IIIIQQ", 32, 0, regions, 0, 0, 0)
    assert client.error(wire.GET_REGION_INFO, body) == errno.EINVAL


def test_region_info_takes_long_bodies_and_no_short_argsz(client):
    body = struct.pack("=IIIIQQ", 4064, 0, 0, 0, 0, 0) + bytes(4032)
    reply = client.do(wire.GET_REGION_INFO, body)
    assert len(reply.body) == 32
    body = struct.pack("=IIIIQQ", 31, 0, 0, 0, 0, 0)
    assert client.error(wire.GET_REGION_INFO, body) == errno.EINVAL


def test_regions_have_no_descriptors_for_input_and_output(client):
    reply = client.do(wire.GET_REGION_IO_FDS, struct.pack("=IIII", 16, 0, 0, 0))
    assert struct.unpack("=IIII", reply.body) == (16, 0, 0, 0)
    assert client.error(wire.GET_REGION_IO_FDS, struct.pack("=IIII", 16, 0, 99, 0)) == errno.EINVAL


def test_every_interrupt_index_is_described(client):
    irqs = client.info()[3]
    for index in range(irqs):
        argsz, flags, echoed, count = client.irq_info(index)
        assert (argsz, echoed) == (16, index)
        assert flags & 1 == (1 if count else 0)
    assert client.irq_info(3)[3] == 1, "QEMU wants one error interrupt"
    assert client.error(wire.GET_IRQ_INFO, struct.pack("=IIII", 16, 0, irqs, 0)) == errno.EINVAL


def test_reads_of_every_size_and_alignment(client):
    size = client.region_size(wire.BAR0)
    whole = client.read(wire.BAR0, 0, size)
    for count in (1, 2, 3, 4, 5, 7, 8, 9, 16, 255, 256, 257):
        for offset in (0, 1, 2, 3, 5, 250, size - count):
            assert client.read(wire.BAR0, offset, count) == whole[offset : offset + count]


def test_config_space_is_read_in_one_go(client):
    size = client.region_size(wire.CONFIG)
    assert size >= 256
    assert len(client.read(wire.CONFIG, 0, size)) == size


def test_accesses_that_straddle_or_lie_outside_are_refused_and_change_nothing(client):
    size = client.region_size(wire.BAR0)
    whole = client.read(wire.BAR0, 0, size)
    outside = [(size, 1), (size - 1, 2), (size - 3, 4), (1 << 63, 8), ((1 << 64) - 1, 2), (0, size + 1)]
    for offset, count in outside:
        assert client.error(wire.REGION_READ, wire.access(0, offset, count)) == errno.EINVAL
        body = wire.access(0, offset, count) + b"\xff" * count
        assert client.error(wire.REGION_WRITE, body) == errno.EINVAL
    for region in (3, 99, 0xFFFFFFFF):
        assert client.error(wire.REGION_READ, wire.access(region, 0, 4)) == errno.EINVAL
    assert client.read(wire.BAR0, 0, size) == whole


def test_counts_beyond_the_limit_are_refused(target_client):
    for count in ((1 << 20) + 1, 1 << 22, 0xFFFFFFFF):
        assert target_client.error(wire.REGION_READ, wire.access(4, 0, count)) == errno.EINVAL
    assert len(target_client.read(4, 1, 1 << 20)) == 1 << 20


def test_nothing_is_read_and_written_at_the_very_end(client):
    size = client.region_size(wire.BAR0)
    assert client.read(wire.BAR0, size, 0) == b""
    client.write(wire.BAR0, size, b"")


@pytest.mark.parametrize("declared, sent", [(4, 5), (4, 3), (0, 1), (8, 0), (0xFFFFFFFF, 16), (4, 4096)])
def test_writes_have_as_much_data_as_they_declare(client, declared, sent):
    whole = client.read(wire.BAR0, 0, 64)
    assert client.error(wire.REGION_WRITE, wire.access(0, 0x2C, declared) + b"\1" * sent) == errno.EINVAL
    assert client.read(wire.BAR0, 0, 64) == whole


def test_what_is_written_is_read(target_client):
    for data in (b"a", b"bc", b"def", b"ghijklmn", bytes(range(256)) * 4):
        for offset in (0, 1, 777):
            target_client.write(0, offset, data)
            assert target_client.read(0, offset, len(data)) == data


def test_a_megabyte_is_written_and_read(target_client):
    data = bytes(range(256)) * 4096
    target_client.write(4, 12345, data)
    assert target_client.read(4, 12345, len(data)) == data


def test_accesses_that_a_region_does_not_allow_are_swallowed(target_client):
    assert target_client.region_info(1)[1] == wire.READABLE
    assert target_client.region_info(2)[1] == wire.WRITABLE
    target_client.write(1, 0, b"\0" * 64)
    assert target_client.read(1, 0, 64) == b"\xaa" * 64
    target_client.write(2, 0, b"\xff" * 64)
    assert target_client.read(2, 0, 64) == bytes(64)


def test_posted_writes_are_done_before_a_later_read(target_client):
    for i in range(5000):
        target_client.post(0, i % 512 * 4, struct.pack("=I", i))
    assert struct.unpack("=I", target_client.read(0, 4999 % 512 * 4, 4)) == (4999,)


def multi(*writes):
    body = struct.pack("=Q", len(writes))
    return body + b"".join(wire.access(r, o, len(d)) + d.ljust(8, b"\0") for r, o, d in writes)


def test_many_writes_in_one_message(target_client):
    writes = [(0, 8 * i, bytes([i, 1, 2, 3, 4, 5, 6, 7])) for i in range(200)]
    assert len(wire.message(wire.WRITE_MULTI, multi(*writes))) == 4824, "as QEMU sends it"
    reply = target_client.do(wire.WRITE_MULTI, multi(*writes))
    assert reply.body == struct.pack("=Q", 200)
    assert target_client.read(0, 0, 1600) == b"".join(data for _, _, data in writes)


def test_many_writes_may_be_posted_and_of_different_lengths(target_client):
    body = multi((0, 0, b"a"), (7, 1, b"bc"), (0, 100, b"defg"), (0, 4095, b""))
    target_client.send(wire.message(wire.WRITE_MULTI, body, flags=wire.NO_REPLY))
    assert target_client.read(0, 0, 1) == b"a"
    assert target_client.read(7, 1, 2) == b"bc"
    assert target_client.read(0, 100, 4) == b"defg"
    assert target_client.do(wire.WRITE_MULTI, multi()).body == bytes(8)


def test_many_writes_are_refused_as_a_whole(target_client):
    one = wire.access(0, 0, 8) + b"\xff" * 8
    beyond = wire.access(0, 4092, 8) + b"\xff" * 8
    too_long = wire.access(0, 0, 9) + b"\xff" * 8
    for count, writes in (
        (2, one + beyond),
        (2, one + too_long),
        (2, one),
        (1, one[:23]),
        (1 << 61, one),
        ((1 << 64) - 1, one),
    ):
        assert target_client.error(wire.WRITE_MULTI, struct.pack("=Q", count) + writes) == errno.EINVAL
    assert target_client.read(0, 0, 8) == bytes(8)


def test_reset_reaches_the_device(target_client):
    target_client.write(0, 0, b"text")
    target_client.reset()
    assert target_client.read(0, 0, 4) == bytes(4)
