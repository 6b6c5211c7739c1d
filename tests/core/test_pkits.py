"""NIST's test suite for certification paths (PKITS 1.0.1), sections 4.1 to 4.7, through our chain and revocation rules.

From the package ``cryptography-vectors``. Every list of the suite is on hand, revocation is required, and a list past
its time does not serve. The intermediates are those whose names lead from the leaf to the anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation import Freshness
from tests.certificates import NOW

DATA = files("cryptography_vectors").joinpath("x509", "PKITS_data")
NO_GRACE = Freshness(required=True, grace=timedelta())

# By section, in the order of their numbers; the names are those of the leaves' files without "Test" and number.
SECTIONS = {
    "4.1 signatures": (
        "ValidCertificatePath", "InvalidCASignature", "InvalidEESignature", "ValidDSASignatures",
        "ValidDSAParameterInheritance", "InvalidDSASignature",
    ),
    "4.2 validity": (
        "InvalidCAnotBeforeDate", "InvalidEEnotBeforeDate", "Validpre2000UTCnotBeforeDate",
        "ValidGeneralizedTimenotBeforeDate", "InvalidCAnotAfterDate", "InvalidEEnotAfterDate",
        "Invalidpre2000UTCEEnotAfterDate", "ValidGeneralizedTimenotAfterDate",
    ),
    "4.3 names": (
        "InvalidNameChaining", "InvalidNameChainingOrder", "ValidNameChainingWhitespace",
        "ValidNameChainingWhitespace", "ValidNameChainingCapitalization", "ValidNameUIDs",
        "ValidRFC3280MandatoryAttributeTypes", "ValidRFC3280OptionalAttributeTypes", "ValidUTF8StringEncodedNames",
        "ValidRolloverfromPrintableStringtoUTF8String", "ValidUTF8StringCaseInsensitiveMatch",
    ),
    "4.4 revocation": (
        "InvalidMissingCRL", "InvalidRevokedCA", "InvalidRevokedEE", "InvalidBadCRLSignature",
        "InvalidBadCRLIssuerName", "InvalidWrongCRL", "ValidTwoCRLs", "InvalidUnknownCRLEntryExtension",
        "InvalidUnknownCRLExtension", "InvalidUnknownCRLExtension", "InvalidOldCRLnextUpdate",
        "Invalidpre2000CRLnextUpdate", "ValidGeneralizedTimeCRLnextUpdate", "ValidNegativeSerialNumber",
        "InvalidNegativeSerialNumber", "ValidLongSerialNumber", "ValidLongSerialNumber", "InvalidLongSerialNumber",
        "ValidSeparateCertificateandCRLKeys", "InvalidSeparateCertificateandCRLKeys",
        "InvalidSeparateCertificateandCRLKeys",
    ),
    "4.5 self-issued": (
        "ValidBasicSelfIssuedOldWithNew", "InvalidBasicSelfIssuedOldWithNew", "ValidBasicSelfIssuedNewWithOld",
        "ValidBasicSelfIssuedNewWithOld", "InvalidBasicSelfIssuedNewWithOld", "ValidBasicSelfIssuedCRLSigningKey",
        "InvalidBasicSelfIssuedCRLSigningKey", "InvalidBasicSelfIssuedCRLSigningKey",
    ),
    "4.6 basic constraints": (
        "InvalidMissingbasicConstraints", "InvalidcAFalse", "InvalidcAFalse", "ValidbasicConstraintsNotCritical",
        "InvalidpathLenConstraint", "InvalidpathLenConstraint", "ValidpathLenConstraint", "ValidpathLenConstraint",
        "InvalidpathLenConstraint", "InvalidpathLenConstraint", "InvalidpathLenConstraint", "InvalidpathLenConstraint",
        "ValidpathLenConstraint", "ValidpathLenConstraint", "ValidSelfIssuedpathLenConstraint",
        "InvalidSelfIssuedpathLenConstraint", "ValidSelfIssuedpathLenConstraint",
    ),
    "4.7 key usage": (
        "InvalidkeyUsageCriticalkeyCertSignFalse", "InvalidkeyUsageNotCriticalkeyCertSignFalse",
        "ValidkeyUsageNotCritical", "InvalidkeyUsageCriticalcRLSignFalse", "InvalidkeyUsageNotCriticalcRLSignFalse",
    ),
}  # fmt: skip

CASES = {
    f"{section.split()[0]}.{number}": f"{name}Test{number}EE.crt"
    for section, names in SECTIONS.items()
    for number, name in enumerate(names, start=1)
}

_BYTES = "names are compared byte by byte, not as RFC 5280, 7.1 folds them"
_OWN_LISTS = "a list counts only when it is signed with the key that signed the certificate"
_SELF_ISSUED = "a self-issued certificate counts for the length of the path too"

# Paths that are valid and refused all the same: the code that they meet, and the reason. None is the other way round.
EXCEPTIONS = {
    "4.1.4": ("EDX310", "DSA is not among our algorithms"),
    "4.1.5": ("EDX311", "DSA is not among our algorithms, and this key cannot even be read"),
    "4.2.4": ("EDX308", "a time before 2050 must be written as UTCTime (RFC 5280, 4.1.2.5), and this is not"),
    "4.3.3": ("EDX308", _BYTES),
    "4.3.4": ("EDX308", _BYTES),
    "4.3.5": ("EDX308", _BYTES),
    "4.3.10": ("EDX308", _BYTES),
    "4.3.11": ("EDX308", _BYTES),
    "4.4.19": ("EDX314", _OWN_LISTS),
    "4.5.1": ("EDX314", _OWN_LISTS),
    "4.5.4": ("EDX314", _OWN_LISTS),
    "4.5.6": ("EDX314", _OWN_LISTS),
    "4.6.8": ("EDX310", "an authority's certificate does not sign documents"),
    "4.6.14": ("EDX310", "an authority's certificate does not sign documents"),
    "4.6.15": ("EDX308", _SELF_ISSUED),
    "4.6.17": ("EDX323", _SELF_ISSUED),
}


@cache
def certificate(name: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(DATA.joinpath("certs", name).read_bytes())


@cache
def authorities() -> tuple[x509.Certificate, ...]:
    """Of the sections tested; the anchor is given apart."""
    found = []
    for file in DATA.joinpath("certs").iterdir():
        if not file.name.endswith("EE.crt") and file.name != "TrustAnchorRootCertificate.crt":
            try:
                found.append(certificate(file.name))
            except ValueError:
                assert "DSA" in file.name
    return tuple(sorted(found, key=lambda item: item.public_bytes(Encoding.DER)))


@cache
def lists() -> tuple[bytes, ...]:
    return tuple(file.read_bytes() for file in sorted(DATA.joinpath("crls").iterdir(), key=lambda file: file.name))


def name(value: x509.Name) -> str:
    """As RFC 5280, 7.1 compares names, so that the choice of intermediates does not decide a case."""
    return " ".join(value.rfc4514_string().split()).casefold()


def above(leaf: x509.Certificate) -> Sequence[x509.Certificate]:
    wanted, found = {name(leaf.issuer)}, []
    while more := [item for item in authorities() if name(item.subject) in wanted and item not in found]:
        found += more
        wanted |= {name(item.issuer) for item in more}
    return found


def finding(file: str) -> str:
    """ "" when the path holds, else the code."""
    leaf = DATA.joinpath("certs", file).read_bytes()
    try:
        chain = above(x509.load_der_x509_certificate(leaf))
    except ValueError:
        chain = ()
    anchor = write_pem([certificate("TrustAnchorRootCertificate.crt")])
    store = TrustStore.from_pem(anchor, write_pem(chain), lists(), NO_GRACE)
    verdict = store.judge([leaf], NOW)
    return verdict.finding.code if verdict.finding else ""


# The sections that are not ours: policies, names, points of distribution, delta lists. A current list counts without
# its delta, which nobody here reads.
OTHERS = sorted(
    file.name
    for file in DATA.joinpath("certs").iterdir()
    if file.name.startswith("Invalid") and file.name.endswith("EE.crt") and file.name not in CASES.values()
)
DELTA = "InvaliddeltaCRLTest4EE.crt"


@pytest.mark.filterwarnings("ignore:Parsed a serial number:Warning")  # 4.4.14, 4.4.15: that is their point
@pytest.mark.parametrize("number", CASES)
def test_a_path_of_pkits(number: str) -> None:
    found = finding(CASES[number])
    if number in EXCEPTIONS:
        assert (found, CASES[number][:5]) == (EXCEPTIONS[number][0], "Valid")
    else:
        assert (found == "") is CASES[number].startswith("Valid"), CASES[number]


@pytest.mark.filterwarnings("ignore:Parsed a serial number:Warning")
def test_no_other_invalid_path_of_pkits_holds() -> None:
    """What is not supported is refused, not passed over: directory names in constraints, policies that are required."""
    assert len(OTHERS) > 60
    assert [file for file in OTHERS if finding(file) == ""] == [DELTA]
