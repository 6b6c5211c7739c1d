"""The stream engine by itself: what the comparison with other verifiers (tests/differential) would not meet."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.signature.by_stream import verify
from edxml_router.core.signature.form import SIGNATURE, Coverage
from edxml_router.core.signature.signing import sign_document
from edxml_router.core.signature.verdict import Verdict
from edxml_router.core.xml.safe_xml import Limits, parse
from edxml_router.core.xml.skeleton import LEAST_RUN_BYTES, Skeleton, scan
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import MORE, PARTS, WHOLE, Recipe
from tests.certificates import NOW
from tests.fixtures import File, document

TOKEN = "f00dcafe" * 4
DSIG11 = "http://www.w3.org/2009/xmldsig11#"
P256, P384 = "1.2.840.10045.3.1.7", "1.3.132.0.34"


def skeleton_of(source: Body) -> tuple[Skeleton, etree._Element]:
    skeleton = scan(source, Limits(), TOKEN)
    return skeleton, parse(skeleton.text)


def judged(data: bytes) -> Verdict:
    return verify(*skeleton_of(MemoryBody(data)), certificates.store(), NOW)


def code(data: bytes) -> str:
    finding = judged(data).finding
    return finding.code if finding else "passed"


def signed(data: bytes, coverage: Coverage = Coverage.WHOLE) -> bytes:
    return sign_document(data, certificates.key("p-256", "H53.02"), certificates.chain(), coverage)


@dataclass(frozen=True)
class Crumbs:
    """A source whose pieces end behind every carriage return, and one byte before it."""

    data: bytes
    held = None

    @property
    def size(self) -> int:
        return len(self.data)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        for line in self.data[start : self.size if stop is None else stop].splitlines(keepends=True):
            yield from filter(None, (line[:-2], line[-2:-1], line[-1:]))


@pytest.mark.parametrize("uris", [WHOLE, PARTS])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r", b"\r\r\n", b"\n\r"])
def test_line_ends_are_one_wherever_a_piece_ends(ending: bytes, uris: tuple[str, ...]) -> None:
    lines = base64.encodebytes(bytes(range(256)) * 400).replace(b"\n", ending).decode()
    data = craft.signed(document(ids=True, files=[File(encoded=lines)]), Recipe(uris=uris))
    skeleton, root = skeleton_of(Crumbs(data))
    assert len(skeleton.runs) == 1
    assert verify(skeleton, root, certificates.store(), NOW).reason == "ok"


@pytest.mark.parametrize("coverage", list(Coverage))
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "second", "third"])
def test_each_of_several_long_attachments_counts(place: int, coverage: Coverage) -> None:
    files = [File(f"cid:{number}", content=bytes([number]) * LEAST_RUN_BYTES) for number in range(3)]
    data = signed(document(files=files), coverage)
    skeleton, _ = skeleton_of(MemoryBody(data))
    assert len(skeleton.runs) == 3
    assert code(data) == "passed"
    middle = skeleton.runs[place].start + LEAST_RUN_BYTES // 2
    assert code(data[:middle] + b"/" + data[middle + 1 :]) == "EDX302"
    first, second = (skeleton.runs[number] for number in ((0, 1), (1, 2), (0, 2))[place])
    swapped = (
        data[: first.start]
        + data[second.start : second.stop]
        + data[first.stop : second.start]
        + data[first.start : first.stop]
        + data[second.stop :]
    )
    assert code(swapped) == "EDX302"


def test_the_signature_is_out_of_what_was_signed() -> None:
    verdict = judged(signed(document()))
    assert verdict.signed_root is not None
    assert next(verdict.signed_root.iter(SIGNATURE), None) is None


def rsa_value(kind: str = "rsa-2048", name: str = "H53.02") -> str:
    return craft.key_value(certificates.key(kind, name).public_key())


def ec_value(name: str = "H53.02", curve: str = P256) -> str:
    point = certificates.key("p-256", name).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return (
        f'<KeyValue><x:ECKeyValue xmlns:x="{DSIG11}"><x:NamedCurve URI="urn:oid:{curve}"/>'
        f"<x:PublicKey>{base64.b64encode(point).decode()}</x:PublicKey></x:ECKeyValue></KeyValue>"
    )


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("rsa-2048", rsa_value(), "passed"),
        ("rsa-2048", rsa_value("rsa-2048", "H41"), "EDX302"),
        ("rsa-2048", ec_value(), "EDX302"),
        ("rsa-2048", rsa_value() + rsa_value("rsa-2048", "H41"), "EDX302"),
        ("p-256", ec_value(), "passed"),
        ("p-256", ec_value("H41"), "EDX302"),
        ("p-256", ec_value(curve=P384), "EDX302"),
        ("p-256", rsa_value(), "EDX302"),
        ("p-256", "<KeyValue/>", "EDX320"),
    ],
)
def test_a_bare_key_must_be_the_certificates(kind: str, value: str, expected: str) -> None:
    chain = certificates.chain("H53.02", kind)
    recipe = Recipe(
        method=f"{MORE}{'rsa' if kind == 'rsa-2048' else 'ecdsa'}-sha256",
        key=certificates.key(kind, "H53.02"),
        chain=chain,
        key_info=f"<KeyInfo>{value}{craft.x509_data(*chain)}</KeyInfo>",
    )
    assert code(craft.signed(document(), recipe)) == expected


@pytest.mark.parametrize(("kind", "method"), [("p-256", "rsa-sha256"), ("rsa-2048", "ecdsa-sha256")])
def test_method_and_key_must_be_of_a_kind(kind: str, method: str) -> None:
    recipe = Recipe(
        method=MORE + method, key=certificates.key(kind, "H53.02"), chain=certificates.chain("H53.02", kind)
    )
    data = craft.signed(document(), recipe)
    verdict = judged(data)
    assert verdict.finding
    assert (verdict.finding.code, verdict.finding.detail) == (
        "EDX302",
        "SignatureMethod and key are of different kinds",
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<SignatureValue>", "<SignatureValue>="),
        ("</DigestValue>", "*</DigestValue>"),
        ("<Transforms>", "<Transforms>x"),
        ("<X509Data>", "<X509Data/><X509Data>"),
        ("<X509Data>", "<X509Data><X509IssuerSerial/>"),
        ("<X509Data>", '<X509Data x="1">'),
        ("<KeyInfo>", '<KeyInfo Id="1">'),
        ("<X509Data>", "<X509Data><X509SKI>?</X509SKI>"),
        (
            "<X509Data>",
            "<X509Data><X509IssuerSerial><X509IssuerName>CN=x</X509IssuerName>"
            "<X509SerialNumber>one</X509SerialNumber></X509IssuerSerial>",
        ),
    ],
)
def test_what_is_not_as_the_standard_has_it_is_refused(old: str, new: str) -> None:
    recipe = Recipe(edit=lambda made: made.replace(old, new, 1))
    data = craft.signed(document(), recipe)
    assert new.encode() in data
    assert code(data) == "EDX320"


def test_a_value_longer_than_the_key_is_broken() -> None:
    recipe = Recipe(edit=lambda made: made.replace("<SignatureValue>", "<SignatureValue>AAAA", 1))
    assert code(craft.signed(document(), recipe)) == "EDX302"


def test_names_beside_the_certificate_are_ignored() -> None:
    names = (
        "<X509IssuerSerial><X509IssuerName>CN=x</X509IssuerName><X509SerialNumber>12</X509SerialNumber>"
        "</X509IssuerSerial><X509SubjectName>CN=y</X509SubjectName><X509SKI>AAAA</X509SKI>"
    )
    recipe = Recipe(edit=lambda made: made.replace("<X509Data>", f"<KeyName>z</KeyName><X509Data>{names}", 1))
    assert code(craft.signed(document(), recipe)) == "passed"
