"""The registry: which agency a code means on a day, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.agencies.agency import Agency, AgencyState, Alias, Level, Succession, fold
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.problems import Refusal

BEFORE, LAST, AFTER = date(2025, 1, 10), date(2025, 6, 30), date(2025, 7, 1)

LEVELS = (
    Level("national", "Trung ương", "National", letters="G"),
    Level("province", "Tỉnh", "Province", letters="HK"),
    Level("district", "Huyện", "District", valid_to=LAST, name_starts=("ubnd huyen", "ubnd thanh pho")),
    Level("commune", "Xã", "Commune", name_starts=("ubnd xa", "ubnd phuong")),
    Level("unit", "Đơn vị", "Unit"),
)


def agency(code: str, level: str = "unit", **more: object) -> Agency:
    parent = code.rpartition(".")[0] or None
    return Agency(code, f"Cơ quan {code}", level, parent)._replace(**more)


AGENCIES = (
    agency("G12", "national"),
    agency("H01", "province"),
    agency("H01.151", "commune", valid_from=AFTER),
    agency("H33", "province", state=AgencyState.CLOSED, valid_to=LAST),
    agency("H33.05"),
    agency("H33.06", state=AgencyState.CLOSED),
    agency("H53", "province", name="Ủy ban nhân dân tỉnh Tây Ninh"),
    agency("H53.09", name="Sở Nội vụ tỉnh Tây Ninh"),
    agency("H53.12", state=AgencyState.CLOSED, valid_to=BEFORE),
    agency("H53.31", "district"),
    agency("H53.31.22", "commune"),
    agency("001.00.10.H47", "district", parent="H47"),
    agency("vxp.saas.03", parent="H53"),
)
ALIASES = (
    Alias("tayninh.sonv", "H53.09"),
    Alias("000.00.77.H53", "H53.09"),
    Alias("H53.90", "H53.09"),
    Alias("000.00.78.H53", "H53.09", valid_to=BEFORE),
    Alias("000.00.79.H53", "H53.09", valid_from=AFTER),
    Alias("000.1137.H53", "H53.09"),
    Alias("000.00.80.H53", "H53.404"),
)
SUCCESSIONS = (Succession("H33", "H01", AFTER), Succession("H53.12", "H53.09", verified=True))


def build(agencies: Iterable[Agency] = AGENCIES) -> Registry:
    return Registry.build(agencies, ALIASES, SUCCESSIONS, LEVELS, digest="v1")


REGISTRY = build()


def refused(text: str, on: date = AFTER, *, historic: bool = False) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        REGISTRY.resolve(text, on, historic=historic)
    return caught.value.code, caught.value.finding.detail


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("G12", "G12"),
        ("000.00.00.G12", "G12"),
        ("h53.09", "H53.09"),
        ("000.00.09.H53", "H53.09"),
        ("00.09.H53", "H53.09"),
        (" 000.00.09.h53\n", "H53.09"),
        ("H01.151", "H01.151"),
        ("vxp.saas.03", "vxp.saas.03"),
        ("tayninh.sonv", "H53.09"),
        ("000.00.77.H53", "H53.09"),  # the alias stands over the rule, which says H53.77
        ("000.00.77.h53", "H53.09"),
        ("00.77.H53", "H53.09"),  # three groups of an aliased code
        ("H53.90", "H53.09"),
        ("000.00.90.H53", "H53.09"),  # rule first, then the alias of what it gives
        ("000.00.79.H53", "H53.09"),
        ("000.1137.H53", "H53.09"),  # no code at all, but an alias
    ],
)
def test_resolves(text: str, code: str) -> None:
    assert REGISTRY.resolve(text, AFTER).code == code


def test_the_new_form_is_not_read_through_an_alias_of_the_old() -> None:
    assert refused("H53.77") == ("EDX501", "H53.77; the nearest known code above it is H53")


def test_an_old_code_with_a_hole_resolves_where_the_catalogue_has_it() -> None:
    assert REGISTRY.resolve("001.00.10.h47", BEFORE).code == "001.00.10.H47"
    assert refused("001.00.11.H47")[0] == "EDX504"


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("H99", "EDX501", "H99"),
        ("other.system", "EDX501", "other.system"),
        ("VXP.SAAS.03", "EDX501", "VXP.SAAS.03"),  # technical codes keep their case
        ("H53.31.99", "EDX501", "H53.31.99; the nearest known code above it is H53.31"),
        ("000.00.99.H33", "EDX501", "H33.99; hint: H33 closed after 2025-06-30; successor H01 (not verified)"),
        ("000.00.80.H53", "EDX501", "000.00.80.H53 is an alias of H53.404, which nobody has"),
        ("H33", "EDX502", "H33 closed after 2025-06-30; successor H01 (not verified)"),
        ("H33.05", "EDX502", "H33.05 is under H33 closed after 2025-06-30; successor H01 (not verified)"),
        ("H53.12", "EDX502", "H53.12 closed after 2025-01-10; successor H53.09"),
        ("H53.31", "EDX502", "H53.31 of level district, which ended on 2025-06-30"),
        ("H53.31.22", "EDX502", "H53.31.22 is under H53.31 of level district, which ended on 2025-06-30"),
        ("000.00.78.H53", "EDX502", "000.00.78.H53, an alias of H53.09, ended on 2025-01-10"),
        ("000.12.345.6.H53", "EDX503", ""),
        ("", "EDX503", "the code is empty"),
        ("000.01.00.H53", "EDX504", "000.01.00.H53: a level is empty although a lower one is used"),
    ],
)
def test_refuses(text: str, code: str, detail: str) -> None:
    found, said = refused(text)
    assert found == code
    assert detail in said


def test_closed_below_a_closed_province_names_the_provinces_successor() -> None:
    code, detail = refused("H33.06")
    assert code == "EDX502"
    assert "successor of H33 is H01" in detail


@pytest.mark.parametrize("text", ["H33", "H33.05", "H33.06", "H53.12", "H53.31", "H53.31.22", "000.00.78.H53"])
def test_history_still_resolves_what_is_closed(text: str) -> None:
    assert REGISTRY.resolve(text, AFTER, historic=True).code in {text, "H53.09"}


@pytest.mark.parametrize("text", ["H33", "H33.05", "H53.31", "H53.31.22"])
def test_the_last_day_is_still_valid(text: str) -> None:
    assert REGISTRY.resolve(text, LAST).code == text
    assert refused(text, AFTER)[0] == "EDX502"


def test_closed_without_a_day_is_closed_on_every_day() -> None:
    closed = agency("H53.13", state=AgencyState.CLOSED)
    assert closed.closed_on(date.min)


def test_a_code_is_not_valid_before_its_first_day() -> None:
    assert refused("H01.151", LAST) == ("EDX501", "H01.151 is valid from 2025-07-01")
    assert refused("H01.151", LAST, historic=True)[0] == "EDX501"


def test_a_future_alias_leaves_the_rule_in_force() -> None:
    assert refused("000.00.79.H53", LAST) == ("EDX501", "H53.79; the nearest known code above it is H53")


def test_levels_are_data() -> None:
    kept = Registry.build(AGENCIES, levels=[level for level in LEVELS if level.name != "district"])
    assert kept.resolve("H53.31.22", AFTER).code == "H53.31.22"


def test_of_two_rows_the_later_stands() -> None:
    registry = build([*AGENCIES, agency("H33", "province", name="again open")])
    assert len(registry) == len(AGENCIES)
    assert registry.resolve("H33", AFTER).name == "again open"
    assert registry.resolve("H33", AFTER).successors == ("H01",)


def test_superiors_follow_the_parent_then_the_dots() -> None:
    assert [each.code for each in REGISTRY.superiors("H53.31.22")] == ["H53.31", "H53"]
    assert [each.code for each in REGISTRY.superiors("H53.31.22.07.8")] == ["H53.31.22", "H53.31", "H53"]
    assert [each.code for each in REGISTRY.superiors("vxp.saas.03")] == ["H53"]


def test_parents_in_a_circle_do_not_hang() -> None:
    registry = Registry.build([agency("H01", parent="H02"), agency("H02", parent="H01")])
    assert [each.code for each in registry.superiors("H01")] == ["H02"]
    assert registry.resolve("H01", AFTER).code == "H01"


def test_look_ups() -> None:
    assert REGISTRY.get("H53") is not None
    assert REGISTRY.get("H99") is None
    assert "H53" in REGISTRY
    assert len(list(REGISTRY)) == len(REGISTRY) == len(AGENCIES)
    assert {each.code for each in REGISTRY.children("H53")} == {"H53.09", "H53.12", "H53.31", "vxp.saas.03"}
    assert {each.alias for each in REGISTRY.aliases("H53.404")} == {"000.00.80.H53"}
    assert [step.successor for step in REGISTRY.successions("H33")] == ["H01"]
    assert REGISTRY.version == "v1"


@pytest.mark.parametrize("query", ["so noi vu", "SỞ NỘI VỤ", "tây ninh nội", "h53.09 ", "So\u031b\u0309 Nội"])
def test_find_ignores_case_and_diacritics(query: str) -> None:
    assert "H53.09" in {each.code for each in REGISTRY.find(query)}


def test_find_wants_every_word() -> None:
    assert not list(REGISTRY.find("noi vu khanh hoa"))


def test_fold() -> None:
    assert fold("Đắk Lắk") == "dak lak"


@pytest.mark.parametrize(
    ("code", "name", "level"),
    [
        ("G40", "Cơ quan mới", "national"),
        ("K57", "HĐND", "province"),
        ("000.00.30.H53", "UBND Thành phố Tây Ninh", "district"),
        ("000.00.31.H53", "Ủy ban nhân dân huyện Bến Cầu", "district"),
        ("H53.31.22", "Uỷ ban nhân dân Xã Long Chữ", "commune"),
        ("H53.09", "Sở Nội vụ", "unit"),
        ("A53", "Tỉnh ủy", "unit"),
        ("vxp.saas.03", "UBND xã", "unit"),
    ],
)
def test_level_for(code: str, name: str, level: str) -> None:
    assert REGISTRY.level_for(AgencyCode.parse(code), name) == level


def test_level_for_without_levels() -> None:
    assert Registry.build(()).level_for(AgencyCode.parse("H53"), "UBND tỉnh") == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("000.00.09.H53", "H53.09"),
        ("000.00.78.H53", "H53.09"),  # an ended alias still tells what was meant
        ("H33", "H33"),
        ("000.22.11.H99", "H99.11.22"),
        ("001.00.10.H47", "001.00.10.H47"),
        ("001.00.11.H47", None),
        ("no code", None),
        ("", None),
    ],
)
def test_canonical_or_none(text: str, code: str | None) -> None:
    assert REGISTRY.canonical_or_none(text) == code


@given(st.text(max_size=40) | st.from_regex(r"[0-9]{2,3}\.[0-9]{2}\.(00\.)?[GH][0-9]{2}", fullmatch=True))
def test_any_text_resolves_or_is_refused(text: str) -> None:
    for historic in (False, True):
        try:
            found = REGISTRY.resolve(text, AFTER, historic=historic)
        except Refusal as refusal:
            assert refusal.code in {"EDX501", "EDX502", "EDX503", "EDX504"}
        else:
            assert found.code == REGISTRY.canonical_or_none(text)
