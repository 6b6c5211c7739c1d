"""The values of a draft, and what is wrong with them: each kind of text, day and code with its bounds.

The lengths are those of :mod:`edxml_router.core.message.remarks`, which a reader only remarks; a writer keeps to them.
What is wrong is raised as a :class:`PydanticCustomError` that carries our finding, so that the library collects all of
them, each with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic_core import PydanticCustomError

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.detail import Detail
from edxml_router.core.message.attachments import name_fault
from edxml_router.core.message.document_id import invisible
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.xml.safe_xml import DEFAULT_LIMITS, Limits

WRONG: Final = "EDX431"
FINDING: Final = "finding"  # the type of an error that carries one
_UNSEEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MOST_PARTIES: Final = 10_000


class LetterFinder(Protocol):
    """What looks for the letters that a draft names. Raises Refusal EDX606 where there is none, EDX603, EDX613."""

    def sent(self, name: str) -> object: ...

    def received(self, name: str) -> object: ...


@dataclass(frozen=True, slots=True)
class DraftContext:
    """What a draft is read with: the catalogue of agencies, the day in Vietnam, the agencies that the office sends for
    (canonical codes), the names of the files that came with it, and the letters there are."""

    registry: Registry
    today: date
    sends_for: frozenset[str]
    files: frozenset[str]
    letters: LetterFinder
    limits: Limits = DEFAULT_LIMITS


class Draft(BaseModel):
    """A part of a draft. What it does not know is a mistake: a member that is spelled wrongly would be lost."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        coerce_numbers_to_str=True,  # many programs keep a document's number as a number
        use_attribute_docstrings=True,
    )


def wrong(detail: str, code: str = WRONG) -> PydanticCustomError:
    """What a validator raises."""
    return PydanticCustomError(FINDING, "{said}", {"said": str(detail), "finding": Finding(code, "", detail)})


def _text(most: int, *, empty: bool = False) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not text and not empty:
            raise wrong(Detail("is empty"))
        if len(text) > most:
            raise wrong(Detail("{count} characters, at most {most}", count=len(text), most=most))
        if found := _UNSEEN.search(text):
            raise wrong(Detail("holds U+{number:04X}, which XML cannot carry", number=ord(found[0])))
        return text

    return check


def _document_id(text: str) -> str:
    if hidden := invisible(text):
        raise wrong(Detail("{hidden} cannot be seen", hidden=hidden), "EDX215")
    return text


def _reading(info: ValidationInfo) -> DraftContext:
    assert isinstance(info.context, DraftContext)  # noqa: S101  # every draft is read with one
    return info.context


def _agency(text: str, info: ValidationInfo) -> str:
    """A code that mail can be sent to today."""
    reading = _reading(info)
    try:
        reading.registry.resolve(text, reading.today)
    except Refusal as refusal:
        raise wrong(refusal.finding.detail, refusal.code) from refusal
    return text


def _of_the_office(party: PartyDraft | None, info: ValidationInfo) -> PartyDraft | None:
    reading = _reading(info)
    if party is not None and reading.registry.resolve(party.code, reading.today).code not in reading.sends_for:
        raise wrong(Detail("the office does not send for {code}", code=party.code), "EDX401")
    return party


def _there_is(look: Callable[[DraftContext], Callable[[str], object]]) -> Callable[[str, ValidationInfo], str]:
    def check(text: str, info: ValidationInfo) -> str:
        try:
            look(_reading(info))(text)
        except Refusal as refusal:
            raise wrong(refusal.finding.detail or text[:150], refusal.code) from refusal
        return text

    return check


def _came_along(text: str, info: ValidationInfo) -> str:
    if text not in _reading(info).files:
        raise wrong(Detail("no file of that name came with the draft"), "EDX206")
    return text


def _file_name(text: str, info: ValidationInfo) -> str:
    if fault := name_fault(text, _reading(info).limits):
        raise wrong(fault, "EDX209")
    return text


def _issued(day: date, info: ValidationInfo) -> date:
    reading = _reading(info)
    if day > reading.today:
        raise wrong(Detail("is after today, {today}", today=reading.today))
    return day


Short = Annotated[str, AfterValidator(_text(50))]
Name = Annotated[str, AfterValidator(_text(100))]
Line = Annotated[str, AfterValidator(_text(200))]
Number = Annotated[str, AfterValidator(_text(11))]
Notation = Annotated[str, AfterValidator(_text(30))]
Initials = Annotated[str, AfterValidator(_text(10))]
Place = Annotated[str, AfterValidator(_text(150))]
Paragraph = Annotated[str, AfterValidator(_text(500))]
Explanation = Annotated[str, AfterValidator(_text(1000))]
DocumentId = Annotated[str, AfterValidator(_text(255)), AfterValidator(_document_id)]
# A digest or its beginning, a DocumentId; of a letter that was received, its name in the inbox as well.
SentName = Annotated[str, AfterValidator(_text(255)), AfterValidator(_there_is(lambda reading: reading.letters.sent))]
ReceivedName = Annotated[
    str, AfterValidator(_text(255)), AfterValidator(_there_is(lambda reading: reading.letters.received))
]
FileName = Annotated[str, AfterValidator(_text(255)), AfterValidator(_came_along)]
AttachmentName = Annotated[str, AfterValidator(_file_name)]
AgencyText = Annotated[str, AfterValidator(_text(35)), AfterValidator(_agency)]
Day = date  # a member may be called date
IssueDay = Annotated[date, AfterValidator(_issued)]


class PartyDraft(Draft):
    """An agency with what stands beside its code."""

    code: AgencyText
    """The agency's code, in any form that the catalogue knows."""
    name: Line | None = None
    """Its name; without it the catalogue's."""
    superior: Paragraph | None = None
    """The agency above it (cơ quan chủ quản)."""
    address: Paragraph | None = None
    email: Name | None = None
    telephone: Short | None = None
    fax: Annotated[str, AfterValidator(_text(20))] | None = None
    website: Name | None = None


def _as_party(value: Any) -> Any:
    """A code alone stands for an agency."""
    return {"code": value} if isinstance(value, str) else value


def _each_once(parties: Sequence[PartyDraft], info: ValidationInfo) -> Sequence[PartyDraft]:
    reading = _reading(info)
    if len(parties) > _MOST_PARTIES:
        raise wrong(Detail("{count} agencies, at most {most}", count=len(parties), most=_MOST_PARTIES), "EDX407")
    seen: dict[str, str] = {}
    for party in parties:
        code = reading.registry.resolve(party.code, reading.today).code
        if code in seen:
            raise wrong(Detail("{one} and {other} are one agency", one=seen[code], other=party.code), "EDX207")
        seen[code] = party.code
    return parties


OneParty = Annotated[PartyDraft, BeforeValidator(_as_party, json_schema_input_type=str | PartyDraft)]
Sender = Annotated[OneParty | None, AfterValidator(_of_the_office)]
Parties = Annotated[tuple[OneParty, ...], AfterValidator(_each_once)]


def member(where: Sequence[str | int]) -> str:
    """A place in a draft as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in where)


_DAY: Final = Detail("is to be a day or time of ISO 8601: 2026-11-27, 2026-11-27T08:30:00+07:00")
_KINDS: Final[Mapping[str, Detail]] = {
    "missing": Detail("is missing"),
    "string_type": Detail("is to be a text"),
    "int_type": Detail("is to be a whole number"),
    "int_parsing": Detail("is to be a whole number"),
    "int_from_float": Detail("is to be a whole number"),
    "bool_type": Detail("is to be true or false"),
    "bool_parsing": Detail("is to be true or false"),
    "tuple_type": Detail("is to be a list"),
    "model_type": Detail("is to be an object"),
    "model_attributes_type": Detail("is to be an object"),
}


def explained(error: Mapping[str, Any], given: Any) -> Finding:
    """One of the library's errors as a finding of ours, in our words; ``given`` is what was read."""
    where, kind, context = member(_there(error["loc"], given)), error["type"], error.get("ctx", {})
    if kind == FINDING:
        finding: Finding = context["finding"]
        return Finding(finding.code, where, finding.detail)
    if kind == "extra_forbidden":
        return Finding(WRONG, where, Detail("is no member of this"))
    if kind == "literal_error":
        return Finding(WRONG, where, Detail("is to be {expected}", expected=context["expected"].replace(" or ", ", ")))
    if kind.startswith(("date", "time")):
        return Finding(WRONG, where, _DAY)
    if kind == "greater_than_equal":
        return Finding(WRONG, where, Detail("is to be {least} or more", least=context["ge"]))
    if kind == "less_than_equal":
        return Finding(WRONG, where, Detail("is to be {most} or less", most=context["le"]))
    if kind == "too_short":
        return Finding(WRONG, where, Detail("is empty"))
    if kind == "too_long":
        detail = Detail("{count} members, at most {most}", count=context["actual_length"], most=context["max_length"])
        return Finding(WRONG, where, detail)
    return Finding(WRONG, where, _KINDS.get(kind) or Detail("cannot be read: {kind}", kind=kind))


def _there(where: Sequence[str | int], given: Any) -> Sequence[str | int]:
    """The place as far as it is in what was given: a code that stands for an agency has no members."""
    for number, step in enumerate(where):
        if not isinstance(given, dict | list):
            return where[:number]
        try:
            given = given[step]  # type: ignore[index]  # an object's members, or a list's
        except (KeyError, IndexError, TypeError):
            return where  # what is missing has its place all the same
    return where
