"""What is said of neighbours and of what they told (part of :mod:`edxml_router.language.texts`)."""

from __future__ import annotations

from typing import Final

LINK_TEXTS: Final[dict[str, str]] = {
    "gap.excused": "{document}: may be forgotten with a restored back-up",
    "gap.working": "deliveries compared",
    "gap.nobody": "There is no neighbour to compare with.",
    "gap.more": "{peer}: more than these {limit} gaps: `edxml-router link check {peer} --after {number}`.",
    "pki.requested": "{name}: key {key}; give {request} to the authority above.",
    "pki.signing_node": "Node {name}, serves {serves}, until {until}.",
    "pki.signing_authority": "Authority of node {name} for {serves}, until {until}.",
    "pki.signed": "Signed: {path}",
    "pki.unsigned": "Nothing was signed; --yes does, into {path}.",
    "unproven.none": "Since {since} nothing has ended by a neighbour's word alone.",
    "unproven.cut": "There are more than these {limit}: --limit, or --code and --since.",
    "witness.fork": "{peer}, {at}: cosigned here, and shown later:",
}
