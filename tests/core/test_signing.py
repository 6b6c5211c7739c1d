"""Signing: what is written, what is refused, and that an independent program agrees in both directions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.signature.by_signxml import Coverage, Indication, verify
from edxml_router.core.signature.signing import sign_bytes, sign_document, verify_bytes
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.xml.safe_xml import Limits, parse
from edxml_router.core.xml.schema import validate
from tests import certificates
from tests.attacks.signature import craft
from tests.certificates import KEY_TYPES, NOW
from tests.fixtures import DSIG, NS, File, document, recall, status

FORMS = list(Coverage)
SIGNED_PARTS = ("MessageHeader", "edXMLBody", "AttachmentEncoded")


def signed(data: bytes, coverage: Coverage = Coverage.WHOLE, kind: str = "p-256") -> bytes:
    return sign_document(data, certificates.key(kind, "H53.02"), certificates.chain("H53.02", kind), coverage)


def refused(data: bytes, coverage: Coverage = Coverage.WHOLE) -> str:
    with pytest.raises(Refusal) as caught:
        signed(data, coverage)
    return caught.value.code


# --- what is written -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", FORMS)
def test_the_signature_stands_after_the_trace_list(coverage: Coverage) -> None:
    header = parse(signed(document(), coverage)).find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
    assert [etree.QName(item).localname for item in header] == ["MessageHeader", "TraceHeaderList", "Signature"]


def test_a_status_has_it_after_the_message_header() -> None:
    header = parse(signed(status())).find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
    assert [etree.QName(item).localname for item in header] == ["MessageHeader", "Signature"]


def test_the_rest_of_the_message_stays_as_it_was() -> None:
    """But for the two ways of writing an empty element, which mean the same."""
    plain = document().replace(b"<edXML:Fax></edXML:Fax>", b"<edXML:Fax/>")
    data = signed(plain)
    begin = data.index(b"<Signature")
    end = data.index(b"</Signature>") + len(b"</Signature>")
    assert data[:begin] + data[end:] == plain.rstrip(b"\n")


def test_parts_keep_ids_that_are_there_and_get_those_that_are_missing() -> None:
    data = document(ids=True).replace(b' Id="body"', b"")
    root = parse(signed(data, Coverage.PARTS))
    ids = [next(root.iter(f"{{{NS}}}{name}")).get("Id") for name in SIGNED_PARTS]
    assert ids == ["header", "edXMLBody", "attachments"]
    uris = [item.get("URI") for item in root.iter(f"{{{DSIG}}}Reference")]
    assert uris == ["#header", "#edXMLBody", "#attachments"]


def test_the_whole_gets_no_ids() -> None:
    assert b"Id=" not in signed(document())


@pytest.mark.parametrize("coverage", FORMS)
@pytest.mark.parametrize("build", [document, status])
def test_the_schema_accepts_it(build: Callable[[], bytes], coverage: Coverage) -> None:
    validate(parse(signed(build(), coverage)))


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256"])
def test_signing_twice_gives_the_same_bytes(kind: str) -> None:
    assert signed(document(), kind=kind) == signed(document(), kind=kind)


def test_the_certificates_go_along_the_leaf_first() -> None:
    root = parse(signed(document()))
    signature = form.read(root)
    assert signature
    assert signature.certificates == tuple(item.public_bytes(Encoding.DER) for item in certificates.chain())


# --- what is refused -----------------------------------------------------------------------------------------


def test_not_signed_twice() -> None:
    assert refused(signed(document())) == "EDX304"


def test_not_beside_a_legacy_signature() -> None:
    assert refused(document(signature="<Signature/>")) == "EDX304"


def test_a_recall_is_not_signed_by_parts() -> None:
    assert refused(recall(), Coverage.PARTS) == "EDX303"
    assert signed(recall(), Coverage.WHOLE)


def test_equal_ids_are_not_signed() -> None:
    data = document(ids=True).replace(b'Id="body"', b'Id="header"')
    assert refused(data, Coverage.PARTS) == "EDX312"


def test_not_without_a_message_header() -> None:
    header = f"<edXML xmlns='{NS}'><edXMLEnvelope><edXMLHeader/></edXMLEnvelope></edXML>"
    assert refused(header.encode()) == "EDX202"


def test_not_what_the_parser_refuses() -> None:
    assert refused(b"no XML") == "EDX101"


def test_not_beyond_the_limits() -> None:
    with pytest.raises(Refusal) as caught:
        sign_document(
            document(), certificates.key("p-256", "H53.02"), certificates.chain(), limits=Limits(max_bytes=99)
        )
    assert caught.value.code == "EDX102"


def test_not_with_the_key_of_another_certificate() -> None:
    with pytest.raises(Refusal) as caught:
        sign_document(document(), certificates.key("p-256", "H41"), certificates.chain("H53.02"))
    assert caught.value.code == "EDX903"
    with pytest.raises(Refusal):
        sign_document(document(), certificates.key("p-256", "H41"), [])


def test_not_on_other_curves() -> None:
    other = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(Refusal, match=r"EDX903.*secp256k1"):
        sign_document(document(), other, [certificates.odd_leaf(public=other.public_key())])


# --- bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_bytes_are_signed_and_checked(kind: str) -> None:
    key, certificate = certificates.key(kind, "H53.02"), certificates.leaf("H53.02", kind)
    mark = sign_bytes(key, b"receipts")
    verify_bytes(certificate, b"receipts", mark)
    for data, signature in ((b"receipts!", mark), (b"receipts", mark[:-1]), (b"receipts", b"")):
        with pytest.raises(Refusal) as caught:
            verify_bytes(certificate, data, signature)
        assert caught.value.code == "EDX315"


def test_bytes_are_not_accepted_from_another_key() -> None:
    mark = sign_bytes(certificates.key("p-256", "H41"), b"receipts")
    with pytest.raises(Refusal, match="EDX315"):
        verify_bytes(certificates.leaf("H53.02"), b"receipts", mark)


def test_bytes_are_not_accepted_from_other_kinds_of_key() -> None:
    odd = certificates.odd_leaf(public=certificates.ed25519_key().public_key())
    with pytest.raises(Refusal, match="EDX315"):
        verify_bytes(odd, b"receipts", certificates.ed25519_key().sign(b"receipts"))


# --- an independent program: xmlsec1 -------------------------------------------------------------------------


def xmlsec1(*arguments: str) -> subprocess.CompletedProcess[str]:
    ids = [part for name in SIGNED_PARTS for part in ("--id-attr:Id", f"{NS}:{name}")]
    return subprocess.run(["xmlsec1", arguments[0], *ids, *arguments[1:]], capture_output=True, text=True, check=False)


def verified_elsewhere(folder: Path, data: bytes) -> bool:
    (folder / "root.pem").write_bytes(write_pem([certificates.root().certificate]))
    (folder / "signed.xml").write_bytes(data)
    moment = f"{NOW:%Y-%m-%d %H:%M:%S}"
    trusted = ["--trusted-pem", str(folder / "root.pem"), "--verification-gmt-time", moment]
    done = xmlsec1("--verify", *trusted, "--enabled-key-data", "x509", str(folder / "signed.xml"))
    return done.returncode == 0


@pytest.mark.parametrize("coverage", FORMS)
@pytest.mark.parametrize("kind", KEY_TYPES)
def test_xmlsec1_accepts_ours(kind: str, coverage: Coverage, tmp_path: Path) -> None:
    data = signed(document(subject="Về việc: “đổi số” \r\n\t & <x> é"), coverage, kind)
    assert verified_elsewhere(tmp_path, data)
    assert not verified_elsewhere(tmp_path, data.replace(b"H53.02<", b"H53.03<"))


def test_xmlsec1_accepts_ours_with_a_large_attachment(tmp_path: Path) -> None:
    """9 MB of text: as large as that program takes."""
    assert verified_elsewhere(tmp_path, signed(document(files=[File(content=bytes(6_700_000))])))


def template(method: str, canonical: str, uris: tuple[str, ...], prefix: str) -> str:
    """What xmlsec1 fills in; ``prefix`` is "" or "ds:"."""
    transforms = [canonical] if uris == craft.PARTS else [craft.ENVELOPED, canonical]
    listed = "".join(f'<{prefix}Transform Algorithm="{name}"/>' for name in transforms)
    references = "".join(
        f'<{prefix}Reference URI="{uri}"><{prefix}Transforms>{listed}</{prefix}Transforms>'
        f'<{prefix}DigestMethod Algorithm="{craft.SHA256}"/><{prefix}DigestValue/></{prefix}Reference>'
        for uri in uris
    )
    name = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    return (
        f'<{prefix}Signature {name}="{DSIG}"><{prefix}SignedInfo>'
        f'<{prefix}CanonicalizationMethod Algorithm="{canonical}"/>'
        f'<{prefix}SignatureMethod Algorithm="{craft.MORE}{method}"/>{references}</{prefix}SignedInfo>'
        f"<{prefix}SignatureValue/><{prefix}KeyInfo><{prefix}X509Data/></{prefix}KeyInfo></{prefix}Signature>"
    )


@pytest.mark.parametrize(("kind", "method"), [("rsa-2048", "rsa-sha256"), ("p-384", "ecdsa-sha384")])
@pytest.mark.parametrize("prefix", ["", "ds:"], ids=["default", "prefixed"])
@pytest.mark.parametrize("uris", [craft.WHOLE, craft.PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("canonical", [craft.EXCLUSIVE, craft.INCLUSIVE, "http://www.w3.org/2006/12/xml-c14n11"])
def test_we_accept_those_of_xmlsec1(
    canonical: str, uris: tuple[str, ...], prefix: str, kind: str, method: str, tmp_path: Path
) -> None:
    key = certificates.key(kind, "H53.02")
    files = [tmp_path / name for name in ("key.pem", "leaf.pem", "issuing.pem")]
    files[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for file, certificate in zip(files[1:], certificates.chain("H53.02", kind), strict=True):
        file.write_bytes(write_pem([certificate]))
    empty = document(ids=True, signature=template(method, canonical, uris, prefix), subject="Số 12\tđ&é")
    (tmp_path / "template.xml").write_bytes(empty)
    keys = ",".join(str(file) for file in files)
    target = tmp_path / "signed.xml"
    done = xmlsec1("--sign", "--privkey-pem", keys, "--output", str(target), str(tmp_path / "template.xml"))
    assert done.returncode == 0, done.stderr
    data = target.read_bytes()
    verdict = verify(data, parse(data), certificates.store(), NOW)
    assert verdict.indication is Indication.PASSED, verdict.finding
    broken = data.replace(b"H53.02<", b"H53.03<")
    assert verify(broken, parse(broken), certificates.store(), NOW).indication is Indication.FAILED
