"""People are told in their language, and programs in both."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import OneNode, call


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
    assert "phần tử gốc là office" in node.call("queue", "list", "--aside", "--lang", "vi").stdout
    assert "the root element is office" in node.call("queue", "list", "--aside", "--lang", "en").stdout
    [item] = node.rows("queue", "list", "--aside")
    assert item["problem"]["detail"] == "the root element is office"
    assert item["problem"]["detail_vi"] == "phần tử gốc là office"
    refused = [entry for entry in node.rows("journal", "query") if entry["event"] == "envelope.refused"]
    assert [entry["problem"]["detail_vi"] for entry in refused] == ["phần tử gốc là office"]


def test_a_reason_that_a_person_gave_is_not_touched(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    node.call("queue", "cancel", "1", "--reason", "no connection")
    for command in (["queue", "show", "1"], ["trace", "H53-1"], ["inbox", "--notices"]):
        assert "no connection" in node.call(*command, "--lang", "vi").stdout
