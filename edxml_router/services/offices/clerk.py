"""What a clerk does for an office without any software of its own: read the mailbox, answer it, write and follow.

    page = mail(node, headings, "xa", cursor="")
    letter = open_letter(node, "xa", name, "lan")               # journalled: who has opened it
    name, pieces = enclosed(node, "xa", name, 1, "lan")
    for one in write(node, workshop, "xa", order, "lan"): …     # composed, sealed and handed in
    one = hand_in(node, "xa", data, "lan")                      # an edXML that was signed elsewhere

All of it goes through the services that an office's own software uses, so a clerk can do no more than that, and sees
only letters of the office that he is named for. ``clerk`` is the person's account, which the journal keeps with each
act. Raises Refusal EDX606 for a letter of nobody or of another office, EDX403 for an office that is not there any more,
and what those services raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.journal import CLERK_ACTED, Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import InboxItem
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.message.envelope import Attachment, Envelope
from edxml_router.core.message.heading import Heading
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.verdict import Verdict
from edxml_router.services import office
from edxml_router.services.axis.headings import Headings
from edxml_router.services.gateway import contents, mailbox
from edxml_router.services.letters.composing import Composed, Order
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.office import InboxLetter, SentPage, SentQuery
from edxml_router.stages.acceptance.examination import examine
from edxml_router.stages.acceptance.submission import Acceptance
from edxml_router.wiring.stored import StoredNode

CHANNEL = "console"
PAGE = 20  # letters of a page: the heading of each is read


@dataclass(frozen=True, slots=True)
class MailPage:
    """What lies ready, the oldest first, and what each letter is about. ``more``: there is more behind ``cursor``.
    ``taken``: the letters that were confirmed last, the newest first."""

    ready: Sequence[InboxItem]
    taken: Sequence[InboxItem]
    headings: Mapping[str, Heading]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """A letter with what it says, and the verdict on its signature now; that of its acceptance is in the row."""

    item: InboxItem
    envelope: Envelope
    verdict: Verdict

    @property
    def is_ready(self) -> bool:
        """Whether it still waits for the office's answer."""
        return self.item.delivery.state is State.AVAILABLE


@dataclass(frozen=True, slots=True)
class ClerkSending:
    """What was written, and the answer; None where it waits for a signature that this node cannot give."""

    composed: Composed
    answer: Acceptance | None


def mail(node: StoredNode, headings: Headings, name: str, cursor: str = "") -> MailPage:
    """A page of what lies ready, and on the first what was taken last."""
    _require(node, name)
    page = mailbox.inbox(node, name, cursor, PAGE)
    taken: Sequence[InboxItem] = ()
    if not cursor:
        agencies = node.rules.peers[name].codes
        taken = node.ledger.views.received(
            Route.office(name), agencies, [State.CONFIRMED, State.RETURNED], newest=True, limit=PAGE
        )
    told = headings.of(node, [one.envelope.digest for one in (*page.rows, *taken)])
    return MailPage(page.rows, taken, told, page.cursor, page.more)


def open_letter(node: StoredNode, name: str, letter: str, clerk: str) -> OpenedMail:
    """What a letter says: of a signed one only what its signature covers."""
    _require(node, name)
    item = mailbox.letter(node, name, letter)
    body = office.fetch(node, InboxLetter(name, letter), clerk)
    rules = node.rules
    found = examine(body, rules.limits, rules.trust, node.now(), rules.engine)
    return OpenedMail(item, found.envelope, found.verdict)


def enclosed(node: StoredNode, name: str, letter: str, number: int, clerk: str) -> tuple[Attachment, Iterator[bytes]]:
    """An attachment, from 1 on, and its bytes."""
    _require(node, name)
    mailbox.letter(node, name, letter)
    body = office.fetch(node, InboxLetter(name, letter), clerk)
    return contents.attachment_of(node, body, number)


def require_letter(node: StoredNode, name: str, letter: str) -> None:
    """Raises Refusal EDX606 for what is not in this office's mailbox."""
    _require(node, name)
    mailbox.letter(node, name, letter)


def answered(node: StoredNode, name: str, letter: str) -> EnvelopeRow:
    """What is known of a letter of the mailbox without opening it. Raises Refusal EDX606."""
    _require(node, name)
    return mailbox.letter(node, name, letter).envelope


def take(node: StoredNode, name: str, letter: str, clerk: str) -> Finding | None:
    """Confirm a letter; a remark where the sender had been told something else."""
    return _one(office.confirm(node, [InboxLetter(name, letter)], clerk))


def send_back(node: StoredNode, name: str, letter: str, reason: str, clerk: str) -> Finding | None:
    """Return a letter to its sender, who is owed a reason (QĐ 28/2018, article 5.4). Raises Refusal EDX418 without."""
    if not reason.strip():
        raise Refusal("EDX418", where="reason", detail=Detail("is missing: the sender is owed a reason"))
    return _one(office.refuse(node, [InboxLetter(name, letter)], reason, clerk))


def seals_held(node: StoredNode, workshop: Workshop, name: str) -> Mapping[str, bool]:
    """The agencies of an office, and whether the node signs for each."""
    _require(node, name)
    return {code: workshop.seals.holds(node, code) for code in sorted(node.rules.peers[name].codes)}


def write(node: StoredNode, workshop: Workshop, name: str, order: Order, clerk: str) -> list[ClerkSending]:
    """Compose what the clerk wants written, seal it, and hand it in. Raises DraftRefused with all mistakes."""
    _require(node, name)
    written = []
    for one in workshop.compose(node, name, order):
        answer = None if one.data is None else hand_in(node, name, one.data, clerk)
        if one.waiting is not None:  # nobody here can sign it, so nobody is to find it waiting
            workshop.went(name, one.waiting.name)
        written.append(ClerkSending(one, answer))
    return written


def hand_in(node: StoredNode, name: str, data: bytes, clerk: str) -> Acceptance:
    """An envelope that is signed already. When this returns, what was accepted is committed."""
    _require(node, name)
    entry = Entry(
        node.now(), CLERK_ACTED, hashlib.sha256(data).hexdigest(), actor=f"person:{clerk}",
        detail=Detail("hands it in for {office}", office=name),
    )  # fmt: skip
    # Before the act: what a person has handed in is known, whatever becomes of it.
    with node.ledger.book() as book:
        book.journal.note([entry])
    [handed] = office.submit(node, name, ["letter"], lambda *_: MemoryBody(data), CHANNEL)
    return handed.answer


def sent(node: StoredNode, headings: Headings, name: str, after: str = "") -> tuple[SentPage, Mapping[str, Heading]]:
    """What the office has sent, the newest first, how it stands at each recipient, and what it is about."""
    _require(node, name)
    page = office.sent(node.ledger.views, name, SentQuery(after=after, limit=PAGE))
    return page, headings.of(node, [one.found.envelope.digest for one in page.envelopes])


def _require(node: StoredNode, name: str) -> None:
    """An office may go while a session of its clerk lasts."""
    peer = node.rules.peers.get(name)
    if peer is None or not peer.codes:
        raise Refusal("EDX403", where=name[:100])


def _one(answers: Mapping[InboxLetter, Finding | None]) -> Finding | None:
    """The only answer. Raises Refusal where nothing was done."""
    [finding] = answers.values()
    if not office.is_done(finding) and finding is not None:
        raise Refusal(finding.code, where=finding.where, detail=finding.detail)
    return finding
