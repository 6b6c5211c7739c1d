"""Questions to the journal: what may be asked for, in which form people say it, and the answers in pages.

    question = made(views, JournalQuery(sender="H53.", event="delivery.", code="EDX505"))
    for page in pages(views, question, after=104831): …
    how_many(views, question), counts_by(views, question, "event")

Nothing here changes anything. Raises Refusal EDX606 for what does not exist, and what the views raise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.entries import terms
from edxml_router.core.delivery.entries.terms import Question, Term, Terms
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import JournalLine
from edxml_router.ports.views import Views
from edxml_router.services import auditor

PAGE: Final = 1000  # entries in one read
GROUPS: Final = (
    terms.EVENT,
    terms.CODE,
    terms.AFTER,
    terms.LEVEL,
    terms.KIND,
    terms.PEER,
    terms.ACTOR,
    terms.SENDER,
    terms.RECIPIENT,
    terms.SIGNER,
)


@dataclass(frozen=True, slots=True)
class JournalQuery:
    """A selection of journal entries; all given conditions must hold.

    ``document``: a DocumentId, or a digest's beginning; ``number``: a document's number and notation as people say it,
    or a number alone for all notations; ``event``: one of :data:`~edxml_router.services.auditor.EVENTS`, or
    "delivery." for all that begin so; ``sender``, ``recipient``: canonical codes, with a dot behind them for all below
    as well; ``agencies``: any of these sends it, gets it, or is what the entry is about; ``signer``: the SHA-256 of the
    key; ``state``: that the entry brought a delivery into; ``level``: of the sender's agency, 0 for a code without
    levels.
    """

    since: datetime | None = None
    until: datetime | None = None  # not included
    event: str = ""
    document: str | None = None
    number: str = ""
    sender: str = ""
    recipient: str = ""
    agencies: Collection[str] | None = None
    kind: str = ""
    signer: str = ""
    peer: str = ""
    code: str = ""
    actor: str = ""
    state: State | None = None
    level: int | None = None


def made(views: Views, query: JournalQuery) -> Question:
    """The question that somebody means. Raises Refusal EDX606 for a document that nobody has seen, and for an event
    that does not exist."""
    wanted: list[Terms] = [frozenset({term}) for term in _simple(query)]
    if query.event:
        auditor.require_event(query.event)
        group = query.event.endswith(".")
        meant = [each for each in auditor.EVENTS if each == query.event or (group and each.startswith(query.event))]
        wanted.append(frozenset((terms.EVENT, event) for event in meant))
    if query.number:
        wanted.append(terms.number_terms(query.number))
    for name, code in ((terms.SENDER, query.sender), (terms.RECIPIENT, query.recipient)):
        if code:
            wanted.append(terms.agency_terms(name, code))
    if query.agencies is not None:
        parts = (terms.SENDER, terms.RECIPIENT, terms.TO)
        wanted.append(frozenset((name, code) for code in query.agencies for name in parts))
    digests = None if query.document is None else tuple(auditor.digests_of(views, query.document))
    return Question(tuple(wanted), query.since, query.until, digests)


def _simple(query: JournalQuery) -> Iterator[Term]:
    """The conditions that are one term."""
    values = {
        terms.KIND: query.kind,
        terms.SIGNER: query.signer.lower(),
        terms.CODE: query.code,
        terms.ACTOR: query.actor,
        terms.AFTER: query.state.value if query.state else "",
        terms.LEVEL: "" if query.level is None else str(query.level),
    }
    yield from ((name, value) for name, value in values.items() if value)
    if query.peer:
        yield terms.peer_term(query.peer)


def pages(views: Views, question: Question, after: int = -1) -> Iterator[Sequence[JournalLine]]:
    """The entries that answer, in the order of the log, behind the place ``after``; those without a place last."""
    more = True
    while more:
        page = views.entries(question, after, PAGE)
        after, more = page.reached, page.more
        if page.lines:
            yield page.lines
    told: set[int] = set()
    for lines in unplaced(views, question):
        told |= {line.number for line in lines}
        yield lines
    # What has got its place between the last page and here was in neither.
    late = [line for line in views.entries(question, after, PAGE).lines if line.number not in told]
    if late:
        yield late


def unplaced(views: Views, question: Question) -> Iterator[Sequence[JournalLine]]:
    """The entries that answer and have no place in the log yet."""
    number, more = 0, True
    while more:
        page = views.unplaced(question, number, PAGE)
        number, more = page.reached, page.more
        if page.lines:
            yield page.lines


def how_many(views: Views, question: Question) -> int:
    """How many entries answer, those without a place included."""
    return views.entry_count(question) + sum(map(len, unplaced(views, question)))


def counts_by(views: Views, question: Question, group: str) -> Mapping[str, int]:
    """How many entries with a place have which value of ``group``, one of :data:`GROUPS`, the most frequent first."""
    found = views.entry_counts(question, group)
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))
