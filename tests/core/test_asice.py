"""Containers of evidence: one form of archive, manifest and signature, which other programs can read."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from edxml_router.core import pki
from edxml_router.core.asice import archive, cades, container, manifest
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import sign_bytes
from edxml_router.credentials.keys import write_key
from tests.certificates import KEY_TYPES, NOW, issuing, key, root, write_pem

EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))
FILES = {
    "certificate.json": b'{"format":"edxml-router/certificate/1"}' * 20,
    "certificate.html": "<!doctype html><title>Chứng thư</title>".encode() * 20,
    "entries/1.json": b'{"event":"envelope.accepted"}',
    "empty": b"",
}


def node(kind: str = "p-256") -> x509.Certificate:
    return _node(kind)


@cache
def _node(kind: str) -> x509.Certificate:
    public = key(kind, "node").public_key()
    return pki.node(issuing(), public, "tay-ninh", [], serial=4711, at=NOW, days=30)


def signed(kind: str = "p-256") -> dict[str, bytes]:
    chain = (node(kind), issuing().certificate)
    return container.signed(FILES, chain, NOW, lambda data: sign_bytes(key(kind, "node"), data))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.code


def test_an_archive_is_read_as_it_was_written_and_by_other_programs(tmp_path: Path) -> None:
    data = archive.write({"mimetype": b"text/plain", **FILES})
    assert list(archive.read(data).items()) == [("mimetype", b"text/plain"), *FILES.items()]
    assert data[30:48] == b"mimetypetext/plain"  # where `file` and others look for it
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.read("certificate.html") == FILES["certificate.html"]
    (tmp_path / "a.zip").write_bytes(data)
    subprocess.run(["unzip", "-tqq", tmp_path / "a.zip"], check=True)


def _central(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


def _local(data: bytes, name: bytes) -> int:
    return data.index(name) - 30


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _resealed(parts: list[tuple[bytes, bytes]], *, between: bytes = b"", flags: int = 0) -> bytes:
    """An archive of any members that is right in all that is not asked for."""
    body, directory, count = b"", b"", 0
    for name, content in [*parts, (b"META-INF/container.sha256", b"")]:
        sealing = name == b"META-INF/container.sha256"
        written = hashlib.sha256(body).hexdigest().encode() if sealing else content
        stored = sealing or name == b"mimetype"
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = written if stored else packer.compress(written) + packer.flush()
        method = 0 if stored else 8
        marks = 0 if sealing else flags
        shared = struct.pack("<4H3I", marks, method, 0, 33, zlib.crc32(written), len(packed), len(written))
        directory += b"PK\x01\x02" + struct.pack("<2H", 20, 20) + shared
        directory += struct.pack("<5H2I", len(name), 0, 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + struct.pack("<H", 20) + shared + struct.pack("<2H", len(name), 0) + name + packed
        body += b"" if sealing else between
        count += 1
    return body + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)


def test_what_the_tricks_are_made_of_is_an_archive() -> None:
    assert archive.read(_resealed([(b"mimetype", b"x"), (b"a", b"y")])) == {"mimetype": b"x", "a": b"y"}


TRICKS: dict[str, Callable[[bytes], bytes]] = {
    "two members of one name": lambda _: _resealed([(b"mimetype", b"x"), (b"a", b"y"), (b"a", b"z")]),
    "data between members": lambda _: _resealed([(b"mimetype", b"x"), (b"a", b"y")], between=b"hidden"),
    "encrypted": lambda _: _resealed([(b"mimetype", b"x"), (b"a", b"y")], flags=1),
    "a data descriptor": lambda _: _resealed([(b"mimetype", b"x"), (b"a", b"y")], flags=8),
    "a path upwards": lambda _: _resealed([(b"mimetype", b"x"), (b"../a", b"y")]),
    "a path from the root": lambda _: _resealed([(b"mimetype", b"x"), (b"/etc/a", b"y")]),
    "a hidden path upwards": lambda _: _resealed([(b"mimetype", b"x"), (b"a/../../b", b"y")]),
    "a folder": lambda _: _resealed([(b"mimetype", b"x"), (b"a/", b"")]),
    "a name with a line feed": lambda _: _resealed([(b"mimetype", b"x"), (b"a\nb", b"y")]),
    "no name": lambda _: _resealed([(b"mimetype", b"x"), (b"", b"y")]),
    "a comment": lambda data: data[:-2] + struct.pack("<H", 4) + b"more",
    "something before it": lambda data: b"#!/bin/sh\n" + data,
    "something behind it": lambda data: data + b"\0",
    "another archive behind it": lambda data: data + data,
    "another name in the directory": lambda data: _patched(data, data.rindex(b"certificate.json"), b"certificate.JSON"),
    "another time in the directory": lambda data: _patched(data, _central(data) + 12, b"\1\0"),
    "attributes of a link": lambda data: _patched(data, _central(data) + 38, b"\0\0\xff\xa1"),
    "one record fewer": lambda data: _patched(data, len(data) - 14, b"\5\0\5\0"),
    "ZIP64": lambda data: _patched(data, len(data) - 12, b"\xff\xff\xff\xff"),
    "sizes of ZIP64": lambda data: _patched(data, _local(data, b"certificate.json") + 18, b"\xff" * 8),
    "an extra field": lambda data: _patched(data, _local(data, b"certificate.json") + 28, b"\1\0"),
    "stored in the place of packed": lambda data: _patched(data, _local(data, b"certificate.json") + 8, b"\0\0"),
    "a larger size": lambda data: _patched(data, _local(data, b"certificate.json") + 22, b"\0\0\0\x01"),
    "too large by its own word": lambda data: _patched(data, _local(data, b"certificate.json") + 22, b"\0\0\0\x7f"),
    "no seal": lambda _: archive.write({"a": b"x"}).replace(archive.SEAL.encode(), b"META-INF/container.sha255"),
    "cut off": lambda data: data[: len(data) // 2],
    "nothing": lambda _: b"",
    "no members": lambda _: b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_with_archives_are_refused(trick: str) -> None:
    data = archive.write({"mimetype": b"text/plain", **FILES})
    assert code_of(lambda: archive.read(TRICKS[trick](data))) == "EDX653"


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive.write({"mimetype": b"x", "a": bytes(3_000_000), "b": bytes(3_000_000)})
    assert len(bomb) < 10_000
    monkeypatch.setattr(archive, "SIZE_MAX", 5_000_000)
    assert code_of(lambda: archive.read(bomb)) == "EDX653"
    assert code_of(lambda: archive.write({"a": bytes(5_000_001)})) == "EDX653"
    lying = _patched(bomb, _local(bomb, b"a") + 22, struct.pack("<I", 10))
    assert code_of(lambda: archive.read(lying)) == "EDX653"


def test_names_that_lead_elsewhere_are_not_written() -> None:
    for name in ("../a", "/a", "a//b", "a\\b", ".hidden", "a/", "", "ä", archive.SEAL, "a" * 70):
        assert code_of(lambda name=name: archive.write({name: b"x"})) == "EDX653"


def test_a_manifest_is_read_as_it_was_written_and_in_no_other_form() -> None:
    digests = {name: hashlib.sha256(content).digest() for name, content in FILES.items()}
    data = manifest.write("META-INF/signature001.p7s", manifest.SIGNATURE_TYPE, digests)
    found = manifest.read(data)
    assert (found.cover, found.kind, dict(found.digests)) == (
        "META-INF/signature001.p7s",
        manifest.SIGNATURE_TYPE,
        digests,
    )
    manifest.check(found, FILES)
    line = data.split(b"\n")[4]
    for other in (
        data.replace(b"\n", b"\r\n"),
        data.replace(line, line + b"\n" + line),
        data.replace(line, b"<!-- " + line + b" -->"),
        data.replace(b"xmlenc#sha256", b"xmlenc#sha512", 1),
        data.replace(b"</asic", b"<x/></asic"),
        data + b"<!-- more -->",
        b"\xef\xbb\xbf" + data,
        b"",
    ):
        assert code_of(lambda other=other: manifest.read(other)) == "EDX654"


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_signature_is_taken_by_openssl(kind: str, tmp_path: Path) -> None:
    data = b"a manifest"
    value = cades.write(
        data, (node(kind), issuing().certificate), NOW, lambda each: sign_bytes(key(kind, "node"), each)
    )
    read = cades.read(value)
    read.verify(data)
    assert (read.at, read.certificates) == (NOW, (node(kind), issuing().certificate))
    (tmp_path / "data").write_bytes(data)
    (tmp_path / "value").write_bytes(value)
    (tmp_path / "root.pem").write_bytes(write_pem([root().certificate]))
    told = subprocess.run(
        f"openssl cms -verify -cades -binary -inform DER -in value -content data -CAfile root.pem -purpose any "
        f"-attime {NOW.timestamp():.0f} -out /dev/null".split(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr.strip()) == (0, "CAdES Verification successful")


def test_a_signature_of_openssl_is_in_another_form(tmp_path: Path) -> None:
    """It is as good, and has attributes that are not used here: nothing is passed over."""
    (tmp_path / "node.pem").write_bytes(write_pem([node()]))
    write_key(tmp_path / "key.pem", key("p-256", "node"))
    (tmp_path / "data").write_bytes(b"x")
    named = ["-in", "data", "-signer", "node.pem", "-inkey", "key.pem", "-out", "value"]
    subprocess.run(
        ["openssl", "cms", "-sign", "-cades", "-binary", "-outform", "DER", *named], cwd=tmp_path, check=True
    )
    assert code_of(lambda: cades.read((tmp_path / "value").read_bytes())) == "EDX655"


def test_a_signature_is_over_one_text_and_by_one_key() -> None:
    value = cades.write(b"this", (node(),), NOW, lambda data: sign_bytes(key("p-256", "node"), data))
    assert code_of(lambda: cades.read(value).verify(b"that")) == "EDX655"
    strange = cades.write(b"this", (node(),), NOW, lambda data: sign_bytes(key("p-256", "other"), data))
    assert code_of(lambda: cades.read(strange).verify(b"this")) == "EDX655"
    for other in (b"", b"\x30\x00", value[:-1], value + b"\0", bytes(70_000)):
        assert code_of(lambda other=other: cades.read(other)) == "EDX655"


def test_a_container_is_read_as_it_was_written() -> None:
    for stamp in (None, b"a stamp"):
        members = signed()
        read = container.read(container.sealed(members, stamp))
        assert list(read.files.items()) == list(FILES.items())
        assert read.signature.certificates[0] == node()
        assert (read.stamp, read.stamped) == (stamp, container.to_stamp(members) if stamp else None)


CHANGES: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "a file changed": lambda files: {**files, "entries/1.json": b"{}"},
    "a file taken out": lambda files: {name: one for name, one in files.items() if name != "empty"},
    "a file put in": lambda files: {"mimetype": files["mimetype"], "other": b"x", **files},
    "a file behind the signature": lambda files: {**files, "other": b"x"},
    "a further manifest": lambda files: {**files, "META-INF/ASiCManifest003.xml": b"x"},
    "a manifest beside": lambda files: {**files, "META-INF/manifest.xml": b"x"},
    "a file renamed": lambda files: {name.replace("empty", "void"): one for name, one in files.items()},
    "two files exchanged": lambda files: {
        **files,
        "certificate.json": files["certificate.html"],
        "certificate.html": files["certificate.json"],
    },
    "another order": lambda files: {"mimetype": files["mimetype"], "empty": b"", **files},
    "mimetype not first": lambda files: {"certificate.json": files["certificate.json"], **files},
    "another mimetype": lambda files: {**files, "mimetype": b"application/zip"},
    "no mimetype": lambda files: {name: one for name, one in files.items() if name != "mimetype"},
    "no signature": lambda files: {name: one for name, one in files.items() if not name.endswith(".p7s")},
    "no manifest": lambda files: {name: one for name, one in files.items() if not name.endswith(".xml")},
    "a stamp without its manifest": lambda files: {**files, container.STAMP: b"x"},
    "a large stamp": lambda files: {
        **files,
        container.SECOND_MANIFEST: container.to_stamp(files),
        container.STAMP: bytes(70_000),
    },
    "a stamp's manifest of something else": lambda files: {
        **files,
        container.SECOND_MANIFEST: container.to_stamp({**files, container.SIGNATURE: b"x"}),
        container.STAMP: b"x",
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_were_changed_since_are_refused(change: str) -> None:
    """Whoever changes them writes the archive anew, with its seal."""
    data = archive.write(CHANGES[change](signed()))
    assert code_of(lambda: container.read(data)) == "EDX654"


def test_names_of_the_container_itself_are_not_for_files() -> None:
    for name in ("mimetype", "META-INF/other.xml"):
        members = {name: b"x"}
        assert code_of(lambda members=members: container.signed(members, (node(),), NOW, bytes)) == "EDX654"


def test_a_byte_changed_anywhere_is_found() -> None:
    data = container.sealed(signed(), b"a stamp")
    chosen = random.Random(7)  # noqa: S311  # a choice of tests
    for _ in range(2000 if EXHAUSTIVE else 200):
        at = chosen.randrange(len(data))
        other = _patched(data, at, bytes([data[at] ^ chosen.randrange(1, 256)]))
        assert code_of(lambda other=other: container.read(other)) in ("EDX653", "EDX654", "EDX655")


def test_a_signature_with_a_byte_changed_names_what_it_did_or_nothing() -> None:
    """Only the certificates above the signer's are signed by others than the node: their chain is judged elsewhere."""
    members = signed()
    value, covered = members[container.SIGNATURE], members[container.FIRST_MANIFEST]
    chosen = random.Random(8)  # noqa: S311  # as above
    for _ in range(2000 if EXHAUSTIVE else 100):
        at = chosen.randrange(len(value))
        other = _patched(value, at, bytes([value[at] ^ chosen.randrange(1, 256)]))
        try:
            read = cades.read(other)
            read.verify(covered)
        except Refusal as refusal:
            assert refusal.code == "EDX655"
        else:
            assert (read.certificates[0], read.at) == (node(), NOW)
            assert read.certificates[1] != issuing().certificate
