"""Remarks on harmless deviations from the standard; they never refuse a message.

:func:`remarks_on` looks at an :class:`Envelope` and returns findings EDX203 (form of a date), EDX204 (length), EDX205
(value outside its range), EDX212 (empty reference) and EDX213 (part absent). The maxima are those of Nghị định
30/2020/NĐ-CP, Appendix VI, and where it is silent those that checkers in use apply. At most :data:`REMARKS_MAX` are
returned: a circular with one mistake for each of ten thousand recipients needs no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Document, Envelope, StatusCode
from edxml_router.core.problems import Finding

REMARKS_MAX = 100

_HEADER = "/edXML/edXMLEnvelope/edXMLHeader"
_MESSAGE = f"{_HEADER}/MessageHeader"
_TRACES = f"{_HEADER}/TraceHeaderList"

# (path under MessageHeader, field, most characters). OrganId: QĐ 20/2020 art. 5 allows 35.
PARTY_LENGTHS = (
    ("OrganId", "organ_id", 35),
    ("OrganizationInCharge", "organization_in_charge", 500),
    ("OrganName", "organ_name", 200),
    ("OrganAdd", "organ_add", 500),
    ("Email", "email", 100),
    ("Telephone", "telephone", 50),
    ("Fax", "fax", 20),
    ("Website", "website", 100),
)
DOCUMENT_LENGTHS = (
    ("Code/CodeNumber", "code_number", 11),
    ("Code/CodeNotation", "code_notation", 30),
    ("PromulgationInfo/Place", "place", 50),
    ("DocumentType/TypeName", "type_name", 100),
    ("Subject", "subject", 500),
    ("Content", "content", 500),
    ("SignerInfo/Position", "position", 100),
    ("SignerInfo/FullName", "full_name", 50),
)
OTHER_LENGTHS = (
    ("OtherInfo/SphereOfPromulgation", "sphere_of_promulgation", 100),
    ("OtherInfo/TyperNotation", "typer_notation", 10),
    ("OtherInfo/PromulgationAmount", "promulgation_amount", 3),
    ("OtherInfo/PageAmount", "page_amount", 3),
)
_EXPECTED = (  # parts that QCVN 102:2016 asks for and some senders leave out
    ("Code/CodeNumber", "code_number"),
    ("Code/CodeNotation", "code_notation"),
    ("PromulgationInfo/PromulgationDate", "promulgation_date"),
    ("DocumentType/Type", "type"),
    ("DocumentType/TypeName", "type_name"),
    ("SignerInfo/FullName", "full_name"),
)
_PLACE, _PLACES, _STATUS_DESCRIPTION = 150, 1000, 1000

_DATE = re.compile(r"(\d{4})/(\d{2})/(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{4})/(\d{2})/(\d{2}) (\d{2}):(\d{2}):(\d{2})", re.ASCII)


def remarks_on(envelope: Envelope) -> tuple[Finding, ...]:
    """The remarks on a message, in the order of its parts."""
    return tuple(islice(_all(envelope), REMARKS_MAX))


def _all(envelope: Envelope) -> Iterator[Finding]:
    yield from _lengths(envelope.sender, PARTY_LENGTHS, f"{_MESSAGE}/From/")
    for number, party in enumerate(envelope.to, 1):
        yield from _lengths(party, PARTY_LENGTHS, f"{_MESSAGE}/To{_index(number, envelope.to)}/")
    if envelope.document is not None:
        yield from _document(envelope.document)
    if envelope.status is not None:
        yield from _status(envelope)
    for number, trace in enumerate(envelope.traces, 1):
        where = f"{_TRACES}/TraceHeader{_index(number, envelope.traces)}"
        if (trace.organ_id is not None and _is_null(trace.organ_id)) or trace == type(trace)():
            yield Finding("EDX212", where)
        yield from _moment(trace.timestamp, f"{where}/Timestamp", _TIME)


def _document(document: Document) -> Iterator[Finding]:
    for path, field in _EXPECTED:
        if getattr(document, field) is None:
            yield Finding("EDX213", f"{_MESSAGE}/{path}")
    yield from _lengths(document, DOCUMENT_LENGTHS, f"{_MESSAGE}/")
    issued = f"{_MESSAGE}/PromulgationInfo/PromulgationDate"
    if document.promulgation_date == "":
        yield Finding("EDX203", issued, Detail("empty"))
    yield from _moment(document.promulgation_date, issued)
    yield from _moment(document.due_date, f"{_MESSAGE}/DueDate")
    yield from _range(document.type, {"1", "2"}, f"{_MESSAGE}/DocumentType/Type")
    yield from _range(document.steering_type, {"1", "2", "3"}, f"{_MESSAGE}/SteeringType")
    if (other := document.other) is not None:
        yield from _lengths(other, OTHER_LENGTHS, f"{_MESSAGE}/")
        yield from _range(other.priority, {"0", "1", "2", "3", "4"}, f"{_MESSAGE}/OtherInfo/Priority")
        yield from _range(other.direction, {"true", "false"}, f"{_MESSAGE}/OtherInfo/Direction")
        for name, amount in (("Promulgation", other.promulgation_amount), ("Page", other.page_amount)):
            if amount and not (amount.strip().isascii() and amount.strip().isdigit()):
                yield Finding("EDX205", f"{_MESSAGE}/OtherInfo/{name}Amount", Detail("not a number"))
    for number, answered in enumerate(document.response_for, 1):
        where = f"{_MESSAGE}/ResponseFor{_index(number, document.response_for)}"
        if _is_null(answered.document_id):
            yield Finding("EDX212", where)
        yield from _moment(answered.promulgation_date, f"{where}/PromulgationDate")
    yield from _places(document.to_places or ())
    if (business := document.business) is not None:
        yield from _range(business.paper, {"0", "1"}, f"{_TRACES}/Bussiness/Paper")
        for receiver in business.receivers or ():
            where = f"{_TRACES}/Bussiness/BussinessDocumentInfo/ReceiverList/Receiver"
            yield from _range(receiver.receiver_type, {"0", "1"}, f"{where}/ReceiverType")


def _status(envelope: Envelope) -> Iterator[Finding]:
    status = envelope.status
    assert status is not None  # noqa: S101  # asked by the caller, for the type checker
    if envelope.status_code not in set(StatusCode):
        yield Finding("EDX205", f"{_MESSAGE}/StatusCode", Detail("no known status"))
    if len(status.description or "") > _STATUS_DESCRIPTION:
        yield _too_long(f"{_MESSAGE}/Description", status.description or "", _STATUS_DESCRIPTION)
    yield from _moment(status.response_for.promulgation_date, f"{_MESSAGE}/ResponseFor/PromulgationDate")
    yield from _moment(status.timestamp, f"{_MESSAGE}/Timestamp", _TIME)


def _places(places: tuple[str, ...]) -> Iterator[Finding]:
    for number, text in enumerate(places, 1):
        if len(text) > _PLACE:
            yield _too_long(f"{_MESSAGE}/ToPlaces/Place{_index(number, places)}", text, _PLACE)
    if sum(map(len, places)) > _PLACES:
        yield _too_long(f"{_MESSAGE}/ToPlaces", "".join(places), _PLACES)


def _lengths(value: Any, table: tuple[tuple[str, str, int], ...], prefix: str) -> Iterator[Finding]:
    for path, field, most in table:
        text = getattr(value, field)
        if text is not None and len(text) > most:
            yield _too_long(prefix + path, text, most)


def _too_long(where: str, text: str, most: int) -> Finding:
    return Finding("EDX204", where, Detail("{count} characters, at most {most}", count=len(text), most=most))


def _moment(text: str | None, where: str, form: re.Pattern[str] = _DATE) -> Iterator[Finding]:
    """``xs:date`` cannot state ``yyyy/MM/dd``; an empty element means no date, which only some fields mind."""
    if not text or not (text := text.strip()):
        return
    match = form.fullmatch(text)
    if match is None:
        yield Finding("EDX203", where, Detail("another form"))
        return
    year, month, day, *time = map(int, match.groups())
    hour, minute, second = time or (0, 0, 0)
    try:
        datetime(year, month, day, hour, minute, second)
    except ValueError:
        yield Finding("EDX203", where, Detail("no such day or time"))


def _range(text: str | None, allowed: set[str], where: str) -> Iterator[Finding]:
    if text is not None and text.strip() and text.strip() not in allowed:
        yield Finding("EDX205", where, Detail("not one of {allowed}", allowed=", ".join(sorted(allowed))))


def _is_null(text: str | None) -> bool:
    return not text or text.lower() == "null"


def _index(number: int, items: tuple[Any, ...]) -> str:
    return f"[{number}]" if len(items) > 1 else ""
