"""What acceptance writes: rows of the ledger, deliveries, and the answers to those who brought them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import FAILED_ENDS, Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move, NewDelivery
from edxml_router.core.delivery.wire import Hop, Outcome, Receipt, Transfer
from edxml_router.core.message.document_id import comparable
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node
from edxml_router.stages.receipts import state_receipt
from edxml_router.stages.submission import Judged, origin_of

_QUOTA_TIME = timedelta(minutes=1)
LIFETIMES = 2  # of ours, at most, that a neighbour may have us keep an envelope


def expiry(node: Node, transfer: Transfer | None, now: datetime) -> datetime:
    """When a delivery ends unless it is completed. What a neighbour says was left stands, but it does not bind us for
    years. It counts from now on by our clock: the time on the way is not known from two clocks, one of which may be
    wrong by days, and what lay in a mailbox for too long the hub has withdrawn.
    """
    lifetime = node.rules.timing.lifetime
    return now + (min(transfer.left, LIFETIMES * lifetime) if transfer else lifetime)


def put_off(node: Node, book: Book, judged: Sequence[Judged], now: datetime) -> None:
    """Put off (EDX406) what goes beyond the quota of its peer for the last minute; one question for each peer."""
    for name in {item.submission.peer for item in judged if item.fit}:
        quota = node.rules.peers[name].quota
        limits = (quota.messages, quota.bytes, quota.recipients)
        if not any(limits):
            continue
        used = list(book.brought(name, now - _QUOTA_TIME))
        for item in judged:
            if not item.fit or item.submission.peer != name:
                continue
            asked = (1, len(item.submission.data), len(item.routes))
            over = [top for top, so_far, more in zip(limits, used, asked, strict=True) if 0 < top < so_far + more]
            if over and any(used):  # a single large one must get through some time
                item.trouble = Setback("EDX406", where=name, detail=f"at most {over[0]} a minute")
            else:
                used = [so_far + more for so_far, more in zip(used, asked, strict=True)]


def envelope_row(node: Node, item: Judged, now: datetime) -> EnvelopeRow:
    examined, transfer = item.examined, item.submission.transfer
    assert examined is not None  # noqa: S101  # fit implies examined
    envelope, verdict = examined.envelope, examined.verdict
    skew = node.skews.of(item.submission.peer)  # then the times of its hops do not fit together
    differing = [skew.finding(item.submission.peer)] if skew else []
    status = envelope.kind is Kind.STATUS
    # A status carries no id of its own: it is the same only when its bytes are.
    key = comparable(envelope.document_id)
    own = item.digest if status else key
    return EnvelopeRow(
        digest=item.digest,
        identity=f"{item.sender}|{'status' if status else int(envelope.business)}|{own}",
        kind=str(envelope.kind),
        business=int(envelope.business),
        sender=item.sender,
        document_id=envelope.document_id,
        refers_to=tuple(dict.fromkeys(map(comparable, envelope.refers_to))),
        status_code=envelope.status_code or "",
        size=len(item.submission.data),
        attachments=len(envelope.attachments),
        urgent=envelope.priority > 0,
        accepted_at=now,
        expires_at=expiry(node, transfer, now),
        peer=item.submission.peer,
        channel=item.submission.channel,
        indication=str(verdict.indication),
        reason=item.reason,
        signer=verdict.signer.spki_sha256 if verdict.signer else "",
        remarks=tuple(sorted({remark.code for remark in (*examined.remarks, *differing)})),
        hops=(*(transfer.hops if transfer else ()), Hop(node.name, now)),
        document_key=key,
    )


def new_deliveries(
    node: Node, item: Judged, now: datetime, chains: Mapping[str, tuple[int, ...]]
) -> Iterable[NewDelivery]:
    """One for each recipient; ``chains`` by envelope."""
    assert item.examined is not None  # noqa: S101  # fit implies examined
    transfer = item.submission.transfer
    for recipient, route in item.routes.items():
        yield NewDelivery(
            digest=item.digest,
            recipient=recipient,
            route=route,
            origin=origin_of(node, item.submission),
            generation=transfer.generation if transfer else 0,
            urgent=item.examined.envelope.priority > 0,
            due_at=now,
            expires_at=expiry(node, transfer, now),
            chains=chains[item.digest],
        )


def reopenings(node: Node, standing: Iterable[Delivery], items: Mapping[str, Judged], now: datetime) -> Iterable[Move]:
    """What failed is sent again on an explicit wish only: an operator's resend, here or further up.

    A neighbour brings that wish as a higher generation; an old transfer that comes late must not start anything. An
    office's repeat is no wish: it repeats when it has lost the answer, and the node takes a submission again by itself
    when the verdict could not be sent. Either would give the recipient a letter twice that its sender was told to be
    returned; so a repeat is answered with how things stand. What an operator of this node cancelled stays so whoever
    asks, until one of this node's operators sends it again.
    """
    for delivery in standing:
        item = items[delivery.digest]
        transfer = item.submission.transfer
        if transfer is None or delivery.recipient not in item.routes or delivery.state not in FAILED_ENDS:
            continue
        # Handed back it has not ended; its agency is here, or behind us, again.
        wished = delivery.generation + (delivery.code != HANDED_BACK)
        if transfer.generation < wished:
            continue
        # What the next node had accepted cannot be cancelled here: such an end is that node's word, and it keeps it.
        if delivery.state is State.CANCELLED and not delivery.far_accepted:
            continue
        yield change(
            delivery,
            Event.RESEND,
            due_at=now,
            attempts=0,
            far_accepted=False,
            generation=transfer.generation,
            expires_at=expiry(node, transfer, now),
            origin=origin_of(node, item.submission),
        )


def acceptance_receipts(
    node: Node, book: Book, judged: Sequence[Judged], now: datetime
) -> Iterable[tuple[str, Receipt]]:
    """What neighbours must hear about the transfers they sent; offices hear it in their answer.

    What was taken before stays taken: a repeat that would be refused today, perhaps because the signer's certificate
    has ended since, is answered with the state of what it repeats.
    """
    links = [item for item in judged if item.submission.transfer and item.submission.peer in node.rules.peers]
    repeated = {item.digest for item in links if item.repeated or not item.fit or item.unreachable}
    standing = {(one.digest, one.recipient): one for one in book.deliveries(repeated)} if repeated else {}
    rows = book.envelopes(repeated) if repeated else {}
    for item in links:
        transfer = item.submission.transfer
        assert transfer is not None  # noqa: S101  # filtered above
        if isinstance(item.trouble, Setback) or item.digest != transfer.envelope:
            continue  # it comes again: given back, or sent anew because no receipt went back for damaged bytes
        hops = (*transfer.hops, Hop(node.name, now))
        origin = origin_of(node, item.submission)
        for recipient in transfer.recipients:
            finding = item.trouble.finding if item.trouble else item.unreachable.get(recipient)
            if finding and finding.code == "EDX505" and finding.where and book.found_before(recipient):
                finding = Finding(HANDED_BACK, detail=f"{recipient} is not served here any more")
            known = standing.get((item.digest, recipient))
            receipt = Receipt(transfer.envelope, recipient, transfer.generation, Outcome.ACCEPTED, now, hops=hops)
            if finding and known and (known.origin != origin or known.generation < transfer.generation):
                known = None  # another's, or ended and asked for anew: that is refused today
            if known is not None:
                receipt = replace(state_receipt(known, rows[item.digest]), generation=transfer.generation)
            elif finding is not None:
                receipt = replace(receipt, outcome=Outcome.RETURNED, code=finding.code, detail=finding.detail)
            yield origin, receipt


def let_stand(book: Book, judged: Sequence[Judged]) -> None:
    """What an office was told to be accepted stays so: when it lost the answer and repeats the same bytes, it hears it
    again, though they would be refused today, perhaps because the agency is blocked since. Nothing is done for them.
    """
    refused = [item for item in judged if isinstance(item.trouble, Refusal) and not item.submission.transfer]
    known = book.envelopes({item.digest for item in refused}) if refused else {}
    for item in refused:
        row = known.get(item.digest)
        if row is not None and row.peer == item.submission.peer:
            item.trouble, item.repeated = None, True
            deliveries = book.deliveries([item.digest])
            item.routes = {one.recipient: one.route for one in deliveries}
            item.standing = {one.recipient: one.state for one in deliveries}
