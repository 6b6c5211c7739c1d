"""What all tests share: the private servers, one of each per run, started when the first test asks.

A missing server makes the tests that need it fail with the reason; nothing is skipped.
"""

from __future__ import annotations

import gc
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import DatabaseError

# A loaded machine must not fail a test, and a run must find again what the last one found.
settings.register_profile("edxml-router", deadline=None, derandomize=True)
settings.load_profile("edxml-router")

# A run in the background of a shell gets SIGINT ignored, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from edxml_router.demo.servers import Broker, BrokerTls, postgresql, rabbitmq  # noqa: E402 - found through the line above
from edxml_router.services import trial_authority  # noqa: E402 - as above
from edxml_router.store.database import migrate  # noqa: E402 - as above
from edxml_router.store.database.engine import connect  # noqa: E402 - as above
from edxml_router.wiring import judging  # noqa: E402 - as above
from tests.longest import longest_first  # noqa: E402 - as above


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests (scripts/test), the longest files are begun first."""
    if hasattr(config, "workerinput"):
        longest_first(items)


@pytest.fixture(scope="module", autouse=True)
def _settled_heap() -> None:
    """What earlier modules left is out of the collector's way. Thousands of tests fill the heap of this process, and
    one full collection of it would be charged to whatever is judged or measured at that moment."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _log_beside_the_output() -> None:
    """Where a node runs in a thread here, its log must not come between what a command prints to standard output."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.__stderr__))


@pytest.fixture(scope="session", autouse=True)
def _not_ended_by_a_judgement() -> Iterator[None]:
    """The timer of ``limits.judging_time`` counts the processor time of a whole process, and ends it. In a worker that
    is the judgement; in this process other nodes, gateways and offices work in threads beside it, and it would end
    all tests. What is started or forked from here has the time that it is given."""
    here, timed = os.getpid(), judging._timer

    def patient(seconds: float) -> AbstractContextManager[Any]:
        return timed(seconds + 60.0 if os.getpid() == here else seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "_timer", patient)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite database gets its schema as a copy of one that went through all steps: a thousand nodes of the tests
    need one each. The steps themselves are tried in tests/contract/test_migrations.py and by every ``init`` in a
    process of its own."""
    taken: list[sqlite3.Connection] = []

    def is_new(engine: Engine) -> bool:
        try:
            return engine.dialect.name == "sqlite" and not inspect(engine).get_table_names()
        except DatabaseError:  # a damaged one, of which the step itself is to say so
            return False

    def upgraded(engine: Engine, to: str = "head") -> str:
        if to != "head" or not is_new(engine):
            return migrate_truly(engine, to)
        if not taken:
            path = tmp_path_factory.mktemp("schema") / "model.db"
            model = connect(f"sqlite:///{path}")
            migrate_truly(model)
            model.dispose()  # the last connection brings the log back into the file
            taken.append(sqlite3.connect(path))
        with closing(engine.raw_connection()) as opened:
            taken[0].backup(opened.driver_connection)
        return migrate.newest()

    migrate_truly = migrate.upgrade
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "upgrade", upgraded)
        yield
    for each in taken:
        each.close()


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder that other users may pass, which pytest's own is not: PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="edxml-router-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture(scope="session")
def links_pki(servers_folder: Path) -> Path:
    """The authority of everybody who speaks TLS to the broker; ``trial_authority.issue_node`` makes more of them."""
    folder = servers_folder / "pki"
    trial_authority.init(folder, datetime.now(UTC))
    return folder


@pytest.fixture(scope="session")
def broker(servers_folder: Path, links_pki: Path) -> Iterator[Broker]:
    """A RabbitMQ of our own, in the clear on ``port`` and with TLS on ``tls_port`` (also as mq.example.vn).

    Who stops it starts it again; each test uses names of its own.
    """
    own = trial_authority.issue_node(links_pki, "mq", datetime.now(UTC), ["127.0.0.1", "mq.example.vn"])
    with rabbitmq(servers_folder / "rabbitmq", BrokerTls(own.anchors, own.certificate, own.key)) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_url(servers_folder: Path) -> Iterator[str]:
    """A PostgreSQL of our own, as a SQLAlchemy URL. Each test uses a schema or database of its own."""
    with postgresql(servers_folder / "postgresql") as url:
        yield url
