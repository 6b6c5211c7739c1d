"""Make a node a service of systemd: a unit, an account, and folders that belong to it.

    plan = plan_service(ServiceWishes(program, config))
    plan.files, plan.commands          # what would be written, and run
    install(plan)

The files are templates in ``config/systemd``. Raises Refusal EDX904 where systemd's programs are missing, EDX908 for a
file that is there with another content, and what reading a configuration raises.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edxml_router.config import Settings, load
from edxml_router.config.hubs import LocalHub
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words
from edxml_router.credentials.keys import write_over
from edxml_router.resources import PROGRAM, folder, program

SERVICE: Final = "edxml-router"
DATA: Final = Path("/var/lib/edxml-router")
_TEMPLATES: Final = (  # of each, the folder that systemd reads, and the name in it
    ("edxml-router.sysusers.conf", "etc/sysusers.d", f"{SERVICE}.conf"),
    ("edxml-router.tmpfiles.conf", "etc/tmpfiles.d", f"{SERVICE}.conf"),
    ("edxml-router.service", "etc/systemd/system", f"{SERVICE}.service"),
)
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
_ACCOUNT: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9/._,:@+=-]+")
_WORD: Final = re.compile(r"@([A-Z]+)@")


@dataclass(frozen=True, slots=True)
class ServiceWishes:
    """``program`` and ``config`` are absolute. ``root``: the tree that the files are for, of this machine or of an
    image that is being made. ``replace``: files that are there with another content are written over."""

    program: Path
    config: Path
    account: str = SERVICE
    data: Path = DATA
    root: Path = Path("/")
    replace: bool = False


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """Files with their content, those that are as they should be left out; then commands, none for an image."""

    files: tuple[tuple[Path, str], ...]
    commands: tuple[tuple[str, ...], ...]


def installed_program() -> Path:
    """The command of this installation, which the unit calls."""
    called = program()
    if len(called) != 1:  # by way of the interpreter
        raise Refusal("EDX904", where=PROGRAM, detail=Detail("the program is not installed as a command"))
    return Path(called[0])


def plan_service(wishes: ServiceWishes) -> ServicePlan:
    """What it takes. Where the configuration is there already, the unit lets the node write to every folder that it
    names; else to its data alone."""
    if not _ACCOUNT.fullmatch(wishes.account):
        detail = Detail("an account has a-z, 0-9, hyphen and underscore, at most 31")
        raise Refusal("EDX901", where="--account", detail=detail)
    settings = load(wishes.config) if wishes.root == Path("/") and wishes.config.exists() else None
    files = tuple(_files(wishes, settings))
    there = [wishes.root / place / name for _, place, name in _TEMPLATES]
    commands = (
        ("systemd-sysusers", str(there[0])),
        ("systemd-tmpfiles", "--create", str(there[1])),
        ("systemctl", "daemon-reload"),
    )
    return ServicePlan(files, commands if wishes.root == Path("/") else ())


def install(plan: ServicePlan) -> None:
    """Write the files, and let systemd take them."""
    for path, text in plan.files:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refusal("EDX908", where=str(path), detail=in_words(error)) from error
        write_over(path, text.encode())
    for command in plan.commands:
        _run(command)


def _files(wishes: ServiceWishes, settings: Settings | None) -> Iterator[tuple[Path, str]]:
    values = _values(wishes, settings)
    for template, place, name in _TEMPLATES:
        path = wishes.root / place / name
        text = (folder("config") / "systemd" / template).read_text(encoding="utf-8")
        text = _WORD.sub(lambda word: values[word[1]], text)
        try:
            before = path.read_text(encoding="utf-8") if path.exists() else None
        except (OSError, UnicodeDecodeError) as error:
            raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
        if before == text:
            continue
        if before is not None and not wishes.replace:
            detail = Detail("it is there with another content; `--replace` writes over it")
            raise Refusal("EDX908", where=str(path), detail=detail)
        yield path, text


def _values(wishes: ServiceWishes, settings: Settings | None) -> dict[str, str]:
    data = settings.node.data.absolute() if settings is not None else wishes.data
    writable = [data, *dict.fromkeys(_written(settings))] if settings is not None else [data]
    at_home = any(home in path.parents for path in (wishes.program, wishes.config, *writable) for home in _HOMES)
    return {
        "PROGRAM": _quoted(wishes.program).replace("$", "$$"),
        "CONFIG": _quoted(wishes.config).replace("$", "$$"),
        "FOLDER": _quoted(wishes.config.parent),
        "DATA": _quoted(data),
        "ACCOUNT": wishes.account,
        "WRITABLE": " ".join(_quoted(path) for path in writable),
        "HOME": "no" if at_home else "yes",  # what lies there would not be seen
    }


def _written(settings: Settings) -> Iterator[Path]:
    """The folders beside its data that a node writes to."""
    for hub in settings.hubs.values():
        if isinstance(hub, LocalHub):
            yield hub.path.absolute()
    for office in settings.offices:
        if office.folder is not None:
            yield office.folder.absolute()
    if settings.journal.tiles is not None:
        yield settings.journal.tiles.absolute()
    scheme, _, file = settings.database_url.partition(":///")
    if scheme.startswith("sqlite") and settings.node.data.absolute() not in Path(file).absolute().parents:
        yield Path(file).absolute().parent


def _quoted(path: Path) -> str:
    """A path as systemd reads one (systemd.syntax(7)); "%" would begin a specifier (systemd.unit(5))."""
    text = str(path)
    if any(ord(letter) < 0x20 for letter in text):
        raise Refusal("EDX901", where=repr(text), detail=Detail("a path with a control character"))
    text = text.replace("%", "%%")
    if _PLAIN.fullmatch(text.replace("%%", "")):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _run(command: Sequence[str]) -> None:
    try:
        # S603: the program is one of ours above, the arguments our own paths.
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: S603
    except FileNotFoundError as error:
        raise Refusal("EDX904", where=command[0], detail=Detail("systemd is not on this machine")) from error
    if done.returncode:
        raise Refusal("EDX908", where=" ".join(command), detail=done.stderr.strip()[-500:])
