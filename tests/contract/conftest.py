"""Hubs and databases of both kinds, for the tests that hold every adapter to its port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router.demo.servers import Broker
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import Database, postgresql_databases, sqlite_databases
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


@pytest.fixture(scope="session")
def sqlite_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    return sqlite_databases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgresql_source(postgresql_url: str) -> Iterator[Database]:
    return postgresql_databases(postgresql_url)


@pytest.fixture
def sqlite_database(sqlite_source: Iterator[Database]) -> Iterator[Database]:
    made = next(sqlite_source)
    yield made
    made.finish()


@pytest.fixture
def postgresql_database(postgresql_source: Iterator[Database]) -> Iterator[Database]:
    made = next(postgresql_source)
    yield made
    made.finish()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty ledger on each of the databases."""
    made: Database = request.getfixturevalue(f"{request.param}_database")
    return made


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return database.ledger()
