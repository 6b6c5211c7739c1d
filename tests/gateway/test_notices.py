"""An office fetches the notices of what became of its envelopes, and clears those that it has kept."""

from __future__ import annotations

from pathlib import Path

from edxml_router.services import office
from tests.gateway.world import World, problem


def confirm(world: World, digest: str) -> None:
    name = f"{digest}.H01.151"
    assert world.client("so").post(f"/v1/inbox/{name}/confirm").status_code == 200


def test_notices_stay_until_those_that_were_read_are_cleared(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = world.client("vp")
        assert client.get("/v1/notices").json()["notices"] == []
        first, second, third = (world.hand_in(world.letter())["digest"] for _ in range(3))
        world.work()
        confirm(world, first)
        confirm(world, second)
        page = client.get("/v1/notices", params={"limit": 1}).json()
        assert [one["digest"] for one in page["notices"]] == [first]
        assert page["more"] is True
        page = client.get("/v1/notices").json()
        assert [one["receipts"][0]["outcome"] for one in page["notices"]] == ["confirmed", "confirmed"]
        assert page["notices"][0]["document_id"].startswith("H53,")
        confirm(world, third)  # comes after what was read
        assert world.client("so").get("/v1/notices").json()["notices"] == []  # it sent nothing
        other = world.client("so").post("/v1/notices/clear", json={"cursor": page["cursor"]})
        assert other.json() == {"cleared": 0}
        assert client.post("/v1/notices/clear", json={"cursor": page["cursor"]}).json() == {"cleared": 2}
        assert client.post("/v1/notices/clear", json={"cursor": page["cursor"]}).json() == {"cleared": 0}
        assert [one["digest"] for one in client.get("/v1/notices").json()["notices"]] == [third]
        shown = office.notices(world.worker.ledger.views, ["vp"])
        assert [note.receipt.envelope for note in shown.notes] == [third]  # the same for the command line
        stale = client.post("/v1/notices/clear", json={"cursor": "ketruoc-9999"})
        assert stale.json() == {"cleared": 0}  # of another epoch: its numbers mean other notices
        assert problem(client.post("/v1/notices/clear", json={"cursor": "9999"})) == "EDX418"
        token = world.token("vp", scopes=("receive",))
        assert problem(world.client(token=token).get("/v1/notices")) == "EDX416"
