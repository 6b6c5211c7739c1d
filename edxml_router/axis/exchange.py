"""One round with the axis: what goes there, what comes from there, and how both ended.

    exchange(node, settings, axis, known)

What is known of a transfer is in the journal: under which number the axis has it, and that it was told its end. So a
round that was cut off is made again by the next one, which finds what is done. Where a sending had no answer that was
noted (a crash, a broken line), the axis is first asked what it was sent. If its list does not tell, or not yet, the
document goes again: the axis may give it another number then, and its recipients' systems, which go by the document's
id, see the repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from edxml_router.axis.client import AxisClient, AxisRefusal
from edxml_router.config import Settings
from edxml_router.config.faces.axis import AxisSettings
from edxml_router.core.axis.states import TransportState
from edxml_router.core.body import MemoryBody
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import PROBLEMS, Finding, Refusal, Setback, Weight
from edxml_router.services import office as offices
from edxml_router.services.axis import bridge
from edxml_router.services.office import InboxLetter
from edxml_router.wiring.stored import StoredNode

TELLS: Final = {"done": TransportState.DONE, "fail": TransportState.FAIL}
OPEN: Final = frozenset({"initial", "processing"})
# What is wrong with a document, in the codes that platforms are known to use; what is wrong with our calls is not
# among them, or a mistyped secret would return everybody's mail.
_FINAL: Final = frozenset({"10", "18", "19", "22", "23"})
_OF_THE_CALL: Final = frozenset({"EDX415", "EDX416", "EDX417", "EDX418", "EDX420", "EDX422", "EDX423", "EDX425"})


def exchange(node: StoredNode, settings: Settings, axis: AxisClient, known: set[str]) -> Sequence[Finding]:
    """One round; what stood in the way of single documents. ``known`` are the axis's numbers of what is here already,
    and grows. Raises Setback, when the axis or the database is away."""
    own = settings.axis
    assert own is not None  # noqa: S101  # else this process would not run
    last = node.now().astimezone(VIETNAM).date()
    first = last - timedelta(days=own.days)
    findings = [*_send(node, own, axis, SentList(axis, first, last))]
    asked = [delivery.updated_at for delivery, _ in bridge.numbered(node, own.name)]
    since = min([first, *(at.astimezone(VIETNAM).date() for at in asked)])
    try:
        _settle(node, own, axis.sent(since, last))
        findings += _take(node, own, axis, axis.received(first, last), known)
        _report(node, own, axis)
    except AxisRefusal as refusal:  # of the call: no document is to blame
        findings.append(Finding("EDX923", own.url, str(refusal)))
    return findings


class SentList:
    """What the axis says that it was sent, asked once in a round and only if somebody wants to know."""

    def __init__(self, axis: AxisClient, first: date, last: date) -> None:
        self._axis, self._days = axis, (first, last)
        self._rows: Sequence[Mapping[str, str]] | None = None

    def rows(self) -> Sequence[Mapping[str, str]]:
        if self._rows is None:
            self._rows = self._axis.sent(*self._days)
        return self._rows


def _send(node: StoredNode, own: AxisSettings, axis: AxisClient, listed: SentList) -> Sequence[Finding]:
    """What waits for the axis and has no number there: each document once, for all its recipients."""
    findings: list[Finding] = []
    for letters in bridge.outgoing(node, own.name):
        names = [InboxLetter(own.name, one.delivery.name) for one in letters]
        first = letters[0]
        try:
            known = bridge.sent_before(node, own.name, letters, listed.rows()) if first.begun else ""
            if known:
                bridge.number(node, names, known)
                continue
            body = offices.fetch(node, names[0])
            number = axis.send(body, first.sender, [one.recipient for one in letters], first.message_type)
        except AxisRefusal as refusal:
            if _is_final(refusal.code):
                offices.refuse(node, names, str(refusal))
            else:
                findings.append(Finding("EDX923", own.url, str(refusal)))
            continue
        except Refusal as gone:  # withdrawn meanwhile, or damaged: the others go on
            findings.append(gone.finding)
            continue
        bridge.number(node, names, number)
    return findings


def _settle(node: StoredNode, own: AxisSettings, rows: Sequence[Mapping[str, str]]) -> None:
    """What the axis says of what it was sent, by its number and the recipient."""
    told: dict[tuple[str, str], Mapping[str, str]] = {}
    for row in rows:
        told[row.get("senderDocId", ""), bridge.meant(node, row.get("toCode", ""))] = row
    for delivery, number in bridge.numbered(node, own.name):
        found = told.get((number, delivery.recipient))
        state = TELLS.get(found.get("receiveStatus", "")) if found is not None else None
        name = InboxLetter(own.name, delivery.name)
        if found is None or state is None:
            continue
        if state is TransportState.DONE:
            offices.confirm(node, [name])
        else:
            offices.refuse(node, [name], found.get("receiveStatusDesc", "") or found.get("sendStatusDesc", ""))


def _take(
    node: StoredNode, own: AxisSettings, axis: AxisClient, rows: Sequence[Mapping[str, str]], known: set[str]
) -> Sequence[Finding]:
    """What lies on the axis for this node, and is not here yet."""
    findings: list[Finding] = []
    waiting: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        number, to = row.get("docId", ""), row.get("to", "")
        if number and row.get("status") in OPEN and number not in known:
            waiting[number].add(to)
    for number, codes in waiting.items():
        try:
            answer = bridge.hand_in(node, own.name, MemoryBody(axis.get(number)), tuple(filter(None, sorted(codes))))
        except AxisRefusal as refusal:
            findings.append(Finding("EDX923", number[:100], str(refusal)))
            continue
        if answer.accepted:
            bridge.note_taken(node, own.name, answer.digest, answer.recipients, number)
            known.add(number)
            axis.update(number, str(TransportState.PROCESSING))
        elif answer.finding is not None and not answer.passing:
            axis.update(number, str(TransportState.FAIL), f"{answer.finding.code} {answer.finding.title()}")
    return findings


def _report(node: StoredNode, own: AxisSettings, axis: AxisClient) -> None:
    """Tell the axis how it ended with what came from there; each notice is cleared once it was told."""
    notices = offices.notices(node.ledger.views, [own.name])
    for note in notices.notes:
        receipt = note.receipt
        state = bridge.end_of(receipt.outcome)
        number = bridge.number_of(node, receipt.envelope, receipt.recipient)
        if state is not None and number:
            try:
                axis.update(number, str(state), f"{receipt.code} {receipt.detail}".strip())
            except AxisRefusal as refusal:
                if not _is_final(refusal.code) and refusal.code != "EDX607":
                    raise Setback("EDX923", where=own.url, detail=str(refusal)) from refusal
        bridge.mark_told(node, note.number)


def _is_final(code: str) -> bool:
    """Whether the axis refuses the document itself, for good. Any other no is told to the operator, and the document
    waits: it is lost to nobody, and its lifetime ends it at the latest."""
    if code in PROBLEMS:
        return PROBLEMS[code].weight is Weight.PERMANENT and code not in _OF_THE_CALL
    return code in _FINAL

