"""Two that run as one node, with a journal each: refused at the start, named while they run, on both kinds of hub."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from edxml_router.config import Settings
from edxml_router.core.problems import Finding, Refusal
from edxml_router.demo.tree import Tree
from edxml_router.node import starting
from edxml_router.node.lookout import Lookout, lasting_twin, twin
from edxml_router.observe import events
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.test_reload import tree
from tests.test_trust_reload import wait

__all__ = ["tree"]  # the fixture: a folder, a broker


def alone(settings: Settings) -> Settings:
    return replace(settings, node=replace(settings.node, workers=1))


def copied(settings: Settings, place: Path) -> Settings:
    """The same machine again: the same configuration, keys and journal."""
    shutil.copytree(settings.node.data, place)
    return replace(settings, node=replace(settings.node, data=place))


def taking(settings: Settings, worker: RunningNode, number: int) -> bool:
    worker.transports[-1].take(1, 0.0)
    return list(starting.consumers(settings).values()) == [number]


@pytest.mark.parametrize("name", ["quoc-gia", "tay-ninh"])
def test_a_twin_is_refused_at_the_start_and_named_while_it_runs(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """At its own hub, and at its parent's. It may have started while the hub was away."""
    told: list[Finding | None] = []
    monkeypatch.setattr(events, "twin", told.append)
    monkeypatch.setattr("edxml_router.node.lookout.LASTS_SECONDS", 0.0)
    with ExitStack() as stack:
        if name != "quoc-gia":
            stack.enter_context(open_worker(tree.settings("quoc-gia"))).declare()
        settings = alone(tree.settings(name))
        worker = stack.enter_context(open_worker(settings))
        worker.declare()
        assert wait(lambda: taking(settings, worker, 1))
        other = copied(settings, tmp_path / "copy")
        lookout = Lookout(settings)
        lookout.look()
        assert twin(settings) is None
        with pytest.raises(Refusal) as caught:
            starting.require_alone(other, 0.0)
        assert caught.value.code == "EDX620"
        with open_worker(other) as second:
            assert wait(lambda: taking(other, second, 2))
            assert [found.code for each in (settings, other) if (found := twin(each))] == ["EDX620"] * 2
            assert (found := lasting_twin(settings)) is not None
            assert found.code == "EDX620"
            lookout.look()
            assert told == []  # once may be a worker that is just ending
            lookout.look()
            lookout.look()
            assert [found.code for found in told if found] == ["EDX620"]
        wait(lambda: twin(settings) is None)
        lookout.look()
        assert told[1:] == [None]


def test_who_takes_for_a_moment_only_is_no_twin(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a broker counts a consumer that was replaced, until what it was given is settled."""
    seen = [Finding("EDX620"), Finding("EDX620"), None]
    monkeypatch.setattr("edxml_router.node.lookout.twin", lambda _settings: seen.pop(0))
    assert lasting_twin(tree.settings("quoc-gia")) is None
    assert seen == []
