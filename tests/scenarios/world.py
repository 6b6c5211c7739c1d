"""Three nodes that run as real processes, one below the other, with their offices; over folders or RabbitMQ.

Numbers of letters never repeat within a world, so that tests which share one do not meet.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.demo.letters import Post
from edxml_router.demo.offices import Office, PullOffice, attach
from edxml_router.demo.oracle import Witness, await_none, stray_files
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree

SECONDS = 120.0  # for anything to come about; on an idle machine it is a fraction of one

PLANS = (
    NodePlan("tw", "Trung ương", ("G22", "G09")),
    NodePlan("tinh", "Tỉnh", ("H53",), "tw", ("H53",), amqp=True),
    NodePlan("huyen", "Huyện", ("H53.31",), "tinh", ("H53.31",)),
)


class World:
    """A running tree."""

    def __init__(
        self, folder: Path, broker: Broker | None, plans: Sequence[NodePlan] = PLANS, kind: type[Tree] = Tree
    ) -> None:
        self._stack = ExitStack()
        self.tree = self._stack.enter_context(kind(folder, plans, broker))
        self.tree.start()
        self.post = Post(self.tree.pki)
        self.offices: dict[str, Office] = {}
        self.witnesses: dict[str, Witness] = {}
        for name in self.tree.plans:
            self.offices[name] = attach(self.tree, name)
            self._stack.callback(self.offices[name].close)
            self.witnesses[name] = Witness(self.tree.settings(name))
            self._stack.callback(self.witnesses[name].close)
        self._numbers = itertools.count(1)
        self.copies: Counter[bytes] = Counter()

    def close(self) -> None:
        self._stack.close()

    def look_again(self, node: str) -> None:
        """The database of a node is another file now."""
        self.witnesses[node].close()
        self.witnesses[node] = Witness(self.tree.settings(node))
        if isinstance(self.offices[node], PullOffice):
            self.offices[node].close()
            self.offices[node] = attach(self.tree, node)

    def office(self, code: str) -> Office:
        return self.offices[self.tree.home(code)]

    def letter(self, sender: str, *to: str, **options: Any) -> bytes:
        number = next(self._numbers)
        return self.post.document(sender, to, number, f"V/v việc số {number}", **options)

    def send(self, sender: str, *to: str, **options: Any) -> bytes:
        """Send a letter; it must be accepted."""
        data = self.letter(sender, *to, **options)
        verdict = self.office(sender).send(data)
        assert verdict["accepted"], verdict
        return data

    def delivery(self, node: str, data: bytes, recipient: str = "") -> Delivery:
        [delivery] = self._found(node, data, recipient)
        return delivery

    def await_state(self, node: str, data: bytes, state: str, recipient: str = "") -> Delivery:
        until(lambda: [one.state for one in self._found(node, data, recipient)] == [state], f"{state} at {node}")
        return self.delivery(node, data, recipient)

    def _found(self, node: str, data: bytes, recipient: str) -> Sequence[Delivery]:
        found = self.witnesses[node].deliveries([digest_of(data)])
        return [one for one in found if recipient in ("", one.recipient)]

    def receive(self, code: str, data: bytes) -> str:
        """Wait until the letter is in the inbox of ``code``'s office; its name there, bytes compared."""
        got: list[str] = []

        def came() -> bool:
            mails = self.office(code).receive()
            got.extend(mail.number for mail in mails if (mail.data, mail.recipient) == (data, code))
            return bool(got)

        until(came, f"a letter for {code}")
        return got[0]

    def confirm(self, code: str, data: bytes) -> None:
        self.office(code).confirm(self.receive(code, data))

    def answer(self, sent: Collection[bytes]) -> None:
        """Let every office confirm what it has got of these letters, and count the copies."""
        for office in self.offices.values():
            for mail in office.receive():
                if mail.data in sent:
                    self.copies[mail.data] += 1
                    office.confirm(mail.number)

    def states(self, node: str, data: bytes) -> list[State]:
        """Of the deliveries of a letter at a node."""
        return [one.state for one in self._found(node, data, "")]

    def unrest(self) -> list[str]:
        """What is not as it must be once all letters have ended."""
        found = [line for witness in self.witnesses.values() for line in witness.at_rest()]
        for name in self.tree.plans if not self.tree.broker else ():
            found += stray_files(self.tree.hub(name))
        return found

    def come_to_rest(self) -> None:
        """Every delivery ended, every journal whole, nothing left in a mailbox."""
        unrest = await_none(self.unrest, SECONDS)
        assert not unrest, unrest

    @contextmanager
    def without_hub(self, name: str) -> Iterator[None]:
        """The hub of a node is away: its folder, or the whole broker, killed as by a power failure."""
        if self.tree.broker:
            self.tree.broker.kill()
            yield
            self.tree.broker.start()
            return
        hub = self.tree.hub(name)
        away = hub.rename(hub.with_name("away"))
        yield
        assert not hub.exists()  # its owner does not make another in its place
        away.rename(hub)

    def hurried(self, node: str, change: Callable[[Settings], Settings]) -> PullOffice:
        """A second client of a node's office, which submits under changed settings."""
        office = PullOffice(self.tree, node, change(self.tree.settings(node)))
        self._stack.callback(office.close)
        return office


def until(holds: Callable[[], Any], what: str) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"still waiting for {what} after {SECONDS:.0f} s")
        time.sleep(0.02)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def code_of(verdict: Mapping[str, Any]) -> str:
    """The problem code of a verdict, or nothing."""
    return str((verdict.get("problem") or {}).get("code", ""))
