"""base64 measured in pieces is what base64 decoded whole is."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.xml.content import HEAD, Content, Meter, decode_base64

CHARACTERS = b"ABab01+/== \n\r\t"


def measured(*pieces: bytes) -> Content | None:
    meter = Meter()
    for piece in pieces:
        meter.feed(piece)
    return meter.content()


def decoded(text: bytes) -> Content | None:
    try:
        return Content.of(decode_base64(text))
    except ValueError:
        return None


@given(
    st.binary(max_size=200),
    st.lists(st.integers(0, 300), max_size=5),
    st.sampled_from([base64.encodebytes, base64.b64encode]),
)
def test_pieces_add_up(data: bytes, cuts: list[int], encode: Callable[[bytes], bytes]) -> None:
    text = encode(data)
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:stop] for start, stop in pairwise(borders)]
    assert measured(*pieces) == Content(len(data), hashlib.sha256(data).hexdigest(), data[:HEAD])


@given(st.lists(st.lists(st.sampled_from(CHARACTERS), max_size=6).map(bytes), max_size=6))
def test_both_ways_take_the_same_texts(pieces: list[bytes]) -> None:
    assert measured(*pieces) == decoded(b"".join(pieces))


@pytest.mark.parametrize("text", [b"QUJD=", b"QUJD====", b"QQ=", b"QQ", b"Q", b"=", b"QQ==QQ==", b"QUJ=D", b"QU-_"])
def test_what_is_no_base64(text: bytes) -> None:
    """Python's strict mode takes the first two."""
    assert decoded(text) is None
    assert measured(text) is None
    assert measured(*(text[at : at + 1] for at in range(len(text)))) is None


@pytest.mark.parametrize(
    ("piece", "plain"), [(b"AB \r\n\t=", True), (b"A&", False), (b"\x0b", False), (b"\xc3\xa9", False)]
)
@pytest.mark.parametrize("before", [b"", b"QUJD", b"QQ==", b"="])
def test_other_characters_are_told(before: bytes, piece: bytes, *, plain: bool) -> None:
    """Also behind what was no base64 already: such a text is left where it stands."""
    meter = Meter()
    assert meter.feed(before)
    assert meter.feed(piece) is plain
