"""Taking in turn, from mailboxes that are lists."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edxml_router.ports.transport import Arrival, Message
from edxml_router.transport import topology
from edxml_router.transport.turns import Turns


class Shelf:
    """A mailbox with ``count`` messages."""

    def __init__(self, mailbox: str, count: int) -> None:
        self.mailbox = mailbox
        self.waiting = [
            Arrival(Message("transfer", f"{mailbox} {number}", b""), mailbox, "", number) for number in range(count)
        ]

    def take(self, into: list[Arrival], limit: int) -> None:
        room = limit - len(into)
        into += self.waiting[:room]
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
