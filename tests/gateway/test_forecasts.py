"""What would become of an envelope is told before its bytes are sent."""

from __future__ import annotations

from typing import Any

from tests.gateway.world import World, digest, problem


def asked(world: World, **changed: Any) -> dict[str, Any]:
    told = {"sender": "H53", "recipients": ["H01.151"], "size": 1000, **changed}
    answer = world.client("vp").post("/v1/forecasts", json=told)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_each_recipient_is_answered(world: World) -> None:
    told = asked(world, recipients=["H01.151", "H99.99.99", "not a code", "000.00.151.H01"])
    assert told["possible"] is False
    codes = {one["recipient"]: one["problem"] and one["problem"]["code"] for one in told["recipients"]}
    assert codes["H01.151"] is None
    assert codes["not a code"] == "EDX503"
    assert codes["H99.99.99"] is not None
    assert asked(world)["possible"] is True


def test_who_may_not_send_and_what_is_too_large_is_told_at_once(world: World) -> None:
    assert asked(world, sender="H01.151")["problem"]["code"] == "EDX401"
    assert asked(world, size=world.settings().limits.max_bytes + 1)["problem"]["code"] == "EDX102"
    most = world.settings().limits.max_attachment_bytes
    assert asked(world, attachments=[{"name": "lon.zip", "size": most + 1}])["problem"]["code"] == "EDX210"


def test_it_says_what_acceptance_says(world: World) -> None:
    """The same letter, announced and sent."""
    for sender, to in (("H53", "H01.151"), ("H01.151", "H53")):
        data = world.letter(sender=sender, to=to)
        told = asked(world, sender=sender, recipients=[to], size=len(data), digest=digest(data))
        answer = world.client("vp").put(f"/v1/envelopes/{digest(data)}", content=data)
        assert told["possible"] is (answer.status_code == 201)
        if not told["possible"]:
            assert told["problem"]["code"] == problem(answer)


def test_what_was_accepted_before_is_known_to_who_sent_it_only(world: World) -> None:
    data = world.letter()
    world.hand_in(data)
    told = asked(world, digest=digest(data))
    assert told["known"] is True
    assert [one["recipient"] for one in told["recipients"]] == ["H01.151"]
    assert told["recipients"][0]["state"] is not None
    other = {"sender": "H01.151", "recipients": ["H53"], "size": 1, "digest": digest(data)}
    assert world.client("so").post("/v1/forecasts", json=other).json()["known"] is False
