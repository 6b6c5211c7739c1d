"""``letter``: the node writes edXML for an office that gives plain values."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from edxml_router.credentials import keys
from tests.cli.conftest import OneNode, call, rows


@pytest.fixture
def sealed(node: OneNode, pki: Path) -> OneNode:
    """A node that holds the seal of H53."""
    seal = f'\n[[seals]]\nagency = "H53"\nkey = "{pki / "H53.key.pem"}"\ncertificate = "{pki / "H53.cert.pem"}"\n'
    with node.config.open("a", encoding="utf-8") as file:
        file.write(seal)
    return node


def draft(node: OneNode, **members: object) -> Path:
    path = node.folder / "draft.json"
    said = {
        "recipients": ["G22"],
        "number": "7",
        "notation": "UBND-VP",
        "subject": "V/v thử",
        "signer": {"name": "Nguyễn Văn Mẫu"},
    }
    path.write_text(json.dumps({**said, **members}), encoding="utf-8")
    return path


def test_a_letter_its_status_and_its_recall(sealed: OneNode, tmp_path: Path) -> None:
    file = tmp_path / "cong-van.pdf"
    file.write_bytes(b"%PDF-1.7")
    [written] = sealed.rows("letter", "write", "letter", draft(sealed), "--as", "vp", "--attach", file)
    assert written["submission"]["accepted"] and written["to_sign"] is None
    sealed.work()
    [lying] = sealed.rows("inbox", "--office", "vpcp")
    told = sealed.call("letter", "status", lying["letter"][:16], "01", "--as", "vpcp")
    assert told.exit_code == 0 and "waits for its signature" in told.stdout  # it has no seal here
    recall = ["letter", "recall", written["document_id"], "--as", "vp", "--reason", "nhầm"]
    assert "accepted" in sealed.call(*recall).stdout
    [recalled, first] = sealed.rows("sent", "--office", "vp")
    assert [recalled["envelope"]["business"], first["envelope"]["business"]] == [1, 0]
    assert sealed.call("letter", "recall", "nothing", "--as", "vp", "--reason", "nhầm").exit_code == 66


def test_all_mistakes_are_shown(sealed: OneNode) -> None:
    result = sealed.call("letter", "write", "letter", draft(sealed, number="", recipients=["H99.99"]), "--as", "vp")
    assert result.exit_code == 1
    assert "/number" in result.stderr and "/recipients/0" in result.stderr
    assert result.stderr.index("EDX501") >= 0
    told = sealed.call("letter", "write", "letter", draft(sealed, number=""), "--as", "vp", "--json")
    [refused] = rows(told)
    assert (refused["code"], [one["where"] for one in refused["problems"]]) == ("EDX431", ["/number"])
    assert sealed.call("letter", "write", "letter", draft(sealed), "--as", "nobody").exit_code == 1
    twice = ["--attach", draft(sealed), "--attach", draft(sealed)]
    assert sealed.call("letter", "write", "letter", draft(sealed), "--as", "vp", *twice).exit_code == 2


def test_an_office_signs_itself(node: OneNode, pki: Path, tmp_path: Path) -> None:
    wish = {"by": "office", "algorithm": "ecdsa-sha256"}
    [written] = node.rows("letter", "write", "letter", draft(node, signature=wish), "--as", "vp")
    waiting = written["to_sign"]
    assert written["submission"] is None
    key = keys.load_key(pki / "H53.key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    value = tmp_path / "value"
    value.write_bytes(b64encode(key.sign(b64decode(waiting["signed_info"]), ec.ECDSA(hashes.SHA256()))))
    sign = ["letter", "sign", waiting["name"], "--as", "vp", "--value", value, "--cert", pki / "H53.cert.pem"]
    [signed] = node.rows(*sign)
    assert signed["submission"]["accepted"]
    again = node.call(*sign)
    assert (again.exit_code, again.stderr[:6]) == (66, "EDX433")
    value.write_bytes(b"not base64!")
    assert node.call(*sign).stderr.startswith("EDX302")


def test_nobody_seals_without_a_seal(node: OneNode) -> None:
    result = node.call("letter", "write", "letter", draft(node, signature={"by": "seal"}), "--as", "vp")
    assert result.stderr.startswith("EDX432")


def test_examples_and_samples(tmp_path: Path) -> None:
    for kind in ("letter", "recall", "update", "replacement", "status"):
        assert json.loads(call("letter", "example", kind).stdout)
    assert call("letter", "samples", tmp_path / "samples").exit_code == 0
    found = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert len(found) == 13
    assert all(call("check", tmp_path / "samples" / name).exit_code == 0 for name in found)
