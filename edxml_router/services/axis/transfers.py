"""Transfers as the axis tells of them: each is one envelope to one recipient, with its transport state.

    for one in received(node, "vp", TransferQuery()): …
    for one in sent(node, "vp", TransferQuery(kind=Kind.DOCUMENT)): …
    name = letter(node, "vp", doc_id)
    body = office.fetch(node, name)
    update(node, name, TransportState.DONE, "đã vào sổ")

What the axis numbers is named here: what an office receives by the letter's name, what it sent by the digest. Both
outlive the database, and a letter's name means one letter to one recipient for ever. Raises Refusal EDX606 for a letter
that is not there, EDX613 for a digest that names several, and what the inbox raises.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from edxml_router.core.axis.states import TransportState, transport_state
from edxml_router.core.body import Body
from edxml_router.core.delivery.journal import DELIVERY_FETCHED
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.detail import Detail, joined
from edxml_router.core.link.route import Route
from edxml_router.core.message.document_id import is_digest
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import PROBLEMS, Finding, Refusal
from edxml_router.services import office as offices
from edxml_router.services.office import InboxLetter, SentQuery
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox

ENDED_SHOWN: Final = timedelta(days=30)  # how far back ended transfers are listed for who names no day
LONGEST: Final = timedelta(days=366)  # a longer span of days is cut to its newest part
MOST: Final = 10_000  # transfers of one answer
_PAGE: Final = 50  # envelopes that were sent, in one read
_TAKEN: Final = frozenset({State.CONFIRMED, State.RETURNED})
_UNGIVEN: Final = Detail("the recipient's system reports a failure without a reason")


@dataclass(frozen=True, slots=True)
class TransferQuery:
    """Which transfers; all that is given must hold. ``document``: a digest, or a letter's name."""

    kind: Kind | None = None
    since: datetime | None = None
    until: datetime | None = None  # not included
    document: str = ""
    limit: int = 1000


class ListedTransfer(NamedTuple):
    """An envelope to a recipient, its transport state, and what is said of that: a Detail, or a person's words."""

    delivery: Delivery
    envelope: EnvelopeRow
    state: TransportState
    description: str


def received(node: Node, office: str, query: TransferQuery) -> list[ListedTransfer]:
    """What came for an office. First what it has not ended, the oldest first, so that however much it has taken, none
    of the others is cut off; then what it has, the newest first."""
    views, route, codes = node.ledger.views, Route.office(office), node.rules.peers[office].codes
    since, until, limit = *_span(query, node.now()), min(query.limit, MOST)
    kind = query.kind or ""
    found = list(
        views.received(route, codes, [State.AVAILABLE], kind=kind, since=query.since, until=query.until, limit=limit)
    )
    if len(found) < limit:
        rest = limit - len(found)
        found += views.received(route, codes, _TAKEN, kind=kind, since=since, until=until, newest=True, limit=rest)
    handled = views.handled({one.delivery.digest for one in found})
    shown: list[ListedTransfer] = []
    for delivery, envelope in ((one.delivery, one.envelope) for one in found):
        entry = handled.get((delivery.digest, delivery.recipient))
        said = entry.detail if entry is not None and entry.event != DELIVERY_FETCHED else ""
        told = [_unsigned(envelope), delivery.detail if delivery.state is State.RETURNED else said]
        state = transport_state(delivery.state, fetched=entry is not None)
        shown.append(ListedTransfer(delivery, envelope, state, joined("; ", filter(None, told))))
    return shown


def waiting(node: Node, office: str, kind: Kind) -> int:
    """How many letters of a kind an office has not ended."""
    codes = node.rules.peers[office].codes
    return node.ledger.views.received_count(Route.office(office), codes, [State.AVAILABLE], kind)


def sent(node: Node, office: str, query: TransferQuery) -> list[ListedTransfer]:
    """What an office handed in here and how it stands with each recipient, the newest first. That a recipient's system
    has fetched it is known of those served here only."""
    digest, _, recipient = query.document.partition(".")
    if query.document and not is_digest(digest):
        return []
    since, until = _span(query, node.now())
    limit = min(query.limit, MOST)
    wanted = SentQuery(
        kind=query.kind, document=digest, recipient=recipient, since=since, until=until, recipients=limit, limit=_PAGE
    )
    found = _sent(node, office, wanted, limit)
    if recipient:
        found = [one for one in found if one.delivery.recipient == recipient]
    return found


def sent_of(node: Node, office: str, query: TransferQuery, document: str) -> list[ListedTransfer]:
    """The one that is named, where this office has sent it; else all."""
    one = sent(node, office, replace(query, document=document)) if document else []
    return one or sent(node, office, query)


def _sent(node: Node, office: str, query: SentQuery, limit: int) -> list[ListedTransfer]:
    shown: list[ListedTransfer] = []
    while True:
        page = offices.sent(node.ledger.views, office, query)
        handled = node.ledger.views.handled(one.found.envelope.digest for one in page.envelopes)
        for envelope, deliveries in ((one.found.envelope, one.deliveries) for one in page.envelopes):
            for delivery in (one.delivery for one in deliveries):
                entry = handled.get((delivery.digest, delivery.recipient))
                said = entry.detail if entry is not None and entry.event != DELIVERY_FETCHED else ""
                state = transport_state(delivery.state, fetched=entry is not None)
                shown.append(ListedTransfer(delivery, envelope, state, _why(delivery) or said))
                if len(shown) >= limit:
                    return shown
        if not page.next:
            return shown
        query = replace(query, after=page.next)


def sending_state(delivery: Delivery) -> TransportState:
    """How far the sending has come, whatever the recipient does: ``done`` once it lies where the recipient's system
    takes it, as far as is known here, or the next node answers for it."""
    if delivery.state is State.CONFIRMED or delivery.state is State.AVAILABLE or delivery.far_accepted:
        return TransportState.DONE
    if delivery.state in ENDS:
        return TransportState.DONE if delivery.code == "EDX801" else TransportState.FAIL  # the recipient had it
    return TransportState.PROCESSING


def letter(node: Node, office: str, named: str) -> InboxLetter:
    """The letter of this office that a name means, or a digest where it is of one letter only."""
    digest, dot, _ = named.partition(".")
    if dot:
        return InboxLetter(office, named)
    route = Route.office(office)
    mail = node.ledger.views.offered_mail(digest) if is_digest(digest) and len(digest) == 64 else ()
    own = [one for one in mail if one.route == route]
    if len(own) > 1:
        raise Refusal("EDX613", where=named[:150], detail=", ".join(one.recipient for one in own))
    return InboxLetter(office, own[0].name if own else named)


def fetch(node: Node, name: InboxLetter) -> Body:
    """The envelope, exactly as it was sent; it is in process from now on."""
    return offices.fetch(node, name)


def update(node: Node, name: InboxLetter, state: TransportState, description: str) -> Finding | None:
    """What the recipient's system says of a letter; None when it is so now. To say the same twice is no mistake."""
    if state is TransportState.FAIL:
        reason = description.strip() or _UNGIVEN
        return _done(offices.refuse(node, [name], reason)[name])
    if state is TransportState.DONE:
        answer = offices.confirm(node, [name])[name]
        if description.strip() and offices.is_done(answer):
            inbox.describe(node, name.office, name.name, description, ended=True)
        return _done(answer)
    return inbox.describe(node, name.office, name.name, description, ended=False)


def _done(answer: Finding | None) -> Finding | None:
    return None if offices.is_done(answer) else answer


def _span(query: TransferQuery, now: datetime) -> tuple[datetime, datetime]:
    """The days asked for: those before a year are not looked through for one call."""
    until = query.until or now + timedelta(days=1)
    since = query.since or until - ENDED_SHOWN
    return max(since, until - LONGEST), until


def _unsigned(envelope: EnvelopeRow) -> str:
    """The recipient is told where no signature stands for the sender."""
    return "" if envelope.indication == "passed" else Detail("not signed: {reason}", reason=envelope.reason)


def _why(delivery: Delivery) -> str:
    """Why it did not arrive, or does not yet."""
    if not delivery.code or delivery.state is State.CONFIRMED or delivery.code not in PROBLEMS:
        return ""
    return joined(" ", filter(None, (delivery.code, delivery.detail)))
