"""Is a certificate revoked? Answered from lists (RFC 5280, section 5 and 6.3) that the operator provided.

``cryptography``'s verifier does not check revocation, so it is done here. Lists are given as bytes and come from
configured files or addresses only: an address inside a message or an unverified certificate is never followed, or a
stranger would choose whom we call.

A list speaks about a certificate when the certificate's issuer signed it with a key that may sign lists, it covers this
kind of certificate and all reasons, and it is not from the future. Of several, the newest counts. A list with anything
we do not understand (:mod:`~edxml_router.core.trust.revocation_list`) does not count at all. Then:

* listed: EDX313, also in an old list;
* the list is current: nothing more to say;
* past its ``nextUpdate`` by no more than ``Freshness.grace``: accepted, marked ``crl-stale``;
* older, or no list at all: EDX314 (a :class:`Setback` for the caller) where revocation is required, else
  marked ``revocation-unchecked``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from cryptography import x509

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.trust.certificate import DAMAGED, is_authority
from edxml_router.core.trust.revocation_list import RevocationList, read_lists

ALWAYS = datetime.max.replace(tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Freshness:
    """How current revocation data must be. ``grace``: how long after ``nextUpdate`` a list or answer still counts."""

    required: bool = True
    grace: timedelta = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known about one certificate; the answer is the same for ``since <= moment < until``."""

    finding: Finding | None = None
    marks: tuple[str, ...] = ()
    since: datetime = NEVER
    until: datetime = ALWAYS


@dataclass(frozen=True, slots=True)
class RevocationEvidence:
    """What tells the standing of a certificate to anybody: a ``list`` or an ``answer`` of a responder, in DER, of the
    moment ``at`` (thisUpdate); ``next_at`` is when there will be a newer one, where it says so."""

    kind: Literal["list", "answer"]
    data: bytes
    at: datetime
    next_at: datetime | None


class RevocationSource(Protocol):
    """Anything that can tell a certificate's standing: lists here, answers of responders beside them in
    :mod:`~edxml_router.core.trust.ocsp`.
    """

    def standing(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        freshness: Freshness,
        blocked: Collection[str] = (),
    ) -> Standing:
        """``blocked`` are keys and certificates (SHA-256, hex) that may say nothing. The issuer's own are asked
        elsewhere: no chain that holds it counts."""

    def evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Sequence[RevocationEvidence]:
        """What a standing at that moment follows from, whatever it says."""


def check_new_list(
    fetched: bytes, kept: bytes | None, authorities: Iterable[x509.Certificate], at: datetime, where: str = ""
) -> None:
    """May ``fetched`` take the place of the list ``kept``? Setback EDX318 if not: a bad list never replaces a good one.

    It must be a single list of a known authority, not from the future, no older than the one it replaces, and, while
    that one is current, of the same authority.
    """
    try:
        new = _one_list(fetched)
    except Refusal as refusal:
        raise Setback("EDX318", where=where, detail=refusal.finding.detail) from refusal
    if new.heading_trouble:
        raise Setback("EDX318", where=where, detail=Detail("it cannot be used: {trouble}", trouble=new.heading_trouble))
    if not any(new.signed_by(each) for each in authorities):
        detail = Detail(
            "{issuer} is not among the anchors and intermediates, or did not sign it",
            issuer=new.issuer.rfc4514_string(),
        )
        raise Setback("EDX318", where=where, detail=detail)
    if new.trouble:  # looked up only now: until here the bytes may be anybody's
        raise Setback("EDX318", where=where, detail=Detail("it cannot be used: {trouble}", trouble=new.trouble))
    if new.this_update > at:
        raise Setback(
            "EDX318", where=where, detail=Detail("from the future: {at:%Y-%m-%dT%H:%M:%SZ}", at=new.this_update)
        )
    try:
        old = None if kept is None else _one_list(kept)
    except Refusal:  # damaged, or kept by an earlier version: anything is better
        return
    if old is None or old.heading_trouble:
        return
    if old.issuer != new.issuer and at < old.fresh_until:
        raise Setback("EDX318", where=where, detail=Detail("a list of another authority than before"))
    if old.issuer == new.issuer and _order(new) < _order(old):
        raise Setback(
            "EDX318",
            where=where,
            detail=Detail("number {number} is older than {known}", number=new.number, known=old.number),
        )


def _one_list(data: bytes) -> RevocationList:
    lists = read_lists([data])
    if len(lists) != 1:
        raise Refusal("EDX902", detail=Detail("{count} revocation lists, one is expected", count=len(lists)))
    return lists[0]


class RevocationLists:
    """The lists on hand (a :class:`RevocationSource`)."""

    def __init__(self, lists: Sequence[RevocationList] = ()) -> None:
        self.lists = tuple(item for item in lists if not item.trouble)

    def standing(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        freshness: Freshness,
        blocked: Collection[str] = (),  # noqa: ARG002  # a list is signed by the issuer itself
    ) -> Standing:
        speaking = [crl for crl in self.lists if _speaks(crl, certificate, issuer)]
        future = [crl.this_update for crl in speaking if crl.this_update > at]
        until = min(future, default=ALWAYS)  # from then on that list is the newest
        known = [crl for crl in speaking if crl.this_update <= at]
        if not known:
            return unknown_standing(freshness, Detail("no revocation list of the issuer"), NEVER, until)
        newest = max(known, key=_order)
        since = newest.this_update
        revoked = newest.revoked(certificate.serial_number)
        if revoked is not None:
            if revoked <= at:
                detail = Detail(
                    "serial {serial:x} since {revoked:%Y-%m-%d}", serial=certificate.serial_number, revoked=revoked
                )
                return Standing(Finding("EDX313", detail=detail), since=since, until=until)
            until = min(until, revoked)
        fresh = newest.fresh_until
        if at < fresh:
            return Standing(since=since, until=min(until, fresh))
        if at < fresh + freshness.grace:
            return Standing(marks=("crl-stale",), since=fresh, until=min(until, fresh + freshness.grace))
        return unknown_standing(
            freshness,
            Detail("the list should have been renewed by {fresh:%Y-%m-%dT%H:%M:%SZ}", fresh=fresh),
            fresh,
            until,
        )

    def evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Sequence[RevocationEvidence]:
        known = [crl for crl in self.lists if crl.this_update <= at and _speaks(crl, certificate, issuer)]
        if not known:
            return ()
        newest = max(known, key=_order)
        return (RevocationEvidence("list", newest.data, newest.this_update, newest.fresh_until),)


def unknown_standing(freshness: Freshness, detail: str, since: datetime = NEVER, until: datetime = ALWAYS) -> Standing:
    """Nothing is known: EDX314 where it must be, else a mark."""
    if freshness.required:
        return Standing(Finding("EDX314", detail=detail), since=since, until=until)
    return Standing(marks=("revocation-unchecked",), since=since, until=until)


def _order(crl: RevocationList) -> tuple[datetime, int]:
    return crl.this_update, crl.number


def _speaks(crl: RevocationList, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if not crl.signed_by(issuer):
        return False
    if crl.point is None:
        return True
    authority = is_authority(certificate)
    if (crl.point.only_contains_ca_certs and not authority) or (crl.point.only_contains_user_certs and authority):
        return False
    return crl.point.full_name is None or bool(set(crl.point.full_name) & _points_named(certificate))


def _points_named(certificate: x509.Certificate) -> set[x509.GeneralName]:
    """Names of the distribution points in the certificate: compared with the list's, never contacted."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        return {name for point in points for name in point.full_name or ()}
    except (x509.ExtensionNotFound, *DAMAGED):
        return set()
