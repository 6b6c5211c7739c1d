"""What would become of an envelope, told before its bytes are sent: of its sender, of each recipient, of its size.

    told = forecast(node, "vp", Announcement("H53", ("H01.151",), size=40_000_000, attachments=(…)))

Everything that acceptance asks of what is written there is asked by the same functions; what needs the bytes
(the schema, the signature, the attachments themselves) is not. So a forecast that holds is no promise, but who is
refused here would have sent megabytes to hear the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Business, BusinessInfo, Document, Envelope, Party
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.core.trust import bindings
from edxml_router.stages.acceptance.admission import recipients_of, route_for, sender_of
from edxml_router.wiring.stored import StoredNode


@dataclass(frozen=True, slots=True)
class AnnouncedFile:
    """An attachment; ``size`` in bytes, decoded."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an office is about to send. ``size``: bytes of the envelope; ``day``: of the letter, yyyy/MM/dd."""

    sender: str
    recipients: Sequence[str]
    size: int
    attachments: Sequence[AnnouncedFile] = ()
    digest: str = ""
    day: str = ""
    business: Business = Business.NEW


class Forecast(NamedTuple):
    """``finding``: why the whole would be refused or put off; by recipient as written, why it would not reach that
    one. ``states``: of an envelope that was accepted before."""

    finding: Finding | None
    recipients: Mapping[str, Finding | None]
    known: bool
    states: Mapping[str, State]


def forecast(node: StoredNode, office: str, told: Announcement) -> Forecast:
    """See the module."""
    states = _standing(node, office, told.digest)
    if states is not None:
        return Forecast(None, dict.fromkeys(told.recipients), known=True, states=states)
    parties = tuple(Party(code) for code in told.recipients)
    document = Document(document_id="", promulgation_date=told.day or None, business=BusinessInfo(kind=told.business))
    envelope = Envelope(sender=Party(told.sender), to=parties, document=document)
    finding: Finding | None = None
    try:
        node.bodies.require_room()
        _require_size(node, told)
        _require_sender(node, office, envelope)
    except Trouble as trouble:
        finding = trouble.finding
    return Forecast(finding, _reach(node, envelope, told.size), known=False, states={})


def _require_size(node: StoredNode, told: Announcement) -> None:
    limits = node.rules.limits
    if told.size > limits.max_bytes:
        raise Refusal("EDX102", detail=Detail("{size} bytes; at most {most}", size=told.size, most=limits.max_bytes))
    if len(told.recipients) > limits.max_recipients:
        count, most = len(told.recipients), limits.max_recipients
        raise Refusal("EDX407", detail=Detail("{count} recipients, at most {most}", count=count, most=most))
    if len(told.attachments) > limits.max_attachments:
        count, most = len(told.attachments), limits.max_attachments
        raise Refusal("EDX210", detail=Detail("{count} attachments, at most {most}", count=count, most=most))
    for one in told.attachments:
        if one.size > limits.max_attachment_bytes:
            most = limits.max_attachment_bytes
            raise Refusal(
                "EDX210", where=one.name, detail=Detail("{size} bytes; at most {most}", size=one.size, most=most)
            )


def _require_sender(node: StoredNode, office: str, envelope: Envelope) -> None:
    now, peer = node.now(), node.rules.peers[office]
    sender = sender_of(node.rules.registry, envelope, now)
    bindings.may_bring(peer.prefixes, peer.codes, sender, inside=True)
    bindings.refuse_blocked(node.rules.bindings, (sender,), now)


def _reach(node: StoredNode, envelope: Envelope, size: int) -> dict[str, Finding | None]:
    """One recipient at a time, because each is to be answered, and then whether two mean the same."""
    found: dict[str, Finding | None] = {}
    codes: set[str] = set()
    for party in envelope.to:
        one = replace(envelope, to=(party,))
        try:
            [code] = recipients_of(
                node.rules.registry, one, node.now(), lambda code: str(route_for(node.rules, size, code))
            )
            if code in codes:
                raise Refusal("EDX207", detail=Detail("{written} is {code}", written=party.organ_id, code=code))
            codes.add(code)
            found.setdefault(party.organ_id, None)
        except Trouble as trouble:
            found[party.organ_id] = Finding(trouble.code, party.organ_id, trouble.finding.detail)
    return found


def _standing(node: StoredNode, office: str, digest: str) -> Mapping[str, State] | None:
    """How an envelope stands that this office handed in before; None for any other, whoever sent it."""
    if not digest or not node.ledger.views.find_envelopes(office=office, digest=digest, limit=1):
        return None
    return {one.recipient: one.state for one in node.ledger.views.list_deliveries(digest=digest, limit=10_000)}
