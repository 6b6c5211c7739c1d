"""``edxml-router demo``, but for the tree itself, which tests/scenarios and .ci/run let run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edxml_router.cli import demo
from edxml_router.core.problems import Refusal
from edxml_router.demo import play, servers
from edxml_router.demo.folder import DEFAULT, MARK, exclusive_folder
from edxml_router.resources import program
from tests.cli.conftest import COMMAND, call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[play.Options]:
    """What runs would be asked for; none is made."""
    seen: list[play.Options] = []
    monkeypatch.setattr(demo.play, "run", lambda options: seen.append(options) or 7)
    return seen


def test_the_options_arrive_and_the_status_comes_back(asked: list[play.Options]) -> None:
    arguments = ["--once", "--broker", "--load", "3", "--kill", "--picture", "a.svg", "--lang", "vi"]
    assert call("demo", "cay", *arguments).exit_code == 7
    assert asked == [play.Options(Path("cay"), "vi", True, True, 3, True, Path("a.svg"))]


def test_without_options_it_works_in_a_folder_of_its_own_below_this_one(asked: list[play.Options]) -> None:
    call("demo")
    assert asked == [play.Options(DEFAULT)]
    assert not DEFAULT.is_absolute()


def test_a_folder_that_holds_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    done = call("demo", "--once", tmp_path)
    assert done.exit_code == 1
    assert "EDX908" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_an_earlier_run_left_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "demo"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    with exclusive_folder(folder):
        (folder / "nodes").mkdir()
        (folder / "nodes" / "old").touch()
        (folder / "link").symlink_to(elsewhere)
    with exclusive_folder(folder):
        assert [path.name for path in folder.iterdir()] == [MARK]
    assert (elsewhere / "kept").exists()


def test_two_demonstrations_do_not_share_a_folder(tmp_path: Path) -> None:
    with exclusive_folder(tmp_path):
        (tmp_path / "running").touch()
        done = call("demo", "--once", tmp_path, "--lang", "vi")
        assert done.exit_code == 1
        assert "EDX908" in done.stderr
        assert "đang chạy ở đó" in done.stderr
        assert (tmp_path / "running").exists()


def test_a_folder_that_is_not_ours_alone_gets_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where anybody may make folders, somebody may have made it before, with the mark in it."""
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o755)
    (mine / MARK).touch()
    with exclusive_folder(mine):
        assert mine.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(mine)
    with pytest.raises(Refusal, match="EDX908"), exclusive_folder(tmp_path / "link"):
        raise AssertionError
    monkeypatch.setattr("edxml_router.demo.folder.os.geteuid", lambda: mine.stat().st_uid + 1)
    with pytest.raises(Refusal, match="EDX908"), exclusive_folder(mine):
        raise AssertionError
    assert (mine / MARK).exists()


def test_a_broker_that_is_not_installed_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "RABBITMQ_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    done = call("demo", "--once", "--broker", tmp_path / "demo")
    assert done.exit_code == 69
    assert "EDX904" in done.stderr
    assert "apt-get install rabbitmq-server" in done.stderr


def test_a_server_that_cannot_be_tied_to_us_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "epmd").touch(mode=0o755)
    with pytest.raises(Refusal, match="apt-get install util-linux"), servers.rabbitmq(tmp_path / "rabbitmq"):
        pass


def test_nodes_are_started_by_this_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by what the PATH names, which may be of another version; nor by what lies in the current folder."""
    (tmp_path / "edxml_router").mkdir()
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert program() == [str(COMMAND)]
    monkeypatch.setattr(sys, "executable", str(Path(sys.executable).resolve()))  # outside the virtual environment
    assert program()[0] == sys.executable
    fallback = [str(COMMAND.with_name("python")), *program()[1:]]
    done = subprocess.run([*fallback, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("edxml-router, version")
