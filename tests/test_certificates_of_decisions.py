"""Certificates that enclose by what a letter's signature was judged: rules in force, revocation lists and answers."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from edxml_router import pipeline
from edxml_router.core import pki
from edxml_router.core.asice import container
from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.credentials.keys import load_certificates
from edxml_router.demo.letters import Post
from edxml_router.services import trial_authority
from edxml_router.services.certificates import decisions, issuing, verifying
from edxml_router.services.certificates.issuing import CertificateOrder
from edxml_router.stages.acceptance.submission import Submission
from tests.test_witness import PROVINCE, Pair

SIGNER = "CN=H53,2.5.4.97=H53,O=edxml-router,C=VN"
BY_OPENSSL = "CN=H53,organizationIdentifier=H53,O=edxml-router,C=VN"


@dataclass
class Judged:
    """A letter that was accepted by what revocation lists said, and its certificate."""

    pair: Pair
    digest: str
    data: bytes = b""

    @property
    def pki(self) -> Path:
        return self.pair.tree.pki

    def make(self) -> bytes:
        return issuing.issue(self.pair.tree.settings(PROVINCE), CertificateOrder(self.digest))

    def verify(self, data: bytes) -> verifying.VerifiedCertificate:
        return verifying.verify(data, (self.pki / "anchors.pem").read_bytes(), now=datetime.now(UTC))

    def script(self, data: bytes) -> subprocess.CompletedProcess[str]:
        file, program = self.pair.tree.folder / "other.asice", self.pair.tree.folder / "verify.sh"
        file.write_bytes(data)
        program.write_bytes(verifying.script())
        command: list[str | Path] = [
            "env",
            "-i",
            "PATH=/usr/bin:/bin",
            "/bin/sh",
            program,
            file,
            self.pki / "anchors.pem",
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def files(self, data: bytes | None = None) -> dict[str, bytes]:
        return dict(container.read(data or self.data).files)

    def signed(self, files: Mapping[str, bytes], change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
        """Other files, and another statement, signed by the node."""
        chain = load_certificates(self.pki / f"{PROVINCE}.cert.pem")
        identity = issuing.identities.signing(self.pair.tree.settings(PROVINCE))  # type: ignore[attr-defined]
        said = json.loads(files["certificate.json"])
        change(said)
        files = {**files, "certificate.json": json.dumps(said).encode()}
        sign = identity.sign
        return container.sealed(
            container.signed(files, chain, datetime.now(UTC), lambda data: base64.b64decode(sign(data)))
        )


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    pair = Pair(tmp_path_factory.mktemp("judged") / "tree")
    node = pair.nodes[PROVINCE].node
    letter = Post(pair.tree.pki).document("H53", ["G22"], number=1, subject="V/v thử")
    [answer] = pipeline.accept(node, [Submission(MemoryBody(letter), f"vanthu-{PROVINCE}", "cli")])
    assert answer.accepted, answer.finding
    made = Judged(pair, answer.digest)
    made.data = made.make()
    yield made
    pair.stop()


def decision(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(container.read(data).files["certificate.json"])["decision"]
    return found


def test_the_lists_that_the_node_went_by_are_enclosed_and_proved_to_be_those(judged: Judged) -> None:
    files, told = judged.files(), decision(judged.data)
    entry = json.loads(files["entries/1.json"])
    assert told["rules"] == entry["facts"]["rules"]
    assert next((one["kind"], one["about"], one["file"]) for one in told["revocation"]) == (
        "list",
        SIGNER,
        "trust/revocation-1.crl",
    )
    assert RevocationList(files["trust/revocation-1.crl"]).signed_by(
        load_certificates(judged.pki / "issuing.cert.pem")[0]
    )
    assert {one["sha256"] for one in told["revocation"]} == set(told["trust"]["lists"])
    found = judged.verify(judged.data)
    assert any(f"certificate of {SIGNER}" in str(one) and "is not revoked" in str(one) for one in found.proved)
    assert any("went by when it accepted the letter" in str(one) for one in found.proved)
    done = judged.script(judged.data)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"does not name {BY_OPENSSL}" in done.stdout


def _swapped(files: dict[str, bytes]) -> dict[str, bytes]:
    one, other = "trust/revocation-1.crl", "trust/revocation-2.crl"
    return {**files, one: files[other], other: files[one]}


def _damaged(files: dict[str, bytes]) -> dict[str, bytes]:
    data = files["trust/revocation-1.crl"]
    return {**files, "trust/revocation-1.crl": data[:-1] + bytes([data[-1] ^ 1])}


def _digests_as_they_are(files: Mapping[str, bytes]) -> Callable[[dict[str, Any]], None]:
    def change(said: dict[str, Any]) -> None:
        for one in said["decision"]["revocation"]:
            data = files[one["file"]]
            one.update(sha256=hashes_of(data), size=len(data))

    return change


def hashes_of(data: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()


def of_a_stranger(judged: Judged, folder: Path) -> bytes:
    """A list of another authority of the same name, which names nobody."""
    other = pki.root(ec.generate_private_key(ec.SECP256R1()), "x", serial=1, at=datetime.now(UTC), days=9)
    name = load_certificates(judged.pki / "issuing.cert.pem")[0].subject
    now = datetime.now(UTC).replace(microsecond=0)
    made = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now)
    signed = made.next_update(now + timedelta(days=1)).sign(other.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def test_what_does_not_hold_is_refused(judged: Judged, tmp_path: Path) -> None:
    files = judged.files()
    assert judged.verify(judged.signed(files))
    stranger = {**files, "trust/revocation-1.crl": of_a_stranger(judged, tmp_path)}
    without = {name: one for name, one in files.items() if name != "trust/revocation-1.crl"}
    nobody = {name: one for name, one in files.items() if name != "trust/letter-signer.pem"}
    swapped, damaged = _swapped(files), _damaged(files)
    for code, changed, change in (
        ("EDX632", damaged, lambda _: None),
        ("EDX632", damaged, _digests_as_they_are(damaged)),
        ("EDX632", swapped, _digests_as_they_are(swapped)),
        ("EDX632", stranger, _digests_as_they_are(stranger)),
        ("EDX632", without, lambda _: None),
        ("EDX632", nobody, lambda _: None),
        ("EDX632", {**files, "trust/revocation-9.crl": b"x"}, lambda _: None),
        ("EDX632", files, lambda said: said["decision"]["revocation"][0].update(at="2026-01-01T00:00:00.000Z")),
        ("EDX632", files, lambda said: said["decision"]["revocation"][0].update(about="CN=other")),
        ("EDX657", files, lambda said: said["decision"]["rules"].update(trust="00" * 32)),
        ("EDX657", files, lambda said: said["decision"]["trust"]["lists"].pop()),
        ("EDX657", files, lambda said: said["decision"]["trust"].update(required=False)),
        ("EDX657", files, lambda said: said["decision"]["trust"].update(lists=["no hex"])),
        ("EDX657", files, lambda said: said.pop("decision")),
        ("EDX657", files, lambda said: said["envelope"]["signature"].update(reason="other")),
        ("EDX657", files, lambda said: said["envelope"]["signature"].update(signer=None)),
    ):
        data = judged.signed(changed, change)
        with pytest.raises(Refusal) as refused:
            judged.verify(data)
        assert refused.value.finding.code == code, refused.value.finding
    for changed in (damaged, stranger, nobody):
        assert judged.script(judged.signed(changed)).stderr.startswith("REFUSED: ")


def test_what_is_large_is_named_and_not_enclosed(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "ENCLOSED_MAX", 10)
    data = judged.make()
    assert not [name for name in judged.files(data) if name.startswith("trust/revocation")]
    told = decision(data)["revocation"]
    assert all(one["file"] is None and one["size"] > 10 for one in told)
    found = judged.verify(data)
    assert any(told[0]["sha256"] in str(one) and "Ask for it" in str(one) for one in found.not_proved)
    assert not any("is not revoked" in str(one) for one in found.proved)
    assert judged.script(data).returncode == 0


def answered(judged: Judged, revoked: datetime | None = None) -> bytes:
    """What the issuing authority itself answers about the sender's certificate."""
    key = serialization.load_pem_private_key((judged.pki / "issuing.key.pem").read_bytes(), None)
    about, by = (load_certificates(judged.pki / f"{name}.cert.pem")[0] for name in ("H53", "issuing"))
    at = datetime.now(UTC).replace(microsecond=0)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about,
        issuer=by,
        algorithm=hashes.SHA1(),  # noqa: S303  # names the issuer
        cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=at,
        next_update=at + timedelta(days=1),
        revocation_time=revoked,
        revocation_reason=None,
    )
    made = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)  # type: ignore[arg-type]


def test_an_answer_of_a_responder_is_enclosed_and_verified_by_both(judged: Judged, tmp_path: Path) -> None:
    config = judged.pair.tree.config(PROVINCE)
    before = config.read_text(encoding="utf-8")
    named = f'\n[[trust.ocsp]]\nurl = "http://127.0.0.1:9/"\nissuer = "{judged.pki}/issuing.cert.pem"\n'
    certificate = load_certificates(judged.pki / "H53.cert.pem")[0].public_bytes(serialization.Encoding.DER)
    config.write_text(before + named, encoding="utf-8")
    kept = judged.pair.tree.settings(PROVINCE).kept_answers
    try:
        for revoked in (None, datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)):
            row = decisions_row(certificate, answered(judged, revoked))
            kept.mkdir(parents=True, exist_ok=True)
            (kept / "answers").write_bytes(row)
            data = judged.make()
            told = decision(data)
            assert [one["kind"] for one in told["revocation"]] == ["list", "answer", "list"]
            assert told["trust"] is None  # the node goes by more than it did then
            found = [str(one) for one in judged.verify(data).proved if SIGNER in str(one)]
            assert any("is not revoked" in one for one in found)
            assert any("is revoked since" in one for one in found) is bool(revoked)
            done = judged.script(data)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"{'revoked' if revoked else 'good'} {BY_OPENSSL}" in done.stdout
    finally:
        config.write_text(before, encoding="utf-8")
        (kept / "answers").unlink()
    files = judged.files(data)
    damaged = files["trust/revocation-2.ocsp"]
    files["trust/revocation-2.ocsp"] = damaged[:-1] + bytes([damaged[-1] ^ 1])
    changed = judged.signed(files, _digests_as_they_are(files))
    with pytest.raises(Refusal) as refused:
        judged.verify(changed)
    assert refused.value.finding.code == "EDX632"


def decisions_row(certificate: bytes, answer: bytes) -> bytes:
    """A line of the file in which a node keeps answers."""
    parts = (datetime.now(UTC).isoformat().encode(), base64.b64encode(certificate), base64.b64encode(answer))
    return b" ".join(parts) + b"\n"


def test_a_list_of_later_tells_of_what_was_revoked_since(judged: Judged) -> None:
    """The last of these tests: the sender's certificate is revoked."""
    serial = f"{load_certificates(judged.pki / 'H53.cert.pem')[0].serial_number:x}"
    trial_authority.revoke(judged.pki, serial, datetime.now(UTC))
    data = judged.make()
    assert decision(data)["trust"] is None
    proved = [str(one) for one in judged.verify(data).proved]
    assert any(f"certificate of {SIGNER}" in one and "is revoked since" in one for one in proved)
    assert not any("went by" in one for one in proved)
    assert f"REVOKES {BY_OPENSSL}" in judged.script(data).stdout
