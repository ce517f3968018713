#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the wire fuzzer (corpus/wire), in the records that wire_fuzzer.cpp reads.

Each seed is a conversation that a client might have; the fuzzer mixes and breaks them.
"""

import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))

import wire  # noqa: E402

SHARED, FILE, EVENTFD, BLOCKING_EVENTFD, READ_ONLY, PIPE, NULL, EMPTY = range(8)
LOST = 0x20
GREETING = bytes([0x80, 0xFF, 0, 0])


def kind(fds=0, what=SHARED, flags=0):
    return bytes([fds | what << 2 | flags])


def raw(data, **descriptors):
    return kind(**descriptors) + struct.pack("<H", len(data)) + data


def say(command, body=b"", fds=0, what=SHARED, flags=0):
    return kind(fds, what, flags | 0x80) + bytes([command]) + struct.pack("<H", len(body)) + body


def irq(action, index, start, count, data=b"", **descriptors):
    return say(wire.SET_IRQS, wire.set_irqs(action, index, start, count, data), **descriptors)


def dma(address, size, flags=3, offset=0, **descriptors):
    return say(wire.DMA_MAP, wire.dma_map(address, size, flags, offset), **descriptors)


def read(region, offset, count):
    return say(wire.REGION_READ, wire.access(region, offset, count))


def write(region, offset, data):
    return say(wire.REGION_WRITE, wire.access(region, offset, len(data)) + data)


def multi(*writes):
    entries = b"".join(wire.access(r, o, len(d)) + d.ljust(8, b"\0") for r, o, d in writes)
    return say(wire.WRITE_MULTI, struct.pack("=Q", len(writes)) + entries)


def info(command, index=0, argsz=32):
    return say(command, struct.pack("=IIIIQQ", argsz, 0, index, 0, 0, 0))


def version(text, major=0, minor=1):
    return say(wire.VERSION, struct.pack("=HH", major, minor) + text)


VECTORS = wire.DATA_EVENTFD | wire.TRIGGER
FIRE = wire.DATA_NONE | wire.TRIGGER
READ_4 = wire.message(wire.REGION_READ, wire.access(0, 0, 4))

SEEDS = {
    "version-qemu": [version(wire.json_text(wire.QEMU_CAPABILITIES), minor=0)],
    "version-spdk": [version(b"")],
    "version-libvfio-user": [version(wire.json_text({"max_msg_fds": 8, "twin_socket": {"supported": True}}), minor=2)],
    "version-limits": [version(wire.json_text({"max_data_xfer_size": 7}))],
    "version-no-nul": [version(b"{}")],
    "version-not-json": [version(b'{"capabilities":[1,2}\0')],
    "version-major": [version(b"{}\0", major=1)],
    "version-twice": [GREETING, GREETING],
    "no-version": [say(wire.RESET)],
    "info": [GREETING, info(wire.GET_INFO), info(wire.GET_REGION_INFO, 7), info(wire.GET_IRQ_INFO, 2)],
    "info-outside": [GREETING, info(wire.GET_REGION_INFO, 9), info(wire.GET_IRQ_INFO, 5), info(wire.GET_REGION_INFO, 0, 8)],
    "io-fds": [GREETING, info(wire.GET_REGION_IO_FDS, 0, 16)],
    "read": [GREETING, read(0, 0, 4), read(1, 63, 1), read(7, 0, 4096), read(4, 5, 1 << 20)],
    "read-outside": [GREETING, read(0, 4093, 4), read(3, 0, 1), read(0, (1 << 64) - 1, 2), read(4, 0, (1 << 20) + 1)],
    "write": [GREETING, write(0, 16, b"12345678"), write(2, 0, b"1"), write(1, 0, b"1"), write(7, 4, b"\6\0")],
    "write-more-than-declared": [GREETING, say(wire.REGION_WRITE, wire.access(0, 0, 4) + bytes(9))],
    "multi": [GREETING, multi((0, 0, b"12345678"), (7, 4, b"12"), (0, 4095, b"x"))],
    "multi-outside": [GREETING, multi((0, 4095, b"12")), say(wire.WRITE_MULTI, struct.pack("=Q", 1 << 60) + bytes(24))],
    "dma-files": [GREETING, dma(0, 4096, fds=1), dma(4096, 4096, fds=1, what=FILE), dma(8192, 4096, 1, fds=1, what=READ_ONLY)],
    "dma-odd-descriptors": [GREETING, *(dma(i << 12, 4096, fds=1, what=i) for i in range(8))],
    "dma-two-descriptors": [GREETING, dma(0, 4096, fds=2)],
    "dma-overlap": [GREETING, dma(0, 8192), dma(4096, 1), dma(8191, 2), dma((1 << 64) - 1, 1), dma((1 << 64) - 1, 2)],
    "dma-unmap": [GREETING, dma(0, 4096, fds=1), say(wire.DMA_UNMAP, wire.dma_unmap(0, 4096), fds=1)],
    "dma-unmap-all": [GREETING, dma(0, 4096, fds=1), dma(4096, 4096), say(wire.DMA_UNMAP, wire.dma_unmap(0, 0, 2))],
    "dma-by-device": [GREETING, dma(0x1000, 4096, fds=1), dma(0x2000, 64), write(0, 100, struct.pack("=Q", 0x1FF0)), write(0, 4000, struct.pack("=Q", 0x1000))],
    "irq-assign": [GREETING, irq(VECTORS, 2, 0, 3, fds=3, what=EVENTFD), irq(FIRE, 2, 0, 3), irq(VECTORS, 2, 1, 1), irq(FIRE, 2, 0, 0)],
    "irq-booleans": [GREETING, irq(VECTORS, 2, 1, 2, fds=2, what=BLOCKING_EVENTFD), irq(wire.DATA_BOOL | wire.TRIGGER, 2, 1, 2, b"\1\0")],
    "irq-mask": [GREETING, irq(VECTORS, 0, 0, 1, fds=1, what=EVENTFD), irq(9, 0, 0, 1), irq(FIRE, 0, 0, 1), irq(18, 0, 0, 1, b"\1")],
    "irq-no-eventfd": [GREETING, irq(VECTORS, 2, 0, 1, fds=1, what=PIPE)],
    "irq-by-device": [GREETING, irq(VECTORS, 2, 0, 1, fds=1, what=EVENTFD), write(0, 0, b"\2\0\0\0\0\0\0\0")],
    "irq-outside": [GREETING, irq(FIRE, 2, 0xFFFFFFFF, 0xFFFFFFFF), irq(0xFFFFFFFF, 0, 0, 1), irq(FIRE, 9, 0, 0)],
    "reset": [GREETING, say(wire.RESET)],
    "unsupported": [GREETING, *(say(command, bytes(16)) for command in (0, 11, 12, 14, 16, 17, 18, 19, 254))],
    "descriptors-unwanted": [GREETING, say(wire.RESET, fds=3, what=PIPE), say(wire.GET_INFO, bytes(16), flags=LOST)],
    "descriptors-lost": [GREETING, irq(VECTORS, 2, 0, 2, fds=1, what=EVENTFD, flags=LOST)],
    "many-in-one": [GREETING, raw(READ_4 * 20)],
    "split": [GREETING, *(raw(READ_4[at : at + 5]) for at in range(0, len(READ_4), 5))],
    "split-with-descriptors": [GREETING, raw(wire.message(wire.DMA_MAP, wire.dma_map(0, 4096))[:20], fds=1), raw(wire.message(wire.DMA_MAP, wire.dma_map(0, 4096))[20:])],
    "no-reply": [GREETING, raw(wire.message(wire.REGION_WRITE, wire.access(0, 0, 4) + b"1234", wire.NO_REPLY) * 3)],
    "size-0": [GREETING, raw(wire.header(wire.RESET, 0))],
    "size-15": [GREETING, raw(wire.header(wire.RESET, 15))],
    "size-huge": [GREETING, raw(wire.header(wire.RESET, 0xFFFFFFFF))],
    "size-largest": [GREETING, raw(wire.header(wire.REGION_WRITE, (1 << 20) + 4096))],
    "cut": [GREETING, raw(READ_4[:-1])],
    "reply": [GREETING, raw(wire.message(wire.DMA_READ, bytes(20), wire.REPLY))],
    "type-5": [GREETING, raw(wire.message(wire.RESET, flags=5))],
}


def main():
    folder = HERE / "corpus" / "wire"
    folder.mkdir(parents=True, exist_ok=True)
    for name, records in SEEDS.items():
        (folder / name).write_bytes(b"".join(records))
    print(f"{len(SEEDS)} seeds in {folder}")


if __name__ == "__main__":
    main()
