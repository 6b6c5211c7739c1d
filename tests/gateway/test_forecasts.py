"""What would become of an envelope is told before its bytes are sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edxml_router.core.body import MemoryBody
from edxml_router.core.message import contents
from edxml_router.services import trial_authority
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


def test_what_was_accepted_before_has_its_verdict_without_its_bytes(world: World) -> None:
    data = world.letter()
    given = world.hand_in(data)
    told = asked(world, digest=digest(data))
    again = world.client("vp").put(f"/v1/envelopes/{digest(data)}", content=data).json()
    for name in ("accepted", "repeated", "digest", "document_id", "recipients", "states"):
        assert told["submission"][name] == again[name], name
    assert told["submission"]["document_id"] == given["document_id"]
    assert asked(world)["submission"] is None


def test_a_document_id_that_other_bytes_have_is_told_with_what_differs(world: World) -> None:
    data = world.letter()
    document_id = world.hand_in(data)["document_id"]
    files = contents.opened(MemoryBody(data), world.settings().limits, "0" * 32).envelope.attachments
    rebuilt = {"document_id": document_id, "digest": "0" * 64}
    same = [{"name": one.name, "size": one.size, "digest": one.sha256} for one in files]
    told = asked(world, **rebuilt, attachments=same)["problem"]
    assert (told["code"], told["detail"].endswith("with these attachments")) == ("EDX404", True)
    assert digest(data) in told["detail"]
    told = asked(world, **rebuilt, attachments=[{**same[0], "digest": "1" * 64}])["problem"]
    assert (told["code"], told["detail"].endswith(f"without {same[0]['name']}")) == ("EDX404", True)
    assert asked(world, **rebuilt)["problem"]["code"] == "EDX404"
    assert asked(world, document_id=document_id)["problem"] is None  # they may be the same bytes
    assert asked(world, **rebuilt, business=1, recipients=["H01.151"])["problem"] is None  # a recall is another thing
    other = {"sender": "H01.151", "recipients": ["H53"], "size": 1, **rebuilt}
    assert world.client("so").post("/v1/forecasts", json=other).json()["problem"] is None


def test_each_recipient_is_resolved(world: World) -> None:
    registry = world.worker.rules.registry
    closed = next(one for one in registry if one.successors and one.state == "closed")
    rows = asked(world, recipients=["000.00.151.H01", closed.code, "H99.99.99"])["recipients"]
    found = {one["recipient"]: one for one in rows}
    assert (found["000.00.151.H01"]["agency"], found["000.00.151.H01"]["here"]) == ("H01.151", True)
    gone = found[closed.code]
    assert (gone["problem"]["code"], gone["successors"]) == ("EDX502", list(closed.successors))
    assert (found["H99.99.99"]["agency"], found["H99.99.99"]["successors"]) == (None, [])


def test_attachments_are_judged_by_name_size_and_type(world: World) -> None:
    zipped = {"name": "a.pdf", "size": 9, "content_type": "application/pdf", "begins": "UEsDBA=="}
    told = asked(world, attachments=[zipped])
    assert told["possible"] is True
    assert [one["code"] for one in told["remarks"]] == ["EDX211"]
    assert asked(world, attachments=[{**zipped, "begins": "JVBERi0xLjc="}])["remarks"] == []
    told = asked(world, attachments=[{"name": "../a.pdf", "size": 9}, {"name": "b.pdf", "size": 2**40}])
    assert [one["problem"]["code"] for one in told["attachments"]] == ["EDX209", "EDX210"]
    assert told["problem"]["code"] == "EDX209"
    assert asked(world, subject="TUYỆT MẬT: phương án")["problem"]["code"] == "EDX405"


def test_the_signers_certificate_is_judged(world: World) -> None:
    def pem(code: str) -> str:
        return (world.pki / f"{code}.cert.pem").read_text(encoding="ascii")

    told = asked(world, certificates=pem("H53"))
    assert (told["possible"], told["certificate"]["problem"]) == (True, None)
    assert told["certificate"]["signer"]["agencies"] == ["H53"]
    assert asked(world, certificates=pem("H01.151"))["problem"]["code"] == "EDX402"
    assert asked(world, signed=False)["problem"]["code"] == "EDX301"
    unread = world.client("vp").post(
        "/v1/forecasts", json={"sender": "H53", "recipients": ["H01.151"], "size": 1, "certificates": "không phải"}
    )
    assert (unread.status_code, problem(unread)) == (400, "EDX418")


def test_a_revoked_certificate_is_told(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        [serial] = [one.serial for one in trial_authority.issued(world.pki) if one.name == "H53"]
        trial_authority.revoke(world.pki, serial, datetime.now(UTC))
        world.desk.reload(world.settings())
        pem = (world.pki / "H53.cert.pem").read_text(encoding="ascii")
        told = asked(world, certificates=pem)
        assert (told["problem"]["code"], told["certificate"]["problem"]["code"]) == ("EDX313", "EDX313")
        assert told["possible"] is False
