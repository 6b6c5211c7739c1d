"""An example of each kind of draft, and a message of each kind as the node writes it: to learn from, and to test with.

    example("recall")                                  # a draft as an object of JSON
    for name, data in messages(registry, now): …      # "recall.edxml" and its bytes

The agencies are real codes, the persons, numbers and texts invented. The messages are unsigned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.message import writer
from edxml_router.core.message.envelope import Envelope, Party, StatusCode
from edxml_router.core.problems import Refusal
from edxml_router.services.letters import drafts, writing
from edxml_router.services.letters.drafts import KINDS
from edxml_router.services.letters.header import VIETNAM
from edxml_router.services.letters.originals import Original
from edxml_router.services.letters.scribe import Scribe
from edxml_router.services.letters.values import DraftContext

SENDER: Final = "H01.151"
RECIPIENT: Final = "H01"
_NOTHING: Final = Original("", Envelope(Party("")))
_FILES: Final = {"cong-van.pdf": b"%PDF-1.7\n% mot tep mau\n"}
_LETTER: Final[Mapping[str, Any]] = {
    "sender": SENDER,
    "recipients": [RECIPIENT, "000.00.00.G22"],
    "number": "125",
    "notation": "UBND-VP",
    "place": "An Giang",
    "type": "Công văn",
    "subject": "V/v báo cáo kết quả chuyển đổi số quý III",
    "signer": {"name": "Nguyễn Văn Mẫu", "position": "Chủ tịch", "authority": "TM. ỦY BAN NHÂN DÂN"},
    "urgency": "ordinary",
    "pages": 3,
    "places": ["Như trên", "Lưu: VT"],
    "attachments": [{"file": "cong-van.pdf", "name": "Công văn 125.pdf"}],
    "staff": {"department": "Văn thư", "name": "Trần Thị Ví Dụ", "email": "vanthu@example.vn"},
}
_DRAFTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "letter": _LETTER,
    "recall": {"document": "", "reason": "Văn bản ban hành nhầm phụ lục"},
    "update": {"document": "", "reason": "Bổ sung nơi nhận", "added": ["H53"], "subject": _LETTER["subject"]},
    "replacement": {
        **_LETTER,
        "number": "126",
        "recipients": None,
        "replaces": [""],
        "reason": "Thay thế văn bản có sai sót về nội dung",
    },
    "status": {"letter": "", "code": "03", "description": "Đã tiếp nhận, số đến 301"},
}


def example_draft(kind: str, about: str = "H01.151,2026/11/27,125/UBND-VP") -> dict[str, Any]:
    """A draft of this kind; ``about`` is the letter that it names. Raises Refusal EDX606 for a kind that is none."""
    if kind not in KINDS:
        raise Refusal("EDX606", where=kind[:100], detail=", ".join(KINDS))
    members = {name: value for name, value in _DRAFTS[kind].items() if value is not None}
    for name in ("document", "letter"):
        if name in members:
            members[name] = about
    if "replaces" in members:
        members["replaces"] = [about]
    return members


@dataclass(frozen=True, slots=True)
class _OneLetter:
    """A source of letters that has one, which was sent and received, with one file."""

    letter: Original

    def sent(self, _name: str) -> Original:
        return self.letter

    def received(self, _name: str) -> Original:
        return self.letter

    def contents(self, _original: Original) -> Mapping[str, bytes]:
        return {"1": next(iter(_FILES.values()))}


def messages(registry: Registry, now: datetime) -> Iterator[tuple[str, bytes]]:
    """A message of each kind, and of each status, all about the first one; by the name of a file."""
    [(first, data)] = _written(registry, now, "letter", None, {})
    yield "letter.edxml", data
    for kind in ("recall", "update", "replacement"):
        for _, data in _written(registry, now, kind, first, {}):
            yield f"{kind}.edxml", data
    for code in StatusCode:
        changes: dict[str, Any] = {"code": code.value, "description": "Lý do được nêu ở đây"}
        if code is StatusCode.RECALL_ASKED:
            changes |= {"letter": None, "document": "-", "recipients": [RECIPIENT]}
        for _, data in _written(registry, now, "status", first, changes):
            yield f"status-{code.value}.edxml", data


def _written(
    registry: Registry, now: datetime, kind: str, about: Original | None, changes: Mapping[str, Any]
) -> Iterator[tuple[Original, bytes]]:
    draft = {**example_draft(kind), **changes}
    data = json.dumps({name: value for name, value in draft.items() if value is not None}, ensure_ascii=False).encode()
    files = _FILES if kind in ("letter", "replacement") else {}
    letters = _OneLetter(about or _NOTHING)
    reading = DraftContext(
        registry, now.astimezone(VIETNAM).date(), frozenset({SENDER, RECIPIENT}), frozenset(files), letters
    )
    scribe = Scribe(registry, letters, now, hashlib.sha256(data).hexdigest())
    for message in writing.write(scribe, drafts.read(KINDS[kind], data, reading), files):
        written = writer.write(message.envelope, message.contents)
        yield Original(hashlib.sha256(written).hexdigest(), message.envelope, RECIPIENT), written
