# SPDX-License-Identifier: Apache-2.0
"""The habits of the clients that there are, message by message."""

import errno
import os
import struct

import wire
from wire import CONFIG, DATA_EVENTFD, DATA_NONE, DMA_MAP, DMA_UNMAP, SET_IRQS, TRIGGER, dma_map, dma_unmap


def fresh(server):
    server.client().close()
    return wire.Client(server.path)


def read32(client, offset):
    return struct.unpack("=I", client.read(CONFIG, offset, 4))[0]


def capability(client, wanted):
    """Offset of a capability in the first 256 bytes of config space; 0: not there."""
    offset = client.read(CONFIG, 0x34, 1)[0] & 0xFC
    while offset:
        id, following = client.read(CONFIG, offset, 2)
        if id == wanted:
            return offset
        offset = following & 0xFC
    return 0


def qemu_realize(client, ram):
    """What QEMU 11.1 says until its machine is ready to start."""
    (major, minor), _ = client.negotiate()
    assert (major, minor) == (0, 0)
    client.do(DMA_MAP, dma_map(0, 0x80000000), fds=[ram])
    client.do(DMA_MAP, dma_map(0x100000000, 0x1000, offset=0x80000000), fds=[ram])
    client.do(DMA_MAP, dma_map(0xFFFC0000, 0x40000, flags=1))
    _, flags, regions, irqs = client.info()
    assert flags & 2 and 8 <= regions <= 100 and 3 <= irqs <= 50
    sizes = [client.region_size(index) for index in (0, 1, 2, 3, 4, 5, 7)]
    assert client.irq_info(3)[3] == 1
    assert len(client.read(CONFIG, 0, sizes[-1])) == sizes[-1]
    rom = client.read(CONFIG, 0x30, 4)
    client.write(CONFIG, 0x30, struct.pack("=I", 0xFFFFF800))
    client.read(CONFIG, 0x30, 4)
    client.write(CONFIG, 0x30, rom)
    for bar in (index for index in range(6) if sizes[index]):
        read32(client, 0x10 + 4 * bar)
    if msix := capability(client, 0x11):
        client.read(CONFIG, msix + 2, 2)
        client.read(CONFIG, msix + 4, 4)
        client.read(CONFIG, msix + 8, 4)
        assert client.irq_info(2)[3] > 0
    client.read(CONFIG, 0x3D, 1)
    error = os.eventfd(0)
    client.do(SET_IRQS, wire.set_irqs(DATA_EVENTFD | TRIGGER, 3, 0, 1), fds=[error])
    os.close(error)
    return msix


def qemu_reset(client):
    client.do(SET_IRQS, wire.set_irqs(DATA_NONE | TRIGGER, 2, 0, 0))
    command = client.read(CONFIG, 4, 2)
    client.write(CONFIG, 4, struct.pack("=H", struct.unpack("=H", command)[0] & ~0x407))
    client.reset()
    client.read(CONFIG, 0x3D, 1)
    for bar in range(6):
        client.write(CONFIG, 0x10 + 4 * bar, bytes(4))


def test_qemu(server):
    ram = wire.memory(0x80001000)
    with fresh(server) as client:
        msix = qemu_realize(client, ram)
        qemu_reset(client)
        if msix:
            client.write(CONFIG, msix + 2, struct.pack("=H", 0xC000))
            client.do(SET_IRQS, wire.set_irqs(DATA_EVENTFD | TRIGGER, 2, 0, 1))
            vector = os.eventfd(0)
            client.do(SET_IRQS, wire.set_irqs(DATA_EVENTFD | TRIGGER, 2, 0, 1), fds=[vector])
            client.write(CONFIG, msix + 2, struct.pack("=H", 0x8000))
            client.do(SET_IRQS, wire.set_irqs(DATA_NONE | TRIGGER, 2, 0, 0))
            os.close(vector)
        for i in range(1000):
            client.post(wire.BAR0, 0x2C, struct.pack("=I", i & 1))
        client.read(wire.BAR0, 0, 4)
        qemu_reset(client)
        client.do(SET_IRQS, wire.set_irqs(DATA_EVENTFD | TRIGGER, 3, 0, 1))
        for address, size in ((0, 0x80000000), (0x100000000, 0x1000), (0xFFFC0000, 0x40000)):
            client.do(DMA_UNMAP, dma_unmap(address, size))
    os.close(ram)
    with fresh(server) as client:
        client.negotiate()


def test_rust_vfio_user_crate(server):
    """Version 0.1 in two writes, argsz with the header, all regions asked, reads exact lengths."""
    text = wire.json_text({"max_msg_fds": 1, "max_data_xfer_size": 1048576, "migration": {"pgsize": 4096}})
    server.client().close()
    with wire.Client(server.path) as client:
        request = wire.message(wire.VERSION, struct.pack("=HH", 0, 1) + text)
        client.send(request[:20])
        client.send(request[20:])
        assert not client.receive().failed
        reply = client.do(wire.GET_INFO, struct.pack("=IIII", 32, 0, 0, 0))
        assert reply.size == 32
        regions, irqs = struct.unpack_from("=II", reply.body, 8)
        for index in range(regions):
            reply = client.ask(wire.GET_REGION_INFO, struct.pack("=IIIIQQ", 32, 0, index, 0, 0, 0))
            assert not reply.failed and reply.size == 48, "it would wait for ever for the rest"
        for index in range(irqs):
            assert not client.ask(wire.GET_IRQ_INFO, struct.pack("=IIII", 32, 0, index, 0)).failed
        ram = wire.memory(1 << 20)
        client.do(DMA_MAP, dma_map(0, 1 << 20), fds=[ram])
        assert client.do(DMA_UNMAP, dma_unmap(0, 1 << 20)).size == 40
        os.close(ram)
        # It sends all descriptors at once, and does not look at max_msg_fds.
        count = client.irq_info(2)[3]
        fds = [os.eventfd(0) for _ in range(count)]
        client.do(SET_IRQS, wire.set_irqs(DATA_EVENTFD | TRIGGER, 2, 0, count, argsz=36), fds=fds)
        for fd in fds:
            os.close(fd)
        assert client.do(wire.RESET).size == 16


def test_spdk(server):
    """Version without JSON, id 0 throughout, long region requests, a descriptor with DMA_UNMAP."""
    with fresh(server) as client:

        def ask(command, body=b"", fds=()):
            reply = client.ask(command, body, fds, id=0)
            assert not reply.failed
            return reply

        assert ask(wire.VERSION, struct.pack("=HH", 0, 1)).size <= 16 + 4096
        assert ask(wire.GET_INFO, struct.pack("=IIII", 16, 0, 0, 0)).size == 32
        for index in range(client.info()[2]):
            request = struct.pack("=IIIIQQ", 4064, 0, index, 0, 0, 0) + bytes(4064 - 32)
            assert ask(wire.GET_REGION_INFO, request).size <= 16 + 4064
        ram = wire.memory(2 << 20)
        ask(DMA_MAP, dma_map(0x200000, 2 << 20), fds=[ram])
        ask(DMA_UNMAP, dma_unmap(0x200000, 2 << 20), fds=[ram])
        os.close(ram)
        assert ask(wire.REGION_READ, wire.access(CONFIG, 0, 64)).size == 32 + 64


def test_libvfio_user_client(server):
    """Version 0.2, twin socket offered, flags of its own on DMA maps."""
    text = wire.json_text(
        {"max_data_xfer_size": 1048576, "max_msg_fds": 8, "twin_socket": {"supported": True, "fd_index": 0}}
    )
    with fresh(server) as client:
        reply = client.do(wire.VERSION, struct.pack("=HH", 0, 2) + text)
        assert struct.unpack_from("=HH", reply.body) == (0, 1)
        assert b"twin_socket" not in reply.body
        ram = wire.memory(1 << 20)
        client.do(DMA_MAP, dma_map(0, 1 << 20, flags=1 | 2 | 4), fds=[ram])
        client.do(DMA_MAP, dma_map(1 << 20, 1 << 20, flags=1 | 2 | 8), fds=[ram])
        client.do(DMA_MAP, dma_map(2 << 20, 1 << 20, flags=1 | 2))
        client.do(DMA_UNMAP, dma_unmap(0, 0, flags=2))
        assert client.error(DMA_UNMAP, dma_unmap(0, 1 << 20)) == errno.ENOENT
        os.close(ram)
        client.do(wire.GET_REGION_IO_FDS, struct.pack("=IIII", 16 + 48 * 8, 0, 0, 0))
