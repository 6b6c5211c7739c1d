"""Link messages: what is written is read again, and damage is EDX704 and nothing else."""

import hashlib
import json
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.link.manifest import LIST_LIMIT, MANIFEST_LIMIT, TEXT_LIMIT
from edxml_router.core.link.statement import UNKNOWN
from edxml_router.core.link.wire import (
    GENERATION_LIMIT,
    HOPS_LIMIT,
    NAME_LIMIT,
    RECEIPTS_TOGETHER,
    Chunk,
    Hop,
    Inquiry,
    Objection,
    Receipt,
    ReceiptOutcome,
    Transfer,
    decode_chunk,
    decode_inquiry,
    decode_objection,
    decode_receipts,
    decode_transfer,
    encode_chunk,
    encode_inquiry,
    encode_objection,
    encode_receipts,
    encode_transfer,
)
from edxml_router.core.problems import PROBLEMS, Refusal

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
numbers = st.integers(0, 2**53 - 1)
generations = st.integers(0, GENERATION_LIMIT)
counts = st.integers(0, LIST_LIMIT)
digests = st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest())
# The wire carries milliseconds.
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
hops = st.lists(st.builds(Hop, texts, instants), max_size=4).map(tuple)
transfers = st.builds(
    Transfer, texts, digests, numbers, st.lists(texts, max_size=5, unique=True).map(tuple), generations, hops, instants,
    st.booleans(), counts,
)  # fmt: skip
receipts = st.builds(
    Receipt, digests, texts, generations, st.sampled_from(ReceiptOutcome), instants, st.sampled_from(["", *PROBLEMS]),
    texts, hops, st.just(UNKNOWN),
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

    shown = (b"one", b"two")
    found, covered, signature, certificates, chains = decode_receipts(encode_receipts(items, sign, shown))
    assert (found, [covered], signature, certificates, chains) == (items, signed, "c2lnbmF0dXJl", shown, ())


def test_what_is_shown_with_receipts_is_bounded() -> None:
    assert decode_receipts(encode_receipts((), None, [b"x"] * 5)).certificates == (b"x",) * 4
    for odd in (["eA=="] * 5, ["e"], [7], {}, ["A" * 16388]):
        line = json.dumps({"v": "edx/1", "receipts": [], "certificates": odd}).encode() + b"\n"
        with pytest.raises(Refusal, match="EDX704"):
            decode_receipts(line)


@given(st.sampled_from(["", *PROBLEMS]), texts)
def test_an_objection_survives(code: str, detail: str) -> None:
    said = Objection(code, detail)
    assert decode_objection(encode_objection(said)) == said


@given(digests, st.integers(1, 50), st.binary(max_size=100))
def test_a_chunk_survives(digest: str, count: int, piece: bytes) -> None:
    chunk = Chunk(digest, count - 1, count, 5000, hashlib.sha256(piece).hexdigest())
    assert decode_chunk(encode_chunk(chunk, piece)) == (chunk, piece)


@given(digests, st.lists(texts, max_size=4, unique=True).map(tuple), generations)
def test_an_inquiry_survives(digest: str, recipients: tuple[str, ...], generation: int) -> None:
    inquiry = Inquiry(digest, recipients, generation)
    assert decode_inquiry(encode_inquiry(inquiry)) == inquiry


DECODERS = [decode_transfer, decode_chunk, decode_inquiry, decode_receipts, decode_objection]
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
        ("recipients", ["H53\0"]),
        ("recipients", ["\ud800"]),  # half a character
        ("recipients", ["H53"] * 2),
        ("recipients", [f"H53.{number}" for number in range(LIST_LIMIT + 1)]),
        ("generation", None),
        ("generation", GENERATION_LIMIT + 1),
        ("chunks", LIST_LIMIT + 1),
        ("hops", [["a"]]),
        ("hops", [["a", "yesterday"]]),
        ("hops", [["a", "2026-01-01T00:00:00Z"]] * (HOPS_LIMIT + 1)),
        ("hops", [["a" * (NAME_LIMIT + 1), "2026-01-01T00:00:00Z"]]),
        ("expires", "9999-12-31T23:59:59-12:00"),  # no such moment in UTC
        ("expires", "0001-01-01T00:00:00+12:00"),
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


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("crowd", ["[],", "{},", '{"a":1},', '"ab",', "1.5,"])
def test_a_crowd_of_values_is_refused_before_they_are_made(decode: object, crowd: str) -> None:
    """Four megabytes of empty lists would take a hundred, and sixteen as a message of receipts more than 400."""
    assert callable(decode)
    values = (crowd * (MANIFEST_LIMIT // len(crowd) - 30)).encode()
    data = b'{"v":"edx/1","receipts":[' + values + b"0]}\n"
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="EDX704"):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_texts_may_have_as_many_commas_as_they_like() -> None:
    """Else one reason of a return would make all receipts of its message unreadable."""
    hops = tuple(Hop(f"nút-{number}", datetime(2026, 1, 1, tzinfo=UTC)) for number in range(HOPS_LIMIT))
    odd = ',[{"\\' * (TEXT_LIMIT // 5)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ended = Receipt(DIGEST, "H53", 0, ReceiptOutcome.RETURNED, at, "EDX801", odd, hops, UNKNOWN)
    told = (ended,) * RECEIPTS_TOGETHER
    assert decode_receipts(encode_receipts(told)).receipts == told


def test_a_manifest_is_utf_8() -> None:
    with pytest.raises(Refusal, match="EDX704"):
        decode_transfer(json.dumps(GOOD).encode("utf-16-be").replace(b"\0\n", b"") + b"\n")


@pytest.mark.parametrize(
    ("number", "count", "size", "piece"),
    [
        (3, 3, 9, b"x"),
        (0, LIST_LIMIT + 1, 10**6, b"x"),
        (0, 1, 3, b"long"),
        (0, 3, 9, b"long?"),  # three of these are more than nine
    ],
)
def test_a_chunk_that_is_none_of_its_body_is_refused(number: int, count: int, size: int, piece: bytes) -> None:
    chunk = Chunk(DIGEST, number, count, size, hashlib.sha256(piece).hexdigest())
    with pytest.raises(Refusal, match="EDX704"):
        decode_chunk(encode_chunk(chunk, piece))


def test_a_piece_that_is_not_the_one_named_is_refused() -> None:
    with pytest.raises(Refusal, match="EDX704"):
        decode_chunk(encode_chunk(Chunk(DIGEST, 0, 2, 9, hashlib.sha256(b"one").hexdigest()), b"two"))


def test_instants_are_read_as_utc() -> None:
    [receipt], *_ = decode_receipts(
        encode_receipts(
            (Receipt(DIGEST, "H53", 0, ReceiptOutcome.CONFIRMED, datetime(2026, 1, 1, tzinfo=UTC)),)
        ).replace(b"2026-01-01T00:00:00.000Z", b"2026-01-01T07:00:00+07:00")
    )
    assert receipt.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert receipt.at.tzinfo is UTC
