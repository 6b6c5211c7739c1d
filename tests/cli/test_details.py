"""Details in Vietnamese: every row is what the code says, and the command line's own details all have one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router.language.details import PLACES, ROWS, vietnamese
from edxml_router.language.details_mail import MAIL
from edxml_router.language.details_reasons import REASONS
from tests.cli.conftest import OneNode, call

PACKAGE = Path(__file__).resolve().parents[2] / "edxml_router"
OWN = {PACKAGE / "language" / name for name in ("details.py", "details_mail.py", "details_reasons.py", "texts.py")}
# Marks and numbers, lists of other findings, what names nothing but places; and what no operator is shown.
UNTRANSLATED = {
    "crl-stale", "{}", "{}: {}", "{}: {}: {}", "{}{}", "{}; {}", "{}: {}; {}", ": {}", "{} of {}", "{} is {}", "{} s",
    "kind {}", "not {}", "node.data: {}", "SQLSTATE {}", "signxml: {}; stream: {}", "not a lock",
}  # fmt: skip

ASSIGNED = ("detail", "wrong", "lost", "why", "_NO_FILE", "_TOO_LARGE", "_TWO_NAMES")  # what becomes a detail later

WORDS = re.compile(r"\b[a-z]{2,}\b")


def template(node: ast.AST) -> str | None:
    """A text of the code, with ``{}`` for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def trees(*folders: str) -> Iterator[ast.AST]:
    for folder in folders:
        place = PACKAGE / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if path not in OWN:
                yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def texts(node: ast.AST) -> Iterator[str]:
    """Of an expression, all that it may be."""
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in texts(value))
    elif text := template(node):
        yield text


def details(*folders: str) -> Iterator[str]:
    """What findings and their like are given as their detail."""
    for node in trees(*folders):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given += node.args[2:3] if name in ("Finding", "Mistake", "Remark") else []
            given += node.args[1:2] if name in ("OSError", "Diverted") else []
            given += [each.value for each in node.keywords if each.arg == "detail"] if name != "session.line" else []
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ASSIGNED:
            given.append(node.value)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in ASSIGNED:
            given += [node.value] if node.value else []
        elif isinstance(node, ast.Return | ast.Yield) and node.value:  # of what puts the words together
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            given += [one for one in values if any(len(WORDS.findall(text)) > 2 for text in texts(one))]
        yield from (text for one in given for text in texts(one))


def test_every_row_is_what_the_code_says() -> None:
    said = {text for node in trees("") if (text := template(node))}

    def in_order(fragments: list[str], text: str) -> bool:
        return re.search(".*".join(map(re.escape, fragments)), text, re.DOTALL) is not None

    for english, _ in (*ROWS, *MAIL, *PLACES, *REASONS):
        fragments = [part for part in english.split("{}") if part.strip()]
        assert any(in_order(fragments, text) for text in said), english


def test_every_row_puts_in_what_the_english_has() -> None:
    for english, translated in (*ROWS, *MAIL, *PLACES, *REASONS):
        assert english.count("{}") == translated.count("{}"), english
        values = [f"V{number}" for number in range(english.count("{}"))]
        text = vietnamese(english.format(*values))
        assert all(value in text for value in values), english
        assert text != english.format(*values), english


def test_every_detail_has_a_row() -> None:
    """Wherever in the package a finding is given one: an operator reads it in ``doctor``, ``trace`` or the queue."""
    # A demonstration tells no operator anything.
    rooms = [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "demo"]
    found = {*details(*rooms), *details("pipeline.py", "resources.py")} - UNTRANSLATED
    found = {text for text in found if not text.startswith("# ")}  # a remark in a file of settings
    assert len(found) > 250
    shown = {text: text.replace("{}", "x.y") for text in found}
    assert sorted(text for text, one in shown.items() if vietnamese(one) == one and " " in one) == []


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("more than 5 bytes", "hơn 5 byte"),
        (
            "has not sent again what was handed in since 2026-11-27 15:08:58",
            "chưa gửi lại những gì đã nộp từ 2026-11-27 15:08:58",
        ),
        (
            "EDX324: signed with xa (serial 3c), 2026-11-27; named here: xa (serial 7c); "
            "this side's turn to add the new one",
            "EDX324: được ký bằng xa (serial 3c), 2026-11-27; ở đây khai báo: xa (serial 7c); "
            "bên này cần thêm chứng thư mới",
        ),
        ("node.workers: should be a valid integer", "node.workers: phải là số nguyên"),
        ("node.titel is not a setting; did you mean title?",
         "node.titel không phải là thiết lập; ý bạn là title?"),
        ("vp: H07 closed after 2025-06-30; successor H61 (not verified)",
         "vp: H07 đã đóng sau ngày 2025-06-30; cơ quan kế thừa H61 (not verified)"),
        ("schema missing, needed 0002; run `edxml-router init`",
         "lược đồ chưa có, cần 0002; hãy chạy `edxml-router init`"),
        ("trust.crls[1]: /x/list.pem: No such file or directory",
         "trust.crls[1]: /x/list.pem: không có tệp hoặc thư mục này"),
        ("held", "giữ lại"),
        ("node.toml, line 3", "node.toml, dòng 3"),
        ("Nguyễn {0}: {x}", "Nguyễn {0}: {x}"),
        ("", ""),
        ("x: " * 10_000, "x: " * 10_000),
    ],
)  # fmt: skip
def test_what_is_known_is_translated_and_the_rest_stays(english: str, expected: str) -> None:
    assert vietnamese(english) == expected


def test_people_are_told_in_vietnamese_and_programs_in_english(node: OneNode) -> None:
    node.config.write_text('[node]\nname = "h53"\nworkers = "x"\n', encoding="utf-8")
    shown = node.call("config", "check", "--lang", "vi").stdout.splitlines()
    assert shown[0] == "EDX901 Cấu hình sai: node.workers: phải là số nguyên"
    assert shown[1] == f"  nơi    {node.config}, dòng 3"
    assert "should be a valid integer" in node.call("config", "check", "--lang", "vi", "--json").stdout
    assert "should be a valid integer" in node.call("config", "check").stdout
    assert "không có tệp hoặc thư mục này" in call("check", "nothing.edxml", "--lang", "vi").stdout


def test_a_reason_that_a_person_gave_is_not_touched(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    node.call("queue", "cancel", "1", "--reason", "no connection")
    for command in (["queue", "show", "1"], ["trace", "H53-1"], ["inbox", "--notices"]):
        assert "no connection" in node.call(*command, "--lang", "vi").stdout


def test_a_detail_of_a_stranger_costs_its_length() -> None:
    """With a regular expression for each row the first of these took most of a minute."""
    for unit in (": x", "; x", " × x", ": {}", "mode ", ", ", "x"):
        text = (unit * 1000)[:1000]
        assert vietnamese(text).count("x") == text.count("x")
    assert vietnamese("more than 7 attributes on one element") == "hơn 7 thuộc tính trên một phần tử"
    assert vietnamese("A: B: mode 0644, not 0600") != "A: B: mode 0644, not 0600"
