"""What ``edxml-router retention`` says, by key; a part of :data:`edxml_router.language.texts.TEXTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RETENTION_TEXTS: Final[Mapping[str, str]] = {
    "retention.looking": "looking at what is kept",
    "retention.removing": "removing",
    "retention.sure": "Remove {count} bodies of {size} bytes for good?",
    "retention.done": "{count} bodies of {size} bytes removed",
    "retention.given": "{size} bytes of the database's file given back to the disk",
    "retention.compact": "Write the database of {size} bytes anew, of which {free} are free? Mail waits meanwhile.",
    "retention.compacted": "the database had {before} bytes and has {after}",
    "retention.kept": "{count} bodies of {size} bytes are here",
    "retention.gone": "{count} bodies of {size} bytes were removed on purpose so far",
    "retention.no_rule": "no rule lets anything go: see retention.bodies",
    "retention.nothing": "nothing would go, and nothing is kept beyond its term",
    "retention.more": "the first {limit} only; --limit shows more",
    "retention.goes": "goes by rule {rule}",
    "retention.stays": "stays: {why}",
    "retention.held": "{subject} is held; envelopes here: {count}",
    "retention.released": "{subject} is held no more; envelopes here: {count}",
    "retention.held_gone": "of {count} of them the body had been removed before",
    "retention.none_held": "nothing is held",
    "retention.why.for-ever": "kept for ever by its rule",
    "retention.why.open": "a delivery has not ended",
    "retention.why.inbox": "a recipient has not confirmed it",
    "retention.why.untold": "an outcome has not been handed over yet",
    "retention.why.unproven": "an entry about it has no place in the journal yet",
    "retention.why.held": "held",
    "retention.why.not-yet": "its term is not over",
    "retention.removed": "body removed on {at} by rule {rule}: position {position} of the journal",
    "col.fate": "what",
    "col.rule": "rule or reason",
    "col.bytes": "bytes",
    "col.oldest": "oldest",
    "trace.body": "body",
}
