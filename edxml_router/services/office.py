"""What an e-office does: submit envelopes and follow them, list its inbox, fetch, confirm or return letters, read its
notices.

    for name, answer in submit(node, "vp", files, read): …
    page = sent(ledger.views, "vp", SentQuery(limit=20))
    rows = ready(ledger.views, settings, office="vp")
    data = fetch(node, locate(ledger.views, text))

Offices are those of the configuration: whoever may use this node acts for them. Raises Refusal EDX403 for an office
that is not there, EDX503 for a code, EDX606 and EDX613 for a letter, and what :mod:`edxml_router.stages.offices.inbox`
and the views raise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from edxml_router.config import Settings
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import FoundEnvelope, InboxItem, Notice, SentDelivery
from edxml_router.core.detail import Detail
from edxml_router.core.link.resync import Recovery
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import letter_name
from edxml_router.core.message.document_id import is_digest
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Finding, Refusal, Setback, Weight
from edxml_router.ports.views import Views
from edxml_router.services.naming import naming
from edxml_router.services.reading import Read
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox
from edxml_router.store.epochs.recovery import pending
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring.agencies import load_registry

DIGITS_SHOWN: Final = 16  # characters of a digest in the inbox
_BATCH_BYTES: Final = 64 * 1024 * 1024  # of envelopes in memory at once
_PAGE: Final = 500
_BEGINNING: Final = 12  # characters that name a letter; more digits than a delivery's number has
_NO_NAME: Final = Detail(
    "a letter is named by {beginning} or more digits of its SHA-256, as `edxml-router inbox` shows them",
    beginning=_BEGINNING,
)


class NamedAcceptance(NamedTuple):
    """A submitted envelope, under the name its face has for it, with the answer to its office."""

    name: str
    answer: Acceptance


class InboxLetter(NamedTuple):
    """A letter in an office's inbox."""

    office: str
    name: str


@dataclass(frozen=True, slots=True)
class SentQuery:
    """A selection of envelopes that an office sent; all given conditions must hold. ``document``: a DocumentId, or the
    beginning of a digest; ``recipient``: a canonical code; ``after``: :attr:`SentPage.next` of the page before."""

    kind: Kind | None = None
    document: str = ""
    recipient: str = ""
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None  # not included
    after: str = ""
    limit: int = 50
    recipients: int = 100  # of each envelope, at most


class SentEnvelope(NamedTuple):
    """An envelope that an office sent, with its first recipients; ``next`` is where the others begin, None after the
    last."""

    found: FoundEnvelope
    deliveries: Sequence[SentDelivery]
    next: int | None


class SentPage(NamedTuple):
    """Envelopes, newest first; ``next`` is the key of the next page, empty after the last."""

    envelopes: Sequence[SentEnvelope]
    next: str


class Notices(NamedTuple):
    """Outcomes of envelopes that offices sent, with the DocumentId of each envelope."""

    notes: Sequence[Notice]
    documents: Mapping[str, str]


def require(settings: Settings, name: str) -> None:
    """Refuse (EDX403) an office that is not configured."""
    names = [office.name for office in settings.offices]
    if name not in names:
        raise Refusal("EDX403", where=name, detail=Detail("the offices are {names}", names=", ".join(names) or "-"))


def named(settings: Settings, name: str | None) -> list[str]:
    """The office of this name, or all. Raises Refusal EDX403."""
    if name is not None:
        require(settings, name)
    return [one.name for one in settings.offices if name in (None, one.name)]


def submit(
    node: Node, office: str, names: Sequence[str], read: Read, channel: str = "cli"
) -> Iterator[NamedAcceptance]:
    """Submit envelopes as an office, in batches that fit into memory; answers in the same order. ``read`` gets a name,
    the most bytes, and a function that stores a large one; its refusals become answers."""
    from edxml_router import pipeline  # noqa: PLC0415  # the verifiers, for which who only looks need not wait

    for batch in _batches(names, node, read):
        fit = [Submission(data, office, channel) for _, data in batch if not isinstance(data, Acceptance)]
        answers = iter(pipeline.accept(node, fit) if fit else ())
        for name, data in batch:
            answer = data if isinstance(data, Acceptance) else next(answers)
            if not isinstance(data, Acceptance):
                data.discard()
            yield NamedAcceptance(name, answer)


def _batches(names: Sequence[str], node: Node, read: Read) -> Iterator[list[tuple[str, Body | Acceptance]]]:
    """The envelopes with their bytes, large ones as bodies on disk; an unreadable one comes with its answer."""
    most = node.rules.limits.max_bytes
    batch: list[tuple[str, Body | Acceptance]] = []
    size = 0
    for name in names:
        data: Body | Acceptance
        try:
            data = read(name, most, node.bodies.receive)
        except (Refusal, Setback) as trouble:
            data = Acceptance("", passing=isinstance(trouble, Setback), finding=trouble.finding)
        held = 0 if isinstance(data, Acceptance) else len(data.held or b"")
        if batch and (len(batch) >= node.rules.delivery.batch or size + held > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, data))
        size += held
    yield batch


def sent(views: Views, office: str, query: SentQuery) -> SentPage:
    """What an office submitted here through any face, and its state at each recipient. Raises Refusal EDX606 for an
    invalid ``after``."""
    found = views.find_envelopes(
        office=office,
        kind=query.kind or "",
        digest=query.document.lower() if is_digest(query.document) else "",
        document_id="" if is_digest(query.document) else query.document,
        recipient=query.recipient,
        state=query.state,
        since=query.since,
        until=query.until,
        before=_read_cursor(query.after) if query.after else None,
        limit=query.limit + 1,
    )
    page = found[: query.limit]
    theirs: dict[str, list[SentDelivery]] = defaultdict(list)
    for one in views.sent_deliveries((one.envelope.digest for one in page), limit=query.recipients + 1):
        theirs[one.delivery.digest].append(one)
    shown = [_sent_envelope(one, theirs[one.envelope.digest], query.recipients) for one in page]
    return SentPage(shown, _cursor(page[-1]) if len(found) > len(page) else "")


def sent_to(node: Node, office: str, query: SentQuery) -> SentPage:
    """The same, with the recipient's code in any form."""
    code = node.rules.registry.canonical_or_none(query.recipient) if query.recipient else None
    return sent(node.ledger.views, office, replace(query, recipient=code or query.recipient))


def sent_one(views: Views, office: str, digest: str, after: int = 0, recipients: int = 100) -> SentEnvelope:
    """One envelope that an office handed in, with the recipients after a delivery's number. Raises Refusal EDX606 for
    a digest, or its beginning, that is of none of them; EDX613 for several."""
    found = views.find_envelopes(office=office, digest=digest.lower(), limit=2) if is_digest(digest) else ()
    if not found:
        raise Refusal("EDX606", where=digest[:150])
    if len(found) > 1:
        shown = ", ".join(one.envelope.digest[:DIGITS_SHOWN] for one in found)
        raise Refusal("EDX613", where=digest[:150], detail=shown)
    theirs = views.sent_deliveries([found[0].envelope.digest], after, recipients + 1)
    return _sent_envelope(found[0], theirs, recipients)


def _sent_envelope(found: FoundEnvelope, theirs: Sequence[SentDelivery], most: int) -> SentEnvelope:
    shown = theirs[:most]
    return SentEnvelope(found, shown, shown[-1].delivery.id if len(theirs) > len(shown) else None)


def _cursor(last: FoundEnvelope) -> str:
    """The end of a page as a text, without row numbers, so it stays valid whatever is added or restored."""
    at, digest = last.key
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{digest}"


def _read_cursor(text: str) -> tuple[datetime, str]:
    try:
        at, digest = text.split("-")
        return datetime.strptime(at, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC), digest
    except ValueError:
        raise Refusal("EDX606", where=text[:150], detail=Detail("no page begins there")) from None


def ready(views: Views, settings: Settings, *, office: str | None = None, agency: str | None = None) -> list[InboxItem]:
    """What is ready to be fetched, for all offices or one, and for all their agencies or one."""
    registry = load_registry(settings)
    offices = [one for one in settings.offices if office in (None, one.name)]
    texts = [agency] if agency is not None else [code for one in offices for code in one.agencies]
    codes = [_agency(registry, text) for text in texts]
    routes = {Route.office(one.name) for one in offices}
    return [row for row in _waiting(views, codes) if row.delivery.route in routes]


def called(ledger: SqlLedger, offices: Sequence[str]) -> Sequence[tuple[str, Recovery]]:
    """The offices that must send again what they submitted, because a back-up was restored."""
    parties = pending(ledger.engine)
    return [(one.party.name, one) for one in parties if one.party.is_office and one.party.name in offices]


def reminder(office: str, one: Recovery) -> Finding:
    """The notice to such an office."""
    detail = Detail("has not sent again what was handed in since {at:%Y-%m-%d %H:%M:%S}", at=one.since.astimezone())
    return Finding("EDX618", office, detail)


def notices_page(views: Views, offices: Sequence[str], after: int, most: int) -> tuple[Notices, bool]:
    """The first ``most`` of those numbered behind ``after``, by number; and whether there are more."""
    rows = [row for office in offices for row in views.notices(Route.office(office), after, most + 1)]
    rows.sort(key=lambda row: row.number)
    page = rows[:most]
    return Notices(page, views.document_ids(row.receipt.envelope for row in page)), len(rows) > most


def notices(views: Views, offices: Sequence[str]) -> Notices:
    """Outcomes of envelopes that these offices sent, as far as not cleared."""
    rows: list[Notice] = []
    for office in offices:
        after = 0
        while page := views.notices(Route.office(office), after, _PAGE):
            rows += page
            after = page[-1].number
    return Notices(rows, views.document_ids(row.receipt.envelope for row in rows))


def clear(ledger: SqlLedger, read: Notices) -> None:
    """Mark these notices as read; they are not shown again."""
    if read.notes:
        with ledger.book() as book:
            book.receipts.sent([note.number for note in read.notes], ledger.clock.now())


def locate(views: Views, text: str) -> InboxLetter:
    """The letter that a name, or the first twelve characters of it, means. Raises Refusal EDX606 for one that is in no
    inbox, and for a delivery's number, which after a restored back-up may be another letter's; EDX613 for several."""
    beginning, _, recipient = text.partition(".")
    if not re.fullmatch(rf"[0-9a-f]{{{_BEGINNING},64}}", beginning):
        raise Refusal("EDX606", where=text[:150], detail=_NO_NAME)
    found = views.offered_mail(beginning, recipient)
    if not found:
        raise Refusal("EDX606", where=text[:150])
    if len(found) > 1:
        shown = ", ".join(letter_name(one.digest[:DIGITS_SHOWN], one.recipient) for one in found)
        raise Refusal("EDX613", where=text[:150], detail=shown)
    return InboxLetter(found[0].route.name, found[0].name)


def fetch(node: Node, letter: InboxLetter, clerk: str = "") -> Body:
    """The envelope, exactly as it was sent; ``clerk``: the person who acts for the office, where it is one."""
    return inbox.fetch(node, letter.office, letter.name, clerk)


def confirm(node: Node, taken: Iterable[InboxLetter], clerk: str = "") -> Mapping[InboxLetter, Finding | None]:
    """Confirm that the office's system has taken these, or a person; one answer each."""
    return _answered(taken, lambda office, names: inbox.confirm(node, office, names, clerk))


def refuse(
    node: Node, returned: Iterable[InboxLetter], reason: str, clerk: str = ""
) -> Mapping[InboxLetter, Finding | None]:
    """Return these on behalf of the office's system, or of a person; one answer each."""
    return _answered(returned, lambda office, names: inbox.refuse(node, office, names, reason, clerk))


def is_done(answer: Finding | None) -> bool:
    """Whether a letter was confirmed or returned, including where the answer is only a remark (EDX804: late)."""
    return answer is None or answer.problem.weight is Weight.REMARK


def _answered(
    given: Iterable[InboxLetter], act: Callable[[str, Sequence[str]], Sequence[Finding | None]]
) -> Mapping[InboxLetter, Finding | None]:
    by_office: dict[str, list[InboxLetter]] = defaultdict(list)
    for letter in given:
        by_office[letter.office].append(letter)
    answers: dict[InboxLetter, Finding | None] = {}
    for office, own in by_office.items():
        answers.update(zip(own, act(office, [one.name for one in own]), strict=True))
    return answers


def _agency(registry: Registry, text: str) -> str:
    with naming(text):
        return registry.canonical_or_none(text) or AgencyCode.parse(text).known_as()


def _waiting(views: Views, codes: Sequence[str]) -> Iterator[InboxItem]:
    after = 0
    while page := views.inbox(codes, after, _PAGE):
        yield from page
        after = page[-1].delivery.id
