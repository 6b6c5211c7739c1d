"""What the fields mean of what an operator tells the whole flow to do (part of the glossary)."""

from __future__ import annotations

from typing import Final

FLOW_FIELDS: Final[dict[str, str]] = {
    "Drain.actor": "By whose word nothing new is taken.",
    "Drain.answers": "Deliveries that the next node, or a recipient, has to answer.",
    "Drain.draining": "Whether nothing new is taken now.",
    "Drain.empty": "Whether the node has nothing more to do by itself.",
    "Drain.since": "Since when nothing new was taken.",
    "Drain.to_send": "Deliveries that are to be sent now.",
    "Drain.to_tell": "Receipts that neighbours are to be sent now.",
    "Drain.waiting": "Deliveries that are held, put off, or for a mailbox that does not answer.",
    "Halt.actor": "Who put it in force.",
    "Halt.cause": "Stops what has this last problem; empty for any.",
    "Halt.count": "How many deliveries it holds now; of one that was released, how many it has let go.",
    "Halt.halt": "Its number.",
    "Halt.recipient": "Stops what is for this agency, with `.*` for those below it too; empty for any.",
    "Redrive.acts": "How many by what is done: `retry`, `release`, `resend`.",
    "Redrive.by_route": "How many by link or office.",
    "Redrive.count": "How many deliveries.",
    "Redrive.more": "Whether more match.",
    "Redrive.newest": "The last of them by number; null where there is none.",
    "Redrive.oldest": "The first of them by number; null where there is none.",
    "RedriveEdge.document": "Its DocumentId; may be empty.",
    "RedriveEdge.since": "Since when it stands so.",
    "Halt.released_at": "When it was released; null while it is in force.",
    "Halt.route": "Stops what would go over this link, or to this office; empty for any.",
    "Halt.sender": "Stops what is of this agency, with `.*` for those below it too; empty for any.",
    "Halt.since": "When it was put in force.",
}
