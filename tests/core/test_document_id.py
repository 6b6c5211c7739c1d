"""Ids that look the same are the same, and those that cannot be seen are found out."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.message.document_id import comparable, invisible
from edxml_router.core.normal_forms import MOST_MARKS

PLAIN = "H53.01,2026/03/02,12/QĐ-UBND"


@pytest.mark.parametrize(
    "spelling",
    [
        PLAIN,
        unicodedata.normalize("NFD", PLAIN),
        PLAIN.replace("Đ", "\u00d0"),
        PLAIN.replace("Đ", "\u0189"),
        PLAIN.replace("Đ", "D\u0335"),
        PLAIN.replace("Đ", "D\u0336"),
        PLAIN.replace("/", "\u2044"),
        PLAIN.replace("/", "\u2215"),
        PLAIN.replace("-", "\u2011"),
        PLAIN.replace("-", "\u2010"),
        PLAIN.replace("12", "\uff11\uff12").replace("/", "\uff0f"),
        f"\u00a0{PLAIN} ",
    ],
)
def test_what_looks_the_same_is_the_same(spelling: str) -> None:
    assert comparable(spelling) == PLAIN


def test_letters_of_several_marks_and_blanks_of_several_widths() -> None:
    assert comparable("Sổ\u00a0 việc\u3000ệ") == comparable(unicodedata.normalize("NFD", "Sổ việc ệ")) == "Sổ việc ệ"
    assert comparable("e\u0323\u0302") == comparable("e\u0302\u0323") == "ệ"


@pytest.mark.parametrize("other", ["12/qđ-UBND", "12/QD-UBND", "1²/QĐ-UBND", "12/QĐ–UBND", "12/QĐUBND", "1 2/QĐ-UBND"])
def test_what_looks_different_stays_different(other: str) -> None:
    assert comparable(other) != comparable("12/QĐ-UBND")


@given(st.text())
def test_a_comparable_form_is_its_own(text: str) -> None:
    form = comparable(text)
    assert comparable(form) == form == comparable(unicodedata.normalize("NFD", text))


@given(st.text(alphabet=st.characters(categories=["L", "M", "N", "P", "S"], max_codepoint=0x1FFF)))
def test_canonically_equal_texts_have_one_form(text: str) -> None:
    assert comparable(unicodedata.normalize("NFC", text)) == comparable(unicodedata.normalize("NFD", text))


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\u200b", "U+200B"), ("\xad", "U+00AD"), ("\U000e0041", "U+E0041"), ("\u202e", "U+202E"), ("\ufe0f", "U+FE0F"),
        ("\t", "U+0009"), ("\x85", "U+0085"), ("\u2028", "U+2028"), ("\u034f", "U+034F"), ("\u2800", "U+2800"),
        ("\U00013430", "U+13430"), ("\U00016fe4", "U+16FE4"),
    ],
)  # fmt: skip
def test_what_nobody_sees_is_named(character: str, name: str) -> None:
    assert invisible(f"12{character}/QĐ") == name


def test_what_can_be_seen_is_no_problem() -> None:
    assert invisible(PLAIN) == invisible(unicodedata.normalize("NFD", PLAIN)) == invisible("1\u00a02") == ""


def test_a_pile_of_marks_is_not_visible() -> None:
    """Two ids that differ in the order of forty accents look the same, and Unicode's normal form takes the square."""
    assert invisible("12/QĐ" + "\u0301" * MOST_MARKS) == ""
    assert invisible("12/QĐ" + "\u0316\u0301" * MOST_MARKS) == f"more than {MOST_MARKS} marks on one letter"
