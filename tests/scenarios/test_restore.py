"""A node is restored from a back-up of this morning: nothing that was handed in since then is lost without a word."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from edxml_router.core.delivery.lifecycle import State
from edxml_router.demo.letters import File
from edxml_router.demo.offices import PushedOffice
from tests.scenarios.world import PLANS, World, until

# Only what the restore itself starts can bring things about: nobody asks or repeats by the clock.
PATIENT = {"inquiry_interval": "1h", "receipt_timeout": "1h"}


@pytest.fixture(params=["local", "rabbitmq"])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    broker = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    running = World(tmp_path / "tree", broker, [replace(plan, delivery=PATIENT) for plan in PLANS])
    try:
        yield running
    finally:
        running.close()


def test_what_came_after_the_back_up_is_asked_for_and_told(patient: World, tmp_path: Path) -> None:
    world, tree = patient, patient.tree
    before = world.send("G22", "H53")
    world.confirm("H53", before)
    world.await_state("tw", before, State.CONFIRMED)
    large = world.send(
        "G22", "H53", files=[File("ban-ve.zip", 100_000)]
    )  # its body is a file; the office takes it later
    world.await_state("tinh", large, State.AVAILABLE)
    with ThreadPoolExecutor(1) as others:
        busy = others.submit(lambda: [world.send("G22", "H53") for _ in range(8)])
        [kept] = tree.ask("tinh", "backup", tmp_path / "copy")  # while the node takes letters
    assert (kept["sound"], kept["body_count"]) == (True, 1)

    taken, waiting = world.send("G22", "H53"), world.send("G22", "H53")
    through, up = world.send("G22", "H53.31"), world.send("H53.31", "G22")
    own, below = world.send("H53", "G22"), world.send("H53", "H53.31")
    world.confirm("H53", taken)
    for code, data in (("H53.31", through), ("G22", up), ("G22", own), ("H53.31", below)):
        world.confirm(code, data)
    world.receive("H53", waiting)
    for node, data in (("tw", taken), ("tw", through), ("huyen", up), ("tinh", own), ("tinh", below)):
        world.await_state(node, data, State.CONFIRMED)
    lost = world.send("H53", "G22")

    under_way = restore(world, tmp_path / "copy")
    doctor = tree.run("tinh", "doctor")
    assert (doctor.returncode, "EDX618" in doctor.stdout) == (75, True), doctor.stdout
    office = world.offices["tinh"]
    world.confirm("H53", waiting)  # it comes again, under its name; what the office has taken already it only confirms
    world.await_state("tw", waiting, State.CONFIRMED)  # asked about and sent again, with nobody waiting for an hour
    for data in (large, under_way, *busy.result()):
        world.confirm("H53", data)
        world.await_state("tw", data, State.CONFIRMED)
    epoch = told(world)
    for data in (own, below, lost):
        assert office.send(data)["accepted"]
    world.confirm("G22", lost)
    for data in (own, below, lost):
        world.await_state("tinh", data, State.CONFIRMED)  # those who had it say so
    if isinstance(office, PushedOffice):
        office.say_resent(epoch)
    else:
        assert tree.run("tinh", "recovery", "done", office.name).returncode == 0
    until(lambda: not tree.ask("tinh", "recovery", "show"), "the end of the recovery")
    assert "EDX618" not in tree.run("tinh", "doctor").stdout
    assert [line["event"] for line in tree.ask("tw", "journal", "query", "--event", "link.resync")] == ["link.resync"]
    world.come_to_rest()


def restore(world: World, copy: Path) -> bytes:
    """As docs/operations.md says, and a letter is sent meanwhile. The office's own system goes on."""
    tree, changed = world.tree, copy / "manifest.json"
    running = tree.run("tinh", "restore", copy)
    assert (running.returncode, "EDX609" in running.stderr) == (1, True), running.stderr
    tree.kill("tinh")
    under_way = world.send("G22", "H53")
    data = tree.folder / "tinh" / "data"
    for file in data.glob("journal.*"):
        file.unlink()
    shutil.rmtree(data / "bodies")
    whole = changed.read_bytes()
    changed.write_bytes(whole + b" ")
    refused = tree.run("tinh", "restore", copy)
    assert (refused.returncode, "EDX678" in refused.stderr, str(changed) in refused.stderr) == (70, True, True)
    assert not list(data.glob("journal.*"))
    changed.write_bytes(whole)
    [done] = tree.ask("tinh", "restore", copy)
    assert {one["party"] for one in done["recoveries"]} == {
        "link:tw",
        "link:huyen",
        f"office:{world.offices['tinh'].name}",
    }
    assert done["open"].keys() == {"available"}
    tree.start("tinh")
    world.look_again("tinh")
    return under_way


def told(world: World) -> str:
    """The epoch for which the office is told to send again."""
    office = world.offices["tinh"]
    if isinstance(office, PushedOffice):
        until(lambda: office.receive() is not None and office.called, "a call to send again")
        return office.called[0]
    [row] = [row for row in world.tree.ask("tinh", "inbox", "--notices") if row["send_again"]]
    return str(row["send_again"]["epoch"])
