"""Hubs of both kinds for the tests of the transport contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Broker

from tests.contract.hubs import Hub, LocalHub, RabbitHub


@pytest.fixture(scope="session")
def rabbit_vhost(broker: Broker) -> RabbitHub:
    return RabbitHub(broker)


@pytest.fixture
def rabbit(rabbit_vhost: RabbitHub) -> Iterator[RabbitHub]:
    yield rabbit_vhost
    rabbit_vhost.finish()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[LocalHub]:
    hub = LocalHub(tmp_path)
    yield hub
    hub.finish()


@pytest.fixture(params=["directory", "rabbit"])
def hub(request: pytest.FixtureRequest) -> Hub:
    """The same contract on each."""
    made: Hub = request.getfixturevalue(request.param)
    return made
