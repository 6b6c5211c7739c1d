"""What the kit writes: signed letters in every form that the standard allows, and statuses.

    paper = Stationery("H53", "H01.151", now, sign)
    message = paper.letter("signed", "Văn bản ký số")           # KitMessage: bytes, digest, what it says

Each letter has a number of its own, by which people find it in the tested system and the kit finds it again in what
comes back, even where that is damaged. Persons and texts are invented; texts of letters are Vietnamese, since that is
what is tested.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from edxml_router.core.message import writer
from edxml_router.core.message.attachments import plain_id
from edxml_router.core.message.envelope import (
    Attachment,
    Business,
    BusinessInfo,
    Document,
    Envelope,
    OtherInfo,
    Party,
    Replacement,
    ResponseFor,
    Staff,
    Status,
    Trace,
)
from edxml_router.core.signature.form import Coverage
from edxml_router.services.letters.header import VIETNAM, time_stamp, written_day

Sign = Callable[[bytes, Coverage], bytes]
Form = Callable[[bytes], bytes]

SENTENCE: Final = "Kiểm thử chữ Việt: ắ ằ ẳ ẵ ặ, ế ề ể ễ ệ, ố ồ ổ ỗ ộ, ứ ừ ử ữ ự, Đ đ, ỳ ý ỷ ỹ ỵ"
FILE: Final = "tep-doi-chieu.pdf"
_PDF: Final = b"%PDF-1.7\n"
_STAFF: Final = Staff(department="Văn thư", staff="Trần Thị Ví Dụ", mobile="0900000000", email="vanthu@example.vn")


@dataclass(frozen=True, slots=True)
class KitMessage:
    """A message as it was written. ``purpose`` names its part in the trial."""

    purpose: str
    number: str
    envelope: Envelope
    data: bytes
    digest: str
    attachment_digest: str = ""  # SHA-256 of the content of the first attachment

    @property
    def document_id(self) -> str:
        return self.envelope.document_id


def content_of(name: str, size: int) -> bytes:
    """The content of an attachment, made from its name and size, so that nothing has to be kept."""
    return _PDF + random.Random(name).randbytes(size - len(_PDF))  # noqa: S311  # filling


class Stationery:
    """Writes for one run. ``sender`` and ``recipient`` are agency codes, ``now`` a clock; ``sign`` is the sender's."""

    def __init__(self, sender: str, recipient: str, now: Callable[[], datetime], sign: Sign) -> None:
        self._sender, self._recipient, self._now, self._sign = sender, recipient, now, sign
        self._day = written_day(now().astimezone(VIETNAM).date()) or ""
        self._run = int(now().timestamp() * 10) % 10**8  # the day stands in the DocumentId as well
        self._count = 0

    def letter(
        self,
        purpose: str,
        about: str,
        *,
        notation: str = "UBND-KT",
        files: Sequence[tuple[str, bytes]] = ((FILE, content_of(FILE, 20_000)),),
        document_id: str = "",
        business: BusinessInfo | None = None,
        answers: Sequence[ResponseFor] = (),
        form: Form = bytes,
        coverage: Coverage = Coverage.WHOLE,
    ) -> KitMessage:
        """A letter, or with ``business`` what changes one. ``about`` ends its subject; ``form`` rewrites the XML in
        another form that says the same, before it is signed."""
        self._count += 1
        number = f"{self._run:08d}{self._count:02d}"
        attachments = tuple(
            Attachment(f"cid:{number}{place}", name, "application/pdf") for place, (name, _) in enumerate(files, 1)
        )
        contents = {plain_id(one.content_id): data for one, (_, data) in zip(attachments, files, strict=True)}
        default = BusinessInfo(Business.NEW, "Văn bản điện tử mới")
        document = Document(
            document_id=document_id or f"{self._sender},{self._day},{number}/{notation}",
            code_number=number,
            code_notation=notation,
            place="Hà Nội",
            promulgation_date=self._day,
            type="1",
            type_detail="0",
            type_name="Công văn",
            subject=f"Kiểm thử {number}: {about}",
            content=f"Kiểm thử {number}: {about}",
            competence="TL. CHỦ TỊCH",
            position="Chánh Văn phòng",
            full_name="Nguyễn Văn Mẫu",
            other=OtherInfo(priority="0", promulgation_amount="1", page_amount="1"),
            response_for=tuple(answers),
            steering_type="1",
            to_places=("Như trên", "Lưu: VT"),
            business=replace(business or default, paper="0", staff=_STAFF),
        )
        envelope = Envelope(
            sender=self._party(self._sender, "Cơ quan đối chứng"),
            to=(self._party(self._recipient, "Cơ quan được kiểm thử"),),
            document=document,
            traces=(Trace(self._sender, time_stamp(self._now())),),
            attachments=attachments,
        )
        written = self._message(purpose, number, envelope, form(writer.write(envelope, contents)), coverage)
        first = hashlib.sha256(files[0][1]).hexdigest() if files else ""
        return replace(written, attachment_digest=first)

    def recall(self, purpose: str, of: KitMessage) -> KitMessage:
        """A recall of a letter, as NĐ 30/2020, article 18.4 means it; it carries no files."""
        business = BusinessInfo(Business.RECALL, "Thu hồi để kiểm thử")
        return self.letter(
            purpose, f"thu hồi văn bản {of.number}", files=(), business=business, answers=[about(of.envelope)]
        )

    def update(self, purpose: str, of: KitMessage, *, same_id: bool = False) -> KitMessage:
        """An update; with ``same_id`` under the DocumentId of what it changes, as some systems write it."""
        business = BusinessInfo(
            Business.UPDATE,
            "Cập nhật để kiểm thử",
            document_id=of.document_id,
            document_info="1",
            document_receiver="0",
        )
        own = of.document_id if same_id else ""
        return self.letter(purpose, f"cập nhật văn bản {of.number}", business=business, document_id=own)

    def replacement(self, purpose: str, of: KitMessage) -> KitMessage:
        replaced = (Replacement(of.document_id, (self._recipient,)),)
        business = BusinessInfo(Business.REPLACE, "Thay thế để kiểm thử", replacements=replaced)
        return self.letter(purpose, f"thay thế văn bản {of.number}", business=business)

    def other_bytes(self, purpose: str, of: KitMessage) -> KitMessage:
        """Another new letter under the same DocumentId."""
        return self.letter(purpose, "nội dung khác dưới cùng DocumentId", document_id=of.document_id)

    def status(self, purpose: str, answered: ResponseFor, code: str, description: str) -> KitMessage:
        """A status about a document; its addressee is the agency in ``answered``."""
        status = Status(answered, code, description, time_stamp(self._now()), _STAFF)
        envelope = Envelope(sender=self._party(self._sender, "Cơ quan đối chứng"), status=status)
        return self._message(purpose, "", envelope, writer.write(envelope), Coverage.WHOLE)

    def asked_back(self, purpose: str, of: KitMessage) -> KitMessage:
        """Status 13 about a letter of the kit's own: its recipient is asked to give it back."""
        answered = replace(about(of.envelope), organ_id=self._recipient)
        return self.status(purpose, answered, "13", "Đề nghị lấy lại văn bản để kiểm thử")

    def _party(self, code: str, name: str) -> Party:
        return Party(code, "Cơ quan chủ quản", name, email="vanthu@example.vn")

    def _message(self, purpose: str, number: str, envelope: Envelope, data: bytes, coverage: Coverage) -> KitMessage:
        signed = self._sign(data, coverage)
        return KitMessage(purpose, number, envelope, signed, hashlib.sha256(signed).hexdigest())


def about(envelope: Envelope) -> ResponseFor:
    """``ResponseFor`` of a document."""
    document = envelope.document
    number = "/".join(filter(None, (document.code_number, document.code_notation))) if document else ""
    day = document.promulgation_date if document else None
    return ResponseFor(envelope.sender.organ_id, number or None, day, envelope.document_id)
