"""What acceptance produces: rows of the ledger, deliveries, and answers. Values made from values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import FAILED_ENDS, Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import EnvelopeRow, Move, NewDelivery, identity
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop, Receipt, ReceiptOutcome, Transfer
from edxml_router.core.message.document_id import comparable
from edxml_router.core.problems import Finding, Refusal, Setback, Trouble
from edxml_router.stages.acceptance.facts import Facts, not_served
from edxml_router.stages.acceptance.submission import Candidate, Examination, Ruling, Submission, origin_of
from edxml_router.stages.outcomes.receipts import state_receipt
from edxml_router.stages.rules import Rules

LIFETIMES = 2  # of ours, at most, that a neighbour may have us keep an envelope


def expiry_time(rules: Rules, transfer: Transfer | None, now: datetime) -> datetime:
    """When a delivery expires. A neighbour tells the lifetime that was left, up to our own bound, and it is counted
    from now by our clock. The time spent on the way cannot be had from two clocks, one of which may be wrong by days;
    and the hub withdraws what lay in a mailbox for too long.
    """
    lifetime = rules.delivery.lifetime
    return now + (min(transfer.left, LIFETIMES * lifetime) if transfer else lifetime)


def envelope_row(
    rules: Rules, here: str, submission: Submission, examined: Examination, sender: str, reason: str, now: datetime
) -> EnvelopeRow:
    """The row of an envelope, still without its chains; ``reason`` is that of the signature's verdict."""
    envelope, verdict, transfer = examined.envelope, examined.verdict, submission.transfer
    key = comparable(envelope.document_id)
    return EnvelopeRow(
        digest=examined.digest,
        identity=identity(sender, str(envelope.kind), int(envelope.business), examined.digest, key),
        kind=str(envelope.kind),
        business=int(envelope.business),
        sender=sender,
        document_id=envelope.document_id,
        refers_to=tuple(dict.fromkeys(map(comparable, envelope.refers_to))),
        status_code=envelope.status_code or "",
        size=examined.size,
        attachments=len(envelope.attachments),
        urgent=envelope.priority > 0,
        accepted_at=now,
        expires_at=expiry_time(rules, transfer, now),
        peer=submission.peer,
        channel=submission.channel,
        indication=str(verdict.indication),
        reason=reason,
        signer=verdict.signer.spki_sha256 if verdict.signer else "",
        remarks=tuple(sorted({remark.code for remark in examined.remarks})),
        hops=(*(transfer.hops if transfer else ()), Hop(here, now)),
        document_key=key,
    )


def with_skew(row: EnvelopeRow, facts: Facts) -> EnvelopeRow:
    """The row, with a remark where the neighbour's clock differs from ours: the times of the hops do not fit together
    then."""
    skew = facts.skews.get(row.peer)
    return row if skew is None else replace(row, remarks=tuple(sorted({*row.remarks, skew.code})))


def new_deliveries(
    rules: Rules, item: Candidate, now: datetime, chains: Mapping[str, tuple[int, ...]]
) -> Iterable[NewDelivery]:
    """One delivery for each recipient; ``chains`` by envelope."""
    assert item.row is not None  # noqa: S101  # fit implies a row
    transfer = item.submission.transfer
    for recipient, route in item.routes.items():
        yield NewDelivery(
            digest=item.digest,
            recipient=recipient,
            route=route,
            origin=origin_of(rules, item.submission),
            generation=transfer.generation if transfer else 0,
            urgent=item.row.urgent,
            due_at=now,
            expires_at=expiry_time(rules, transfer, now),
            chains=chains[item.digest],
        )


def reopen_failed(rules: Rules, facts: Facts, repeats: Sequence[Candidate], now: datetime) -> Iterable[Move]:
    """Reopen failed deliveries, but only on an explicit wish: an operator's resend, here or at an earlier node.

    A neighbour expresses it by a higher generation, so that an old transfer that comes late starts nothing. A repeat
    from an office is no such wish: the office has lost the answer, or this node could not send it. Reopening would
    deliver a letter that its sender was told was returned, so a repeat is answered with the present state. What an
    operator of this node cancelled stays cancelled until an operator of this node sends it again.
    """
    opened: set[int] = set()
    for item in repeats:
        transfer = item.submission.transfer
        for recipient in item.routes if transfer else ():
            delivery = facts.standing.get((item.digest, recipient))
            if transfer is None or delivery is None or delivery.state not in FAILED_ENDS or delivery.id in opened:
                continue
            # Handed back, it has not ended, and its agency is here or behind us again.
            wished = delivery.generation + (delivery.code != HANDED_BACK)
            if transfer.generation < wished:
                continue
            # What the next node has accepted cannot be cancelled here: that end was its own report, and stands.
            if delivery.state is State.CANCELLED and not delivery.far_accepted:
                continue
            opened.add(delivery.id)
            yield change(
                delivery,
                Event.RESEND,
                due_at=now,
                attempts=0,
                far_accepted=False,
                generation=transfer.generation,
                expires_at=expiry_time(rules, transfer, now),
                origin=origin_of(rules, item.submission),
            )


def acceptance_receipts(
    here: str,
    rules: Rules,
    rulings: Sequence[Ruling],
    facts: Facts,
    moves: Sequence[Move],
    deliveries: Sequence[NewDelivery],
    now: datetime,
) -> Iterable[tuple[Route, Receipt]]:
    """The receipts for transfers that neighbours sent (offices get an answer instead). ``moves`` and ``deliveries`` are
    what this batch changes.

    Accepted stays accepted: a repeat that would be refused today, say because the signer's certificate has expired
    since, is answered with the present state.
    """
    after = dict(facts.standing)
    for move in moves:
        one = move.delivery
        origin, generation = move.origin or one.origin, move.generation or one.generation
        anew = replace(one, state=move.after, generation=generation, origin=origin)
        after[one.digest, one.recipient] = anew
    queued = {(row.digest, row.recipient) for row in deliveries}
    for ruling in rulings:
        item, transfer = ruling.item, ruling.item.submission.transfer
        if transfer is None or item.submission.peer not in rules.peers:
            continue
        if isinstance(ruling.trouble, Setback) or item.digest != transfer.envelope:
            continue  # it comes again: it was given back, or damaged bytes got no receipt and are sent anew
        row = facts.known.get(item.digest)
        origin = origin_of(rules, item.submission)
        for recipient in transfer.recipients:
            finding = ruling.trouble.finding if ruling.trouble else item.unreachable.get(recipient)
            if finding is not None and not_served(finding) and recipient in facts.found_before:
                finding = Finding(
                    HANDED_BACK, detail=Detail("{recipient} is not served here any more", recipient=recipient)
                )
            known = after.get((item.digest, recipient))
            if finding and known and (known.origin != origin or known.generation < transfer.generation):
                known = None  # from another peer, or ended and asked for again: refused today
            told = Receipt(transfer.envelope, recipient, transfer.generation, ReceiptOutcome.ACCEPTED, now)
            if known is not None and row is not None:
                yield origin, replace(state_receipt(known, row), generation=transfer.generation)
            elif row is not None and finding is None and (item.digest, recipient) in queued:
                yield origin, replace(told, at=row.accepted_at, hops=row.hops)
            else:
                told = replace(told, hops=(*transfer.hops, Hop(here, now)))
                if finding is not None:
                    told = replace(told, outcome=ReceiptOutcome.RETURNED, code=finding.code, detail=finding.detail)
                yield origin, told


def honour_repeat(item: Candidate, trouble: Trouble, facts: Facts) -> Ruling | None:
    """Honour an acceptance: an office that lost the answer and repeats the same bytes is told the same again, even if
    they would be refused today, say because the agency has been blocked since. Nothing else is done.
    """
    row = facts.known.get(item.digest)
    if not isinstance(trouble, Refusal) or item.submission.transfer or row is None or row.peer != item.submission.peer:
        return None
    deliveries = [one for (digest, _), one in facts.standing.items() if digest == item.digest]
    routes = {one.recipient: one.route for one in deliveries}
    return Ruling(item, repeated=True, routes=routes, standing={one.recipient: one.state for one in deliveries})
