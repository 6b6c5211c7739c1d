"""A message of each kind, as the node writes it: valid in the strict form, and read back as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edxml_router.core.message import reader
from edxml_router.core.message.envelope import StatusCode
from edxml_router.core.problems import Refusal
from edxml_router.core.xml import safe_xml
from edxml_router.core.xml.schema import Profile, validate
from edxml_router.services import agencies
from edxml_router.services.letters import examples

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)


def test_there_is_a_message_of_every_kind_and_status_without_a_remark() -> None:
    found = dict(examples.messages(agencies.open_registry(None, None), NOW))
    kinds = {}
    for name, data in found.items():
        root = safe_xml.parse(data)
        validate(root, Profile.EMIT)
        reading = reader.read(root)
        assert not reading.remarks, name
        kinds[name] = reading.envelope
    assert {one.status_code for one in kinds.values() if one.status_code} == {code.value for code in StatusCode}
    assert {int(one.business) for one in kinds.values()} == {0, 1, 2, 3}
    first = kinds.pop("letter.edxml")
    assert all(first.document_id in one.refers_to for one in kinds.values())
    assert dict(examples.messages(agencies.open_registry(None, None), NOW)) == found  # the same every time


def test_an_unknown_kind_has_no_example() -> None:
    with pytest.raises(Refusal, match="EDX606"):
        examples.example_draft("telegram")
