"""What large messages may take: of memory, of a batch, and of a hub that carries none of their size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edxml_router.demo.servers import Broker
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import LARGEST_MESSAGE
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from edxml_router.transport.rabbitmq.intake import AHEAD_BYTES
from edxml_router.transport.turns import TAKE_BYTES_MAX
from tests.contract.hubs import Hub, RabbitHub, parcel, until
from tests.contract.test_transport import UP, UP_URGENT, codes, ids

MIB = 1024 * 1024
JUNK = 12 * MIB


def size(arrivals: list[Arrival]) -> int:
    return sum(len(one.message.body) for one in arrivals)


def emptied(transport: RabbitTransport, count: int) -> list[Arrival]:
    """Take and acknowledge so many, a batch at a time."""
    came: list[Arrival] = []
    while len(came) < count:
        batch = list(transport.take(100, 20.0))
        assert batch, f"{len(came)} of {count} arrived"
        transport.acknowledge(batch)
        came += batch
    return came


def flood(hub: RabbitHub, small: int, large: int) -> list[str]:
    """What a hostile child lays into its intake; the ids in their order."""
    child = hub.open("child-a")
    assert not any(child.publish([parcel(UP, number, b"x") for number in range(small)]))
    for number in range(small, small + large):
        assert not any(child.publish([parcel(UP, number, bytes(JUNK))]))
    child.close()
    return [f"m{number}" for number in range(small + large)]


@pytest.mark.parametrize("small", [0, 300], ids=["at once", "behind small ones"])
def test_junk_of_one_child_takes_a_bounded_part_of_memory(rabbit: RabbitHub, small: int) -> None:
    """A broker would give 250 messages ahead, and each may have 16 MiB."""
    large = 10
    sent = flood(rabbit, small, large)
    owner = rabbit.open("node", [UP, topology.up("b")])
    came = []
    if small:  # until as many are given ahead as ever
        came = emptied(owner, 100)
    ahead = until(lambda: _at_rest(owner, len(sent) - len(came)))
    assert ahead <= AHEAD_BYTES // 2 + JUNK
    before = owner.buffered
    # The sibling's mail does not wait for the memory that the flood has.
    assert not any(rabbit.open("child-b").publish([Parcel(topology.up("b"), Message("transfer", "honest", b"x"))]))
    rabbit.received(owner, before + 1)
    first = list(owner.take(100, 20.0))
    assert "honest" in ids(first)
    assert size(first) <= TAKE_BYTES_MAX + JUNK
    owner.acknowledge(first)
    came += [one for one in first if one.message.id != "honest"]
    came += emptied(owner, len(sent) - len(came))
    if small:  # what is on its way in a pause goes back, while others wait in line: each once, in no order
        assert sorted(ids(came)) == sorted(sent)
    else:
        assert ids(came) == sent
    until(lambda: owner.waiting([UP])[UP].messages == 0)


def test_a_worker_counts_once_however_much_it_is_given(rabbit: RabbitHub) -> None:
    """Who counts those that take would see a twin in a further consumer; what is given ahead still grows, in order."""
    flood(rabbit, 400, 0)
    owner = rabbit.open("node", [UP])
    rabbit.received(owner, 250)
    first = list(owner.take(300, 20.0))
    owner.acknowledge(first)
    until(lambda: owner.waiting([UP])[UP].messages == 0)
    assert owner.waiting([UP])[UP].takers == 1
    assert ids([*first, *emptied(owner, 400 - len(first))]) == [f"m{number}" for number in range(400)]
    assert owner.waiting([UP])[UP].takers == 1


def _at_rest(owner: RabbitTransport, left: int) -> int:
    """The bytes that are here once the broker has everything else back; 0 until then."""
    buffered = owner.buffered
    if not buffered or owner.waiting([UP])[UP].messages + buffered != left:
        return 0
    return owner.held


def test_a_message_larger_than_the_room_comes_all_the_same(rabbit: RabbitHub) -> None:
    """A broker that knows no bound lets it pass; alone it is taken."""
    with limit_of(rabbit.broker, 128 * MIB):
        child = rabbit.open("child-a", largest_message=128 * MIB)
        assert not any(child.publish([parcel(UP, 1, bytes(AHEAD_BYTES + MIB)), parcel(UP, 2, bytes(JUNK))]))
    owner = rabbit.open("node", [UP])
    assert ids(emptied(owner, 2)) == ["m1", "m2"]


def test_a_batch_ends_with_a_mouthful(hub: Hub) -> None:
    for number in range(6):
        assert hub.open("child-a").publish([parcel(UP_URGENT if number % 2 else UP, number, bytes(JUNK))]) == [None]
    owner = hub.open("node", [UP, UP_URGENT])
    came: list[Arrival] = []
    while len(came) < 6:
        batch = list(owner.take(100, 20.0))
        assert 0 < size(batch) <= TAKE_BYTES_MAX + 2 * JUNK
        owner.acknowledge(batch)
        came += batch
    assert sorted(ids(came)) == [f"m{number}" for number in range(6)]


def test_what_the_hub_does_not_carry_is_said_and_the_others_of_the_batch_go(hub: Hub) -> None:
    owner = hub.open("node", largest_message=1000)
    parcels = [parcel(UP, 1), parcel(UP, 2, bytes(1001)), parcel(UP, 3, bytes(1000))]
    assert codes(owner.publish(parcels)) == ["", "EDX713", ""]
    assert owner.problem is None  # nothing is wrong with the hub
    assert ids(collect_all(hub, 2)) == ["m1", "m3"]


def collect_all(hub: Hub, count: int) -> list[Arrival]:
    reader = hub.open("node", [UP])
    came: list[Arrival] = []
    while len(came) < count:
        came += reader.take(100, 20.0)
    return came


def test_a_broker_that_takes_less_than_was_believed_is_believed(rabbit: RabbitHub) -> None:
    """One refusal, which names the size, and no more channels are closed under others' messages."""
    owner = rabbit.open("node", largest_message=64 * MIB)
    parcels = [parcel(UP, 1), parcel(UP, 2, bytes(LARGEST_MESSAGE + 1)), parcel(UP, 3)]
    assert codes(owner.publish(parcels)) == ["", "EDX713", ""]
    assert owner.largest_message == LARGEST_MESSAGE
    [answer] = owner.publish([parcel(UP, 4, bytes(LARGEST_MESSAGE + 1))])
    assert answer is not None
    assert f"at most {LARGEST_MESSAGE}" in answer.detail


def test_what_a_broker_takes_is_asked_with_a_message_that_nobody_gets(rabbit: RabbitHub) -> None:
    settings = rabbit.settings("node")
    assert rabbitmq.takes(settings, LARGEST_MESSAGE) is None
    assert rabbitmq.takes(settings, LARGEST_MESSAGE + 1) == LARGEST_MESSAGE
    found = rabbit.open("node").waiting(topology.mailboxes(["a", "b"], ["vp"]))
    assert not any(each.messages for each in found.values())


@contextmanager
def limit_of(broker: Broker, most: int) -> Iterator[None]:
    """Let the broker take messages of up to so many bytes on channels that are opened meanwhile."""
    before = f"application:set_env(rabbit, max_message_size, {LARGEST_MESSAGE})."
    broker.ctl("eval", f"application:set_env(rabbit, max_message_size, {most}).")
    try:
        yield
    finally:
        broker.ctl("eval", before)
