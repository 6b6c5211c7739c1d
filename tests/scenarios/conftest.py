"""A running world for each transport, shared by the tests of a module and found at rest after them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.world import World
from tests.trees import AskedTree


@pytest.fixture(scope="module", params=["local", "rabbitmq"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    broker = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    running = World(tmp_path_factory.mktemp("world"), broker, kind=AskedTree)
    try:
        yield running
        running.come_to_rest()
        assert running.tree.stop() == dict.fromkeys(running.tree.plans, 0)
    finally:
        running.close()
