"""A letter opened for those who do not parse edXML: its fields, and each attachment as a file.

    letter = opened(body, limits, token)
    letter.envelope
    for attachment, pieces in letter.enclosed(): …

The letter was judged when it was accepted; nothing is verified here. Only its skeleton is in memory, however large it
is (:mod:`~edxml_router.core.xml.skeleton`). Raises Refusal as the reader does, for what was never accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edxml_router.core.body import Body
from edxml_router.core.message import reader
from edxml_router.core.message.attachments import encoded_texts, plain_id
from edxml_router.core.message.envelope import Attachment, Envelope
from edxml_router.core.xml import content, safe_xml, skeleton
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.core.xml.skeleton import Skeleton


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter whose attachments can be taken out, one after another."""

    envelope: Envelope
    bones: Skeleton
    texts: Mapping[str, str]

    def enclosed(self) -> Iterator[tuple[Attachment, Iterator[bytes]]]:
        """Each attachment and its bytes, in the order of the manifest."""
        for attachment in self.envelope.attachments:
            text = self.texts[plain_id(attachment.content_id)]
            yield attachment, content.decoded(self.bones.written(text))


def opened(body: Body, limits: Limits, token: str) -> OpenedLetter:
    """``token``: at least 128 random bits as letters and digits, new each time."""
    bones = skeleton.scan(body, limits, token)
    root = safe_xml.parse(bones.text, limits)
    reading = reader.read(root, limits, bones.contents_in(root))
    return OpenedLetter(reading.envelope, bones, encoded_texts(root))
