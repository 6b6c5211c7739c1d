"""A fault of this machine is never told as a fault of the message, which is judged when the machine is well."""

from __future__ import annotations

import errno
import importlib.resources
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router import resources
from edxml_router.core.faults import machine_fault, own_tools
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.signature import by_signxml
from edxml_router.core.signature.by_signxml import Indication
from edxml_router.core.xml import schema
from edxml_router.core.xml.safe_xml import parse
from tests.certificates import NOW, store
from tests.core.test_signature import signed
from tests.fixtures import document


@pytest.fixture
def schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """signxml's schemas in a folder that a test may spoil, not read yet."""
    folder = tmp_path / "schemas"
    shutil.copytree(str(importlib.resources.files("signxml.schemas")), folder)
    monkeypatch.setattr(by_signxml, "files", lambda _name: folder)
    by_signxml._schemas.cache_clear()
    yield folder
    by_signxml._schemas.cache_clear()


def missing(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


def half_written(folder: Path) -> None:
    for file in folder.glob("*.xsd"):
        file.write_bytes(file.read_bytes()[:2000])


def emptied(folder: Path) -> None:
    for file in folder.glob("*.xsd"):
        file.write_bytes(b"")


@pytest.mark.parametrize("spoil", [missing, half_written, emptied])
def test_while_an_upgrade_replaces_files_no_signature_is_broken(schemas: Path, spoil: object) -> None:
    data, good = signed(document()), schemas.with_name("good")
    shutil.copytree(schemas, good)
    spoil(schemas)  # type: ignore[operator]
    for bytes_ in (data, data.replace(b"12/UBND-VP", b"13/UBND-VP")):  # not even that of a letter that was altered
        with pytest.raises(Setback) as caught:
            by_signxml.verify(bytes_, parse(bytes_), store(), NOW)
        assert caught.value.finding.code == "EDX622"
    shutil.rmtree(schemas, ignore_errors=True)
    good.rename(schemas)
    assert by_signxml.verify(data, parse(data), store(), NOW).indication is Indication.PASSED


def test_the_schemas_do_not_depend_on_the_locale(schemas: Path) -> None:
    for file in schemas.glob("*.xsd"):  # a comment that no ASCII locale can read
        file.write_bytes(file.read_bytes().replace(b"<schema", "<!-- lược đồ --><schema".encode(), 1))
    data = signed(document())
    assert by_signxml.verify(data, parse(data), store(), NOW).indication is Indication.PASSED


def test_our_own_schema_missing_is_no_fault_of_the_structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_compiled", schema._Compiled())
    root = parse(document())
    with monkeypatch.context() as upgrading:
        upgrading.setattr(resources, "_PACKAGE", tmp_path / "edxml_router")
        with pytest.raises(Setback) as caught:
            schema.validate(root)
        assert caught.value.finding.code == "EDX622"
    schema.validate(root)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "", "/somewhere/xmldsig1-schema.xsd"), "xmldsig1-schema.xsd: Too many open files"),
        (OSError("failed to load"), "no reason was given"),
        (MemoryError(), "no memory is left"),
        (ModuleNotFoundError("no", name="signxml.schemas"), "signxml.schemas: a part of the installation is missing"),
        (LookupError("unknown encoding: utf-7"), "an encoding is missing in this Python"),
    ],
)
def test_what_only_a_machine_can_do_is_its_fault(error: Exception, words: str) -> None:
    fault = machine_fault(error, "judge")
    assert fault is not None
    assert (fault.finding.code, fault.finding.where, fault.finding.detail) == ("EDX622", "judge", words)


@pytest.mark.parametrize("error", [KeyError("x"), IndexError(), ValueError(), AttributeError(), RecursionError()])
def test_what_a_message_can_bring_about_is_not(error: Exception) -> None:
    assert machine_fault(error) is None


def test_a_refusal_inside_stays_one() -> None:
    with pytest.raises(Refusal), own_tools("schemas"):
        raise Refusal("EDX201")
