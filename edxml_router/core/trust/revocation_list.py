"""One revocation list (RFC 5280, section 5): its fields, its signature, and whom it revokes.

    found = read_lists([data], "trust.crls")     # of files' contents
    one.trouble                                  # "" where it can be used, else why nobody may rely on it
    one.signed_by(authority); one.revoked(serial)

A list is read once, and whether an authority signed it is computed once; both stay true as long as its bytes are kept.
``cryptography`` reads everything but the entries: it gets a copy without them, because it needs ten seconds for a list
of a hundred megabytes. Errors that the library raises only when a part is read (a repeated extension, an unknown form
of name) are caught here, so that one odd list harms only itself.

Not used, because not understood: delta and indirect lists, lists for some reasons only, critical extensions without a
rule here, weak hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Refusal
from edxml_router.core.trust import der
from edxml_router.core.trust.certificate import DAMAGED
from edxml_router.core.trust.containers import unpack
from edxml_router.core.trust.revoked_entries import RevokedEntries
from edxml_router.core.wording import text_in_words

MAX_BYTES: Final = 128 * 1024 * 1024  # the largest public lists have some 10 MB; one of an authority's whole life 100
STRONG: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SIGNERS: Final = 64  # authorities of one name whose keys were tried; more were made to cost something
_HEAD: Final = 256 * 1024  # bytes of a list beside its entries; usual ones have some hundred
_NUMBER: Final = 8 * 20  # bits of a CRL number (RFC 5280, 5.2.3)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class RevocationList:
    """A list in DER. Raises ValueError for what is no list at all; whatever else is wrong is its ``trouble``."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).digest()
        self.number = 0  # the CRL number, 0 when the list has none
        self.this_update = self.fresh_until = _NEVER
        self.point: x509.IssuingDistributionPoint | None = None
        start, end = der.only(data, der.SEQUENCE)
        signed, *others = der.values(data, start, end)
        if signed[0] != der.SEQUENCE or len(others) != 2:
            raise ValueError(Detail("not a revocation list"))
        self._signed = (signed[1], signed[3])
        self._entries_at, plain = _without_entries(data, signed[2], signed[3])
        if len(plain) > _HEAD:  # nobody knows yet whose bytes these are, and the library is slow on them
            raise ValueError(Detail("{count} bytes beside its entries", count=len(plain)))
        self._signers: dict[bytes, bool] = {}
        try:
            # That the algorithm within what is signed is the one outside (RFC 5280, 5.1.1.2) is seen to here.
            self._head = x509.load_der_x509_crl(der.value(der.SEQUENCE, plain + data[signed[3] : end]))
            self.issuer = self._head.issuer
        except DAMAGED as error:
            raise ValueError(text_in_words(error)) from error
        self._said = ""
        try:
            self._read(self._head)
        except x509.DuplicateExtension as error:
            self._said = Detail("the extension {extension} stands in it twice", extension=error.oid.dotted_string)
        except DAMAGED as error:
            self._said = text_in_words(error)

    def _read(self, head: x509.CertificateRevocationList) -> None:
        self.this_update = head.last_update_utc
        # When its authority will have published the next one; a list that does not say so is never fresh.
        self.fresh_until = head.next_update_utc or head.last_update_utc
        algorithm = head.signature_hash_algorithm
        if not isinstance(algorithm, STRONG):
            self._said = Detail(
                "the hash of its signature is {algorithm}", algorithm=algorithm.name if algorithm else Detail("unknown")
            )
        for extension in head.extensions:
            self._read_extension(extension)

    def _read_extension(self, extension: x509.Extension[x509.ExtensionType]) -> None:
        value = extension.value
        if isinstance(value, x509.CRLNumber):
            if value.crl_number.bit_length() > _NUMBER:  # Python would not even write it
                self._said = Detail("its number is longer than 20 bytes")
            else:
                self.number = value.crl_number
        if isinstance(value, x509.IssuingDistributionPoint):
            self.point = value
            if value.indirect_crl or value.only_contains_attribute_certs or value.only_some_reasons:
                self._said = Detail("an indirect list, or one for attribute certificates or for some reasons only")
            elif value.relative_name is not None:
                self._said = Detail("a distribution point with a relative name")
        elif isinstance(value, x509.DeltaCRLIndicator):
            self._said = Detail("a delta list")
        elif extension.critical:
            self._said = Detail(
                "a critical extension that is not known here: {extension}", extension=extension.oid.dotted_string
            )

    @property
    def name(self) -> str:
        """For people: whose it is, and which."""
        return f"{self.issuer.rfc4514_string()}, {self.number}"

    @property
    def heading_trouble(self) -> str:
        """As ``trouble``, but without reading the entries, whose cost the sender of the bytes decides."""
        return self._said

    @cached_property
    def trouble(self) -> str:
        """Why the list cannot be used, "" if it can."""
        if self._said:
            return self._said
        try:
            _ = self._entries
        except ValueError as error:
            return said(error)
        return ""

    @cached_property
    def _entries(self) -> RevokedEntries:
        return RevokedEntries(self.data, *self._entries_at)

    def revoked(self, serial: int) -> datetime | None:
        """Since when the certificate with this number is revoked; None if it is not listed. Only without trouble."""
        return self._entries.revoked(serial)

    def signed_by(self, authority: x509.Certificate) -> bool:
        """Whether this authority's key signed the list, and may sign lists."""
        try:
            if self.issuer != authority.subject or not _may_sign_lists(authority):
                return False
            key = authority.public_key()
            if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                return False
            name = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if name not in self._signers:
                if len(self._signers) >= _SIGNERS:
                    return False
                self._signers[name] = self._verifies(key)
            return self._signers[name]
        except DAMAGED:
            return False

    def _verifies(self, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bool:
        """The library's own check writes the whole list anew, which takes ten times as long as the rest."""
        algorithm, parameters = self._head.signature_hash_algorithm, self._head.signature_algorithm_parameters
        if not isinstance(algorithm, STRONG):
            return False
        hashed = hashlib.new(algorithm.name, memoryview(self.data)[slice(*self._signed)]).digest()
        try:
            if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, padding.PKCS1v15 | padding.PSS):
                key.verify(self._head.signature, hashed, parameters, Prehashed(algorithm))
            elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
                key.verify(self._head.signature, hashed, ec.ECDSA(Prehashed(algorithm)))
            else:
                return False
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RevocationList) and other.sha256 == self.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)


def _without_entries(data: bytes, start: int, end: int) -> tuple[tuple[int, int], bytes]:
    """Where the entries are, and what is signed without them. They are the SEQUENCE behind the dates."""
    entries, kept, dated = (end, end), [], False
    for tag, at, begin, stop in der.values(data, start, end):
        if tag == der.SEQUENCE and dated:
            entries, dated = (begin, stop), False
            continue
        dated = dated or tag in (der.UTC_TIME, der.GENERALIZED_TIME)
        kept.append(data[at:stop])
    return entries, der.value(der.SEQUENCE, b"".join(kept))


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True  # RFC 5280, 6.3.3 (f): only a KeyUsage that is there can forbid it


def read_lists(data: Iterable[bytes], where: str = "") -> tuple[RevocationList, ...]:
    """Revocation lists from files' contents (DER, PEM, PKCS#7), with trouble or without; EDX902 for a file that is not
    one of them, or has none."""
    found: list[RevocationList] = []
    for item in data:
        try:
            if len(item) > MAX_BYTES:
                raise ValueError(Detail("more than {most} bytes", most=MAX_BYTES))
            lists = [RevocationList(one) for one in unpack(item).lists]
        except ValueError as error:
            detail = Detail("not a revocation list (PEM, DER or PKCS#7): {error}", error=said(error))
            raise Refusal("EDX902", where=where, detail=detail) from error
        if not lists:
            raise Refusal("EDX902", where=where, detail=Detail("no revocation list in it (PEM, DER or PKCS#7)"))
        found += lists
    return tuple(found)
