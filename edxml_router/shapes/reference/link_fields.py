"""What the fields of comparisons of links mean; docs/evidence.md tells what they prove."""

from __future__ import annotations

from typing import Final

LINK_FIELDS: Final[dict[str, str]] = {
    "LinkComparison.compared": "How many deliveries were compared now, in both directions.",
    "LinkComparison.complete": "Whether both ends have shown their lists to the end.",
    "LinkComparison.gap_count": "How many gaps there are.",
    "LinkComparison.gaps": "The gaps, as many as were asked for: what one end lists and the other does not know, or"
    " where each says that something else became of it.",
    "LinkComparison.neighbour": "The neighbour's name.",
    "LinkComparison.next": "The number of the last one shown, for `--after`; null where there are no more.",
    "LinkComparison.problem": "Why it is not complete; null when it is.",
    "LinkComparison.reached": "Before when everything accepted was compared by the node itself; null before the"
    " first time.",
    "LinkGap.at": "When it went, by the clock of the end that lists it.",
    "LinkGap.direction": "`handed`: the end that lists it handed it over; `taken`: it took it.",
    "LinkGap.document": "Its DocumentId, in comparable form.",
    "LinkGap.evidence": "The note that the neighbour signed: its list, or its answer.",
    "LinkGap.excused": "Whether a restored back-up may have forgotten it; then it is no problem.",
    "LinkGap.found_at": "When the gap was found here.",
    "LinkGap.lacking": "Which end does not know it: `here`, `there`, or `neither`, where each says that something else"
    " became of it.",
    "LinkGap.neighbour": "The neighbour's name.",
    "LinkGap.other": "The digest under which the end that lacks it has that document; null when it has none.",
    "LinkGap.outcome_here": "What became of it by this node, or `open`; null where an end does not know it.",
    "LinkGap.outcome_there": "What became of it by the neighbour, or `open`; null where an end does not know it.",
    "Requested.request": "The file with the request.",
    "SignedRequest.authority": "Whether it is for an authority of a node, or for a node.",
    "SignedRequest.certificate": "The file with the certificate and those above it; null where nothing was signed.",
    "SignedRequest.serves": "The agencies that it names.",
    "SignedRequest.until": "When it ends.",
    "UnprovenEnd.document": "Its DocumentId; empty where it could not be read.",
    "UnprovenEnd.neighbour": "Who told it.",
    "UnprovenEnd.outcome": "What the neighbour says: `confirmed`, `returned`, `expired`, `cancelled`.",
    "UnprovenEnd.problem": "Why nothing proves it.",
    "UnprovenEnd.taken_at": "When it became known here.",
}
