"""The form of signed statements: one for each meaning, and nothing else is read."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.link.statement import (
    STATEMENT_LIMIT,
    EndStatement,
    Evidence,
    PassStatement,
    SignedText,
    end_event,
    evidence_fields,
    read_evidence,
)
from edxml_router.core.link.wire import ReceiptOutcome

_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
_digests = st.text("0123456789abcdef", min_size=64, max_size=64)
_ends = st.builds(
    EndStatement,
    _texts,
    _digests,
    _texts,
    _texts,
    _texts,
    st.integers(0, 1000),
    st.sampled_from(["confirmed", "returned", "expired", "cancelled"]),
    _texts,
    _moments,
    _texts,
    _texts,
    st.none() | _moments,
)
_passes = st.builds(PassStatement, _texts, _digests, _texts, _texts, _moments, _moments, st.none() | _moments)


@given(_ends)
def test_an_end_is_read_as_it_was_written(end: EndStatement) -> None:
    assert EndStatement.read(end.canonical()) == end


@given(_passes)
def test_a_pass_is_read_as_it_was_written(said: PassStatement) -> None:
    assert PassStatement.read(said.canonical()) == said


@given(_ends, _ends)
def test_two_meanings_never_have_one_form(one: EndStatement, other: EndStatement) -> None:
    assert (one.canonical() == other.canonical()) == (one == other)


@given(_ends, st.integers(0, 10_000), st.characters(exclude_categories=["Cs"]))
def test_with_one_character_changed_it_is_another_statement_or_none(end: EndStatement, place: int, by: str) -> None:
    text = end.canonical()
    place %= len(text)
    changed = text[:place] + by + text[place + 1 :]
    try:
        read = EndStatement.read(changed)
    except ValueError:
        return
    assert (read == end) == (changed == text)


END = EndStatement(
    "an-giang", "0" * 64, "7/UBND", "H01", "H01", 0, "confirmed", "ContentHandover", datetime(2026, 3, 2, tzinfo=UTC)
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(json.loads(END.canonical())),  # with spaces
        json.dumps(dict(reversed(json.loads(END.canonical()).items())), separators=(",", ":")),  # in another order
        END.canonical().replace("7/UBND", "7\\u002fUBND"),
        END.canonical().replace('"code"', '"codes"') + " ",
        END.canonical().replace("}", ',"x":1}'),
        END.canonical().replace("}", ',"v":"edxml-end/1"}'),
        END.canonical().replace("edxml-end/1", "edxml-end/2"),
        END.canonical().replace(".000Z", ".000000Z"),
        END.canonical().replace(".000Z", ".000+07:00"),
        END.canonical().replace("confirmed", "accepted"),
        END.canonical().replace('"generation":0', '"generation":-1'),
        END.canonical().replace('"generation":0', '"generation":0.0'),
        END.canonical().replace('"generation":0', '"generation":false'),
        replace(END, detail="x" * 1001).canonical(),
        replace(END, detail="x" * STATEMENT_LIMIT).canonical(),
        "[" * 5000,
        "null",
        "",
    ],
)
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a statement|not in canonical form"):
        EndStatement.read(text)
    with pytest.raises(ValueError, match=r"not a statement|not in canonical form"):
        PassStatement.read(text)


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    there = END.at.astimezone(timezone(timedelta(hours=7)))
    assert replace(END, at=there).canonical() == END.canonical()


def test_every_outcome_has_its_name_in_the_standard() -> None:
    ends = [one for one in ReceiptOutcome if one not in (ReceiptOutcome.ACCEPTED, ReceiptOutcome.UNKNOWN)]
    assert all(end_event(one, "") for one in ends)
    assert end_event("returned", "EDX801") == "ConsignmentRejection"


def test_what_travels_is_the_text_itself() -> None:
    end = SignedText(END.canonical(), "c2ln", "1" * 64)
    known = Evidence(end, (end._replace(text="x"),))
    assert read_evidence(json.loads(json.dumps(evidence_fields(known)))) == replace(known, told_by=None)
    assert evidence_fields(Evidence()) == {}
    assert read_evidence({}).told_by is None
    assert {one.name for one in fields(Evidence)} >= {"end", "passes"}
