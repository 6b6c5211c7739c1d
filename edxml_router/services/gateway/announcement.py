"""What an office says of an envelope whose bytes it has not sent: the question of
:mod:`edxml_router.services.gateway.forecast`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edxml_router.core.message.envelope import Attachment, Business, BusinessInfo, Document, Envelope, Party


@dataclass(frozen=True, slots=True)
class AnnouncedFile:
    """An attachment; ``size`` in bytes, decoded, and ``digest`` (SHA-256, hex) of the same. ``begins``: its first
    bytes, which its type is held against."""

    name: str
    size: int
    content_type: str = ""
    digest: str = ""
    begins: bytes = b""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What an office is about to send. ``size``: bytes of the envelope; ``day``: of the letter, yyyy/MM/dd;
    ``certificates``: the signer's and those above it, PEM; ``signed``: whether it will be signed."""

    sender: str
    recipients: Sequence[str]
    size: int
    attachments: Sequence[AnnouncedFile] = ()
    digest: str = ""
    day: str = ""
    business: Business = Business.NEW
    document_id: str = ""
    subject: str = ""
    certificates: bytes = b""
    signed: bool = True

    def envelope(self) -> Envelope:
        """As far as it is known, what acceptance would read."""
        document = Document(
            document_id=self.document_id,
            promulgation_date=self.day or None,
            subject=self.subject or None,
            business=BusinessInfo(kind=self.business),
        )
        files = (Attachment(str(place), one.name, one.content_type) for place, one in enumerate(self.attachments))
        to = tuple(Party(code) for code in self.recipients)
        return Envelope(sender=Party(self.sender), to=to, document=document, attachments=tuple(files))
