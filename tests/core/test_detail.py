"""Details: a template and values, in any language, however long they were kept."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import KEPT_LENGTH_MAX, Detail, as_json, as_text, from_json, from_text, joined, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.language.catalogues import told

AT = datetime(2026, 11, 27, 15, 8, 58, tzinfo=UTC)
NASTY = (
    *("{0}", "{most}", "{name}", "{{", "}", "%s", "%(most)s", "{most.__class__}"),
    *("\x1b[31m", "\0", "a\nb", "\u202e", "", "[", '["x",{}]'),
)

# One of each family: what is said in English and in Vietnamese.
SAID = [
    (Detail("more than {most} bytes", most=5), "more than 5 bytes", "hơn 5 byte"),
    (Detail("{name} is missing", name="From"), "From is missing", "thiếu From"),
    (
        Detail("{place}: {path}: {reason}", place="trust", path=Path("/x.pem"), reason=Detail("Is a directory")),
        "trust: /x.pem: Is a directory",
        "trust: /x.pem: là thư mục",
    ),
    (
        Detail("{step} ahead of the time that the node goes by", step=timedelta(hours=2, seconds=1.5)),
        "2:00:01.500000 ahead of the time that the node goes by",
        "nhanh hơn giờ nút đang dùng 2 giờ 1,5 giây",
    ),
    (
        Detail("more than {seconds:.1f} s of processor time", seconds=1.5),
        "more than 1.5 s of processor time",
        "hơn 1,5 giây xử lý",
    ),
    (
        Detail("valid until {until:%Y-%m-%dT%H:%M:%SZ}", until=AT),
        "valid until 2026-11-27T15:08:58Z",
        "có hiệu lực đến 15:08:58 27/11/2026 UTC",
    ),
    (
        Detail("{code} is valid from {valid_from}", code="H07", valid_from=date(2025, 7, 1)),
        "H07 is valid from 2025-07-01",
        "H07 có hiệu lực từ 01/07/2025",
    ),
    (Detail("it had been {state}", state=State.HELD.word), "it had been held", "trước đó đã là giữ lại"),
    (joined("; ", [Detail("not UTF-8"), "x"]), "not UTF-8; x", "không phải UTF-8; x"),
    (Detail("line {line}, column {column}", line=12, column=5), "line 12, column 5", "dòng 12, cột 5"),
]


@pytest.mark.parametrize(("detail", "english", "vietnamese"), SAID)
def test_a_detail_is_told_in_both_languages(detail: Detail, english: str, vietnamese: str) -> None:
    assert detail == english == str(detail) == told("en", detail)
    assert told("vi", detail) == vietnamese


@pytest.mark.parametrize("value", NASTY)
def test_a_value_is_never_a_template(value: str) -> None:
    detail = Detail("{name} is missing", name=value)
    assert detail == f"{value} is missing"
    assert told("vi", detail) == f"thiếu {value}"
    inner = Detail("issuer {issuer}: {reason}", issuer=value, reason=detail)
    assert inner == f"issuer {value}: {value} is missing"
    assert told("vi", inner) == f"tổ chức cấp {value}: thiếu {value}"


@pytest.mark.parametrize("value", NASTY)
def test_what_others_wrote_stays_as_it_is(value: str) -> None:
    for language in ("en", "vi"):
        assert told(language, value) == value
    assert from_text(as_text(value)) == value
    assert from_json(json.loads(json.dumps(as_json(value)))) == value


def test_a_text_that_is_one_of_ours_by_chance_stays_as_well() -> None:
    assert told("vi", "no connection") == "no connection"
    assert told("vi", from_text(as_text("no connection"))) == "no connection"


values = st.one_of(
    st.text(max_size=20),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.timedeltas(timedelta(), timedelta(days=1000)),
    st.builds(lambda text: Detail("{name} is missing", name=text), st.text(max_size=20)),
)


@given(values, values)
def test_what_is_kept_can_be_told_as_before(first: object, second: object) -> None:
    detail = Detail("{subject}: {trouble}", subject=first, trouble=second)
    for again in (
        from_text(as_text(detail)),
        from_json(json.loads(json.dumps(as_json(detail)))),
        pickle.loads(pickle.dumps(detail)),  # noqa: S301  # our own
    ):
        assert isinstance(again, Detail)
        assert again == detail
        assert again.values == detail.values
        assert told("vi", again) == told("vi", detail)


@given(st.text(max_size=40))
def test_a_plain_text_is_kept_as_it_is(text: str) -> None:
    assert from_text(as_text(text)) == text


def doubled(times: int) -> str:
    """Each level twice as long as the one within, as somebody who can write to the database would have it."""
    kept: object = "x" * 10_000
    for _ in range(times):
        kept = ["{a}{a}", {"a": kept}]
    return json.dumps(kept)


@pytest.mark.parametrize(
    "kept",
    [
        "[", "[]", "[1,{}]", '["{x}",{}]', '["{x}",{"x":{"moment":"never"}}]', '["{x}",{"x":{"other":1}}]',
        '["{x}",[]]',
        doubled(10), doubled(40), '["{x}",{"x":{"seconds":1e999}}]', '["{x:%Q%}",{"x":[1]}]', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_damaged_is_shown_as_it_stands(kept: str) -> None:
    assert from_text(kept) == kept
    assert told("vi", from_text(kept)) == kept


def test_a_form_cannot_ask_for_memory() -> None:
    assert from_text('["{x:300000000d}",{"x":1}]') == "{x:300000000d}"


def test_a_detail_that_is_too_long_is_kept_as_its_text() -> None:
    long = Detail("{name} is missing", name="x" * KEPT_LENGTH_MAX)
    for text in (long, "[" * (2 * KEPT_LENGTH_MAX), Detail("{long} and more", long=long)):
        assert from_text(as_text(text)) == from_json(json.loads(json.dumps(as_json(text)))) == text
    assert isinstance(as_json(long), str)


def test_a_template_of_another_version_is_english() -> None:
    assert told("vi", from_text('["more than {bytes} bytes of yore",{"bytes":5}]')) == "more than 5 bytes of yore"


def test_the_journal_keeps_template_and_values() -> None:
    entry = Entry(AT, "delivery.claimed", detail=Detail("attempt {attempts}", attempts=2))
    assert b'"detail":["attempt {attempts}",{"attempts":2}]' in entry.canonical()
    again = Entry.read(entry.canonical())
    assert (again.detail, told("vi", again.detail)) == ("attempt 2", "lần thử 2")
    plain = Entry(AT, "delivery.returned", detail='["x",{}]')
    assert Entry.read(plain.canonical()) == plain
    with pytest.raises(ValueError, match="not"):
        Entry.read(entry.canonical().replace(b"attempts}", b"other}"))


@pytest.mark.parametrize("detail", ["5", '["x"]', '["x",{"a":{"hour":"?"}}]', '["{a}",{"a":{"moment":"yesterday"}}]'])
def test_what_is_wrong_with_an_entry_is_told_in_our_words(detail: str) -> None:
    canonical = Entry(AT, "delivery.claimed", detail="why").canonical().replace(b'"why"', detail.encode())
    with pytest.raises(ValueError) as wrong:  # its argument is looked at
        Entry.read(canonical)
    assert isinstance(wrong.value.args[0], Detail)
    assert str(wrong.value) not in told("vi", wrong.value.args[0])


def test_a_missing_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        Detail("more than {most} bytes")


def test_other_values_are_kept_as_their_text() -> None:
    detail = Detail("{a} {b} {c}", a=Path("/x"), b=Decimal("1.50"), c=True)
    assert dict(detail.values) == {"a": "/x", "b": "1.50", "c": "True"}


def test_an_exception_carries_its_detail() -> None:
    detail = Detail("{count} attempts", count=2)
    assert said(ValueError(detail)) is detail
    assert said(ValueError("so")) == "so"
    trouble = pickle.loads(pickle.dumps(Refusal("EDX102", detail=detail)))  # noqa: S301  # our own
    assert trouble.finding == Finding("EDX102", "", detail)
    assert told("vi", trouble.finding.detail) == "2 lần thử"
