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
from edxml_router.core.delivery.entries.terms import Question, Terms
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import DocumentStanding, FoundEnvelope, JournalLine, ListedDocument
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
_FAILED: Final = terms.ended_terms([state for state in ENDS if state is not State.CONFIRMED])
_CONFIRMED: Final = terms.ended_terms([State.CONFIRMED])
_ENDED: Final = terms.ended_terms(list(ENDS))
_LOOKS: Final = 8192  # documents whose standing is looked at together, at most
# What all documents of an outcome have in common; more may have it.
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
    wanted += _OUTCOME_TERMS.get(query.outcome, ())
    if query.state is not None and query.state in ENDS:
        wanted.append(terms.ended_terms([query.state]))
    question = replace(made, terms=tuple(wanted))
    if query.outcome == "open" or (query.state is not None and query.state not in ENDS):
        question = replace(question, under_way=True)
    elif query.outcome == "empty":
        question = replace(question, without=_ENDED, under_way=False)
    return DocumentQuestion(question, query.outcome, query.state, query.recipient)


def document_pages(
    views: Views, question: DocumentQuestion, after: int = -1, size: int = PAGE, progress: Progress | None = None
) -> Iterator[DocumentPage]:
    """The documents that answer, in the order in which they were accepted, behind the place ``after``, from ``size``
    entries first, and twice as many each time that fewer than half of them answer; ``progress`` hears how many were
    looked at."""
    if question.standing:
        yield from _standing_pages(views, question, after, size, progress)
        return
    more = True
    while more:
        page = views.entries(question.terms, after, size)
        after, more = page.reached, page.more
        if progress is not None:
            progress(len(page.lines))
        if page.lines:
            yield _page(views, page.lines, views.standing(line.entry.envelope for line in page.lines))


def _standing_pages(
    views: Views, question: DocumentQuestion, after: int, size: int, progress: Progress | None
) -> Iterator[DocumentPage]:
    """What they are is read only of those that answer."""
    for page in _standings(views, question, question.terms, after, size, progress):
        for first in range(0, len(page), PAGE):
            part = page[first : first + PAGE]
            lines = views.entries_at([one.position for one in part])
            yield _page(views, lines, {one.digest: one.states for one in part})


def _standings(
    views: Views, question: DocumentQuestion, among: Question, after: int, size: int, progress: Progress | None
) -> Iterator[Sequence[DocumentStanding]]:
    """Of these documents, those whose deliveries stand as is asked, in pages that are not empty."""
    recipient = question.recipient if question.state is not None else ""
    more = True
    while more:
        page = views.document_standings(among, recipient, after, size)
        after, more = page.reached, page.more
        found = [one for one in page.documents if _answers(question, one)]
        if 2 * len(found) < size:
            size = min(2 * size, _LOOKS)
        if progress is not None:
            progress(len(page.documents))
        if found:
            yield found


def _answers(question: DocumentQuestion, one: DocumentStanding) -> bool:
    return (not question.outcome or one.outcome == question.outcome) and (
        question.state is None or question.state in one.asked
    )


def _page(views: Views, lines: Sequence[JournalLine], standing: Mapping[str, Mapping[State, int]]) -> DocumentPage:
    documents, untold = list[ListedDocument](), 0
    for line in lines:
        envelope = _envelope(views, line)
        if envelope is None:
            untold += 1
            continue
        recipients = line.entry.facts.get("recipients")
        listed = tuple(map(str, recipients)) if isinstance(recipients, list) else None
        found = FoundEnvelope(envelope, standing.get(line.entry.envelope, {}))
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
    """How many documents answer."""
    if not question.standing:
        return views.entry_count(question.terms)
    return sum(count for _, count in _outcomes(views, question, progress))


def document_counts(
    views: Views, question: DocumentQuestion, group: str, progress: Progress | None = None
) -> Mapping[str, int]:
    """How many documents have which value of ``group``, one of :data:`DOCUMENT_GROUPS`, the most frequent first. One
    may have several values, or none."""
    name = DOCUMENT_GROUPS[group]
    counts: Counter[str] = Counter()
    if group == OUTCOME:
        for outcome, count in _outcomes(views, question, progress):
            counts[outcome] += count
    elif not question.standing:
        counts.update(views.entry_counts(question.terms, name))
    else:
        for part, outcome in _parts(question):
            if outcome:
                counts.update(views.entry_counts(part, name))
                continue
            for page in _standings(views, question, part, -1, PAGE, progress):
                these = replace(part, places=tuple(one.position for one in page))
                counts.update(views.entry_counts(these, name))
    return {value: number for value, number in sorted(counts.items(), key=lambda each: (-each[1], each[0])) if number}


def _outcomes(views: Views, question: DocumentQuestion, progress: Progress | None) -> Iterator[tuple[str, int]]:
    """Outcomes, and of how many documents; one may come several times."""
    for part, outcome in _parts(question):
        if outcome:
            yield outcome, views.entry_count(part)
            continue
        for page in _standings(views, question, part, -1, PAGE, progress):
            yield from Counter(one.outcome for one in page).items()


def _parts(question: DocumentQuestion) -> Iterator[tuple[Question, str]]:
    """The documents that may answer, in parts: those of one with an outcome have it, and all of them answer; those of
    one without are to be looked at.

    Whoever has confirmed has it for good; a failed end may be corrected by a confirmation, or opened again. So what is
    not open and has ended in one way only, stands so."""
    about, state = question.terms, question.state
    if state is not None and (question.outcome or question.recipient or state not in ENDS):
        yield about, ""
        return
    ended = replace(about, under_way=False)
    if state is None or state is State.CONFIRMED:
        if question.outcome in ("", "open"):
            yield replace(about, under_way=True), "open"
        if question.outcome in ("", "confirmed"):
            yield _with(ended, _CONFIRMED, without=_FAILED), "confirmed"
        if question.outcome in ("", "confirmed", "mixed"):
            yield _with(ended, _CONFIRMED, _FAILED), ""
        if question.outcome in ("", "failed") and state is None:
            yield _with(ended, _FAILED, without=_CONFIRMED), "failed"
        if question.outcome in ("", "empty") and state is None:
            yield replace(ended, without=_ENDED), ""
        return
    others = terms.ended_terms([each for each in ENDS if each is not state])
    yield replace(ended, without=others), "failed"
    yield _with(ended, others), ""
    yield replace(about, under_way=True), ""


def _with(question: Question, *wanted: Terms, without: Terms = frozenset()) -> Question:
    return replace(question, terms=(*question.terms, *wanted), without=without)
