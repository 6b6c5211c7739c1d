"""Revocation: which lists speak about a certificate, and what follows from what they say."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core import pki
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust.certificate import write_pem as certificates_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.containers import pem_block
from edxml_router.core.trust.revocation import Freshness, RevocationLists, Standing, check_new_list
from edxml_router.core.trust.revocation_list import read_lists
from tests import certificates
from tests.certificates import NOW, crl, issuing, leaf, odd_leaf, root

DAY = timedelta(days=1)
STRICT = Freshness(required=True, grace=3 * DAY)


def standing(*lists: bytes, at: datetime = NOW, freshness: Freshness = STRICT, of: x509.Certificate | None = None,
             issuer: x509.Certificate | None = None) -> Standing:  # fmt: skip
    source = RevocationLists(read_lists(lists))
    return source.standing(of or leaf(), issuer or issuing().certificate, at, freshness)


def said(*lists: bytes, **options: object) -> str:
    """The code, or the marks, or "good"."""
    found = standing(*lists, **options)  # type: ignore[arg-type]
    return found.finding.code if found.finding else " ".join(found.marks) or "good"


def revoked(
    at: datetime = NOW - 2 * DAY, reason: x509.ReasonFlags = x509.ReasonFlags.unspecified
) -> pki.RevokedCertificate:
    return pki.RevokedCertificate(leaf().serial_number, at, reason)


def special(*extensions: tuple[x509.ExtensionType, bool], entry: x509.ExtensionType | None = None) -> bytes:
    """A fresh list without our certificate, but with extensions of its own; or with a marked entry."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing().certificate.subject)
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    if entry is not None:
        row = x509.RevokedCertificateBuilder().serial_number(9).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(row.add_extension(entry, critical=True).build())
    return builder.sign(issuing().key, hashes.SHA256()).public_bytes(Encoding.DER)


# --- what follows --------------------------------------------------------------------------------------------


def test_a_certificate_not_listed_is_good() -> None:
    assert said(crl()) == "good"


@pytest.mark.parametrize("reason", [x509.ReasonFlags.key_compromise, x509.ReasonFlags.certificate_hold])
def test_a_listed_certificate_is_revoked(reason: x509.ReasonFlags) -> None:
    found = standing(crl(revoked(reason=reason)))
    assert found.finding
    assert found.finding.code == "EDX313"
    assert f"{leaf().serial_number:x}" in found.finding.detail


def test_a_revocation_counts_from_its_date() -> None:
    lists = crl(revoked(at=NOW - 2 * DAY), at=NOW - 5 * DAY, days=9)
    assert said(lists, at=NOW - 2 * DAY - timedelta(seconds=1)) == "good"
    assert said(lists, at=NOW - 2 * DAY) == "EDX313"


def test_a_list_is_fresh_then_stale_then_unknown() -> None:
    lists = crl(at=NOW, days=2)
    moments = {0: "good", 1.9: "good", 2: "crl-stale", 4.9: "crl-stale", 5: "EDX314"}
    for days, expected in moments.items():
        assert said(lists, at=NOW + timedelta(days=days)) == expected


def test_an_old_list_still_revokes() -> None:
    assert said(crl(revoked(), at=NOW - 2 * DAY, days=1), at=NOW + 99 * DAY) == "EDX313"


def test_without_a_list_it_depends_on_the_policy() -> None:
    assert said() == "EDX314"
    assert said(freshness=Freshness(required=False)) == "revocation-unchecked"
    old = crl(at=NOW - 9 * DAY, days=1)
    assert said(old, freshness=Freshness(required=False)) == "revocation-unchecked"


def test_the_newest_list_counts() -> None:
    old, new = crl(revoked(), at=NOW - 2 * DAY), crl(at=NOW - DAY, number=2)
    assert said(old, new) == said(new, old) == "good"
    assert said(old, new, at=NOW - 2 * DAY) == "EDX313"


def test_of_two_lists_of_one_moment_the_higher_number_counts() -> None:
    assert said(crl(revoked(), number=1), crl(number=2)) == "good"
    assert said(crl(revoked(), number=2), crl(number=1)) == "EDX313"


def test_a_list_from_the_future_does_not_speak_yet() -> None:
    assert said(crl(at=NOW + DAY)) == "EDX314"


# --- which lists speak ---------------------------------------------------------------------------------------


def test_a_list_of_somebody_else_does_not_speak() -> None:
    assert said(crl(issuer=issuing("Other issuing", "Other root"))) == "EDX314"


def test_a_list_under_the_issuers_name_by_another_key_does_not_speak() -> None:
    thief = pki.Issuer(certificates.key("p-256", "thief"), issuing().certificate)
    assert said(crl(issuer=thief)) == "EDX314"


def test_an_issuer_that_may_not_sign_lists_is_not_heard() -> None:
    extensions = ((x509.BasicConstraints(ca=True, path_length=0), True), (pki.key_usage(key_cert_sign=True), True))
    silent = pki.Issuer(certificates.key("p-256", "silent"), odd_leaf("silent", extensions=extensions, issuer=root()))
    assert said(crl(issuer=silent), issuer=silent.certificate, of=odd_leaf(issuer=silent)) == "EDX314"


def _point(**options: object) -> x509.IssuingDistributionPoint:
    fields: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**fields, **options})  # type: ignore[arg-type]


ADDRESS = x509.UniformResourceIdentifier("http://crl.example.vn/issuing.crl")


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (_point(only_contains_user_certs=True), "good"),
        (_point(only_contains_ca_certs=True), "EDX314"),
        (_point(only_contains_attribute_certs=True), "EDX314"),
        (_point(indirect_crl=True), "EDX314"),
        (_point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise})), "EDX314"),
        (_point(full_name=[ADDRESS]), "EDX314"),
    ],
)
def test_a_list_that_covers_something_else_does_not_speak(point: x509.IssuingDistributionPoint, expected: str) -> None:
    assert said(special((point, True))) == expected


def test_a_list_for_a_point_speaks_about_certificates_that_name_it() -> None:
    named = x509.CRLDistributionPoints([x509.DistributionPoint([ADDRESS], None, None, None)])
    made = odd_leaf(
        extensions=((pki.key_usage(digital_signature=True), True), (named, False)),
    )
    assert said(special((_point(full_name=[ADDRESS]), True)), of=made) == "good"


def test_what_is_not_understood_does_not_speak() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert said(special((unknown, True))) == "EDX314"
    assert said(special((unknown, False))) == "good"
    assert said(special((x509.DeltaCRLIndicator(1), True))) == "EDX314"
    assert said(special(entry=unknown)) == "EDX314"


def test_an_authority_can_be_revoked_too() -> None:
    store = TrustStore.from_pem(
        certificates_pem([root().certificate]),
        crls=[crl(), crl(pki.RevokedCertificate(issuing().certificate.serial_number, NOW - DAY), issuer=root())],
    )
    chain = [item.public_bytes(Encoding.DER) for item in (leaf(), issuing().certificate)]
    finding = store.judge(chain, NOW).finding
    assert finding
    assert finding.code == "EDX313"


def test_lists_make_revocation_required() -> None:
    """There is one of the issuing authority, and none of the root: what of the issuing authority itself?"""
    store = TrustStore.from_pem(certificates_pem([root().certificate]), crls=[crl()])
    chain = [item.public_bytes(Encoding.DER) for item in (leaf(), issuing().certificate)]
    finding = store.judge(chain, NOW).finding
    assert finding
    assert finding.code == "EDX314"
    assert finding.problem.weight == "transient"


# --- reading -------------------------------------------------------------------------------------------------


def test_lists_are_read_in_der_and_pem() -> None:
    one, two = read_lists([crl(number=4), crl(number=7)])
    pem = pem_block(b"X509 CRL", one.data) + pem_block(b"X509 CRL", two.data)
    assert read_lists([b"remark\n" + pem]) == (one, two)
    assert [item.number for item in (one, two)] == [4, 7]


@pytest.mark.parametrize("data", [b"", b"nothing", crl()[:-1], b"-----BEGIN X509 CRL-----\nAA\n-----END X509 CRL-----"])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_lists([data], "trust.crls")
    assert (caught.value.code, caught.value.finding.where) == ("EDX902", "trust.crls")


# --- renewal -------------------------------------------------------------------------------------------------


def _renewal(fetched: bytes, kept: bytes | None) -> str:
    try:
        check_new_list(fetched, kept, [root().certificate, issuing().certificate], NOW, "http://ca.example.vn/x.crl")
    except Setback as setback:
        assert (setback.code, setback.finding.where) == ("EDX318", "http://ca.example.vn/x.crl")
        return setback.finding.detail
    return ""


def test_what_may_replace_a_list() -> None:
    good = crl(number=3)
    assert _renewal(good, None) == ""
    assert _renewal(good, b"damaged") == ""
    assert _renewal(good, good) == ""
    assert _renewal(crl(number=4), good) == ""
    assert _renewal(crl(number=4, at=NOW), crl(number=9, at=NOW - timedelta(days=1))) == ""  # the date goes before
    by_root = crl(issuer=root(), number=1)
    assert _renewal(by_root, crl(number=3, at=NOW - timedelta(days=9), days=1)) == ""  # what was there is over


def test_what_may_not_replace_a_list() -> None:
    good = crl(number=3)
    assert "older" in _renewal(crl(number=2), good)
    assert "older" in _renewal(crl(number=9, at=NOW - timedelta(days=3)), good)
    assert "another authority" in _renewal(crl(issuer=root(), number=9), good)
    assert "from the future" in _renewal(crl(number=9, at=NOW + timedelta(minutes=1)), None)
    assert "not among the anchors" in _renewal(crl(issuer=issuing("Stranger", "Other root")), None)
    for odd in (b"", b"nothing", good + b"x", good[:-1]):
        assert "not a revocation list" in _renewal(odd, None)
