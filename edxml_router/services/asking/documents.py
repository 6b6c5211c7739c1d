"""The documents that were accepted here, one by one, by what is known of them, with what became of them.

    question = document_question(views, DocumentQuery(sender="H53.", outcome="failed"))
    for page in document_pages(views, question, after=104831): …
    document_count(views, question), document_counts(views, question, "sender")

What a document is comes from the entry of its acceptance, as :mod:`edxml_router.services.asking.questions` finds it,
and its place in the log is the cursor; a document whose entry has no place yet comes within a second, when it has one.
How its deliveries stand is what the tables say: `trace` tells it of one document from the entries. Nothing here changes
anything. Raises Refusal EDX606 for what does not exist, and what the views raise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edxml_router.core.delivery.entries import terms
from edxml_router.core.delivery.entries.replay import ToldEnvelope
from edxml_router.core.delivery.entries.terms import EntrySubject, Question, Term, Terms
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import FoundEnvelope, JournalLine, ListedDocument
from edxml_router.ports.views import Views
from edxml_router.services.asking import questions
from edxml_router.services.asking.questions import PAGE, JournalQuery

OUTCOME: Final = "outcome"
# By what documents are counted; the name of the term that tells it.
DOCUMENT_GROUPS: Final[Mapping[str, str]] = {
    OUTCOME: OUTCOME,
    terms.KIND: terms.KIND,
    terms.LEVEL: terms.LEVEL,
    terms.SENDER: terms.SENDER,
    terms.RECIPIENT: terms.TO,
    terms.SIGNER: terms.SIGNER,
    terms.PEER: terms.PEER,
    terms.CODE: terms.HAD,
}
_OPEN_AT_ONCE: Final = 10_000  # open deliveries whose documents are looked for singly; of more, some are on every page
_FAILED: Final = terms.ended_terms([state for state in ENDS if state is not State.CONFIRMED])
_CONFIRMED: Final = terms.ended_terms([State.CONFIRMED])
_OUTCOME_TERMS: Final[Mapping[str, tuple[Terms, ...]]] = {
    "confirmed": (_CONFIRMED,),
    "failed": (_FAILED,),
    "mixed": (_CONFIRMED, _FAILED),
}

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class DocumentQuery(JournalQuery):
    """As of the journal, where the document stands for the entry: ``since`` and ``until`` are of its acceptance,
    ``recipient`` and ``agencies`` of any recipient, ``peer`` whoever handed it in or any way it went, ``code`` any
    problem that it or a delivery of it had. ``state``: a delivery of it (to the recipient, where one is given) is in
    this state now. ``event`` and ``actor`` are not asked."""

    outcome: str = ""  # one of OUTCOMES


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """``terms`` find no fewer documents than answer; those answer whose deliveries stand as ``outcome``, ``state`` and
    ``recipient`` say."""

    terms: Question
    outcome: str = ""
    state: State | None = None
    recipient: str = ""

    @property
    def standing(self) -> bool:
        """Whether it is asked how deliveries stand."""
        return bool(self.outcome) or self.state is not None


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """``untold``: acceptances by earlier versions that tell nothing of the document, whose rows are gone."""

    documents: Sequence[ListedDocument]
    untold: int = 0


def document_question(views: Views, query: DocumentQuery) -> DocumentQuestion:
    """The question that somebody means. Raises Refusal EDX606 for a document that nobody has seen."""
    wanted: list[Terms] = [frozenset({(terms.EVENT, ENVELOPE_ACCEPTED)})]
    about = replace(query, event="", actor="", recipient="", agencies=None, peer="", code="", state=None)
    made = questions.made(views, about)
    wanted += made.terms
    if query.recipient:
        wanted.append(terms.agency_terms(terms.TO, query.recipient))
    if query.agencies is not None:
        wanted.append(frozenset((name, code) for code in query.agencies for name in (terms.SENDER, terms.TO)))
    if query.peer:
        _, name = terms.peer_term(query.peer)
        wanted.append(frozenset({(terms.PEER, name), (terms.VIA, name)}))
    if query.code:
        wanted.append(frozenset({(terms.CODE, query.code), (terms.HAD, query.code)}))
    digests = made.digests
    if query.outcome == "open" or (query.state is not None and query.state not in ENDS):
        digests = _open(views, digests)
    wanted += _OUTCOME_TERMS.get(query.outcome, ())
    if query.state is not None and query.state in ENDS:
        wanted.append(terms.ended_terms([query.state]))
    question = replace(made, terms=tuple(wanted), digests=digests)
    return DocumentQuestion(question, query.outcome, query.state, query.recipient)


def _open(views: Views, digests: tuple[str, ...] | None) -> tuple[str, ...] | None:
    found = views.open_documents(_OPEN_AT_ONCE + 1)
    if len(found) > _OPEN_AT_ONCE:
        return digests
    under_way = dict.fromkeys(found)
    return tuple(under_way if digests is None else (digest for digest in digests if digest in under_way))


def document_pages(
    views: Views, question: DocumentQuestion, after: int = -1, size: int = PAGE, progress: Progress | None = None
) -> Iterator[DocumentPage]:
    """The documents that answer, in the order in which they were accepted, behind the place ``after``, from ``size``
    entries first, and twice as many each time that fewer than half of them answer; ``progress`` hears how many were
    looked at."""
    more = True
    while more:
        page = views.entries(question.terms, after, size)
        after, more = page.reached, page.more
        found = _page(views, question, page.lines)
        if question.standing and 2 * len(found.documents) < size:
            size = min(2 * size, PAGE)
        if progress is not None:
            progress(len(page.lines))
        if found.documents or found.untold:
            yield found


def _page(views: Views, question: DocumentQuestion, lines: Sequence[JournalLine]) -> DocumentPage:
    digests = [line.entry.envelope for line in lines]
    standing = views.standing(digests)
    asked = standing
    if question.state is not None and question.recipient:
        asked = views.standing(digests, question.recipient)
    documents, untold = list[ListedDocument](), 0
    for line in lines:
        digest = line.entry.envelope
        envelope = _envelope(views, line)
        if envelope is None:
            untold += 1
            continue
        found = FoundEnvelope(envelope, standing.get(digest, {}))
        if question.outcome and found.outcome != question.outcome:
            continue
        if question.state is not None and question.state not in asked.get(digest, {}):
            continue
        recipients = line.entry.facts.get("recipients")
        listed = tuple(map(str, recipients)) if isinstance(recipients, list) else None
        documents.append(ListedDocument(line.position or 0, found, listed))
    return DocumentPage(documents, untold)


def _envelope(views: Views, line: JournalLine) -> EnvelopeRow | None:
    """As the entry tells it; what an earlier version wrote, and what is no fact of any version, as the table does."""
    try:
        story = ToldEnvelope(line.entry.envelope)
        story.add(line.entry)
        told = story.envelope
    except (ValueError, KeyError, TypeError):
        told = None
    if told is not None:
        return told
    rows = views.find_envelopes(digest=line.entry.envelope, limit=1)
    return rows[0].envelope if rows else None


def document_count(views: Views, question: DocumentQuestion, progress: Progress | None = None) -> int:
    """How many documents answer. Where it is asked how deliveries stand, each that may answer is looked at."""
    if not question.standing:
        return views.entry_count(question.terms)
    return sum(len(page.documents) for page in document_pages(views, question, progress=progress))


def document_counts(
    views: Views, question: DocumentQuestion, group: str, progress: Progress | None = None
) -> Mapping[str, int]:
    """How many documents have which value of ``group``, one of :data:`DOCUMENT_GROUPS`, the most frequent first. One
    may have several values, or none. Problems cannot be counted where it is asked how deliveries stand."""
    name = DOCUMENT_GROUPS[group]
    if group != OUTCOME and not question.standing:
        counts: Mapping[str, int] = views.entry_counts(question.terms, name)
    else:
        counts = Counter(
            value
            for page in document_pages(views, question, progress=progress)
            for document in page.documents
            for value in _values(document, name)
        )
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _values(document: ListedDocument, name: str) -> set[str]:
    if name == OUTCOME:
        return {document.found.outcome}
    row = document.found.envelope
    known: list[Term] = [*EntrySubject(row.sender, row.kind, row.business, row.signer, row.document_key).terms]
    known.append(terms.peer_term(row.peer))
    for code in document.recipients or ():
        known += terms.part_terms(terms.TO, code)
    return {value for each, value in known if each == name}
