"""How a neighbour's receipts are verified: by certificates that the operator named (several during a renewal), or by an
authority that names the neighbour.

    finding = objection(credentials, report, trust, now)        # None: the receipts are that neighbour's

A named certificate counts as it is: its chain and dates are not checked, because a person chose it. One that is only
shown must chain to a named authority, be valid now, not be known as revoked, and carry the neighbour's name; then a
renewal there needs no act here.

EDX409: the key that signed them, or its certificate, is blocked. EDX324: the receipts bear the signature of the
certificate that is shown, but that one does not count here; the detail says which it is, which would count, and whose
turn it is. EDX315: they bear no signature of any certificate known.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import Report
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.chain import TrustStore

UNPROVEN: Final = ("EDX315", "EDX324", "EDX411")  # kept, and judged again when certificates change


@dataclass(frozen=True, slots=True)
class Credentials:
    """``certificates`` count by their keys; ``authorities`` vouch for a certificate with the common name ``name``."""

    certificates: tuple[x509.Certificate, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    name: str = ""

    def __bool__(self) -> bool:
        return bool(self.certificates or self.authorities)


def read(data: bytes, where: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a neighbour's file that may sign: the first, and any further one of no authority, so
    that an old and a new one may stand in one file, each with its chain. Raises Refusal EDX902."""
    first, *others = certificates.read_all(data, where)
    return first, *(each for each in others if not certificates.is_authority(each))


def objection(given: Credentials, report: Report, trust: TrustStore, at: datetime) -> Finding | None:
    """Why receipts are not taken for those of the neighbour with these credentials; None when they are."""
    try:
        signature = base64.b64decode(report.signature, validate=True)
    except ValueError:
        return Finding("EDX315", "signature", Detail("not base64"))
    if not signature:
        return Finding("EDX315", "signature", Detail("there is none; the neighbour has no node.key"))
    proven = [each for each in given.certificates if _signed_by(each, report, signature)]
    if proven:
        return trust.blocked(proven)
    signer = _signer(report.certificates)
    if signer is None:
        return Finding("EDX315", "signature", Detail("not that of {names}", names=_names(given.certificates)))
    if not _signed_by(signer, report, signature):
        detail = Detail(
            "nor that of {signer}, which is shown: compare node.key with node.certificate there",
            signer=certificate_name(signer),
        )
        return Finding("EDX315", "signature", detail)
    said = Detail("signed with {signer}, {span}", signer=certificate_name(signer), span=_span(signer, at))
    if not given.authorities:
        turn = Detail("named here: {names}; this side's turn to add the new one", names=_names(given.certificates))
        return Finding("EDX324", "certificate", Detail("{said}; {turn}", said=said, turn=turn))
    reason = _refused(given, signer, report.certificates, trust, at)
    return Finding("EDX324", "certificate", Detail("{said}; {reason}", said=said, reason=reason)) if reason else None


def certificate_name(certificate: x509.Certificate) -> str:
    """A certificate in few words: common name, or the subject where it has none, and its serial number."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    named = str(names[0].value) if names else certificate.subject.rfc4514_string()
    return f"{named[:64]} (serial {certificate.serial_number:x})"


def _refused(
    given: Credentials, signer: x509.Certificate, sent: Sequence[bytes], trust: TrustStore, at: datetime
) -> str | None:
    """Why the certificate that is shown does not count by the authorities, and whose turn it is."""
    verdict = trust.under(given.authorities).judge(sent, at)
    if verdict.finding is not None:
        turn = (
            Detail("this side's turn")
            if verdict.finding.code in ("EDX308", "EDX323")
            else Detail("that side's turn to renew it")
        )
        return Detail(
            "{code} {slug} {detail}; {turn}",
            code=verdict.finding.code,
            slug=verdict.finding.problem.slug,
            detail=verdict.finding.detail,
            turn=turn,
        )
    # What was judged must be what signed: a stranger could show the neighbour's certificate behind one of its own.
    names = [str(each.value) for each in signer.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if verdict.leaf != signer or names != [given.name]:
        return Detail(
            "its name is not {given} (certificate_name): it is not this neighbour's, or it is this side's turn",
            given=given.name,
        )
    return None


def _signed_by(certificate: x509.Certificate, report: Report, signature: bytes) -> bool:
    try:
        verify_bytes(certificate, report.signed, signature)
    except (Refusal, *certificates.DAMAGED):
        return False
    return True


def _signer(shown: Sequence[bytes]) -> x509.Certificate | None:
    """The first that is shown, if it can be read and its key costs no more than others to compute with."""
    try:
        first = certificates.read(shown[0]) if shown else None
    except Refusal:
        return None
    return first if first is not None and certificates.has_usable_key(first) else None


def _names(given: Sequence[x509.Certificate]) -> str:
    return ", ".join(map(certificate_name, given[:4])) or Detail("none")


def _span(certificate: x509.Certificate, at: datetime) -> str:
    """Its dates, with a word where they do not hold now."""
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > until:
        return Detail("expired: {since:%Y-%m-%d} to {until:%Y-%m-%d}", since=since, until=until)
    if at < since:
        return Detail("not valid yet: {since:%Y-%m-%d} to {until:%Y-%m-%d}", since=since, until=until)
    return Detail("{since:%Y-%m-%d} to {until:%Y-%m-%d}", since=since, until=until)
