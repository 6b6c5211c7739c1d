"""Signed edXML messages for the demo and the scenario tests, and ways to spoil them.

    post = Post(tree.pki)
    data = post.document("G22", ["H53", "H01.151"], number=12, subject="V/v …")
    data = post.status("H53", about=…, code="01")

Agencies are real codes used as examples; persons, numbers and texts are invented.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path

from edxml_router.core.message import writer
from edxml_router.core.message.envelope import (
    Attachment,
    Business,
    BusinessInfo,
    Document,
    Envelope,
    OtherInfo,
    Party,
    ResponseFor,
    Staff,
    Status,
    Trace,
)
from edxml_router.core.signature.form import Coverage
from edxml_router.core.signature.signing import sign_document
from edxml_router.credentials.keys import load_certificates, load_key

VIETNAM = timezone(timedelta(hours=7))
TYPES = {"pdf": "application/pdf", "docx": "application/octet-stream", "zip": "application/zip"}
NAMES = {
    "G09": "Bộ Nội vụ",
    "G22": "Văn phòng Chính phủ",
    "H01": "Ủy ban nhân dân tỉnh An Giang",
    "H01.151": "Ủy ban nhân dân xã Định Mỹ",
    "H53": "Ủy ban nhân dân tỉnh Tây Ninh",
    "H53.31": "Ủy ban nhân dân huyện Bến Cầu",
    "H53.31.21": "Ủy ban nhân dân xã An Thạnh",
    "H53.31.22": "Ủy ban nhân dân xã Long Chữ",
}
PERSONS = ("Lê Văn Thử", "Trần Thị Ví Dụ", "Nguyễn Văn Mẫu", "Phạm Thị Minh Họa")
DESCRIPTIONS = {
    "01": "Đã đến: phần mềm đã nhận, văn thư chưa xử lý",
    "03": "Đã tiếp nhận",
    "15": "Đồng ý thu hồi văn bản",
}


@dataclass(frozen=True)
class File:
    """An attachment. The content is made from the name and size, so that nothing has to be kept."""

    name: str
    size: int

    @property
    def content(self) -> bytes:
        head = {"pdf": b"%PDF-1.7\n", "zip": b"PK\x03\x04", "docx": b"PK\x03\x04"}[self.name.rsplit(".", 1)[1]]
        return head + random.Random(self.name).randbytes(self.size - len(head))  # noqa: S311 - filling


PDF = File("cong-van.pdf", 6_000)


class Post:
    """Writes and signs messages with the keys of the folder ``pki``."""

    def __init__(self, pki: Path, today: date | None = None) -> None:
        self._pki = pki
        self._today = today or datetime.now(VIETNAM).date()
        self._keys = cache(lambda code: load_key(pki / f"{code}.key.pem"))
        self._chains = cache(lambda code: load_certificates(pki / f"{code}.cert.pem"))

    @property
    def day(self) -> str:
        return f"{self._today:%Y/%m/%d}"

    def document_id(self, sender: str, number: int) -> str:
        return f"{sender},{self.day},{number}/{_notation(sender)}"

    def document(
        self,
        sender: str,
        to: Sequence[str],
        number: int,
        subject: str,
        *,
        files: Sequence[File] = (PDF,),
        priority: int = 0,
        recalls: str = "",
        parts: bool = False,
        signer: str | None = "",
    ) -> bytes:
        """A signed document. ``signer`` is another agency whose key signs, or None for nobody's."""
        data = self.unsigned(sender, to, number, subject, files=files, priority=priority, recalls=recalls)
        return data if signer is None else self.signed(data, signer or sender, parts=parts)

    def status(self, sender: str, to: str, document_id: str, code: str) -> bytes:
        """A signed status about a document of the agency ``to``."""
        about = ResponseFor(to, document_id.rsplit(",", 1)[1], document_id.split(",")[1], document_id)
        envelope = Envelope(
            sender=Party(sender, organ_name=NAMES.get(sender, sender)),
            status=Status(about, code, DESCRIPTIONS.get(code, ""), self._now(), _staff(sender)),
        )
        return self.signed(writer.write(envelope, {}), sender)

    def signed(self, data: bytes, signer: str, *, parts: bool = False) -> bytes:
        coverage = Coverage.PARTS if parts else Coverage.WHOLE
        return sign_document(data, self._keys(signer), self._chains(signer), coverage)

    def unsigned(
        self,
        sender: str,
        to: Sequence[str],
        number: int,
        subject: str,
        *,
        files: Sequence[File] = (PDF,),
        priority: int = 0,
        recalls: str = "",
    ) -> bytes:
        attachments = tuple(
            Attachment(f"cid:{number}{place}", file.name, TYPES[file.name.rsplit(".", 1)[1]])
            for place, file in enumerate(files, start=1)
        )
        kind = Business.RECALL if recalls else Business.NEW
        reason = "Thu hồi văn bản điện tử" if recalls else "Văn bản điện tử mới"
        target = ResponseFor(sender, recalls.rsplit(",", 1)[-1], self.day, recalls)
        document = Document(
            document_id=self.document_id(sender, number),
            code_number=str(number),
            code_notation=_notation(sender),
            place="Hà Nội" if sender.startswith("G") else "Tây Ninh" if sender.startswith("H53") else "An Giang",
            promulgation_date=self.day,
            type="1",
            type_detail="0",
            type_name="Công văn",
            subject=subject,
            content=subject,
            competence="TL. BỘ TRƯỞNG" if sender.startswith("G") else "TM. ỦY BAN NHÂN DÂN",
            position="Chánh Văn phòng" if sender.startswith("G") else "Chủ tịch",
            full_name=PERSONS[number % len(PERSONS)],
            other=OtherInfo(priority=str(priority), promulgation_amount="1", page_amount="3"),
            response_for=(target,) if recalls else (),
            steering_type="1",
            to_places=("Như trên", "Lưu: VT"),
            business=BusinessInfo(kind, reason, paper="0", staff=_staff(sender)),
        )
        envelope = Envelope(
            sender=Party(sender, organ_name=NAMES.get(sender, sender), email="vanthu@example.vn"),
            to=tuple(Party(code, organ_name=NAMES.get(code, code)) for code in to),
            document=document,
            traces=(Trace(sender, self._now()),),
            attachments=attachments,
        )
        contents = {item.content_id: file.content for item, file in zip(attachments, files, strict=True)}
        return writer.write(envelope, contents)

    def _now(self) -> str:
        return f"{datetime.now(VIETNAM):%Y/%m/%d %H:%M:%S}"


def tampered(data: bytes, old: str, new: str) -> bytes:
    """``data`` with ``old`` replaced by ``new`` wherever it stands."""
    if old.encode() not in data:
        raise ValueError(f"the message has no {old!r}")
    return data.replace(old.encode(), new.encode())


def with_dtd(data: bytes) -> bytes:
    """``data`` with a document type declaration, the door for entity attacks."""
    head, body = data.split(b"?>", 1)
    return head + b'?>\n<!DOCTYPE edXML [<!ENTITY a "b">]>' + body


def _staff(sender: str) -> Staff:
    return Staff(department="Văn thư", staff=PERSONS[len(sender) % len(PERSONS)], email="vanthu@example.vn")


def _notation(sender: str) -> str:
    return {"G22": "VPCP-VP", "G09": "BNV-VP"}.get(sender, "UBND-VP")
