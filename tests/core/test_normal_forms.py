"""Normal forms of what strangers write: Unicode's own, and never in the square of a pile of marks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.normal_forms import MOST_MARKS, Form, most_marks, normal

FORMS: list[Form] = ["NFC", "NFD", "NFKC", "NFKD"]


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(st.sampled_from("aeoĐưếﬁﷺ \u0301\u0302\u0316\u0345"), max_size=30))
def test_what_people_write_has_unicodes_normal_form(form: Form, text: str) -> None:
    assert normal(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [31, 1000])
def test_a_pile_is_broken_up_before_it_is_sorted(form: Form, count: int) -> None:
    made = normal(form, "a" + "\u0301\u0316" * count)
    assert most_marks(made) <= MOST_MARKS
    assert made.count("\u0301") + made.count("\u0316") + made.count("\u00e1") == 2 * count
    assert normal(form, made) == made
