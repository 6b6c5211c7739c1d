"""Certificates over HTTP: for the office that sent the letter, verified without the node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edxml_router.core.asice import container
from edxml_router.services import trial_authority
from edxml_router.services.certificates import verifying
from tests.gateway.world import World, digest, problem


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(Path(tmp_path_factory.mktemp("certificates")))
    trial_authority.issue_node(made.pki, "tinh", datetime.now(UTC))
    text = made.path.read_text(encoding="utf-8")
    named = 'name = "tinh"\nkey = "pki/tinh.key.pem"\ncertificate = "pki/tinh.cert.pem"\n'
    made.path.write_text(text.replace('name = "tinh"\n', named), encoding="utf-8")
    with made as running:
        yield running


def test_an_office_gets_the_certificate_of_what_it_sent(world: World) -> None:
    letter = world.letter()
    world.hand_in(letter)
    world.work()
    name = digest(letter)
    assert world.client("so").post(f"/v1/inbox/{name}.H01.151/confirm").status_code == 200
    asked = world.client("vp").get(f"/v1/sent/{name}/certificate")
    assert (problem(asked), asked.status_code) == ("EDX658", 409)  # what was done is not in the log yet
    world.worker.number_journal()
    answer = world.client("vp").get(
        f"/v1/sent/{name[:12]}/certificate", params={"letter": True, "recipient": "H01.151"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.etsi.asic-e+zip")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name[:12]}.asice"'
    found = verifying.verify(answer.content, (world.pki / "anchors.pem").read_bytes(), now=datetime.now(UTC))
    [delivery] = found.statement["deliveries"]
    assert (delivery["recipient"], delivery["state"]) == ("H01.151", "confirmed")
    assert container.read(answer.content).files["letter.edxml"] == letter


def test_nobody_gets_that_of_others(world: World) -> None:
    letter = world.letter()
    world.hand_in(letter)
    world.work()
    world.worker.number_journal()
    path = f"/v1/sent/{digest(letter)}/certificate"
    assert world.client("vp").get(path).status_code == 200
    assert problem(world.client("so").get(path)) == "EDX606"
    assert problem(world.client("vp").get(path, params={"recipient": "H53"})) == "EDX606"
    assert problem(world.client("vp").get(f"/v1/sent/{'0' * 64}/certificate")) == "EDX606"


def test_few_are_made_at_a_time(world: World) -> None:
    letter = world.letter()
    world.hand_in(letter)
    world.worker.number_journal()
    world.desk._certifying = 2
    try:
        assert problem(world.client("vp").get(f"/v1/sent/{digest(letter)}/certificate")) == "EDX626"
    finally:
        world.desk._certifying = 0
