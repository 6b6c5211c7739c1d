"""What a command does not need it does not load: each library costs a person, and every test, a part of a second."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from edxml_router.cli.main import COMMANDS, HELPS, cli
from edxml_router.store.database import migrate

HEAVY = {"alembic", "cryptography", "lxml", "pika", "pydantic", "signxml", "sqlalchemy", "structlog", "xmlschema"}
# For a new schema, a webhook, a broker, a judgement, the log of a worker, an explanation.
SELDOM = {"alembic", "httpcore", "pika", "signxml", "structlog", "xmlschema"}
PROBE = """
import json, sys
from edxml_router.cli.main import cli
try:
    cli({arguments}, prog_name="edxml-router")
except SystemExit as end:
    print(json.dumps({{"status": end.code, "loaded": sorted(sys.modules)}}))
"""


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The packages and modules that are there when the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=list(arguments))],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1])["loaded"])


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has nothing yet."""
    folder = tmp_path_factory.mktemp("node")
    loaded(folder, "init", "--name", "h53", ".")
    return folder


@pytest.mark.parametrize("arguments", [["--help"], ["--lang", "vi", "--help"], ["--version"], ["explain", "EDX304"]])
def test_what_needs_no_node_loads_no_library_of_a_node(tmp_path: Path, arguments: list[str]) -> None:
    assert loaded(tmp_path, *arguments) & HEAVY == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "list"],
        ["queue", "shape"],
        ["inbox"],
        ["sent"],
        ["trace", "1"],
        ["journal", "query"],
    ],
)
def test_looking_loads_nothing_that_it_seldom_needs(node: Path, arguments: list[str]) -> None:
    found = loaded(node, *arguments)
    assert "sqlalchemy" in found  # it came as far as the database
    assert found & SELDOM == set()


@pytest.mark.parametrize("arguments", [["queue", "list"], ["queue", "shape"], ["trace", "1"]])
def test_looking_into_the_queue_judges_no_certificate_and_loads_one_database(node: Path, arguments: list[str]) -> None:
    found = loaded(node, *arguments)
    assert "sqlalchemy.dialects.sqlite" in found
    assert found & {"cryptography", "sqlalchemy.dialects.postgresql"} == set()


def test_who_logs_draws_no_tracebacks() -> None:
    program = "import sys, edxml_router.node.worker; print(*{'structlog', 'rich.traceback'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "structlog\n"


def test_the_help_lists_every_command_by_what_it_says_of_itself() -> None:
    texts = json.loads(HELPS.read_bytes())
    assert list(texts) == list(COMMANDS) == cli.list_commands(cli.make_context("edxml-router", ["explain"]))


def test_the_steps_of_the_schema_are_those_that_alembic_finds() -> None:
    steps = ScriptDirectory.from_config(migrate._settings())
    assert migrate.newest() == steps.get_current_head()
    assert all(migrate.is_known(step.revision) for step in steps.walk_revisions())
    assert not migrate.is_known("9999")
