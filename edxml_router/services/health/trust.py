"""The basis of trust: authorities, lists, responders, certificates, and whether receipts count at both ends."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core import pki
from edxml_router.core.detail import Detail
from edxml_router.core.link.credentials import UNPROVEN
from edxml_router.core.problems import Finding, Trouble
from edxml_router.credentials import blocks, endings, identities, keys, token_keys
from edxml_router.credentials.revocation import responders
from edxml_router.intake.reports import OBJECTED
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.wiring import composition, own_ledger
from edxml_router.wiring.agencies import load_registry

UNCOVERED: Final = "EDX636"
NAMED: Final = 10  # agencies


def authorities(settings: Settings) -> Findings:
    trust = composition.build_rules(settings).trust
    if not trust.anchors:
        yield "trust.anchors", Finding("EDX316", str(settings.path))
        return
    yield (
        Detail(
            "{anchors} anchors, {intermediates} intermediates, epoch {epoch}",
            anchors=len(trust.anchors),
            intermediates=len(trust.intermediates),
            epoch=trust.epoch,
        ),
        None,
    )
    now = datetime.now(UTC)
    for one in blocks.mark_blocked(settings, endings.authorities(settings, now), now):
        if one.finding:
            yield one.name, one.finding


def lists(settings: Settings) -> Findings:
    """Whether the revocation lists are current: once they are too old, envelopes wait (EDX314)."""
    for one in endings.lists(settings, datetime.now(UTC)):
        detail = (
            Detail("{name}, next update {until:%Y-%m-%d %H:%M}", name=one.name, until=one.until)
            if one.until
            else one.name
        )
        yield detail, one.finding


def answers(settings: Settings) -> Findings:
    """Whether each responder can be reached, and what its answers say; the first ten problems."""
    now = datetime.now(UTC)
    yield from responders.probe(settings, now)
    known = list(endings.answers(settings, now))
    if known:
        ends = [one.until for one in known if one.until]
        yield (
            Detail("{count} answers, next update {at:%Y-%m-%d %H:%M}", count=len(ends), at=min(ends))
            if ends
            else Detail("0 answers"),
            None,
        )
    for one in [one for one in known if one.finding][:10]:
        yield one.name, one.finding


def certificate(settings: Settings) -> Findings:
    """Whether the node's key has its certificate, and what of its own and its neighbours' certificates ends."""
    if settings.node.key is None or settings.node.certificate is None:
        detail = Detail("without node.key the receipts of this node are not signed")
        yield "node.key", Finding("EDX907", "node.key", detail)
    else:
        key = token_keys.open_key(settings.node.key, settings.path.parent)
        chain = keys.load_certificates(settings.node.certificate)
        if chain[0].public_key() != key.public_key():
            detail = Detail("node.key does not belong to node.certificate")
            yield str(settings.node.certificate), Finding("EDX903", str(settings.node.key).partition("?")[0], detail)
            return
        yield chain[0].subject.rfc4514_string(), None
    now = datetime.now(UTC)
    held = (*endings.own(settings, now), *endings.neighbours(settings, now))
    for one in blocks.mark_blocked(settings, held, now):
        if one.finding:
            yield one.name, one.finding


def served(settings: Settings) -> Findings:
    """Agencies of offices here that the node's certificate does not name: what becomes of their mail this node can
    tell, and not prove to anybody."""
    if settings.node.certificate is None or not settings.offices:
        return  # that nothing is signed is told with the certificate
    leaf = keys.load_certificates(settings.node.certificate)[0]
    issuer = settings.parent.name if settings.parent else Detail("the authority of nodes")
    name = settings.node.name
    if not pki.is_of_node(leaf, name):
        detail = Detail(
            "it does not say that it is that of node {name}; the turn of {issuer}", name=name, issuer=issuer
        )
        yield str(settings.node.certificate), Finding(UNCOVERED, "node.certificate", detail)
        return
    registry = load_registry(settings)
    texts = dict.fromkeys(text for office in settings.offices for text in office.agencies)
    codes = [registry.canonical_or_none(text) or text for text in texts]
    missing = [code for code in codes if not pki.covers(leaf, code)]
    for code in missing[:NAMED]:
        detail = Detail(
            "{code} is not in node.certificate; the turn of {issuer}, which issues it", code=code, issuer=issuer
        )
        yield code, Finding(UNCOVERED, "node.certificate", detail)
    if len(missing) > NAMED:
        detail = Detail("and {count} more", count=len(missing) - NAMED)
        yield detail, Finding(UNCOVERED, "node.certificate", detail)
    if not missing:
        yield Detail("all {count}", count=len(codes)), None


def seals(settings: Settings) -> Findings:
    """Whether each seal's key has its certificate; what of these ends is told with the node's own."""
    for number, seal in enumerate(settings.seals, 1):
        try:
            key = token_keys.open_key(seal.key, settings.path.parent)
            chain = keys.load_certificates(seal.certificate)
        except Trouble as error:  # of this one; the others are looked at all the same
            yield f"seals[{number}]", error.finding
            continue
        if chain[0].public_key() != key.public_key():
            detail = Detail("the key does not belong to the certificate")
            yield str(seal.certificate), Finding("EDX903", f"seals[{number}]", detail)
            continue
        yield f"{seal.agency}: {chain[0].subject.rfc4514_string()}", None


def unproven(settings: Settings) -> Findings:
    """The neighbours whose receipts cannot be proven."""
    for each in identities.neighbour_sections(settings):
        if not each.certificate and each.authority is None:
            detail = Detail("receipts of {each} count without proof", each=each.name)
            counts = Finding("EDX907", each.name, detail)
            yield each.name, counts if each.unsigned_receipts else Finding("EDX411", each.name)


def neighbours(settings: Settings) -> Findings:
    """Whether receipts count at both ends of each link; otherwise delivered mail looks open, and expires."""
    names = [each.name for each in identities.neighbour_sections(settings)]
    unsure = dict(unproven(settings))
    yield from unsure.items()
    if not names:
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger, ledger.book() as book:
        doubts = [*book.quarantine.kept_of((OBJECTED,)).items(), *book.quarantine.kept_of(UNPROVEN).items()]
    wrong = {*unsure, *(name for name, _ in doubts if name in names)}
    for name, finding in doubts:
        if name in names and finding.code != "EDX411":  # reported above, whether or not receipts came
            yield name, Finding(finding.code, name, finding.detail)
    if not wrong:
        yield ", ".join(names), None
