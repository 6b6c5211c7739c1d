"""What the demonstration says, by key: in English here, in other languages in the catalogues.

narrate("vi", "play.starting", count=7)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edxml_router.demo.axis.texts import AXIS_TEXTS
from edxml_router.language import catalogues

TEXTS: Final[Mapping[str, str]] = {
    "play.making": "Certificates, configurations and databases in {folder} …",
    "play.broker": "A private RabbitMQ for this demo …",
    "play.starting": "Starting {count} nodes …",
    "play.killed": "kill -9 {name}, and started again",
    "play.by_hand": "The same by hand",
    "play.held": (
        "Every expectation held: {sent} envelopes, {deliveries} deliveries, {refused} refused, {seconds:.1f} s."
    ),
    "play.failed": "{count} expectations did not hold:",
    "play.logs": "The nodes' logs: {folder}/*/serve.log",
    "play.next": "The tree keeps running. In another terminal, for instance:",
    "play.shape": "what waits where, and for how long",
    "play.trace": "the way of the first letter, and its recall",
    "play.quarantine": "what a node refused, and from whom",
    "play.journal": "all that happened at a node",
    "play.doctor": "is anything wrong with a node?",
    "play.try_kill": "Kill a node in the middle of a letter's way, and start it again:",
    "play.kill": "ben-cau is gone at once, with its worker",
    "play.send": "a letter whose way leads through ben-cau: accepted all the same",
    "play.list": "it waits: not confirmed by ben-cau, and sent again until it is",
    "play.serve": "ben-cau runs again, in this terminal until Ctrl-C there; type the next line in a third one",
    "play.inbox": "seconds later the letter is here, once",
    "play.end": "Ctrl-C in this terminal ends the tree.",
    "board.board": "{envelopes} envelopes sent, {seconds:.1f} s",
    "board.node": "node",
    "board.serves": "serves",
    "board.envelopes": "envelopes",
    "board.waiting": "waiting",
    "board.forwarded": "forwarded",
    "board.inbox": "inbox",
    "board.confirmed": "confirmed",
    "board.returned": "returned",
    "board.refused": "refused",
    "board.recipient": "recipient",
    "board.way": "hops, with milliseconds since acceptance",
    "board.outcome": "outcome",
    "board.signature": "signature {verdict} ({cover}), signer {signer}",
    "board.whole": "whole message",
    "board.parts": "the three parts",
    "board.passed": "passed",
    "board.statuses": "Statuses sent back",
    "board.status": "status",
    "board.from": "from",
    "board.to": "to",
    "board.traces": "One trace per envelope",
    "board.bad": "Refused, in quarantine for the operator",
    "board.what": "what",
    "board.code": "code",
    "board.problem": "problem",
    "board.remedy": "remedy",
    **AXIS_TEXTS,
}


def narrate(language: str, key: str, /, **values: object) -> str:
    """The text in a language; KeyError for an unknown key."""
    return catalogues.text(language, f"demo.{key}", TEXTS[key], values)
