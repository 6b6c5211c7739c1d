"""What all commands share: languages, exit statuses, no tracebacks; and explain, config, init."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from edxml_router.cli.commands import DEBUG
from edxml_router.cli.main import COMMANDS, cli
from edxml_router.cli.session import Session
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.message.envelope import Business, Kind
from edxml_router.core.problems import PROBLEMS, Actor, Weight
from edxml_router.core.signature.by_signxml import Indication
from edxml_router.language import texts
from tests.cli.conftest import COMMAND, OneNode, call, rows

# --- languages ----------------------------------------------------------------------------------------


def test_every_word_that_is_put_together_has_a_text() -> None:
    wanted = [f"state.{one}" for one in State]
    wanted += [f"kind.{one}" for one in Kind] + [f"business.{int(one)}" for one in Business]
    wanted += [f"signature.{one}" for one in Indication]
    wanted += [f"actor.{one}" for one in Actor] + [f"weight.{one}" for one in Weight]
    assert set(wanted) <= set(texts.TEXTS)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "vi"}, "vi"),
        ({"LC_ALL": "", "LANG": "vi"}, "vi"),
    ],
)
def test_the_locale_decides(environment: dict[str, str], language: str) -> None:
    assert texts.language_of(environment) == language


def test_lang_is_taken_before_and_after_the_command() -> None:
    for arguments in (["--lang", "vi", "explain", "304"], ["explain", "304", "--lang", "vi"]):
        assert call(*arguments).stdout.startswith("EDX304 Có nhiều hơn một chữ ký")


# --- exit statuses and failures -----------------------------------------------------------------------


def test_help_and_version() -> None:
    assert call("--version").stdout.startswith("edxml-router, version ")
    helped = call("-h").stdout
    assert all(f"\n  {name} " in helped for name in COMMANDS)


def _groups(path: str, group: click.Group) -> Iterator[tuple[str, click.Group]]:
    yield path, group
    for name in group.list_commands(click.Context(group)):
        inner = group.get_command(click.Context(group), name)
        if isinstance(inner, click.Group):
            yield from _groups(f"{path} {name}", inner)


GROUPS = dict(_groups("edxml-router", cli))


@pytest.mark.parametrize("path", GROUPS)
def test_what_a_command_is_for_fits_into_the_list_of_commands(path: str) -> None:
    """On a terminal of 80 columns, of which click takes 78, and where it would cut."""
    # As when it is called: click remembers the option for help in the command, whoever asks first.
    context = click.Context(GROUPS[path], info_name=path, terminal_width=78, help_option_names=["-h", "--help"])
    listed = context.get_help().partition("Commands:\n")[2].splitlines()
    assert [line for line in listed if line.endswith("...")] == []
    assert len(listed) == len(GROUPS[path].list_commands(context))


def test_every_command_can_be_loaded() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_wrong_usage_is_2() -> None:
    for arguments in (["no-such-command"], ["check"], ["queue", "list", "--state", "lost"], ["fetch", "x"]):
        assert call(*arguments).exit_code == 2


def test_no_configuration() -> None:
    result = call("config", "show")
    assert (result.exit_code, result.stdout) == (78, "")
    assert result.stderr.splitlines() == [
        "EDX902 A file cannot be read: no configuration; name it with --config FILE",
        "  where   node.toml, /etc/edxml-router/node.toml",
        "  remedy  the operator: Check the path and the permissions of the account that runs the router; "
        "a file of certificates or revocation lists is PEM, DER or PKCS#7.",
    ]


def test_a_mistake_of_ours_is_a_code_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_session: Session) -> Path:
        raise RuntimeError("số căn cước 0123")

    monkeypatch.setattr(Session, "config_file", broken)
    result = call("config", "show")
    assert result.exit_code == 70
    assert result.stderr.startswith("EDX699 The router met a mistake of its own: no reason was given")
    assert "0123" not in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv(DEBUG, "1")
    assert isinstance(call("config", "show").exception, RuntimeError)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_session: Session) -> Path:
        raise ModuleNotFoundError("No module named 'pika'", name="pika")

    monkeypatch.setattr(Session, "config_file", missing)
    result = call("config", "show")
    assert result.exit_code == 69
    assert result.stderr.startswith("EDX904 Something the router needs is not installed: pika")


def test_a_pipe_that_closes_early_is_no_mistake() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([COMMAND, "explain", "--json"], stdout=pipe, stderr=pipe, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before anything is written, as `| true` does
        said = process.stderr.read()
    assert process.returncode in (0, 1)
    assert said == b""


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_results_go_into_the_pipe_while_the_bar_goes_to_the_terminal(options: list[str]) -> None:
    """With a terminal as standard error there is a bar; it must not draw the results to itself."""
    for number in range(3):
        Path(f"{number}.edxml").write_bytes(b"<x/>")
    terminal, other_end = os.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "check", *sorted(Path().glob("*.edxml")), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=other_end, check=False,
        )  # fmt: skip
        os.set_blocking(terminal, False)
        drawn = os.read(terminal, 100_000)
    finally:
        os.close(terminal)
        os.close(other_end)
    assert done.stdout.count(b"EDX110") == 3
    assert b"checking" in drawn
    assert b"EDX110" not in drawn


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_results_stand_above_the_bar_on_a_terminal(options: list[str]) -> None:
    for number in range(3):
        Path(f"{number}.edxml").write_bytes(b"<x/>")
    terminal, other_end = os.openpty()
    try:
        command = [COMMAND, "check", *sorted(Path().glob("*.edxml")), *options]
        subprocess.run(command, stdin=other_end, stdout=other_end, stderr=other_end, check=False)
        os.set_blocking(terminal, False)
        pieces: list[bytes] = []
        with suppress(BlockingIOError):  # one read gives four kilobytes, and a slow machine draws the bar more often
            while piece := os.read(terminal, 100_000):
                pieces.append(piece)
        drawn = b"".join(pieces).decode()
    finally:
        os.close(terminal)
        os.close(other_end)
    # Every line of a result begins where the bar was erased (carriage return, erase line) or on a new line.
    starts = re.findall(
        r"(.)(?:\x1b\[[0-9;]*m)*\d\.edxml: refused" if not options else r'(.)\{"file"', drawn, re.DOTALL
    )
    assert len(starts) == 3
    assert set(starts) <= {"K", "\n"}


def test_the_terminal_gets_no_control_characters_of_strangers() -> None:
    result = call("check", "a\x1b[2J\u202e.edxml")
    assert "\x1b" not in result.output
    assert "a\\x1b[2J\\u202e.edxml: not read" in result.output


# --- explain ------------------------------------------------------------------------------------------


def test_explain_by_code_number_and_name() -> None:
    for name in ("EDX304", "304", "edx304", "signature-doubled"):
        assert call("explain", name).stdout.startswith("EDX304 There is more than one signature")
    assert call("explain", "EDX000").exit_code == 66


def test_explain_lists_all() -> None:
    assert [row["code"] for row in rows(call("explain", "--json"))] == list(PROBLEMS)
    assert "EDX101" in call("explain").stdout


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_explain_knows_every_problem(language: str) -> None:
    for code, problem in PROBLEMS.items():
        shown = call("explain", code, "--lang", language).stdout
        assert problem.title[language] in shown
        assert problem.remedy[language] in shown


# --- config and init ----------------------------------------------------------------------------------


def test_config_check(node: OneNode) -> None:
    assert node.call("config", "check").stdout.endswith("node.toml is correct\n")
    [row] = rows(node.call("config", "check", "--json"))
    assert (row["correct"], row["problems"]) == (True, [])


def test_config_check_lists_all_mistakes_with_their_lines() -> None:
    Path("node.toml").write_text('[node]\nname = "h53"\ntitel = "x"\nworkers = -1\n', encoding="utf-8")
    result = call("config", "check")
    assert result.exit_code == 78
    assert [line for line in result.stdout.splitlines() if "where" in line] == [
        "  where   node.toml, line 3",
        "  where   node.toml, line 4",
    ]
    [row] = rows(call("config", "check", "node.toml", "--json"))
    assert [finding["code"] for finding in row["problems"]] == ["EDX901", "EDX901"]
    assert call("config", "check", "nothing.toml").exit_code == 78


def test_a_remedy_that_mistakes_have_in_common_is_told_once() -> None:
    Path("node.toml").write_text('[node]\nworkers = "x"\nnosuch = 1\n', encoding="utf-8")
    for told in (call("config", "check").stdout, call("queue", "list").stderr):
        lines = [line[:8] for line in told.splitlines() if line.startswith(("EDX901", "  where", "  remedy"))]
        assert lines == ["EDX901 T", "  where "] * 3 + ["  remedy"]


def test_config_check_reads_the_files_that_are_named(node: OneNode) -> None:
    text = node.config.read_text(encoding="utf-8").replace("[trust]\n", '[trust]\nbindings = "bindings.csv"\n')
    node.config.write_text(text, encoding="utf-8")
    (node.folder / "bindings.csv").write_text("no,such,columns\n", encoding="utf-8")
    result = node.call("config", "check", "--json")
    assert result.exit_code == 78
    assert not rows(result)[0]["correct"]


def test_config_check_names_every_file_that_cannot_be_used(node: OneNode) -> None:
    """And what is only worth a remark beside the mistakes."""
    for name in ("anchors", "lists", "child", "key"):
        (node.folder / f"{name}.pem").touch(mode=0o600)
        (node.folder / f"{name}.pem").write_text(name, encoding="utf-8")
    text = node.config.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^anchors = .*", 'anchors = "anchors.pem"\ncrls = ["lists.pem"]', text)
    text = re.sub(r'(prefixes = \["H53.01"\]\ncertificate = ).*', r'\1"child.pem"', text)
    text = text.replace('#key = "node.key.pem"', 'key = "key.pem"\ncertificate = "child.pem"', 1)
    node.config.write_text(text, encoding="utf-8")
    result = node.call("config", "check", "--json")
    assert result.exit_code == 78
    found = [(one["code"], one["where"].rpartition("/")[2]) for one in rows(result)[0]["problems"]]
    assert sorted(found) == [
        ("EDX902", "child.pem"), ("EDX902", "trust.anchors"), ("EDX902", "trust.crls"), ("EDX903", "key.pem")
    ]  # fmt: skip
    doubtful = text.replace('prefixes = ["H53.01"]', 'prefixes = ["H53.01", "H53.01.02"]\nquota = 5')
    node.config.write_text(doubtful, encoding="utf-8")
    [row] = rows(node.call("config", "check", "--json"))
    assert [one["code"] for one in row["problems"]] == ["EDX901", "EDX907"]
    assert "has mistakes: 1" in node.call("config", "check").stdout


def test_config_show_tells_what_is_given_and_names_secrets_by_file_only(node: OneNode, tmp_path: Path) -> None:
    secret = tmp_path / "db.password"
    secret.touch(mode=0o600)
    secret.write_text("s3cret")
    text = node.config.read_text(encoding="utf-8").replace(
        '#password_file = "db.password"', f'password_file = "{secret}"', 1
    )
    node.config.write_text(text, encoding="utf-8")
    result = node.call("config", "show")
    assert "s3cret" not in result.stdout
    [row] = rows(node.call("config", "show", "--json"))
    settings = {one["name"]: (one["value"], one["default"]) for one in row["settings"]}
    assert settings["store.password_file"] == (str(secret), False)
    assert settings["delivery.lifetime"] == ("30d", True)
    assert settings["offices.1.agencies"] == (["000.00.00.G22"], False)
    [row] = rows(node.call("config", "show", "--given", "--json"))
    assert "delivery.lifetime" not in {one["name"] for one in row["settings"]}


def test_init_makes_a_node_and_touches_nothing_that_is_there(tmp_path: Path) -> None:
    assert call("init", "n", "--name", "xa-1", "--title", 'Xã "Một"').exit_code == 0
    assert oct(Path("n/data").stat().st_mode & 0o777) == "0o700"
    with sqlite3.connect("n/data/journal.db") as database:
        assert database.execute("SELECT count(*) FROM journal").fetchone() == (0,)
    database.close()
    before = Path("n/node.toml").read_bytes()
    again = call("init", "n", "--name", "xa-2")
    assert again.exit_code == 0
    assert "exists already" in again.stderr
    assert Path("n/node.toml").read_bytes() == before
    assert call("init", "m", "--name", "Xã 1").exit_code == 78
    Path("file").write_text("")
    assert call("init", "file/below", "--name", "xa-1").exit_code == 78


def test_a_journal_that_is_no_database_has_a_remedy_of_its_own(node: OneNode) -> None:
    (node.folder / "data" / "journal.db").write_bytes(b"something else altogether, and long enough" * 100)
    for arguments in (["queue", "list"], ["inbox"], ["trace", "H53-1"], ["serve"]):
        result = node.call(*arguments)
        assert result.exit_code == 75
        said = "EDX610 The journal's file is damaged, or no database: the file is not one of SQLite (SQLITE_NOTADB)\n"
        assert result.stderr.startswith(said)
        assert "restore journal.db from the back-up" in result.stderr
    [row] = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "database"]
    assert row["problem"]["code"] == "EDX610"


def test_a_database_that_was_never_made(node: OneNode) -> None:
    (node.folder / "data" / "journal.db").unlink()
    result = node.call("queue", "list")
    assert result.exit_code == 78
    assert "EDX617" in result.stderr
    assert "`edxml-router init`" in result.stderr
    result = node.call("send", node.letter("H53-1", ["G22"]), "--as", "vp")
    assert result.exit_code == 78
