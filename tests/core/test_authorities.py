"""What an authority's certificate must say, judged when it is configured and when a chain is built."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from edxml_router.core import pki
from edxml_router.core.trust import authorities
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from tests.certificates import NOW, key, odd_leaf

DAY = timedelta(days=1)
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]
CA: Extensions = ((x509.BasicConstraints(ca=True, path_length=None), True),)
USAGE: Extensions = ((pki.key_usage(key_cert_sign=True, crl_sign=True), True),)
DOCUMENTS = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
POLICY = x509.PolicyInformation(ObjectIdentifier("1.2.3.4"), None)


def authority(name: str, extensions: Extensions, above: pki.Issuer | None = None, **dates: int) -> pki.Issuer:
    own = key("p-256", name)
    subject = pki.subject_name(name)
    builder = x509.CertificateBuilder(
        above.certificate.subject if above else subject,
        subject,
        own.public_key(),
        7,
        NOW - timedelta(days=dates.get("begun", 100)),
        NOW + timedelta(days=dates.get("ends", 900)),
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return pki.Issuer(own, builder.sign(above.key if above else own, hashes.SHA256()))


def outcome(anchor: pki.Issuer, between: pki.Issuer | None = None, *, sent: bool = False) -> tuple[str, str]:
    """The code of a leaf below, and its detail."""
    known = write_pem([between.certificate]) if between and not sent else b""
    store = TrustStore.from_pem(write_pem([anchor.certificate]), known)
    chain = [odd_leaf(issuer=between or anchor), *([between.certificate] if between and sent else [])]
    finding = store.judge([one.public_bytes(Encoding.DER) for one in chain], NOW).finding
    return (finding.code, finding.detail) if finding else ("", "")


def constraints(*permitted: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(list(permitted), None)


GOOD: dict[str, Extensions] = {
    "as RFC 5280 wants it": (*CA, *USAGE),
    "without KeyUsage": CA,
    "basicConstraints not critical": ((CA[0][0], False), *USAGE),
    "KeyUsage not critical": (*CA, (USAGE[0][0], False)),
    "purpose of documents": (*CA, *USAGE, (x509.ExtendedKeyUsage([DOCUMENTS]), False)),
    "purpose of mail, critical": (*CA, *USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)),
    "any purpose": (*CA, *USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False)),
    "policies, critical": (*CA, *USAGE, (x509.CertificatePolicies([POLICY]), True)),
    "policies may not be mapped": (*CA, *USAGE, (x509.PolicyConstraints(None, 0), True)),
    "no policy is any policy": (*CA, *USAGE, (x509.InhibitAnyPolicy(0), True)),
}
BAD: dict[str, tuple[Extensions, str]] = {
    "no basicConstraints": (USAGE, "2.5.29.19"),
    "not an authority": (((x509.BasicConstraints(ca=False, path_length=None), True), *USAGE), "basicConstraints"),
    "may not certify": ((*CA, (pki.key_usage(digital_signature=True), True)), "keyCertSign"),
    "purpose of servers": (
        (*CA, *USAGE, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)), "ExtendedKeyUsage"),
    "an explicit policy": ((*CA, *USAGE, (x509.PolicyConstraints(0, None), True)), "explicit policy"),
    "a critical extension nobody knows": (
        (*CA, *USAGE, (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\0"), True)), "1.2.3.4"),
    "constrained to a directory": (
        (*CA, *USAGE, (constraints(x509.DirectoryName(pki.subject_name("x"))), True)), "directoryName"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_rfc_5280_and_openssl_accept_is_accepted(name: str) -> None:
    anchor = authority("Goc", GOOD[name])
    assert authorities.trouble(anchor.certificate, NOW) == ""
    assert outcome(anchor) == ("", "")
    above = authority("Tren", (*CA, *USAGE))
    between = authority("Giua", GOOD[name], above)
    assert authorities.trouble(between.certificate, NOW, [above.certificate], [between.certificate]) == ""
    assert outcome(above, between) == outcome(above, between, sent=True) == ("", "")


@pytest.mark.parametrize("name", BAD)
def test_what_can_never_hold_is_said_of_the_authority_and_not_of_the_sender(name: str) -> None:
    extensions, word = BAD[name]
    anchor = authority("Goc", extensions)
    assert word in authorities.trouble(anchor.certificate, NOW)
    code, detail = outcome(anchor)
    assert (code, word in detail, "CN=Goc" in detail) == ("EDX323", True, True)
    above = authority("Tren", (*CA, *USAGE))
    between = authority("Giua", extensions, above)
    assert word in authorities.trouble(between.certificate, NOW, [above.certificate], [between.certificate])
    assert outcome(above, between)[0] == "EDX323"
    code, detail = outcome(above, between, sent=True)  # what the sender brings along is the sender's
    assert (code, word in detail) == ("EDX308", True)


def test_an_anchor_that_has_ended_is_the_operators_matter() -> None:
    assert outcome(authority("Goc", (*CA, *USAGE), begun=200, ends=-1))[0] == "EDX323"
    above = authority("Tren", (*CA, *USAGE))
    assert outcome(above, authority("Giua", (*CA, *USAGE), above, begun=200, ends=-1))[0] == "EDX323"


def test_an_intermediate_that_leads_nowhere_is_named() -> None:
    lost = authority("Giua", (*CA, *USAGE), authority("Khac", (*CA, *USAGE)))
    anchor = authority("Tren", (*CA, *USAGE))
    assert "no authority of that name" in authorities.trouble(lost.certificate, NOW, [anchor.certificate], [])
    code, detail = outcome(anchor, lost)
    assert (code, "CN=Giua" in detail) == ("EDX323", True)


def test_who_only_uses_the_name_of_a_bad_anchor_is_a_stranger() -> None:
    bad = authority("Goc", BAD["may not certify"][0])
    thief = pki.Issuer(key("p-256", "thief"), bad.certificate)
    store = TrustStore.from_pem(write_pem([bad.certificate]))
    finding = store.judge([odd_leaf(issuer=thief).public_bytes(Encoding.DER)], NOW).finding
    assert finding is not None
    assert finding.code == "EDX308"


def test_anchors_of_other_times(tmp_path: Path) -> None:
    """Signed with SHA-1 by itself: what an anchor says of itself proves nothing, so nobody looks. Version 1 cannot say
    that it is an authority; RSA-1024 can be computed."""

    def made(name: str, *options: str) -> x509.Certificate:
        command = ["openssl", "req", "-x509", "-nodes", "-subj", f"/CN={name}", "-days", "9000", "-keyout", "k", "-out"]
        subprocess.run([*command, name, *options], cwd=tmp_path, check=True, capture_output=True)
        return x509.load_pem_x509_certificate((tmp_path / name).read_bytes())

    old = made("old", "-newkey", "rsa:2048", "-sha1")
    assert authorities.trouble(old, old.not_valid_before_utc + DAY) == ""
    small = made("small", "-newkey", "rsa:1024")
    assert "its key" in authorities.trouble(small, small.not_valid_before_utc + DAY)
    for command in (
        ["openssl", "req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=v1", "-keyout", "k1", "-out", "r1"],
        ["openssl", "x509", "-req", "-in", "r1", "-signkey", "k1", "-days", "9000", "-out", "v1"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    first = x509.load_pem_x509_certificate((tmp_path / "v1").read_bytes())
    assert first.version is x509.Version.v1
    assert "X509v3" in authorities.trouble(first, first.not_valid_before_utc + DAY)


def test_a_key_that_we_do_not_compute_with() -> None:
    odd = odd_leaf(public=dsa.generate_private_key(2048).public_key(), extensions=(*CA, *USAGE))
    assert "its key" in authorities.trouble(odd, NOW)
