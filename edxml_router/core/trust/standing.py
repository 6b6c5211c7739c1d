"""Is a certificate revoked? Answered from lists and from responders' answers (OCSP) together.

    known = Known(responders, answers, wanted)
    ListsAndAnswers(lists, known).standing(certificate, issuer, at, freshness)

Only responders named by the operator count, each for the certificates of one authority. For one answer, and for lists
and answers together:

* revoked: EDX313, however old the answer is and whatever a list says; and the other way round;
* good and current, past its ``nextUpdate`` (marked ``ocsp-stale``), or older: as with lists. What leaves less doubt
  counts, the list or the answer;
* an answer without ``nextUpdate`` is past it at once.

A delegated responder whose own certificate is on a list of the issuer does not count, nor does a blocked one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Setback
from edxml_router.core.trust.certificate import identifying_digests, spki_sha256
from edxml_router.core.trust.ocsp import OcspResponse, read_answer, useless
from edxml_router.core.trust.revocation import (
    ALWAYS,
    Freshness,
    RevocationEvidence,
    RevocationSource,
    Standing,
    unknown_standing,
)

CLOCKS: Final = timedelta(minutes=5)  # a responder answers for the present moment, and its clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Responder:
    """Who may answer for the certificates of ``issuer``: itself, whom it delegated this to, and ``named``, which is the
    operator's word."""

    issuer: x509.Certificate
    named: x509.Certificate | None = None


def authority(issuer: x509.Certificate) -> tuple[bytes, str]:
    """An authority is its name and its key, whatever certificate it shows."""
    return issuer.subject.public_bytes(), spki_sha256(issuer)


def _nobody(_certificate: x509.Certificate) -> None:
    """Ignore the certificates that could be asked about."""


@dataclass(frozen=True, slots=True)
class KnownAnswers:
    """What responders have said: answers (DER) by the SHA-256 of the certificate they are about, not looked at yet.

    ``wanted`` is called with a certificate that one of ``responders`` could be asked about, and of which nothing is
    on hand. It must not take long: the envelope is being judged.
    """

    responders: Sequence[Responder] = ()
    answers: Mapping[bytes, bytes] = field(default_factory=dict)
    wanted: Callable[[x509.Certificate], None] = _nobody

    def digest(self) -> bytes:
        """Changes whenever anything that counts changes."""
        content = hashlib.sha256()
        for responder in self.responders:
            for each in (responder.issuer, responder.named):
                content.update(each.fingerprint(hashes.SHA256()) if each is not None else bytes(32))
        for name, answer in sorted(self.answers.items()):
            content.update(name + hashlib.sha256(answer).digest())
        return content.digest()


class ListsAndAnswers:
    """Lists first, and what responders have said (a :class:`RevocationSource`)."""

    def __init__(self, lists: RevocationSource, known: KnownAnswers) -> None:
        self._lists = lists
        self._known = known
        self._responders = {authority(each.issuer): each for each in known.responders}

    def standing(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        at: datetime,
        freshness: Freshness,
        blocked: Collection[str] = (),
    ) -> Standing:
        listed = self._lists.standing(certificate, issuer, at, freshness)
        responder = self._responders.get(authority(issuer))
        if responder is None or _is_revoked(listed):
            return listed
        said = self._said(certificate, issuer, responder, at, freshness, blocked)
        if _is_revoked(said):
            return said
        since, until = max(listed.since, said.since), min(listed.until, said.until)
        if listed.finding is None or said.finding is None:
            return replace(min(listed, said, key=_doubt), since=since, until=until)
        detail = Detail("{listed}; {said}", listed=listed.finding.detail, said=said.finding.detail)
        return Standing(Finding("EDX314", detail=detail), since=since, until=until)

    def evidence(
        self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> Sequence[RevocationEvidence]:
        listed = self._lists.evidence(certificate, issuer, at)
        responder = self._responders.get(authority(issuer))
        data = self._known.answers.get(certificate.fingerprint(hashes.SHA256()))
        if responder is None or data is None:
            return listed
        try:
            answer = read_answer(data, certificate, issuer, responder.named)
        except Setback:
            return listed
        return (*listed, RevocationEvidence("answer", data, answer.this_update, answer.next_update))

    def _said(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        responder: Responder,
        at: datetime,
        freshness: Freshness,
        blocked: Collection[str],
    ) -> Standing:
        data = self._known.answers.get(certificate.fingerprint(hashes.SHA256()))
        if data is None:
            self._known.wanted(certificate)
            return unknown_standing(freshness, Detail("no answer of the responder yet"))
        try:
            answer = read_answer(data, certificate, issuer, responder.named)
        except Setback as setback:  # perhaps another authority's certificate was named as the responder's since
            return unknown_standing(
                freshness, Detail("the responder's answer: {detail}", detail=setback.finding.detail)
            )
        if blocked and answer.signer is not None and not set(identifying_digests(answer.signer)).isdisjoint(blocked):
            return unknown_standing(freshness, Detail("the responder's key or certificate is blocked"))
        if answer.signer is not None and answer.signer != responder.named:
            signer = self._lists.standing(answer.signer, issuer, at, freshness)
            if _is_revoked(signer):
                return unknown_standing(
                    freshness, Detail("the responder's own certificate is revoked"), signer.since, signer.until
                )
        return judge_answer(answer, certificate, at, freshness)


def judge_answer(answer: OcspResponse, certificate: x509.Certificate, at: datetime, freshness: Freshness) -> Standing:
    """What ``answer`` about ``certificate`` means at the moment ``at``."""
    begin, until, ends = answer.this_update - CLOCKS, ALWAYS, ALWAYS
    if at < begin:
        return unknown_standing(freshness, Detail("the responder's answer is from the future"), until=begin)
    if answer.revoked is not None:
        if answer.revoked <= at:
            detail = Detail(
                "serial {serial:x} since {revoked:%Y-%m-%d}, says the responder",
                serial=certificate.serial_number,
                revoked=answer.revoked,
            )
            return Standing(Finding("EDX313", detail=detail), since=begin)
        until = answer.revoked
    if answer.signer is not None:
        ends = answer.signer.not_valid_after_utc
    fresh, over = min(answer.fresh_until, ends), min(answer.fresh_until + freshness.grace, ends)
    if at < fresh:
        return Standing(since=begin, until=min(until, fresh))
    if at < over:
        return Standing(marks=("ocsp-stale",), since=max(begin, fresh), until=min(until, over))
    detail = Detail("the responder's answer should have been renewed by {fresh:%Y-%m-%dT%H:%M:%SZ}", fresh=fresh)
    return unknown_standing(freshness, detail, max(begin, over), until)


def check_new_answer(new: OcspResponse, kept: OcspResponse | None, at: datetime, grace: timedelta) -> None:
    """May ``new``, which has just come, take the place of ``kept``? Setback EDX319 if not: an old answer that somebody
    plays back never replaces a newer one."""
    if new.this_update > at + CLOCKS:
        raise useless(Detail("from the future: {at:%Y-%m-%dT%H:%M:%SZ}", at=new.this_update))
    if new.signer is not None and not new.signer.not_valid_before_utc <= at <= new.signer.not_valid_after_utc:
        raise useless(Detail("signed with a certificate that is not valid now"))
    if new.revoked is None and at >= new.fresh_until + grace:
        raise useless(Detail("should have been renewed by {fresh:%Y-%m-%dT%H:%M:%SZ}", fresh=new.fresh_until))
    if kept is not None and new.this_update < kept.this_update:
        raise useless(Detail("older than the one on hand: {at:%Y-%m-%dT%H:%M:%SZ}", at=new.this_update))


def _is_revoked(standing: Standing) -> bool:
    return standing.finding is not None and standing.finding.code == "EDX313"


def _doubt(standing: Standing) -> int:
    """0: nothing to say; 1: past its date; 2: nothing is known."""
    if standing.finding is not None or "revocation-unchecked" in standing.marks:
        return 2
    return 1 if standing.marks else 0
