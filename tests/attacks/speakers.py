"""Attacks on who speaks: a good signature of the wrong key, a key that no longer counts, mail brought by the wrong
peer, and mail that was brought before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

from cryptography import x509

from edxml_router.core import pki
from edxml_router.core.delivery.terms import Policy, UnsignedException
from edxml_router.core.link.wire import Hop, Transfer
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings
from edxml_router.core.trust.certificate import spki_sha256, write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation import Freshness
from edxml_router.stages.rules import Rules
from tests import certificates
from tests.attacks import gate
from tests.attacks.attack import Attack
from tests.attacks.gate import CHILD, OTHER, PARENT, SENDER, THIEF
from tests.attacks.signature import craft
from tests.attacks.signature.craft import Recipe
from tests.certificates import NOW
from tests.fixtures import document, status, trace

DAY = timedelta(days=1)


@cache  # an ECDSA signature is another each time, and a replay is of the same bytes
def by(code: str = SENDER, **fields: object) -> bytes:
    """A message signed by the agency ``code``; the sender is H53.02 unless told otherwise."""
    recipe = Recipe(key=certificates.key("p-256", code), chain=certificates.chain(code))
    return craft.signed(document(**fields), recipe)  # type: ignore[arg-type]


def _undeclared() -> bytes:
    return by().partition(b"?>")[2].lstrip()


def _key(code: str) -> str:
    return spki_sha256(certificates.leaf(code))


def _bound(*rows: BindingRow) -> Callable[[], Rules]:
    return lambda: gate.rules(bindings=Bindings(rows))


def _lists(*crls: Callable[[], bytes], **freshness: object) -> Callable[[], Rules]:
    def made() -> Rules:
        anchors = write_pem([certificates.root().certificate])
        chosen = Freshness(**freshness) if freshness else None  # type: ignore[arg-type]
        return gate.rules(trust=TrustStore.from_pem(anchors, crls=[crl() for crl in crls], freshness=chosen))

    return made


def _of_root(*revoked: pki.RevokedCertificate, **when: object) -> bytes:
    return certificates.crl(*revoked, issuer=certificates.root(), **when)


def _revoked(certificate: x509.Certificate) -> pki.RevokedCertificate:
    return pki.RevokedCertificate(certificate.serial_number, NOW - DAY)


def _exception(until: date = date(2026, 3, 2), senders: tuple[str, ...] = ()) -> Callable[[], Rules]:
    def made() -> Rules:
        peers = dict(gate.RULES.peers)
        allowed = UnsignedException(until, "phần mềm cũ", frozenset(senders))
        peers[gate.OFFICE] = replace(peers[gate.OFFICE], unsigned=allowed)
        return gate.rules(peers=peers)

    return made


def _fresh() -> Rules:
    return gate.rules(policy=Policy(max_age=5 * DAY, max_ahead=DAY))


def _transfer(data: bytes, **changes: object) -> Transfer:
    made = Transfer(
        id="1",
        envelope=hashlib.sha256(data).hexdigest(),
        size=len(data),
        recipients=("H41.03",),
        generation=0,
        hops=(Hop("nut-xa", NOW - DAY), Hop(CHILD, NOW)),
        expires_at=NOW + DAY,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _beside(**changes: object) -> Callable[[bytes], Transfer]:
    return lambda data: _transfer(data, **changes)


def _from_child(**fields: object) -> bytes:
    return by("H01.07", sender="H01.07", document_id="H01.07,2026/03/02,1/UBND-VP", **fields)


def _speaker(name: str, code: str, build: Callable[[], bytes], **more: object) -> Attack:
    return Attack("speaker", name, code, build, **more)  # type: ignore[arg-type]


def _replay(name: str, code: str, build: Callable[[], bytes], **more: object) -> Attack:
    return Attack("replay", name, code, build, **more)  # type: ignore[arg-type]


ATTACKS = (
    _speaker("the-signer-of-another-agency", "EDX402", lambda: by(THIEF)),
    _speaker("the-signer-of-a-parent-without-delegation", "EDX402", lambda: by("H53")),
    _speaker(
        "the-signer-of-a-unit-for-its-parent",
        "EDX402",
        lambda: by(SENDER, sender="H53"),
        peer=CHILD,
        rules=lambda: _child_of("H53"),
    ),
    _speaker("a-status-of-another-agency", "EDX402", lambda: craft.signed(status(sender=THIEF))),
    _speaker("a-key-bound-to-another-agency", "EDX402", by, rules=_bound(BindingRow(Act.BIND, _key(SENDER), THIEF))),
    _speaker(
        "a-binding-that-has-ended", "EDX402", by, rules=_bound(BindingRow(Act.BIND, _key(SENDER), SENDER, until=NOW))
    ),
    _speaker(
        "a-binding-not-yet-in-force",
        "EDX402",
        by,
        rules=_bound(BindingRow(Act.BIND, _key(SENDER), SENDER, since=NOW + DAY)),
    ),
    _speaker(
        "a-delegation-that-has-ended",
        "EDX402",
        lambda: by("H53"),
        rules=_bound(BindingRow(Act.DELEGATE, "H53", SENDER, until=NOW)),
    ),
    _speaker(
        "a-delegation-the-other-way-round",
        "EDX402",
        lambda: by("H53"),
        rules=_bound(BindingRow(Act.DELEGATE, SENDER, "H53")),
    ),
    _speaker("a-blocked-key", "EDX409", by, rules=_bound(BindingRow(Act.BLOCK, _key(SENDER), since=NOW))),
    _speaker("a-blocked-agency", "EDX409", by, rules=_bound(BindingRow(Act.BLOCK, SENDER, since=NOW))),
    _speaker(
        "a-blocked-key-that-is-bound-too",
        "EDX409",
        by,
        rules=_bound(BindingRow(Act.BIND, _key(SENDER), SENDER), BindingRow(Act.BLOCK, _key(SENDER), since=NOW)),
    ),
    _speaker(
        "a-revoked-certificate",
        "EDX313",
        by,
        rules=_lists(lambda: certificates.crl(_revoked(certificates.chain()[0])), _of_root),
    ),
    _speaker(
        "a-revoked-authority",
        "EDX313",
        by,
        rules=_lists(certificates.crl, lambda: _of_root(_revoked(certificates.issuing().certificate))),
    ),
    _speaker("a-list-too-old", "EDX314", by, rules=_lists(lambda: certificates.crl(at=NOW - 99 * DAY), _of_root)),
    _speaker("no-list-where-one-is-required", "EDX314", by, rules=_lists(required=True)),
    _speaker(
        "a-list-signed-by-somebody-else",
        "EDX314",
        by,
        rules=_lists(lambda: certificates.crl(issuer=_thief_of_the_name()), _of_root),
    ),
    _speaker("a-list-from-the-future", "EDX314", by, rules=_lists(lambda: certificates.crl(at=NOW + DAY), _of_root)),
    _speaker("no-anchors", "EDX316", by, rules=lambda: gate.rules(trust=TrustStore.from_pem(b""))),
    _speaker("a-day-after-the-certificate-ended", "EDX309", by, at=NOW + 400 * DAY),
    _speaker("unsigned", "EDX301", document),
    _speaker("unsigned-after-the-exception-ended", "EDX301", document, rules=_exception(date(2026, 3, 1))),
    _speaker("unsigned-of-an-agency-outside-the-exception", "EDX301", document, rules=_exception(senders=(THIEF,))),
    _speaker(
        "a-broken-signature-under-the-exception",
        "EDX302",
        lambda: by().replace(b"JVBERi0xLj", b"JVBERi0xLk"),
        rules=_exception(),
    ),
    _speaker(
        "a-stranger-under-the-exception",
        "EDX308",
        lambda: craft.signed(document(), Recipe(chain=[certificates.leaf(issuer="Other issuing", above="Other root")])),
        rules=_exception(),
    ),
    _speaker(
        "a-revoked-certificate-under-the-exception",
        "EDX313",
        by,
        rules=lambda: replace(
            _exception()(), trust=_lists(lambda: certificates.crl(_revoked(certificates.chain()[0])), _of_root)().trust
        ),
    ),
    _speaker("brought-by-nobody-we-know", "EDX403", by, peer="ai-do"),
    _speaker("brought-by-another-office", "EDX401", by, peer=OTHER),
    _speaker("brought-by-a-child-of-other-prefixes", "EDX401", by, peer=CHILD, transfer=_transfer),
    _speaker("our-own-agency-from-the-parent", "EDX401", by, peer=PARENT, transfer=_transfer),
    _speaker(
        "a-recipient-that-was-not-signed", "EDX401", _from_child, peer=CHILD, transfer=_beside(recipients=(THIEF,))
    ),
    _speaker(
        "a-body-that-the-manifest-does-not-name", "EDX704", _from_child, peer=CHILD, transfer=_beside(envelope="0" * 64)
    ),
    _speaker(
        "a-trail-that-ends-elsewhere", "EDX704", _from_child, peer=CHILD, transfer=_beside(hops=(Hop("nut-xa", NOW),))
    ),
    _speaker(
        "a-trail-through-here",
        "EDX506",
        _from_child,
        peer=CHILD,
        transfer=_beside(hops=(Hop(gate.NODE, NOW), Hop(CHILD, NOW))),
    ),
    _speaker(
        "back-to-where-it-came-from",
        "EDX505",
        lambda: _from_child(to=("H01",)),
        peer=CHILD,
        transfer=_beside(recipients=("H01",)),
    ),
    _replay(
        "the-same-bytes", "repeated", by, before=(by,), harmless="answered as the first time; nothing more is delivered"
    ),
    _replay("the-same-bytes-by-another-office", "EDX401", by, before=(by,), peer=OTHER),
    _replay("a-blank-line-more", "EDX404", lambda: by() + b"\n", before=(by,)),
    _replay(
        "other-quotes", "EDX404", lambda: by().replace(b'<?xml version="1.0"', b"<?xml version='1.0'"), before=(by,)
    ),
    _replay("without-the-declaration", "EDX404", _undeclared, before=(by,)),
    _replay("a-character-reference", "EDX404", lambda: by().replace("Ủy ban".encode(), b"&#x1EE6;y ban"), before=(by,)),
    _replay("signed-again-with-other-recipients", "EDX404", lambda: by(to=("H41.03", THIEF)), before=(by,)),
    _replay("an-old-message", "EDX408", by, rules=_fresh, at=NOW + 6 * DAY),
    _replay(
        "a-message-from-the-future", "EDX408", lambda: by(traces=trace(timestamp="2026/03/09 08:15:00")), rules=_fresh
    ),
)


def _child_of(prefix: str) -> Rules:
    peers = dict(gate.RULES.peers)
    peers[CHILD] = replace(peers[CHILD], prefixes=frozenset({prefix}))
    return gate.rules(peers=peers)


def _thief_of_the_name() -> pki.Issuer:
    return pki.Issuer(certificates.key("p-256", "thief"), certificates.issuing().certificate)
