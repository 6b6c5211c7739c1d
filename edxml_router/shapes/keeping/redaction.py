"""What was erased because it could name a person; never the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.link.manifest import exact_instant
from edxml_router.shapes.form import Digest, Instant


class RedactionShape(TypedDict):
    """What was erased of one envelope, and what one recipient's office had written of it."""

    digest: Digest
    recipient: str | None
    at: Instant
    actor: str
    ground: str
    reasons_sha256: list[Digest]
    letter: bool


class PlannedWordsShape(TypedDict):
    """Words that would be erased; how long they are."""

    digest: Digest
    recipient: str | None
    reason_sha256: Digest
    characters: int


class PlannedRedactionShape(TypedDict):
    """What would be erased of a document."""

    document: str
    words: list[PlannedWordsShape]
    letters: list[Digest]


def redaction_shape(one: Redaction) -> RedactionShape:
    return {
        "digest": one.digest,
        "recipient": one.recipient or None,
        "at": exact_instant(one.at),
        "actor": one.actor,
        "ground": one.ground,
        "reasons_sha256": list(one.commitments),
        "letter": one.letter,
    }


def planned_redaction_shape(
    document: str, words: Sequence[CommittedReason], letters: Sequence[str]
) -> PlannedRedactionShape:
    return {
        "document": document,
        "words": [
            {
                "digest": one.digest,
                "recipient": one.recipient or None,
                "reason_sha256": one.commitment,
                "characters": len(one.words),
            }
            for one in words
        ],
        "letters": list(letters),
    }
