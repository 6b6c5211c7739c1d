"""Taking in turn, from mailboxes that are lists."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edxml_router.ports.transport import Arrival, Message
from edxml_router.transport import topology
from edxml_router.transport.turns import TAKE_BYTES_MAX, Turns, weight


class Shelf:
    """A mailbox with ``count`` messages."""

    def __init__(self, mailbox: str, count: int, body: bytes = b"") -> None:
        self.mailbox = mailbox
        self.waiting = [
            Arrival(Message("transfer", f"{mailbox} {number}", body), mailbox, "", number) for number in range(count)
        ]

    def take(self, into: list[Arrival], limit: int, most: int) -> None:
        held, room = weight(into), limit - len(into)
        for taken, one in enumerate(self.waiting[:room]):
            if held >= most:
                room = taken
                break
            into.append(one)
            held += len(one.message.body)
        del self.waiting[:room]


COUNTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=12)


@given(COUNTS, st.integers(1, 120))
def test_a_batch_is_full_or_everything_and_each_mailbox_is_in_order(
    counts: list[tuple[int, int]], limit: int
) -> None:
    shelves = [
        Shelf(topology.up(f"c{number}", urgent), count)
        for number, pair in enumerate(counts)
        for urgent, count in zip((True, False), pair, strict=True)
    ]
    total, turns = sum(map(sum, counts)), Turns()
    taken = []
    while batch := turns.take(shelves, limit):
        assert len(batch) == min(limit, total - len(taken))
        taken += batch
    assert len(taken) == total
    for shelf in shelves:
        numbers = [one.token for one in taken if one.mailbox == shelf.mailbox]
        assert numbers == sorted(numbers)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.integers(20, 100))
def test_who_has_little_is_done_with_the_first_batch(few: list[int], limit: int) -> None:
    """Whatever the flood, everybody has an equal part at least."""
    flood = Shelf(topology.up("flood"), 200)
    others = [Shelf(topology.up(f"c{number}"), count) for number, count in enumerate(few)]
    Turns().take([flood, *others], limit)
    part = limit // (len(few) + 1)
    for shelf, count in zip(others, few, strict=True):
        assert count - len(shelf.waiting) >= min(count, part)


def test_urgent_first_but_a_tenth_is_for_the_others() -> None:
    urgent, ordinary = Shelf(topology.up("a", urgent=True), 500), Shelf(topology.up("b"), 500)
    taken = Counter(one.mailbox for one in Turns().take([urgent, ordinary], 100))
    assert taken == {urgent.mailbox: 90, ordinary.mailbox: 10}
    alone = Turns().take([urgent, Shelf(topology.up("b"), 3)], 100)
    assert len(alone) == 100


def test_more_mailboxes_than_places_have_their_turns() -> None:
    shelves = [Shelf(topology.up(f"c{number}"), 10) for number in range(261)]
    turns = Turns()
    taken = Counter(one.mailbox for _ in range(10) for one in turns.take(shelves, 100))
    assert sum(taken.values()) == 1000
    assert set(taken.values()) == {3, 4}


def test_who_sends_large_messages_takes_no_more_of_the_bytes_than_of_the_places() -> None:
    body = bytes(TAKE_BYTES_MAX // 3)
    flood, child = Shelf(topology.up("flood"), 50, body), Shelf(topology.up("a"), 1)
    urgent = Shelf(topology.up("flood", urgent=True), 50, body)
    turns = Turns()
    batches = [turns.take([urgent, flood, child], 100) for _ in range(2)]
    assert child.mailbox in {one.mailbox for batch in batches for one in batch}
    for batch in batches:
        assert urgent.mailbox in {one.mailbox for one in batch}
        assert weight(batch) <= TAKE_BYTES_MAX + 2 * len(body)
    assert child.mailbox in {one.mailbox for one in Turns().take([flood, Shelf(child.mailbox, 1)], 100)}


def test_every_mailbox_with_large_messages_has_its_turn() -> None:
    shelves = [Shelf(topology.up(f"c{number}", number % 2 == 0), 8, bytes(TAKE_BYTES_MAX)) for number in range(10)]
    turns = Turns()
    for _ in range(5):
        assert 0 < weight(turns.take(shelves, 100)) <= 3 * TAKE_BYTES_MAX
    assert {len(one.waiting) for one in shelves} == {7}
