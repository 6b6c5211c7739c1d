"""An e-office product as its makers would write it with our client: an office that takes letters, answers them, and
whose people do what the kit asks for. Planted faults make it a bad one.

    with Product(world, faults={"recall"}): …                # a thread, until the end
"""

from __future__ import annotations

import _thread
import itertools
import secrets
import threading
import unicodedata
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from edxml_router.client import Client, ProblemError
from edxml_router.conformance.letters.stationery import FILE, SENTENCE
from edxml_router.core.body import MemoryBody
from edxml_router.core.message import contents, writer
from edxml_router.core.message.envelope import (
    Attachment,
    Business,
    BusinessInfo,
    Document,
    Envelope,
    Kind,
    Party,
    Replacement,
    ResponseFor,
    Status,
    Trace,
)
from edxml_router.core.xml import safe_xml
from tests.gateway.world import World

_NUMBERS = itertools.count(1)


class Product:
    """See the module. ``hands``: whether people at it do what they are asked for."""

    def __init__(self, world: World, faults: Collection[str] = (), *, hands: bool = True, folder: Path) -> None:
        self.world, self.faults, self.hands, self.folder = world, frozenset(faults), hands, folder
        self.client = Client(world.url, token=world.token("so"), authorities=world.pki / "anchors.pem")
        self.post = world.post
        self.stored: dict[str, Envelope] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Product:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)
        self.client.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        cursor = ""
        while not self._ending.is_set():
            page = self.client.inbox(cursor, wait=1)
            cursor = page["cursor"]
            for one in page["letters"]:
                self._receive(one["letter"])

    # --- what it receives ---

    def _receive(self, letter: str) -> None:
        data = self.client.fetch(letter, self.folder).read_bytes()
        opened = contents.opened(MemoryBody(data), safe_xml.Limits.up_to(len(data) + 1), secrets.token_hex(16))
        envelope = opened.envelope
        if "silent" in self.faults:
            return
        if "order" in self.faults and b"DocumentId>\n      </edXML:MessageHeader>" in data:
            self.client.send_back(letter, "cannot read it")
            return
        self.stored[letter] = envelope
        if envelope.kind is Kind.STATUS:
            self._hear(letter, envelope)
            return
        subject = unicodedata.normalize("NFC", envelope.document.subject or "") if envelope.document else ""
        if self.hands and "cần từ chối" in subject:
            self._refuse(letter, envelope, subject)
            return
        self._say(envelope, "01")
        if "twice" in self.faults and "gửi hai lần" in subject:
            self._say(
                envelope, "01", "đã đến lần nữa"
            )  # it was listed again before it was confirmed, and stored as another
        self.client.confirm(letter)
        if "interrupt" in self.faults:
            _thread.interrupt_main()  # whoever runs the kit presses Ctrl-C
        if envelope.business is Business.RECALL:
            self._recalled(envelope)
        elif self.hands and "văn bản ký số" in subject:
            self._people(envelope)
        elif self.hands and "tệp để gửi lại" in subject:
            [(_, pieces)] = opened.enclosed()
            content = b"".join(pieces)
            self._letter("Gửi lại tệp", files={FILE: content + b"\n" if "bytes" in self.faults else content})

    def _hear(self, letter: str, envelope: Envelope) -> None:
        if "statuses" in self.faults and envelope.status_code == "05":
            self.client.send_back(letter, "unknown")
            return
        self.client.confirm(letter)
        if envelope.status_code == "13":
            self._answer(envelope.document_id, envelope.status.response_for if envelope.status else ResponseFor(), "15")

    def _recalled(self, envelope: Envelope) -> None:
        assert envelope.document is not None
        [recalled] = envelope.document.response_for
        subjects = [
            one.document.subject
            for one in self.stored.values()
            if one.document_id == recalled.document_id and one.document
        ]
        denied = "từ chối trả lại" in (subjects[0] or "") if subjects else False
        if "recall" not in self.faults:
            self._answer(recalled.document_id or "", recalled, "16" if denied and self.hands else "15")

    def _refuse(self, letter: str, envelope: Envelope, subject: str) -> None:
        if "trạng thái 02" in subject:
            self.client.confirm(letter)
            self._say(envelope, "02", "" if "reasons" in self.faults else "Không thuộc thẩm quyền")
        else:
            self.client.send_back(letter, "Không thuộc thẩm quyền")

    # --- what it sends ---

    def _say(self, envelope: Envelope, code: str, why: str = "đã làm") -> None:
        document = envelope.document
        assert document is not None
        number = f"{document.code_number}/{document.code_notation}"
        about = ResponseFor(envelope.sender.organ_id, number, document.promulgation_date, envelope.document_id)
        self._answer(envelope.document_id, about, code, why)

    def _answer(self, document_id: str, about: ResponseFor, code: str, why: str = "đã làm") -> None:
        if "marks" in self.faults:
            document_id = "".join(each for each in document_id if not unicodedata.combining(each))
        if "codes" in self.faults and code == "01":
            code = "14"
        about = replace(about, organ_id="H53", document_id=document_id)
        status = Status(about, code, why or None, self.post._now())
        self._submit(writer.write(Envelope(sender=Party("H01.151"), status=status)))

    def _submit(self, data: bytes) -> None:
        self.client.submit(self.post.signed(data, "H01.151"))

    def _people(self, came: Envelope) -> None:
        if "brief" not in self.faults:
            self._all(came)
        unsigned = self.post.unsigned("H01.151", ["H53"], 1000 + next(_NUMBERS), "Văn bản chưa ký")
        for _ in range(9 if "stubborn" in self.faults else 1):
            with suppress(ProblemError):
                self.client.submit(unsigned)

    def _all(self, came: Envelope) -> None:
        for code in ("03", "04", "05", "06"):
            self._say(came, code)
        first = self._letter(f"Trả lời. {SENTENCE}")
        self._letter("Văn bản gửi nhầm, xin trả lại")
        if "again" in self.faults:  # when it came back: the same letter under another id
            self._letter("Văn bản gửi nhầm", mark="-2")
        self._letter("Thu hồi", business=BusinessInfo(Business.RECALL, "nhầm"), about=first)
        self._letter("Cập nhật", business=BusinessInfo(Business.UPDATE, "sửa", document_id=first.document_id))
        replaced = (Replacement(first.document_id, ("H53",)),)
        self._letter("Thay thế", business=BusinessInfo(Business.REPLACE, "thay", replacements=replaced))
        answered = ResponseFor("H53", "1/x", None, first.document_id)
        status = Status(answered, "13", "xin lấy lại", self.post._now())
        self._submit(writer.write(Envelope(sender=Party("H01.151"), status=status)))

    def _letter(
        self,
        subject: str,
        *,
        business: BusinessInfo | None = None,
        about: Envelope | None = None,
        files: Mapping[str, bytes] = MappingProxyType({}),
        mark: str = "",
    ) -> Envelope:
        self._number = next(_NUMBERS) if not mark else self._number
        number, day = str(self._number), self.post.day
        if "question" in self.faults and SENTENCE in subject:
            subject = "".join(each if each.isascii() else "?" for each in subject)
        document = Document(
            f"H01.151,{day},{number}/UBND-VP{mark}",
            number,
            "UBND-VP",
            promulgation_date=day,
            type="1",
            type_name="Công văn",
            subject=subject,
            full_name="Nguyễn Văn Mẫu",
            response_for=(ResponseFor("H01.151", None, day, about.document_id),) if about else (),
            business=business,
        )
        if "dates" in self.faults:
            document = replace(document, due_date=f"{self.post._today:%d/%m/%Y}")
        attachments = tuple(Attachment(f"cid:{name}", name, "application/pdf") for name in files)
        envelope = Envelope(
            sender=Party("H01.151", organ_name="Cơ quan được kiểm thử"),
            to=(Party("H53"),),
            document=document,
            traces=(Trace("H01.151", self.post._now()),),
            attachments=attachments,
        )
        self._submit(writer.write(envelope, dict(files)))
        return envelope
