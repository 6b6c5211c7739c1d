"""The small authority's certificates: what is in them, and that other software takes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from edxml_router.core import pki
from edxml_router.core.problems import Refusal
from edxml_router.core.trust import certificate
from edxml_router.core.trust.certificate import AGENCY_ATTRIBUTE, write_pem
from edxml_router.core.trust.chain import TrustStore
from tests import certificates
from tests.certificates import NOW, issuing, key, leaf, root


def test_an_agencys_certificate_names_its_codes() -> None:
    made = pki.agency(issuing(), key().public_key(), ["H53.02", "H53.03"], serial=7, at=NOW, days=30)
    assert [item.value for item in made.subject.get_attributes_for_oid(AGENCY_ATTRIBUTE)] == ["H53.02", "H53.03"]
    assert certificate.signer(made).agencies == ("H53.02", "H53.03")
    assert (made.serial_number, made.not_valid_after_utc) == (7, NOW + timedelta(days=30))
    assert made.not_valid_before_utc == NOW - pki.BACKDATE


def test_the_same_input_gives_the_same_content() -> None:
    made = [pki.agency(issuing(), key().public_key(), ["H53"], serial=7, at=NOW, days=30) for _ in range(2)]
    assert made[0].tbs_certificate_bytes == made[1].tbs_certificate_bytes


def test_an_agencys_certificate_does_not_certify() -> None:
    below = pki.Issuer(key("p-256", "H53.02"), leaf("H53.02"))
    made = pki.agency(below, key().public_key(), ["H41"], serial=7, at=NOW, days=30)
    sent = [item.public_bytes(Encoding.DER) for item in (made, leaf("H53.02"), issuing().certificate)]
    finding = certificates.store().judge(sent, NOW).finding
    assert finding
    assert finding.code == "EDX308"


def test_a_nodes_certificate_serves_tls_in_both_directions() -> None:
    made = pki.node(issuing(), key().public_key(), "tay-ninh", ["tn.example.vn"], serial=7, at=NOW, days=30)
    builder = verification.PolicyBuilder().store(verification.Store([root().certificate])).time(NOW)
    builder.build_server_verifier(x509.DNSName("tn.example.vn")).verify(made, [issuing().certificate])
    builder.build_client_verifier().verify(made, [issuing().certificate])
    with pytest.raises(verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("other.example.vn")).verify(made, [issuing().certificate])


def test_a_nodes_certificate_speaks_for_no_agency() -> None:
    made = pki.node(issuing(), key().public_key(), "H53.02", [], serial=7, at=NOW, days=30)
    assert certificate.signer(made).agencies == ()
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "H53.02"


def test_a_revocation_list_is_signed_and_numbered() -> None:
    row = pki.RevokedCertificate(7, NOW, x509.ReasonFlags.key_compromise)
    made = pki.revocation_list(issuing(), [row, pki.RevokedCertificate(8, NOW)], number=3, at=NOW, days=7)
    assert made.is_signature_valid(issuing().key.public_key())
    assert made.next_update_utc == NOW + timedelta(days=7)
    first, second = made
    assert first.extensions.get_extension_for_class(x509.CRLReason).value.reason is row.reason
    assert len(second.extensions) == 0


def test_pem_is_written_and_read() -> None:
    chain = tuple(certificates.chain())
    assert certificate.read_all(b"remark\n" + write_pem(chain)) == chain
    assert TrustStore.from_pem(write_pem(chain[1:])).anchors == chain[1:]


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(Refusal, match="EDX311"):
        certificate.read(b"\x30\x00")
    with pytest.raises(Refusal, match="EDX902"):
        certificate.read_all(b"")
