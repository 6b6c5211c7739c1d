"""Who keeps a list of the agencies hears what has changed: by the dates of the catalogue, and by what is imported."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from edxml_router.core.agencies.agency import Agency, AgencyState
from edxml_router.core.agencies.changes import AgencyChanges
from edxml_router.core.agencies.registry import Registry
from edxml_router.services import agencies
from edxml_router.wiring.agencies import own_catalogue
from tests.clocks import wait_past_midnight
from tests.gateway.world import World, problem

LIST = "code,name\nH53.99,Sở Thử nghiệm\n"


def test_a_list_is_kept_in_step(tmp_path: Path) -> None:
    wait_past_midnight()
    with World(tmp_path) as world:
        client = world.client("so")

        def asked(**params: Any) -> dict[str, Any]:
            answer = client.get("/v1/agencies/changes", params=params)
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            return told

        everything, page = [], asked(limit=40)
        while True:
            assert page["whole"] is True
            everything += [one["code"] for one in page["agencies"]]
            if not page["more"]:
                break
            page = asked(cursor=page["cursor"], limit=40)
        assert everything == sorted(one.code for one in world.worker.rules.registry)
        assert any(one.closed_on(agencies.today()) for one in world.worker.rules.registry)
        kept = page["cursor"]
        page = asked(cursor=kept)
        assert (page["whole"], page["agencies"]) == (False, [])

        (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
        own = own_catalogue(world.settings())
        agencies.import_list(tmp_path / "list.csv", own, world.worker.rules.registry)
        world.desk.reload(world.settings())
        page = asked(cursor=kept)
        assert page["whole"] is False
        assert [one["code"] for one in page["agencies"]] == ["H53.99"]
        assert [one["code"] for one in asked(cursor=page["cursor"])["agencies"]] == ["H53.99"]  # the day once more

        tomorrow = date.today().toordinal() + 2
        base = kept.partition("-")[0]
        assert asked(cursor=f"{base}-{tomorrow}-0-")["agencies"] == []
        assert asked(cursor=f"{'f' * 16}-{tomorrow}-0-")["whole"] is True  # of another catalogue
        for wrong in ("x", f"{base}-9999999-0-"):
            refused = client.get("/v1/agencies/changes", params={"cursor": wrong})
            assert problem(refused) == "EDX418"


def test_an_agency_changes_on_the_day_it_opens_and_on_the_first_it_is_closed(world: World) -> None:
    registry = world.worker.rules.registry
    changes = AgencyChanges(registry)
    closed = next(one for one in registry if one.valid_to is not None and one.successors)
    assert closed.valid_to is not None
    after = closed.valid_to + timedelta(days=1)
    assert closed.code in changes.between(after, after)
    assert closed.code not in changes.between(after + timedelta(days=1), after + timedelta(days=1))
    told = world.client("so").get("/v1/agencies/changes", params={"since": after.isoformat()}).json()
    assert (told["whole"], closed.code in [one["code"] for one in told["agencies"]]) == (False, True)


def test_days_to_come_count_when_they_come() -> None:
    opening = Agency("H53.98", "Sở Sắp mở", "unit", state=AgencyState.ACTIVE, valid_from=date(2099, 1, 1))
    changes = AgencyChanges(Registry.build([opening]))
    assert changes.between(date(2026, 1, 1), date(2098, 12, 31)) == []
    assert changes.between(date(2026, 1, 1), date(2099, 1, 1)) == ["H53.98"]
