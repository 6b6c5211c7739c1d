"""The gateway's process calls offices' systems when something is committed for them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from edxml_router.gateway.telling.calling import call_offices
from edxml_router.resources import program
from edxml_router.services.offices import webhooks
from tests.contract.receiver import Receiver
from tests.gateway.world import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as made:
        yield made


@pytest.fixture
def called(tmp_path: Path, receiver: Receiver) -> Iterator[World]:
    webhooks.make_key(tmp_path / "webhook.key")
    world = World(tmp_path, rest='[webhooks]\nkeys = ["webhook.key"]\nnetworks = ["127.0.0.0/8"]')
    text = world.path.read_text("utf-8").replace('name = "so"', f'name = "so"\nwebhook = "{receiver.url}"')
    world.path.write_text(text, "utf-8")
    with world:
        calling = asyncio.run_coroutine_threadsafe(call_offices(world.desk), world._loop)
        yield world
        world.desk.ending = True
        world._loop.call_soon_threadsafe(world.desk.end)
        calling.result(30)  # nobody rings any more, and it ends all the same


def wait(receiver: Receiver, count: int) -> list[str]:
    while len(receiver.calls) < count:
        Event().wait(0.01)
    return [document["type"] for _, document in receiver.calls]


def test_an_office_hears_of_its_mail_and_fetches_it(called: World, receiver: Receiver) -> None:
    called.hand_in(called.letter())
    called.work()
    assert wait(receiver, 1) == ["mail.waiting"]
    client = called.client("so")
    [letter] = client.get("/v1/inbox").json()["letters"]
    assert client.post(f"/v1/inbox/{letter['letter']}/confirm").status_code == 200
    called.hand_in(called.letter())
    called.work()
    assert wait(receiver, 2) == ["mail.waiting"] * 2
    assert [document["data"]["waiting"] for _, document in receiver.calls] == [1, 1]


def test_a_receiver_that_is_away_holds_nothing_up_and_shows(called: World, receiver: Receiver) -> None:
    receiver.status = 503
    called.hand_in(called.letter())
    called.work()
    wait(receiver, 1)
    assert len(called.client("so").get("/v1/inbox").json()["letters"]) == 1
    while not [hook for hook in webhooks.hooks(called.worker.ledger.views) if hook.code]:
        Event().wait(0.01)
    [mail] = [hook for hook in webhooks.hooks(called.worker.ledger.views) if hook.code]
    assert (mail.code, mail.attempts, mail.ended) == ("EDX715", 1, False)


def test_a_receiver_that_is_silent_holds_nobody_up(called: World, receiver: Receiver) -> None:
    """The other office is called, more than once, while the first call is under way."""
    with closing(Receiver()) as silent:
        hang = Event()
        silent.during = hang.wait
        text = called.path.read_text("utf-8").replace('name = "vp"', f'name = "vp"\nwebhook = "{silent.url}"')
        called.path.write_text(text, "utf-8")
        called._loop.call_soon_threadsafe(called.desk.reload, called.settings())
        try:
            called.hand_in(called.letter(sender="H01.151", to="H53"), "so")
            called.work()
            wait(silent, 1)
            for count in (1, 2):
                called.hand_in(called.letter())
                called.work()
                wait(receiver, count)
                client = called.client("so")
                for letter in client.get("/v1/inbox").json()["letters"]:
                    assert client.post(f"/v1/inbox/{letter['letter']}/confirm").status_code == 200
            assert [told["type"] for _, told in silent.calls].count("mail.waiting") == 1  # it still has that one
        finally:
            hang.set()


def test_what_waits_for_an_offices_system_shows_in_the_queue(called: World, receiver: Receiver) -> None:
    receiver.status = 410
    called.hand_in(called.letter())
    called.work()
    while not [hook for hook in webhooks.hooks(called.worker.ledger.views) if hook.code]:
        Event().wait(0.01)

    def queue(*arguments: str) -> str:
        command = [*program(), "--config", str(called.path), "queue", "list", *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    [row] = [json.loads(line) for line in queue("--webhooks", "--json").splitlines()]
    assert (row["office"], row["ended"], row["problem"]["code"]) == ("so", True, "EDX716")
    assert row["problem"]["actor"] == "recipient"
    assert "queue list --webhooks" in queue("--lang", "en")
    assert "the recipient" in queue("--webhooks", "--lang", "en")
