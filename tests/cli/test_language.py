"""People are told in their language, and programs in both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date

import catalogues
import click
import pytest

from edxml_router.cli.main import cli
from edxml_router.language.catalogues import METAVAR
from tests.cli.conftest import OneNode, call
from tests.clocks import wait_past_midnight


def test_people_are_told_in_vietnamese_and_programs_in_both(node: OneNode) -> None:
    node.config.write_text('[node]\nname = "h53"\nworkers = "x"\n', encoding="utf-8")
    shown = node.call("config", "check", "--lang", "vi").stdout.splitlines()
    assert shown[0] == "EDX901 Cấu hình sai: node.workers: phải là số nguyên"
    assert shown[1] == f"  nơi    {node.config}, dòng 3"
    assert "node.workers: should be a valid integer" in node.call("config", "check").stdout
    for language in ("en", "vi"):
        [problem] = json.loads(node.call("config", "check", "--json", "--lang", language).stdout)["problems"]
        assert problem["detail"] == "node.workers: should be a valid integer"
        assert problem["detail_vi"] == "node.workers: phải là số nguyên"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('titel = "x"', "node.titel không phải là thiết lập; ý bạn là title?"),
        ("workers = -1", "node.workers: phải từ 0 trở lên"),
        ("workers = 1.5", "node.workers: phải là số nguyên"),
        ("title = 5", "node.title: phải là chuỗi ký tự"),
        ('name = "Ơ"', "node.name: tên chỉ gồm a-z, 0-9, gạch nối và gạch dưới, tối đa 63 ký tự"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_in_vietnamese(node: OneNode, setting: str, expected: str) -> None:
    name = "" if setting.startswith("name") else 'name = "h53"\n'
    node.config.write_text(f"[node]\n{name}{setting}\n", encoding="utf-8")
    assert f"Cấu hình sai: {expected}\n" in node.call("config", "check", "--lang", "vi").stdout


def test_what_the_system_says_is_told_in_vietnamese() -> None:
    assert "không có tệp hoặc thư mục này" in call("check", "nothing.edxml", "--lang", "vi").stdout


def test_what_was_kept_is_told_in_the_language_of_whoever_reads_it(node: OneNode) -> None:
    """A detail is stored as template and values: the same row, read twice."""
    odd = node.folder / "odd.edxml"
    odd.write_text("<office/>", encoding="utf-8")
    node.call("send", odd, "--as", "vp")
    assert "phần tử gốc là office" in node.call("queue", "list", "--quarantine", "--lang", "vi").stdout
    assert "the root element is office" in node.call("queue", "list", "--quarantine", "--lang", "en").stdout
    [item] = node.rows("queue", "list", "--quarantine")
    assert item["problem"]["detail"] == "the root element is office"
    assert item["problem"]["detail_vi"] == "phần tử gốc là office"
    refused = [entry for entry in node.rows("journal", "query") if entry["event"] == "envelope.refused"]
    assert [entry["problem"]["detail_vi"] for entry in refused] == ["phần tử gốc là office"]


def test_a_reason_that_a_person_gave_is_not_touched(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    node.call("queue", "cancel", "1", "--reason", "no connection")
    for command in (["queue", "show", "1"], ["trace", "H53-1"], ["inbox", "--notices"]):
        assert "no connection" in node.call(*command, "--lang", "vi").stdout


def _commands(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from _commands((*path, name), inner)


COMMANDS = dict(_commands((), cli))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_english_is_left_in_the_vietnamese_help(path: tuple[str, ...]) -> None:
    shown = " ".join(call(*path, "--help", "--lang", "vi").stdout.split())
    assert shown.startswith("Cách dùng: ")
    command = COMMANDS[path]
    for english in (command.help, *(getattr(param, "help", None) for param in command.params)):
        for sentence in re.split(r"(?<=[a-z)])[.;:] ", " ".join((english or "").split())):
            assert not re.search(r"[a-z]{3,} [a-z]{2,}", sentence) or sentence not in shown
    assert not re.search(r"\b(the|of|and|is|are|this|with)\b", re.sub(r"`[^`]*`|--[a-z-]+", "", shown))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_vietnamese_help_fits_a_terminal(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = call(*path, "--help", "--lang", "vi")
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_what_stands_for_a_value_is_vietnamese_in_usage_and_help_alike(path: tuple[str, ...]) -> None:
    shown = call(*path, "--help", "--lang", "vi").stdout
    same = {"ID", "PEM", "URL"}  # in both languages
    words = {word for kind, word in catalogues.values(COMMANDS[path]) if kind == METAVAR} - same
    assert "OPTIONS" in words
    assert [word for word in words if re.search(rf"\b{word}\b", shown)] == []
    usage = call(*path, "--lang", "vi", "--no-such-option").output
    assert [word for word in words if re.search(rf"\b{word}\b", usage)] == []


def test_days_come_first_for_people_and_programs_read_iso(node: OneNode) -> None:
    wait_past_midnight()
    node.send("H53-1", ["G22"])
    day = date.today()
    for command in (["queue", "list"], ["queue", "show", "1"], ["trace", "H53-1"], ["journal", "query"]):
        shown = node.call(*command, "--lang", "vi").stdout
        assert f"{day:%d/%m/%Y}" in shown
        assert f"{day:%Y-%m-%d}" not in shown
        assert f"{day:%Y-%m-%d}" in node.call(*command).stdout
        assert f"{day:%d/%m/%Y}" not in node.call(*command, "--json", "--lang", "vi").stdout


def test_fields_and_what_is_in_them_are_told_in_vietnamese(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    shown = {tuple(re.split(r"\s{2,}", line.strip())) for line in _lines(node, "queue", "show", "1")}
    assert {("trạng thái", "chờ chuyển"), ("khẩn", "không"), ("số lần gửi", "0")} <= shown
    (node.folder / "odd.edxml").write_text("<office/>", encoding="utf-8")
    node.call("send", node.folder / "odd.edxml", "--as", "vp")
    assert any("phần tử gốc là office" in line for line in _lines(node, "journal", "query"))
    assert "còn giữ dữ liệu" in "".join(_lines(node, "queue", "show", "--quarantine", "1"))


def _lines(node: OneNode, *command: str) -> list[str]:
    return node.call(*command, "--lang", "vi").stdout.splitlines()


def test_what_a_name_could_have_meant_is_told_in_vietnamese() -> None:
    assert "ý bạn là signature-broken?" in call("explain", "signature-borken", "--lang", "vi").output


def test_the_language_of_help_is_that_of_each_call() -> None:
    assert call("queue", "--help", "--lang", "vi").stdout.startswith("Cách dùng")
    assert call("queue", "--help").stdout.startswith("Usage")
    assert "Xem và xử lý" in call("--lang=vi", "--help").stdout
    assert "Look at deliveries" in call("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["check"], "Lỗi: Thiếu tham số 'TỆP...'."),
        (["chek"], "Lỗi: Không có lệnh 'chek'."),
        (["check", "--ancors", "x", "y"], "Không có tùy chọn '--ancors'. Ý bạn là '--anchors'"),
        (["check", "--lang", "fr", "x"], "'fr' không thuộc 'en', 'vi'"),
        (["queue", "list", "--limit", "x"], "'x' không phải số nguyên hợp lệ"),
        (["trace"], "Lỗi: Thiếu tham số 'VĂN_BẢN'."),
        (["queue", "list", "--older", "x"], 'khoảng thời gian ghi như "30s", "5m", "12h" hoặc "10d"'),
        (["explain", "1", "2"], "Thừa tham số (2)"),
        (["queue", "list", "--state"], "Tùy chọn '--state' cần 1 giá trị."),
        (["confirm", "x", "--refuse"], "--refuse cần có --reason"),
        (["trace", ""], "để trống"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_in_vietnamese(arguments: list[str], expected: str) -> None:
    said = " ".join(call("--lang", "vi", *arguments).output.split())
    assert expected in said
    assert "Error" not in said
