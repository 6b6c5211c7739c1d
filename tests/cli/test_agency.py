"""``edxml-router agency``: the real command line on the packaged catalogue and a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edxml_router.cli.main import cli

LIST = "code,name\n000.00.10.H53,Sở Tư pháp\n001.00.20.H53,Hạt kiểm lâm\n000.1137.H53,Phòng Y tế\n"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration lies about; the language is fixed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDXML_ROUTER_CONFIG", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["agency", *map(str, arguments)])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_resolve_in_any_form() -> None:
    result = run("resolve", "000.00.00.G12", "00.09.H53", "--json")
    assert result.exit_code == 0
    assert [(row["text"], row["agency"]["code"], row["problem"]) for row in lines(result)] == [
        ("000.00.00.G12", "G12", None),
        ("00.09.H53", "H53.09", None),
    ]


def test_resolve_ends_with_1_when_a_code_has_no_agency() -> None:
    result = run("resolve", "G12", "000.01.00.H53", "H33", "H99", "000.1137.H53", "--json")
    assert result.exit_code == 1
    problems = [row["problem"] and row["problem"]["code"] for row in lines(result)]
    assert problems == [None, "EDX504", "EDX502", "EDX501", "EDX503"]


def test_resolve_asks_about_a_day() -> None:
    assert run("resolve", "H33", "--on", "2025-06-30").exit_code == 0
    assert run("resolve", "H33", "--on", "2025-07-01").exit_code == 1
    assert run("resolve", "H33", "--historic").exit_code == 0


def test_problems_take_three_lines_in_either_language() -> None:
    english, vietnamese = run("resolve", "H33"), run("resolve", "H33", "--lang", "vi")
    assert english.stderr.startswith("EDX502 The agency's code is closed: H33 closed after 2025-06-30; successor H01")
    assert vietnamese.stderr.startswith("EDX502 Mã cơ quan đã đóng")
    assert len(english.stderr.splitlines()) == len(vietnamese.stderr.splitlines()) == 3


def test_show() -> None:
    result = run("show", "000.00.00.H33", "--json")
    assert result.exit_code == 0
    (fields,) = lines(result)
    assert (fields["code"], fields["successors"], fields["legacy13"]) == ("H33", ["H01"], "000.00.00.H33")
    assert fields["problem"]["code"] == "EDX502"
    text = run("show", "H01.151", "--lang", "vi").stdout
    assert "Ủy ban nhân dân xã Định Mỹ" in text
    assert "H01 Ủy ban nhân dân tỉnh An Giang" in text
    assert "chưa kiểm chứng" in run("show", "H02", "--lang", "vi").stdout


def test_show_what_is_not_there() -> None:
    assert run("show", "H99").exit_code == 1
    assert "EDX501" in run("show", "H99").stderr


def test_list_by_name_level_and_place() -> None:
    assert {row["code"] for row in lines(run("list", "noi vu", "--json"))} == {"G09", "H53.09"}
    assert len(lines(run("list", "tinh", "--level", "province", "--under", "000.00.00.H01", "--json"))) == 1
    under = [row["code"] for row in lines(run("list", "--under", "H01.151", "--json"))]
    assert under == ["H01.151", *(f"H01.151.0{number}" for number in range(1, 6))]
    assert "H33" not in {row["code"] for row in lines(run("list", "--json"))}
    assert "H33" in {row["code"] for row in lines(run("list", "--all", "--json"))}


def test_the_table_says_how_many_it_left_out() -> None:
    result = run("list", "--level", "national", "--limit", "2")
    assert "G02" in result.stdout
    assert "G03" not in result.stdout
    assert result.stderr.startswith("2 of ")
    assert run("list", "khong co gi").stderr.strip() == "0 of 0"


def test_import_then_resolve(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    own = tmp_path / "own"
    dry = run("import", "list.csv", "--data", own, "--dry-run")
    assert dry.exit_code == 0
    assert not own.exists()
    result = run("import", "list.csv", "--data", own, "--json")
    assert result.exit_code == 0
    *rows, summary = lines(result)
    assert [(row["line"], row["outcome"], row["code"]) for row in rows] == [
        (2, "mapped", "H53.10"),
        (3, "alias", "001.00.20.H53"),
        (4, "malformed", None),
    ]
    assert (summary["rows"], summary["agencies"], summary["written"]) == (3, 2, True)
    assert run("resolve", "000.00.10.H53", "001.00.20.H53", "--data", own).exit_code == 0
    assert lines(run("import", "list.csv", "--data", own, "--json"))[-1]["agencies"] == 0


def test_import_shows_what_needs_attention(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    text = run("import", "list.csv", "--data", "own").stdout
    assert "Phòng Y tế" in text
    assert "Sở Tư pháp" not in text
    assert "mapped 1, kept as it stands 1, duplicate 0, malformed 1" in text
    assert "Sở Tư pháp" in run("import", "list.csv", "--data", "own", "--rows").stdout


def test_import_changes_what_is_known_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("code,name\n000.00.00.H33,Tên khác\n", "utf-8")
    assert lines(run("import", "list.csv", "--data", "own", "--json"))[-1]["agencies"] == 0
    assert lines(run("import", "list.csv", "--data", "own", "--replace", "--json"))[-1]["agencies"] == 1
    (fields,) = lines(run("show", "H33", "--data", "own", "--json"))
    assert (fields["name"], fields["state"]) == ("Tên khác", "closed")


def test_import_needs_a_place(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    result = run("import", "list.csv")
    assert result.exit_code == 2
    assert "--data" in result.stderr


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a,b\n", "utf-8")
    assert "EDX906" in run("import", "list.csv", "--data", "own").stderr
    assert "EDX902" in run("import", "missing.csv", "--data", "own").stderr
    assert run("resolve", "G12", "--data", "missing").exit_code == 78


def test_rows_of_the_own_folder_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    (tmp_path / "aliases.csv").write_text("alias,canonical,valid_from,valid_to,source\na b,H53,,,x\n", "utf-8")
    result = run("resolve", "G12", "--data", ".")
    assert result.exit_code == 0
    assert "EDX905" in result.stderr
