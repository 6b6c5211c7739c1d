"""What ``edxml-router audit replay`` says, by key; a part of :data:`edxml_router.language.texts.TEXTS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REPLAY_TEXTS: Final[Mapping[str, str]] = {
    "replay.decided": "decided",
    "replay.decided_at": "{at}, position {position}",
    "replay.rules": "rules",
    "replay.of_then": "of then: set {digest}…, version {program}",
    "replay.of_today": "of today",
    "replay.judged": "judged again",
    "replay.outcome.accepted": "accepted",
    "replay.outcome.refused": "refused",
    "replay.outcome.postponed": "put off",
    "replay.same": "the same",
    "replay.differs": "different: {count}",
    "replay.unjudged": "not compared: only the node of then could tell whether {code} applies",
    "replay.other_program": "decided by version {then} of the program, judged again by {now}",
    "replay.other_schema": "the schemas were others then ({then}); it is judged by those of now ({now})",
    "replay.what.outcome": "outcome",
    "replay.what.code": "problem",
    "replay.what.signature": "signature",
    "replay.what.route": "route",
    "replay.what.attachments": "attachments",
    "replay.what.business": "business",
    "replay.what.document": "document",
    "replay.what.kind": "kind",
    "replay.what.refers_to": "refers to",
    "replay.what.remarks": "remarks",
    "replay.what.sender": "sender",
    "replay.what.signer": "signer's key",
    "replay.what.size": "bytes",
    "replay.what.status_code": "status",
    "replay.what.urgent": "urgent",
    "col.what": "what",
    "col.then": "then",
    "col.now": "now",
}
