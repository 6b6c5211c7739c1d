"""Check a configuration: its own mistakes, and then those of every file that it names.

mistakes, remarks = check(path)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from edxml_router.config import ConfigErrors, RabbitHub, Settings, load
from edxml_router.core.problems import Finding, Refusal
from edxml_router.credentials import endings, keys
from edxml_router.credentials.identities import neighbour_sections, signing
from edxml_router.credentials.sources import trust_store
from edxml_router.wiring import hubs
from edxml_router.wiring.agencies import load_registry
from edxml_router.wiring.composition import build_rules


def check(path: Path) -> tuple[Sequence[Finding], Sequence[Finding]]:
    """All mistakes of a configuration or, if it has none, of the files it names; and remarks."""
    try:
        settings = load(path)
    except ConfigErrors as errors:
        return errors.findings, errors.remarks
    return tuple(dict.fromkeys(_faults(settings))), settings.remarks


def _faults(settings: Settings) -> Iterator[Finding]:
    """Problems inside the files that the settings name; each is read separately, so that none hides another."""
    trust = settings.trust
    nothing = replace(trust, anchors=None, intermediates=None, crls=(), crl_urls=(), ocsp=())
    alone = [replace(nothing, anchors=trust.anchors), replace(nothing, intermediates=trust.intermediates)]
    alone += [replace(nothing, crls=(path,)) for path in trust.crls]
    alone += [replace(nothing, ocsp=(one,)) for one in trust.ocsp]
    parts: list[Callable[[], object]] = [partial(trust_store, replace(settings, trust=each)) for each in alone]
    certificates = [
        settings.node.certificate,
        *(path for each in neighbour_sections(settings) for path in each.certificate),
    ]
    certificates += [each.authority for each in neighbour_sections(settings)]
    parts += [partial(keys.load_certificates, path) for path in certificates if path]
    if isinstance(settings.node.key, Path):  # one in a token is for doctor
        parts.append(partial(signing, settings))
    for hub in settings.hubs.values():
        if isinstance(hub, RabbitHub):
            parts.append(partial(hubs.rabbit_settings, settings, hub))
    parts += [partial(load_registry, settings), partial(build_rules, settings)]
    for part in parts:
        try:
            part()
        except ConfigErrors as errors:
            yield from errors.findings
        except Refusal as refusal:
            yield refusal.finding
    with suppress(Refusal):  # a file that cannot be read was named above
        yield from _unusable(settings)


def _unusable(settings: Settings) -> Iterator[Finding]:
    """Authorities and lists that are readable but useless; expiry is reported by `trust status`."""
    now = datetime.now(UTC)
    for one in (*endings.authorities(settings, now), *endings.lists(settings, now)):
        if one.finding is not None and one.finding.code in ("EDX322", "EDX323"):
            yield one.finding
