"""Link messages: what is written is read again, and damage is EDX704 and nothing else."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.problems import Refusal
from edxml_router.core.transfer import (
    Chunk,
    Hop,
    Inquiry,
    Outcome,
    Receipt,
    Transfer,
    decode_chunk,
    decode_inquiry,
    decode_receipts,
    decode_transfer,
    encode_chunk,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40)
numbers = st.integers(0, 2**53 - 1)
digests = st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest())
# The wire carries milliseconds.
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
hops = st.lists(st.builds(Hop, texts, instants), max_size=4).map(tuple)
transfers = st.builds(
    Transfer, texts, digests, numbers, st.lists(texts, max_size=5).map(tuple), numbers, hops, instants,
    st.booleans(), numbers,
)  # fmt: skip
receipts = st.builds(
    Receipt, digests, texts, numbers, st.sampled_from(Outcome), instants, texts, texts, hops,
)  # fmt: skip


@given(transfers, st.binary(max_size=200))
def test_a_transfer_survives_with_its_body(transfer: Transfer, body: bytes) -> None:
    assert decode_transfer(encode_transfer(transfer, body)) == (transfer, body)


@given(st.lists(receipts, max_size=5).map(tuple))
def test_receipts_survive_and_name_what_was_signed(items: tuple[Receipt, ...]) -> None:
    signed: list[bytes] = []

    def sign(data: bytes) -> str:
        signed.append(data)
        return "c2lnbmF0dXJl"

    found, covered, signature = decode_receipts(encode_receipts(items, sign))
    assert (found, [covered], signature) == (items, signed, "c2lnbmF0dXJl")


@given(digests, st.integers(1, 1000), st.binary(max_size=100))
def test_a_chunk_survives(digest: str, count: int, piece: bytes) -> None:
    chunk = Chunk(digest, count - 1, count, 5000, hashlib.sha256(piece).hexdigest())
    assert decode_chunk(encode_chunk(chunk, piece)) == (chunk, piece)


@given(digests, st.lists(texts, max_size=4).map(tuple), numbers)
def test_an_inquiry_survives(digest: str, recipients: tuple[str, ...], generation: int) -> None:
    inquiry = Inquiry(digest, recipients, generation)
    assert decode_inquiry(encode_inquiry(inquiry)) == inquiry


DECODERS = [decode_transfer, decode_chunk, decode_inquiry, decode_receipts]
DIGEST = "ab" * 32
GOOD = {
    "v": "edx/1", "transfer": "t", "envelope": DIGEST, "size": 1, "recipients": ["H53"], "generation": 0,
    "hops": [["a", "2026-01-01T00:00:00Z"]], "expires": "2026-01-02T00:00:00Z", "urgent": False, "chunks": 0,
}  # fmt: skip


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=300))
def test_garbage_is_refused(decode: object, data: bytes) -> None:
    assert callable(decode)
    with pytest.raises(Refusal, match="EDX704"):
        decode(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", "edx/2"),
        ("envelope", "not a digest"),
        ("envelope", DIGEST.upper()),
        ("size", -1),
        ("size", True),
        ("size", 1.5),
        ("size", 10**30),
        ("recipients", "H53"),
        ("recipients", [1]),
        ("recipients", ["x" * 1001]),
        ("generation", None),
        ("hops", [["a"]]),
        ("hops", [["a", "yesterday"]]),
        ("expires", "2026-01-02T00:00:00"),  # no zone
        ("expires", 5),
        ("transfer", None),
    ],
)
def test_a_wrong_field_is_refused(name: str, value: object) -> None:
    assert decode_transfer(json.dumps(GOOD).encode() + b"\nbody")[1] == b"body"
    with pytest.raises(Refusal, match="EDX704"):
        decode_transfer(json.dumps({**GOOD, name: value}).encode() + b"\n")


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_field_is_refused(name: str) -> None:
    fields = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(Refusal, match="EDX704"):
        decode_transfer(json.dumps(fields).encode() + b"\n")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(Refusal, match="EDX704"):
        decode_transfer(b'{"v":' + b"[" * 100_000 + b"\n")


def test_a_chunk_beyond_its_count_is_refused() -> None:
    with pytest.raises(Refusal, match="EDX704"):
        decode_chunk(encode_chunk(Chunk(DIGEST, 3, 3, 9, DIGEST), b"x"))
