"""What the trust of a node hangs on, how long each of it holds, and who must act before it ends.

    for one in everything(settings, now): one.finding      # None, or what is the matter

Certificates: anchors and intermediates, this node's own (for its key, for its brokers), its neighbours', the brokers'
authorities. Revocation lists of files and fetched ones. Answers of responders (OCSP). One source for ``trust status``,
``doctor`` and the log of a running node, so that all of them say the same.

Told is what ends within 60, 30, 7 and 1 days (EDX914); within a week, or when it has ended, it is no longer a remark
(EDX917). A list for a week need not be renewed two months ahead: of lists and answers the thresholds count that are
less than half of the time for which they were made. Raises Refusal EDX901, EDX902 for files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from edxml_router.config import RabbitHub, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.trust.authorities import trouble
from edxml_router.core.trust.certificate import DAMAGED, spki_sha256
from edxml_router.core.trust.expiry import Expiry
from edxml_router.core.trust.revocation import Freshness
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.core.trust.standing import judge_answer
from edxml_router.credentials import identities, keys
from edxml_router.credentials.revocation import kept_lists, list_files, responders

THRESHOLDS: Final = (1, 7, 30, 60)  # days
URGENT: Final = 7  # days, from which on it is no remark any more
_ALWAYS: Final = timedelta.max

# Who must act, for each kind of thing.
_WHO: Final = {
    "anchor": Detail("its authority has a new one; `edxml-router trust add` takes it"),
    "intermediate": Detail("its authority has a new one; `edxml-router trust add` takes it"),
    "own": Detail("the operator of this node has it renewed"),
    "neighbour": Detail("the neighbour has it renewed and passes it on"),
    "vouching": Detail("the authority of the neighbour's certificates has a new one"),
    "broker": Detail("the operator of the broker has it renewed and passes it on"),
    "signer": Detail("the agency has it renewed"),
    "list": Detail("its authority publishes the next one, and it must be put here"),
    "fetched": Detail("its authority publishes the next one"),
    "answer": Detail("the responder must answer anew"),
}


def everything(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """All of it, one by one."""
    yield from authorities(settings, now)
    yield from own(settings, now)
    yield from neighbours(settings, now)
    yield from lists(settings, now)
    yield from answers(settings, now)


def authorities(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """Anchors and intermediates: also, whether anything that they sign can ever hold (EDX323)."""
    trust = settings.trust
    anchors = keys.load_certificates(trust.anchors) if trust.anchors else ()
    between = keys.load_certificates(trust.intermediates) if trust.intermediates else ()
    if not anchors:
        yield Expiry("anchor", "-", None, Finding("EDX316", "trust.anchors"))
    for one in anchors:
        yield _authority("anchor", str(trust.anchors), one, now, trouble(one, _within(one, now)))
    for one in between:
        why = trouble(one, _within(one, now), anchors, between) if anchors else ""
        yield _authority("intermediate", str(trust.intermediates), one, now, why)


def _authority(kind: str, where: str, one: x509.Certificate, now: datetime, why: str) -> Expiry:
    standing = certificate(kind, one, now, where)
    if not why or standing.threshold == 0:
        return standing
    finding = Finding("EDX323", where, Detail("{standing}: {why}", standing=standing.name, why=why))
    return Expiry(kind, standing.name, standing.until, finding, None, standing.key, standing.fingerprint)


def _within(one: x509.Certificate, now: datetime) -> datetime:
    """That a certificate has ended is said by itself; what else is wrong with it is another matter."""
    return min(max(now, one.not_valid_before_utc), one.not_valid_after_utc)


def own(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """This node's certificates and those of its seals, and the authorities of its brokers'."""
    tls = [hub.tls for hub in settings.hubs.values() if isinstance(hub, RabbitHub) and hub.tls]
    paths = [settings.node.certificate, *(each.client.certificate for each in tls if each.client)]
    paths += [each.certificate for each in settings.seals]
    for path in dict.fromkeys(path for path in paths if path):
        yield certificate("own", keys.load_certificates(path)[0], now, str(path))
    for path in dict.fromkeys(each.authorities for each in tls):
        # Of a bundle, some authorities have always ended.
        last = max(keys.load_certificates(path), key=lambda one: one.not_valid_after_utc)
        yield certificate("broker", last, now, str(path))


def neighbours(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """The certificates by which neighbours' receipts are checked. While one is renewed there are two, and that the
    older one ends is as it should be."""
    for section in identities.neighbour_sections(settings):
        given = identities.credentials(section)
        last = max((one.not_valid_after_utc for one in given.certificates), default=now)
        for one in given.certificates:
            found = certificate("neighbour", one, now, f"link:{section.name}", section.name)
            spare = one.not_valid_after_utc < last or bool(given.authorities)
            yield replace(found, finding=None, threshold=None) if spare else found
        for one in given.authorities:
            yield certificate("vouching", one, now, f"link:{section.name}", section.name)


def certificate(kind: str, one: x509.Certificate, now: datetime, where: str, name: str = "") -> Expiry:
    """How long a certificate holds; ``where`` is its file, or whose it is. An ended one of a signer is the signer's
    matter (EDX309), any other never."""
    try:
        subject, key = one.subject.rfc4514_string(), spki_sha256(one)
    except DAMAGED:
        subject, key = "?", ""
    shown, until = f"{name} ({subject})" if name else subject, one.not_valid_after_utc
    limit = threshold(until, _ALWAYS, now)
    finding = _ending(kind, where, shown, until, limit, now)
    if kind == "signer" and limit == 0:
        finding = Finding("EDX309", where, shown)
    return Expiry(kind, shown, until, finding, limit, key, one.fingerprint(SHA256()).hex())


def lists(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """All revocation lists: past its date a list still serves for trust.crl_grace, then envelopes wait (EDX314)."""
    known = [*_certificates(settings.trust.anchors), *_certificates(settings.trust.intermediates)]
    grace = settings.trust.crl_grace
    for path in settings.trust.crls:
        for one in list_files.load_lists(path, "trust.crls"):
            yield _list("list", str(path), one, now, grace, known)
    for url in settings.trust.crl_urls:
        held = kept_lists.held(settings.kept_lists, url)
        if not held:
            yield Expiry("list", url, None, Finding("EDX318", url, Detail("not fetched yet")))
        for one in held:
            yield _list("fetched", url, one, now, grace, known)
    for hub in settings.hubs.values():
        for path in hub.tls.lists if isinstance(hub, RabbitHub) and hub.tls else ():
            for one in list_files.load_lists(path, "tls_crls"):
                yield _list("list", str(path), one, now, timedelta(), None)


def _certificates(path: Path | None) -> tuple[x509.Certificate, ...]:
    return keys.load_certificates(path) if path else ()


def _list(
    kind: str, source: str, one: RevocationList, now: datetime, grace: timedelta, known: list[x509.Certificate] | None
) -> Expiry:
    """``known`` are the authorities that may have signed it; None where others judge that."""
    until = one.fresh_until
    why = one.trouble
    if not why and known is not None and any(each.subject == one.issuer for each in known):
        why = "" if any(one.signed_by(each) for each in known) else Detail("the authority of that name did not sign it")
    if not why and one.this_update > now:
        why = Detail("from the future: {at:%Y-%m-%dT%H:%M:%SZ}", at=one.this_update)
    if why:
        return Expiry(
            "list", one.name, until, Finding("EDX322", source, Detail("{name}: {why}", name=one.name, why=why))
        )
    limit = threshold(until, until - one.this_update, now)
    if now >= until + grace and known is not None:
        return Expiry("list", one.name, until, Finding("EDX314", source, one.name), 0)
    name = one.name
    if known is not None and not any(each.subject == one.issuer for each in known):
        # Nobody can say more of it here.
        name = Detail("{name}, for signers who send its authority's certificate along", name=name)
    return Expiry("list", name, until, _ending(kind, source, one.name, until, limit, now), limit)


def answers(settings: Settings, now: datetime) -> Iterator[Expiry]:
    """What responders have said of each certificate that was met; ``until`` is when there is something newer."""
    freshness = Freshness(grace=settings.trust.crl_grace)
    for one in responders.on_hand(settings):
        name = f"{one.certificate.subject.rfc4514_string()} ({one.certificate.serial_number:x})"
        if one.answer is None:
            yield Expiry("answer", name, None, Finding("EDX319", one.source.url, one.detail))
            continue
        found, until = judge_answer(one.answer, one.certificate, now, freshness), one.answer.fresh_until
        if found.finding is not None and found.finding.code == "EDX313":  # nothing to be done about here
            yield Expiry("answer", Detail("{name}, revoked", name=name), until)
        elif found.finding is not None:
            yield Expiry("answer", name, until, Finding("EDX314", one.source.url, name), 0)
        else:
            limit = threshold(until, until - one.answer.this_update, now)
            finding = _ending("answer", one.source.url, name, until, limit, now)
            yield Expiry("answer", Detail("{name}, good", name=name), until, finding, limit)


def threshold(until: datetime, lifetime: timedelta, now: datetime) -> int | None:
    """The smallest of THRESHOLDS that what ends at ``until`` falls under; 0 when it has ended, None while it is far
    away."""
    if until <= now:
        return 0
    for days in THRESHOLDS:
        limit = timedelta(days=days)
        if until - now < limit and (lifetime == _ALWAYS or limit < lifetime / 2):
            return days
    return None


def _ending(kind: str, where: str, name: str, until: datetime, limit: int | None, now: datetime) -> Finding | None:
    if limit is None:
        return None
    days = abs(until - now).days
    when = (
        Detail("ended {until:%Y-%m-%d} ({days} d ago)", until=until, days=days)
        if limit == 0
        else Detail("ends {until:%Y-%m-%d} (in {days} d)", until=until, days=days)
    )
    return Finding(
        "EDX917" if limit <= URGENT else "EDX914",
        where,
        Detail("{name}: {when}; {who}", name=name, when=when, who=_WHO[kind]),
    )


class EndingWatch:
    """Says once what needs attention, and again when the next threshold is passed or it has come back."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str, datetime | None, int | None]] = set()

    def news(self, standings: Iterable[Expiry]) -> list[Finding]:
        """What has not been said of these yet."""
        seen, found = set(), []
        for one in standings:
            if one.finding is None:
                continue
            mark = (one.kind, one.name, one.finding.code, one.until, one.threshold)
            if mark not in seen and mark not in self._told:
                found.append(one.finding)
            seen.add(mark)
        self._told = seen
        return found
