"""Between the inbox that the axis has here and the axis itself: what is kept of each transfer, in the journal.

    for letters in outgoing(node, "axis"): …          # one document, those of its recipients that wait
    number(node, names, "8af226c8…")                  # under which the axis has it
    for letter, number in numbered(node, "axis"): …
    note_taken(node, "axis", digest, recipients, number)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from edxml_router import pipeline
from edxml_router.config.faces.axis import AxisSettings
from edxml_router.core.axis.states import TransportState, read_time
from edxml_router.core.body import Body
from edxml_router.core.delivery.journal import DELIVERY_PROCESSING, Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import ReceiptOutcome
from edxml_router.core.message.heading import Heading, heading
from edxml_router.credentials.setting_files import secret
from edxml_router.services.axis.catalogue import Spelling
from edxml_router.services.office import InboxLetter
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox

TAKEN: Final = "axis.taken"  # a document of the axis was handed in; the detail is its number there
CHANNEL: Final = "axis"
_PAGE: Final = 1000  # deliveries in one read
_CLOCKS: Final = timedelta(minutes=10)  # between the axis's clock and ours
_LISTED: Final = timedelta(days=32)  # more than a list of the axis goes back
_MOST: Final = 100_000  # deliveries that one round looks at
_ENDS: Final = {
    ReceiptOutcome.CONFIRMED: TransportState.DONE,
    ReceiptOutcome.RETURNED: TransportState.FAIL,
    ReceiptOutcome.EXPIRED: TransportState.FAIL,
    ReceiptOutcome.CANCELLED: TransportState.FAIL,
}


class AxisLetter(NamedTuple):
    """A letter for the axis, with codes as the sender has written its own and as the axis knows the recipient.
    ``begun``: when it was last sent, if that had no answer here: the axis may have it."""

    delivery: Delivery
    envelope: EnvelopeRow
    sender: str
    recipient: str
    subject: str = ""
    number: str = ""
    begun: datetime | None = None

    @property
    def message_type(self) -> str:
        return "status" if self.envelope.kind == "status" else "edoc"


def secret_of(axis: AxisSettings) -> bytes:
    """By which calls are proven. Raises Refusal EDX902 for a file that cannot be read."""
    return (secret(axis.secret_file, "axis.secret_file") or "").encode()


def outgoing(node: Node, axis: str) -> Iterator[Sequence[AxisLetter]]:
    """The documents that wait and have no number there yet, each with those of its recipients that wait."""
    views = node.ledger.views
    waiting = _waiting(node, axis)
    handled = views.handled({one.digest for one in waiting})
    begun: dict[str, datetime] = {}
    fresh: dict[str, list[Delivery]] = defaultdict(list)
    for one in waiting:
        entry = handled.get((one.digest, one.recipient))
        if entry is None or entry.event != DELIVERY_PROCESSING:
            fresh[one.digest].append(one)
            if entry is not None:  # it was fetched, which is done to send it
                begun[one.digest] = entry.at
    spelling = Spelling(node.rules.registry, node.now().date())
    for digest, deliveries in fresh.items():
        [found] = views.find_envelopes(digest=digest, limit=1)
        body = node.bodies.open([digest]).get(digest)
        told = heading(body) if body is not None else Heading()
        yield [
            AxisLetter(
                one,
                found.envelope,
                told.sender or found.envelope.sender,
                spelling.written(one.recipient, old=True),
                told.subject,
                told.number,
                begun.get(digest),
            )
            for one in deliveries
        ]


def number(node: Node, names: Sequence[InboxLetter], given: str) -> None:
    """The axis has these under that number."""
    for one in names:
        inbox.describe(node, one.office, one.name, given, ended=False)


def sent_before(
    node: Node, axis: str, letters: Sequence[AxisLetter], rows: Sequence[Mapping[str, str]]
) -> str:
    """The number under which the axis has a document whose sending had no answer here; empty where it has not.

    ``rows``: what the axis says that was sent. It must be the same document by all that such a row tells: its sender,
    each of its recipients, its number and subject, sent when it was begun here or later, under a number of the axis
    that belongs to nothing else here. In doubt it is not, and is sent once more: twice is better than never.
    """
    first = letters[0]
    if first.begun is None:
        return ""
    lines = node.ledger.views.lines(event=DELIVERY_PROCESSING, actor=axis, since=first.begun - _LISTED, limit=_MOST)
    taken_numbers = {line.entry.detail for line in lines}
    wanted = {(first.envelope.sender, one.delivery.recipient) for one in letters}
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        given, at = row.get("senderDocId", ""), read_time(row.get("sentTime", ""))
        alike = (row.get("title", ""), row.get("notation", "")) == (first.subject, first.number)
        if given and given not in taken_numbers and alike and at is not None and at >= first.begun - _CLOCKS:
            found[given].add((meant(node, row.get("fromCode", "")), meant(node, row.get("toCode", ""))))
    return next((given for given, parties in found.items() if wanted <= parties), "")


def numbered(node: Node, axis: str) -> Iterator[tuple[Delivery, str]]:
    """What waits for the axis's word, with its number there."""
    waiting = _waiting(node, axis)
    handled = node.ledger.views.handled({one.digest for one in waiting})
    for one in waiting:
        entry = handled.get((one.digest, one.recipient))
        if entry is not None and entry.event == DELIVERY_PROCESSING:
            yield one, entry.detail


def hand_in(node: Node, axis: str, body: Body, chosen: tuple[str, ...]) -> Acceptance:
    """What came from the axis, for those of its recipients that are here. ``chosen``: whom the axis names, where it
    names recipients of the envelope; some axes name the system instead."""
    [answer] = pipeline.accept(node, [Submission(body, axis, CHANNEL, chosen=chosen)])
    if answer.finding is not None and answer.finding.code == "EDX424" and chosen:
        return hand_in(node, axis, body, ())
    return answer


def taken(node: Node, since: datetime) -> set[str]:
    """The numbers of what was handed in since then."""
    found: set[str] = set()
    after = 0
    while lines := node.ledger.views.lines(event=TAKEN, since=since, after=after, limit=1000):
        found |= {line.entry.detail for line in lines}
        after = lines[-1].number
    return found


def note_taken(node: Node, axis: str, digest: str, recipients: Sequence[str], given: str) -> None:
    """It is here, and the axis has it under that number."""
    now = node.now()
    with node.ledger.book() as book:
        book.journal.note([Entry(now, TAKEN, digest, one, actor=axis, detail=given) for one in recipients])


def number_of(node: Node, digest: str, recipient: str) -> str:
    """Under which number the axis has what it sent for a recipient; empty where it did not."""
    lines = node.ledger.views.lines(event=TAKEN, envelope=digest, recipient=recipient, limit=1)
    return str(lines[0].entry.detail) if lines else ""


def meant(node: Node, code: str) -> str:
    """The canonical code of a recipient as the axis has written it; as it is where it is none."""
    return node.rules.registry.canonical_or_none(code) or code


def end_of(outcome: ReceiptOutcome) -> TransportState | None:
    """What the axis is told of an end; None of what is none."""
    return _ENDS.get(outcome)


def mark_told(node: Node, notice: int) -> None:
    """The axis has heard it."""
    with node.ledger.book() as book:
        book.receipts.sent([notice], node.now())


def _waiting(node: Node, axis: str) -> Sequence[Delivery]:
    """All that has no end: what the axis has not ended yet must not stand before what it has not got."""
    found: list[Delivery] = []
    while len(found) < _MOST:
        after = found[-1].id if found else 0
        page = node.ledger.views.list_deliveries(
            route=Route.office(axis), states=[State.AVAILABLE], after=after, limit=_PAGE
        )
        found += page
        if len(page) < _PAGE:
            break
    return found
