"""The responders (OCSP) of [[trust.ocsp]], asked in the background, one question after the other.

    asking = OcspPoller(settings)
    findings = asking.turn(now)         # again and again, in one process of the node

They are asked about the authorities in trust.intermediates, and about every certificate that this node has met in a
chain to an anchor, as long as it is valid: at once when nothing is known of it, then every trust.crl_interval. An
answer that says nothing never replaces one that does.

Making one fails with :class:`Refusal` EDX901, EDX902.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Setback
from edxml_router.core.trust import ocsp
from edxml_router.core.trust.standing import check_new_answer
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import load_certificates
from edxml_router.credentials.revocation import fetching, kept_answers
from edxml_router.credentials.revocation.kept_answers import KeptAnswer
from edxml_router.credentials.revocation.responders import (
    ResponderAddress,
    answers_on_hand,
    responder_addresses,
    source_of,
)

RETRY_INTERVAL: Final = timedelta(
    seconds=60
)  # until a question that failed is asked again; trust.crl_interval, if shorter
TURN_SECONDS: Final = 5.0  # seconds of asking, after which what has come is written
CERTIFICATES_MAX: Final = (
    10_000  # certificates; of more, those met first are forgotten, and noted again when they are met again
)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class OcspPoller:
    """Asks, one question after the other, as ``settings`` say. One for a node: it alone writes the answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sources = responder_addresses(settings)
        self._rows = answers_on_hand(settings.kept_answers) if self._sources else {}
        self._changed = False  # since they were written
        self._failed: dict[bytes, datetime] = {}  # certificates, and when asking was of no use
        self._silent: dict[str, datetime] = {}  # addresses, and when nobody was there
        self._stuck: datetime | None = None  # when the files could not be used
        self._anew_at = _NEVER
        if self._sources:
            self._note_intermediates()

    def anew(self, now: datetime) -> None:
        """Ask everything again in the next turns."""
        self._anew_at = now

    def turn(self, now: datetime) -> list[Finding]:
        """Ask what is due, for some seconds, and write what has come. What is wrong (EDX319), once for each address."""
        if not self._sources or self._lately(self._stuck, now):
            return []
        folder = self._settings.kept_answers
        try:
            notes = kept_answers.noted(folder)
            done, wrong = self._ask(self._due(notes, now), now)
            done |= notes.keys() & self._rows.keys()
            if self._changed:
                for name in list(self._rows)[:-CERTIFICATES_MAX]:
                    del self._rows[name]
                kept_answers.keep(folder, self._rows.values())
                self._changed = False
            kept_answers.remove_notes(folder, done)
        except OSError as error:
            self._stuck = now
            return [Finding("EDX319", str(folder), in_words(error))]
        return wrong

    def _note_intermediates(self) -> None:
        """They are in nearly every chain; nobody need wait for them."""
        folder, path = self._settings.kept_answers, self._settings.trust.intermediates
        with suppress(OSError):  # a turn tells of it
            kept_answers.open_notes(folder)
        for each in load_certificates(path) if path else ():
            der = each.public_bytes(Encoding.DER)
            if kept_answers.digest_of(each) not in self._rows and source_of(self._sources, der) is not None:
                kept_answers.note_met(folder, each)

    def _due(self, notes: Mapping[bytes, bytes], now: datetime) -> list[tuple[bytes, bytes]]:
        """Certificates by their names: first those that nothing is known of, last those that failed latest."""
        interval = self._settings.trust.crl_interval
        due = {name: der for name, der in notes.items() if name not in self._rows}
        due |= {
            name: row.certificate
            for name, row in self._rows.items()
            if row.asked < self._anew_at or not now - interval < row.asked <= now
        }
        self._failed = {name: at for name, at in self._failed.items() if name in due}
        rested = [one for one in due.items() if not self._lately(self._failed.get(one[0]), now)]
        return sorted(rested, key=lambda one: (self._failed.get(one[0], _NEVER), one[0] in self._rows))

    def _lately(self, at: datetime | None, now: datetime) -> bool:
        return at is not None and now - min(RETRY_INTERVAL, self._settings.trust.crl_interval) < at <= now

    def _ask(self, due: Sequence[tuple[bytes, bytes]], now: datetime) -> tuple[set[bytes], list[Finding]]:
        """Those that need not be asked about any more, and what is wrong."""
        done: set[bytes] = set()
        wrong: dict[str, list[Finding]] = {}
        until = time.monotonic() + TURN_SECONDS
        for name, der in due:
            if time.monotonic() > until:
                break
            one = source_of(self._sources, der)
            if one is None or one[0].not_valid_after_utc < now:
                self._changed |= self._rows.pop(name, None) is not None
                done.add(name)
                continue
            certificate, source = one
            if self._lately(self._silent.get(source.url), now):
                continue
            try:
                answer = self._answer(source, certificate, name, now)
            except Setback as setback:
                self._failed[name] = now
                wrong.setdefault(source.url, []).append(setback.finding)
            else:
                self._rows[name] = KeptAnswer(der, answer, now)
                self._changed = True
        return done, [_summary(url, found) for url, found in wrong.items()]

    def _answer(self, source: ResponderAddress, certificate: x509.Certificate, name: bytes, now: datetime) -> bytes:
        """A new answer that may be kept. Raises Setback EDX319."""
        try:
            came = fetching.ask_responder(source.url, ocsp.question(certificate, source.responder.issuer))
        except Setback:
            self._silent[source.url] = now
            raise
        kept = None
        if name in self._rows:
            with suppress(Setback):
                kept = source.read(self._rows[name].answer, certificate)
        check_new_answer(source.read(came, certificate), kept, now, self._settings.trust.crl_grace)
        return came


def _summary(url: str, found: Sequence[Finding]) -> Finding:
    first = found[0].detail
    if len(found) == 1:
        return Finding("EDX319", url, first)
    return Finding("EDX319", url, Detail("{first}, and {count} more", first=first, count=len(found) - 1))
