"""How neighbours hold each other to their journals: what was cosigned, what is missing, what does not fit together.

for log in logs(settings, views, now): …        # of each neighbour with a key
damages = cosignature_damages(views, settings)  # cosignatures that do not fit this journal
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.checkpoint import TreeHead, cosigned_at
from edxml_router.core.proof.note import VerifierKey, read_signatures
from edxml_router.core.proof.witness import KeptCosignature, LogFork, WitnessedLog, WitnessStanding
from edxml_router.credentials.identities import log_keys, neighbour_sections
from edxml_router.ports.views import Views
from edxml_router.stages.witness.cosigning import fork_finding

SILENCE: Final = "EDX644"
INTERVALS: Final = 3  # without a word, until a neighbour is said to be silent
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class NeighbourLog:
    """A neighbour's journal as it was cosigned here last, and how it stands with the neighbour as a witness of ours."""

    peer: str
    log: WitnessedLog | None
    standing: WitnessStanding | None
    findings: Sequence[Finding]


def neighbour_logs(settings: Settings, views: Views, now: datetime) -> Iterator[NeighbourLog]:
    """Of every neighbour whose verifier key is configured, with all that is wrong; evidence that it forked counts as
    long as a key of that log is configured."""
    seen = {log.origin: log for log in views.witnessed()}
    standings = {each.peer: each for each in views.standings()}
    caught = views.forks()
    for section in neighbour_sections(settings):
        names = {key.name for key in log_keys(section)}
        if not names:
            continue
        logs = sorted((seen[name] for name in names if name in seen), key=lambda log: log.at)
        log, standing = (logs[-1] if logs else None), standings.get(section.name)
        findings = [fork_finding(fork) for fork in caught if fork.origin in names]
        if standing is not None and standing.code:
            findings.append(Finding(standing.code, section.name, standing.detail))
        findings += _silences(settings, section.name, log, standing, now)
        yield NeighbourLog(section.name, log, standing, findings)


def _silences(
    settings: Settings, peer: str, log: WitnessedLog | None, standing: WitnessStanding | None, now: datetime
) -> Iterator[Finding]:
    """What has not come for too long, once this node itself has been asking for so long."""
    patience = INTERVALS * settings.journal.interval
    if standing is None or standing.since > now - patience:
        return
    heard = log.at if log else standing.since
    if heard < now - patience:
        yield Finding(SILENCE, peer, Detail("no checkpoint since {at:%Y-%m-%d %H:%M}", at=heard))
    answered = standing.answered_at or standing.since
    if answered < now - patience:
        yield Finding(SILENCE, peer, Detail("no cosignature since {at:%Y-%m-%d %H:%M}", at=answered))


def one_log(settings: Settings, views: Views, peer: str) -> Sequence[WitnessedLog]:
    """The checkpoints of a neighbour that are kept, newest first. Raises Refusal EDX606."""
    names = {key.name for each in neighbour_sections(settings) if each.name == peer for key in log_keys(each)}
    found = [log for name in sorted(names) for log in views.witnessed(name)]
    if not found:
        raise Refusal("EDX606", where=peer, detail=Detail("no checkpoint of this neighbour is kept"))
    return sorted(found, key=lambda log: log.at, reverse=True)


def caught_forks(views: Views) -> Sequence[LogFork]:
    """All evidence that is kept, the oldest first."""
    return views.forks()


def cosignature_damages(views: Views, origin: str, keys: Mapping[str, Sequence[VerifierKey]]) -> Iterator[Damage]:
    """What is wrong with the cosignatures that neighbours gave: one under another root than this journal has at that
    size, or a false one. ``keys`` by neighbour; cosignatures of keys that are not among them are passed over."""
    after = 0
    while page := views.all_cosignatures(after, _PAGE):
        for one in page:
            if damage := _damage(views, origin, one, keys.get(one.peer, ())):
                yield damage
        after = page[-1].size


def _damage(views: Views, origin: str, one: KeptCosignature, keys: Sequence[VerifierKey]) -> Damage | None:
    where = Detail("checkpoint {size}", size=one.size)
    try:
        [signature] = read_signatures(one.line)
        named = [key.cosigner for key in keys if signature.by(key.cosigner)]
        if named:
            text = TreeHead(origin, one.size, views.root_at(one.size)).text
            cosigned_at(signature, text, named[0])
    except ValueError as error:
        return Damage(where, said(error))
    return None
