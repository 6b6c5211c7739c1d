"""A letter for those who do not parse edXML: what it says as values, and its attachments one by one.

    envelope = read(node, body)                       # verified once more, and only what was signed
    about, pieces = attachment_of(node, body, 1)      # its name, type, size, digest; decoded while the body is read

Large bodies stay on disk. Raises Refusal EDX606 for an attachment that is not there.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.message import contents
from edxml_router.core.message.envelope import Attachment, Envelope
from edxml_router.core.problems import Refusal
from edxml_router.stages.acceptance.examination import examine
from edxml_router.wiring.stored import StoredNode


def read(node: StoredNode, body: Body) -> Envelope:
    """What the letter says: of a signed one only what its signature covers, as when it was accepted."""
    rules = node.rules
    return examine(body, rules.limits, rules.trust, node.now(), rules.engine).envelope


def attachment_of(node: StoredNode, body: Body, number: int) -> tuple[Attachment, Iterator[bytes]]:
    """The attachment of this number, from 1 on, in the order of the manifest, and its bytes."""
    letter = contents.opened(body, node.rules.limits, secrets.token_hex(16))
    for place, found in enumerate(letter.enclosed(), 1):
        if place == number:
            return found
    count = len(letter.envelope.attachments)
    raise Refusal("EDX606", where=str(number), detail=Detail("it has {count} attachments", count=count))
