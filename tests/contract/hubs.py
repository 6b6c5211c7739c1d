"""A hub of either kind for the contract tests: two children, one office, and their owner.

Users are ``node`` (the owner), ``child-a``, ``child-b`` and ``vp``; the children are called ``a`` and ``b``,
the office ``vp``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pika

from edxml_router.demo.servers import Broker
from edxml_router.ports.transport import Arrival, Message, Parcel, Transport
from edxml_router.transport import topology
from edxml_router.transport.local import hub as local
from edxml_router.transport.local import message_file
from edxml_router.transport.local.hub import LocalTransport
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.hub import RabbitTransport

CHILDREN, OFFICES = ("a", "b"), ("vp",)
PASSWORD = "only-for-tests"
VHOST = "contract"
ENDLESS = 100_000.0  # seconds


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for a condition that will hold; what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return value


def hurry(transport: RabbitTransport, **changes: Any) -> None:
    """From here on it waits otherwise. What is to fail for want of an answer is given little time, and what is to
    succeed much: on a busy machine a broker may take a second for what usually takes a hundredth of one."""
    if changes.get("confirm_timeout", ENDLESS) < transport._settings.confirm_timeout:
        until(lambda: not transport._publisher._watching)  # or the old watch would look late, by the new time
    for part in (transport, transport._publisher, transport._publisher._outflow, *transport._publisher._lanes.values()):
        name = "settings" if part is transport._publisher._outflow else "_settings"
        setattr(part, name, replace(getattr(part, name), **changes))


@contextmanager
def suspended(broker: Broker, vhost: str, mailbox: str) -> Any:
    """The queue does as one that has lost its majority: it takes messages, and confirms none before the end."""
    queue = f'rabbit_misc:r(<<"{vhost}">>, queue, <<"{mailbox}">>)'
    leader = f"{{ok, Q}} = rabbit_amqqueue:lookup({queue}), {{Name, _}} = amqqueue:get_pid(Q)"
    broker.ctl("eval", f"{leader}, sys:suspend(whereis(Name)).")
    try:
        yield
    finally:
        broker.ctl("eval", f"{leader}, sys:resume(whereis(Name)).")


def parcel(mailbox: str, number: int = 1, body: bytes = b"body", **fields: Any) -> Parcel:
    return Parcel(mailbox, Message("transfer", f"m{number}", body, **fields))


def collect(transport: Transport, count: int) -> list[Arrival]:
    """The next ``count`` arrivals, not acknowledged."""
    arrivals: list[Arrival] = []
    while len(arrivals) < count:
        more = transport.take(count - len(arrivals), 60.0)
        assert more, f"{len(arrivals)} of {count} arrived"
        arrivals.extend(more)
    return arrivals


class LocalHub:
    """A directory."""

    one_at_a_time: ClassVar[dict[str, Any]] = {}  # for ``open``: nothing is fetched ahead

    def __init__(self, folder: Path) -> None:
        self.root = folder / "hub"
        self._opened: list[LocalTransport] = []
        local.declare(self.root, CHILDREN, OFFICES)

    def open(self, user: str, consumes: Sequence[str] = (), **changes: Any) -> LocalTransport:
        largest = changes.get("largest_message", message_file.LARGEST_BODY)
        self._opened.append(LocalTransport(self.root, user, consumes, largest=largest))
        return self._opened[-1]

    def received(self, transport: LocalTransport, count: int) -> None:
        """A directory shows at once what was published."""

    def remove(self, mailbox: str) -> None:
        (self.root / mailbox).rename(self.root.with_name(f"removed-{mailbox}"))

    @contextmanager
    def away(self) -> Any:
        self.root.rename(self.root.with_name("elsewhere"))
        yield
        self.root.with_name("elsewhere").rename(self.root)

    def finish(self) -> None:
        for transport in self._opened:
            transport.close()


class RabbitHub:
    """A vhost of a broker, with users that have the permissions of the topology."""

    one_at_a_time: ClassVar[dict[str, Any]] = {"prefetch": 1}

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._opened: list[RabbitTransport] = []
        self._define()
        self.declare()

    def _define(self) -> None:
        users = [
            topology.permissions("node", "owner"),
            topology.permissions("child-a", "child", "a"),
            topology.permissions("child-b", "child", "b"),
            topology.permissions("vp", "office", "vp"),
        ]
        salt = b"salt"
        digest = base64.b64encode(salt + hashlib.sha256(salt + PASSWORD.encode()).digest()).decode()
        algorithm = "rabbit_password_hashing_sha256"
        definitions = {
            "vhosts": [{"name": VHOST}],
            "users": [
                {"name": user.user, "password_hash": digest, "hashing_algorithm": algorithm, "tags": ""}
                for user in users
            ],
            "permissions": [{"vhost": VHOST, **user._asdict()} for user in users],
        }
        file = self.broker.folder / "definitions.json"
        file.write_text(json.dumps(definitions))
        self.broker.ctl("import_definitions", str(file))

    def declare(self) -> None:
        rabbitmq.declare(self.settings("node"), CHILDREN, OFFICES)

    def settings(self, user: str, **changes: Any) -> RabbitSettings:
        settings = RabbitSettings(
            self.broker.host,
            user,
            PASSWORD,
            self.broker.port,
            VHOST,
            first_pause=0.05,
            longest_pause=0.2,
            patience=20.0,
        )
        return replace(settings, **changes)

    def open(self, user: str, consumes: Sequence[str] = (), **changes: Any) -> RabbitTransport:
        self._opened.append(RabbitTransport(self.settings(user, **changes), consumes))
        return self._opened[-1]

    def over(self, reached: RabbitSettings, consumes: Sequence[str] = ()) -> RabbitTransport:
        """By settings of one's own, with the pauses of a test."""
        self._opened.append(RabbitTransport(replace(reached, first_pause=0.05, longest_pause=0.2), consumes))
        return self._opened[-1]

    def pika(self, user: str) -> pika.BlockingConnection:
        """What anybody with a password can do, without our code."""
        credentials = pika.PlainCredentials(user, PASSWORD)
        return pika.BlockingConnection(
            pika.ConnectionParameters(self.broker.host, self.broker.port, VHOST, credentials)
        )

    def received(self, transport: RabbitTransport, count: int) -> None:
        until(lambda: transport.buffered == count)

    def remove(self, mailbox: str) -> None:
        with self.pika("node") as connection:
            connection.channel().queue_delete(mailbox)

    @contextmanager
    def away(self) -> Any:
        self.broker.kill()
        yield
        self.broker.start()

    def finish(self) -> None:
        """Let the next test find it as new."""
        for transport in self._opened:
            transport.close()
        self._opened.clear()
        self.declare()
        with self.pika("node") as connection:
            channel = connection.channel()
            for mailbox in topology.mailboxes(CHILDREN, OFFICES):
                channel.queue_purge(mailbox)


Hub = LocalHub | RabbitHub
