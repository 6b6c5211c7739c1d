"""The checks of acceptance that need nothing but the rules: who the sender is, whether they may send, and where to.

Each function works on the snapshot it is given, and raises Refusal (families 3, 4, 5) or Setback (EDX314).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeVar

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Local
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import HOPS_LIMIT, Transfer
from edxml_router.core.message.envelope import Business, Envelope, Kind
from edxml_router.core.message.letter_day import VIETNAM, addressed_on, written_on
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.signature.verdict import LEGACY, Indication, Verdict
from edxml_router.core.trust import bindings
from edxml_router.core.trust.certificate import Signer
from edxml_router.stages.acceptance.results import LIFETIMES
from edxml_router.stages.acceptance.submission import Examination, Submission
from edxml_router.stages.rules import Peer, PeerRole, Rules

T = TypeVar("T")


def sender_of(registry: Registry, envelope: Envelope, now: datetime, under_way: timedelta = timedelta()) -> str:
    """The sender's canonical code. A closed agency may still send statuses about older documents.

    ``under_way`` is how long ago another node may have accepted it. An envelope that was accepted before its sender was
    closed, or before the code passed to another agency, still counts as that sender's. Only the neighbours say how long
    it has been under way, so any day from the letter's own date is believed, but none before our own bound.
    """
    written, day = envelope.sender.organ_id, written_on(envelope)
    today = now.astimezone(VIETNAM).date()
    historic = envelope.kind is Kind.STATUS
    if not under_way:
        code = registry.resolve(written, today, historic=historic).code
        _require_same_hands(registry, written, code, day)
        return code
    meant = registry.meaning(written, day)
    agency = registry.get(meant) if meant else None
    if agency is None:
        registry.resolve(written, today, historic=True)  # raises the right refusal, unless only the day was at fault
        raise _undated(written)
    first = max(day or date.min, today - under_way)
    if not historic and first < today:
        with suppress(Refusal):
            registry.require_open(agency, first)
            return agency.code
    if not historic:
        registry.require_open(agency, today)
    return agency.code


def same_sender(registry: Registry, submission: Submission, envelope: Envelope, sender: str) -> None:
    """Refusal EDX424 where an office names another sender beside the envelope than the one in it."""
    if submission.named and registry.meaning(submission.named, written_on(envelope)) != sender:
        detail = Detail("{named} is not the sender in the envelope, {sender}", named=submission.named, sender=sender)
        raise Refusal("EDX424", where="from", detail=detail)


def under_way(rules: Rules, transfer: Transfer | None) -> timedelta:
    """How long ago another node may have accepted what a neighbour brings: no longer than we would keep it
    ourselves."""
    return LIFETIMES * rules.delivery.lifetime if transfer else timedelta()


def authorise(rules: Rules, peer: Peer, verdict: Verdict, sender: str, now: datetime) -> str:
    """May this peer bring mail of this sender, and does the signature speak for the sender?

    Returns the reason to record: that of the verdict with its marks, or the exception that stood in for a signature.
    """
    bindings.may_bring(peer.prefixes, peer.codes, sender, inside=peer.role not in (PeerRole.PARENT, PeerRole.AXIS))
    bindings.refuse_blocked(rules.bindings, (sender,), now)  # whether signed or not
    if verdict.indication is Indication.PASSED and verdict.signer is not None:
        meaning = codes_of(rules.registry, verdict.signer, now)
        bindings.speaks_for(verdict.signer, sender, rules.bindings, now, canonical=meaning)
        return "; ".join((verdict.reason, *verdict.marks))  # "ok; crl-stale"
    exception = peer.unsigned
    unverifiable = verdict.indication is Indication.ABSENT or verdict.reason == LEGACY
    if (
        unverifiable
        and exception is not None
        and now.astimezone(VIETNAM).date() <= exception.until
        and sender in (exception.senders or {sender})
    ):
        return Detail(
            "{reason}; exception for {peer} until {until}: {why}",
            reason=verdict.reason,
            peer=peer.name,
            until=exception.until,
            why=exception.reason,
        )
    finding = verdict.finding or Finding("EDX301")
    kind = Setback if finding.problem.weight == "transient" else Refusal
    raise kind(finding.code, where=finding.where, detail=finding.detail)


def admit(rules: Rules, submission: Submission, envelope: Envelope, now: datetime) -> None:
    """Is such an envelope accepted at all? Raises Refusal EDX405 for a state secret, EDX408 for an old or future time
    stamp."""
    policy = rules.policy
    marked = rules.markings.found_in(envelope)
    if marked:
        raise Refusal("EDX405", where=marked)
    if submission.transfer is not None or not (policy.max_age or policy.max_ahead):
        return
    stamp = _time_stamp(envelope)
    if stamp is None:
        return
    if policy.max_age and stamp < now - policy.max_age:
        raise Refusal("EDX408", where="Timestamp", detail=Detail("{days} days old", days=(now - stamp).days))
    if policy.max_ahead and stamp > now + policy.max_ahead:
        raise Refusal("EDX408", where="Timestamp", detail=Detail("in the future"))


def _time_stamp(envelope: Envelope) -> datetime | None:
    """The sender's own time stamp, if it is in the form of the standard (Vietnam time, no zone)."""
    written = envelope.status.timestamp if envelope.status else next((one.timestamp for one in envelope.traces), None)
    try:
        return datetime.strptime((written or "").strip(), "%Y/%m/%d %H:%M:%S").replace(tzinfo=VIETNAM)
    except ValueError:
        return None


def routes_of(rules: Rules, examined: Examination, now: datetime, chosen: Sequence[str] = ()) -> dict[str, Route]:
    """The route of each recipient of a fresh submission, or of those its office has ``chosen``. All or nothing: a
    sender corrects a list once."""
    envelope = _narrowed(rules.registry, examined.envelope, chosen) if chosen else examined.envelope
    return recipients_of(rules.registry, envelope, now, partial(route_for, rules, examined.size))


def not_back(peer: Peer, routes: dict[str, Route]) -> dict[str, Route]:
    """The routes without those that lead back to the axis that brought it: its other recipients are the axis's to
    reach. Refusal EDX505 where none is left."""
    if peer.role is not PeerRole.AXIS:
        return routes
    here = {code: following for code, following in routes.items() if following != Route.office(peer.name)}
    if not here:
        raise Refusal("EDX505", detail=next(iter(routes)))
    return here


def _narrowed(registry: Registry, envelope: Envelope, chosen: Sequence[str]) -> Envelope:
    """The envelope with only the chosen recipients. An office may choose among the recipients that the sender signed,
    since others may get the document on paper. Raises Refusal EDX424 for anybody else."""
    if envelope.kind is Kind.STATUS:
        return envelope  # it has one addressee, and a client may still name those of the original document
    day = addressed_on(envelope)
    wanted = {registry.meaning(text, day): text for text in chosen}
    parties = tuple(one for one in envelope.to if registry.meaning(one.organ_id, day) in wanted)
    strangers = wanted.keys() - {registry.meaning(one.organ_id, day) for one in parties}
    if strangers:
        named = ", ".join(sorted(wanted[one] for one in strangers)[:5])
        raise Refusal("EDX424", where="to", detail=Detail("{named}: no recipient of the envelope", named=named[:200]))
    return replace(envelope, to=parties)


def recipients_of(
    registry: Registry, envelope: Envelope, now: datetime, reach: Callable[[str], T]
) -> dict[str, T]:
    """The result of ``reach`` for each recipient of a fresh submission, by canonical code. A refusal names the
    recipient by its number."""
    today, day = now.astimezone(VIETNAM).date(), addressed_on(envelope)
    # Statuses and recalls concern older documents, so they still reach an agency whose code has been closed since.
    historic = envelope.kind is Kind.STATUS or envelope.business is Business.RECALL
    reached: dict[str, T] = {}
    for number, written in enumerate(envelope.recipients, start=1):
        try:
            code = registry.resolve(written, today, historic=historic).code
            _require_same_hands(registry, written, code, day)
            if code in reached:
                raise Refusal("EDX207", detail=Detail("{written} is {code}", written=written, code=code))
            reached[code] = reach(code)
        except Refusal as refusal:
            raise Refusal(
                refusal.code, where=Detail("recipient {number}", number=number), detail=refusal.finding.detail
            ) from refusal
    if not reached:
        raise Refusal("EDX507")
    return reached


def address_transfer(
    rules: Rules, here: str, peer: Peer, transfer: Transfer, examined: Examination
) -> tuple[dict[str, Route], dict[str, Finding]]:
    """The routes of the recipients listed beside an envelope on a link, and the findings of those that cannot be
    reached.

    The list is a neighbour's word, so it may only choose among the recipients that the sender signed. Acceptance was
    promised to the sender before, so a recipient that fails here is returned by itself.
    """
    if transfer.envelope != examined.digest:
        raise Refusal("EDX704", where="envelope", detail=Detail("the body is not the one the manifest names"))
    if any(hop.node == here for hop in transfer.hops):
        raise Refusal("EDX506", detail=Detail("{here} already took it", here=here))
    if not transfer.hops or transfer.hops[-1].node != peer.name:
        # Each node vouches for the one before it; about nodes further back there is only the neighbours' word.
        raise Refusal(
            "EDX704", where="hops", detail=Detail("the last one is not {peer}, who brought it", peer=peer.name)
        )
    day = addressed_on(examined.envelope)
    recipients = examined.envelope.recipients
    named = {rules.registry.meaning(written, day) for written in recipients}
    ever: dict[str, str] | None = None  # what the codes ever stood for; made once, if needed
    routes: dict[str, Route] = {}
    unreachable: dict[str, Finding] = {}
    for code in transfer.recipients:
        try:
            if code not in named:
                if ever is None:
                    ever = {one: text for text in recipients for one in rules.registry.meanings(text)}
                raise _not_named(rules.registry, code, ever.get(code), day)
            following = route_for(rules, examined.size, code)
            if following == Route.link(peer.name):
                # Sender and next hop are the same neighbour: each would send it to the other for ever.
                detail = Detail("{code} would go back to {peer}, who has sent it here", code=code, peer=peer.name)
                raise Refusal("EDX505", where="recipients", detail=detail)
            if following.is_link and len(transfer.hops) >= HOPS_LIMIT:
                # The next node could not read a longer list, and would get it again until its lifetime ends.
                detail = Detail("{count} nodes have had it, as many as may", count=len(transfer.hops))
                raise Refusal("EDX414", where="hops", detail=detail)
            routes[code] = following
        except Refusal as refusal:
            unreachable[code] = refusal.finding
    return routes, unreachable


def _not_named(registry: Registry, code: str, written: str | None, day: date | None) -> Refusal:
    """Why a recipient listed beside an envelope is not one of those signed; ``written`` are codes that once stood for
    it."""
    if written is None:
        return Refusal(
            "EDX401", where="recipients", detail=Detail("{code} is not a recipient of the envelope", code=code)
        )
    if day is None:
        return _undated(written)
    meant = registry.meaning(written, day)
    return Refusal(
        "EDX412",
        detail=Detail(
            "{written} was {meant} on the letter's day, {day}, and not {code}",
            written=written,
            meant=meant,
            day=day,
            code=code,
        ),
    )


def _require_same_hands(registry: Registry, written: str, code: str, day: date | None) -> None:
    """Raise Refusal EDX412 unless ``written`` stood for ``code`` on the letter's day too: otherwise either agency may
    have been meant, and every node on the way must come to the same answer."""
    meant = registry.meaning(written, day)
    if meant == code:
        return
    if day is None:
        raise _undated(written)
    raise Refusal(
        "EDX412",
        detail=Detail(
            "{written} was {meant} on the letter's day, {day}, and is {code} today",
            written=written,
            meant=meant,
            day=day,
            code=code,
        ),
    )


def _undated(written: str) -> Refusal:
    detail = Detail("{written} has stood for several agencies, and no date of the letter can be read", written=written)
    return Refusal("EDX412", detail=detail)


def codes_of(registry: Registry, signer: Signer, now: datetime) -> Callable[[str], str | None]:
    """The agencies that the codes in a signer's certificate stood for when it was issued. By today's meaning, the
    former holder of a code could sign for the present one."""
    issued = (signer.not_before or now).astimezone(VIETNAM).date()
    return partial(registry.meaning, on=issued)


def route_for(rules: Rules, size: int, code: str) -> Route:
    """The route of a recipient for an envelope of ``size`` bytes. Raises Refusal EDX505, and EDX414 where it could
    never be handed over, because an office attached to a hub gets an envelope in one message."""
    following = route(rules, code)
    most = rules.largest.get(following, size)
    if size > most:
        who = following.name
        told = Detail("{office} gets at most {most} bytes in one message, not {size}", office=who, most=most, size=size)
        raise Refusal("EDX414", where=code, detail=told)
    return following


def route(rules: Rules, code: str) -> Route:
    """To the office of a recipient served here, else over a link. Raises Refusal EDX505."""
    hop = rules.routes.next_hop(code)
    return Route.office(hop.office) if isinstance(hop, Local) else Route.link(hop.link)
