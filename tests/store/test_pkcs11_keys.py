"""Keys in a token (SoftHSM): they sign as keys in files do, and never leave it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11.util.ec import encode_named_curve_parameters

from edxml_router.cli.main import cli
from edxml_router.config import ConfigErrors, load
from edxml_router.core import pki
from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.signature.by_signxml import verify
from edxml_router.core.signature.signing import sign_bytes, sign_document, verify_bytes
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.safe_xml import Limits, parse
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.credentials.token_keys import Key, open_key
from edxml_router.services import office, trial_authority
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.workshop import Workshop
from edxml_router.wiring import composition
from edxml_router.wiring.opening import node_of
from tests.fixtures import document

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
PIN = "123456"
KEYS = {"rsa-2048": 2048, "rsa-1024": 1024, "p-256": "secp256r1", "p-384": "secp384r1", "p-521": "secp521r1"}


class Token:
    """A token with a key of each kind, and how it is addressed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.module = next(path for path in MODULES if Path(path).exists())
        self.pin = folder / "token.pin"
        self.pin.touch(mode=0o600)
        self.pin.write_text(f"{PIN}\n")
        self.session = pkcs11.lib(self.module).get_token(token_label="router").open(rw=True, user_pin=PIN)
        for name, kind in KEYS.items():
            self.make(name, kind)

    def make(self, name: str, kind: int | str) -> None:
        if isinstance(kind, int):
            self.session.generate_keypair(pkcs11.KeyType.RSA, kind, store=True, label=name, id=name.encode())
            return
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(kind)}
        parameters = self.session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        parameters.generate_keypair(store=True, label=name, id=name.encode())

    def remove(self, name: str) -> None:
        for one in list(self.session.get_objects({pkcs11.Attribute.LABEL: name})):
            one.destroy()

    def address(self, path: str, query: str = "") -> str:
        return f"pkcs11:{path}?module-path={self.module}&pin-source={query or self.pin}"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)  # read once, when the module is loaded
    command = ["softhsm2-util", "--init-token", "--free", "--label", "router", "--pin", PIN, "--so-pin", "87654321"]
    subprocess.run(command, check=True, capture_output=True)
    yield Token(folder)
    os.environ.pop("SOFTHSM2_CONF")
    if before is not None:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    trial_authority.init(folder, datetime.now(UTC) - timedelta(days=1))
    return folder


def certified(authority: Path, key: Any) -> list[x509.Certificate]:
    issuer = pki.Issuer(load_key(authority / "issuing.key.pem"), load_certificates(authority / "issuing.cert.pem")[0])
    serial, at = x509.random_serial_number(), datetime.now(UTC)
    return [pki.agency(issuer, key.public_key(), ["H53"], serial=serial, at=at, days=9), issuer.certificate]


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256", "p-384", "p-521"])
def test_a_key_in_a_token_signs(token: Token, authority: Path, kind: str) -> None:
    key = open_key(token.address(f"token=router;object={kind}"))
    chain = certified(authority, key)
    signed = sign_document(document(sender="H53"), key, chain)
    trust = TrustStore.from_pem((authority / "anchors.pem").read_bytes())
    verdict = verify(signed, parse(signed, Limits()), trust, datetime.now(UTC))
    assert verdict.finding is None
    verify_bytes(chain[0], b"receipts", sign_bytes(key, b"receipts"))
    with pytest.raises(Refusal):
        verify_bytes(chain[0], b"others", sign_bytes(key, b"receipts"))


def test_a_key_is_found_by_its_id_and_the_serial_of_its_token(token: Token) -> None:
    [private] = token.session.get_objects(
        {pkcs11.Attribute.LABEL: "p-256", pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    )
    number = "".join(f"%{byte:02x}" for byte in private.id)
    serial = token.session.token.serial.decode()
    key = open_key(token.address(f"serial={serial};id={number};type=private"))
    assert key.public_key() == open_key(token.address("token=router;object=p-256")).public_key()
    assert isinstance(key.public_key(), ec.EllipticCurvePublicKey)


def test_a_node_signs_its_receipts_with_it(token: Token, authority: Path, tmp_path: Path) -> None:
    address = token.address("token=router;object=rsa-2048", "secrets/token.pin")  # beside the configuration
    (tmp_path / "secrets").mkdir()
    pin = tmp_path / "secrets" / "token.pin"
    pin.touch(mode=0o600)
    pin.write_text(PIN)
    key = open_key(address, tmp_path)
    assert isinstance(key.public_key(), rsa.RSAPublicKey)
    chain = certified(authority, key)
    (tmp_path / "node.cert.pem").write_bytes(write_pem(chain))
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nname = "h53"\nkey = "{address}"\ncertificate = "node.cert.pem"\n')
    call = CliRunner().invoke
    with composition.open_worker(_made(config)) as opened:
        assert opened.node.sign_receipts is not None
        verify_bytes(chain[0], b"receipts", b64decode(opened.node.sign_receipts(b"receipts")))
    shown = call(cli, ["--config", str(config), "doctor", "--json"]).output
    assert '"certificate"' in shown
    assert "EDX903" not in shown
    letter = tmp_path / "letter.edxml"
    letter.write_bytes(document(sender="H53"))
    key_file = token.address("token=router;object=rsa-2048")
    signing = ["sign", str(letter), "--key", key_file, "--cert", str(tmp_path / "node.cert.pem"), "-o"]
    assert call(cli, [*signing, str(tmp_path / "signed.edxml")]).exit_code == 0
    checking = ["check", "--require-signature", "--anchors", str(authority / "anchors.pem")]
    assert call(cli, [*checking, str(tmp_path / "signed.edxml")]).exit_code == 0
    config.write_text(config.read_text().replace("rsa-2048", "nobody"))
    with pytest.raises(ConfigErrors, match="EDX903"), composition.open_worker(load(config)):
        pass


def test_a_key_that_is_renewed_in_its_token_is_taken(token: Token, authority: Path, tmp_path: Path) -> None:
    """Under the same name: the change of the certificate's file tells of it."""
    address, certificate = token.address("token=router;object=renewed"), tmp_path / "node.cert.pem"
    config = tmp_path / "node.toml"
    config.write_text(f'[node]\nname = "h53"\nkey = "{address}"\ncertificate = "node.cert.pem"\n')
    token.make("renewed", 2048)
    before = certified(authority, open_key(address))
    certificate.write_bytes(write_pem(before))
    with composition.open_worker(_made(config)) as opened:
        token.remove("renewed")
        token.make("renewed", 2048)
        after = certified(authority, open_key(address))
        certificate.write_bytes(write_pem(after))
        for _ in range(2):  # a session that is closed logs the others of the process out: they come back
            assert opened.renew_credentials() == []
            assert opened.node.sign_receipts is not None
            verify_bytes(after[0], b"receipts", b64decode(opened.node.sign_receipts(b"receipts")))
            os.utime(certificate)
        token.remove("renewed")
        assert [finding.code for finding in opened.renew_credentials() or ()] == ["EDX903"]
        assert opened.signing is not None


def _made(config: Path) -> Any:
    assert CliRunner().invoke(cli, ["init", str(config.parent), "--name", "h53"]).exit_code == 0
    return load(config)


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("token=router;object=nobody", "EDX903", "no key of that name or id"),
        ("token=other;object=p-256", "EDX903", "no token of that name"),
        ("token=router;object=rsa-1024", "EDX903", "RSA of 2048 bits or more"),
        ("token=router", "EDX903", "object or id"),
        ("token=router;object=p-256;type=cert", "EDX903", "type is private"),
        ("token=router;object=p-256;object=p-384", "EDX903", "object"),
        ("manufacturer=x;object=p-256", "EDX903", "manufacturer"),
    ],
)
def test_what_does_not_lead_to_a_key(token: Token, path: str, code: str, said: str) -> None:
    with pytest.raises(Refusal, match=said) as caught:
        open_key(token.address(path))
    assert caught.value.code == code


def test_a_pin_is_a_secret(token: Token, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="pin-value") as caught:
        open_key(f"pkcs11:object=p-256?module-path={token.module}&pin-value={PIN}")
    assert PIN not in str(caught.value)
    readable = tmp_path / "open.pin"
    readable.write_text(PIN)
    readable.chmod(0o644)
    with pytest.raises(Refusal, match="0644"):
        open_key(token.address("token=router;object=p-256", str(readable)))
    with pytest.raises(Refusal, match="EDX902"):
        open_key(token.address("token=router;object=p-256", str(tmp_path / "none.pin")))
    wrong = tmp_path / "wrong.pin"
    wrong.touch(mode=0o600)
    wrong.write_text("654321")
    letter = tmp_path / "letter.edxml"
    letter.write_bytes(document(sender="H53"))
    key = token.address("token=router;object=p-256", str(wrong))
    command = [Path(sys.executable).with_name("edxml-router"), "sign", letter, "--key", key, "--cert", "x", "-o", "y"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # this process is logged in already
    assert (done.returncode, "the PIN is not the token's" in done.stderr) == (78, True)


def test_a_module_that_is_not_there(token: Token) -> None:
    with pytest.raises(Refusal, match="EDX904"):
        open_key("pkcs11:token=router;object=p-256?module-path=/nowhere/lib.so")


def test_python_pkcs11_is_optional(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(Refusal, match=r"edxml-router\[pkcs11\]") as caught:
        open_key(token.address("token=router;object=p-256"))
    assert caught.value.code == "EDX904"


@pytest.fixture
def passing(token: Token) -> Callable[[], Key]:
    """A key that a test may take away."""
    token.remove("passing")
    token.make("passing", "secp256r1")

    def opened() -> Key:
        key = open_key(token.address("token=router;object=passing"))
        assert isinstance(key, Key)
        return key

    return opened


def test_a_lost_session_is_opened_again(token: Token, passing: Callable[[], Key]) -> None:
    key = passing()
    key._session.close()
    assert key.sign_data(b"x", pki.hashes.SHA256())
    other = passing()  # logs in again, and out: which is for the whole process
    other.close()
    assert key.sign_data(b"x", pki.hashes.SHA256())


def test_a_key_that_is_gone_is_a_setback_until_it_is_back(token: Token, passing: Callable[[], Key]) -> None:
    key = passing()
    token.remove("passing")
    for _ in range(2):
        with pytest.raises(Setback) as caught:
            key.sign_data(b"x", pki.hashes.SHA256())
        assert caught.value.code == "EDX909"
    token.make("passing", "secp256r1")
    with pytest.raises(Setback, match="another key"):  # not the one that the certificate is for
        key.sign_data(b"x", pki.hashes.SHA256())


def test_a_seal_in_a_token_signs_an_offices_letters(token: Token, authority: Path, tmp_path: Path) -> None:
    address = token.address("token=router;object=p-256")
    (tmp_path / "seal.cert.pem").write_bytes(write_pem(certified(authority, open_key(address))))
    config = tmp_path / "node.toml"
    config.write_text(
        f"""
[node]
name = "tinh"
[trust]
anchors = "{authority / "anchors.pem"}"
[[offices]]
name = "vp"
agencies = ["H53"]
[[offices]]
name = "xa"
agencies = ["H01.151"]
[[seals]]
agency = "H53"
key = "{address}"
certificate = "seal.cert.pem"
""",
        encoding="utf-8",
    )
    settings = _made(config)
    draft = {"recipients": ["H01.151"], "number": "7", "notation": "UBND", "subject": "V/v", "signer": {"name": "A"}}
    with node_of(settings) as node:
        [made] = Workshop(settings).compose(node, "vp", Order("letter", json.dumps(draft).encode(), {}))
        assert made.data is not None
        [handed] = office.submit(node, "vp", ["one"], lambda *_: MemoryBody(made.data))
        assert handed.answer.accepted, handed.answer.finding
        assert handed.answer.verdict is not None
        assert str(handed.answer.verdict.indication) == "passed"
        [sealed] = node.ledger.views.lines(event="letter.sealed")
        assert sealed.entry.actor == "vp"
    token.make("weak", 1024)
    for wrong in ("weak", "nobody"):  # a key that may not sign, and one that is not there
        config.write_text(config.read_text(encoding="utf-8").replace("object=p-256", f"object={wrong}"), "utf-8")
        assert "EDX903" in CliRunner().invoke(cli, ["--config", str(config), "doctor", "--json"]).output
        config.write_text(config.read_text(encoding="utf-8").replace(f"object={wrong}", "object=p-256"), "utf-8")
