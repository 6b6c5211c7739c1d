"""Which of the things that trust hangs on the operator has blocked, for who shows them.

    for one in marked(settings, endings.authorities(settings, now), now): one.blocked

A block of an authority is a row of a table; without a mark it would still be shown as good, and somebody would have a
certificate renewed that counts for nothing. Marked is also an authority whose certificate none but blocked ones signed.
What is blocked has no other finding: a remark (EDX907), because it is meant so. Raises Refusal EDX901, EDX902.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.trust.bindings import Act, Bindings
from edxml_router.core.trust.certificate import DAMAGED, identifying_digests
from edxml_router.core.trust.expiry import Expiry
from edxml_router.credentials import keys
from edxml_router.credentials.setting_files import read_setting

_KINDS: Final = ("anchor", "intermediate", "own", "neighbour", "vouching", "signer")  # a broker is none of our trust
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


def mark_blocked(settings: Settings, expiries: Iterable[Expiry], now: datetime) -> Iterator[Expiry]:
    """The same, those that are blocked marked so."""
    if not settings.bindings.exists():
        yield from expiries
        return
    table = Bindings.from_csv(read_setting(settings.bindings, "trust.bindings"))
    blocked = table.blocked_keys(now)
    below = _below(settings, blocked) if blocked else {}
    for one in expiries:
        found = {one.key, one.fingerprint} & blocked if one.kind in _KINDS else set()
        if found:
            begins = [row.since for name in found for row in table.of(Act.BLOCK, name) if row.in_force(now)]
            yield _blocked(
                one, Detail("blocked since {at:%Y-%m-%d}", at=min(begins)) if min(begins) > _FIRST else "blocked"
            )
        elif one.fingerprint in below and one.kind in _KINDS:
            yield _blocked(one, Detail("its authority is blocked: {below}", below=below[one.fingerprint]))
        else:
            yield one


def _blocked(one: Expiry, why: str) -> Expiry:
    return replace(
        one,
        finding=Finding("EDX907", one.kind, Detail("{name}: {why}", name=one.name, why=why)),
        threshold=None,
        blocked=True,
    )


def _below(settings: Settings, blocked: frozenset[str]) -> dict[str, str]:
    """Authorities whose certificate nobody signed but blocked ones: by fingerprint, the name of such a one."""
    trust = settings.trust
    between = keys.load_certificates(trust.intermediates) if trust.intermediates else ()
    known = [*(keys.load_certificates(trust.anchors) if trust.anchors else ()), *between]
    dead = {name for one in known for name in _names(one)[1:] if not blocked.isdisjoint(_names(one))}
    found: dict[str, str] = {}
    for _ in between:  # each round goes a step down
        for one in between:
            issuers = [issuer for issuer in known if issuer != one and _signed(one, issuer)]
            if issuers and dead.issuperset(_names(issuer)[1] for issuer in issuers):
                name = _names(one)[1]
                dead.add(name)
                found.setdefault(name, issuers[0].subject.rfc4514_string())
    return found


def _names(one: x509.Certificate) -> tuple[str, str]:
    try:
        return identifying_digests(one)
    except DAMAGED:
        return "", ""


def _signed(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
