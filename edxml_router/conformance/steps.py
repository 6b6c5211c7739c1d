"""What the kit sends, in its order, and what each message waits for.

for step in needed(cases): …              # a step comes after the one that it depends on
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.conformance.cases.case import Case
from edxml_router.conformance.letters.forms import FORMS
from edxml_router.conformance.letters.stationery import SENTENCE, KitMessage, Stationery, content_of
from edxml_router.conformance.record import Record
from edxml_router.core.message.envelope import ResponseFor
from edxml_router.core.normal_forms import normal
from edxml_router.core.signature.form import Coverage

Write = Callable[[Stationery, Record], KitMessage]

FIRST: Final = "signed"  # nothing else is sent before the tested system has taken this one
LAST: Final = "last"  # what a system does about its mail one by one, it has done when it has taken this one
LARGE_BYTES: Final = 40 * 1024 * 1024
_NOTATION: Final = "SởTTTT-KTừ"  # letters with two marks, in the DocumentId as well
_ANSWERED: Final = ResponseFor("H01", "12/UBND-VP", "2026/01/05", "H01,2026/01/05,12/UBND-VP")


@dataclass(frozen=True, slots=True)
class Step:
    """A message that the kit sends. ``of``: the letter that it is about, which is sent before it; with ``taken`` only
    once the tested system has confirmed that letter."""

    purpose: str
    write: Write
    of: str = ""
    taken: bool = False


def _plain(purpose: str, text: str) -> Step:
    return Step(purpose, lambda paper, _: paper.letter(purpose, text))


def _later(purpose: str, of: str, change: Callable[[Stationery, str, KitMessage], KitMessage]) -> Step:
    return Step(purpose, lambda paper, record: change(paper, purpose, record.sent[of].message), of, taken=True)


def _formed(name: str) -> Step:
    answers: Sequence[ResponseFor] = (_ANSWERED,) if name == "order-answered" else ()
    return Step(name, lambda paper, _: paper.letter(name, "dạng viết khác", form=FORMS[name], answers=answers))


def _vietnamese(name: str, form: str) -> Step:
    def write(paper: Stationery, _: Record) -> KitMessage:
        file = (written("Tệp đính kèm.pdf"), content_of(name, 10_000))
        return paper.letter(name, written(SENTENCE), notation=written(_NOTATION), files=[file])

    def written(text: str) -> str:
        return normal("NFC" if form == "NFC" else "NFD", text)

    return Step(name, write)


def _large(size: int) -> Step:
    def write(paper: Stationery, _: Record) -> KitMessage:
        return paper.letter("large", "tệp đính kèm lớn", files=[("tep-lon.pdf", content_of("large", size))])

    return Step("large", write)


def steps(large_bytes: int = LARGE_BYTES) -> Sequence[Step]:
    """All of them; ``large_bytes`` is the size of the large attachment."""
    return (
        _plain(FIRST, "văn bản ký số"),
        Step("signed-parts", lambda paper, _: paper.letter("signed-parts", "ký theo phần", coverage=Coverage.PARTS)),
        *map(_formed, FORMS),
        _vietnamese("nfc", "NFC"),
        _vietnamese("nfd", "NFD"),
        _plain("duplicate", "văn bản gửi hai lần"),
        Step("duplicate/again", lambda _, record: record.sent["duplicate"].message, "duplicate", taken=True),
        _plain("same-id", "hai nội dung cùng DocumentId"),
        Step(
            "same-id/other",
            lambda paper, record: paper.other_bytes("same-id/other", record.sent["same-id"].message),
            "same-id",
        ),
        _later("same-id/update", "same-id", lambda paper, name, of: paper.update(name, of, same_id=True)),
        _plain("recall-early", "văn bản bị thu hồi ngay"),
        Step(
            "recall-early/recall",
            lambda paper, record: paper.recall("recall-early/recall", record.sent["recall-early"].message),
            "recall-early",
        ),
        _plain("recall-late", "văn bản bị thu hồi sau khi nhận"),
        _later("recall-late/recall", "recall-late", lambda paper, name, of: paper.recall(name, of)),
        _plain("recall-denied", "văn bản bị thu hồi, hãy từ chối trả lại"),
        _later("recall-denied/recall", "recall-denied", lambda paper, name, of: paper.recall(name, of)),
        _plain("asked-back", "văn bản xin lấy lại"),
        _later("asked-back/status", "asked-back", lambda paper, name, of: paper.asked_back(name, of)),
        _plain("update", "văn bản được cập nhật"),
        _later("update/update", "update", lambda paper, name, of: paper.update(name, of)),
        _plain("replacement", "văn bản bị thay thế"),
        _later("replacement/replacement", "replacement", lambda paper, name, of: paper.replacement(name, of)),
        _plain("attachment", "tệp để gửi lại"),
        _plain("returned", "văn bản cần từ chối"),
        _plain("rejected", "văn bản cần từ chối bằng trạng thái 02"),
        _large(large_bytes),
    )


def needed(every: Sequence[Step], cases: Iterable[Case]) -> Sequence[Step]:
    """The steps of these cases, with the first one and with what they are about."""
    wanted = {FIRST, *(purpose for case in cases for purpose in case.sends)}
    about_these = {step.of for step in every if step.purpose in wanted}
    return [step for step in every if step.purpose in wanted | about_these]
