"""CAdES signatures at level B (ETSI EN 319 122-1), detached, in one form only.

    value = write(data, chain, at, lambda attributes: sign_bytes(key, attributes))
    signed = read(value)
    signed.verify(data)                        # the first certificate's key has signed data

The signed attributes are content-type, message-digest, signing-time and signing-certificate-v2. The library's own
PKCS#7 builder writes no signing-certificate-v2 and asks for the private key itself, which a token does not give; so the
structure (RFC 5652) is put together here. A signature is read by looking for its parts, and compared with what is
written from them: no byte of it is without a meaning. SHA-256; RSA PKCS#1 v1.5 or ECDSA, as
:func:`~edxml_router.core.signature.signing.sign_bytes` makes them. Fails with :class:`Refusal` EDX655.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust import der
from edxml_router.core.trust.certificate import DAMAGED

SIZE_MAX: Final = 64 * 1024  # bytes of a signature with its certificates

_SET: Final = 0x31
_OCTETS: Final = 0x04
_ONE: Final = bytes.fromhex("020101")
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_DATA: Final = bytes.fromhex("06092a864886f70d010701")
_SHA256: Final = bytes.fromhex("300d06096086480165030402010500")
_SHA256_OF_CMS: Final = bytes.fromhex("300b0609608648016503040201")  # RFC 5754: without the NULL
_ECDSA: Final = bytes.fromhex("300a06082a8648ce3d040302")
_RSA: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_CONTENT_TYPE: Final = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
_SIGNING_TIME: Final = bytes.fromhex("06092a864886f70d010905")
_SIGNING_CERTIFICATE: Final = bytes.fromhex("060b2a864886f70d010910022f")


@dataclass(frozen=True, slots=True)
class CadesSignature:
    """A signature: the signer's certificate and those above it, when by the signer's word, over which digest."""

    certificates: tuple[x509.Certificate, ...]
    at: datetime
    digest: bytes  # SHA-256 of what is signed
    value: bytes

    def verify(self, data: bytes) -> None:
        """Raises Refusal EDX655 unless the first certificate's key has signed ``data``. Whether that certificate is to
        be trusted is another question."""
        if hashlib.sha256(data).digest() != self.digest:
            raise _refused(Detail("it is over something else"))
        signed = _attributes(self.digest, self.certificates[0], self.at)
        try:
            verify_bytes(self.certificates[0], der.value(_SET, signed), self.value)
        except (Refusal, *DAMAGED) as error:
            raise _refused(Detail("the value is not that of the certificate's key")) from error


def write(data: bytes, chain: Sequence[x509.Certificate], at: datetime, sign: Callable[[bytes], bytes]) -> bytes:
    """The signature over ``data`` in DER, made at ``at`` (to the second). ``chain``: the signer's certificate, then
    those above it; ``sign`` gets the bytes to be signed."""
    moment, digest = at.astimezone(UTC).replace(microsecond=0), hashlib.sha256(data).digest()
    value = sign(der.value(_SET, _attributes(digest, chain[0], moment)))
    return _written(CadesSignature(tuple(chain), moment, digest, value))


def read(data: bytes) -> CadesSignature:
    """The signature that :func:`write` has made."""
    try:
        if len(data) > SIZE_MAX:
            raise ValueError("too long")
        found = _found(data)
        same = _written(found) == data
    except (ValueError, LookupError, Refusal, *DAMAGED) as error:
        raise _refused(Detail("not a signature as it is written here")) from error
    if not same:
        raise _refused(Detail("not a signature as it is written here"))
    return found


def _written(signature: CadesSignature) -> bytes:
    signer = signature.certificates[0]
    rsa_key = isinstance(signer.public_key(), rsa.RSAPublicKey)
    issuer_and_serial = _sequence(signer.issuer.public_bytes(), _integer(signer.serial_number))
    attributes = der.value(der.CONTEXT, _attributes(signature.digest, signer, signature.at))
    method, value = _RSA if rsa_key else _ECDSA, der.value(_OCTETS, signature.value)
    info = _sequence(_ONE, issuer_and_serial, _SHA256_OF_CMS, attributes, method, value)
    shown = der.value(der.CONTEXT, b"".join(_in_order(_der(each) for each in signature.certificates)))
    content = _sequence(_ONE, _set([_SHA256_OF_CMS]), _sequence(_DATA), shown, _set([info]))
    return _sequence(_SIGNED_DATA, der.value(der.CONTEXT, content))


def _attributes(digest: bytes, signer: x509.Certificate, at: datetime) -> bytes:
    """The signed attributes, one behind the other in DER's order."""
    named = der.value(0xA4, signer.issuer.public_bytes())  # GeneralName: directoryName
    fingerprint = hashlib.sha256(_der(signer)).digest()
    identified = _sequence(der.value(_OCTETS, fingerprint), _sequence(_sequence(named), _integer(signer.serial_number)))
    pairs = (
        (_CONTENT_TYPE, _DATA),
        (_MESSAGE_DIGEST, der.value(_OCTETS, digest)),
        (_SIGNING_TIME, _time(at)),
        (_SIGNING_CERTIFICATE, _sequence(_sequence(identified))),
    )
    return b"".join(_in_order(_sequence(name, _set([content])) for name, content in pairs))


def _found(data: bytes) -> CadesSignature:
    """The parts of a signature; that they stand where they should is told by writing it again."""
    _, explicit = _inside(data)
    [content] = _inside(explicit)
    _, _, _, shown, infos = _inside(content)
    [info] = _inside(infos)
    _, identity, _, attributes, _, value = _inside(info)
    loaded = [certificates.read(each) for each in _inside(shown)]
    signers = [one for one in loaded if _sequence(one.issuer.public_bytes(), _integer(one.serial_number)) == identity]
    if len(signers) != 1:
        raise ValueError("no telling whose it is")
    told = dict(map(_inside, _inside(attributes)))
    return CadesSignature(
        (signers[0], *(one for one in loaded if one is not signers[0])),
        _moment(_content(_content(told[_SIGNING_TIME]))),
        _content(_content(told[_MESSAGE_DIGEST])),
        _content(value),
    )


def _inside(value: bytes) -> list[bytes]:
    """The values within one."""
    return [value[begin:end] for _, begin, _, end in der.values(value, *_bounds(value))]


def _content(value: bytes) -> bytes:
    start, end = _bounds(value)
    return value[start:end]


def _bounds(value: bytes) -> tuple[int, int]:
    _, start, end = der.header(value, 0)
    if end != len(value):
        raise ValueError("more than one value")
    return start, end


def _sequence(*values: bytes) -> bytes:
    return der.value(der.SEQUENCE, b"".join(values))


def _set(values: Iterable[bytes]) -> bytes:
    return der.value(_SET, b"".join(values))


def _in_order(values: Iterable[bytes]) -> list[bytes]:
    """As DER has a SET OF (X.690, 11.6)."""
    return sorted(values)


def _integer(number: int) -> bytes:
    return der.value(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _time(at: datetime) -> bytes:
    """RFC 5652, 11.3: with two digits of the year until 2049."""
    if at.year < 2050:
        return der.value(der.UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode())
    return der.value(der.GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode())


def _moment(text: bytes) -> datetime:
    told = text.decode("ascii")
    if len(told) == 13:
        told = ("19" if told[:2] >= "50" else "20") + told
    return datetime.strptime(told, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _refused(detail: Detail) -> Refusal:
    return Refusal("EDX655", detail=detail)
