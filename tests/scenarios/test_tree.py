"""Letters through three nodes that run as processes: every direction, every end, operators' acts, strangers."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.wire import Transfer, encode_transfer
from edxml_router.demo.letters import File
from edxml_router.demo.offices import PushedOffice
from edxml_router.ports.transport import Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.local.hub import LocalTransport
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from edxml_router.wiring import hubs
from tests.scenarios.world import World, code_of, digest_of, until

KILLS = 10 if os.environ.get("EDXML_ROUTER_EXHAUSTIVE") else 1  # of every node

# What does not depend on the transport is tried on one of them.
on_one = pytest.mark.parametrize("world", ["local"], indirect=True)


def test_a_letter_reaches_every_recipient_once(world: World) -> None:
    down = world.send("G22", "H53", "H53.31", "G09", files=(File("phu-luc.zip", 5_000_000),))
    up = world.send("H53.31", "G22", "H53", parts=True)
    for code in ("H53", "H53.31", "G09"):
        world.confirm(code, down)
    for code in ("G22", "H53"):
        world.confirm(code, up)
    for code in ("H53", "H53.31", "G09"):
        world.await_state("tw", down, State.CONFIRMED, code)
    for code in ("G22", "H53"):
        world.await_state("huyen", up, State.CONFIRMED, code)


def test_what_the_recipient_refuses_comes_back_with_the_reason(world: World) -> None:
    data = world.send("G22", "H53", "H53.31")
    world.office("H53").refuse(world.receive("H53", data), "Gửi nhầm nơi nhận")
    world.confirm("H53.31", data)
    returned = world.await_state("tw", data, State.RETURNED, "H53")
    assert (returned.code, returned.detail) == ("EDX801", "Gửi nhầm nơi nhận")
    world.await_state("tw", data, State.CONFIRMED, "H53.31")


@on_one
def test_the_same_bytes_are_answered_alike_and_delivered_once(world: World) -> None:
    data = world.letter("H53", "G22")
    first, second = world.office("H53").send(data), world.office("H53").send(data)
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first.pop("states") == {}
    assert second.pop("states").keys() == {"G22"}  # how it stands by then
    assert {**second, "repeated": False} == first
    world.confirm("G22", data)
    world.await_state("tinh", data, State.CONFIRMED)
    third = world.office("H53").send(data)
    assert (third["accepted"], third["repeated"]) == (True, True)
    assert world.delivery("tw", data).state is State.CONFIRMED


@on_one
def test_the_same_id_with_other_bytes_is_a_conflict(world: World) -> None:
    first = world.post.document("H53", ["G22"], 9001, "V/v bản thứ nhất")
    other = world.post.document("H53", ["G22"], 9001, "V/v bản thứ hai")
    assert world.office("H53").send(first)["accepted"]
    assert code_of(world.office("H53").send(other)) == "EDX404"
    world.confirm("G22", first)
    assert (digest_of(other), "EDX404", 1) in world.witnesses["tinh"].quarantined()


@on_one
def test_a_letter_that_nobody_fetches_expires_and_the_sender_is_told(world: World) -> None:
    hasty = world.hurried(
        "tw", lambda settings: replace(settings, delivery=replace(settings.delivery, lifetime=timedelta(seconds=2)))
    )
    data = world.letter("G22", "H53.31")
    assert hasty.send(data)["accepted"]
    expired = world.await_state("tw", data, State.EXPIRED)
    assert expired.code == "EDX802"
    notices = world.tree.ask("tw", "inbox", "--notices", "--office", "vanthu-tw")
    told = [
        (one["recipient"], one["outcome"], code_of(one))
        for notice in notices
        if notice["digest"] == digest_of(data)
        for one in notice["receipts"]
    ]
    assert told == [("H53.31", "expired", "EDX802")]


@on_one
def test_an_operator_cancels_and_sends_again(world: World) -> None:
    data = world.send("G22", "H53.31")
    name = world.receive("H53.31", data)
    number = str(world.delivery("huyen", data).id)
    [cancelled] = world.tree.ask("huyen", "queue", "cancel", number, "--reason", "thử nghiệm")
    assert cancelled["done"]
    assert world.await_state("tw", data, State.CANCELLED).code == "EDX803"
    resend = ("resend", digest_of(data), "--reason", "thử nghiệm")
    [resent] = world.tree.ask("tw", *resend)
    assert resent["done"]
    until(lambda: world.delivery("tw", data).generation == 1, "sent again")
    assert world.await_state("tw", data, State.CANCELLED).generation == 1  # whoever cancelled it has not lifted that
    for node in ("huyen", "tw"):
        [resent] = world.tree.ask(node, *resend)
        assert resent["done"]
    assert world.receive("H53.31", data) == name
    world.office("H53.31").confirm(name)
    assert world.await_state("tw", data, State.CONFIRMED).generation == 2
    done = world.tree.run("tw", "resend", digest_of(data), "--json")
    assert done.returncode == 1
    assert "EDX607" in done.stderr


def known_away(world: World, name: str) -> int:
    """How often a node has said that its parent's hub cannot be reached."""
    lines = (world.tree.config(name).parent / "serve.log").read_text("utf-8").splitlines()
    return sum('"transport.problem"' in line and '"parent"' in line and "EDX701" in line for line in lines)


def test_an_operator_holds_releases_and_retries_what_a_dead_hub_keeps(world: World) -> None:
    on_the_way = [world.send("H53.31", "G22") for _ in range(10)] + [world.send("G22", "H53.31") for _ in range(10)]
    before = known_away(world, "huyen")
    with world.without_hub("tinh"):
        until(lambda: known_away(world, "huyen") > before, "the hub is known to be away")
        held, waits = world.send("H53.31", "G22"), world.send("H53.31", "G22")
        for data in (held, waits):  # nothing is begun for a hub that is away, so that nothing waits for a back-off
            assert world.delivery("huyen", data).state is State.QUEUED
        [answer] = world.tree.ask("huyen", "queue", "hold", "--document", digest_of(held), "--reason", "kiểm tra")
        assert answer["done"]
        shown = {one["number"]: one["state"] for one in world.tree.ask("huyen", "queue", "list")}
        assert shown[world.delivery("huyen", held).id] == State.HELD
    world.tree.run("huyen", "queue", "retry", "--link", "tinh")
    for data in [*on_the_way[:10], waits]:
        world.confirm("G22", data)
        world.await_state("huyen", data, State.CONFIRMED)
    for data in on_the_way[10:]:
        world.confirm("H53.31", data)
        world.await_state("tw", data, State.CONFIRMED)
    assert world.delivery("huyen", held).state is State.HELD
    [answer] = world.tree.ask("huyen", "queue", "release", world.delivery("huyen", held).id)
    assert answer["done"]
    world.confirm("G22", held)
    world.await_state("huyen", held, State.CONFIRMED)


def test_what_a_stranger_brings_is_quarantined(world: World) -> None:
    data = world.letter("H53", "G22")
    now = world.witnesses["tw"].ledger.clock.now()
    transfer = Transfer("x.1", digest_of(data), len(data), ("G22",), 0, (), now + timedelta(days=1))
    parcel = Parcel(topology.up("tinh"), Message("transfer", "x.1", encode_transfer(transfer, data)))
    settings = world.tree.settings("tw")
    broker = world.tree.broker
    if broker:
        broker.ctl("set_permissions", "-p", world.tree.vhost("tw"), broker.user, "", ".*", "")
        assert settings.hub is not None
        reached = hubs.rabbit_settings(settings, settings.hubs["hub"])
        hub = RabbitTransport(replace(reached, user=broker.user, password=broker.password))
    else:
        hub = LocalTransport(world.tree.hub("tw"), "nguoi-la")
    assert hub.publish([parcel]) == [None]
    hub.close()
    until(lambda: "EDX403" in [code for _, code, _ in world.witnesses["tw"].quarantined()], "EDX403")
    assert world.witnesses["tw"].deliveries([digest_of(data)]) == []
    [entry] = world.tree.ask("tw", "journal", "query", "--code", "EDX403")
    assert entry["event"] == "input.quarantined"


@pytest.mark.parametrize("world", ["rabbitmq"], indirect=True)
def test_an_office_on_the_broker_gets_verdicts_mail_and_notices(world: World) -> None:
    office = world.offices["tinh"]
    assert isinstance(office, PushedOffice)
    refused = office.send(world.letter("H53", "G22", signer=None))
    assert (refused["accepted"], code_of(refused)) == (False, "EDX301")
    assert refused["problem"]["remedy_vi"].startswith("Ký gói tin")
    data = world.letter("H53", "G22")
    verdict = office.send(data)
    assert (verdict["accepted"], verdict["digest"]) == (True, digest_of(data))
    assert verdict["signature"]["indication"] == "passed"
    world.confirm("G22", data)

    def told() -> bool:
        office.receive()
        told = [(one["digest"], each["outcome"]) for one in office.notices for each in one["receipts"]]
        return (digest_of(data), "confirmed") in told

    until(told, "the notice of the confirmation")


def test_nodes_killed_at_random_lose_and_double_nothing(world: World) -> None:
    chance = random.Random(20261122)  # noqa: S311 - the same moments each time
    agencies = [code for plan in world.tree.plans.values() for code in plan.agencies]
    killed = list(world.tree.plans) * KILLS
    chance.shuffle(killed)
    large = world.send("G22", "H53.31", files=(File("du-lieu.zip", 9_000_000),))  # in chunks, and never whole in memory
    sent = {large: "H53.31"}
    for name in killed:
        for _ in range(chance.randint(2, 5)):
            sender, recipient = chance.sample(agencies, 2)
            sent[world.send(sender, recipient)] = recipient
            world.answer(sent)
        time.sleep(chance.uniform(0, 0.2))  # the moment of the kill, which may be any
        world.tree.kill(name)
        world.tree.launch(name)
    until(lambda: world.answer(sent) or len(world.copies) == len(sent), "all letters")
    world.come_to_rest()
    assert world.copies == Counter(sent.keys())
    for data in sent:
        ends = {state for name in world.tree.plans for state in world.states(name, data)}
        assert ends == {State.CONFIRMED}


@on_one
def test_the_journal_verifies(world: World) -> None:
    for name in world.tree.plans:
        [found] = world.tree.ask(name, "journal", "verify")
        assert found["sound"]
        assert found["size"] + found["unnumbered"] > 0
