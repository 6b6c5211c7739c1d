"""What trust hangs on, and how long each of it still holds: for ``trust status`` and ``doctor``.

Certificates: anchors, intermediates, this node's own, its neighbours', and those of the keys that signed lately.
Revocation lists: those of files, and those that are fetched. Answers of responders (OCSP), one for each certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from edxml_router import responders
from edxml_router.config import Settings
from edxml_router.core.answers import judge
from edxml_router.core.certificate import spki_sha256
from edxml_router.core.problems import Finding
from edxml_router.core.revocation import Freshness, fresh_until, list_number, read_lists
from edxml_router.core.trust import expiring
from edxml_router.rules import Node
from edxml_router.store import kept_lists, keys, signers
from edxml_router.store.ledger import SqlLedger
from edxml_router.trust_sources import read

LATELY: Final = timedelta(days=90)  # who has not signed for so long is not asked after


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing: its kind (``anchor``, …, ``list``, ``answer``), its name, until when it holds, and what is the matter
    with it.

    ``threshold`` is the smallest of 7, 30 and 60 days that a certificate falls under. ``key`` and ``fingerprint`` are
    the SHA-256 (hex) of a certificate's public key and of all of it, as ``trust block`` takes them.
    """

    kind: str
    name: str
    until: datetime | None = None
    finding: Finding | None = None
    threshold: int | None = None
    key: str = ""
    fingerprint: str = ""


def certificates(settings: Settings, node: Node, now: datetime) -> Iterator[Standing]:
    """All certificates, one by one. Raises Refusal EDX902 for a file, Setback for the database."""
    if not node.rules.trust.anchors:
        yield Standing("anchor", "-", None, Finding("EDX316", "trust.anchors"))
    for kind, found in (("anchor", node.rules.trust.anchors), ("intermediate", node.rules.trust.intermediates)):
        yield from (_certificate(kind, one, now) for one in found)
    own = [settings.node.certificate]
    own += [hub.tls_certificate for hub in (settings.hub, settings.parent and settings.parent.hub) if hub]
    for path in dict.fromkeys(path for path in own if path):
        yield _certificate("own", keys.load_certificates(path)[0], now)
    for name, peer in node.rules.peers.items():
        for certificate in (*peer.credentials.certificates, *peer.credentials.authorities):
            yield _certificate("neighbour", certificate, now, name)
    yield from _signers(node, now)


def _signers(node: Node, now: datetime) -> Iterator[Standing]:
    ledger = node.ledger
    assert isinstance(ledger, SqlLedger)  # noqa: S101  # wiring made it
    for each in signers.seen(ledger, now - LATELY):
        documents = node.bodies.read([each.digest]) if each.size <= signers.LARGEST else {}
        found = [signers.certificate_of(document, each.key) for document in documents.values()]
        for certificate in found:
            if certificate is not None:
                yield _certificate("signer", certificate, now, f"{each.sender} {each.key}")


def _certificate(kind: str, certificate: x509.Certificate, now: datetime, name: str = "") -> Standing:
    subject = certificate.subject.rfc4514_string()
    shown, until = f"{name} ({subject})" if name else subject, certificate.not_valid_after_utc
    names = spki_sha256(certificate), certificate.fingerprint(SHA256()).hex()
    for one in expiring([certificate], now):
        code = "EDX309" if one.days < 0 else "EDX907"
        return Standing(kind, shown, until, Finding(code, kind, f"{one.days} d"), one.threshold, *names)
    return Standing(kind, shown, until, None, None, *names)


def lists(settings: Settings, now: datetime) -> Iterator[Standing]:
    """All revocation lists: past its date a list still serves for trust.crl_grace, then envelopes wait (EDX314)."""
    for path in settings.trust.crls:
        yield from _lists(settings, str(path), read_lists([read(path, "trust.crls")], str(path)), now)
    for url in settings.trust.crl_urls:
        held = list(kept_lists.held(settings.kept_lists, [url]))
        if not held:
            yield Standing("list", url, None, Finding("EDX318", url, "not fetched yet"))
        yield from _lists(settings, url, read_lists(held, url), now)


def _lists(
    settings: Settings, source: str, found: Sequence[x509.CertificateRevocationList], now: datetime
) -> Iterator[Standing]:
    for one in found:
        until, name = fresh_until(one), f"{one.issuer.rfc4514_string()}, {list_number(one)}"
        if now < until:
            yield Standing("list", name, until)
        elif now < until + settings.trust.crl_grace:
            yield Standing("list", name, until, Finding("EDX907", source, "crl-stale"))
        else:
            yield Standing("list", name, until, Finding("EDX314", source, name))


def answers(settings: Settings, now: datetime) -> Iterator[Standing]:
    """What responders have said of each certificate that was met; ``until`` is when there is something newer."""
    freshness = Freshness(grace=settings.trust.crl_grace)
    for one in responders.on_hand(settings):
        name = f"{one.certificate.subject.rfc4514_string()} ({one.certificate.serial_number:x})"
        if one.answer is None:
            yield Standing("answer", name, None, Finding("EDX319", one.source.url, one.detail))
            continue
        found = judge(one.answer, one.certificate, now, freshness)
        if found.finding is not None and found.finding.code == "EDX313":  # nothing to be done about here
            yield Standing("answer", f"{name}, revoked", one.answer.fresh_until)
        elif found.finding is not None:
            yield Standing("answer", name, one.answer.fresh_until, Finding("EDX314", one.source.url, name))
        else:
            remark = Finding("EDX907", one.source.url, found.marks[0]) if found.marks else None
            yield Standing("answer", f"{name}, good", one.answer.fresh_until, remark)
