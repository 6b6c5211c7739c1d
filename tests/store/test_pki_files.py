"""Keys, certificates and the small authority in files."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from edxml_router.core.problems import Refusal
from edxml_router.core.signature.by_signxml import verify
from edxml_router.core.signature.signing import sign_document
from edxml_router.core.trust.certificate import signer
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.safe_xml import parse
from edxml_router.credentials.keys import load_certificates, load_key, write_key, write_new
from edxml_router.services import trial_authority
from edxml_router.services.trial_authority import KeyType
from tests import certificates
from tests.certificates import NOW
from tests.fixtures import document


def refused(code: str, where: Path | None = None) -> pytest.RaisesExc[Refusal]:
    """Expect this problem, at this file."""
    place = str(where) if where else ""
    return pytest.RaisesExc(Refusal, check=lambda error: error.code == code and place in error.finding.where)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    trial_authority.init(tmp_path / "ca", NOW)
    return tmp_path / "ca"


def outcome(authority: Path, files: trial_authority.KeyFiles) -> str:
    """Sign with what was issued, verify with what is published: "ok" or the reason."""
    data = sign_document(document(), load_key(files.key), load_certificates(files.certificate))
    crls = [(authority / name).read_bytes() for name in ("root.crl.pem", "issuing.crl.pem")]
    store = TrustStore.from_pem(files.anchors.read_bytes(), crls=crls)
    return verify(data, parse(data), store, NOW).reason


# --- the authority -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_type", list(KeyType))
def test_what_is_issued_signs_and_is_trusted(authority: Path, key_type: KeyType) -> None:
    files = trial_authority.issue(authority, "H53.02", NOW, key_type)
    assert [path.name for path in (files.key, files.certificate, files.anchors)] == [
        "H53.02.key.pem",
        "H53.02.cert.pem",
        "anchors.pem",
    ]
    assert len(load_certificates(files.certificate)) == 2
    assert signer(load_certificates(files.certificate)[0]).agencies == ("H53.02",)
    assert isinstance(load_key(files.key), rsa.RSAPrivateKey if key_type is KeyType.RSA else ec.EllipticCurvePrivateKey)
    assert outcome(authority, files) == "ok"


def test_private_keys_are_private(authority: Path) -> None:
    files = trial_authority.issue(authority, "H53.02", NOW)
    for path in (files.key, authority / "root.key.pem", authority / "issuing.key.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.stat().st_mode) == 0o700


def test_revoking_takes_effect(authority: Path) -> None:
    files, other = (trial_authority.issue(authority, code, NOW) for code in ("H53.02", "H53.03"))
    serial = trial_authority.issued(authority)[0].serial
    assert trial_authority.revoke(authority, serial, NOW) == authority / "issuing.crl.pem"
    assert outcome(authority, files) == "certificate-revoked"
    assert outcome(authority, other) == "ok"
    trial_authority.publish(authority, NOW)  # nothing is forgotten in the next list
    assert outcome(authority, files) == "certificate-revoked"


def test_revoking_twice_keeps_the_first_date(authority: Path) -> None:
    trial_authority.issue(authority, "H53.02", NOW)
    serial = trial_authority.issued(authority)[0].serial
    for day in range(2):
        trial_authority.revoke(authority, serial, NOW + timedelta(days=day))
    assert trial_authority.issued(authority)[0].revoked == NOW.isoformat()


def test_nobody_is_revoked_whom_nobody_issued(authority: Path) -> None:
    with refused("EDX606"):
        trial_authority.revoke(authority, "abc", NOW)


def test_a_node_gets_a_certificate(authority: Path) -> None:
    files = trial_authority.issue_node(authority, "tay-ninh", NOW, ["tn.example.vn"])
    assert files.certificate.name == "tay-ninh.cert.pem"
    assert trial_authority.issued(authority)[0].name == "tay-ninh"


def test_nothing_is_overwritten(authority: Path) -> None:
    files = trial_authority.issue(authority, "H53.02", NOW)
    before = files.key.read_bytes()
    with refused("EDX908", files.key):
        trial_authority.issue(authority, "H53.02", NOW)
    with refused("EDX908"):
        trial_authority.init(authority, NOW)
    assert files.key.read_bytes() == before
    assert outcome(authority, files) == "ok"


@pytest.mark.parametrize("name", ["../H53", "H53/02", ".hidden", "", "root", "issuing", "a b", "x" * 99])
def test_names_must_be_fit_for_a_file(authority: Path, name: str) -> None:
    with refused("EDX503"):
        trial_authority.issue(authority, name, NOW)


def test_an_authority_is_needed(tmp_path: Path) -> None:
    with refused("EDX606"):
        trial_authority.issue(tmp_path, "H53", NOW)


def test_the_folder_must_be_possible(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refusal) as caught:
        trial_authority.init(tmp_path / "file" / "ca", NOW)
    assert (caught.value.code, caught.value.finding.where) == ("EDX908", str(tmp_path / "file" / "ca"))


def test_the_index_must_be_readable(authority: Path) -> None:
    (authority / trial_authority.ISSUED).mkdir()
    with refused("EDX902", authority / trial_authority.ISSUED):
        trial_authority.issued(authority)


# --- keys and certificates -----------------------------------------------------------------------------------


def pem(key: object, phrase: bytes | None = None) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    how = BestAvailableEncryption(phrase) if phrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def test_a_key_is_written_and_read(tmp_path: Path) -> None:
    for number, kind in enumerate(certificates.KEY_TYPES):
        path = tmp_path / f"{number}.pem"
        write_key(path, certificates.key(kind))
        assert pem(load_key(path)) == pem(certificates.key(kind))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    write_key(path, certificates.key())
    path.chmod(mode)
    with refused("EDX903", path):
        load_key(path)


def test_a_key_that_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    with pytest.raises(Refusal, match=r"EDX903.*not a regular file"):
        load_key(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_for_us_alone_is_taken(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    write_key(path, certificates.key())
    path.chmod(mode)
    assert load_key(path)


def test_a_key_of_another_account_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    write_key(path, certificates.key())
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:  # only root can give a file away, so here we are somebody else
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with refused("EDX903", path):
        load_key(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        pem(ec.generate_private_key(ec.SECP256R1()), b"phrase"),
        pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - weak on purpose
        pem(ec.generate_private_key(ec.SECP192R1())),
        certificates.ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificates.key().public_key().public_bytes(Encoding.PEM, certificates.SPKI),
    ],
    ids=["empty", "text", "phrase", "rsa-1024", "p-192", "ed25519", "public"],
)
def test_a_key_of_no_use_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key.pem"
    write_new(path, data, 0o600)
    with refused("EDX903", path):
        load_key(path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for load in (load_key, load_certificates):
        with refused("EDX902", tmp_path / "none.pem"):
            load(tmp_path / "none.pem")
    with refused("EDX902", tmp_path):
        load_key(tmp_path)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with refused("EDX908", tmp_path / "no" / "folder"):
        write_new(tmp_path / "no" / "folder", b"")
