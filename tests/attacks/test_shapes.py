"""No message within the limits, taken or refused, costs the gate more than two seconds of a processor or 64 MiB beside
its bytes: a short search over shapes, and what longer ones (``scripts/shapes``) have found.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings, target

from tests.attacks.shapes import Scale, Shape, shapes


@pytest.fixture(scope="module")
def scale() -> Iterator[Scale]:
    with Scale() as made:
        yield made


FOUND = {
    # Each reference asked for its place among all of them, though nothing was wrong with it.
    "references to other documents": Shape(responses=12_000, signature="stale"),
    # The validator copied a text at each of its pieces.
    "a content cut by CDATA sections": Shape(content=4_000_000, filling="cdata", signature="stale"),
    # Unicode's normal form sorts the marks on one letter, in the square of their number.
    "a pile of accents": Shape(subject="piles", text=32_000),
    "a content cut by references, in a crowd": Shape(content=4_000_000, filling="carriage", recipients=900),
}


@pytest.mark.parametrize("shape", FOUND.values(), ids=FOUND)
def test_what_was_found_stays_cheap(scale: Scale, shape: Shape) -> None:
    cost = scale.weigh(shape)
    assert not cost.dear, str(cost)


@settings(max_examples=6)
@given(shape=shapes(most_bytes=1_000_000))
@example(shape=Shape(recipients=9_000, fields=8))
def test_no_shape_is_expensive(scale: Scale, shape: Shape) -> None:
    cost = scale.weigh(shape)
    target(cost.seconds, label="seconds")
    target(float(cost.memory), label="bytes of memory")
    assert not cost.dear, str(cost)
