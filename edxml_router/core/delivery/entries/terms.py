"""By what journal entries are found: the terms of an entry, and a question made of them.

    terms_of(entry, about)                       # {("event", "delivery.returned"), ("recipient", "H53.31"), …}
    Question((frozenset({("sender", "H53")}), frozenset({("event", "delivery.held")})), since)

A term is a field and a value. What an entry does not say itself (sender, kind and signer) is told by the entry of the
acceptance of the envelope it is about. A code of an agency is found by itself and by its beginning: ``H53.`` is
everybody below ``H53``. Numbers of documents are compared without case and diacritics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from edxml_router.core.agencies.agency import fold
from edxml_router.core.agencies.code import level_of
from edxml_router.core.delivery.journal import DELIVERY_QUEUED, DELIVERY_REROUTED, ENVELOPE_ACCEPTED
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.link.route import Route
from edxml_router.core.message.document_id import comparable
from edxml_router.core.problems import PROBLEMS

Term = tuple[str, str]
Terms = frozenset[Term]  # any of them

EVENT: Final = "event"
RECIPIENT: Final = "recipient"  # that the entry is about
CODE: Final = "code"
ACTOR: Final = "actor"
AFTER: Final = "after"  # the state that it brought a delivery into
PEER: Final = "peer"  # a neighbour or an office: who did it, or where the delivery goes
SENDER: Final = "sender"
KIND: Final = "kind"
SIGNER: Final = "signer"
NUMBER: Final = "number"
LEVEL: Final = "level"  # of the sender
# Of the entry of an acceptance only: it stands for the document.
TO: Final = "to"
ENDED: Final = "ended"  # a delivery of it came to this end, at some time
HAD: Final = "had"  # a delivery of it had this problem, at some time
VIA: Final = "via"  # a neighbour or office to which a delivery of it was to go, at some time
_TOLD_LATER: Final = frozenset({ENDED, HAD, VIA})
KINDS: Final = ("document", "status", "recall", "update", "replacement")
_CHANGES: Final = dict(enumerate(KINDS[2:], start=1))  # by what the standard calls the business
_DIGEST: Final = 64  # digits
_TEXTS: Final = ("event", "envelope", "recipient", "code", "actor", "after", "at")
_NOTHING: Final[Mapping[str, Any]] = {}
_ENDS: Final = frozenset(state.value for state in ENDS)
_SAID: Final = re.compile(r"(?:(?:so|no)\b\W*)?0*([0-9]+)(?:\s*[/\s]\s*(.*))?")
_ZEROS: Final = ("", "0", "00", "000")  # how people fill a number: 07/UBND


@dataclass(slots=True)
class EntrySubject:
    """The envelope that an entry is about. ``recipients``: where it is known to whom it went."""

    sender: str
    kind: str
    business: int
    signer: str
    document_key: str
    recipients: Sequence[str] = ()
    terms: Sequence[Term] = field(init=False)

    def __post_init__(self) -> None:
        terms = [*part_terms(SENDER, self.sender), (LEVEL, str(level_of(self.sender))), (KIND, self.kind)]
        if self.business in _CHANGES:
            terms.append((KIND, _CHANGES[self.business]))
        if self.signer:
            terms.append((SIGNER, self.signer))
        if number := number_of(self.document_key):
            terms.append((NUMBER, number))
        self.terms = terms


@dataclass(frozen=True, slots=True)
class Question:
    """Entries that have a term of each set, by the time at which it was done; ``until`` is not included. ``digests``:
    about one of these envelopes; None for any. ``without``: and none of these terms. Only of entries with a place:
    ``places``, at one of these; ``under_way``, of acceptances of documents of which a delivery is open now, or False:
    of which none is."""

    terms: tuple[Terms, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    digests: tuple[str, ...] | None = None
    without: Terms = frozenset()
    places: tuple[int, ...] | None = None
    under_way: bool | None = None

    @property
    def dated(self) -> bool:
        """Whether it is about a period."""
        return self.since is not None or self.until is not None

    def within(self, at: datetime) -> bool:
        """Whether this is within the period."""
        return self.covers(at, at)

    def covers(self, first: datetime, last: datetime) -> bool:
        """Whether all from ``first`` to ``last`` is within the period."""
        return (self.since is None or first >= self.since) and (self.until is None or last < self.until)

    def meets(self, first: datetime, last: datetime) -> bool:
        """Whether some of it may be."""
        return (self.since is None or last >= self.since) and (self.until is None or first < self.until)


@dataclass(slots=True)
class EntryFields:
    """What an entry says, read from its bytes and from nothing beside them. Raises ValueError for what is no entry."""

    entry: InitVar[bytes]
    fields: Mapping[str, Any] = field(init=False)
    facts: Mapping[str, Any] = field(init=False)

    def __post_init__(self, entry: bytes) -> None:
        try:
            self.fields = json.loads(entry)
            self.facts = self.fields.get("facts", _NOTHING)
        except (AttributeError, RecursionError) as error:
            raise ValueError(entry) from error
        if not isinstance(self.facts, dict) or not all(isinstance(self.text(name), str) for name in _TEXTS):
            raise ValueError(entry)

    def text(self, name: str) -> Any:
        """A field that is a text; empty where it is left out."""
        return self.fields.get(name, "")

    @property
    def at(self) -> datetime:
        """When it was done. Raises ValueError."""
        return datetime.fromisoformat(self.text("at"))


def told_subject(accepted: EntryFields, recipients: Sequence[str] = ()) -> EntrySubject | None:
    """The envelope, by the entry of its acceptance; None where a version wrote it that told no facts. Raises
    ValueError."""
    facts = accepted.facts
    if not facts:
        return None
    told = [facts.get(name, "") for name in ("sender", "kind", "signer", "document")]
    listed = facts.get("recipients", recipients)
    if not all(isinstance(each, str) for each in (*told, *listed)) or not isinstance(facts.get("business", 0), int):
        raise ValueError(facts)
    sender, kind, signer, document = told
    return EntrySubject(sender, kind, facts.get("business", 0), signer, comparable(document), listed)


def terms_of(entry: EntryFields, about: EntrySubject | None) -> Iterator[Term]:
    """The terms of an entry; some may come twice."""
    event = entry.text("event")
    yield EVENT, event
    if recipient := entry.text("recipient"):
        yield from part_terms(RECIPIENT, recipient)
    if code := entry.text("code"):
        yield CODE, code
    if actor := entry.text("actor"):
        yield ACTOR, actor
        yield PEER, _name(actor)
    if event.startswith("delivery.") and (route := _route(entry)):
        yield PEER, _name(route)
    if after := entry.text("after"):
        yield AFTER, after
    if about is not None:
        yield from about.terms
        if event == ENVELOPE_ACCEPTED:
            for each in about.recipients:
                yield from part_terms(TO, each)


def document_terms(entry: EntryFields) -> Iterator[Term]:
    """What an entry says of the document as a whole: terms of the entry of its acceptance."""
    if entry.text("event").startswith("delivery."):
        if entry.text("code") in PROBLEMS:
            yield HAD, entry.text("code")
        if entry.text("after") in _ENDS:
            yield ENDED, entry.text("after")
        if entry.text("event") in (DELIVERY_QUEUED, DELIVERY_REROUTED) and (route := _route(entry)):
            yield VIA, _name(route)


def told_later(terms: Terms) -> bool:
    """Whether one of these is said by entries behind the one of the acceptance."""
    return any(name in _TOLD_LATER for name, _ in terms)


def agency_terms(name: str, code: str) -> Terms:
    """An agency; with a dot behind it, all that are below it as well."""
    code = code.rstrip()
    return frozenset({(name, code), (name, code.rstrip("."))}) if code.endswith(".") else frozenset({(name, code)})


def number_terms(written: str) -> Terms:
    """A document's number as people say it: ``Số 7/QĐ-UBND``, ``07 qd-ubnd``; a number alone stands for all notations,
    as ``7/`` does."""
    folded = fold(comparable(written))
    said = _SAID.fullmatch(folded)
    if said is None:
        return frozenset({(NUMBER, folded)})
    number, notation = said.groups()
    rest = re.sub(r"\s", "", notation or "")
    return frozenset((NUMBER, f"{zeros}{number}/{rest}") for zeros in _ZEROS)


def peer_term(written: str) -> Term:
    """A neighbour or an office, with or without what it is before its name."""
    return PEER, _name(written)


def ended_terms(states: Sequence[State]) -> Terms:
    """The ends among these states."""
    return frozenset((ENDED, state.value) for state in states if state in ENDS)


def is_beginning(term: Term) -> bool:
    """Whether a term stands for all that begin so: a number without its notation, ``12/``; a part of a key's digest."""
    name, value = term
    return (name == NUMBER and value.endswith("/")) or (name == SIGNER and len(value) < _DIGEST)


def continues(term: Term, beginning: Term) -> bool:
    """Whether a term is one of those."""
    return term[0] == beginning[0] and term[1].startswith(beginning[1])


def has(terms: Collection[Term], wanted: Term) -> bool:
    """Whether this is among the terms of an entry."""
    return any(continues(each, wanted) for each in terms) if is_beginning(wanted) else wanted in terms


def number_of(document_key: str) -> str:
    """The number and notation of a document, from its id in comparable form (``H53,2026/11/22,7/UBND``), as numbers are
    compared."""
    return fold(document_key.rpartition(",")[2])


@lru_cache(maxsize=4096)
def part_terms(name: str, code: str) -> Sequence[Term]:
    """An agency, and each beginning of its code by which it is found."""
    return [(name, code), *((name, code[: place + 1]) for place, each in enumerate(code) if each == "." and place)]


def _route(entry: EntryFields) -> str:
    if entry.text("event") == DELIVERY_QUEUED:
        detail = entry.text("detail")
        return detail if isinstance(detail, str) else ""
    route = entry.facts.get("route", "")
    return route if isinstance(route, str) else ""


@lru_cache(maxsize=4096)
def _name(written: str) -> str:
    try:
        return Route(written).name
    except ValueError:
        return written
