"""Is a certificate revoked? Answered from lists (RFC 5280, section 5 and 6.3) that the operator provided.

``cryptography``'s verifier knows nothing of revocation, so it is done here. Lists are given as bytes and come
from configured files or addresses only: an address inside a message or an unverified certificate is never
followed, a stranger would choose whom we call.

A list speaks about a certificate when the certificate's issuer signed it with a key that may sign lists, it
covers this kind of certificate and all reasons, and it is not from the future. Of several, the newest counts.
What is not understood (delta lists, indirect lists, critical extensions without a rule here) does not speak
at all. Then:

* listed: EDX313, also in an old list;
* the list is current: nothing more to say;
* past its ``nextUpdate`` by no more than ``Freshness.grace``: accepted, marked ``crl-stale``;
* older, or no list at all: EDX314 (a :class:`Setback` for the caller) where revocation is required, else
  marked ``revocation-unchecked``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edxml_router.core.certificate import is_authority
from edxml_router.core.problems import Finding, Refusal, Setback

ALWAYS = datetime.max.replace(tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)
STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How much must be known about revocation. ``grace`` is how long after ``nextUpdate`` a list or an answer
    still serves.
    """

    required: bool = True
    grace: timedelta = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about one certificate; the answer is the same for ``since <= moment < until``."""

    finding: Finding | None = None
    marks: tuple[str, ...] = ()
    since: datetime = NEVER
    until: datetime = ALWAYS


class RevocationSource(Protocol):
    """Anything that can tell a certificate's standing: lists here, answers of responders beside them in
    :mod:`~edxml_router.core.ocsp`.
    """

    def standing(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime, freshness: Freshness
    ) -> Standing: ...


def read_lists(data: Iterable[bytes], where: str = "") -> tuple[x509.CertificateRevocationList, ...]:
    """Revocation lists from files' contents, each one list in DER or any number in PEM; EDX902 for others."""
    found: list[x509.CertificateRevocationList] = []
    try:
        for item in data:
            blocks = _PEM.findall(item)
            found += [x509.load_pem_x509_crl(block) for block in blocks] or [x509.load_der_x509_crl(item)]
    except ValueError as error:
        raise Refusal("EDX902", where=where, detail="not a revocation list (DER or PEM)") from error
    return tuple(found)


def check_renewal(
    fetched: bytes, kept: bytes | None, authorities: Iterable[x509.Certificate], at: datetime, where: str = ""
) -> None:
    """May ``fetched`` take the place of the list ``kept``? Setback EDX318 if not: a bad list never replaces a good one.

    It must be one list of an authority that we know, not from the future, and no older than what it replaces; and of
    the same authority, as long as that list is current.
    """
    new = _one_list(fetched)
    if new is None:
        raise Setback("EDX318", where=where, detail="not one revocation list that is understood (DER or PEM)")
    if not any(_signed_by(new, each) for each in authorities):
        detail = f"{new.issuer.rfc4514_string()} is not among the anchors and intermediates, or did not sign it"
        raise Setback("EDX318", where=where, detail=detail)
    if new.last_update_utc > at:
        raise Setback("EDX318", where=where, detail=f"from the future: {new.last_update_utc:%Y-%m-%dT%H:%M:%SZ}")
    old = None if kept is None else _one_list(kept)
    if old is None:
        return
    if old.issuer != new.issuer and at < fresh_until(old):
        raise Setback("EDX318", where=where, detail="a list of another authority than before")
    if old.issuer == new.issuer and _order(new) < _order(old):
        raise Setback("EDX318", where=where, detail=f"number {list_number(new)} is older than {list_number(old)}")


def _one_list(data: bytes) -> x509.CertificateRevocationList | None:
    try:
        lists = read_lists([data])
    except Refusal:
        return None
    return lists[0] if len(lists) == 1 and _understood(lists[0]) else None


class RevocationLists:
    """The lists on hand (a :class:`RevocationSource`)."""

    def __init__(self, lists: Sequence[x509.CertificateRevocationList] = ()) -> None:
        self.lists = tuple(item for item in lists if _understood(item))

    def standing(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime, freshness: Freshness
    ) -> Standing:
        speaking = [crl for crl in self.lists if _speaks(crl, certificate, issuer)]
        future = [crl.last_update_utc for crl in speaking if crl.last_update_utc > at]
        until = min(future, default=ALWAYS)  # from then on that list is the newest
        known = [crl for crl in speaking if crl.last_update_utc <= at]
        if not known:
            return unknown(freshness, "no revocation list of the issuer", NEVER, until)
        newest = max(known, key=_order)
        since = newest.last_update_utc
        entry = newest.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None:
            if entry.revocation_date_utc <= at:
                detail = f"serial {certificate.serial_number:x} since {entry.revocation_date_utc:%Y-%m-%d}"
                return Standing(Finding("EDX313", detail=detail), since=since, until=until)
            until = min(until, entry.revocation_date_utc)
        fresh = fresh_until(newest)
        if at < fresh:
            return Standing(since=since, until=min(until, fresh))
        if at < fresh + freshness.grace:
            return Standing(marks=("crl-stale",), since=fresh, until=min(until, fresh + freshness.grace))
        return unknown(freshness, f"the list should have been renewed by {fresh:%Y-%m-%dT%H:%M:%SZ}", fresh, until)


def unknown(freshness: Freshness, detail: str, since: datetime = NEVER, until: datetime = ALWAYS) -> Standing:
    """Nothing is known: EDX314 where it must be, else a mark."""
    if freshness.required:
        return Standing(Finding("EDX314", detail=detail), since=since, until=until)
    return Standing(marks=("revocation-unchecked",), since=since, until=until)


def _order(crl: x509.CertificateRevocationList) -> tuple[datetime, int]:
    return crl.last_update_utc, list_number(crl)


def fresh_until(crl: x509.CertificateRevocationList) -> datetime:
    """When its authority will have published the next one; a list that does not say so is never fresh."""
    return crl.next_update_utc or crl.last_update_utc


def list_number(crl: x509.CertificateRevocationList) -> int:
    """The CRL number, 0 when the list has none."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _understood(crl: x509.CertificateRevocationList) -> bool:
    """Whole, direct, for all reasons, with a strong hash and nothing critical that we do not know."""
    try:
        hash_algorithm = crl.signature_hash_algorithm
        extensions = list(crl.extensions)
        entries_plain = all(not any(item.critical for item in entry.extensions) for entry in crl)
    except (ValueError, UnsupportedAlgorithm):
        return False
    if not isinstance(hash_algorithm, STRONG) or not entries_plain:
        return False
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.IssuingDistributionPoint):
            if value.indirect_crl or value.only_contains_attribute_certs or value.only_some_reasons:
                return False
        elif isinstance(value, x509.DeltaCRLIndicator) or extension.critical:
            return False
    return True


def _speaks(crl: x509.CertificateRevocationList, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if not _signed_by(crl, issuer):
        return False
    try:
        point = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    authority = is_authority(certificate)
    if (point.only_contains_ca_certs and not authority) or (point.only_contains_user_certs and authority):
        return False
    if point.relative_name is not None:
        return False
    return point.full_name is None or bool(set(point.full_name) & _points_named(certificate))


def _signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    if crl.issuer != issuer.subject or not _may_sign_lists(issuer):
        return False
    key = issuer.public_key()
    return isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) and crl.is_signature_valid(key)


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True  # RFC 5280, 6.3.3 (f): only a KeyUsage that is there can forbid it


def _points_named(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """Names of the distribution points in the certificate: compared with the list's, never contacted."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return {name for point in points for name in point.full_name or ()}
