"""Who writes for an office: the letters and agencies at hand, and the parties of a message.

Raises :class:`DraftRefused` where a draft leaves open who sends, or names agencies that the letter did not go to.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Envelope, Party
from edxml_router.core.problems import Finding
from edxml_router.services.letters import header
from edxml_router.services.letters.drafts import DraftRefused, SignedDraft
from edxml_router.services.letters.originals import LetterSource, Original
from edxml_router.services.letters.values import WRONG, PartyDraft


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A message that is not signed yet: as a value, with the contents of its files. ``sender`` is a canonical code."""

    sender: str
    envelope: Envelope
    contents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Who writes, and with what at hand. ``key`` is the draft's own digest (hex): what is made up hangs on it, so that
    the same draft gives the same ids again. ``only_agency``: the one that the office sends for, if it is only one."""

    registry: Registry
    letters: LetterSource
    now: datetime
    key: str
    only_agency: str = ""

    @property
    def today(self) -> date:
        return self.now.astimezone(header.VIETNAM).date()

    def canonical(self, code: str) -> str:
        return self.registry.canonical_or_none(code) or code

    def party(self, draft: PartyDraft) -> Party:
        agency = self.registry.get(self.canonical(draft.code))
        return header.party(draft, agency.name if agency else "")

    def made_up_id(self) -> str:
        """A DocumentId for what has none: a UUID, as gateways in use write them."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.key))


def sender_party(scribe: Scribe, draft: SignedDraft, originals: Sequence[Original]) -> Party:
    if draft.sender is not None:
        return scribe.party(draft.sender)
    if originals:
        return originals[0].envelope.sender
    if scribe.only_agency:
        return scribe.party(PartyDraft.model_construct(code=scribe.only_agency))
    raise DraftRefused([Finding(WRONG, "/sender", Detail("is missing: the office sends for several agencies"))])


def chosen(scribe: Scribe, named: Sequence[PartyDraft] | None, original: Original) -> list[Party]:
    """Those of the original's recipients that are named, as it named them; all where none is."""
    had = {scribe.canonical(one.organ_id): one for one in original.envelope.to}
    if named is None:
        return list(had.values())
    mistakes = [
        Finding(WRONG, f"/recipients/{number}", Detail("the document was not sent to {code}", code=one.code))
        for number, one in enumerate(named)
        if scribe.canonical(one.code) not in had
    ]
    if mistakes:
        raise DraftRefused(mistakes)
    return [had[scribe.canonical(one.code)] for one in named]
