"""Certificates of authorities: what lets one vouch for signers, and whether a configured one ever can.

    trouble(anchor, at)                             # "", or why no chain through it holds
    trouble(intermediate, at, anchors, others)      # likewise, or that it leads to none of the anchors

Chains are built by ``cryptography``'s verifier, whose default rules are those of the web: they refuse existing public
authorities that RFC 5280 and OpenSSL accept. EXTENSIONS holds our rules instead; docs/decisions.md has the reason for
each. An anchor is judged when it is configured, in the library's words, rather than when the first sender is refused
because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import verification

from edxml_router.core.detail import Detail
from edxml_router.core.trust.certificate import DAMAGED, SIGNING_PURPOSES, has_usable_key
from edxml_router.core.wording import in_words

MAX_CHAIN_DEPTH: Final = 4  # authorities between leaf and anchor; two are usual
_SENT: Final = 8  # certificates of a sender that are looked at for who is to blame
_ANY: Final = verification.Criticality.AGNOSTIC

_FRAMES: Final = (
    "validation failed: ",
    "candidates exhausted: ",
    "fatal error: ",
    "Python extension validator failed: ",
    "ValueError: ",
)

_NO_AUTHORITY: Final = Detail("basicConstraints does not say CA:TRUE")
_MAY_NOT_CERTIFY: Final = Detail("its KeyUsage does not allow keyCertSign")
_OTHER_PURPOSES: Final = Detail("its ExtendedKeyUsage does not allow certificates that sign documents")
_NEEDS_POLICY: Final = Detail("its PolicyConstraints require an explicit policy, which is not supported")
# An exception raised in one of the library's callbacks comes back as plain text.
_OURS: Final = {str(one): one for one in (_NO_AUTHORITY, _MAY_NOT_CERTIFY, _OTHER_PURPOSES, _NEEDS_POLICY)}

Verifier = verification.ClientVerifier


def _is_authority(_policy: verification.Policy, _certificate: x509.Certificate, said: x509.BasicConstraints) -> None:
    if not said.ca:
        raise ValueError(_NO_AUTHORITY)


def _may_certify(_policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """RFC 5280, 6.1.4 (n): only a KeyUsage that is there can forbid it."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError(_MAY_NOT_CERTIFY)


def _vouches_for_signers(
    _policy: verification.Policy, _certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None
) -> None:
    """The purposes of an authority bound those of the certificates below it, which is general practice though not in
    the RFC.
    """
    if purposes is not None and not SIGNING_PURPOSES.intersection(purposes):
        raise ValueError(_OTHER_PURPOSES)


def _needs_no_policy(
    _policy: verification.Policy, _certificate: x509.Certificate, said: x509.PolicyConstraints | None
) -> None:
    """Without requireExplicitPolicy no policy decides whether a chain holds (6.1.5 (g)); with it all would have to be
    followed."""
    if said is not None and said.require_explicit_policy is not None:
        raise ValueError(_NEEDS_POLICY)


EXTENSIONS: Final = (
    verification.ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _ANY, _is_authority)
    .may_be_present(x509.KeyUsage, _ANY, _may_certify)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _vouches_for_signers)
    .may_be_present(x509.CertificatePolicies, _ANY, None)
    .may_be_present(x509.InhibitAnyPolicy, _ANY, None)
    .may_be_present(x509.PolicyConstraints, _ANY, _needs_no_policy)
)


def verifier(roots: verification.Store, at: datetime, leaf: verification.ExtensionPolicy) -> Verifier:
    """Builds chains to ``roots`` at the moment ``at``; ``leaf`` is for the certificate at their lower end."""
    builder = verification.PolicyBuilder().store(roots).time(at).max_chain_depth(MAX_CHAIN_DEPTH)
    return builder.extension_policies(ee_policy=leaf, ca_policy=EXTENSIONS).build_client_verifier()


def trouble(
    certificate: x509.Certificate,
    at: datetime,
    anchors: Sequence[x509.Certificate] = (),
    others: Sequence[x509.Certificate] = (),
) -> str:
    """Why no chain through this authority can hold at the moment ``at``, "" if one can. ``anchors`` and ``others`` are
    what an intermediate leads up by; an anchor is given alone."""
    if not has_usable_key(certificate):
        return Detail("its key is not RSA of 2048 to 8192 bits, nor P-256, P-384 or P-521")
    try:
        roots = verification.Store(list(anchors or (certificate,)))
        # As if it were a leaf: so the library judges a certificate that has issued nothing yet.
        verifier(roots, at, EXTENSIONS).verify(certificate, list(others))
    except (verification.VerificationError, *DAMAGED) as error:
        return reason(error)
    return ""


def reason(error: Exception) -> str:
    """The reason alone, ours or the library's, without the library's framing."""
    text = str(error).partition(" (encountered processing")[0]
    for frame in _FRAMES:
        text = text.removeprefix(frame)
    if text == "all candidates exhausted with no interior errors":
        return Detail("no authority of that name and key is known here or was sent along")
    return _OURS.get(text, text) if text and "{" not in text else in_words(error)


def issuers(
    certificate: x509.Certificate, sent: Sequence[x509.Certificate], configured: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Those of the ``configured`` authorities that stand above ``certificate``, by name and signature, perhaps over
    others that were ``sent``."""
    found: list[x509.Certificate] = []
    below = [certificate]
    for _ in range(MAX_CHAIN_DEPTH + 1):
        above = [each for each in configured if each not in found and any(_issued(each, one) for one in below)]
        found += above
        below = [*above, *(each for each in sent[:_SENT] if each not in below and any(_issued(each, x) for x in below))]
    return tuple(found)


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    if issuer == certificate or issuer.subject != certificate.issuer or not has_usable_key(issuer):
        return False
    with suppress(InvalidSignature, *DAMAGED):
        certificate.verify_directly_issued_by(issuer)
        return True
    return False
