"""A tree of nodes on this machine, each a process with a folder of its own. For the demo and the scenario tests.

    with Tree(folder, plans) as tree:               # folders, certificates and configurations
        tree.start()                                # every node, until it is ready
        tree.ask("tay-ninh", "queue", "list")       # the real command line, its JSON
        tree.kill("tay-ninh"); tree.start("tay-ninh")

With ``broker`` (see :mod:`servers`) the hubs are virtual hosts of it, with the users and permissions that an
operator would give; without, they are folders. Leaving the block ends every process that was started.

Raises :class:`TreeError` with the end of the log when a node does not come up, or when a command fails.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edxml_router.config import Settings, load
from edxml_router.core.proof.note import NoteSigner
from edxml_router.credentials.ed25519_keys import make_ed25519_key
from edxml_router.demo.servers import Broker
from edxml_router.resources import program
from edxml_router.services import trial_authority
from edxml_router.store.database import migrate
from edxml_router.transport import topology
from edxml_router.wiring import own_ledger

START_SECONDS = 180.0  # seven nodes that start at once on two slow cores need 15, on busy ones far more
STOP_SECONDS = 120.0
# The kernel ends a node when the demo or the tests die; without util-linux it is left to whoever sees it.
_ENDED_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()

# The packaged catalogue closes the district level after 30 June 2025, and with it Bến Cầu. The tree keeps both
# ways of 2025 side by side, a province with districts and one whose communes are directly below it.
CATALOGUE = {
    "levels.csv": """\
level,title_vi,title_en,valid_from,valid_to,letters,name_starts,source
district,"Huyện, quận, thị xã, thành phố thuộc tỉnh",District,,,,UBND huyện,example: the district level kept open
""",
    "agencies.csv": """\
code,name,level,parent,state,valid_from,valid_to,verified,dates_verified,source
H53.31,Ủy ban nhân dân huyện Bến Cầu,district,,active,,,no,no,example: kept open
H53.31.21,Ủy ban nhân dân xã An Thạnh,commune,,active,,,no,no,example: kept open
H53.31.22,Ủy ban nhân dân xã Long Chữ,commune,,active,,,no,no,example: kept open
""",
}

# Times of a tree that a person watches; a real one waits for minutes and hours.
DELIVERY: Mapping[str, str] = {
    "lease": "5s",
    "retry_first": "200ms",
    "retry_ceiling": "2s",
    "receipt_timeout": "4s",
    "inquiry_interval": "5s",
}


class TreeError(RuntimeError):
    """A node did not come up, or a command failed."""


@dataclass(frozen=True)
class NodePlan:
    """One node: what it serves through its office, and what lives below it besides."""

    name: str
    title: str
    agencies: tuple[str, ...]
    parent: str | None = None
    prefixes: tuple[str, ...] = ()  # of everything at and below this node, as its parent knows it
    rsa: bool = False  # keys of the agencies: RSA, or P-256
    amqp: bool = False  # the office attaches over AMQP when there is a broker
    delivery: Mapping[str, str] = field(default_factory=dict)
    office_name: str = ""
    office_settings: str = ""  # further lines of the office's table
    further: str = ""  # further tables of the configuration

    @property
    def office(self) -> str:
        return self.office_name or f"vanthu-{self.name}"


class Tree:
    """The nodes of ``plans`` below ``folder``, which must be new or empty. ``prepare`` is given the folder of the
    authority before the configurations are read, for what their further tables name."""

    def __init__(
        self,
        folder: Path,
        plans: Sequence[NodePlan],
        broker: Broker | None = None,
        prepare: Callable[[Path], None] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.plans = {plan.name: plan for plan in plans}
        self.broker = broker
        self.pki = self.folder / "pki"
        self._mark = secrets.token_hex(3) if broker else ""  # several trees may share a broker
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._read: dict[str, int] = {}  # bytes of each log that belong to earlier starts
        self._prepare = prepare
        self._log_keys: dict[str, str] = {}  # of each node, as its neighbours have them
        self._build()

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- what is where ---

    def config(self, name: str) -> Path:
        return self.folder / name / "node.toml"

    def settings(self, name: str) -> Settings:
        return load(self.config(name))

    def log(self, name: str) -> Path:
        return self.folder / name / "serve.log"

    def hub(self, name: str) -> Path:
        """The folder of a node's mailboxes, where hubs are folders."""
        return self.folder / name / "hub"

    def home(self, code: str) -> str:
        """The node that serves an agency."""
        return next(plan.name for plan in self.plans.values() if code in plan.agencies)

    def vhost(self, name: str) -> str:
        return f"{name}.{self._mark}"

    def password(self, user: str) -> str:
        """Of a user of the broker; the same for every tree on it, because users are common to all vhosts."""
        return hashlib.sha256(f"{self.broker.password if self.broker else ''} {user}".encode()).hexdigest()

    # --- processes ---

    def start(self, *names: str) -> None:
        """Start these nodes (all, without names) and wait until each is ready."""
        chosen = names or tuple(self.plans)
        for name in chosen:
            self.launch(name)
        for name in chosen:
            self.wait_ready(name)

    def launch(self, name: str) -> None:
        """Start a node without waiting for it."""
        log = self.log(name)
        self._read[name] = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [*_ENDED_WITH_US, *self.command(name, "serve")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo, which stops the nodes in good order
            )

    def wait_ready(self, name: str, event: str = "worker.started") -> None:
        """Until this event stands in its log, since it was started."""
        process, deadline = self._processes[name], time.monotonic() + START_SECONDS
        while f'"{event}"'.encode() not in self.log(name).read_bytes()[self._read[name] :]:
            if process.poll() is not None:
                raise TreeError(f"{name} ended with status {process.returncode}\n{self.tail(name)}")
            if time.monotonic() > deadline:
                raise TreeError(f"{name} is not ready after {START_SECONDS:.0f} s\n{self.tail(name)}")
            time.sleep(0.02)

    def stop(self, *names: str) -> dict[str, int]:
        """End these nodes (all, without names) in good order; the exit status of each."""
        chosen = {name: self._processes.pop(name) for name in names or tuple(self._processes)}
        for process in chosen.values():
            process.terminate()
        for process in chosen.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _kill_group(process)
        return {name: process.returncode for name, process in chosen.items()}

    def kill(self, *names: str) -> None:
        """End a node and its workers at once, as a power failure would."""
        for name in names:
            _kill_group(self._processes.pop(name))

    def group(self, name: str) -> int:
        """The process group of a node and its workers."""
        return self._processes[name].pid

    def running(self) -> list[str]:
        return [name for name, process in self._processes.items() if process.poll() is None]

    def tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self.log(name).read_text("utf-8", "replace").splitlines()[-lines:])

    # --- the command line ---

    def command(self, name: str, *arguments: str) -> list[str]:
        """How a person would type it."""
        return [*program(), "--config", str(self.config(name)), *arguments]

    def run(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """``edxml-router --config … ARGUMENTS``; a failure is for the caller to see."""
        command = self.command(name, *map(str, arguments))
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
        )

    def ask(self, name: str, *arguments: str | Path) -> list[Any]:
        """The JSON objects that a command answers; it must succeed."""
        done = self.run(name, *arguments, "--json")
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise TreeError(f"edxml-router {' '.join(map(str, arguments))}: status {done.returncode}\n{said}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- making it ---

    def _build(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        trial_authority.init(self.pki, now)
        catalogue = self.folder / "agency_codes"
        catalogue.mkdir()
        for file, text in CATALOGUE.items():
            (catalogue / file).write_text(text, encoding="utf-8")
        for plan in self.plans.values():
            for code in plan.agencies:
                kind = trial_authority.KeyType.RSA if plan.rsa else trial_authority.KeyType.EC
                trial_authority.issue(self.pki, code, now, kind)
            key = make_ed25519_key(self.pki / f"{plan.name}.log.key.pem")
            self._log_keys[plan.name] = NoteSigner(f"edxml-router/{plan.name}", key).verifier.text
            trial_authority.issue_node(self.pki, plan.name, now, serves=plan.agencies)
            self.config(plan.name).parent.mkdir()
            if self.broker:
                self._secret(plan.name, plan.name)
                self._secret(plan.name, plan.office)
        if self.broker:
            definitions = self.folder / "broker.json"
            definitions.write_text(json.dumps(self._definitions()))
            self.broker.ctl("import_definitions", str(definitions))
        if self._prepare:
            self._prepare(self.pki)
        for plan in self.plans.values():
            self.config(plan.name).write_text("\n".join(self._toml(plan)) + "\n", encoding="utf-8")
            self._make_database(plan.name)

    def _make_database(self, name: str) -> None:
        """As ``edxml-router init`` does."""
        settings = self.settings(name)
        settings.node.data.mkdir(mode=0o700)
        with closing(own_ledger.open_ledger(settings)) as ledger:
            migrate.upgrade(ledger.engine)

    def _secret(self, node: str, user: str) -> None:
        path = self.folder / node / f"{user}.password"
        path.touch(mode=0o600)
        path.write_text(self.password(user))

    def _toml(self, plan: NodePlan) -> Iterator[str]:
        yield from (f"# {plan.title}", "[node]", f'name = "{plan.name}"', f'title = "{plan.title}"', "workers = 1")
        yield from (f'key = "../pki/{plan.name}.key.pem"', f'certificate = "../pki/{plan.name}.cert.pem"')
        yield from ("", "[journal]", f'key = "../pki/{plan.name}.log.key.pem"')
        children = [child for child in self.plans.values() if child.parent == plan.name]
        if children or (plan.amqp and self.broker):
            yield from ("", "[hub]", *self._hub(plan.name, plan.name))
        if plan.parent:
            yield from ("", "[parent]", f'name = "{plan.parent}"', f'certificate = "../pki/{plan.parent}.cert.pem"')
            yield f'log_keys = ["{self._log_keys[plan.parent]}"]'
            yield from ("[parent.hub]", *self._hub(plan.parent, plan.name))
        for child in children:
            yield from ("", "[[children]]", f'name = "{child.name}"', f"prefixes = {json.dumps(child.prefixes)}")
            yield f'certificate = "../pki/{child.name}.cert.pem"'
            yield f'log_keys = ["{self._log_keys[child.name]}"]'
        yield from ("", "[[offices]]", f'name = "{plan.office}"', f"agencies = {json.dumps(plan.agencies)}")
        if plan.amqp and self.broker:
            yield 'attach = "amqp"'
        yield from (plan.office_settings, plan.further)
        yield from ("", "[trust]", 'anchors = "../pki/anchors.pem"', 'node_anchors = "../pki/anchors.pem"')
        yield 'crls = ["../pki/root.crl.pem", "../pki/issuing.crl.pem"]'
        yield from ("", "[agencies]", 'extra = ["../agency_codes"]')
        yield from ("", "[delivery]", *(f'{key} = "{value}"' for key, value in {**DELIVERY, **plan.delivery}.items()))
        yield from ("", "[log]", 'format = "json"')

    def _hub(self, owner: str, user: str) -> Iterator[str]:
        if not self.broker:
            yield from ('kind = "local"', f'path = "{os.path.relpath(self.hub(owner), self.folder / user)}"')
            return
        yield from ('kind = "rabbitmq"', f'host = "{self.broker.host}"', f"port = {self.broker.port}")
        yield from (f'vhost = "{self.vhost(owner)}"', f'user = "{user}"', f'password_file = "{user}.password"')

    def _definitions(self) -> dict[str, list[dict[str, str]]]:
        """What an operator would type with rabbitmqctl, in one file: hundred commands would take a minute."""
        permissions: list[dict[str, str]] = []

        def allow(hub: str, user: str, role: topology.HubRole) -> None:
            rights = topology.permissions(user, role, user)._asdict()
            permissions.append({"vhost": self.vhost(hub), **rights})

        for plan in self.plans.values():
            allow(plan.name, plan.name, topology.HubRole.OWNER)
            if plan.parent:
                allow(plan.parent, plan.name, topology.HubRole.CHILD)
            if plan.amqp:
                allow(plan.name, plan.office, topology.HubRole.OFFICE)
        return {
            "vhosts": [{"name": self.vhost(name)} for name in self.plans],
            "users": [
                _user(name, self.password(name)) for plan in self.plans.values() for name in (plan.name, plan.office)
            ],
            "permissions": permissions,
        }


def _user(name: str, password: str) -> dict[str, str]:
    """As ``import_definitions`` takes it: a salt of four bytes and the digest of salt and password."""
    salt = secrets.token_bytes(4)
    digest = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
    kind = "rabbit_password_hashing_sha256"
    return {"name": name, "password_hash": digest, "hashing_algorithm": kind, "tags": ""}


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
