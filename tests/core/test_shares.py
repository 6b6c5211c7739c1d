"""Shares of a space: nobody fills it for the others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery import shares

TOTAL = 10_000


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4_000)), max_size=60))
def test_together_they_never_take_more_than_there_is_and_everybody_has_a_part(asked: list[tuple[int, int]]) -> None:
    members = {f"xa-{number}" for number in range(6)}
    used: dict[str, int] = {}
    for number, amount in asked:
        name = shares.counted_as(f"xa-{number}", members)
        if used.get(name, 0) + amount <= shares.allowance(used, name, TOTAL, len(members)):
            used[name] = used.get(name, 0) + amount
        assert sum(used.values()) <= TOTAL
    for name in (*members, shares.STRANGERS):
        assert shares.allowance(used, name, TOTAL, len(members)) >= TOTAL // (2 * (len(members) + 1))


def test_one_that_floods_leaves_a_quarter_and_strangers_are_one() -> None:
    assert shares.allowance({}, "xa", 1000, 1) == 500
    assert shares.allowance({"xa": 500}, "huyen", 1000, 1) == 375
    assert {shares.counted_as(name, {"xa"}) for name in ("a", "b", "xa")} == {shares.STRANGERS, "xa"}


def test_of_every_batch_of_two_or_more_ordinary_mail_has_a_place() -> None:
    assert [shares.for_ordinary(places) for places in (0, 1, 2, 9, 10, 100)] == [0, 0, 1, 1, 1, 10]
