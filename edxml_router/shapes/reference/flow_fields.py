"""What the fields mean of what an operator tells the whole flow to do (part of the glossary)."""

from __future__ import annotations

from typing import Final

FLOW_FIELDS: Final[dict[str, str]] = {
    "Halt.actor": "Who put it in force.",
    "Halt.cause": "Stops what has this last problem; empty for any.",
    "Halt.count": "How many deliveries it holds now; of one that was released, how many it has let go.",
    "Halt.halt": "Its number.",
    "Halt.recipient": "Stops what is for this agency, with `.*` for those below it too; empty for any.",
    "Halt.released_at": "When it was released; null while it is in force.",
    "Halt.route": "Stops what would go over this link, or to this office; empty for any.",
    "Halt.sender": "Stops what is of this agency, with `.*` for those below it too; empty for any.",
    "Halt.since": "When it was put in force.",
}
