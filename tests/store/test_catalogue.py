"""The catalogue on disk: reading, importing, writing, and the data that is shipped."""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from edxml_router.core.agencies.agency import Agency, AgencyState, Alias
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.agencies.importing import RowResult
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.rows import AGENCIES, ALIASES, FILES, LEVELS, SUCCESSIONS
from edxml_router.core.problems import Refusal, Setback
from edxml_router.resources import folder
from edxml_router.store import catalogue

PACKAGED = folder("agency_codes")
TODAY = date(2026, 11, 22)
HEADER = "code,name,level,parent,state,valid_from,valid_to,verified,dates_verified,source\n"
ROWS = (
    Agency("H53.09", "Sở Nội vụ", "unit", "H53", source="a"),
    Agency("001.00.10.H47", "UBND huyện Duy Xuyên", "district", "H47", AgencyState.CLOSED, None, date(2025, 6, 30)),
    Agency("vxp.saas.03", 'Trục "thử nghiệm", số 3', "unit", "H53", verified=True, dates_verified=True),
)


def contents(place: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.iterdir()}


@pytest.fixture(scope="module")
def packaged() -> Registry:
    return catalogue.load_catalogue(PACKAGED)


# the shipped data


def test_the_manifest_is_true() -> None:
    assert catalogue.verify(PACKAGED) == ()
    entries = json.loads((PACKAGED / catalogue.MANIFEST).read_text("utf-8"))["files"]
    assert [entry["file"] for entry in entries] == sorted(FILES)
    for entry in entries:
        assert entry["source"]
        assert entry["notes"]
        date.fromisoformat(entry["date"])


def test_every_row_is_usable_and_sorted(packaged: Registry) -> None:
    assert packaged.findings == ()
    codes = [agency.code for agency in packaged]
    assert codes == sorted(codes)
    assert all(AgencyCode.parse(code).known_as() == code for code in codes)
    assert {agency.level for agency in packaged} <= set(packaged.levels)
    assert all(agency.source for agency in packaged)


def test_every_superior_is_there(packaged: Registry) -> None:
    missing = {each.code for each in packaged if each.parent and each.parent not in packaged}
    assert missing == {"H17.22.28"}  # the district's own code is not known from a source


def test_provinces_and_their_successors(packaged: Registry) -> None:
    provinces = [each for each in packaged if AgencyCode.parse(each.code).level == 1 and each.code[0] == "H"]
    assert [each.code for each in provinces] == [f"H{number:02}" for number in range(1, 64)]
    states = Counter(each.state for each in provinces)
    assert states == {AgencyState.ACTIVE: 34, AgencyState.CLOSED: 29}
    for province in provinces:
        if province.state is AgencyState.CLOSED:
            assert province.valid_to == date(2025, 6, 30)
            (successor,) = province.successors
            assert packaged.resolve(successor, TODAY).code == successor
        else:
            assert province.successors == ()


def test_closed_ministries_have_living_successors(packaged: Registry) -> None:
    closed = [
        each for each in packaged if each.parent is None and each.code[0] == "G" and each.state is AgencyState.CLOSED
    ]
    assert {each.code for each in closed} == {"G04", "G05", "G07", "G13", "G14", "G24"}
    for ministry in closed:
        assert ministry.successors
        for successor in ministry.successors:
            assert packaged.resolve(successor, TODAY)


def test_what_is_not_certain_is_marked(packaged: Registry) -> None:
    seen = ("01", "14", "17", "20", "22", "29", "37", "41", "47", "49", "53", "54", "56", "57")
    provinces = [each for each in packaged if each.level == "province" and each.code[0] == "H"]
    assert {each.code for each in provinces if each.verified} == {f"H{number}" for number in seen}
    assert not any(step.verified for each in packaged for step in packaged.successions(each.code))
    assert not any(each.dates_verified for each in provinces)


def test_the_district_level_ended(packaged: Registry) -> None:
    assert packaged.resolve("000.00.31.H53", date(2025, 6, 30)).code == "H53.31"
    with pytest.raises(Refusal) as caught:
        packaged.resolve("000.00.31.H53", date(2025, 7, 1))
    assert caught.value.code == "EDX502"
    assert "level district" in caught.value.finding.detail
    assert packaged.resolve("000.00.31.H53", TODAY, historic=True).code == "H53.31"


# reading


def test_a_row_goes_to_a_value_and_back(packaged: Registry) -> None:
    for agency in (*packaged, *ROWS):
        assert AGENCIES.read(AGENCIES.cells(agency)) == agency._replace(successors=())
    for level in packaged.levels.values():
        assert LEVELS.read(LEVELS.cells(level)) == level
    for agency in packaged:
        for step in packaged.successions(agency.code):
            assert SUCCESSIONS.read(SUCCESSIONS.cells(step)) == step
    alias = Alias("vxp.saas.03", "H53.09", date(2025, 1, 1), None, "x")
    assert ALIASES.read(ALIASES.cells(alias)) == alias


def test_bad_rows_are_named_and_the_others_used(tmp_path: Path) -> None:
    (tmp_path / "agencies.csv").write_text(
        "\ufeff" + HEADER + "000.00.09.H53,Sở Nội vụ,unit,,active,,,no,no,x\n"
        "H53..1,Sai,unit,,active,,,no,no,x\n"
        "H53.1,,unit,,active,,,no,no,x\n"
        "H53.2,Sai,unit,,open,,,no,no,x\n"
        "H53.3,Sai,unit,,active,2025/01/01,,no,no,x\n"
        "H53.4,Sai,unit,,active\n"
        "H53.09,Lặp lại,unit,,active,,,no,no,x\n"
        "0123456789,Công ty,unit,,active,,,no,no,x\n",
        "utf-8",
    )
    (tmp_path / "aliases.csv").write_text(
        "alias,canonical,valid_from,valid_to,source\na b,H53.09,,,x\na/b,H53.09,,,x\n"
    )
    registry = catalogue.load_catalogue(tmp_path)
    assert [agency.code for agency in registry] == ["H53.09", "0123456789"]
    assert registry.get("H53.09").name == "Sở Nội vụ"  # type: ignore[union-attr]
    assert registry.get("0123456789").parent is None  # type: ignore[union-attr]
    assert {finding.code for finding in registry.findings} == {"EDX905"}
    assert [finding.where for finding in registry.findings] == [
        *(f"agencies.csv line {line}" for line in range(3, 9)),
        *(f"aliases.csv line {line}" for line in (2, 3)),
    ]


def test_later_folders_stand_over_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "agencies.csv").write_text(HEADER + "H53,Tên khác,province,,closed,,,no,no,own\n", "utf-8")
    registry = catalogue.load_catalogue(PACKAGED, tmp_path)
    assert registry.get("H53").name == "Tên khác"  # type: ignore[union-attr]
    assert len(registry) == len(catalogue.load_catalogue(PACKAGED))
    assert registry.version != catalogue.load_catalogue(PACKAGED).version


def test_the_version_tells_the_content(tmp_path: Path) -> None:
    catalogue.write(tmp_path, ROWS)
    version = catalogue.load_catalogue(tmp_path).version
    assert catalogue.load_catalogue(tmp_path).version == version
    catalogue.write(tmp_path, [ROWS[0]._replace(name="Sở khác")])
    assert catalogue.load_catalogue(tmp_path).version != version


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EDX906"),
        (b"code,name\nG12,B\n", "EDX906"),
        (HEADER.encode() + b"G12,\xff,unit,,active,,,no,no,x\n", "EDX906"),
        (HEADER.encode() + b"G12," + b"x" * 200_000 + b",unit,,active,,,no,no,x\n", "EDX906"),
        (None, "EDX902"),
    ],
)
def test_files_that_are_no_catalogue(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "agencies.csv"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        catalogue.load_catalogue(tmp_path)
    assert caught.value.code == code


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        catalogue.load_catalogue(tmp_path / "nowhere")
    assert caught.value.code == "EDX902"


# writing


def test_write_then_load(tmp_path: Path) -> None:
    own = tmp_path / "data" / "agency_codes"
    catalogue.write(own, ROWS, [Alias("old.name", "H53.09")], source="LGSP", day="2026-11-22")
    registry = catalogue.load_catalogue(own)
    assert {agency.code: agency for agency in registry} == {agency.code: agency for agency in ROWS}
    assert registry.resolve("old.name", TODAY).code == "H53.09"
    assert catalogue.verify(own) == ()
    assert sorted(path.name for path in own.iterdir()) == [
        "agencies.csv",
        "aliases.csv",
        "imported.csv",
        "manifest.json",
    ]


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    catalogue.write(tmp_path, ROWS, source="LGSP", day="2026-11-22")
    before = contents(tmp_path)
    catalogue.write(tmp_path, ROWS, source="LGSP", day="2026-11-23")
    catalogue.write(tmp_path, ())
    assert contents(tmp_path) == before


def test_rows_are_added_and_replaced(tmp_path: Path) -> None:
    catalogue.write(tmp_path, ROWS, source="first", day="2026-11-22")
    catalogue.write(
        tmp_path,
        [Agency("H53.10", "Sở Tư pháp", "unit", "H53"), ROWS[0]._replace(name="Sở mới")],
        source="second",
        day="2026-11-23",
    )
    registry = catalogue.load_catalogue(tmp_path)
    assert len(registry) == 4
    assert registry.get("H53.09").name == "Sở mới"  # type: ignore[union-attr]
    (entry,) = json.loads((tmp_path / "manifest.json").read_text("utf-8"))["files"]
    assert (entry["rows"], entry["source"], entry["date"]) == (4, "first; second", "2026-11-23")
    assert catalogue.verify(tmp_path) == ()


def test_a_line_break_inside_a_value_is_a_character_of_one_row(tmp_path: Path) -> None:
    catalogue.write(tmp_path, [ROWS[0]._replace(name="Sở\nNội vụ")])
    assert catalogue.load_catalogue(tmp_path).get("H53.09").name == "Sở\nNội vụ"  # type: ignore[union-attr]
    assert catalogue.verify(tmp_path) == ()


def test_a_file_with_a_bad_row_is_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "agencies.csv"
    path.write_text(HEADER + "H53.09,Sở Nội vụ,unit,,typo,,,no,no,x\n", "utf-8")
    before = path.read_bytes()
    with pytest.raises(Refusal) as caught:
        catalogue.write(tmp_path, ROWS)
    assert (caught.value.code, caught.value.finding.where) == ("EDX905", "agencies.csv line 2")
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.write(tmp_path, ROWS)
    before = (tmp_path / "agencies.csv").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Setback) as caught:
        catalogue.write(tmp_path, [Agency("H53.10", "Sở Tư pháp", "unit", "H53")])
    assert caught.value.code == "EDX601"
    monkeypatch.undo()
    assert (tmp_path / "agencies.csv").read_bytes() == before
    catalogue.write(tmp_path, [Agency("H53.10", "Sở Tư pháp", "unit", "H53")])
    assert len(catalogue.load_catalogue(tmp_path)) == 4


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file stands here")
    with pytest.raises(Refusal) as caught:
        catalogue.write(tmp_path / "own", ROWS)
    assert caught.value.code == "EDX902"


def test_verify_notices_changes(tmp_path: Path) -> None:
    catalogue.write(tmp_path, ROWS, [Alias("old.name", "H53.09")])
    with (tmp_path / "agencies.csv").open("a") as file:
        file.write("H53.11,B,unit,,active,,,no,no,x\n")
    (tmp_path / "aliases.csv").unlink()
    (tmp_path / "levels.csv").write_text("level\n")
    found = [(finding.code, finding.where) for finding in catalogue.verify(tmp_path)]
    assert found == [("EDX906", "agencies.csv"), ("EDX906", "aliases.csv"), ("EDX906", "levels.csv")]
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(Refusal):
        catalogue.verify(tmp_path)


# importing


def test_import_a_list_into_a_nodes_own_folder(tmp_path: Path, packaged: Registry) -> None:
    given = tmp_path / "list.csv"
    given.write_text("code,name\n000.00.10.H53,Sở Tư pháp\n000.1137.H53,Phòng\n001.00.20.H53,Hạt kiểm lâm\n", "utf-8")
    own = tmp_path / "own"
    report = catalogue.import_file(given, packaged)
    assert [row.verdict for row in report.rows] == [RowResult.MAPPED, RowResult.MALFORMED, RowResult.ALIAS]
    catalogue.write(own, report.agencies, report.aliases, source="list")
    registry = catalogue.load_catalogue(PACKAGED, own)
    assert registry.resolve("000.00.10.H53", TODAY).code == "H53.10"
    assert registry.resolve("001.00.20.H53", TODAY).code == "001.00.20.H53"
    assert len(registry) == len(packaged) + 2
    before = contents(own)
    again = catalogue.import_file(given, registry)
    catalogue.write(own, again.agencies, again.aliases, source="list")
    assert contents(own) == before


def test_files_that_cannot_be_imported(tmp_path: Path, packaged: Registry) -> None:
    with pytest.raises(Refusal) as caught:
        catalogue.import_file(tmp_path / "nowhere.csv", packaged)
    assert caught.value.code == "EDX902"
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes("code,name\nG12,Bộ\n".encode("utf-16"))
    with pytest.raises(Refusal) as caught:
        catalogue.import_file(wrong, packaged)
    assert caught.value.code == "EDX906"
