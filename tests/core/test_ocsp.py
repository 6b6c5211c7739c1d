"""Answers of responders: which are heard, and what follows from them and from lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponderEncoding, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID

from edxml_router.core import pki
from edxml_router.core.problems import Setback
from edxml_router.core.trust.certificate import identifying_digests, write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.ocsp import MAX_BYTES, OcspResponse, question, read_answer, status
from edxml_router.core.trust.revocation import Freshness, RevocationLists, Standing
from edxml_router.core.trust.revocation_list import read_lists
from edxml_router.core.trust.standing import (
    CLOCKS,
    KnownAnswers,
    ListsAndAnswers,
    Responder,
    check_new_answer,
    judge_answer,
)
from tests.certificates import NOW, chain, crl, issuing, key, leaf, odd_leaf, root

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
STRICT = Freshness(required=True, grace=3 * DAY)
OCSP_SIGNING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
SIGNS = pki.key_usage(digital_signature=True)
NAME = leaf().fingerprint(hashes.SHA256())


def made(
    *,
    by: pki.Issuer | None = None,
    about: x509.Certificate | None = None,
    of: x509.Certificate | None = None,
    at: datetime = NOW - timedelta(hours=1),
    days: float | None = 1,
    revoked: datetime | None = None,
    says: OCSPCertStatus | None = None,
    named: OCSPResponderEncoding = OCSPResponderEncoding.HASH,
    algorithm: hashes.HashAlgorithm | None = None,
    include: x509.Certificate | None = None,
    extension: tuple[x509.ExtensionType, bool] | None = None,
) -> bytes:
    """An answer: good, unless ``revoked``; of the issuing authority, unless ``by`` somebody else."""
    by = by or issuing()
    says = says or (OCSPCertStatus.REVOKED if revoked else OCSPCertStatus.GOOD)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about or leaf(),
        issuer=of or issuing().certificate,
        algorithm=algorithm or hashes.SHA1(),  # noqa: S303  # names the issuer
        cert_status=says,
        this_update=at,
        next_update=None if days is None else at + timedelta(days=days),
        revocation_time=revoked,
        revocation_reason=None,
    )
    builder = builder.responder_id(named, by.certificate)
    if include is not None:
        builder = builder.certificates([include])
    if extension is not None:
        builder = builder.add_extension(*extension)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(
    *extensions: tuple[x509.ExtensionType, bool], issuer: pki.Issuer | None = None, **fields: Any
) -> pki.Issuer:
    """Somebody with a certificate of the issuing authority, by default one for answering."""
    given = extensions or ((SIGNS, True), (OCSP_SIGNING, False))
    return pki.Issuer(key("p-256", "responder"), odd_leaf("responder", extensions=given, issuer=issuer, **fields))


def delegated(*extensions: tuple[x509.ExtensionType, bool], **fields: Any) -> bytes:
    by = responder(*extensions, **fields)
    return made(by=by, include=by.certificate)


def why_not(data: bytes, named: x509.Certificate | None = None) -> str:
    """What is wrong with an answer; empty when it is heard."""
    try:
        read_answer(data, leaf(), issuing().certificate, named)
    except Setback as setback:
        assert setback.code == "EDX319"
        return setback.finding.detail
    return ""


# --- which answers are heard ---------------------------------------------------------------------------------


def test_the_question_names_the_certificate_and_nothing_else() -> None:
    asked = ocsp.load_der_ocsp_request(question(leaf(), issuing().certificate))
    assert asked.serial_number == leaf().serial_number
    assert isinstance(asked.hash_algorithm, hashes.SHA1)
    assert len(asked.extensions) == 0


@pytest.mark.parametrize("named", OCSPResponderEncoding)
@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=lambda each: each.name)  # noqa: S303
def test_the_authority_itself_is_heard(named: OCSPResponderEncoding, algorithm: hashes.HashAlgorithm) -> None:
    said = read_answer(made(named=named, algorithm=algorithm), leaf(), issuing().certificate)
    assert said == OcspResponse(NOW - timedelta(hours=1), NOW + timedelta(hours=23), None, None)
    since = NOW - 9 * DAY
    assert read_answer(made(revoked=since), leaf(), issuing().certificate).revoked == since


def test_an_authority_with_an_rsa_key_is_heard() -> None:
    by = pki.issuing(root(), key("rsa-2048", "RSA"), "RSA", serial=5, at=NOW - DAY, days=99)
    certificate = odd_leaf(issuer=by)
    assert read_answer(made(by=by, of=by.certificate, about=certificate), certificate, by.certificate).revoked is None


def test_whom_it_delegated_to_is_heard() -> None:
    by = responder()
    said = read_answer(made(by=by, include=by.certificate), leaf(), issuing().certificate)
    assert said.signer == by.certificate
    assert why_not(delegated((OCSP_SIGNING, True))) == ""  # RFC 5280: without KeyUsage there is no restriction


def test_whom_the_operator_named_is_heard() -> None:
    """Wherever its certificate comes from, and whether or not it is sent along."""
    by = responder((SIGNS, True), issuer=issuing("Other issuing", "Other root"))
    assert why_not(made(by=by), by.certificate) == ""
    assert "may not answer" in why_not(made(by=by, include=by.certificate))
    assert "not signed by" in why_not(made(by=by))
    assert why_not(made(), by.certificate) == ""  # the authority still speaks for itself


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ANY = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: delegated((SIGNS, True)), id="no purpose"),
        pytest.param(lambda: delegated((SIGNS, True), (ANY, False)), id="any purpose"),
        pytest.param(lambda: delegated((pki.key_usage(crl_sign=True), True), (OCSP_SIGNING, False)), id="key usage"),
        pytest.param(lambda: delegated((OCSP_SIGNING, False), (UNKNOWN, True)), id="critical extension"),
        pytest.param(lambda: delegated(hash_algorithm=hashes.SHA224()), id="weak hash"),
        pytest.param(lambda: delegated(issuer=issuing("Other issuing", "Other root")), id="of another authority"),
        pytest.param(lambda: delegated(issuer=root()), id="of the authority above"),
        pytest.param(
            lambda: delegated(issuer=pki.Issuer(key("p-256", "thief"), issuing().certificate)), id="forged certificate"
        ),
        pytest.param(lambda: made(by=issuing("Other issuing", "Other root")), id="another authority"),
    ],
)
def test_nobody_else_is_heard(data: Any) -> None:
    assert why_not(data()).startswith(("signed by CN=responder", "not signed by the authority"))


def test_a_weak_key_is_not_heard() -> None:
    extensions = ((SIGNS, True), (OCSP_SIGNING, False))
    weak = odd_leaf("responder", extensions=extensions, public=WEAK.public_key())
    assert "not signed by" in why_not(made(by=pki.Issuer(WEAK, weak), include=weak))


def test_a_signature_of_another_key_under_the_authoritys_name_is_not_heard() -> None:
    thief = pki.issuing(root("Other root"), key("p-256", "thief"), "Issuing", serial=6, at=NOW - DAY, days=99)
    assert thief.certificate.subject == issuing().certificate.subject
    assert "not signed by" in why_not(made(by=thief, named=OCSPResponderEncoding.NAME))
    assert "may not answer" in why_not(
        made(by=thief, named=OCSPResponderEncoding.NAME, include=thief.certificate)
    )
    data = made()
    assert "not signed by" in why_not(data[:-1] + bytes([data[-1] ^ 1]))


def test_an_answer_about_something_else_is_not_heard() -> None:
    assert why_not(made(about=leaf("H53.03"))) == "about another certificate"
    same_name = pki.issuing(root(), key("p-256", "thief"), "Issuing", serial=6, at=NOW - DAY, days=99)
    same_key = pki.issuing(root(), issuing().key, "Other", serial=7, at=NOW - DAY, days=99)
    for other in (same_name, same_key):
        same_serial = odd_leaf(serial=leaf().serial_number, issuer=other)
        assert why_not(made(about=same_serial, of=other.certificate)) == "about another certificate"


def test_an_answer_under_another_name_is_not_heard() -> None:
    """RFC 6960, 3.2: who signed must be who the answer says it is of."""
    same_key = pki.issuing(root(), issuing().key, "Other", serial=7, at=NOW - DAY, days=99)
    assert "not signed by" in why_not(made(by=same_key, named=OCSPResponderEncoding.NAME))
    assert why_not(made(by=same_key, named=OCSPResponderEncoding.HASH)) == ""


def test_what_is_not_understood_is_not_heard() -> None:
    data = made()
    for odd in (b"", b"<html>", data[:-1], data[: len(data) // 2], data + b"x"):
        assert why_not(odd) == "not an answer that is understood"
        with pytest.raises(Setback):
            status(odd)
    assert why_not(data + bytes(MAX_BYTES)) == f"more than {MAX_BYTES} bytes"
    assert why_not(made(extension=(UNKNOWN, True))) == "a critical extension that is not known here"
    assert why_not(made(extension=(UNKNOWN, False))) == ""


@pytest.mark.parametrize("said", [each for each in OCSPResponseStatus if each is not OCSPResponseStatus.SUCCESSFUL])
def test_an_unsuccessful_answer_says_nothing(said: OCSPResponseStatus) -> None:
    data = ocsp.OCSPResponseBuilder.build_unsuccessful(said).public_bytes(Encoding.DER)
    assert why_not(data) == f"status {said.name.lower()}"
    assert status(data) == said.name.lower()


def test_a_responder_that_does_not_know_the_certificate_says_nothing() -> None:
    assert why_not(made(says=OCSPCertStatus.UNKNOWN)) == "the responder does not know the certificate"


# --- what follows --------------------------------------------------------------------------------------------


def standing(
    *lists: bytes,
    answer: bytes | None = None,
    at: datetime = NOW,
    freshness: Freshness = STRICT,
    named: x509.Certificate | None = None,
    blocked: frozenset[str] = frozenset(),
) -> Standing:
    known = KnownAnswers([Responder(issuing().certificate, named)], {} if answer is None else {NAME: answer})
    source = ListsAndAnswers(RevocationLists(read_lists(lists)), known)
    return source.standing(leaf(), issuing().certificate, at, freshness, blocked)


def said(*lists: bytes, **options: Any) -> str:
    """The code, or the marks, or "good"."""
    found = standing(*lists, **options)
    return found.finding.code if found.finding else " ".join(found.marks) or "good"


def test_an_answer_is_fresh_then_stale_then_unknown() -> None:
    answer = made(at=NOW, days=2)
    for days, expected in {0: "good", 1.99: "good", 2: "ocsp-stale", 4.99: "ocsp-stale", 5: "EDX314"}.items():
        assert said(answer=answer, at=NOW + timedelta(days=days)) == expected


def test_an_answer_without_a_next_update_is_never_fresh() -> None:
    answer = made(at=NOW, days=None)
    for days, expected in {0: "ocsp-stale", 2.99: "ocsp-stale", 3: "EDX314"}.items():
        assert said(answer=answer, at=NOW + timedelta(days=days)) == expected


def test_a_revoked_certificate_is_revoked_however_old_the_answer() -> None:
    answer = made(revoked=NOW - 2 * DAY, at=NOW - DAY)
    assert said(answer=answer) == said(answer=answer, at=NOW + 99 * DAY) == "EDX313"
    assert said(answer=answer, freshness=Freshness(required=False)) == "EDX313"


def test_a_revocation_counts_from_its_date() -> None:
    answer = made(revoked=NOW, at=NOW - DAY, days=9)
    assert said(answer=answer, at=NOW - SECOND) == "good"
    assert standing(answer=answer, at=NOW - SECOND).until == NOW
    assert said(answer=answer, at=NOW) == "EDX313"


def test_an_answer_from_the_future_says_nothing_yet() -> None:
    """But the clocks of two machines are never the same."""
    assert said(answer=made(at=NOW + CLOCKS)) == "good"
    assert said(answer=made(at=NOW + CLOCKS + SECOND)) == "EDX314"


def test_without_an_answer_it_depends_on_the_policy() -> None:
    assert said() == "EDX314"
    assert said(freshness=Freshness(required=False)) == "revocation-unchecked"
    assert said(answer=b"nothing") == "EDX314"


def test_a_delegated_answer_ends_with_the_responders_certificate() -> None:
    by = responder(end=NOW + DAY)
    answer = made(by=by, include=by.certificate, at=NOW, days=2)
    assert said(answer=answer, at=NOW + DAY - SECOND) == "good"
    assert said(answer=answer, at=NOW + DAY) == "EDX314"  # its grace does not count
    gone = made(by=by, include=by.certificate, revoked=NOW - DAY)
    assert said(answer=gone, at=NOW + 9 * DAY) == "EDX313"


def test_a_responder_on_a_list_is_not_heard() -> None:
    by = responder()
    answer = made(by=by, include=by.certificate)
    listed = crl(pki.RevokedCertificate(by.certificate.serial_number, NOW - DAY), at=NOW - 9 * DAY, days=1)
    assert said(answer=answer) == "good"
    assert said(listed, answer=answer) == "EDX314"
    assert said(listed, answer=answer, named=by.certificate) == "good"  # the operator's word


def test_a_responder_that_is_blocked_is_not_heard() -> None:
    """Neither delegated nor named by the operator, whatever it says; a list still counts."""
    by = responder()
    revoked = made(by=by, include=by.certificate, revoked=NOW - DAY)
    for name in identifying_digests(by.certificate):
        for answer in (made(by=by, include=by.certificate), revoked):
            for named in (None, by.certificate):
                options = {"answer": answer, "named": named, "blocked": frozenset({name})}
                assert said(**options) == "EDX314"
                assert said(crl(), **options) == "good"


def test_of_lists_and_answers_the_clearer_one_counts() -> None:
    fresh, stale, old = crl(), crl(at=NOW - 2 * DAY, days=1), crl(at=NOW - 9 * DAY, days=1)
    answered, answered_stale, answered_old = made(), made(at=NOW - 2 * DAY), made(at=NOW - 9 * DAY)
    assert said(stale, answer=answered) == said(old, answer=answered) == said(answer=answered) == "good"
    assert said(fresh, answer=answered_stale) == said(fresh, answer=answered_old) == said(fresh) == "good"
    assert said(stale, answer=answered_stale) == said(stale, answer=answered_old) == said(stale) == "crl-stale"
    assert said(old, answer=answered_stale) == "ocsp-stale"
    assert said(old, answer=answered_old) == "EDX314"
    both = standing(old, answer=answered_old).finding
    assert both
    assert both.detail == (
        "the list should have been renewed by 2026-02-22T02:00:00Z; "
        "the responder's answer should have been renewed by 2026-02-22T02:00:00Z"
    )


def test_who_says_revoked_is_believed() -> None:
    listed = crl(pki.RevokedCertificate(leaf().serial_number, NOW - 2 * DAY), at=NOW - 2 * DAY)
    gone = made(revoked=NOW - 2 * DAY, at=NOW - 9 * DAY)
    assert said(listed, answer=made()) == "EDX313"
    assert said(crl(), answer=gone) == "EDX313"


def test_the_answer_to_a_question_holds_as_long_as_each_part_of_it() -> None:
    found = standing(crl(at=NOW - DAY, days=2), answer=made(at=NOW - timedelta(hours=2), days=3))
    assert (found.since, found.until) == (NOW - timedelta(hours=2) - CLOCKS, NOW + DAY)
    found = standing(crl(at=NOW - timedelta(hours=2), days=3), answer=made(at=NOW - DAY, days=2))
    assert (found.since, found.until) == (NOW - timedelta(hours=2), NOW + DAY)


def test_what_is_not_known_is_wanted_and_nothing_else() -> None:
    wanted: list[x509.Certificate] = []
    first, second = (chain(code)[0] for code in ("H53.02", "H53.03"))
    answers = {first.fingerprint(hashes.SHA256()): made(about=first)}
    known = KnownAnswers([Responder(issuing().certificate)], answers, wanted.append)
    store = TrustStore.from_pem(write_pem([root().certificate]), known=known, freshness=Freshness(required=False))
    for code in ("H53.02", "H53.03"):
        sent = [each.public_bytes(Encoding.DER) for each in chain(code)]
        assert store.judge(sent, NOW).finding is None
    assert wanted == [second]
    strangers = leaf(issuer="X", above="Y"), issuing("X", "Y").certificate
    finding = store.judge([each.public_bytes(Encoding.DER) for each in strangers], NOW).finding
    assert finding
    assert finding.code == "EDX308"
    assert len(wanted) == 1


def test_a_store_with_other_answers_is_another_store() -> None:
    by, good, gone = Responder(issuing().certificate), made(), made(revoked=NOW - DAY)

    def epoch(known: KnownAnswers | None) -> str:
        return TrustStore.from_pem(write_pem([root().certificate]), known=known).epoch

    epochs = [
        epoch(None),
        epoch(KnownAnswers([by])),
        epoch(KnownAnswers([by], {NAME: good})),
        epoch(KnownAnswers([by], {NAME: gone})),
        epoch(KnownAnswers([by], {NAME[::-1]: gone})),
        epoch(KnownAnswers([Responder(by.issuer, leaf())])),
    ]
    assert len(set(epochs)) == len(epochs)
    assert epoch(KnownAnswers([by], {NAME: good}, lambda _: None)) == epochs[2]


# --- renewal -------------------------------------------------------------------------------------------------


def renewal(new: bytes, kept: bytes | None = None) -> str:
    one, other = (each and read_answer(each, leaf(), issuing().certificate) for each in (new, kept))
    try:
        check_new_answer(one, other, NOW, 3 * DAY)
    except Setback as setback:
        assert setback.code == "EDX319"
        return setback.finding.detail
    return ""


def test_what_may_replace_an_answer() -> None:
    kept = made(at=NOW - DAY)
    assert renewal(made()) == renewal(made(), kept) == renewal(kept, kept) == ""
    assert renewal(made(at=NOW - 2 * DAY)) == ""  # stale
    assert renewal(made(revoked=NOW - 99 * DAY, at=NOW - 99 * DAY)) == ""  # revoked is never too old
    assert renewal(made(), made(revoked=NOW - 2 * DAY, at=NOW - DAY)) == ""  # released again


def test_what_may_not_replace_an_answer() -> None:
    assert "from the future" in renewal(made(at=NOW + CLOCKS + SECOND))
    assert "should have been renewed" in renewal(made(at=NOW - 4 * DAY))
    assert "older" in renewal(made(at=NOW - DAY), made())
    ended = responder(end=NOW - SECOND)
    assert "not valid now" in renewal(made(by=ended, include=ended.certificate))
    early = responder(begin=NOW + SECOND)
    assert "not valid now" in renewal(made(by=early, include=early.certificate))


def test_a_good_answer_of_an_ended_responder_that_was_kept_says_nothing() -> None:
    by = responder(end=NOW - SECOND)
    answer = read_answer(made(by=by, include=by.certificate), leaf(), issuing().certificate)
    finding = judge_answer(answer, leaf(), NOW, STRICT).finding
    assert finding
    assert finding.code == "EDX314"
