"""The forms of files of certificates and lists, and what is none of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.problems import Refusal
from edxml_router.core.trust import der
from edxml_router.core.trust.certificate import read_all, write_pem
from edxml_router.core.trust.containers import ContainerContents, unpack
from edxml_router.core.trust.containers import pem_block as block
from edxml_router.core.trust.revocation_list import read_lists
from tests.certificates import chain, crl, key, root

CHAIN = chain()
DER = tuple(one.public_bytes(Encoding.DER) for one in CHAIN)
LIST = crl()


def test_certificates_are_read_in_every_form() -> None:
    for data in (
        write_pem(CHAIN),
        b"a remark --- with dashes\n" + write_pem(CHAIN).replace(b"\n", b"\r\n"),
        pkcs7.serialize_certificates(CHAIN, Encoding.DER),
        pkcs7.serialize_certificates(CHAIN, Encoding.PEM),
    ):
        assert set(read_all(data)) == set(CHAIN)
    assert list(read_all(write_pem(CHAIN))) == CHAIN  # in the file's order
    assert read_all(DER[0]) == (CHAIN[0],)


def test_what_openssl_writes_is_read(tmp_path: Path) -> None:
    """``crl2pkcs7`` makes the .p7b that authorities publish: certificates, lists, or both."""
    (tmp_path / "chain.pem").write_bytes(write_pem(CHAIN))
    (tmp_path / "list.pem").write_bytes(block(b"X509 CRL", LIST))
    for form in ("DER", "PEM"):
        both = tmp_path / f"both.{form}"
        command = ["openssl", "crl2pkcs7", "-in", "list.pem", "-certfile", "chain.pem", "-outform", form, "-out", both]
        subprocess.run(command, cwd=tmp_path, check=True)
        found = unpack(both.read_bytes())
        assert (set(found.certificates), found.lists) == (set(DER), (LIST,))
        assert [one.data for one in read_lists([both.read_bytes()])] == [LIST]
    subprocess.run(
        ["openssl", "x509", "-in", "chain.pem", "-trustout", "-addtrust", "emailProtection", "-out", "trusted.pem"],
        cwd=tmp_path,
        check=True,
    )
    assert read_all((tmp_path / "trusted.pem").read_bytes()) == (CHAIN[0],)


def test_what_stands_beside_is_passed_over() -> None:
    """A file with key and certificate, with lists: each reader takes its own."""
    secret = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    mixed = secret + write_pem(CHAIN) + block(b"X509 CRL", LIST)
    assert unpack(mixed) == ContainerContents(DER, (LIST,))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        DER[0] + b"x",
        DER[0][:-1],
        write_pem(CHAIN)[:-30],
        write_pem(CHAIN).replace(b"-----END CERTIFICATE-----", b"", 1),
        write_pem(CHAIN).replace(b"M", b"!", 1),
        block(b"X509 CRL", LIST),
        b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        bytes.fromhex("3080060b2a864886f70d010702a0800000"),  # of an indefinite length
        bytes.fromhex("300b06092a864886f70d010701"),  # PKCS#7 of another kind
    ],
)
def test_what_holds_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_all(data, "trust.anchors")
    assert (caught.value.code, caught.value.finding.where) == ("EDX902", "trust.anchors")


@pytest.mark.parametrize(
    "piece",
    [
        b"-----BEGIN X509 CRL-----\n",
        b"-----BEGIN X509 CRL-----\n-----END X509 CRL----\n",
        b"-----BEGIN ",
        b"-----",
        b"-----BEGIN A-----\n-----END A-----\n",
        b"\x30\x80",
        b"\x30\x84\x00\x00",
    ],
)
def test_bytes_of_anybody_cost_their_size(piece: bytes) -> None:
    """An address answers what it likes. A search from each beginning to an end that never comes would take hours."""
    with pytest.raises(Refusal):
        read_lists([piece * (4 * 1024 * 1024 // len(piece))])


def test_a_file_of_countless_values_is_not_taken_apart() -> None:
    """A list of an address without TLS may be anybody's, up to the largest size; as objects it would take gigabytes."""
    empty, signed_data = der.value(der.SEQUENCE, b""), bytes.fromhex("06092a864886f70d010702")
    many = empty * (der.VALUES_MAX + 1)
    inner = der.value(der.CONTEXT, der.value(der.SEQUENCE, der.value(der.CONTEXT + 1, many)))
    for data in (
        der.value(der.SEQUENCE, signed_data + inner),
        der.value(der.SEQUENCE, signed_data + many),
        block(b"X509 CRL", empty) * (der.VALUES_MAX + 1),
        block(b"ANYTHING", empty) * (der.VALUES_MAX + 1),
    ):
        with pytest.raises(ValueError, match=f"more than {der.VALUES_MAX}"):
            unpack(data)
    with pytest.raises(Refusal, match="EDX902"):
        read_lists([der.value(der.SEQUENCE, many)])


@given(st.binary(max_size=200))
def test_der_takes_nothing_apart_that_is_not_der(data: bytes) -> None:
    try:
        found = list(der.values(data, 0, len(data)))
    except ValueError:
        return
    assert b"".join(der.value(tag, data[start:stop]) for tag, _, start, stop in found) == data


def test_the_root_is_a_root() -> None:
    assert unpack(root().certificate.public_bytes(Encoding.DER)).lists == ()
