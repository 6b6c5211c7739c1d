"""What one machine commits wakes the other machines of the same PostgreSQL: two data folders, two processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from edxml_router import pipeline
from edxml_router.config import Settings, load
from edxml_router.core.body import MemoryBody
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.disk.bell import FILE, READERS, FileBell, place_of
from edxml_router.resources import program
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.store.database import far_bell, migrate
from edxml_router.wiring.composition import open_node
from edxml_router.wiring.own_ledger import open_ledger
from tests.contract.hubs import until
from tests.contract.test_waking import told

PLAN = NodePlan("quoc-gia", "Nút quốc gia", ("G22",))
DATABASE = "edx_far_bell"


class Machines(NamedTuple):
    """Two machines of a node: data folders of their own, and one database."""

    here: Settings
    there: Settings
    letter: Callable[[int], bytes]
    server: URL

    def accept(self, number: int, settings: Settings) -> None:
        with open_node(settings) as node:
            data = MemoryBody(self.letter(number))
            [answer] = pipeline.accept(node, [Submission(data, PLAN.office, "cli")])
            assert answer.accepted

    def run(self, statement: str) -> list[tuple[object, ...]]:
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement), {"label": far_bell.LABEL} if ":label" in statement else {})
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows


@pytest.fixture
def machines(tmp_path: Path, postgresql_url: str) -> Iterator[Machines]:
    server = make_url(postgresql_url)
    with Tree(tmp_path / "tree", [PLAN]) as tree:
        config = tree.config(PLAN.name)
        url = f"{server.drivername}://{server.username}@{server.host}:{server.port}/{DATABASE}"
        secret = config.parent / "db.password"
        secret.touch(mode=0o600)
        secret.write_text(server.password or "")
        plain = config.read_text("utf-8") + f'\n[store]\nurl = "{url}"\npassword_file = "db.password"\n'
        found = []
        for name in ("here", "there"):
            path = config.with_name(f"{name}.toml")
            path.write_text(plain.replace("[node]\n", f'[node]\ndata = "{name}"\n'), "utf-8")
            found.append(load(path))
            found[-1].node.data.mkdir(mode=0o700)
        post = Post(tree.pki)
        made = Machines(found[0], found[1], lambda number: post.document("G22", ["G22"], number, "V/v thử"), server)
        made.run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        made.run(f"CREATE DATABASE {DATABASE}")
        with closing(open_ledger(found[0])) as ledger:
            migrate.upgrade(ledger.engine)
        yield made
        made.run(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@contextmanager
def serving(settings: Settings) -> Iterator[Path]:
    """The node on this machine, as ``serve`` runs it; its log."""
    log = settings.node.data / "output.log"
    with log.open("wb") as output:
        command = [*program(), "--config", str(settings.path), "serve"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield log
        finally:
            process.terminate()
            process.wait()


def listens(log: Path, times: int = 1) -> bool:
    return log.read_bytes().count(b"bells.heard") == times


def test_machines_of_one_database_hear_of_each_others_commits_and_again_after_the_connection_was_lost(
    machines: Machines,
) -> None:
    """Also what is said of a commit of their own: their files rang already."""
    with (
        serving(machines.there) as log,
        closing(FileBell(machines.there.node.data / FILE, listening=True)) as workers,
        closing(FileBell(machines.there.node.data / READERS, listening=True)) as readers,
    ):
        until(lambda: listens(log))
        [(first,)] = machines.run("SELECT pid FROM pg_stat_activity WHERE application_name = :label")
        workers.clear()
        machines.accept(1, machines.here)
        assert told(workers.fileno())
        assert told(readers.fileno())
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :label"
        machines.run(ended)
        until(lambda: listens(log, times=2))
        assert b"bells.unheard" in log.read_bytes()
        [(second,)] = machines.run("SELECT pid FROM pg_stat_activity WHERE application_name = :label")
        assert second != first
        workers.clear()
        machines.accept(2, machines.here)
        assert told(workers.fileno())


def test_what_a_machine_commits_itself_and_what_is_not_committed_rings_nobody(machines: Machines) -> None:
    with closing(open_ledger(machines.there, label=far_bell.LABEL)) as ledger:
        place = place_of(machines.there.node.data)
        rings = far_bell.hear(ledger.engine, place)
        assert next(rings)  # what was rung before nobody has heard
        machines.accept(1, machines.there)
        with pytest.raises(KeyError), open_node(machines.here) as node, node.ledger.book() as book:
            far_bell.ring(book.connection, node.ledger.place)
            raise KeyError
        machines.accept(2, machines.there)
        heard = [next(rings) for _ in range(3)]
        assert heard == [False, False, False]
        machines.accept(3, machines.here)
        until(lambda: next(rings))
        rings.close()


def test_a_data_folder_is_told_from_another_and_stays_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert place_of(tmp_path / "a") == place_of(tmp_path / "a") != place_of(tmp_path / "b")
    before = place_of(tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "a").mkdir()
    assert place_of(tmp_path / "a") != before
