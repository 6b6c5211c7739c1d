"""A command ends as the table of problems says of what it has shown; remarks are no failure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edxml_router.core.problems import EXIT_NOT_FOUND, EXIT_TEMPORARY, PROBLEMS
from edxml_router.services import checking, trial_authority
from tests import fixtures
from tests.cli.conftest import OneNode, rows, signed
from tests.shapes import code_of


def ended_as_said(node: OneNode, *arguments: str | Path) -> tuple[set[str], int]:
    """The problems that a command has shown, and how it has ended; by the table, this is one matter."""
    result = node.call(*arguments, "--json")
    codes = {code for row in rows(result) if row.get("problem") and (code := code_of(row))}
    statuses = {PROBLEMS[code].exit_status for code in codes}
    statuses = {EXIT_TEMPORARY} & statuses or statuses - {EXIT_NOT_FOUND} or statuses
    expected = max(statuses, default=0)
    assert result.exit_code == expected, (codes, result.exit_code)
    return codes, result.exit_code


@pytest.mark.parametrize(("days", "code", "status"), [(5, "EDX917", 75), (20, "EDX914", 0)])
def test_what_ends_soon(node: OneNode, tmp_path: Path, days: int, code: str, status: int) -> None:
    now = datetime.now(UTC)
    trial_authority.init(tmp_path / "short", now)
    trial_authority.issue_node(tmp_path / "short", "h53", now, days=days)
    own = tmp_path / "short" / "h53.cert.pem"
    text = node.config.read_text(encoding="utf-8")
    given = f'key = "{own.with_name("h53.key.pem")}"\ncertificate = "{own}"\n'
    node.config.write_text(text.replace("[node]\n", f"[node]\n{given}"), encoding="utf-8")
    assert ended_as_said(node, "trust", "status") == ({code}, status)
    codes, ended = ended_as_said(node, "doctor")
    assert (code in codes, ended) == (True, status)
    [row] = [row for row in rows(node.call("doctor", "--json")) if code_of(row) == code]
    assert row["problem"]["where"] == str(own)  # the file that the new one is put into


def test_agencies_and_letters(node: OneNode, pki: Path) -> None:
    assert ended_as_said(node, "agency", "resolve", "H53", "H99") == ({"EDX501"}, 1)
    plain = node.folder / "plain.edxml"
    plain.write_bytes(fixtures.document(sender="H53", to=["G22"], document_id="H53-3"))
    bad = node.folder / "bad.edxml"
    bad.write_bytes(signed(pki, fixtures.document(sender="H53", to=["H99"], document_id="H53-2")))
    assert ended_as_said(node, "send", plain, bad, "--as", "vp") == ({"EDX301", "EDX501"}, 1)
    assert ended_as_said(node, "send", "missing", "--as", "vp") == ({"EDX111"}, 66)
    assert ended_as_said(node, "send", "missing", plain, "--as", "vp") == ({"EDX111", "EDX301"}, 1)
    assert node.call("trace", "H53-2").exit_code == 1
    assert ended_as_said(node, "check", "missing") == ({"EDX111"}, 66)


def test_a_mistake_of_ours_is_none_of_the_file(node: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("sender")

    letter = node.letter("H53-1", ["G22"])
    monkeypatch.setattr(checking, "_examined", broken)
    assert ended_as_said(node, "check", letter) == ({"EDX699"}, 70)
