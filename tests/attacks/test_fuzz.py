"""A bounded run of the fuzzing that ``scripts/fuzz`` does for as long as one likes, and everything it ever found."""

from __future__ import annotations

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.attacks.fuzzing import CORPUS, mutate, seeds, try_bytes

SEEDS = list(seeds())


class Drawn:
    """Choices that Hypothesis makes, and shrinks."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def randrange(self, stop: int) -> int:
        return self._draw(st.integers(0, stop - 1))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    return mutate(draw(st.sampled_from(SEEDS)), Drawn(draw))


@settings(max_examples=300)
@given(mutated())
def test_mutated_messages_are_taken_or_refused(data: bytes) -> None:
    event("an envelope" if try_bytes(data) else "refused")


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    try_bytes(data)


def test_the_kept_corpus_is_taken_or_refused() -> None:
    kept = sorted(CORPUS.glob("*.xml"))
    assert kept
    for file in kept:
        try_bytes(file.read_bytes())
