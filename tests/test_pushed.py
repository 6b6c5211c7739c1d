"""Offices that are attached to a hub: what is laid into their mailboxes, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from edxml_router import inbox, intake, operate, pipeline
from edxml_router.core.lifecycle import State
from edxml_router.ports import Arrival, Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.local import LocalTransport
from tests.test_pipeline import Nodes, letter, nodes  # noqa: F401  # a fixture

OFFICE = "vanthu-quoc-gia"


@dataclass
class Office:
    """The office of the highest node, attached to its hub."""

    nodes: Nodes
    hub: LocalTransport

    def take(self) -> list[Arrival]:
        """What is in its mailbox; acknowledged."""
        arrivals = list(self.hub.take(100, 0.0))
        self.hub.acknowledge(arrivals)
        return arrivals

    def say(self, kind: str, body: bytes = b"", correlation: str = "", number: int = 1) -> None:
        message = Message(kind, f"{kind}-{number}", body, correlation=correlation)
        assert list(self.hub.publish([Parcel(topology.submit(OFFICE), message)])) == [None]


@pytest.fixture
def office(nodes: Nodes) -> Iterator[Office]:  # noqa: F811
    opened = nodes["quoc-gia"]
    [plain] = opened.settings.offices
    opened.reload(replace(opened.settings, offices=(replace(plain, attach="amqp"),)))
    opened.declare()
    hub = LocalTransport(nodes.tree.hub("quoc-gia"), OFFICE, [topology.inbox(OFFICE)])
    yield Office(nodes, hub)
    hub.close()


def upward(nodes: Nodes, number: int = 1) -> bytes:  # noqa: F811
    """A letter of a province to the office."""
    return letter(nodes, ["G22"], sender="H53", number=number)


def test_a_submission_that_the_node_takes_again_sends_nothing_twice(office: Office) -> None:
    """The verdict could not be sent, so the hub brings the submission again, when its recipient has refused it."""
    nodes, mailbox = office.nodes, office.nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE)
    mailbox.rename(mailbox.with_name("away"))
    office.say("submit", letter(nodes))
    handled = nodes.step("quoc-gia")
    [first] = handled.answers
    assert (first.accepted, len(handled.back)) == (True, 1)
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", first.digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.id], "nhầm")
    nodes.settle()
    mailbox.with_name("away").rename(mailbox)
    hub = nodes["quoc-gia"].transports[0]
    [second] = intake.receive(nodes["quoc-gia"].node, hub, hub.take(10, 5.0)).answers
    assert (second.repeated, second.standing) == (True, {"H53": State.RETURNED})
    nodes.clock.at += timedelta(seconds=6)  # past the lease of the notice that could not be sent either
    nodes.settle()
    assert nodes.states("tay-ninh", first.digest) == {"H53": State.RETURNED}
    assert [one.message.kind for one in office.take()] == ["verdict", "notice"]
