"""Chains: whom the store trusts, at which moment, and that remembering never changes an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from edxml_router.core import pki
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import PrivateKey
from edxml_router.core.trust import certificate
from edxml_router.core.trust import chain as trust
from edxml_router.core.trust.certificate import PublicKey, identifying_digests, write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation import Freshness
from tests import certificates
from tests.certificates import NOW, crl, issuing, key, leaf, odd_leaf, root

DAY = timedelta(days=1)


def der(*chain: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(item.public_bytes(Encoding.DER) for item in chain)


def judged(*chain: x509.Certificate, store: TrustStore | None = None, at: datetime = NOW) -> str:
    """ "" when the chain holds, else the code."""
    verdict = (store or certificates.store()).judge(der(*chain), at)
    return verdict.finding.code if verdict.finding else ""


def store_of(*anchors: x509.Certificate, crls: tuple[bytes, ...] = (), **options: object) -> TrustStore:
    return TrustStore.from_pem(write_pem(anchors), crls=crls, **options)  # type: ignore[arg-type]


# --- chains --------------------------------------------------------------------------------------------------


def test_a_chain_to_an_anchor_holds() -> None:
    verdict = certificates.store().judge(der(leaf(), issuing().certificate), NOW)
    assert verdict.finding is None
    assert verdict.leaf == leaf()
    assert verdict.signer
    assert verdict.signer.subject == "CN=H53.02,2.5.4.97=H53.02,O=edxml-router,C=VN"
    assert verdict.signer.not_after == leaf().not_valid_after_utc
    assert verdict.signer.spki_sha256 == certificate.spki_sha256(leaf())
    assert verdict.marks == ("revocation-unchecked",)


def test_an_intermediate_may_come_from_the_store() -> None:
    assert judged(leaf()) == "EDX308"
    known = TrustStore.from_pem(write_pem([root().certificate]), write_pem([issuing().certificate]))
    assert judged(leaf(), store=known) == ""


def test_an_intermediate_may_itself_be_the_anchor() -> None:
    assert judged(leaf(), store=store_of(issuing().certificate)) == ""


def test_another_root_is_not_trusted() -> None:
    assert judged(leaf(), issuing().certificate, store=store_of(root("Other root").certificate)) == "EDX308"


def test_an_empty_store_trusts_nobody() -> None:
    empty = TrustStore.from_pem(b" \n")
    assert empty.anchors == ()
    assert judged(leaf(), issuing().certificate, store=empty) == "EDX316"


def _mesh(signer: PrivateKey, public: PublicKey, count: int) -> list[x509.Certificate]:
    """Authorities of one name and key, each of which could have issued each other and the leaf."""
    name = pki.subject_name("Mesh")
    made = [
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(100 + number)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(pki.key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(signer, hashes.SHA256())
        for number in range(count)
    ]
    return [odd_leaf(issuer=pki.Issuer(signer, made[0])), *made]


def test_a_mesh_of_authorities_ends() -> None:
    """Seven authorities make thousands of paths; the verifier must give up, not try them all."""
    mesh = key("p-521", "mesh")
    assert judged(*_mesh(mesh, mesh.public_key(), 7)) == "EDX308"


def test_keys_made_to_be_slow_are_not_computed_with() -> None:
    """A public exponent as long as the modulus makes each check a hundred times as slow."""
    numbers = rsa.generate_private_key(65537, 3072).private_numbers()
    swapped = rsa.RSAPublicNumbers(numbers.d, numbers.public_numbers.n)
    slow = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, 65537, numbers.dmp1, numbers.dmq1, numbers.iqmp, swapped
    ).private_key(unsafe_skip_rsa_key_validation=True)
    chain = _mesh(slow, swapped.public_key(), 2)
    assert [certificate.has_usable_key(item) for item in chain] == [True, False, False]
    assert judged(*chain) == "EDX308"
    assert judged(odd_leaf(public=swapped.public_key()), issuing().certificate) == "EDX310"


def test_a_self_signed_leaf_is_not_trusted_even_as_an_anchor() -> None:
    own = pki.Issuer(key("p-256", "self"), leaf())
    name = pki.subject_name("self")
    alone = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.key.public_key())
        .serial_number(5)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(pki.key_usage(digital_signature=True), critical=True)
        .sign(own.key, hashes.SHA256())
    )
    assert judged(alone) == "EDX308"
    assert judged(alone, store=store_of(alone, root().certificate)) == "EDX308"


def test_an_expired_authority_breaks_the_chain() -> None:
    end = issuing().certificate.not_valid_after_utc
    long = odd_leaf(end=end + 9 * DAY)
    assert judged(long, issuing().certificate, at=end - DAY) == ""
    assert judged(long, issuing().certificate, at=end + DAY) == "EDX308"


def test_an_expired_anchor_breaks_the_chain() -> None:
    old = pki.root(key("p-256", "old"), "Old", serial=1, at=NOW - 20 * DAY, days=10)
    below = pki.issuing(old, key("p-256", "below"), "Below", serial=2, at=NOW - 15 * DAY, days=99)
    assert judged(odd_leaf(issuer=below), below.certificate, store=store_of(old.certificate)) == "EDX323"


def test_a_path_longer_than_an_authority_allows_breaks_the_chain() -> None:
    """The issuing authority has pathlen 0: what it certifies may not certify."""
    sub = pki.issuing(issuing(), key("p-256", "sub"), "Sub", serial=77, at=NOW - DAY, days=99)
    assert judged(odd_leaf(issuer=sub), sub.certificate, issuing().certificate) == "EDX308"


def test_an_authority_that_may_not_certify_breaks_the_chain() -> None:
    for extensions in (
        ((x509.BasicConstraints(ca=True, path_length=0), True), (pki.key_usage(crl_sign=True), True)),
        ((x509.BasicConstraints(ca=False, path_length=None), True), (pki.key_usage(key_cert_sign=True), True)),
        ((pki.key_usage(key_cert_sign=True), True),),
    ):
        false = odd_leaf("false", extensions=extensions, issuer=root())
        below = odd_leaf(issuer=pki.Issuer(key("p-256", "false"), false))
        assert judged(below, false) == "EDX308"


def test_a_leaf_signed_with_a_weak_hash_is_not_trusted() -> None:
    """SHA-224 stands for SHA-1 too, which this library does not make any more."""
    weak = odd_leaf(hash_algorithm=hashes.SHA224())
    assert judged(weak, issuing().certificate) == "EDX308"


# --- the leaf ------------------------------------------------------------------------------------------------

PLAIN = (x509.BasicConstraints(ca=False, path_length=None), True)
SIGNS = (pki.key_usage(digital_signature=True), True)


@pytest.mark.parametrize(
    "purpose",
    [
        None,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
        ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),
    ],
)
@pytest.mark.parametrize("critical", [True, False])
def test_usual_purposes_are_fit(purpose: ObjectIdentifier | None, critical: bool) -> None:
    extra = () if purpose is None else ((x509.ExtendedKeyUsage([purpose]), critical),)
    assert judged(odd_leaf(extensions=(PLAIN, SIGNS, *extra)), issuing().certificate) == ""


def test_non_repudiation_alone_is_fit() -> None:
    only = (pki.key_usage(content_commitment=True), True)
    assert judged(odd_leaf(extensions=(PLAIN, only)), issuing().certificate) == ""


def test_without_basic_constraints_it_is_a_leaf() -> None:
    assert judged(odd_leaf(extensions=(SIGNS,)), issuing().certificate) == ""


@pytest.mark.parametrize("purpose", [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING])
def test_other_purposes_are_unfit(purpose: ObjectIdentifier) -> None:
    extensions = (PLAIN, SIGNS, (x509.ExtendedKeyUsage([purpose]), False))
    assert judged(odd_leaf(extensions=extensions), issuing().certificate) == "EDX310"


@pytest.mark.parametrize(
    ("public", "code"),
    [
        (rsa.generate_private_key(65537, 1024).public_key(), "EDX310"),  # noqa: S505 - weak on purpose
        (rsa.generate_private_key(65537, 2047).public_key(), "EDX310"),  # noqa: S505 - as above
        (rsa.generate_private_key(65537, 2048).public_key(), ""),
        (ec.generate_private_key(ec.SECP192R1()).public_key(), "EDX310"),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), "EDX310"),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), ""),
    ],
)
def test_keys_must_be_strong(public: object, code: str) -> None:
    assert judged(odd_leaf(public=public), issuing().certificate) == code


def test_validity_is_asked_at_the_moment_of_acceptance() -> None:
    begin, end = NOW - DAY, NOW + DAY
    made = odd_leaf(begin=begin, end=end)
    for at, code in ((begin - DAY, "EDX309"), (begin, ""), (NOW, ""), (end, ""), (end + DAY, "EDX309")):
        assert judged(made, issuing().certificate, at=at) == code


def test_extensions_and_keys_that_cannot_be_read_are_unfit() -> None:
    garbled = x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\xff\xff")
    assert judged(odd_leaf(extensions=((garbled, False), SIGNS)), issuing().certificate) == "EDX310"
    curve = bytes.fromhex("06082a8648ce3d030107")  # the object identifier of P-256
    plain = leaf().public_bytes(Encoding.DER)
    at = plain.index(curve) + len(curve) - 1
    verdict = certificates.store().judge((plain[:at] + b"\x63" + plain[at + 1 :],), NOW)
    assert verdict.finding
    assert (verdict.finding.code, verdict.signer) == ("EDX310", None)


def test_certificates_with_odd_insides_do_not_break_us() -> None:
    broken = bytearray(leaf().public_bytes(Encoding.DER))
    for at in range(0, len(broken), 7):
        mutant = bytes(broken[:at]) + bytes([broken[at] ^ 0x15]) + bytes(broken[at + 1 :])
        verdict = certificates.store().judge((mutant, *der(issuing().certificate)), NOW)
        assert verdict.finding is not None


# --- remembering ---------------------------------------------------------------------------------------------


def _fresh_answers(at: datetime, store: TrustStore) -> tuple[str, tuple[str, ...]]:
    verdict = store.judge(der(leaf(), issuing().certificate), at)
    return (verdict.finding.code if verdict.finding else "", verdict.marks)


def _dated_store() -> TrustStore:
    """A list that is fresh, then stale, then too old; one that comes later; and a revocation in the future."""
    lists = (
        crl(at=NOW - 2 * DAY, days=1),
        crl(pki.RevokedCertificate(leaf().serial_number, NOW + 8 * DAY), at=NOW + 5 * DAY, days=9, number=2),
        crl(issuer=root(), at=NOW - 300 * DAY, days=3000),
    )
    return store_of(root().certificate, crls=lists, freshness=Freshness(grace=3 * DAY))


_remembering = _dated_store()


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=-40 * 24, max_value=400 * 24))
def test_remembering_never_changes_an_answer(hours: int) -> None:
    at = NOW + timedelta(hours=hours)
    assert _fresh_answers(at, _remembering) == _fresh_answers(at, _dated_store())


def test_the_dated_store_gives_every_answer() -> None:
    """So that the property above means something."""
    at_days = {-3: "EDX314", -2: "", 0: "", 3: "EDX314", 5: "", 7: "", 8: "EDX313", 400: "EDX309"}
    for days, code in at_days.items():
        assert _fresh_answers(NOW + days * DAY, _remembering)[0] == code
    assert _fresh_answers(NOW, _remembering)[1] == ("crl-stale",)
    assert _fresh_answers(NOW + 5 * DAY, _remembering)[1] == ()


def test_the_second_time_no_chain_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(root().certificate)
    assert judged(leaf(), issuing().certificate, store=store) == ""
    monkeypatch.setattr(TrustStore, "_chain", lambda *_: pytest.fail("built again"))
    assert judged(leaf(), issuing().certificate, store=store) == ""


def test_refused_chains_are_not_remembered_and_good_ones_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "REMEMBERED", 3)
    store = store_of(root().certificate)
    for number in range(5):
        judged(odd_leaf(begin=NOW + DAY), issuing().certificate, store=store)
        judged(leaf(f"H53.{number}"), issuing().certificate, store=store)
    assert len(store._held) == 3


# --- the store -----------------------------------------------------------------------------------------------


def test_the_epoch_names_the_content() -> None:
    anchors = write_pem([root().certificate])
    stores = [
        TrustStore.from_pem(anchors),
        TrustStore.from_pem(write_pem([root("Other root").certificate])),
        TrustStore.from_pem(anchors, write_pem([issuing().certificate])),
        TrustStore.from_pem(anchors, crls=[crl()]),
        TrustStore.from_pem(anchors, crls=[crl(number=2)]),
        TrustStore.from_pem(anchors, freshness=Freshness()),
    ]
    assert len({item.epoch for item in stores}) == len(stores)
    assert TrustStore.from_pem(anchors).epoch == stores[0].epoch


@pytest.mark.parametrize("field", ["anchors", "intermediates"])
def test_unreadable_files_are_named(field: str) -> None:
    good = write_pem([root().certificate])
    for bad in (b"nothing", good[:-40], good + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(Refusal) as caught:
            TrustStore.from_pem(**{"anchors": good, field: bad})
        assert caught.value.code == "EDX902"
        assert caught.value.finding.where == f"trust.{field}"


def test_what_is_blocked_breaks_every_chain_that_holds_it() -> None:
    """Key or certificate, of the root, the issuing authority or the signer; and remembering changes nothing."""
    [leaf, between], above = certificates.chain(), certificates.root().certificate
    store = certificates.store()
    assert judged(leaf, between, store=store) == ""
    for each in (leaf, between, above):
        for name in identifying_digests(each):
            for _ in range(2):
                assert judged(leaf, between, store=store.blocking(frozenset({name}))) == "EDX409"
            assert judged(leaf, between, store=store) == ""
    assert judged(leaf, between, store=store.blocking(frozenset({"ab" * 32}))) == ""
