"""What an office of a real broker may send wrongly: each is answered with the problem, in its mailbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pika
import pytest

from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.transport import topology
from edxml_router.wiring.composition import RunningNode, open_worker

PLANS = (NodePlan("xa", "Xã", ("H53.31.21",), amqp=True),)
OFFICE = PLANS[0].office
LETTER = f"{'ab' * 32}.H53.31.21"


@pytest.fixture
def tree(broker: Broker, tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path, PLANS, broker) as made:
        yield made


@pytest.fixture
def node(tree: Tree) -> Iterator[RunningNode]:
    with open_worker(tree.settings("xa")) as opened:
        opened.declare()
        yield opened


WRONG: dict[str, tuple[dict[str, object], bytes, str]] = {
    "no user id": ({"type": "submit", "user_id": None}, b"<edXML/>", "EDX403"),
    "no type": ({}, b"<edXML/>", "EDX704"),
    "unknown type": ({"type": "sumbit"}, b"<edXML/>", "EDX704"),
    "a confirmation of nothing": ({"type": "confirm", "correlation_id": LETTER}, b"", "EDX606"),
    "a confirmation without a letter": ({"type": "confirm"}, b"", "EDX704"),
    "a return of a row": ({"type": "return", "correlation_id": "17"}, b"x", "EDX704"),
    "no manifest": ({"type": "submit-chunks"}, b"", "EDX704"),
    "no chunk": ({"type": "chunk"}, b"x", "EDX704"),
    "no document": ({"type": "submit"}, b"", "EDX101"),
}


@pytest.mark.parametrize("case", WRONG)
def test_it_is_answered(tree: Tree, node: RunningNode, case: str) -> None:
    given, body, code = WRONG[case]
    fields: dict[str, object] = {"message_id": "m-1", "user_id": OFFICE, "delivery_mode": 2, **given}
    assert tree.broker is not None
    login = pika.PlainCredentials(OFFICE, tree.password(OFFICE))
    where = pika.ConnectionParameters(tree.broker.host, tree.broker.port, tree.vhost("xa"), login)
    with closing(pika.BlockingConnection(where)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(
            topology.submission(OFFICE), "submit", body, pika.BasicProperties(**fields), mandatory=True
        )
        [hub] = node.transports
        batch.receive(node.node, hub, hub.take(10, 120.0))
        inbox = channel.consume(topology.inbox(OFFICE), inactivity_timeout=120)
        _, answer, told = next(iter(inbox))
    said = json.loads(told)
    assert said["problem"]["code"] == code
    assert said["problem"]["remedy_vi"]
    assert answer.correlation_id == given.get("correlation_id", "m-1")
    judged = given.get("type") in ("submit", "submit-chunks") and code != "EDX403"
    assert answer.type == ("verdict" if judged else "answer")
