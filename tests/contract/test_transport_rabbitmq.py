"""What only a broker can do to us: permissions, forged properties, alarms, full queues, silence."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from edxml_router.core.problems import Refusal, Setback
from edxml_router.ports.transport import Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from tests.contract.hubs import RabbitHub, collect, hurry, parcel, until
from tests.contract.test_transport import CHILD_A, DOWN, SUBMIT, UP, codes, ids

OTHERS = topology.down("b")
OTHERS_UP = topology.up("b")


# --- A child that does as it pleases -------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        lambda channel: channel.basic_publish(topology.DOWN, OTHERS, b"x", mandatory=True),
        lambda channel: channel.basic_publish(topology.INBOX, topology.inbox("vp"), b"x", mandatory=True),
        lambda channel: channel.basic_publish(SUBMIT, "submit", b"x", mandatory=True),
        lambda channel: channel.basic_publish(OTHERS_UP, "ordinary", b"x", mandatory=True),
        lambda channel: channel.basic_publish("edx.up", "ordinary", b"x", mandatory=True),
        lambda channel: channel.basic_publish("", OTHERS, b"x", mandatory=True),
        lambda channel: channel.basic_publish("amq.topic", "edx.#", b"x", mandatory=True),
        lambda channel: channel.basic_get(OTHERS),
        lambda channel: channel.basic_get(UP),
        lambda channel: channel.queue_purge(OTHERS),
        lambda channel: channel.queue_delete(DOWN),
        lambda channel: channel.queue_declare("edx.down.c", durable=True),
        lambda channel: channel.queue_declare(""),
        lambda channel: channel.queue_bind(DOWN, UP, "ordinary"),
        lambda channel: channel.queue_bind(UP, topology.DOWN, OTHERS),
        lambda channel: channel.queue_unbind(UP, UP, "ordinary"),
        lambda channel: channel.exchange_bind(UP, topology.DOWN, OTHERS),
        lambda channel: channel.exchange_delete(UP),
    ],
)
def test_a_child_reaches_the_intake_and_its_own_mailbox_only(
    rabbit: RabbitHub, act: Callable[[Any], None]
) -> None:
    with rabbit.pika("child-a") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as caught:
            act(channel)
        assert caught.value.reply_code == 403


def test_the_user_of_a_message_cannot_be_forged(rabbit: RabbitHub) -> None:
    with rabbit.pika("child-a") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as caught:
            channel.basic_publish(UP, "ordinary", b"x", pika.BasicProperties(user_id="child-b"))
        assert caught.value.reply_code == 406


def test_copies_asked_for_in_headers_go_nowhere(rabbit: RabbitHub) -> None:
    keys = [OTHERS, OTHERS_UP, topology.inbox("vp"), "submit", "#"]
    with rabbit.pika("child-a") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for header in ("CC", "BCC"):
            properties = pika.BasicProperties(user_id="child-a", headers={header: keys})
            channel.basic_publish(UP, "ordinary", b"x", properties, mandatory=True)
    watched = topology.mailboxes(["a", "b"], ["vp"])
    depths = rabbit.open("node", watched, prefetch=1).depths()
    # The consumer of the first test message holds one; nothing else may hold anything.
    assert {name for name, count in depths.items() if count} <= {UP}
    assert len(collect(rabbit.open("node", [UP]), 1)) == 1


class _Header(pika.BasicProperties):
    """Properties that are one header ``x``, given as the bytes of a field value (type and content)."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._table = b"\x01x" + value

    def encode(self) -> list[bytes]:
        return [b"\x20\x00", len(self._table).to_bytes(4, "big"), self._table]


def deep(levels: int) -> bytes:
    value = b"V"
    for _ in range(levels):
        value = b"A" + len(value).to_bytes(4, "big") + value
    return value


@pytest.mark.parametrize(
    "value",
    [b"T" + b"\x7f" * 8, deep(5000)],
    ids=["far future", "deep"],
)
def test_properties_that_cannot_be_decoded_do_not_stop_the_reader(rabbit: RabbitHub, value: bytes) -> None:
    with rabbit.pika("child-a") as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(UP, "ordinary", b"poison", _Header(value), mandatory=True)
    rabbit.open("child-a").publish([parcel(UP, 2)])
    poison, good = collect(rabbit.open("node", [UP]), 2)
    assert (poison.peer, poison.message.body) == ("", b"poison")
    assert (good.peer, good.message.id) == ("child-a", "m2")


def test_a_message_without_properties_has_no_peer(rabbit: RabbitHub) -> None:
    with rabbit.pika("child-a") as connection:
        connection.channel().basic_publish(UP, "ordinary", b"x", pika.BasicProperties())
    (arrival,) = collect(rabbit.open("node", [UP]), 1)
    assert arrival.peer == ""
    assert arrival.message == Message("", "", b"x")


# --- Our own mistakes, and the operator's --------------------------------------------------------------


def test_what_is_not_permitted_is_said_and_the_others_of_the_batch_go(rabbit: RabbitHub) -> None:
    child = rabbit.open("child-a")
    parcels = [parcel(UP, 1), parcel(OTHERS, 2), parcel(UP, 3), parcel(SUBMIT, 4)]
    assert codes(child.publish(parcels)) == ["", "EDX706", "", "EDX706"]
    assert set(ids(collect(rabbit.open("node", [UP]), 2))) <= {"m1", "m3"}
    assert codes(child.publish([parcel(UP, 5)])) == [""]


def test_what_amqp_cannot_express_is_said_and_the_others_of_the_batch_go(rabbit: RabbitHub) -> None:
    long_id = Parcel(UP, Message("transfer", "x" * 300, b""))
    answers = rabbit.open("child-a").publish([parcel(UP, 1), long_id, parcel(UP, 2)])
    assert codes(answers) == ["", "EDX699", ""]


def test_a_wrong_password_is_told_from_an_absent_broker(rabbit: RabbitHub) -> None:
    wrong = rabbit.open("child-a", CHILD_A, password="wrong")
    assert codes(wrong.publish([parcel(UP)])) == ["EDX706"]
    assert until(lambda: wrong.problem).code == "EDX706"
    with pytest.raises(Setback) as caught:
        wrong.depths()
    assert caught.value.code == "EDX706"
    absent = rabbit.open("child-a", port=1)
    assert codes(absent.publish([parcel(UP)])) == ["EDX701"]
    with pytest.raises(Setback) as caught:
        rabbitmq.declare(rabbit.settings("node", port=1), [], [])
    assert caught.value.code == "EDX701"


def test_a_foreign_vhost_is_refused(rabbit: RabbitHub) -> None:
    assert codes(rabbit.open("child-a", vhost="/").publish([parcel(UP)])) == ["EDX706"]


def test_a_broker_without_tls_is_not_spoken_to_in_the_clear(rabbit: RabbitHub) -> None:
    child = rabbit.open("child-a", tls=ssl.create_default_context)
    assert codes(child.publish([parcel(UP)])) == ["EDX707"]


def test_only_the_owner_declares(rabbit: RabbitHub) -> None:
    with pytest.raises(Setback) as caught:
        rabbitmq.declare(rabbit.settings("child-a"), ["a"], [])
    assert caught.value.code == "EDX706"


def test_a_queue_with_other_arguments_is_refused_by_name(rabbit: RabbitHub) -> None:
    with pytest.raises(Refusal) as caught:
        rabbitmq.declare(rabbit.settings("node"), ["a"], [], capacity=1_000_000)
    assert caught.value.code == "EDX901"
    assert caught.value.finding.where == f"queue {topology.up('a', urgent=True)}"


def test_a_missing_mailbox_does_not_stop_the_others_and_is_consumed_once_declared(rabbit: RabbitHub) -> None:
    rabbit.remove(DOWN)
    child = rabbit.open("child-a", CHILD_A)
    rabbit.open("node").publish([parcel(CHILD_A[0], 1)])
    assert ids(collect(child, 1)) == ["m1"]
    assert until(lambda: child.problem).code == "EDX703"
    assert child.depths() == {CHILD_A[0]: 0}
    rabbit.declare()
    rabbit.open("node").publish([parcel(DOWN, 2)])
    assert ids(collect(child, 1)) == ["m2"]
    assert child.problem is None


def test_a_queue_deleted_under_a_consumer_is_consumed_again_once_declared(rabbit: RabbitHub) -> None:
    child = rabbit.open("child-a", [DOWN])
    rabbit.open("node").publish([parcel(DOWN, 1)])
    stale = collect(child, 1)
    rabbit.remove(DOWN)
    assert until(lambda: child.problem).code == "EDX703"
    rabbit.declare()
    assert codes(rabbit.open("node").publish([parcel(DOWN, 2)])) == [""]
    assert ids(collect(child, 1)) == ["m2"]
    child.acknowledge(stale)


# --- A broker in trouble -------------------------------------------------------------------------------


def test_a_full_queue_says_no_and_loses_nothing(rabbit: RabbitHub) -> None:
    rabbitmq.declare(rabbit.settings("node"), ["full"], [], capacity=50_000)
    full = topology.down("full")
    owner, sent, answers = rabbit.open("node"), 0, [""]
    while answers == [""]:
        assert sent < 100, "the queue never filled"
        answers = codes(owner.publish([parcel(full, sent, b"x" * 10_000)]))
        sent += 1
    assert answers == ["EDX702"]
    consumer = rabbit.open("node", [full])
    arrivals = collect(consumer, sent - 1)
    assert ids(arrivals) == [f"m{number}" for number in range(sent - 1)]
    consumer.acknowledge(arrivals)
    until(lambda: codes(owner.publish([parcel(full, 100)])) == [""])
    rabbit.remove(full)


def test_a_broker_in_alarm_is_not_waited_for_and_still_takes_acknowledgements(rabbit: RabbitHub) -> None:
    owner, child = rabbit.open("node", blocked_timeout=0.2), rabbit.open("child-a", CHILD_A)
    owner.publish([parcel(DOWN, number) for number in range(3)])
    arrivals = collect(child, 3)
    rabbit.broker.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        until(lambda: codes(owner.publish([parcel(DOWN, 7)])) == ["EDX702"])
        assert codes(owner.publish([parcel(DOWN, 8)] * 50)) == ["EDX702"] * 50  # at once, nothing piles up
        child.acknowledge(arrivals)
        child.close()
    finally:
        rabbit.broker.ctl("set_vm_memory_high_watermark", "absolute", "2GB")
    until(lambda: codes(owner.publish([parcel(DOWN, 9)])) == [""])
    again: list[str] = []
    child = rabbit.open("child-a", CHILD_A)
    until(lambda: again.extend(ids(child.take(10, 1.0))) or "m9" in again)
    assert set(again) <= {"m7", "m9"}  # none of those acknowledged during the alarm


def test_silence_is_noticed_and_mended(rabbit: RabbitHub) -> None:
    owner = rabbit.open("node", confirm_timeout=8.0, connect_timeout=1.0)
    assert codes(owner.publish([parcel(DOWN, 1)])) == [""]
    hurry(owner, confirm_timeout=0.4)
    rabbit.broker.suspend()
    try:
        assert codes(owner.publish([parcel(DOWN, 2)])) == ["EDX705"]
        assert codes(owner.publish([parcel(DOWN, 3)])) == ["EDX701"]
    finally:
        rabbit.broker.resume()
    hurry(owner, confirm_timeout=60.0)
    until(lambda: codes(owner.publish([parcel(DOWN, 4)])) == [""])
    arrived = ids(collect(rabbit.open("child-a", CHILD_A), 2))
    assert arrived[0] == "m1"
    assert "m3" not in arrived


def test_closing_a_connection_to_a_silent_broker_does_not_hang(rabbit: RabbitHub) -> None:
    child: RabbitTransport = rabbit.open("child-a", CHILD_A)
    assert codes(child.publish([parcel(UP)])) == [""]
    rabbit.broker.suspend()
    try:
        child.close()
    finally:
        rabbit.broker.resume()
    assert codes(child.publish([parcel(UP)])) == ["EDX701"]
