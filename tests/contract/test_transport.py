"""The contract of :class:`edxml_router.ports.transport.Transport`, on a directory and on RabbitMQ."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.transport import Arrival, Message, Parcel, Transport
from edxml_router.transport import topology
from tests.contract.hubs import CHILDREN, OFFICES, Hub, collect, parcel, until

DOWN = topology.down("a")
DOWN_URGENT = topology.down("a", urgent=True)
CHILD_A = topology.child_mailboxes("a")
UP, UP_URGENT, SUBMIT = topology.up("a"), topology.up("a", urgent=True), topology.submission("vp")
INTAKES = topology.intakes(CHILDREN, OFFICES)


def ids(arrivals: Sequence[Arrival]) -> list[str]:
    return [arrival.message.id for arrival in arrivals]


def codes(answers: Sequence[Finding | None]) -> list[str]:
    return [answer.code if answer else "" for answer in answers]


def test_messages_come_in_the_order_of_sending_and_once(hub: Hub) -> None:
    owner, child = hub.open("node"), hub.open("child-a", CHILD_A)
    assert owner.publish([parcel(DOWN, number) for number in range(20)]) == [None] * 20
    arrivals = collect(child, 20)
    assert ids(arrivals) == [f"m{number}" for number in range(20)]
    assert not any(arrival.redelivered for arrival in arrivals)
    child.acknowledge(arrivals)
    child.close()
    assert hub.open("child-a", CHILD_A).take(1, 0.2) == []


def test_every_field_survives(hub: Hub) -> None:
    message = Message(
        "receipts", "id-1", b"\x00\xff\nM\xe1\xbb\x99t", True, "id-0", {"traceparent": "00-ab-cd-01", "tên": "Một"}
    )
    assert hub.open("child-a").publish([Parcel(UP_URGENT, message)]) == [None]
    (arrival,) = collect(hub.open("node", INTAKES), 1)
    assert arrival.message == message
    assert arrival.mailbox == UP_URGENT


def test_the_peer_is_who_logged_in(hub: Hub) -> None:
    hub.open("child-a").publish([parcel(UP, 1)])
    hub.open("child-b").publish([parcel(topology.up("b"), 2)])
    hub.open("vp").publish([parcel(SUBMIT, 3)])
    arrivals = collect(hub.open("node", INTAKES), 3)
    assert {arrival.message.id: arrival.peer for arrival in arrivals} == {
        "m1": "child-a",
        "m2": "child-b",
        "m3": "vp",
    }


def test_each_owner_mailbox_and_an_inbox_can_be_reached(hub: Hub) -> None:
    owner = hub.open("node")
    mailboxes = topology.mailboxes(["a"], ["vp"])
    assert owner.publish([parcel(mailbox) for mailbox in mailboxes]) == [None] * len(mailboxes)
    arrivals = collect(hub.open("node", mailboxes), len(mailboxes))
    assert sorted(arrival.mailbox for arrival in arrivals) == sorted(mailboxes)


def test_headers_that_a_broker_would_obey_do_not_travel(hub: Hub) -> None:
    sent = parcel(UP, headers={"CC": "urgent", "BCC": "urgent", "edx": "edx/9", "note": "stays"})
    assert hub.open("child-a").publish([sent]) == [None]
    (arrival,) = collect(hub.open("node", INTAKES), 1)
    assert arrival.message.headers == {"note": "stays"}


def test_urgent_mail_overtakes(hub: Hub) -> None:
    owner, child = hub.open("node"), hub.open("child-a", [DOWN, DOWN_URGENT])
    owner.publish([*(parcel(DOWN, number) for number in range(5)), parcel(DOWN_URGENT, 9)])
    hub.received(child, 6)
    assert ids(child.take(3, 5.0)) == ["m9", "m0", "m1"]


def test_a_flood_of_one_child_delays_nobody_else(hub: Hub) -> None:
    """Three thousand messages came first; all the same everybody else is in the next hundred that are taken."""
    flooding = hub.open("child-a")
    for mailbox in (UP, UP_URGENT):
        assert flooding.publish([parcel(mailbox, number) for number in range(1500)]) == [None] * 1500
    hub.open("child-b").publish([parcel(topology.up("b"), 2001), parcel(topology.up("b", urgent=True), 2002)])
    hub.open("vp").publish([parcel(SUBMIT, 2003)])
    owner = hub.open("node", INTAKES)
    hub.received(owner, 2 * 250 + 3)  # a broker gives no more ahead of one mailbox
    arrivals = owner.take(100, 20.0)
    assert len(arrivals) == 100
    assert {"m2001", "m2002", "m2003"} <= set(ids(arrivals))
    assert {arrival.mailbox for arrival in arrivals} == set(INTAKES)


def test_a_mailbox_can_be_added_while_others_are_consumed(hub: Hub) -> None:
    owner = hub.open("node", [UP])
    hub.open("child-a").publish([parcel(UP, 1)])
    assert ids(collect(owner, 1)) == ["m1"]
    owner.consume([UP, topology.up("b")])
    hub.open("child-b").publish([parcel(topology.up("b"), 2)])
    hub.open("child-a").publish([parcel(UP, 3)])
    assert sorted(ids(collect(owner, 2))) == ["m2", "m3"]
    assert owner.take(1, 0.1) == []  # nothing is consumed twice


def test_the_first_mailbox_can_be_added_as_well(hub: Hub) -> None:
    owner = hub.open("node")
    owner.consume([UP])
    hub.open("child-a").publish([parcel(UP, 1)])
    assert ids(collect(owner, 1)) == ["m1"]


def test_what_was_not_acknowledged_comes_again(hub: Hub) -> None:
    hub.open("node").publish([parcel(DOWN, number) for number in range(3)])
    first = hub.open("child-a", CHILD_A)
    arrivals = collect(first, 3)
    first.acknowledge(arrivals[1:2])
    first.close()
    again = collect(hub.open("child-a", CHILD_A), 2)
    assert sorted(ids(again)) == ["m0", "m2"]
    assert all(arrival.redelivered for arrival in again)


def test_acknowledging_out_of_order_keeps_the_others(hub: Hub) -> None:
    hub.open("node").publish([parcel(DOWN, number) for number in range(6)])
    first = hub.open("child-a", CHILD_A)
    arrivals = collect(first, 6)
    first.acknowledge([arrivals[index] for index in (5, 0, 1, 3)])
    first.acknowledge([arrivals[0]])  # twice is harmless
    first.close()
    assert sorted(ids(collect(hub.open("child-a", CHILD_A), 2))) == ["m2", "m4"]


def test_a_stale_token_is_ignored(hub: Hub) -> None:
    hub.open("node").publish([parcel(DOWN)])
    first = hub.open("child-a", CHILD_A)
    stale = collect(first, 1)
    first.close()
    second = hub.open("child-a", CHILD_A)
    collect(second, 1)
    first.acknowledge(stale)
    second.acknowledge(stale)
    second.give_back(stale, 0.0)
    assert second.take(1, 0.2) == []
    second.close()
    assert ids(collect(hub.open("child-a", CHILD_A), 1)) == ["m1"]


def test_given_back_comes_again_and_others_do_not_wait(hub: Hub) -> None:
    owner, child = hub.open("node"), hub.open("child-a", CHILD_A)
    owner.publish([parcel(DOWN, 1), parcel(DOWN, 2)])
    first, second = collect(child, 2)
    child.give_back([first], 3.0)  # longer than the next ones take on a busy machine
    child.acknowledge([second])
    owner.publish([parcel(DOWN, 3)])
    third, again = collect(child, 2)
    assert (ids([third, again]), again.redelivered) == (["m3", "m1"], True)
    child.acknowledge([third, again])
    child.close()
    assert hub.open("child-a", CHILD_A).take(1, 0.2) == []


def test_two_consumers_never_get_the_same_message(hub: Hub) -> None:
    hub.open("node").publish([parcel(DOWN, number) for number in range(200)])
    taken: list[str] = []
    finished: list[bool] = []

    def work(transport: Transport) -> None:
        while len(taken) < 200:
            arrivals = transport.take(7, 0.05)
            transport.acknowledge(arrivals)
            taken.extend(ids(arrivals))
        finished.append(True)

    workers = [threading.Thread(target=work, args=[hub.open("child-a", CHILD_A)]) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert sorted(taken) == sorted(f"m{number}" for number in range(200))
    assert finished == [True, True]


def test_a_missing_mailbox_is_said_and_the_others_of_the_batch_go(hub: Hub) -> None:
    owner = hub.open("node", [DOWN])
    missing = [topology.down("nobody"), topology.inbox("nobody")]
    answers = owner.publish([parcel(DOWN, 1), *(parcel(mailbox, 2) for mailbox in missing), parcel(DOWN, 3)])
    assert codes(answers) == ["", "EDX703", "EDX703", ""]
    assert ids(collect(owner, 2)) == ["m1", "m3"]


def test_a_mailbox_that_is_removed_does_not_swallow(hub: Hub) -> None:
    owner = hub.open("node")
    assert codes(owner.publish([parcel(DOWN)])) == [""]
    hub.remove(DOWN)
    assert codes(owner.publish([parcel(DOWN)])) == ["EDX703"]


def test_a_big_body(hub: Hub) -> None:
    body = bytes(range(256)) * (10 * 4096)  # 10 MiB
    assert hub.open("child-a").publish([parcel(UP, body=body)]) == [None]
    (arrival,) = collect(hub.open("node", [UP]), 1)
    assert arrival.message.body == body


def test_a_thousand_in_one_call(hub: Hub) -> None:
    owner, child = hub.open("node"), hub.open("child-a", CHILD_A)
    assert owner.publish([parcel(DOWN, number) for number in range(1000)]) == [None] * 1000
    arrived: list[str] = []
    while len(arrived) < 1000:
        arrivals = collect(child, 100)
        child.acknowledge(arrivals)
        arrived.extend(ids(arrivals))
    assert arrived == [f"m{number}" for number in range(1000)]


def test_depths_count_what_waits(hub: Hub) -> None:
    hub.open("child-a").publish([parcel(UP, number) for number in range(4)])
    owner = hub.open("node", [UP, SUBMIT], **hub.one_at_a_time)
    collect(owner, 1)
    assert owner.depths() == {UP: 3, SUBMIT: 0}


def test_nothing_to_do(hub: Hub) -> None:
    owner = hub.open("node", [DOWN])
    assert list(owner.publish([])) == []
    assert owner.take(5, 0.0) == []
    owner.acknowledge([])
    owner.give_back([])
    owner.close()
    owner.close()
    assert owner.take(5, 5.0) == []


def test_a_hub_that_is_away_is_said_and_mended(hub: Hub) -> None:
    owner, child = hub.open("node"), hub.open("child-a", CHILD_A)
    owner.publish([parcel(DOWN, number) for number in range(3)])
    stale = collect(child, 3)
    with hub.away():
        until(lambda: codes(owner.publish([parcel(DOWN, 7)])) == ["EDX701"])
        assert child.take(5, 0.0) == []
        with pytest.raises(Setback) as caught:
            child.depths()
        assert caught.value.code == "EDX701"
    until(lambda: codes(owner.publish([parcel(DOWN, 8)])) == [""])
    again = {arrival.message.id: arrival for arrival in collect(child, 4)}
    assert sorted(again) == ["m0", "m1", "m2", "m8"]
    assert again["m0"].redelivered
    child.acknowledge([*stale, again["m8"]])
    child.close()
    assert sorted(ids(collect(hub.open("child-a", CHILD_A), 3))) == ["m0", "m1", "m2"]
