"""Somebody else's list of agencies: a verdict for every row."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.agencies.agency import Agency, AgencyState, Alias, Level
from edxml_router.core.agencies.importing import ImportReport, RowResult, import_rows
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.problems import Refusal

LEVELS = (
    Level("province", "Tỉnh", "Province", letters="H"),
    Level("district", "Huyện", "District", name_starts=("ubnd huyen",)),
    Level("commune", "Xã", "Commune", name_starts=("ubnd xa",)),
    Level("unit", "Đơn vị", "Unit"),
)
KNOWN = Registry.build(
    [
        Agency("H53", "Ủy ban nhân dân tỉnh Tây Ninh", "province", verified=True),
        Agency(
            "H33", "Ủy ban nhân dân tỉnh Kiên Giang", "province", state=AgencyState.CLOSED, valid_to=date(2025, 6, 30)
        ),
    ],
    [Alias("000.00.88.H53", "H53.08")],
    levels=LEVELS,
)


def judged(report: ImportReport) -> list[tuple[str, RowResult, str]]:
    return [(row.code_text, row.verdict, row.canonical) for row in report.rows]


def with_report(report: ImportReport) -> Registry:
    return Registry.build([*KNOWN, *report.agencies], report.aliases, levels=LEVELS)


def test_two_columns_in_the_old_form() -> None:
    text = (
        "code,name\r\n"
        "000.00.00.H53,UBND Tỉnh Tây Ninh\r\n"
        "000.00.09.H53,Sở Nội vụ\r\n"
        "000.00.31.H53,UBND huyện Bến Cầu\r\n"
        "000.22.31.H53,  UBND  xã\u00a0Long Chữ \r\n"
        '001.01.07.H53,"Trung tâm A, Chi cục B"\r\n'
        "000.00.09.H53,Sở Nội vụ tỉnh\r\n"
        "001.00.10.H47,UBND huyện Duy Xuyên\r\n"
        "000.1137.H53,Phòng Y tế\r\n"
        "000.00.10.H53,\r\n"
        "\r\n"
        "000.00.88.H53,Sở theo bí danh\r\n"
        "000.00.00.H33,UBND Kiên Giang\r\n"
    )
    report = import_rows(text, KNOWN, source="a list")
    assert judged(report) == [
        ("000.00.00.H53", RowResult.MAPPED, "H53"),
        ("000.00.09.H53", RowResult.MAPPED, "H53.09"),
        ("000.00.31.H53", RowResult.MAPPED, "H53.31"),
        ("000.22.31.H53", RowResult.MAPPED, "H53.31.22"),
        ("001.01.07.H53", RowResult.MAPPED, "H53.07.01.001"),
        ("000.00.09.H53", RowResult.DUPLICATE, "H53.09"),
        ("001.00.10.H47", RowResult.ALIAS, "001.00.10.H47"),
        ("000.1137.H53", RowResult.MALFORMED, ""),
        ("000.00.10.H53", RowResult.MALFORMED, ""),
        ("000.00.88.H53", RowResult.MAPPED, "H53.08"),
        ("000.00.00.H33", RowResult.MAPPED, "H33"),
    ]
    assert report.counts == {
        RowResult.MAPPED: 7,
        RowResult.ALIAS: 1,
        RowResult.DUPLICATE: 1,
        RowResult.MALFORMED: 2,
    }
    new = {each.code: each for each in report.agencies}
    assert set(new) == {"H53.09", "H53.31", "H53.31.22", "H53.07.01.001", "001.00.10.H47", "H53.08"}
    assert (new["H53.31"].level, new["H53.31.22"].level, new["H53.09"].level) == ("district", "commune", "unit")
    assert (new["H53.31.22"].parent, new["001.00.10.H47"].parent) == ("H53.31", "H47")
    assert (new["H53.31.22"].name, new["H53.09"].source) == ("UBND xã Long Chữ", "a list")
    assert report.rows[5].detail == "line 3 has the same code"
    assert report.rows[-1].line == 13
    assert report.rows[0].detail == "known already, under another name"
    unused = [(finding.code, finding.where) for finding in report.findings]
    assert unused == [("EDX905", "line 7"), ("EDX905", "line 9"), ("EDX905", "line 10")]


def test_an_older_list_does_not_reopen_or_rename() -> None:
    text = "code,name\n000.00.00.H33,UBND Kiên Giang\n"
    assert import_rows(text, KNOWN).agencies == ()
    (changed,) = import_rows(text, KNOWN, replace_known=True).agencies
    assert (changed.name, changed.state) == ("UBND Kiên Giang", AgencyState.CLOSED)


def test_a_second_import_has_nothing_to_write() -> None:
    text = "code,name\n000.00.09.H53,Sở Nội vụ\n001.00.10.H47,UBND huyện Duy Xuyên\n"
    first = import_rows(text, KNOWN)
    second = import_rows(text, with_report(first))
    assert (second.agencies, second.aliases) == ((), ())
    assert judged(second) == judged(first)
    assert import_rows(text, with_report(first), replace_known=True).agencies == ()


def test_the_answer_of_the_axis_with_both_codes() -> None:
    entries = [
        {"id": "1", "pid": None, "code": "H53", "name": "UBND", "mail": "a@example.vn", "code102": "000.00.00.H53"},
        {"id": "2", "pid": "1", "code": "H53.09", "name": "Sở Nội vụ", "code102": "000.00.15.H53"},
        {"id": "3", "pid": "2", "code": "SNV.CCTDKT", "name": "Chi cục", "code102": "000.1137.H53"},
        {"id": "4", "pid": "", "code": "H53.10", "name": "Sở Tư pháp", "oldCode": "H53.09"},
        {"id": 5, "pid": 1, "code": "H53.11", "name": "Sở Y tế", "code102": "no code", "oldCode": "soyte.tn"},
    ]
    report = import_rows(json.dumps({"status": "OK", "data": entries}), KNOWN, source="axis")
    assert [row.verdict for row in report.rows] == [RowResult.MAPPED] * 5
    assert {alias.alias: alias.canonical for alias in report.aliases} == {
        "000.00.15.H53": "H53.09",
        "000.1137.H53": "SNV.CCTDKT",
        "soyte.tn": "H53.11",
    }
    assert {each.code: each.parent for each in report.agencies} == {
        "H53.09": "H53",
        "SNV.CCTDKT": "H53.09",
        "H53.10": "H53",
        "H53.11": "H53",
    }
    assert "H53.09 is the code of an agency" in report.rows[3].detail
    assert "no code" in report.rows[4].detail
    assert "example.vn" not in repr(report)
    again = import_rows(json.dumps(entries), with_report(report), source="axis")
    assert (again.agencies, again.aliases) == ((), ())


def test_the_same_columns_as_csv() -> None:
    text = "id;pid;code;name;mail;code102\n7;;H53.09;Sở Nội vụ;;000.00.15.H53\n"
    (alias,) = import_rows(text, KNOWN).aliases
    assert (alias.alias, alias.canonical) == ("000.00.15.H53", "H53.09")


def test_our_own_columns() -> None:
    text = (
        "code,name,level,parent,state,valid_from,valid_to,verified,dates_verified,source\n"
        "H53.09,Sở Nội vụ,unit,,closed,2020-01-01,2025-06-30,yes,no,QĐ\n"
        "H53.10,Sở A,galaxy,,active,,,yes,no,\n"
        "H53.11,Sở B,unit,,gone,,,yes,no,\n"
        "H53.12,Sở C,unit,,active,30/06/2025,,yes,no,\n"
        "H53.13,Sở D,unit,,active,,,maybe,no,\n"
        "H53.13,Sở Đ,unit,,active,,,no,no,\n"
    )
    report = import_rows(text, KNOWN)
    assert report.agencies[1].name == "Sở Đ"  # a malformed row does not occupy its code
    assert report.agencies[:1] == (
        Agency(
            "H53.09",
            "Sở Nội vụ",
            "unit",
            "H53",
            AgencyState.CLOSED,
            date(2020, 1, 1),
            date(2025, 6, 30),
            (),
            True,
            False,
            "QĐ",
        ),
    )
    assert [row.verdict for row in report.rows[1:5]] == [RowResult.MALFORMED] * 4
    assert [finding.code for finding in report.findings] == ["EDX905"] * 4


@pytest.mark.parametrize("text", ["\ufeffcode,name\nG12,Bộ Tài chính\n", "Code;Name\nG12;Bộ", "code\tname\nG12\tB"])
def test_header_variants(text: str) -> None:
    assert [row.canonical for row in import_rows(text, KNOWN).rows] == ["G12"]


def test_short_and_long_rows_are_judged_too() -> None:
    report = import_rows("code,name\nG12\nG13,Bộ,more\n", KNOWN)
    assert [row.verdict for row in report.rows] == [RowResult.MALFORMED, RowResult.MAPPED]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "000.00.00.G12,no header\n",
        "code,name\nG12," + "x" * 200_000,  # over the field size of the csv module
        "[",
        "{}",
        '{"data": 5}',
        "[1]",
        "[" * 100_000,
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        import_rows(text, KNOWN)
    assert caught.value.code == "EDX906"


cells = st.text(alphabet='0123456789.HG x"\n,', max_size=15)


@given(st.lists(st.tuples(cells, cells), max_size=8))
def test_every_row_gets_a_verdict(rows: list[tuple[str, str]]) -> None:
    report = import_rows(json.dumps([{"code": code, "name": name} for code, name in rows]), KNOWN)
    assert len(report.rows) == len(rows)
    used = {row.canonical for row in report.rows if row.verdict in (RowResult.MAPPED, RowResult.ALIAS)}
    assert {each.code for each in report.agencies} == used - {each.code for each in KNOWN}
