"""A letter that its office signs itself, in a second step: the key never comes to the node."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from edxml_router.core.problems import Refusal, Setback
from edxml_router.credentials import keys
from edxml_router.services import trial_authority
from edxml_router.services.letters import unsigned as waiting_letters
from edxml_router.services.letters.unsigned import UnsignedLetter
from edxml_router.services.trial_authority import KeyType
from tests.letters.conftest import Desk, letter


def draft(algorithm: str, **members: Any) -> dict[str, Any]:
    return letter(
        sender="G22",
        recipients=["H01.151"],
        signature={"by": "office", "algorithm": algorithm, **members},
    )


def ec_value(key: Any, waiting: UnsignedLetter) -> bytes:
    """As a token makes it: of the digest, in DER."""
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(waiting.digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def test_the_office_signs_and_the_letter_goes(desk: Desk, pki: Path) -> None:
    [one] = desk.compose("tinh", "letter", draft("ecdsa-sha256"), {"a.pdf": b"%PDF-1.7"})
    assert one.data is None and one.waiting is not None
    key, chain = keys.load_key(pki / "G22.key.pem"), keys.load_certificates(pki / "G22.cert.pem")
    now, limits = desk.node.now(), desk.settings.limits
    der = ec_value(key, one.waiting)
    signed = desk.unsigned.signed("tinh", one.waiting.name, der, chain, now, limits)
    r, s = utils.decode_dss_signature(der)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert desk.unsigned.signed("tinh", one.waiting.name, raw, chain, now, limits) == signed
    answer = desk.hand_in("tinh", signed)
    assert answer.accepted and answer.verdict is not None and answer.verdict.signer is not None
    [said] = desk.inbox("xa").values()
    assert (said.document_id, said.traces) == (one.envelope.document_id, one.envelope.traces)
    desk.unsigned.drop("tinh", one.waiting.name)
    with pytest.raises(Refusal, match="EDX433"):
        desk.unsigned.signed("tinh", one.waiting.name, der, chain, now, limits)
    [again] = desk.compose("tinh", "letter", draft("ecdsa-sha256"), {"a.pdf": b"%PDF-1.7"})
    assert again.data == signed  # it was accepted before: nothing is left to sign


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "rsa-sha512"])
def test_rsa_and_parts(desk: Desk, tmp_path: Path, algorithm: str) -> None:
    """With a key of the usual kind of token; that its authority is not trusted here is said when it is handed in."""
    now = desk.node.now()
    trial_authority.init(tmp_path / "other", now)
    trial_authority.issue(tmp_path / "other", "G22", now, key_type=KeyType.RSA)
    key = keys.load_key(tmp_path / "other/G22.key.pem")
    chain = keys.load_certificates(tmp_path / "other/G22.cert.pem")
    assert isinstance(key, rsa.RSAPrivateKey)
    [one] = desk.compose("tinh", "letter", draft(algorithm, coverage="parts"))
    hashed = {"rsa-sha256": hashes.SHA256(), "rsa-sha512": hashes.SHA512()}[algorithm]
    value = key.sign(one.waiting.digest, padding.PKCS1v15(), utils.Prehashed(hashed))
    signed = desk.unsigned.signed("tinh", one.waiting.name, value, chain, now, desk.settings.limits)
    answer = desk.hand_in("tinh", signed)
    assert answer.finding is not None and answer.finding.code == "EDX308"
    assert answer.verdict is not None and answer.verdict.algorithm == algorithm


def test_a_value_of_something_else_is_refused_and_the_letter_waits_on(desk: Desk, pki: Path) -> None:
    [one] = desk.compose("tinh", "letter", draft("ecdsa-sha256"))
    chain = keys.load_certificates(pki / "G22.cert.pem")
    others = keys.load_key(pki / "H01.key.pem")
    now, limits, name = desk.node.now(), desk.settings.limits, one.waiting.name
    assert isinstance(others, ec.EllipticCurvePrivateKey)
    for value in (ec_value(others, one.waiting), b"", b"x" * 64):
        with pytest.raises(Refusal, match="EDX302"):
            desk.unsigned.signed("tinh", name, value, chain, now, limits)
    [rsa_wanted] = desk.compose("tinh", "letter", draft("rsa-sha256"))
    with pytest.raises(Refusal, match="EDX302"):
        desk.unsigned.signed("tinh", rsa_wanted.waiting.name, b"x", chain, now, limits)
    key = keys.load_key(pki / "G22.key.pem")
    assert desk.unsigned.signed("tinh", name, ec_value(key, one.waiting), chain, now, limits)


def test_it_waits_for_its_own_office_and_for_a_day(desk: Desk, pki: Path) -> None:
    [one] = desk.compose("tinh", "letter", draft("ecdsa-sha256"))
    key, chain = keys.load_key(pki / "G22.key.pem"), keys.load_certificates(pki / "G22.cert.pem")
    value, now, limits = ec_value(key, one.waiting), desk.node.now(), desk.settings.limits
    for office, name, at in (
        ("xa", one.waiting.name, now),
        ("tinh", "00" * 32, now),
        ("tinh", f"../tinh/{one.waiting.name}", now),
        ("tinh", one.waiting.name, now + waiting_letters.LIFETIME + timedelta(seconds=1)),
    ):
        with pytest.raises(Refusal, match="EDX433"):
            desk.unsigned.signed(office, name, value, chain, at, limits)


def test_an_office_may_have_so_many_waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_letters, "MOST", 2)
    made = [desk.compose("tinh", "letter", draft("rsa-sha256") | {"number": number})[0] for number in ("1", "2")]
    with pytest.raises(Setback, match="EDX434"):
        desk.compose("tinh", "letter", draft("rsa-sha256") | {"number": "3"})
    old = (desk.node.now() - 2 * waiting_letters.LIFETIME).timestamp()
    [path] = desk.settings.node.data.rglob(f"{made[0].waiting.name}.edxml")
    os.utime(path, (old, old))
    assert desk.compose("tinh", "letter", draft("rsa-sha256") | {"number": "3"})  # what has run out makes room
    assert not path.exists()


def test_what_nobody_signs_is_swept_for_every_office(desk: Desk) -> None:
    """Also of an office that never leaves another letter here; and one half of a letter, which a crash has left."""
    [old] = desk.compose("tinh", "letter", draft("ecdsa-sha256"))
    folder = desk.settings.node.data / "unsigned" / "tinh"
    half = folder / f"{'a' * 64}.edxml"
    half.write_bytes(b"<")
    [fresh] = desk.compose("tinh", "letter", draft("rsa-sha256"))
    now = desk.node.now()
    past = (now - waiting_letters.LIFETIME - timedelta(seconds=1)).timestamp()
    for path in (half, *folder.glob(f"{old.waiting.name}.*")):
        os.utime(path, (past, past))
    (folder / "khac.txt").write_text("not ours", encoding="utf-8")
    assert desk.unsigned.sweep(now) == 2
    assert {path.stem for path in folder.iterdir()} == {fresh.waiting.name, "khac"}
    assert desk.unsigned.sweep(now) == 0
