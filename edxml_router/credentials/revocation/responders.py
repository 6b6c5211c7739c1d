"""The responders (OCSP) that [[trust.ocsp]] names, and what they have said.

    known = known_answers(settings, noting=True) # for the trust store; it notes what could be asked about
    on_hand(settings), probe(settings, now)     # for people

They are asked in the background by :mod:`edxml_router.credentials.revocation.asking`. Only the addresses in the
settings are called.

Fails with :class:`Refusal` EDX901 (two responders for one authority), EDX902 (a file that cannot be read).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust import ocsp
from edxml_router.core.trust.ocsp import OcspResponse
from edxml_router.core.trust.standing import KnownAnswers, Responder, authority, check_new_answer
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_certificates
from edxml_router.credentials.revocation import fetching, kept_answers
from edxml_router.credentials.revocation.kept_answers import KeptAnswer


@dataclass(frozen=True, slots=True)
class ResponderAddress:
    """A responder and its address."""

    url: str
    responder: Responder

    def read(self, data: bytes, certificate: x509.Certificate) -> OcspResponse:
        """What it said of the certificate. Raises Setback EDX319."""
        return ocsp.read_answer(data, certificate, self.responder.issuer, self.responder.named)


def responder_addresses(settings: Settings) -> Sequence[ResponderAddress]:
    """As the settings name them."""
    found = []
    for number, each in enumerate(settings.trust.ocsp, start=1):
        issuer = _only(each.issuer, f"trust.ocsp[{number}].issuer")
        named = _only(each.responder, f"trust.ocsp[{number}].responder") if each.responder else None
        found.append(ResponderAddress(each.url, Responder(issuer, named)))
    if len({authority(each.responder.issuer) for each in found}) < len(found):
        raise Refusal("EDX901", where="trust.ocsp", detail=Detail("two responders for one authority"))
    return found


def source_of(found: Sequence[ResponderAddress], der: bytes) -> tuple[x509.Certificate, ResponderAddress] | None:
    """A certificate (DER), and the responder of the authority that issued it; None where there is no such one."""
    try:
        certificate = certificates.read(der)
    except Refusal:
        return None
    for each in found:
        with suppress(InvalidSignature, *certificates.DAMAGED):
            certificate.verify_directly_issued_by(each.responder.issuer)
            return certificate, each
    return None


def answers_on_hand(folder: Path) -> dict[bytes, KeptAnswer]:
    """What is kept; Refusal EDX902 where it cannot be read."""
    try:
        return kept_answers.held(folder)
    except OSError as error:
        raise Refusal("EDX902", where=str(folder), detail=in_words(error)) from error


def known_answers(settings: Settings, *, noting: bool) -> KnownAnswers | None:
    """What is on hand; None where no responder is named. ``noting``: what it is asked in vain is noted."""
    found = responder_addresses(settings)
    if not found:
        return None
    answers = {name: row.answer for name, row in answers_on_hand(settings.kept_answers).items()}
    known = KnownAnswers([each.responder for each in found], answers)
    return replace(known, wanted=partial(kept_answers.note_met, settings.kept_answers)) if noting else known


def paths(settings: Settings) -> list[Path]:
    """The files whose change is noticed by a running node."""
    if not settings.trust.ocsp:
        return []
    named = [path for each in settings.trust.ocsp for path in (each.issuer, each.responder) if path]
    return [*named, kept_answers.path_of(settings.kept_answers)]


@dataclass(frozen=True, slots=True)
class KnownStatus:
    """What is known of a certificate: an answer, or why there is none."""

    certificate: x509.Certificate
    source: ResponderAddress
    answer: OcspResponse | None
    detail: str = ""


def on_hand(settings: Settings) -> Iterator[KnownStatus]:
    """Every certificate of the authorities that have a responder, as far as it was met."""
    found = responder_addresses(settings)
    if not found:
        return
    answers = {row.certificate: row.answer for row in answers_on_hand(settings.kept_answers).values()}
    try:
        notes = kept_answers.noted(settings.kept_answers)
    except OSError as error:
        raise Refusal("EDX902", where=str(settings.kept_answers), detail=in_words(error)) from error
    for der in dict.fromkeys([*answers, *notes.values()]):
        one = source_of(found, der)
        if one is None:
            continue
        certificate, source = one
        if der not in answers:
            yield KnownStatus(certificate, source, None, Detail("no answer yet"))
            continue
        try:
            yield KnownStatus(certificate, source, source.read(answers[der], certificate))
        except Setback as setback:
            yield KnownStatus(certificate, source, None, setback.finding.detail)


def probe(settings: Settings, now: datetime) -> Iterator[tuple[str, Finding | None]]:
    """Each responder's address with what is wrong there. Nothing is kept of what is said.

    It is asked about a certificate that it has answered for; before there is one, about the authority's own, and then
    it is enough that it says anything.
    """
    known = list(on_hand(settings))
    for source in responder_addresses(settings):
        issuer = source.responder.issuer
        asked = next((each.certificate for each in known if each.source == source and each.answer), None)
        try:
            came = fetching.ask_responder(source.url, ocsp.question(asked or issuer, issuer))
            if asked:
                check_new_answer(source.read(came, asked), None, now, settings.trust.crl_grace)
            else:
                ocsp.status(came)
        except Setback as setback:
            yield source.url, replace(setback.finding, where=source.url)
        else:
            yield source.url, None


def _only(path: Path, where: str) -> x509.Certificate:
    first, *others = load_certificates(path)
    if others:
        raise Refusal("EDX901", where=where, detail=Detail("{path}: more than one certificate", path=path))
    return first
