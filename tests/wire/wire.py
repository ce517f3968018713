# SPDX-License-Identifier: Apache-2.0
"""A vfio-user client that shares no code with the server: sockets and struct, nothing else.

It sends what it is told to, also what no sane client would, and shows what comes back.
"""

import array
import fcntl
import json
import os
import socket
import struct
import time
from dataclasses import dataclass, field

HEADER = struct.Struct("=HHIII")  # id, command, size, flags, error

VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS = 1, 2, 3, 4, 5, 6
GET_IRQ_INFO, SET_IRQS, REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE, RESET = 7, 8, 9, 10, 11, 12, 13
DIRTY_PAGES, WRITE_MULTI, DEVICE_FEATURE, MIG_READ, MIG_WRITE = 14, 15, 16, 17, 18

COMMAND, REPLY, NO_REPLY, ERROR = 0, 1, 0x10, 0x20

READABLE, WRITABLE = 1, 2
DATA_NONE, DATA_BOOL, DATA_EVENTFD = 1, 2, 4
MASK, UNMASK, TRIGGER = 8, 16, 32

CONFIG = 7
BAR0 = 0

QEMU_CAPABILITIES = {
    "pgsizes": 4096,
    "max_msg_fds": 16,
    "max_dma_maps": 65535,
    "max_data_xfer_size": 1048576,
    "migration": {"max_bitmap_size": 268435456, "pgsize": 4096},
    "write_multiple": True,
}


class Disconnected(Exception):
    """The server has closed the connection."""


@dataclass
class Message:
    id: int
    command: int
    size: int
    flags: int
    error: int
    body: bytes
    fds: list = field(default_factory=list)

    @property
    def failed(self):
        return bool(self.flags & ERROR)


def header(command, size, flags=COMMAND, id=1, error=0):
    return HEADER.pack(id, command, size, flags, error)


def message(command, body=b"", flags=COMMAND, id=1):
    return header(command, HEADER.size + len(body), flags, id) + body


def json_text(capabilities):
    return json.dumps({"capabilities": capabilities}, separators=(",", ":")).encode() + b"\0"


def access(region, offset, count):
    return struct.pack("=QII", offset, region, count)


def dma_map(address, size, flags=READABLE | WRITABLE, offset=0, argsz=32):
    return struct.pack("=IIQQQ", argsz, flags, offset, address, size)


def dma_unmap(address, size, flags=0, argsz=24):
    return struct.pack("=IIQQ", argsz, flags, address, size)


def set_irqs(flags, index, start, count, data=b"", argsz=None):
    size = 20 + len(data) if argsz is None else argsz
    return struct.pack("=IIIII", size, flags, index, start, count) + data


def memory(size, sealed=False):
    """A file; sealed: as QEMU's memory-backend-memfd makes it."""
    fd = os.memfd_create("client-memory", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if sealed:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


class Client:
    """One connection. With a timeout, so that a server that doesn't answer is a failed test."""

    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.next_id = 1
        self.commands = []  # of the server, that came while a reply was awaited

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # What goes out.

    def send(self, data, fds=()):
        if fds:
            socket.send_fds(self.socket, [data], list(fds))
        else:
            self.socket.sendall(data)

    def send_in_pieces(self, data, size):
        for at in range(0, len(data), size):
            self.socket.sendall(data[at : at + size])

    # What comes in.

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                raise Disconnected from None
            if not part:
                raise Disconnected
            data += part
        return data

    def receive(self):
        """The next message: reply or command."""
        id, command, size, flags, error = HEADER.unpack(self._exactly(HEADER.size))
        assert size >= HEADER.size, "a size that no message has"
        return Message(id, command, size, flags, error, self._exactly(size - HEADER.size))

    def is_disconnected(self):
        """Whether the server ends the connection (waits for it)."""
        try:
            while True:
                self.receive()
        except Disconnected:
            return True
        except TimeoutError:
            return False

    def receive_command(self):
        """The next command of the server: it sends them whenever it likes, also before a reply."""
        return self.commands.pop(0) if self.commands else self.receive()

    def receive_reply(self):
        while (message := self.receive()).flags & 0xF == COMMAND:
            self.commands.append(message)
        return message

    # Requests and their replies.

    def ask(self, command, body=b"", fds=(), id=None):
        """Sends a command and gives its reply, which has to repeat id and command."""
        if id is None:
            id, self.next_id = self.next_id, (self.next_id + 1) & 0xFFFF
        self.send(message(command, body, id=id), fds)
        reply = self.receive_reply()
        assert (reply.id, reply.command) == (id, command)
        assert reply.flags in (REPLY, REPLY | ERROR)
        if reply.failed:
            assert reply.size == HEADER.size, "an error reply is a header and nothing else"
        return reply

    def do(self, command, body=b"", fds=()):
        reply = self.ask(command, body, fds)
        assert not reply.failed, f"command {command}: {os.strerror(reply.error)}"
        return reply

    def error(self, command, body=b"", fds=()):
        """The error number of the reply; 0: it was a success."""
        return self.ask(command, body, fds).error

    def negotiate(self, capabilities=QEMU_CAPABILITIES, major=0, minor=0):
        reply = self.do(VERSION, struct.pack("=HH", major, minor) + json_text(capabilities))
        return struct.unpack_from("=HH", reply.body), reply.body[4:]

    def info(self):
        return struct.unpack("=IIII", self.do(GET_INFO, struct.pack("=IIII", 16, 0, 0, 0)).body)

    def region_info(self, index):
        body = struct.pack("=IIIIQQ", 32, 0, index, 0, 0, 0)
        return struct.unpack("=IIIIQQ", self.do(GET_REGION_INFO, body).body)

    def region_size(self, index):
        return self.region_info(index)[4]

    def irq_info(self, index):
        return struct.unpack("=IIII", self.do(GET_IRQ_INFO, struct.pack("=IIII", 16, 0, index, 0)).body)

    def read(self, region, offset, count):
        reply = self.do(REGION_READ, access(region, offset, count))
        assert reply.body[:16] == access(region, offset, count)
        assert len(reply.body) == 16 + count
        return reply.body[16:]

    def write(self, region, offset, data):
        reply = self.do(REGION_WRITE, access(region, offset, len(data)) + data)
        assert reply.body == access(region, offset, len(data))

    def post(self, region, offset, data):
        self.send(message(REGION_WRITE, access(region, offset, len(data)) + data, NO_REPLY))

    def reset(self):
        assert self.do(RESET).body == b""


def connect_when_free(path, deadline=10):
    """A negotiated client, also where the one before is still being seen off."""
    end = time.monotonic() + deadline
    while True:
        client = Client(path)
        body = struct.pack("=HH", 0, 0) + json_text(QEMU_CAPABILITIES)
        try:
            if not client.ask(VERSION, body).failed:
                return client
        except Disconnected:
            pass
        client.close()
        assert time.monotonic() < end, "the device stays busy"


def drain_eventfd(fd):
    """How often an eventfd was signalled."""
    try:
        return array.array("Q", os.read(fd, 8))[0]
    except BlockingIOError:
        return 0
