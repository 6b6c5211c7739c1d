"""Agency codes: every shape seen in traffic, and the two mappings as properties."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edxml_router.core.agencies.code import AgencyCode, CodeForm, is_canonical, is_under
from edxml_router.core.problems import Refusal


@pytest.mark.parametrize(
    ("text", "form", "canonical"),
    [
        ("G12", CodeForm.CANONICAL, "G12"),
        ("H53.31.22", CodeForm.CANONICAL, "H53.31.22"),
        ("H01.151.01", CodeForm.CANONICAL, "H01.151.01"),
        ("H37.DN.001", CodeForm.CANONICAL, "H37.DN.001"),
        ("h53.31", CodeForm.CANONICAL, "H53.31"),
        ("  H53.31\r\n", CodeForm.CANONICAL, "H53.31"),
        ("000.00.00.G12", CodeForm.LEGACY13, "G12"),
        ("000.00.09.H53", CodeForm.LEGACY13, "H53.09"),
        ("000.22.31.h53", CodeForm.LEGACY13, "H53.31.22"),
        ("001.01.07.H53", CodeForm.LEGACY13, "H53.07.01.001"),
        ("000.00.01.A53", CodeForm.LEGACY13, "A53.01"),
        ("999.010.01.H22", CodeForm.LEGACY13, "H22.01.010.999"),
        ("28.22.H17", CodeForm.LEGACY3, "H17.22.28"),
        ("01.15.H63", CodeForm.LEGACY3, "H63.15.01"),
        ("00.14.H29", CodeForm.LEGACY3, "H29.14"),
        ("02.44.W00", CodeForm.LEGACY3, "W00.44.02"),
        ("Z01ABC123", CodeForm.SCHEME, "Z01ABC123"),
        ("z99abc", CodeForm.SCHEME, "Z99ABC"),
        ("0123456789", CodeForm.ENTERPRISE, "0123456789"),
        ("0123456789001", CodeForm.ENTERPRISE, "0123456789001"),
        ("vxp.saas.03", CodeForm.TECHNICAL, "vxp.saas.03"),
        ("Lgsp-Pilot_2", CodeForm.TECHNICAL, "Lgsp-Pilot_2"),
    ],
)
def test_form_and_canonical(text: str, form: CodeForm, canonical: str) -> None:
    code = AgencyCode.parse(text)
    assert (code.form, code.canonical()) == (form, canonical)
    assert code.text == text.strip()


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "empty"),
        (" \t ", "empty"),
        ("000.1137.H53", "perhaps 000.11.37.H53"),
        ("000.11.H53", "groups of 3, 2 and 2"),
        ("0.00.00.G12", "groups of 3, 2 and 2"),
        ("1.012784.H21", "groups of 3, 2 and 2"),  # the code of an administrative procedure
        ("OOO.OO.OO.G12", "groups of 3, 2 and 2"),
        ("H53..22", "empty group"),
        (".H53", "empty group"),
        ("H53.", "empty group"),
        ("H53.31-22", "government code"),
        ("H53.31_22", "government code"),
        ("H53 .31", "letters A-Z"),
        ("H53.#", "letters A-Z"),
        ("H53.*", "letters A-Z"),
        ("H53/31", "letters A-Z"),
        ("../../x", "letters A-Z"),
        ("H53\x00", "letters A-Z"),
        ("H53\x1f", "letters A-Z"),
        ("Н53", "letters A-Z"),  # Cyrillic
        ("H５３", "letters A-Z"),  # full-width digits
        ("ĐƠN.VỊ", "letters A-Z"),
        ("Z00ABC", "scheme"),
        ("Z01", "scheme"),
        ("Z01" + "A" * 33, "characters"),
        ("H53." + "1" * 32, "36 characters"),
        ("0123456789-001", "0123456789001"),
        ("012345678", "10 or 13"),
        ("000.00.00", "10 or 13"),
    ],
)
def test_malformed(text: str, detail: str) -> None:
    with pytest.raises(Refusal) as caught:
        AgencyCode.parse(text)
    assert caught.value.code == "EDX503"
    assert detail in caught.value.finding.detail
    assert caught.value.finding.detail.isprintable()


@pytest.mark.parametrize("text", ["000.01.00.H53", "001.00.10.H47", "001.00.00.H53", "14.00.H29"])
def test_a_hole_is_not_mapped_by_rule(text: str) -> None:
    code = AgencyCode.parse(text)
    with pytest.raises(Refusal) as caught:
        code.canonical()
    assert caught.value.code == "EDX504"


def test_a_code_with_a_hole_still_knows_its_province() -> None:
    code = AgencyCode.parse("001.00.10.H47")
    assert (code.top, code.level, code.groups) == ("H47", 4, ("H47", "10", "00", "001"))
    assert code.is_under("H47")
    assert code.is_under("H47.10")
    assert not code.is_under("H47.11")
    assert code.legacy13() == "001.00.10.H47"


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("G12", "000.00.00.G12"),
        ("H53.31.22", "000.22.31.H53"),
        ("h53.07.01.001", "001.01.07.H53"),
        ("28.22.H17", "000.28.22.H17"),
        ("000.00.09.H53", "000.00.09.H53"),
        ("H01.151", None),  # three digits at level 2: the code of a commune since July 2025
        ("H37.DN.001", None),
        ("H53.07.01.001.5", None),
        ("H53.07.01.01", None),
        ("H53.00", None),  # would come back as H53
        ("999.010.01.H22", None),
        ("vxp.saas.03", None),
        ("Z01ABC", None),
        ("0123456789", None),
    ],
)
def test_legacy13(text: str, old: str | None) -> None:
    assert AgencyCode.parse(text).legacy13() == old


@pytest.mark.parametrize(
    ("text", "level"), [("G12", 1), ("000.22.31.H53", 3), ("H01.151", 2), ("vxp.saas.03", 0), ("Z01A", 0)]
)
def test_level(text: str, level: int) -> None:
    assert AgencyCode.parse(text).level == level


def test_opaque_codes_have_one_group() -> None:
    assert AgencyCode.parse("vxp.saas.03").groups == ("vxp.saas.03",)
    assert not AgencyCode.parse("vxp.saas.03").is_under("vxp")


def test_is_under_stops_at_dots() -> None:
    assert is_under("H53.31", "H53")
    assert is_under("H53", "H53")
    assert not is_under("H53.311", "H53.31")
    assert not is_under("H53", "H53.31")


def test_is_canonical() -> None:
    assert is_canonical("H53.31.22")
    assert not is_canonical("h53.31.22")
    assert not is_canonical("000.00.00.H53")
    assert not is_canonical("H53\n")
    assert not is_canonical("H53." + "1" * 32)


tops = st.from_regex(r"[A-Y][0-9]{2}", fullmatch=True)
canonical_codes = st.from_regex(r"[A-Y][0-9]{2}(\.[0-9A-Z]{1,6}){0,4}", fullmatch=True)
old_codes = st.from_regex(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2}", fullmatch=True)


@given(canonical_codes)
def test_canonical_is_a_fixed_point(text: str) -> None:
    code = AgencyCode.parse(text)
    assert code.form is CodeForm.CANONICAL
    assert code.canonical() == text
    assert code.top == text[:3]
    assert is_under(text, code.top)


@given(canonical_codes)
@example("H53.09")
@example("H53.07.01.001")
def test_legacy13_leads_back(text: str) -> None:
    old = AgencyCode.parse(text).legacy13()
    if old is not None:
        assert len(old) == 13
        assert AgencyCode.parse(old).canonical() == text


@given(old_codes)
def test_old_codes_map_one_to_one_or_not_at_all(text: str) -> None:
    code = AgencyCode.parse(text)
    assert code.legacy13() == text
    try:
        canonical = code.canonical()
    except Refusal as refusal:
        assert refusal.code == "EDX504"
    else:
        assert AgencyCode.parse(canonical).legacy13() == text


@given(
    st.text(max_size=50)
    | st.text(alphabet="0123456789.HGZ-", max_size=20)
    | st.from_regex(r"[0-9A-Za-z.]{0,40}", fullmatch=True)
)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        code = AgencyCode.parse(text)
        code.legacy13()
        assert 0 <= code.level <= 18
        assert AgencyCode.parse(code.canonical()).canonical() == code.canonical()
    except Refusal as refusal:
        assert refusal.code in {"EDX503", "EDX504"}
