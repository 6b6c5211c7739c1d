"""E-offices as a node sees them: one that fetches its mail, and one that is attached to the broker.

    office = attach(tree, "tay-ninh")
    office.send(data)           # the verdict, as JSON fields
    office.receive()            # what has come: Received(number, recipient, data)
    office.confirm(number); office.refuse(number, "gửi nhầm nơi nhận")

The first kind does what the command line does, in this process; the second speaks AMQP under a user of its own.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Protocol

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core.body import MemoryBody
from edxml_router.demo.tree import Tree
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from edxml_router.wiring import composition, own_ledger

ANSWER_SECONDS = 60.0  # how long an office waits for a verdict


@dataclass(frozen=True)
class ReceivedLetter:
    """An envelope in an inbox; ``number`` is what the node calls it, and what it is confirmed by."""

    number: str
    recipient: str
    data: bytes


class Office(Protocol):
    """What an e-office does, however it is attached."""

    node: str
    name: str

    def send(self, data: bytes) -> Mapping[str, Any]:
        """Submit an envelope; the verdict."""

    def receive(self) -> list[ReceivedLetter]:
        """What is in the inbox and was not confirmed yet; the same mail may come again."""

    def confirm(self, number: str) -> None: ...

    def refuse(self, number: str, reason: str) -> None: ...

    def close(self) -> None: ...


def attach(tree: Tree, node: str) -> Office:
    """The office of a node, the way the tree's plan says."""
    plan = tree.plans[node]
    return PushedOffice(tree, node) if plan.amqp and tree.broker else PullOffice(tree, node)


class PullOffice:
    """Fetches its mail."""

    def __init__(self, tree: Tree, node: str, settings: Settings | None = None) -> None:
        self.node, self.name = node, tree.plans[node].office
        self._stack = ExitStack()
        settings = settings or tree.settings(node)
        self._agencies = tree.plans[node].agencies
        self._node: Node = self._stack.enter_context(composition.open_node(settings))
        self._ledger = self._stack.enter_context(closing(own_ledger.open_ledger(settings)))

    def send(self, data: bytes) -> Mapping[str, Any]:
        [answer] = pipeline.accept(self._node, [Submission(MemoryBody(data), self.name, "cli")])
        return answer.shape()

    def receive(self) -> list[ReceivedLetter]:
        waiting = [item.delivery for item in self._ledger.views.inbox(self._agencies)]
        return [
            ReceivedLetter(one.name, one.recipient, inbox.fetch(self._node, self.name, one.name).whole())
            for one in waiting
        ]

    def confirm(self, number: str) -> None:
        self._expect(inbox.confirm(self._node, self.name, [number]))

    def refuse(self, number: str, reason: str) -> None:
        self._expect(inbox.refuse(self._node, self.name, [number], reason))

    def _expect(self, findings: list[Any]) -> None:
        if findings != [None]:
            raise RuntimeError(f"{self.name}: {findings[0]}")

    def close(self) -> None:
        self._stack.close()


class PushedOffice:
    """Attached over AMQP: an exchange to submit to, and a queue of its own with mail, verdicts and notices."""

    def __init__(self, tree: Tree, node: str) -> None:
        if tree.broker is None:
            raise ValueError("an office can only be attached over AMQP where there is a broker")
        self.node, self.name = node, tree.plans[node].office
        settings = RabbitSettings(
            host=tree.broker.host,
            port=tree.broker.port,
            vhost=tree.vhost(node),
            user=self.name,
            password=tree.password(self.name),
            label=self.name,
        )
        self._transport = RabbitTransport(settings, consumes=[topology.inbox(self.name)])
        self._ids = (f"{self.name}-{number}" for number in itertools.count(1))
        self._mail: dict[str, ReceivedLetter] = {}
        self._taken: set[str] = set()
        self._verdicts: dict[str, Mapping[str, Any]] = {}
        self.notices: list[Mapping[str, Any]] = []
        self.called: list[str] = []  # epochs of restored back-ups, for which everything since is to be sent again

    def send(self, data: bytes) -> Mapping[str, Any]:
        request = next(self._ids)
        self._submit(Message("submit", request, data))
        for _ in range(int(ANSWER_SECONDS / 0.2)):
            if request in self._verdicts:
                return self._verdicts.pop(request)
            self._take(0.2)
        raise RuntimeError(f"{self.name}: no verdict after {ANSWER_SECONDS:.0f} s")

    def receive(self) -> list[ReceivedLetter]:
        self._take(0.0)
        return list(self._mail.values())

    def confirm(self, number: str) -> None:
        self._mail.pop(number, None)
        self._taken.add(number)
        self._submit(Message("confirm", next(self._ids), b"", correlation=number))

    def refuse(self, number: str, reason: str) -> None:
        self._mail.pop(number, None)
        self._submit(Message("return", next(self._ids), reason.encode(), correlation=number))

    def say_resent(self, epoch: str) -> None:
        """Everything since the back-up has been sent again."""
        self._submit(Message("resent", next(self._ids), b"", correlation=epoch))

    def close(self) -> None:
        self._transport.close()

    def _submit(self, message: Message) -> None:
        """Publish, again and again while the broker is away: its way back is tried in ever longer pauses."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while (finding := self._transport.publish([Parcel(topology.submission(self.name), message)])[0]) is not None:
            if finding.code not in ("EDX701", "EDX705") or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {finding}")
            time.sleep(0.2)

    def _take(self, wait: float) -> None:
        arrivals = self._transport.take(100, wait)
        for arrival in arrivals:
            message = arrival.message
            if message.kind == "envelope":
                number = message.id
                if number in self._taken:  # a crash may push an envelope again, under its name of before
                    self.confirm(number)
                else:
                    self._mail[number] = ReceivedLetter(number, message.headers["recipient"], message.body)
            elif message.kind == "verdict":
                self._verdicts[message.correlation] = json.loads(message.body)
            elif message.kind == "withdrawn":
                self._mail.pop(message.correlation, None)
            elif message.kind == "notice":  # an answer tells of a confirmation that was late or of nothing
                notice = json.loads(message.body)
                self.notices.append(notice)
                if again := notice["send_again"]:
                    self.called.append(again["epoch"])
        self._transport.acknowledge(arrivals)
