"""A node as a service: the files that systemd reads, examined by its own tool, and who owns what `init` makes."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edxml_router.cli.main import cli
from edxml_router.core.problems import Refusal
from edxml_router.disk.accounts import acting_as_owner
from edxml_router.services.node import serving
from edxml_router.services.node.installing import ServiceWishes, install, plan_service

UNIT = "etc/systemd/system/edxml-router.service"


def wishes(root: Path, config: str = "/etc/edxml-router/node.toml") -> ServiceWishes:
    return ServiceWishes(Path("/usr/bin/true"), Path(config), root=root)


def lines(path: Path) -> dict[str, str]:
    """The settings of a unit."""
    told = [line.partition("=") for line in path.read_text().splitlines() if line and line[0] not in "#["]
    return {name: value for name, _, value in told}


def test_systemd_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    install(plan_service(wishes(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / UNIT)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "edxml-router" in line]
    assert (done.returncode, ours) == (0, [])


def test_it_is_hardened(tmp_path: Path) -> None:
    """By systemd's own measure, from 0 for what may do nothing to 10 for what may do anything."""
    install(plan_service(wishes(tmp_path)))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", str(tmp_path / UNIT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_account_and_folders(tmp_path: Path) -> None:
    install(plan_service(replace(wishes(tmp_path), account="truc", data=Path("/srv/edxml data"))))
    users = (tmp_path / "etc/sysusers.d/edxml-router.conf").read_text().splitlines()
    folders = (tmp_path / "etc/tmpfiles.d/edxml-router.conf").read_text().splitlines()
    assert users[1] == 'u truc - "edXML document router" "/srv/edxml data"'
    assert folders[1:] == ["d /etc/edxml-router 0700 truc truc", 'd "/srv/edxml data" 0700 truc truc']
    unit = lines(tmp_path / UNIT)
    assert (unit["User"], unit["ReadWritePaths"]) == ("truc", '"/srv/edxml data"')
    assert unit["ProtectHome"] == "yes"


def test_paths_are_written_as_systemd_reads_them(tmp_path: Path) -> None:
    install(plan_service(wishes(tmp_path, "/home/an/100% $HOME/node.toml")))
    unit = lines(tmp_path / UNIT)
    assert unit["ExecStart"] == '/usr/bin/true --config "/home/an/100%% $$HOME/node.toml" serve'
    assert unit["ProtectHome"] == "no"  # it would not see its configuration


@pytest.mark.parametrize("account", ["", "Root", "a b", "x\nu root", "a" * 32])
def test_an_account_that_is_none(tmp_path: Path, account: str) -> None:
    with pytest.raises(Refusal) as refused:
        plan_service(replace(wishes(tmp_path), account=account))
    assert refused.value.code == "EDX901"


def test_a_line_cannot_be_smuggled_in(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        plan_service(wishes(tmp_path, "/etc/a\nExecStartPre=x/node.toml"))
    assert refused.value.code == "EDX901"


def test_what_an_administrator_has_changed_stays(tmp_path: Path) -> None:
    install(plan_service(wishes(tmp_path)))
    assert plan_service(wishes(tmp_path)).files == ()
    unit = tmp_path / UNIT
    unit.write_text(unit.read_text().replace("RestartSec=5", "RestartSec=60"))
    with pytest.raises(Refusal) as refused:
        plan_service(wishes(tmp_path))
    assert (refused.value.code, refused.value.finding.where) == ("EDX908", str(unit))
    [(path, _)] = plan_service(replace(wishes(tmp_path), replace=True)).files
    assert path == unit


def test_the_unit_names_every_folder_that_the_node_writes_to(tmp_path: Path) -> None:
    """Of a node that is there: by its configuration. Nothing is written, this machine's systemd is left alone."""
    file, _ = serving.write_configuration(tmp_path / "node", "h53", "", tmp_path / "data")
    text = '[hub]\nkind = "local"\npath = "../hub"\n[[offices]]\nname = "vp"\nagencies = ["H53"]\nattach = "folder"\n'
    serving.make_ed25519_key(tmp_path / "node" / "key.pem")
    tiles = '[journal]\nkey = "key.pem"\ntiles = "../tiles"\n'
    file.write_text(f'[node]\nname = "h53"\ndata = "{tmp_path}/data"\n{text}folder = "../office"\n{tiles}')
    plan = plan_service(ServiceWishes(Path("/usr/bin/true"), file, replace=True))
    [unit] = [text for path, text in plan.files if path.name.endswith(".service")]
    writable = " ".join(f"{tmp_path}/{name}" for name in ("data", "hub", "office", "tiles"))
    assert f"\nReadWritePaths={writable}\n" in unit.replace("/node/..", "")
    assert [command[0] for command in plan.commands] == ["systemd-sysusers", "systemd-tmpfiles", "systemctl"]


def test_a_machine_without_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    plan = replace(plan_service(wishes(tmp_path)), commands=(("systemd-sysusers", "file"),))
    with pytest.raises(Refusal) as refused:
        install(plan)
    assert (refused.value.code, refused.value.finding.where) == ("EDX904", "systemd-sysusers")


def test_a_program_of_systemd_that_fails(tmp_path: Path) -> None:
    plan = replace(plan_service(wishes(tmp_path)), commands=(("sh", "-c", "echo no such account >&2; exit 1"),))
    with pytest.raises(Refusal) as refused:
        install(plan)
    assert (refused.value.code, refused.value.finding.detail) == ("EDX908", "no such account")


def test_the_command_shows_before_it_does(tmp_path: Path) -> None:
    arguments = ["service", "--root", str(tmp_path), "--lang", "en"]
    shown = CliRunner().invoke(cli, [*arguments, "--dry-run"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "  Type=notify" in shown.stdout.splitlines()
    assert not any(tmp_path.iterdir())
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert f"Written: {tmp_path / UNIT}" in done.stdout.splitlines()
    assert lines(tmp_path / UNIT)["Type"] == "notify"
    assert CliRunner().invoke(cli, arguments).stdout == "Every file is there, and as it should be.\n"


# Root keeps the right to read everything when it takes another name (capabilities(7), SECBIT_NO_SETUID_FIXUP): the
# interpreter of a checkout may lie where only root can read it.
AS_OWNER = """
import ctypes, sys
from edxml_router.cli.main import main
ctypes.CDLL(None).prctl(28, 4)
main()
"""


def folders_of_another(place: Path) -> tuple[list[Path], pwd.struct_passwd]:
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    for each in (place.parent.parent, place.parent, place):
        each.chmod(each.stat().st_mode | 0o011)
    folders = [place / "etc", place / "var"]
    for folder in folders:
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folders, owner


def test_init_in_a_folder_of_another_account(tmp_path: Path) -> None:
    """By root, as `systemd-tmpfiles` has made it: what is made is the service's."""
    folders, owner = folders_of_another(tmp_path)
    command = [sys.executable, "-c", AS_OWNER, "init", str(folders[0]), "--data", str(folders[1]), "--name", "h53"]
    subprocess.run(command, check=True, capture_output=True)
    made = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    assert {"node.toml", "log.key.pem", "journal.db"} <= {path.name for path in made}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(owner.pw_uid, owner.pw_gid)}


def test_an_account_that_cannot_read_the_program_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now, not when the service starts. Only root takes another account's name at all."""
    folders, _ = folders_of_another(tmp_path)
    (tmp_path / "program").mkdir(mode=0o700)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "program"))
    done = CliRunner().invoke(cli, ["init", str(folders[0]), "--name", "h53", "--lang", "en"], catch_exceptions=False)
    if os.geteuid() == 0:
        assert done.output.startswith("EDX902")
        assert str(tmp_path / "program") in done.output
        assert not any(folders[0].iterdir())
    else:
        assert done.exit_code == 0


def test_whoever_acts_for_an_owner_is_root_again_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (os.geteuid(), os.getegid(), os.getgroups())
    [folder, _], owner = folders_of_another(tmp_path)
    monkeypatch.setattr(sys, "base_prefix", "/")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(KeyError), acting_as_owner(folder):
        assert os.geteuid() == owner.pw_uid
        raise KeyError
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
