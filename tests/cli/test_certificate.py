"""``certificate``: made by a node, verified without it, by the program and by the script of the shell alike."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.core.asice import archive, container
from edxml_router.core.delivery.journal import leaf_hash
from edxml_router.core.proof.checkpoint import cosign, read_head
from edxml_router.core.proof.note import NoteSigner, read_note
from edxml_router.core.proof.paths import root_by_inclusion
from edxml_router.core.proof.texts import read_entry_proof
from edxml_router.core.signature.signing import sign_bytes
from edxml_router.credentials import keys
from edxml_router.services import trial_authority
from edxml_router.services.certificates import verifying
from edxml_router.services.certificates.entries import PROOFS
from tests.cli.conftest import OneNode, call, run
from tests.cli.test_proofs import shell

EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))


@dataclass(frozen=True)
class Certified:
    """A node that can certify, and the certificate of a letter that was confirmed by one recipient."""

    node: OneNode
    digest: str
    data: bytes
    anchors: Path

    def make(self, *arguments: str | Path) -> bytes:
        output = self.node.folder / "made.asice"
        done = self.node.call("certificate", *arguments, "-o", output)
        assert done.exit_code == 0, done.output
        return output.read_bytes()

    def verify(self, data: bytes, *arguments: str | Path) -> dict[str, Any]:
        file = self.node.folder / "other.asice"
        file.write_bytes(data)
        done = call("certificate", "verify", file, "--anchors", self.anchors, *arguments, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        assert (done.exit_code == 0) is found["valid"]
        return found

    def script(self, data: bytes, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The shell's script, in an environment with nothing but where programs are."""
        file = self.node.folder / "other.asice"
        file.write_bytes(data)
        script = self.node.folder / "verify.sh"
        script.write_bytes(verifying.script())
        command = ["env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", script, file, self.anchors, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def refused(self, data: bytes) -> str:
        """The problem for which both refuse it."""
        found = self.verify(data)
        assert not found["valid"]
        done = self.script(data)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("REFUSED: ")
        assert not done.stdout
        code: str = found["problem"]["code"]
        return code

    def resigned(self, files: dict[str, bytes]) -> bytes:
        """Other files, as a node signs them that states what is not so."""
        folder = self.node.pki
        key, chain = keys.load_key(folder / "h53.key.pem"), keys.load_certificates(folder / "h53.cert.pem")
        members = container.signed(files, chain, datetime.now(UTC), lambda data: sign_bytes(key, data))
        return container.sealed(members)


def able(node: OneNode) -> OneNode:
    """The node with a key and a certificate."""
    if not (node.pki / "h53.key.pem").exists():
        trial_authority.issue_node(node.pki, "h53", datetime.now(UTC))
    text = node.config.read_text(encoding="utf-8")
    for name in ("key", "certificate"):
        file = node.pki / f"h53.{name[:4]}.pem" if name == "certificate" else node.pki / "h53.key.pem"
        text = re.sub(f'(?m)^#{name} = "node.*$', f'{name} = "{file}"', text, count=1)
    node.config.write_text(text, encoding="utf-8")
    return node


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, pki: Path) -> Iterator[Certified]:
    folder = tmp_path_factory.mktemp("certified")
    own = folder / "pki"
    shutil.copytree(pki, own)
    done = call("init", folder / "node", "--name", "h53")
    assert done.exit_code == 0, done.output
    node = OneNode(folder / "node", own)
    text = node.config.read_text(encoding="utf-8").replace('#anchors = "anchors.pem"', f'anchors = "{own}/anchors.pem"')
    offices = '[[offices]]\nname = "vp"\nagencies = ["H53"]\n[[offices]]\nname = "vpcp"\nagencies = ["G22", "H53.01"]\n'
    node.config.write_text(f"{text}\n{offices}", encoding="utf-8")
    able(node)
    digest = node.send("H53-1", ["G22", "H53.01"])
    node.send("H53-2", ["G22"])
    node.work()
    assert node.call("confirm", f"{digest}.G22").exit_code == 0
    made = Certified(node, digest, b"", own / "anchors.pem")
    yield Certified(node, digest, made.make("H53-1", "--recipient", "G22"), own / "anchors.pem")


def test_a_certificate_says_what_became_of_a_letter(certified: Certified) -> None:
    found = certified.verify(certified.data)
    said = found["certificate"]
    assert (said["envelope"]["digest"], said["envelope"]["document_id"]) == (certified.digest, "H53-1")
    assert [(one["recipient"], one["state"]) for one in said["deliveries"]] == [("G22", "confirmed")]
    events = [(one["event"], one["etsi_event"]) for one in said["entries"]]
    assert events[0] == ("envelope.accepted", "SubmissionAcceptance")
    assert events[-1] == ("delivery.confirmed", "ContentHandover")
    assert said["proved"] and said["not_proved"]
    assert found["signer"] == "CN=h53,O=edxml-router,C=VN"
    assert any("signed every file" in each for each in found["proved"])
    assert any("no time stamp" in each for each in found["not_proved"])
    assert any("SHA-256" in each for each in found["not_proved"])


def test_it_is_small_and_other_programs_open_it(certified: Certified) -> None:
    assert len(certified.data) <= 20_000
    with zipfile.ZipFile(io.BytesIO(certified.data)) as opened:
        names = opened.namelist()
        assert names[0] == "mimetype"
        assert opened.read("mimetype") == b"application/vnd.etsi.asic-e+zip"
        page = opened.read("certificate.html").decode()
        assert json.loads(opened.read("certificate.json"))["format"] == "edxml-router-certificate/1"
    assert "Chứng thư giao nhận" in page and "Certificate of delivery" in page and "H53-1" in page
    # The verdict's mark is in words, in both languages.
    assert "chưa kiểm tra chứng thư số có bị thu hồi hay không" in page
    assert "whether the certificate was revoked was not checked" in page and "revocation-unchecked" not in page
    assert "<script" not in page and "http" not in page.replace("https://c2sp.org", "")


def test_the_script_verifies_it_with_public_tools_only(certified: Certified) -> None:
    done = certified.script(certified.data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VERIFIED: ")
    assert "signed by: CN=h53,O=edxml-router,C=VN" in done.stdout
    assert "delivery.confirmed  G22" in done.stdout
    assert "- when: there is no time stamp" in done.stdout


def test_openssl_verifies_the_signature_by_itself(certified: Certified, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(certified.data)) as opened:
        opened.extractall(tmp_path)
    given = ["-in", container.SIGNATURE, "-content", container.FIRST_MANIFEST, "-CAfile", certified.anchors]
    told = subprocess.run(
        [
            "openssl",
            "cms",
            "-verify",
            "-cades",
            "-binary",
            "-inform",
            "DER",
            *given,
            "-purpose",
            "any",
            "-out",
            "signed",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr.strip()) == (0, "CAdES Verification successful")


def test_people_are_told_in_their_language(certified: Certified, tmp_path: Path) -> None:
    file = tmp_path / "c.asice"
    file.write_bytes(certified.data)
    done = run("certificate", "verify", file, "--anchors", certified.anchors, "--lang", "vi")
    assert done.returncode == 0, done.stderr
    assert "Những điều được chứng minh" in done.stdout
    assert "Những điều không được chứng minh" in done.stdout
    assert "signed" not in done.stdout


def test_all_recipients_stand_in_one_certificate_and_the_letter_beside_them(certified: Certified) -> None:
    data = certified.make(certified.digest[:16], "--with-letter")
    found = certified.verify(data)
    assert {one["recipient"]: one["state"] for one in found["certificate"]["deliveries"]} == {
        "G22": "confirmed",
        "H53.01": "available",
    }
    letter = container.read(data).files["letter.edxml"]
    assert letter == (certified.node.folder / "H53-1.edxml").read_bytes()
    assert any("byte for byte" in each for each in found["proved"])
    assert certified.script(data).returncode == 0
    assert b"BEGIN CERTIFICATE" in container.read(data).files["trust/letter-signer.pem"]


def test_anchors_of_others_prove_nothing(certified: Certified, tmp_path: Path) -> None:
    trial_authority.init(tmp_path / "other", datetime.now(UTC))
    other = Certified(certified.node, certified.digest, certified.data, tmp_path / "other" / "anchors.pem")
    assert other.refused(certified.data) == "EDX655"


def test_a_revoked_node_is_refused(certified: Certified, tmp_path: Path) -> None:
    own = tmp_path / "pki"
    shutil.copytree(certified.node.pki, own)
    lists = ["--crl", own / "issuing.crl.pem", "--crl", own / "root.crl.pem"]
    told = certified.verify(certified.data, *lists)["not_proved"]
    assert not any("revoked" in each for each in told)
    serial = f"{keys.load_certificates(own / 'h53.cert.pem')[0].serial_number:x}"
    trial_authority.revoke(own, serial, datetime.now(UTC))
    assert certified.verify(certified.data, *lists)["problem"]["code"] == "EDX655"


def test_what_cannot_be_certified_is_said(certified: Certified, node: OneNode) -> None:
    output = node.folder / "x.asice"
    digest = node.send("H53-1", ["G22"])
    assert node.call("certificate", digest, "-o", output).exit_code == 1
    assert "EDX658" in node.call("certificate", digest, "-o", output).stderr
    able(node)
    assert node.call("certificate", "H53-9", "-o", output).exit_code == 66
    assert node.call("certificate", digest, "--recipient", "H53.01", "-o", output).exit_code == 66
    assert not output.exists()
    assert node.call("certificate", "issue", digest, "-o", output).exit_code == 0
    assert certified.verify(output.read_bytes())["valid"]


# --- what was changed since ---


def rezipped(members: dict[str, bytes]) -> bytes:
    """As a ZIP library writes it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return target.getvalue()


Change = Callable[[dict[str, bytes], random.Random], dict[str, bytes]]


def _byte(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    # Certificates above the signer's in the signature are others' word: what is changed there breaks the chain.
    name = chosen.choice([name for name, content in members.items() if content])
    content = bytearray(members[name])
    content[chosen.randrange(len(content))] ^= chosen.randrange(1, 256)
    return {**members, name: bytes(content)}


def _removed(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    gone = chosen.choice(list(members))
    return {name: content for name, content in members.items() if name != gone}


def _added(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    name = chosen.choice(["note.txt", "entries/99.json", "META-INF/x.p7s", "META-INF/ASiCManifest009.xml", "trust/x"])
    listed = list(members.items())
    listed.insert(chosen.randrange(len(listed) + 1), (name, chosen.randbytes(20)))
    return dict(listed)


def _exchanged(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    while True:
        one, other = chosen.sample(list(members), 2)
        if members[one] != members[other]:
            return {**members, one: members[other], other: members[one]}


def _renamed(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    old = chosen.choice(list(members))
    return {("x" + name if name == old else name): content for name, content in members.items()}


def _moved(members: dict[str, bytes], chosen: random.Random) -> dict[str, bytes]:
    names = list(members)
    at = chosen.randrange(len(names) - 1)
    names[at], names[at + 1] = names[at + 1], names[at]
    return {name: members[name] for name in names}


CHANGES: tuple[Change, ...] = (_byte, _removed, _added, _exchanged, _renamed, _moved)


def test_bytes_that_were_changed_are_refused_by_both(certified: Certified) -> None:
    data, chosen = certified.data, random.Random(1)  # noqa: S311  # a choice of tests
    for number in range(1000 if EXHAUSTIVE else 200):
        at = chosen.randrange(len(data))
        other = data[:at] + bytes([data[at] ^ chosen.randrange(1, 256)]) + data[at + 1 :]
        if EXHAUSTIVE or number < 12:
            assert certified.refused(other)
        else:
            with pytest.raises(verifying.Refusal):
                verifying.verify(other, certified.anchors.read_bytes(), now=datetime.now(UTC))


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_were_changed_are_refused_by_both(certified: Certified, change: Change) -> None:
    """Packed again by a ZIP library, and as a node packs them."""
    members, chosen = archive.read(certified.data), random.Random(change.__name__)  # noqa: S311  # as above
    for number in range(85 if EXHAUSTIVE else 2):
        changed = change(members, chosen)
        assert certified.refused(archive.write(changed)) in ("EDX653", "EDX654", "EDX655")
        if EXHAUSTIVE or number == 0:
            assert certified.refused(rezipped(changed)) == "EDX653"


def test_what_a_zip_library_packed_again_is_refused_though_nothing_was_changed(certified: Certified) -> None:
    assert certified.refused(rezipped(archive.read(certified.data))) == "EDX653"


def test_tricks_with_archives_are_refused_by_both(certified: Certified) -> None:
    data = certified.data
    local, central = data.index(b"certificate.json") - 30, data.rindex(b"certificate.json") - 46
    end = data.rindex(b"PK\x05\x06")
    for other in (
        data[:-2] + b"\x04\x00more",  # a comment
        b"#!" + data,
        data + b"\x00",
        data[:central] + data[central:].replace(b"certificate.json", b"certificate.jsom", 1),
        data[:local] + data[local:].replace(b"certificate.json", b"certificate.jsom", 1),
        data[: local + 6] + b"\x01\x00" + data[local + 8 :],  # encrypted
        data[: central + 38] + b"\x00\x00\xff\xa1" + data[central + 42 :],  # a symbolic link
        data[: end + 16] + b"\xff\xff\xff\xff" + data[end + 20 :],  # ZIP64
        data[: len(data) // 2],
        b"",
    ):
        assert certified.refused(other) == "EDX653"


# --- what a node states falsely ---


def contents(certified: Certified) -> dict[str, bytes]:
    return dict(container.read(certified.data).files)


def stated(certified: Certified, change: Callable[[dict[str, Any]], None]) -> bytes:
    files = contents(certified)
    said = json.loads(files["certificate.json"])
    change(said)
    files["certificate.json"] = json.dumps(said).encode()
    return certified.resigned(files)


def test_a_false_entry_is_refused_by_both(certified: Certified) -> None:
    files = contents(certified)
    assert certified.verify(certified.resigned(files))["valid"]
    proofs = files[PROOFS].split(b"\n\n", len([name for name in files if name.startswith("entries/")]))
    last = max(int(name[8:-5]) for name in files if name.startswith("entries/") and name.endswith(".json"))
    for change in (
        {f"entries/{last}.json": files[f"entries/{last}.json"].replace(b"confirmed", b"returned ")},
        {f"entries/{last}.json": files["entries/1.json"]},
        {PROOFS: b"\n\n".join((*proofs[:-2], proofs[0], proofs[-1]))},
        {PROOFS: b"\n\n".join((proofs[1], proofs[0], *proofs[2:]))},
        {PROOFS: b"\n\n".join((proofs[0].replace(b"index ", b"index 1"), *proofs[1:]))},
        {PROOFS: b"\n\n".join((proofs[0] + b"\n" + proofs[0].rpartition(b"\n")[2], *proofs[1:]))},
        {PROOFS: b"\n\n".join(proofs[1:])},
        {PROOFS: b"\n\n".join((proofs[0], *proofs))},
        {PROOFS: b"\n\n".join((*proofs[:-1], b""))},
        {PROOFS: b""},
    ):
        assert certified.refused(certified.resigned({**files, **change})) == "EDX656"
    for left_out in (PROOFS, "entries/1.json", f"entries/{last}.json"):
        without = {name: one for name, one in files.items() if name != left_out}
        assert certified.refused(certified.resigned(without)) == "EDX656"


def test_the_documented_shell_takes_the_proof_of_an_entry_out(certified: Certified, tmp_path: Path) -> None:
    files = contents(certified)
    for name in [one for one in files if one.startswith("entries")]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(files[name])
    subprocess.run(["sh", "-ec", shell("second.tlog-proof")], cwd=tmp_path, check=True)
    place, path, note = read_entry_proof((tmp_path / "second.tlog-proof").read_bytes())
    head = read_head(read_note(note).text)
    assert root_by_inclusion(leaf_hash(files["entries/2.json"]), place, head.size, path) == head.root


def test_a_false_statement_is_refused(certified: Certified) -> None:
    def code(change: Callable[[dict[str, Any]], None]) -> str:
        found: str = certified.verify(stated(certified, change))["problem"]["code"]
        return found

    assert code(lambda said: said["deliveries"][0].update(state="returned")) == "EDX657"
    assert code(lambda said: said["deliveries"][0].update(recipient="H53.01")) == "EDX657"
    assert code(lambda said: said["deliveries"].clear()) == "EDX657"
    assert code(lambda said: said["envelope"].update(digest="00" * 32)) == "EDX657"
    assert code(lambda said: said["entries"][-1].update(at="2020-01-01T00:00:00.000Z")) == "EDX657"
    assert code(lambda said: said["entries"].pop()) == "EDX657"
    assert code(lambda said: said.update(with_letter=True)) == "EDX657"
    assert code(lambda said: said.update(format="edxml-router-certificate/9")) == "EDX657"
    assert code(lambda said: said.pop("envelope")) == "EDX657"
    assert code(lambda said: said.update(deliveries=None)) == "EDX657"


def test_another_letter_is_refused(certified: Certified) -> None:
    files = dict(container.read(certified.make("H53-1", "--with-letter")).files)
    files["letter.edxml"] += b"\n"
    assert certified.verify(certified.resigned(files))["problem"]["code"] == "EDX657"


def test_the_script_is_printed(certified: Certified, tmp_path: Path) -> None:
    assert call("certificate", "script").stdout.startswith("#!/bin/sh\n")
    assert call("certificate", "script", "-o", tmp_path / "v.sh").exit_code == 0
    usage = subprocess.run(["/bin/sh", tmp_path / "v.sh"], capture_output=True, text=True, check=False)
    assert usage.returncode == 2 and "ANCHORS.pem" in usage.stderr


# --- journals, witnesses and stamps that the reader knows ---

STAMPING = """[tsa]
default_tsa=one
[one]
serial=serial
signer_cert=tsa.pem
certs=ca.pem
signer_key=tsa.key
signer_digest=sha256
default_policy=1.2.3.4.1
digests=sha256
accuracy=secs:1
ordering=no
tsa_name=no
ess_cert_id_alg=sha256
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
[leaf]
extendedKeyUsage=critical,timeStamping
keyUsage=critical,digitalSignature
[req]
distinguished_name=dn
[dn]
"""


def openssl(folder: Path, line: str) -> None:
    subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)


def stamped(data: bytes, folder: Path) -> bytes:
    """A time stamp over these bytes by an authority of openssl's, whose root is ca.pem."""
    (folder / "stamping.cnf").write_text(STAMPING)
    (folder / "serial").write_text("01\n")
    (folder / "data").write_bytes(data)
    new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config stamping.cnf"
    openssl(folder, f"req -x509 {new} -keyout ca.key -out ca.pem -days 30 -subj /CN=Stamps -extensions ca")
    openssl(folder, f"req {new} -keyout tsa.key -out tsa.csr -subj /CN=Stamp")
    openssl(
        folder,
        "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out tsa.pem "
        "-extfile stamping.cnf -extensions leaf",
    )
    openssl(folder, "ts -query -data data -sha256 -cert -out query")
    openssl(folder, "ts -reply -config stamping.cnf -queryfile query -out reply")
    openssl(folder, "ts -reply -config stamping.cnf -in reply -token_out -out token")
    return (folder / "token").read_bytes()


def test_a_time_stamp_is_verified_by_the_script_and_said_to_be_there(certified: Certified, tmp_path: Path) -> None:
    members = archive.read(certified.data)
    token = stamped(container.to_stamp(members), tmp_path)
    data = container.sealed(members, token)
    assert len(data) <= 20_000
    done = certified.script(data, tmp_path / "ca.pem")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"existed at: [A-Z][a-z]{2} +[0-9]+ .* GMT \(time stamp\)", done.stdout)
    assert "- when" not in done.stdout
    assert "no anchor for it was given" in certified.script(data).stdout
    assert any("unless the time stamp" in each for each in certified.verify(data)["not_proved"])
    # One that is over something else, of another authority, or damaged.
    other = container.sealed(members, stamped(b"something else", tmp_path))
    assert "REFUSED: the time stamp" in certified.script(other, tmp_path / "ca.pem").stderr
    assert certified.script(data, tmp_path / "ca.pem").returncode == 1  # the authority was made anew
    broken = container.sealed(members, token[:-1] + bytes([token[-1] ^ 1]))
    assert certified.script(broken, tmp_path / "ca.pem").returncode == 1


def test_keys_of_journals_that_the_reader_knows_are_compared(certified: Certified, tmp_path: Path) -> None:
    own = container.read(certified.data).files["trust/log.vkey"].decode().strip()
    other = NoteSigner(own.partition("+")[0], Ed25519PrivateKey.generate()).verifier.text
    keys_file = tmp_path / "keys"
    keys_file.write_text(f"# known\n{own}\n")
    assert certified.verify(certified.data, "--key", own)["valid"]
    assert certified.script(certified.data, "-", keys_file).returncode == 0
    keys_file.write_text(f"{other}\n")
    assert certified.verify(certified.data, "--key", other)["problem"]["code"] == "EDX656"
    assert "is not the one" in certified.script(certified.data, "-", keys_file).stderr


def test_a_witness_that_the_reader_knows_is_named(certified: Certified, tmp_path: Path) -> None:
    files = contents(certified)
    witness = NoteSigner("edxml-router/quoc-gia", Ed25519PrivateKey.generate())
    checkpoint = files[PROOFS].split(b"\n\n", len([name for name in files if name.startswith("entries/")]))[-1]
    signature = cosign(witness, read_note(checkpoint).text, datetime.now(UTC)).line.encode()

    def proved(line: bytes) -> bytes:
        return certified.resigned({**files, PROOFS: files[PROOFS] + line})

    key = witness.verifier.cosigner.text
    keys_file = tmp_path / "keys"
    keys_file.write_text(f"{key}\n")
    found = certified.verify(proved(signature), "--key", key)
    assert any("edxml-router/quoc-gia" in each for each in found["proved"])
    assert "witnessed by: edxml-router/quoc-gia" in certified.script(proved(signature), "-", keys_file).stdout
    false = cosign(witness, "edxml-router/other\n1\nAAAA\n", datetime.now(UTC)).line.encode()
    assert certified.verify(proved(false), "--key", key)["problem"]["code"] == "EDX656"
    assert "is false" in certified.script(proved(false), "-", keys_file).stderr
    assert any("no witness" in each for each in certified.verify(proved(signature))["not_proved"])
