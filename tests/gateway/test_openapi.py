"""The description of the native interface is whole, and the gateway does what it says, whatever is sent to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.gateway.world import World

FILES = ("application/octet-stream", "application/vnd.etsi.asic-e+zip")  # have no examples
SETTINGS = 'longest_wait = "1ms"\nrequests = 1000000'


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[str, str]]]:
    with World(Path(tmp_path_factory.mktemp("openapi")), SETTINGS) as running:
        world = running
        world.hand_in(world.letter())
        world.work()
        yield world, {"authorization": f"Bearer {world.token('so')}"}


@pytest.fixture(scope="module")
def document(described: tuple[World, dict[str, str]]) -> dict[str, Any]:
    world, _ = described
    told: dict[str, Any] = world.client().get("/v1/openapi.json").json()
    return told


def test_every_call_answers_as_it_is_described(
    described: tuple[World, dict[str, str]], document: dict[str, Any]
) -> None:
    """No answer of 500, none that the description does not know, none of another shape."""
    world, headers = described
    tried = set()
    # It knows no way to write a part of an upload; what it sends instead has to be refused as it is described.
    known = json.loads(json.dumps(document).replace("application/partial-upload", "application/octet-stream"))
    for found in schemathesis.openapi.from_dict(known).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def hold(case: Any) -> None:
            case.call_and_validate(
                base_url=world.url,
                headers=headers,
                verify=str(world.pki / "anchors.pem"),
                # What is of the right form may still be no letter, and who calls is asked in another test.
                excluded_checks=[positive_data_acceptance, ignored_auth],
            )

        hold()
        tried.add(operation.label)
    assert "GET /v1/inbox" in tried


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_call_has_examples_and_tells_of_problems(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                examples = [content["example"]] if "example" in content else content.get("examples", {}).values()
                assert examples or kind in FILES, (name, status)
        if "requestBody" in operation:
            assert all(content["example"] for content in operation["requestBody"]["content"].values()), name
        if not name.endswith("/health"):
            assert any("application/problem+json" in one.get("content", {}) for one in operation["responses"].values())


def test_the_examples_are_what_their_schemas_say(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                examples = [content["example"]] if "example" in content else []
                examples += [one["value"] for one in content.get("examples", {}).values()]
                held = {**content["schema"], "components": document["components"]}
                for example in examples:
                    faults = [one.message for one in Draft202012Validator(held).iter_errors(example)]
                    assert not faults, (name, status, faults)
