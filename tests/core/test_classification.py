"""Markings of state secrets are found, and ordinary words are not taken for one."""

import unicodedata
from dataclasses import replace

import pytest

from edxml_router.core.message.classification import DEGREES, Markings
from edxml_router.core.message.envelope import Attachment, Document, Envelope, OtherInfo, Party

MARKINGS = Markings()

# ruff: noqa: E501 - rows of texts
MARKED = [
    "Mật", "MẬT", "  tối mật ", "(Mật) V/v bố trí lực lượng", "V/v bố trí lực lượng [TUYỆT MẬT]", "Mật - V/v kế hoạch",
    "MẬT: Báo cáo quý", "Độ mật: Mật", "độ mật = tối mật", "Mức độ mật: Tuyệt mật", "Kế hoạch tuyệt  mật năm 2026",
    "Báo cáo MẬT về tình hình", "V/v tài liệu tối\u00a0mật", "TỐIMẬT", "«Mật» Báo cáo", unicodedata.normalize("NFD", "(Mật) Báo cáo"),
]  # fmt: skip
ORDINARY = [
    "V/v bảo mật thông tin", "BẢO MẬT THÔNG TIN", "V/v tăng cường bí mật kinh doanh", "Mật độ dân số năm 2026", "MẬT ĐỘ XÂY DỰNG",
    "Đổi mật khẩu thư công vụ", "V/v cơ mật viện triều Nguyễn", "Nguyễn Văn Mật", "Độ mật: Thường", "V/v nuôi ong lấy mật", "",
    "HỘI THẢO BẢO MẬT",
]  # fmt: skip


@pytest.mark.parametrize("text", MARKED)
def test_markings_are_found(text: str) -> None:
    assert MARKINGS.mark(text)


INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u17b4\u180e\u200b\u200c\u200d\u200e\u202e\u2060\u2069\u3164\ufe0f\ufeff\uffa0\U000e0020"
)


@pytest.mark.parametrize("unseen", INVISIBLE, ids=lambda one: f"U+{ord(one):04X}")
def test_markings_are_found_through_what_nobody_sees(unseen: str) -> None:
    """As the only space, inside a word, both at once, between decomposed letters, and as the word's only edge."""
    for text in (
        "TỐI MẬT".replace(" ", unseen),
        "V/v tuyệt mật năm 2026".replace(" ", unseen),
        "Độ mật: Mật".replace(" ", unseen),
        unseen.join("(Mật) V/v"),
        f"V/v tố{unseen}i{unseen}mật",
        unseen.join(unicodedata.normalize("NFD", "[MẬT]")),
        f"Báo cáo{unseen}MẬT{unseen}về tình hình",
    ):
        assert MARKINGS.mark(text)
        assert MARKINGS.found_in(_envelope(subject=text)) == "Subject"


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad"])
def test_ordinary_words_stay_ordinary_with_what_nobody_sees(text: str, unseen: str) -> None:
    assert not MARKINGS.mark(text.replace(" ", unseen))
    assert not MARKINGS.mark(text.replace(" ", f" {unseen}"))


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_are_not_markings(text: str) -> None:
    assert not MARKINGS.mark(text)


def _envelope(**fields: object) -> Envelope:
    return Envelope(Party("H53"), (Party("H01"),), Document("1", **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("envelope", "name"),
    [
        (_envelope(subject="(Mật) V/v"), "Subject"),
        (_envelope(code_notation="MẬT"), "CodeNotation"),
        (_envelope(type_name="Tối mật"), "TypeName"),
        (_envelope(other=OtherInfo(sphere_of_promulgation="Mật")), "SphereOfPromulgation"),
        (_envelope(other=OtherInfo(appendixes=("x", "Tuyệt mật"))), "Appendix"),
        (replace(_envelope(), attachments=(Attachment("1", "Mật.pdf", "application/pdf"),)), "AttachmentName"),
        (_envelope(subject="V/v họp giao ban"), ""),
    ],
)
def test_where_a_marking_is_looked_for(envelope: Envelope, name: str) -> None:
    assert MARKINGS.found_in(envelope) == name


def test_markings_are_configurable() -> None:
    assert Markings(["nội bộ"]).mark("(Nội bộ) Thông báo")
    assert not Markings(["nội bộ"]).mark("(Mật)")
    assert not Markings([]).mark("(Mật)")
    assert set(DEGREES) == set(MARKINGS.degrees)
