"""For how long a node keeps the letters that it has carried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from edxml_router.config.values import About, Code, Name, SettingsTable, read_duration
from edxml_router.core.detail import Detail
from edxml_router.core.retention.terms import RetentionClass


def _read_term(value: Any) -> timedelta:
    term = read_duration(value)
    if term < timedelta(days=1):
        raise ValueError(Detail("a term is a day at least"))
    return term


_Term = Annotated[timedelta, BeforeValidator(_read_term)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClassSettings(SettingsTable, RetentionClass):
    """Envelopes with terms of their own: those that meet every condition given. The first class that fits counts."""

    name: Annotated[Name, About("Name of the class in plans and in the journal: a-z, 0-9, hyphen.", '"statuses"')]
    kind: Annotated[
        Literal["document", "status"] | None, About('Only of this kind: "document" or "status".', '"status"')
    ] = None
    urgent: Annotated[bool | None, Field(strict=True), About("Only urgent ones, or only others.", "true")] = None
    senders: Annotated[
        tuple[Code, ...], About("Only from these agencies and those under them; empty: from all.", '["H53"]')
    ] = ()
    levels: Annotated[
        tuple[str, ...],
        About("Only from agencies of these levels, as the catalogue names them; empty: of all.", '["commune"]'),
    ] = ()
    recipient_levels: Annotated[
        tuple[str, ...], About("Only where every recipient here is an agency of these levels.", '["commune"]')
    ] = ()
    bodies: Annotated[
        _Term | None, About("Bytes are kept so long after every recipient has ended; without it for ever.", '"90d"')
    ] = None
    words: Annotated[
        _Term | None, About("What people wrote is kept so long after that; without it for ever.", '"90d"')
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings(SettingsTable):
    """What is removed on purpose, and when. Without it everything is kept; entries of the journal always are."""

    bodies: Annotated[
        _Term | None,
        About(
            "The bytes of a letter are kept so long after every recipient's delivery has ended; without it for ever. "
            "What is held (`edxml-router retention hold`), open, or not yet proven stays. A neighbour that restores an "
            "older back-up cannot be sent again what has gone here.",
            '"365d"',
        ),
    ] = None
    words: Annotated[
        _Term | None,
        About(
            "What people wrote when they sent a letter back is kept so long after every recipient's delivery has "
            "ended; without it for ever. The journal holds only digests of such words, so every proof stays.",
            '"730d"',
        ),
    ] = None
    classes: tuple[RetentionClassSettings, ...] = ()
