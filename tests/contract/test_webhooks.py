"""Calls to the systems of offices: when they are made, what they carry, and what is done with each answer; with real
receivers, on both databases.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.delivery import webhook
from edxml_router.core.delivery.lifecycle import Event, advance
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.delivery.webhook import PAUSES, Hook, WebhookSubject
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Refusal
from edxml_router.demo.servers import free_port
from edxml_router.node import sole
from edxml_router.services.health import database as database_checks
from edxml_router.services.offices import webhooks
from edxml_router.services.offices.webhooks import CallRound, CallsUnderWay, KeyedCaller
from edxml_router.store.ledger import SqlLedger
from edxml_router.transport.posting import WebhookCaller
from tests.contract.databases import LEASE, NOW, Database, add, delivery
from tests.contract.receiver import Receiver

OFFICE = "van-phong-xa"
RECEIVERS = Path(__file__).parents[2] / "docs" / "examples" / "webhooks"
COMMANDS = {
    "python": [sys.executable, str(RECEIVERS / "receiver.py")],
    "node": ["node", str(RECEIVERS / "receiver.mjs")],
    "java": ["java", str(RECEIVERS / "Receiver.java")],
    "php": ["php", "-S", "127.0.0.1:{port}", str(RECEIVERS / "receiver.php")],
}
CONFIGURATION = """
[node]
name = "hoa-thanh"
data = "data"

[hub]
kind = "local"
path = "hub"

[[offices]]
name = "van-phong-xa"
agencies = ["H53.01"]
webhook = "{url}"

[webhooks]
keys = ["webhook.key"]
networks = {networks}
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def configured(folder: Path, url: str, networks: Sequence[str] = ("127.0.0.0/8",)) -> Settings:
    if not (folder / "webhook.key").exists():
        webhooks.make_key(folder / "webhook.key")
    text = CONFIGURATION.format(url=url, networks=json.dumps(list(networks)))
    (folder / "node.toml").write_text(text, encoding="utf-8")
    return load(folder / "node.toml")


async def rounded(ledger: SqlLedger, settings: Settings, caller: KeyedCaller) -> CallRound:
    """All that is due, to its end."""
    under_way: CallsUnderWay = set()
    next_at = await webhooks.begin(ledger, settings, caller, under_way)
    if not under_way:
        return CallRound((), next_at)
    await asyncio.wait(under_way)
    return await webhooks.record_ended(ledger, under_way)


def call(ledger: SqlLedger, settings: Settings) -> CallRound:
    async def once() -> CallRound:
        async with webhooks.opened_caller(settings) as caller:
            return await rounded(ledger, settings, caller)

    return asyncio.run(once())


def come(ledger: SqlLedger, number: int) -> Delivery:
    """A letter lies in the office's inbox."""
    route, until = Route.office(OFFICE), ledger.clock.now() + timedelta(days=1)
    [made] = add(ledger, delivery(number, route=route, origin=Route.link("tay-ninh"), expires_at=until))
    return step(ledger, made, Event.OFFER)


def step(ledger: SqlLedger, one: Delivery, event: Event) -> Delivery:
    with ledger.book() as book:
        if event is Event.OFFER:
            [one] = book.deliveries.claim(ledger.clock.now(), ledger.clock.now() + LEASE, 1)
        book.deliveries.move([Move(one, event, advance(one.state, event), due_at=NOW)])
        return book.deliveries.numbered([one.id])[0]


def tell(ledger: SqlLedger, recipient: str) -> None:
    """Something became of a letter that the office sent."""
    with ledger.book() as book:
        receipt = Receipt("0" * 64, recipient, 1, ReceiptOutcome.CONFIRMED, NOW)
        book.receipts.add([(Route.office(OFFICE), receipt)])


def test_a_call_says_that_there_is_mail_and_no_more(ledger: SqlLedger, receiver: Receiver, tmp_path: Path) -> None:
    settings = configured(tmp_path, receiver.url)
    assert call(ledger, settings).answers == ()
    come(ledger, 1)
    come(ledger, 2)
    [answer] = call(ledger, settings).answers
    assert answer.problem is None
    [(headers, document)] = receiver.calls
    assert document == {
        "type": "mail.waiting",
        "timestamp": "2026-11-22T01:02:03+00:00",
        "data": {"office": OFFICE, "waiting": 2},
    }
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert call(ledger, settings).answers == ()  # it was told
    assert len(receiver.calls) == 1


def test_what_was_fetched_or_confirmed_is_no_news_and_what_comes_is(
    ledger: SqlLedger, database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    settings = configured(tmp_path, receiver.url)
    first = come(ledger, 1)
    come(ledger, 2)
    call(ledger, settings)
    step(ledger, first, Event.CONFIRM)
    assert call(ledger, settings).answers == ()
    database.clock.at += timedelta(seconds=1)
    come(ledger, 3)
    call(ledger, settings)
    assert [document["data"]["waiting"] for _, document in receiver.calls] == [2, 2]
    assert len(set(receiver.ids)) == 2


def test_what_comes_during_a_call_is_told_by_the_next(ledger: SqlLedger, receiver: Receiver, tmp_path: Path) -> None:
    settings = configured(tmp_path, receiver.url)
    come(ledger, 1)
    receiver.during = lambda: come(ledger, 2)
    made = call(ledger, settings)
    receiver.during = None
    assert made.next_at == ledger.clock.now()  # look again
    call(ledger, settings)
    assert [document["data"]["waiting"] for _, document in receiver.calls] == [1, 2]


def test_receipts_are_told_as_well(ledger: SqlLedger, receiver: Receiver, tmp_path: Path) -> None:
    settings = configured(tmp_path, receiver.url)
    tell(ledger, "H53.01")
    call(ledger, settings)
    tell(ledger, "H53.02")
    call(ledger, settings)
    assert [document["type"] for _, document in receiver.calls] == ["receipts.waiting"] * 2


@pytest.mark.parametrize("status", [400, 500, 503, 302])
def test_a_failed_call_is_made_again_for_a_day_with_the_same_id(
    ledger: SqlLedger, database: Database, receiver: Receiver, tmp_path: Path, status: int
) -> None:
    settings, receiver.status = configured(tmp_path, receiver.url), status
    come(ledger, 1)
    waits = []
    made = call(ledger, settings)
    while made.next_at is not None:
        assert [(one.problem.code, str(one.problem.detail)) for one in made.answers if one.problem] == [
            ("EDX715", f"it answered {status}")
        ]
        waits.append(made.next_at - database.clock.at)
        assert call(ledger, settings).answers == ()  # not before its time
        database.clock.at = made.next_at
        made = call(ledger, settings)
    assert waits == list(PAUSES)
    assert len(receiver.calls) == len(PAUSES) + 1
    assert len(set(receiver.ids)) == 1
    [mail] = [hook for hook in webhooks.hooks(ledger.views) if hook.subject is WebhookSubject.MAIL]
    assert (mail.code, mail.due_at, mail.ended) == ("EDX715", None, False)
    come(ledger, 2)  # news begins anew
    receiver.status = 200
    assert [answer.problem for answer in call(ledger, settings).answers] == [None]


def test_410_ends_it_until_the_address_is_another_or_somebody_says_so(
    ledger: SqlLedger, receiver: Receiver, tmp_path: Path
) -> None:
    settings, receiver.status = configured(tmp_path, receiver.url), 410
    come(ledger, 1)
    [answer] = call(ledger, settings).answers
    assert answer.problem is not None
    assert answer.problem.code == "EDX716"
    come(ledger, 2)
    assert call(ledger, settings) == CallRound((), None)
    assert [hook.ended for hook in webhooks.hooks(ledger.views) if hook.code] == [True]
    receiver.status = 200
    webhooks.begin_again(ledger, OFFICE)
    assert len([one for one in call(ledger, settings).answers if one.hook.subject is WebhookSubject.MAIL]) == 1
    receiver.status = 410
    come(ledger, 3)
    call(ledger, settings)
    receiver.status = 200
    elsewhere = configured(tmp_path, receiver.url + "/new")
    assert [one.problem for one in call(ledger, elsewhere).answers if one.hook.subject is WebhookSubject.MAIL] == [None]


def test_two_processes_do_not_make_one_call_twice_and_a_dead_one_is_followed(
    ledger: SqlLedger, database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    settings = configured(tmp_path, receiver.url)
    come(ledger, 1)
    with pytest.raises(KeyboardInterrupt):  # it dies between its call and its note

        async def die() -> None:
            async with webhooks.opened_caller(settings) as caller:
                with ExitStack() as stack:
                    patched = pytest.MonkeyPatch()
                    stack.callback(patched.undo)
                    patched.setattr(webhooks, "_record", _interrupt)
                    await rounded(ledger, settings, caller)

        asyncio.run(die())
    assert call(ledger, settings).answers == ()
    database.clock.at += timedelta(minutes=1)
    assert len(call(ledger, settings).answers) == 1
    assert len(receiver.calls) == 2
    assert len(set(receiver.ids)) == 1


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_nobody_who_listens_or_answers_is_a_problem_of_the_receiver(ledger: SqlLedger, tmp_path: Path) -> None:
    settings = configured(tmp_path, f"http://127.0.0.1:{free_port()}/")
    come(ledger, 1)
    [answer] = call(ledger, settings).answers
    assert answer.problem is not None
    assert (answer.problem.code, answer.problem.problem.actor) == ("EDX715", "recipient")


@pytest.mark.parametrize("url", [f"http://{'a' * 70}.example/", "http://a..b/", "http://127.0.0.1:99999/"])
def test_a_name_or_port_that_cannot_be_is_a_failed_call_and_stops_no_other(
    ledger: SqlLedger, tmp_path: Path, url: str
) -> None:
    settings = configured(tmp_path, "https://example.vn/")
    [office] = settings.offices
    settings = replace(settings, offices=(replace(office, webhook=url),))
    come(ledger, 1)
    [answer] = call(ledger, settings).answers
    assert answer.problem is not None
    assert answer.problem.code == "EDX715"


def test_more_offices_than_connections_are_called_in_the_next_round(
    ledger: SqlLedger, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "CONNECTIONS", 1)
    settings = configured(tmp_path, receiver.url)
    come(ledger, 1)
    tell(ledger, "H53.01")
    made = call(ledger, settings)
    assert len(made.answers) == 1
    assert made.next_at is not None
    assert made.next_at <= ledger.clock.now()
    call(ledger, settings)
    assert sorted(document["type"] for _, document in receiver.calls) == ["mail.waiting", "receipts.waiting"]


def test_authorities_that_cannot_be_read_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="EDX902"):
        WebhookCaller((), tmp_path)


@pytest.mark.parametrize(
    ("url", "networks"),
    [
        ("http://127.0.0.1:{port}/", ()),
        ("http://localhost:{port}/", ()),
        ("https://127.0.0.1:{port}/", ("10.0.0.0/8",)),
        ("http://[::ffff:127.0.0.1]:{port}/", ()),
        ("http://169.254.169.254/latest", ()),
        ("http://8.8.8.8/", ("127.0.0.0/8",)),  # public, but without TLS
        ("https://0.0.0.0:{port}/", ()),
    ],
)
def test_an_address_that_is_not_public_is_called_only_where_it_is_listed(
    ledger: SqlLedger, receiver: Receiver, tmp_path: Path, url: str, networks: Sequence[str]
) -> None:
    settings = configured(tmp_path, url.format(port=receiver.server.server_port), networks)
    come(ledger, 1)
    [answer] = call(ledger, settings).answers
    assert answer.problem is not None
    assert answer.problem.code == "EDX717"
    assert receiver.calls == []


def test_an_office_without_a_webhook_leaves_nothing_behind(
    ledger: SqlLedger, receiver: Receiver, tmp_path: Path
) -> None:
    settings = configured(tmp_path, receiver.url)
    come(ledger, 1)
    call(ledger, settings)
    without = replace(settings, offices=tuple(replace(one, webhook=None) for one in settings.offices))
    assert call(ledger, without) == CallRound((), None)
    assert webhooks.hooks(ledger.views) == []
    with pytest.raises(Refusal, match="EDX403"):
        webhooks.begin_again(ledger, OFFICE)


def test_doctor_names_an_office_that_cannot_be_called(
    sqlite_database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    ledger, settings = sqlite_database.ledger(), configured(tmp_path, receiver.url)
    settings = replace(settings, store=replace(settings.store, url=sqlite_database.url))
    settings.node.data.mkdir()
    (settings.node.data / sole.FILE).touch()
    assert [finding for _, finding in database_checks.webhooks(settings)] == [None]
    receiver.status = 410
    come(ledger, 1)
    call(ledger, settings)
    [(name, finding)] = database_checks.webhooks(settings)
    assert (name, finding.code if finding else "") == (OFFICE, "EDX716")


def test_calls_need_a_gateway(tmp_path: Path) -> None:
    [remark] = [one for one in configured(tmp_path, "https://example.vn/").remarks if "gateway" in str(one.detail)]
    assert remark.code == "EDX907"


def test_a_webhook_needs_a_key_and_an_address(tmp_path: Path) -> None:
    for url in ("ftp://example.vn/", "https://", "https://user@example.vn/"):
        with pytest.raises(ConfigErrors, match=r"offices\.0\.webhook|webhook"):
            configured(tmp_path, url)
    text = CONFIGURATION.format(url="https://example.vn/", networks="[]").replace('keys = ["webhook.key"]', "")
    (tmp_path / "node.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors, match="nothing signs the calls"):
        load(tmp_path / "node.toml")


@pytest.mark.parametrize("runtime", [name for name, command in COMMANDS.items() if shutil.which(command[0])])
def test_the_receivers_of_the_guide_take_what_is_genuine_and_nothing_else(
    sqlite_database: Database, tmp_path: Path, runtime: str
) -> None:
    ledger, port = sqlite_database.ledger(), free_port()
    settings = configured(tmp_path, f"http://127.0.0.1:{port}/")
    [key] = webhooks.public_keys(settings)
    sqlite_database.clock.at = datetime.now(UTC)  # which receivers compare with theirs
    with receiving(runtime, key, port) as process:
        try:
            wait_for(port, process)
            come(ledger, 1)
            assert [answer.problem for answer in call(ledger, settings).answers] == [None]
            assert refused(ledger, settings, tmp_path, sqlite_database)
        finally:
            process.kill()


def receiving(runtime: str, key: str, port: int) -> subprocess.Popen[bytes]:
    """A receiver of the guide; PHP's is behind a server, and has the key in its environment."""
    command = COMMANDS[runtime]
    if runtime == "php":
        given = [part.format(port=port) for part in command]
        return subprocess.Popen(given, env=os.environ | {"WEBHOOK_KEY": key}, stderr=subprocess.DEVNULL)
    return subprocess.Popen([*command, key, str(port)])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(f"the receiver ended with {process.returncode}")


def refused(ledger: SqlLedger, settings: Settings, folder: Path, database: Database) -> bool:
    """Whether the receiver takes neither another key's call nor an old one."""
    other = folder / "other.key"
    webhooks.make_key(other)
    forged = replace(settings, webhooks=replace(settings.webhooks, keys=(other,)))
    come(ledger, 2)
    first = call(ledger, forged).answers
    both = replace(settings, webhooks=replace(settings.webhooks, keys=(other, *settings.webhooks.keys)))
    webhooks.begin_again(ledger, OFFICE)
    second = call(ledger, both).answers
    database.clock.at -= timedelta(hours=1)
    webhooks.begin_again(ledger, OFFICE)
    third = call(ledger, settings).answers
    codes = [{one.problem.code if one.problem else "" for one in each} for each in (first, second, third)]
    return codes == [{"EDX715"}, {""}, {"EDX715"}]


def test_the_text_of_a_call_is_what_is_signed() -> None:
    """Against the example of the standard: what is signed is ``id.timestamp.body``."""
    key = Ed25519PrivateKey.generate()
    hook = Hook(OFFICE, WebhookSubject.MAIL, "https://example.vn/", number=7)
    headers = webhook.signed(hook, b"{}", [key], NOW)
    [signature] = headers["webhook-signature"].split(" ")
    signed = f"{OFFICE}.mail.waiting.7.{int(NOW.timestamp())}.{{}}".encode()
    key.public_key().verify(base64.b64decode(signature.removeprefix("v1a,")), signed)
