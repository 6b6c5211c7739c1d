"""The test axis while it runs: nodes, doors, the office that answers, and what is planted.

with TrialAxis(folder) as axis:                 # up, with all that a maker needs in ``folder``
    axis.plant("van-thu", "clock-off", seconds=30)
    axis.write("van-thu", "recall")
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.credentials.keys import load_certificates
from edxml_router.demo.axis import plans
from edxml_router.demo.axis.counterpart import Counterpart, CounterpartAct
from edxml_router.demo.axis.doors.control import AxisControl
from edxml_router.demo.axis.doors.door import Door, DoorPlan, SeenCall
from edxml_router.demo.axis.doors.hooks import HookDoor
from edxml_router.demo.axis.faults import Faults, PlantedFault
from edxml_router.demo.axis.handout import hand_out
from edxml_router.demo.axis.plans import ANSWERING, PARENT, GatewayPorts, TrialOffice
from edxml_router.demo.servers import HOST, free_port
from edxml_router.demo.tree import Tree, TreeError
from edxml_router.services import trial_authority
from edxml_router.services.gateway import tokens
from edxml_router.services.offices import webhooks
from edxml_router.wiring import own_ledger

READY_SECONDS: Final = 180.0
# What a trouble of the node changes in its configuration while it lasts.
_CHANGES: Final = {
    "rate-limit": (f"requests = {plans.REQUESTS}", "requests = 2"),
    "clock-off": (f'window = "{plans.WINDOW}"', 'window = "1ms"'),
}

Seen = SeenCall | CounterpartAct


class TrialAxis:
    """See the module. ``webhook``: the address of the maker's receiver, for the office van-thu. ``tell`` hears what
    passes, from several threads."""

    def __init__(self, folder: Path, *, webhook: str | None = None, tell: Callable[[Seen], None] | None = None) -> None:
        self.folder = folder.absolute()
        self.planted = Faults()
        self.tokens: dict[str, str] = {}
        self._webhook, self._tell = webhook, tell or (lambda _: None)
        self._secrets = {name: secrets.token_hex(16) for name in ("van-thu", "bo-noi-vu")}
        self.offices: dict[str, TrialOffice] = plans.trial_offices(self._secrets)
        self.ports = GatewayPorts({PARENT: free_port(), plans.CHILD: free_port()}, free_port())
        self._stack = ExitStack()
        self._changing = threading.Lock()
        self._timers: dict[tuple[str, str], threading.Timer] = {}

    def __enter__(self) -> TrialAxis:
        with ExitStack() as stack:
            planned = plans.node_plans(self.offices, self.ports, self._webhook is not None)
            self.tree = stack.enter_context(Tree(self.folder / "nodes", planned, prepare=self._prepare))
            for name in self.tree.plans:
                self.tree.launch(name)
            expired = {office.name: self._issue(office.node, office.name, days=0) for office in self.offices.values()}
            self.tokens = {office.name: self._issue(office.node, office.name) for office in self.offices.values()}
            hand_out(self)
            answering = Counterpart(
                self.ports.gateways[PARENT], self._issue(PARENT, ANSWERING), self.offices, self.planted, self._tell
            )
            for name in self.tree.plans:
                self.tree.wait_ready(name)
                self.tree.wait_ready(name, "gateway.started")
            self._answering = answering
            answering.start()
            stack.callback(answering.close)
            self._open_doors(stack, expired)
            stack.callback(self._end_changes)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pki(self) -> Path:
        return self.tree.pki

    # --- acts ---

    def plant(self, office: str, name: str, *, times: int = 1, seconds: int | None = None) -> PlantedFault:
        """Plant a trouble for an office; those of the node begin before this returns, and end after ``seconds``. Raises
        Refusal EDX606 and EDX418."""
        fault = self.planted.plant(office, name, times=times, seconds=seconds)
        if name in _CHANGES:
            self._change(self.offices[office].node, name, fault.seconds)
            self.planted.take(office, name)
        elif name == "crash":
            self.planted.take(office, name)
            self._crash(self.offices[office].node)
        return fault

    def write(self, office: str, kind: str) -> dict[str, list[str]]:
        """Have the office that answers write to this one. Raises Refusal EDX606."""
        return self._answering.write(office, kind)

    def _crash(self, node: str) -> None:
        """kill -9 of the node and all its processes, and another start; without waiting until it is ready."""
        with self._changing:
            self.tree.kill(node)
            self.tree.launch(node)

    def _change(self, node: str, name: str, seconds: int) -> None:
        """Change a setting and have the node take it; it changes back after so many seconds."""
        usual, changed = _CHANGES[name]
        self._reload(node, usual, changed)
        earlier = self._timers.pop((node, name), None)
        if earlier is not None:
            earlier.cancel()
        timer = threading.Timer(seconds, self._reload, (node, changed, usual))
        timer.daemon = True
        self._timers[node, name] = timer
        timer.start()

    def _reload(self, node: str, before: str, after: str) -> None:
        with self._changing:
            path, log = self.tree.config(node), self.tree.log(node)
            text = path.read_text(encoding="utf-8")
            if before not in text:
                return
            path.write_text(text.replace(before, after), encoding="utf-8")
            done, heard = b'"node.reloaded"', log.read_bytes().count(b'"node.reloaded"')
            os.kill(self.tree.group(node), signal.SIGHUP)
            deadline = time.monotonic() + READY_SECONDS
            while log.read_bytes().count(done) < heard + 2:  # a worker's and the gateway's
                if time.monotonic() > deadline:
                    raise TreeError(f"{node} did not take its settings\n{self.tree.tail(node)}")
                time.sleep(0.02)

    def _end_changes(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    # --- making it ---

    def _prepare(self, pki: Path) -> None:
        """What the configurations name, beside what every tree has."""
        now = datetime.now(UTC)
        trial_authority.issue(pki, self.offices["bo-noi-vu"].agency, now)
        trial_authority.issue_node(pki, "gateway", now, [HOST, "localhost"])
        for office in self.offices.values():
            trial_authority.issue_node(pki, office.certificate, now)
            trial_authority.issue_node(pki, f"revoked-{office.name}", now)
            secret = pki / f"{office.name}.secret"
            secret.touch(mode=0o600)
            secret.write_text(office.secret)
        for row in trial_authority.issued(pki):
            if row.name.startswith("revoked-"):
                trial_authority.revoke(pki, row.serial, now)
        authorities = [(pki / name).read_bytes() for name in ("anchors.pem", "issuing.cert.pem")]
        (pki / "clients.pem").write_bytes(b"".join(authorities))
        webhooks.make_key(pki / "webhook.key")

    def _issue(self, node: str, office: str, *, days: int = 365) -> str:
        settings = self.tree.settings(node)
        with closing(own_ledger.open_ledger(settings)) as ledger:
            text, _ = tokens.issue(ledger, settings, office, days=days, actor="operator:demo", note="test axis")
        return text

    def _open_doors(self, stack: ExitStack, expired: dict[str, str]) -> None:
        """In a thread with a loop of its own."""
        ready: Future[asyncio.Event] = Future()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            ending = asyncio.Event()
            async with AsyncExitStack() as opened:
                try:
                    for door in self._doors(expired):
                        await opened.enter_async_context(door.open())
                except BaseException as error:
                    ready.set_exception(error)
                    raise
                ready.set_result(ending)
                await ending.wait()

        def run() -> None:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:  # which ends what is still answered
                runner.run(serve())

        thread = threading.Thread(target=run, name="doors", daemon=True)
        thread.start()
        ending = ready.result()

        def end() -> None:
            loop.call_soon_threadsafe(ending.set)
            thread.join(10)

        stack.callback(end)

    def _doors(self, expired: dict[str, str]) -> list[Any]:
        doors: list[Any] = []
        for office in self.offices.values():
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.pki / "gateway.cert.pem", self.pki / "gateway.key.pem")
            tls.load_verify_locations(self.pki / "clients.pem")
            tls.verify_mode = ssl.CERT_OPTIONAL
            [revoked, *_] = load_certificates(self.pki / f"revoked-{office.name}.cert.pem")
            plan = DoorPlan(
                office.name,
                office.port,
                self.ports.gateways[office.node],
                tls,
                expired[office.name],
                revoked.public_bytes(Encoding.DER),
            )
            control = AxisControl(office.name, self.tokens[office.name], self.planted, self.plant, self.write)
            doors.append(Door(plan, self.planted, self._tell, control))
        if self._webhook is not None:
            doors.append(HookDoor("van-thu", self.ports.hooks, self._webhook, self.planted, self._tell))
        return doors
