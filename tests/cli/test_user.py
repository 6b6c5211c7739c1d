"""Accounts of people by the command line."""

from __future__ import annotations

from click.testing import Result

from edxml_router.config import load
from edxml_router.wiring.opening import ledger_of
from tests.cli.conftest import OneNode, call, rows


def user(node: OneNode, *arguments: str, given: bytes = b"") -> Result:
    return call("--config", node.config, "user", *arguments, given=given)


def test_an_account_is_made_and_changed(node: OneNode) -> None:
    made = user(node, "add", "quan-tri", "--role", "administrator", "--title", "Trần Văn Minh", "--json")
    [told] = rows(made)
    assert len(told["password"]) > 20
    assert user(node, "add", "quan-tri", "--role", "auditor").exit_code == 1
    assert user(node, "role", "quan-tri", "--role", "auditor", "--role", "manager").exit_code == 0
    assert user(node, "lock", "quan-tri").exit_code == 0
    [row] = rows(user(node, "list", "--json"))
    assert (row["roles"], row["standing"], row["second_factor"]) == (["auditor", "manager"], "disabled", False)
    assert user(node, "unlock", "quan-tri", "--second-factor").exit_code == 0
    [row] = rows(user(node, "list", "--json"))
    assert row["standing"] == "active"
    [ended] = rows(user(node, "revoke", "quan-tri", "--json"))
    assert ended == {"person": "quan-tri", "sessions": 0}
    assert rows(user(node, "sessions", "--json")) == []
    table = user(node, "list").stdout
    assert "quan-tri" in table
    assert told["password"] not in table


def test_a_password_is_typed_or_read(node: OneNode) -> None:
    typed = b"Duong-lang-2026!\nDuong-lang-2026!\n"
    assert user(node, "add", "lan", "--role", "operator", "--ask", given=typed).exit_code == 0
    [told] = rows(user(node, "password", "lan", "--password-file", "-", "--json", given=b"Hoa-lac-thach-that-26\n"))
    assert told == {"name": "lan", "password": None}
    short = user(node, "password", "lan", "--password-file", "-", given=b"short\n")
    assert short.exit_code == 1
    assert "EDX440" in short.output
    assert user(node, "lock", "nobody").exit_code == 66


def test_acts_are_in_the_journal_without_the_password(node: OneNode) -> None:
    [told] = rows(user(node, "add", "lan", "--role", "operator", "--json"))
    with ledger_of(load(node.config)) as ledger:
        [line] = ledger.views.lines(event="person.added")
    assert (line.entry.recipient, line.entry.detail) == ("person:lan", "operator")
    assert line.entry.actor.startswith("operator:")
    assert told["password"] not in str(line.entry)
