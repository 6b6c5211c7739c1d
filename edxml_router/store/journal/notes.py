"""What is wrong with the note of a checkpoint that is kept, when the whole journal is verified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edxml_router.core.detail import Detail, said
from edxml_router.core.proof.checkpoint import read_head
from edxml_router.core.proof.note import VerifierKey, read_note, verified


def note_damage(mark: Any, keys: Sequence[VerifierKey]) -> str:
    """Of a row of the checkpoints, whose root was found right: empty where its note says the same and, if any of these
    keys is of its log, is signed with one of them. A note that an earlier key signed, and none of these is of, stays
    unverified: who wants it verified names that key, too."""
    if mark.note is None:
        return ""
    try:
        note = read_note(bytes(mark.note))
        head = read_head(note.text)
        if (head.size, head.root) != (mark.size, bytes(mark.root)):
            return Detail("the note is of another checkpoint")
        named = [key for key in keys if key.name == head.origin and any(each.by(key) for each in note.signatures)]
        if named:
            verified(note, named)
    except ValueError as error:
        return said(error)
    return ""
