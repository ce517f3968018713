# SPDX-License-Identifier: Apache-2.0
"""The client's memory: maps, and a device that uses them."""

import contextlib
import errno
import fcntl
import os
import struct

import pytest
import wire
from wire import DMA_MAP, DMA_READ, DMA_UNMAP, DMA_WRITE, REPLY, dma_map, dma_unmap

PAGE, HUGE_PAGE = 4096, 2 << 20
ENGINE, ENGINE_STATE = 0xFD0, 0xFE4
READ, WRITE, INTERRUPT = 1, 2, 3
BUSY, DONE, FAILED = 1, 2, 3


@pytest.fixture
def memory():
    with contextlib.ExitStack() as stack:

        def make(size, sealed=False):
            fd = wire.memory(size, sealed)
            stack.callback(os.close, fd)
            return fd

        yield make


def order(client, command, address, size, offset=0):
    client.write(0, ENGINE, struct.pack("=QII", address, size, offset))
    client.write(0, ENGINE + 16, struct.pack("=I", command))


def state(client):
    return struct.unpack("=I", client.read(0, ENGINE_STATE, 4))[0]


def finished(client):
    while (now := state(client)) == BUSY:
        pass
    return now


@pytest.mark.parametrize("flags", [1, 2, 3, 1 | 4, 3 | 4 | 8], ids=str)
def test_map_is_answered_with_a_header_and_unmap_with_its_body(client, memory, flags):
    for address in (0, 0x1000, 1 << 40):
        assert client.do(DMA_MAP, dma_map(address, PAGE, flags), fds=[memory(PAGE)]).size == 16
        body = dma_unmap(address, PAGE)
        assert client.do(DMA_UNMAP, body).body == body


def test_maps_over_another_are_refused(client):
    client.do(DMA_MAP, dma_map(0x10000, 0x2000))
    for address, size in ((0x10000, 0x2000), (0xF000, 0x1001), (0x11FFF, 1), (0, 1 << 40), (0x10800, 16)):
        assert client.error(DMA_MAP, dma_map(address, size)) == errno.EEXIST
    client.do(DMA_MAP, dma_map(0xF000, 0x1000))
    client.do(DMA_MAP, dma_map(0x12000, 0x1000))


@pytest.mark.parametrize(
    "body",
    [
        dma_map(0, 0),
        dma_map((1 << 64) - 1, 2),
        dma_map(PAGE, (1 << 64) - 1),
        dma_map(0, PAGE, flags=0),
        dma_map(0, PAGE, flags=16 | 3),
        dma_map(0, PAGE, flags=0xFFFFFFFF),
        dma_map(0, PAGE, argsz=31),
        dma_map(0, PAGE)[:31],
    ],
    ids=range(8),
)
def test_maps_that_make_no_sense_are_refused(client, body):
    assert client.error(DMA_MAP, body) == errno.EINVAL
    client.do(DMA_MAP, dma_map(0, PAGE))


def test_the_last_address_may_be_mapped(client):
    client.do(DMA_MAP, dma_map((1 << 64) - PAGE, PAGE))
    client.do(DMA_UNMAP, dma_unmap((1 << 64) - PAGE, PAGE))


def test_descriptors_must_fit_the_map(client, memory):
    fd = memory(PAGE)
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    assert client.error(DMA_MAP, dma_map(0, PAGE, offset=1), fds=[fd]) == errno.EINVAL
    assert client.error(DMA_MAP, dma_map(0, 2 * PAGE), fds=[fd]) == errno.EINVAL
    assert client.error(DMA_MAP, dma_map(0, PAGE), fds=[fd, fd]) == errno.EINVAL
    assert client.error(DMA_MAP, dma_map(0, PAGE), fds=[read_only]) == errno.EACCES
    client.do(DMA_MAP, dma_map(0, PAGE, flags=1), fds=[read_only])
    os.close(read_only)


def test_only_exact_maps_are_removed(client):
    client.do(DMA_MAP, dma_map(PAGE, 2 * PAGE))
    for address, size in ((PAGE, PAGE), (2 * PAGE, PAGE), (0, 4 * PAGE), (PAGE, 3 * PAGE)):
        assert client.error(DMA_UNMAP, dma_unmap(address, size)) == errno.ENOENT
    assert client.error(DMA_UNMAP, dma_unmap(PAGE, 2 * PAGE, flags=1)) == errno.EINVAL
    assert client.error(DMA_UNMAP, dma_unmap(PAGE, 2 * PAGE, argsz=23)) == errno.EINVAL
    client.do(DMA_UNMAP, dma_unmap(PAGE, 2 * PAGE))
    assert client.error(DMA_UNMAP, dma_unmap(PAGE, 2 * PAGE)) == errno.ENOENT


@pytest.mark.parametrize("flag", [2, 4], ids=["Linux", "rust"])
def test_all_maps_are_removed_at_once(client, flag):
    client.do(DMA_MAP, dma_map(0, PAGE))
    client.do(DMA_MAP, dma_map(PAGE, PAGE))
    assert client.error(DMA_UNMAP, dma_unmap(0, PAGE, flags=flag)) == errno.EINVAL
    assert client.do(DMA_UNMAP, dma_unmap(0, 0, flags=flag)).body == dma_unmap(0, 0, flags=flag)
    client.do(DMA_MAP, dma_map(0, 2 * PAGE))


def test_transactions_of_maps_may_be_pipelined(client, memory):
    fd = memory(64 * PAGE)
    for round in range(4):
        for i in range(16):
            request = wire.message(DMA_MAP, dma_map(i * PAGE, PAGE, offset=i * PAGE), id=i)
            client.send(request, fds=[fd])
        for i in range(16):
            client.send(wire.message(DMA_UNMAP, dma_unmap(i * PAGE, PAGE), id=16 + i))
        replies = [client.receive() for _ in range(32)]
        assert [reply.id for reply in replies] == list(range(32))
        assert not any(reply.failed for reply in replies), f"round {round}"


def test_maps_are_limited(server, memory):
    with server.client() as client:
        fd = memory(PAGE)
        before = server.descriptors()
        requests = [wire.message(DMA_MAP, dma_map(i * PAGE, PAGE)) for i in range(65536)]
        errors = []
        client.do(DMA_MAP, dma_map(1 << 50, PAGE), fds=[fd])
        for at in range(0, len(requests), 256):
            client.send(b"".join(requests[at : at + 256]))
            errors += [client.receive().error for _ in requests[at : at + 256]]
        assert errors[:65534] == [0] * 65534
        assert errors[65534:] == [errno.ENOSPC] * 2
        assert server.descriptors() <= before + 1
        client.reset()
    with server.client() as good:
        good.do(DMA_MAP, dma_map(0, PAGE))


def test_files_are_limited_and_given_back(target):
    with target.client() as client:
        client.reset()
        before = target.descriptors()
        errors = []
        for i in range(300):
            fd = wire.memory(PAGE)
            errors.append(client.error(DMA_MAP, dma_map(i * PAGE, PAGE), fds=[fd]))
            os.close(fd)
        assert errors == [0] * 256 + [errno.ENOSPC] * 44
        assert target.descriptors() == before + 256
        client.do(DMA_UNMAP, dma_unmap(0, 0, flags=2))
        assert target.descriptors() == before


@pytest.mark.parametrize("sealed", [False, True], ids=["file", "sealed"])
def test_device_writes_and_reads_memory_by_its_descriptor(target_client, memory, sealed):
    fd = memory(4 * PAGE, sealed)
    target_client.do(DMA_MAP, dma_map(0x100000, 2 * PAGE, offset=PAGE), fds=[fd])
    target_client.write(0, 0, b"from the device")
    order(target_client, WRITE, 0x100000 + PAGE - 4, 15)
    assert finished(target_client) == DONE
    assert os.pread(fd, 15, 2 * PAGE - 4) == b"from the device"
    os.pwrite(fd, b"from the client", PAGE)
    order(target_client, READ, 0x100000, 15, offset=100)
    assert finished(target_client) == DONE
    assert target_client.read(0, 100, 15) == b"from the client"


def test_device_crosses_from_map_to_map(target_client, memory):
    first, second = memory(PAGE), memory(PAGE)
    target_client.do(DMA_MAP, dma_map(0, PAGE), fds=[first])
    target_client.do(DMA_MAP, dma_map(PAGE, PAGE), fds=[second])
    target_client.write(0, 0, b"abcdefgh")
    order(target_client, WRITE, PAGE - 4, 8)
    assert finished(target_client) == DONE
    assert os.pread(first, 4, PAGE - 4) + os.pread(second, 4, 0) == b"abcdefgh"


@pytest.mark.parametrize("address, flags", [(0x5000, 3), (0x10000, 2), (0xFFFF, 3)], ids=["unmapped", "no read", "edge"])
def test_device_keeps_to_what_is_mapped(target_client, memory, address, flags):
    target_client.do(DMA_MAP, dma_map(0x10000, PAGE, flags), fds=[memory(PAGE)])
    order(target_client, READ, address, 16)
    assert finished(target_client) == FAILED


def test_memory_that_shrinks_hurts_nobody(target_client, memory):
    fd = memory(PAGE)
    target_client.do(DMA_MAP, dma_map(0, PAGE), fds=[fd])
    os.ftruncate(fd, 0)
    order(target_client, READ, 0, 16)
    assert finished(target_client) == FAILED


def test_memory_that_cant_shrink_is_mapped_until_it_is_unmapped(target, memory):
    with target.client() as client:
        client.do(DMA_MAP, dma_map(0, PAGE), fds=[memory(PAGE)])
        client.do(DMA_MAP, dma_map(2 * PAGE, PAGE), fds=[memory(PAGE, sealed=True)])
        client.do(DMA_MAP, dma_map(4 * PAGE, PAGE), fds=[memory(PAGE, sealed=True)])
        assert target.mappings() == 2
        client.do(DMA_UNMAP, dma_unmap(2 * PAGE, PAGE))
        assert target.mappings() == 1
    with target.client():
        assert target.mappings() == 0, "the client has left"


def test_sealed_memory_without_huge_pages_hurts_nobody(target_client):
    with open("/proc/sys/vm/nr_hugepages") as pool, open("/proc/sys/vm/nr_overcommit_hugepages") as more:
        if int(pool.read()) + int(more.read()) > 0:
            pytest.skip("huge pages are the memory that this host must not have")
    fd = os.memfd_create("client-memory", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | os.MFD_HUGETLB | os.MFD_HUGE_2MB)
    os.ftruncate(fd, HUGE_PAGE)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    target_client.do(DMA_MAP, dma_map(0, HUGE_PAGE), fds=[fd])
    os.close(fd)
    for command in (READ, WRITE):
        order(target_client, command, 0, 16)
        assert finished(target_client) == FAILED


def test_memory_without_descriptor_is_read_by_message(target_client):
    target_client.do(DMA_MAP, dma_map(0x8000, PAGE))
    order(target_client, READ, 0x8010, 5, offset=200)
    asked = target_client.receive_command()
    assert (asked.command, asked.flags) == (DMA_READ, 0)
    assert asked.body == struct.pack("=QQ", 0x8010, 5)
    # The device waits, and requests are served all the same.
    assert state(target_client) == BUSY
    answer = wire.message(DMA_READ, asked.body + b"hello", flags=REPLY, id=asked.id)
    target_client.send(answer)
    assert finished(target_client) == DONE
    assert target_client.read(0, 200, 5) == b"hello"


def test_memory_without_descriptor_is_written_by_message(target_client):
    target_client.do(DMA_MAP, dma_map(0x8000, PAGE))
    target_client.write(0, 0, b"hello")
    order(target_client, WRITE, 0x8010, 5)
    told = target_client.receive_command()
    assert (told.command, told.flags) == (DMA_WRITE, wire.NO_REPLY)
    assert told.body == struct.pack("=QQ", 0x8010, 5) + b"hello"
    # QEMU before NO_REPLY, and others, answer all the same.
    target_client.send(wire.message(DMA_WRITE, told.body[:16], flags=REPLY, id=told.id))
    assert finished(target_client) == DONE


def test_messages_keep_to_the_clients_limit(target):
    target.client().close()
    with wire.Client(target.path) as client:
        client.negotiate({"max_data_xfer_size": 4})
        client.do(DMA_MAP, dma_map(0, PAGE))
        order(client, READ, 0x10, 10)
        for address, size in ((0x10, 4), (0x14, 4), (0x18, 2)):
            asked = client.receive_command()
            assert asked.body == struct.pack("=QQ", address, size)
            client.send(wire.message(DMA_READ, asked.body + b"x" * size, flags=REPLY, id=asked.id))
        assert finished(client) == DONE


@pytest.mark.parametrize(
    "reply",
    [
        lambda asked: wire.header(DMA_READ, 16, REPLY | wire.ERROR, asked.id, errno.EFAULT),
        lambda asked: wire.message(DMA_READ, b"", REPLY, asked.id),
        lambda asked: wire.message(DMA_READ, asked.body + b"1234", REPLY, asked.id),
        lambda asked: wire.message(DMA_READ, asked.body + b"123456", REPLY, asked.id),
        lambda asked: wire.message(DMA_READ, struct.pack("=QQ", 0, 5) + b"12345", REPLY, asked.id),
        lambda asked: wire.message(DMA_READ, asked.body[:12] + b"12345", REPLY, asked.id),
    ],
    ids=["error", "empty", "short", "long", "elsewhere", "QEMU 10.2"],
)
def test_bad_answers_fail_the_device_and_nothing_else(target_client, reply):
    target_client.do(DMA_MAP, dma_map(0x8000, PAGE))
    order(target_client, READ, 0x8010, 5)
    target_client.send(reply(target_client.receive_command()))
    assert finished(target_client) == FAILED
    target_client.reset()


def test_device_signals_from_its_own_thread(target_client):
    fd = os.eventfd(0, os.EFD_CLOEXEC)
    body = wire.set_irqs(wire.DATA_EVENTFD | wire.TRIGGER, 2, 1, 1)
    target_client.do(wire.SET_IRQS, body, fds=[fd])
    order(target_client, INTERRUPT, 0, 2, offset=1)
    assert os.read(fd, 8) == struct.pack("=Q", 1)
    os.close(fd)
