"""An office hears what becomes of its mail, in pages and as a stream, and of nobody else's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.gateway.test_inbox import arrived, waiting
from tests.gateway.world import World


def now(client: httpx.Client) -> str:
    cursor: str = client.get("/v1/events").json()["cursor"]
    return cursor


def followed(client: httpx.Client, cursor: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/events", params={"cursor": cursor, **query}).json()["events"]
    return found


def test_both_sides_hear_of_a_letter(world: World) -> None:
    sender, recipient = world.client("vp"), world.client("so")
    cursor = now(sender)
    name, _ = arrived(world)
    recipient.post(f"/v1/inbox/{name}/confirm")
    told = followed(sender, cursor)
    assert [one["event"] for one in told] == ["delivery.queued", "delivery.offered", "delivery.confirmed"]
    assert {one["side"] for one in told} == {"sent"}
    assert {one["digest"] for one in told} == {name[:64]}
    assert [one["event"] for one in followed(sender, told[0]["cursor"])] == ["delivery.offered", "delivery.confirmed"]
    assert {one["side"] for one in followed(recipient, cursor)} == {"received"}


def test_who_waits_for_events_hears_of_them(world: World) -> None:
    sender = world.client("vp")
    name, _ = arrived(world)
    cursor = now(sender)
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(followed, world.client("vp"), cursor, wait=50)
        waiting(world)
        world.client("so").post(f"/v1/inbox/{name}/confirm")
        assert [one["event"] for one in poll.result(50)] == ["delivery.confirmed"]


def test_events_come_as_a_stream_that_goes_on_where_it_broke_off(world: World) -> None:
    sender = world.client("vp")
    cursor = now(sender)
    name, _ = arrived(world)
    seen = []
    asked = {"accept": "text/event-stream"}
    with sender.stream("GET", "/v1/events", params={"cursor": cursor}, headers=asked) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        confirmed = False
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
                if len(seen) == 2 and not confirmed:
                    confirmed = True
                    world.client("so").post(f"/v1/inbox/{name}/confirm")
                if seen[-1]["event"] == "delivery.confirmed":
                    break
    assert [one["event"] for one in seen] == ["delivery.queued", "delivery.offered", "delivery.confirmed"]
    again = {"accept": "text/event-stream", "last-event-id": seen[1]["cursor"]}
    with sender.stream("GET", "/v1/events", headers=again) as stream:
        data = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(data[6:]) == seen[2]
