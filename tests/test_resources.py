"""The data files are found where the program is installed."""

from __future__ import annotations

import pytest

from edxml_router.resources import folder, schema_file


def test_the_schemas_are_found() -> None:
    assert schema_file("edxml.receive.xsd").read_bytes().startswith(b"<?xml")
    assert {path.name for path in folder("schemas").iterdir()} == {"qcvn102-2016"}


def test_an_installation_without_data_says_so() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-folder"):
        folder("no-such-folder")
