# SPDX-License-Identifier: Apache-2.0
"""SET_IRQS in all its forms."""

import contextlib
import errno
import os

import pytest
import wire
from wire import DATA_BOOL, DATA_EVENTFD, DATA_NONE, MASK, SET_IRQS, TRIGGER, UNMASK, drain_eventfd, set_irqs

MASKABLE, MSIX = 0, 2


@pytest.fixture
def eventfds():
    with contextlib.ExitStack() as stack:

        def make(count):
            fds = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(count)]
            for fd in fds:
                stack.callback(os.close, fd)
            return fds

        yield make


def assign(client, index, start, fds):
    client.do(SET_IRQS, set_irqs(DATA_EVENTFD | TRIGGER, index, start, len(fds)), fds=fds)


def fire(client, index, start, count):
    client.do(SET_IRQS, set_irqs(DATA_NONE | TRIGGER, index, start, count))


def test_assigned_vectors_fire(target_client, eventfds):
    fds = eventfds(4)
    assign(target_client, MSIX, 0, fds)
    fire(target_client, MSIX, 1, 2)
    assert [drain_eventfd(fd) for fd in fds] == [0, 1, 1, 0]


def test_booleans_choose_vectors(target_client, eventfds):
    fds = eventfds(4)
    assign(target_client, MSIX, 0, fds)
    target_client.do(SET_IRQS, set_irqs(DATA_BOOL | TRIGGER, MSIX, 1, 3, b"\1\0\xff"))
    assert [drain_eventfd(fd) for fd in fds] == [0, 1, 0, 1]


def test_vectors_in_the_middle_are_taken_away(target_client, eventfds):
    fds = eventfds(4)
    assign(target_client, MSIX, 0, fds)
    target_client.do(SET_IRQS, set_irqs(DATA_EVENTFD | TRIGGER, MSIX, 2, 1))
    fire(target_client, MSIX, 0, 4)
    assert [drain_eventfd(fd) for fd in fds] == [1, 1, 0, 1]


def test_all_vectors_of_an_index_are_taken_away(target_client, eventfds):
    vectors, other = eventfds(4), eventfds(1)
    assign(target_client, MSIX, 0, vectors)
    assign(target_client, MASKABLE, 0, other)
    fire(target_client, MSIX, 0, 0)
    fire(target_client, MSIX, 0, 4)
    fire(target_client, MASKABLE, 0, 1)
    assert [drain_eventfd(fd) for fd in vectors + other] == [0, 0, 0, 0, 1]


def test_assigning_again_replaces(target_client, eventfds):
    old, new = eventfds(1), eventfds(1)
    assign(target_client, MSIX, 3, old)
    assign(target_client, MSIX, 3, new)
    fire(target_client, MSIX, 3, 1)
    assert [drain_eventfd(fd) for fd in old + new] == [0, 1]


def test_descriptors_are_given_back(target, eventfds):
    with target.client() as client:
        client.reset()
        before = target.descriptors()
        for _ in range(50):
            assign(client, MSIX, 0, eventfds(4))
        assert target.descriptors() == before + 4
        fire(client, MSIX, 0, 0)
        assert target.descriptors() == before


def test_masked_vectors_fire_later(target_client, eventfds):
    fds = eventfds(1)
    assign(target_client, MASKABLE, 0, fds)
    target_client.do(SET_IRQS, set_irqs(DATA_NONE | MASK, MASKABLE, 0, 1))
    fire(target_client, MASKABLE, 0, 1)
    assert drain_eventfd(fds[0]) == 0
    target_client.do(SET_IRQS, set_irqs(DATA_BOOL | UNMASK, MASKABLE, 0, 1, b"\0"))
    assert drain_eventfd(fds[0]) == 0
    target_client.do(SET_IRQS, set_irqs(DATA_BOOL | UNMASK, MASKABLE, 0, 1, b"\1"))
    assert drain_eventfd(fds[0]) == 1


def test_qemus_way_to_switch_msix_on_and_off(client, eventfds):
    count = client.irq_info(MSIX)[3]
    assert count > 0
    client.do(SET_IRQS, set_irqs(DATA_EVENTFD | TRIGGER, MSIX, 0, 1))
    assign(client, MSIX, 0, eventfds(min(count, 16)))
    fire(client, MSIX, 0, 0)


def test_error_interrupt_is_assigned_and_taken_away(client, eventfds):
    assign(client, 3, 0, eventfds(1))
    client.do(SET_IRQS, set_irqs(DATA_EVENTFD | TRIGGER, 3, 0, 1))


def test_argsz_may_count_the_header_too(target_client):
    target_client.do(SET_IRQS, set_irqs(DATA_NONE | TRIGGER, MSIX, 0, 0, argsz=36))


@pytest.mark.parametrize(
    "flags, index, start, count, data, fds",
    [
        (0, MSIX, 0, 1, b"", 0),
        (DATA_NONE, MSIX, 0, 1, b"", 0),
        (TRIGGER, MSIX, 0, 1, b"", 0),
        (DATA_NONE | DATA_BOOL | TRIGGER, MSIX, 0, 1, b"\1", 0),
        (DATA_NONE | MASK | TRIGGER, MASKABLE, 0, 1, b"", 0),
        (DATA_NONE | MASK, MSIX, 0, 1, b"", 0),
        (DATA_EVENTFD | MASK, MASKABLE, 0, 1, b"", 1),
        (DATA_EVENTFD | UNMASK, MASKABLE, 0, 1, b"", 1),
        (DATA_NONE | TRIGGER | 0x40, MSIX, 0, 1, b"", 0),
        (DATA_NONE | TRIGGER, MSIX, 4, 1, b"", 0),
        (DATA_NONE | TRIGGER, MSIX, 0, 5, b"", 0),
        (DATA_NONE | TRIGGER, MSIX, 1, 0xFFFFFFFF, b"", 0),
        (DATA_NONE | TRIGGER, MSIX, 0xFFFFFFFF, 0xFFFFFFFF, b"", 0),
        (DATA_NONE | TRIGGER, 1, 0, 1, b"", 0),
        (DATA_NONE | TRIGGER, 99, 0, 0, b"", 0),
        (DATA_BOOL | TRIGGER, MSIX, 0, 4, b"\1\1\1", 0),
        (DATA_EVENTFD | TRIGGER, MSIX, 0, 4, b"", 3),
        (DATA_EVENTFD | TRIGGER, MSIX, 0, 1, b"", 2),
        (DATA_NONE | TRIGGER, MSIX, 0, 1, b"", 1),
    ],
    ids=range(19),
)
def test_requests_that_make_no_sense_are_refused(target_client, eventfds, flags, index, start, count, data, fds):
    mine = eventfds(1)
    assign(target_client, MSIX, 0, mine)
    body = set_irqs(flags, index, start, count, data)
    assert target_client.error(SET_IRQS, body, fds=eventfds(fds)) == errno.EINVAL
    fire(target_client, MSIX, 0, 1)
    assert drain_eventfd(mine[0]) == 1, "nothing was changed"


def test_descriptors_that_are_no_eventfds_are_refused(target_client, eventfds):
    out, into = os.pipe()
    file = wire.memory(4096)
    for bad in (out, into, file):
        fds = eventfds(1) + [bad]
        assert target_client.error(SET_IRQS, set_irqs(DATA_EVENTFD | TRIGGER, MSIX, 0, 2), fds=fds) == errno.EINVAL
    for fd in (out, into, file):
        os.close(fd)
