"""What docs/operations.md tells an operator about brokers is what the tests do with theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edxml_router.demo.servers import Broker
from edxml_router.disk import bell
from edxml_router.node import settings_file, sole
from edxml_router.node.duties import retaining
from edxml_router.node.supervisor import STUCK
from edxml_router.observe import sink, tally
from edxml_router.store.clocks import neighbour_clocks, steady_clock
from edxml_router.store.epochs import identity
from edxml_router.transport import topology
from edxml_router.transport.topology import HubRole
from edxml_router.wiring import broker_limit

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
PLACES = {"listeners.tcp", "listeners.ssl.1", "ssl_options.cacertfile", "ssl_options.certfile", "ssl_options.keyfile"}


def test_the_table_of_losses_has_each_file_of_the_data_folder() -> None:
    files = (
        sole.FILE, settings_file.FILE, STUCK, identity.FILE, steady_clock.FILE, neighbour_clocks.FILE, retaining.LOCK,
        tally.FILE, sink.FILE, bell.FILE, bell.READERS, broker_limit.FILE,
        "bodies/", "crls/", "ocsp/", "agency_codes/", "bindings.csv", "console.key", "judging/", "in-hand/",
    )  # fmt: skip
    [table] = re.findall(r"## What losing each file costs\n(.*?)\n## ", TEXT, re.DOTALL)
    assert [file for file in files if f"`data/{file}`" not in table] == []


def _settings(text: str) -> dict[str, str]:
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)


def test_the_brokers_settings_are_those_of_the_tests_broker(broker: Broker) -> None:
    [block] = re.findall(r"```ini\n(.*?)```", TEXT, re.DOTALL)
    told, used = _settings(block), _settings((broker.folder / "rabbitmq.conf").read_text())
    assert told.keys() >= PLACES
    assert {key: value for key, value in told.items() if key not in PLACES}.items() <= used.items()
    assert PLACES - used.keys() == {"listeners.tcp"}  # the tests speak in the clear as well


@pytest.mark.parametrize(
    ("row", "user", "role", "name"),
    [
        ("the node itself", "node", HubRole.OWNER, ""),
        ("child `xa`", "xa", HubRole.CHILD, "xa"),
        ("office `vanphong`", "vanphong", HubRole.OFFICE, "vanphong"),
    ],
)
def test_the_permissions_are_those_of_the_topology(row: str, user: str, role: HubRole, name: str) -> None:
    _, configure, write, read = topology.permissions(user, role, name)
    assert f"| {row} | `{configure}` | `{write}` | `{read}` |" in TEXT
