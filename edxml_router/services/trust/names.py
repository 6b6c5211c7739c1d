"""The key, certificate or agency that a person means.

    key(text, known)                    # a key's SHA-256, from all of it, a certificate's file, or its beginning
    subject(registry, text, known)      # the same, or an agency
    code(registry, text)                # an agency
    remark(registry, code)              # EDX911 for a code that no catalogue has

The beginning (8 digits or more) must match exactly one name in ``known``, which is used for nothing else: a complete
key needs no database. Raises Refusal EDX501, EDX503, EDX504 (no code), EDX606 (nothing begins so), EDX613 (several do),
EDX902 (no file).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.agencies.code import AgencyCode, CodeForm
from edxml_router.core.agencies.registry import Registry, canonical
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.trust.bindings import SPKI
from edxml_router.core.trust.certificate import spki_sha256
from edxml_router.credentials import trust_files
from edxml_router.credentials.keys import load_certificates
from edxml_router.services.naming import naming
from edxml_router.services.trust import expiries
from edxml_router.wiring.opening import node_of

Known = Callable[[], Iterable[str]]
_BEGINNING: Final = re.compile(r"[0-9a-f]{8,63}")  # fewer digits would soon fit several, and look like codes


def known(settings: Settings, *, certificates: bool) -> Known:
    """The keys in the table and of all certificates that ``trust status`` shows; with ``certificates`` their own
    SHA-256 too. Asking raises what opening the node does."""

    def names() -> Iterable[str]:
        yield from (row.subject for row in trust_files.legible(settings.bindings) if SPKI.fullmatch(row.subject))
        with node_of(settings) as node:
            for one in expiries.certificates(settings, node, datetime.now(UTC)):
                yield one.key
                if certificates:
                    yield one.fingerprint

    return names


def key(text: str, known: Known) -> str:
    """The key's name: given as such, by its beginning, or that of the first certificate in a file."""
    plain = _plain(text)
    if SPKI.fullmatch(plain):
        return plain
    if _BEGINNING.fullmatch(plain) and not Path(text).is_file():
        return _begun(text, plain, known)
    return spki_sha256(load_certificates(Path(text))[0])


def subject(registry: Registry, text: str, known: Known) -> str:
    """A key or an agency. A file, or something that looks like a key, is a key, unless it is an agency's code."""
    plain = _plain(text)
    if SPKI.fullmatch(plain) or Path(text).is_file():
        return key(text, known)
    if _BEGINNING.fullmatch(plain) and not _is_code(registry, text):
        return _begun(text, plain, known)
    return code(registry, text)


def code(registry: Registry, text: str) -> str:
    """The canonical code. An agency that is in no catalogue is allowed, since it may come later; but a name that does
    not have the form of a code must be registered."""
    with naming(text):
        found = canonical(registry, text)
        if not _is_code(registry, text):
            raise Refusal("EDX501", detail=Detail("neither a key, nor a file, nor a code in the catalogue"))
    return found


def remark(registry: Registry, found: str) -> Finding | None:
    """A remark about a code that is in no catalogue."""
    if SPKI.fullmatch(found) or not found or found in registry:
        return None
    above = next((each.code for each in registry.superiors(found)), "")
    return Finding("EDX911", found, Detail("the nearest known code above it is {above}", above=above) if above else "")


def _plain(text: str) -> str:
    return text.replace(":", "").lower()


def _is_code(registry: Registry, text: str) -> bool:
    """By its form, or because it is registered: as an agency, or as an alias of one."""
    found = registry.canonical_or_none(text)
    if found is not None and (found in registry or registry.alias(text) is not None):
        return True
    try:
        return AgencyCode.parse(text).form is not CodeForm.TECHNICAL
    except Refusal:
        return False


def _begun(text: str, plain: str, known: Known) -> str:
    names = sorted({name for name in known() if name.startswith(plain)})
    if not names:
        detail = Detail("no key known here begins so; give all 64 digits, or the certificate's file")
        raise Refusal("EDX606", where=text, detail=detail)
    if len(names) > 1:
        raise Refusal("EDX613", where=text, detail=", ".join(names))
    return names[0]
