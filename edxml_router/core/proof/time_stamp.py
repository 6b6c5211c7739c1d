"""Time stamps (RFC 3161): a question to an authority, its answer, and what a stamp that was kept says.

    asked = stamp_query(data)                              # asked.text goes to the authority
    token = token_in_answer(answer)                            # a TimeStampToken, in the one form that is kept
    stamp = read_stamp(token, data, anchors, asked.nonce)  # stamp.at: the data existed by then

The certificate of the authority has to lead to one of the ``anchors`` at the time in the stamp, not now: a stamp
outlives its authority's certificate. Whether that was revoked is not asked; a stamp of a key that was stolen later
cannot be told from one of before, which is why witnesses count beside it.

    bare = bare_token(token)                               # without certificates, beside another of the authority
    token = completed_token(bare, other)

A token is kept without what nobody has signed: revocation lists, unsigned attributes, the root's certificate; and with
its certificates in the order of DER. openssl, which many authorities run, writes them in another, and the library then
refuses the whole (a SET OF, X.690, 11.6). Everything here raises ValueError with what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust import der
from edxml_router.core.trust.certificate import DAMAGED

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

ANSWER_MAX: Final = 64 * 1024  # bytes of an answer; one with three certificates of 4096 bits has seven thousand
CERTIFICATES_MAX: Final = 10

_GRANTED: Final = (0, 1)  # 1: with other wishes than asked for, which are looked at one by one
_STATUS: Final = bytes.fromhex("3003020100")  # "granted", before a token that is read without its answer
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_SET: Final = 0x31
_PARTS: Final = 4  # of SignedData: version, digests, content, who signed
_CERTIFICATES, _LISTS, _UNSIGNED = 0xA0, 0xA1, 0xA1
_VERSION: Final = bytes.fromhex("020103")  # of a token; signers named by issuer and number have 1
_SIGNER_VERSION: Final = bytes.fromhex("020101")
# How the value was made, by the digest: RSA in its two names, and ECDSA. The library takes any.
_METHODS: Final = {
    bytes.fromhex("0609608648016503040201"): ("2a864886f70d010101", "2a864886f70d01010b", "2a8648ce3d040302"),
    bytes.fromhex("0609608648016503040202"): ("2a864886f70d010101", "2a864886f70d01010c", "2a8648ce3d040303"),
    bytes.fromhex("0609608648016503040203"): ("2a864886f70d010101", "2a864886f70d01010d", "2a8648ce3d040304"),
}


@dataclass(frozen=True, slots=True)
class StampQuery:
    """A question (TimeStampReq, DER) about the SHA-256 of some data, and the number that its answer has to repeat."""

    text: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """What a stamp says: the data existed ``at`` that moment, give or take ``accuracy``. ``signer``: the subject of the
    authority's certificate."""

    at: datetime
    accuracy: timedelta
    signer: str
    policy: str
    serial: int


def stamp_query(data: bytes) -> StampQuery:
    """A question that is asked once; the authority learns nothing but the digest."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415  # see _decoded

    asked = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm.SHA256).build()
    text, nonce = asked.as_bytes(), asked.nonce
    assert nonce is not None  # noqa: S101  # the builder's default
    return StampQuery(bytes(text), int(nonce))


def token_in_answer(answer: bytes) -> bytes:
    """The token in an authority's answer (TimeStampResp, DER), as it is kept. Verified it is not."""
    if len(answer) > ANSWER_MAX:
        raise ValueError(Detail("more than {most} bytes", most=ANSWER_MAX))
    try:
        status, *token = _inside(answer)
        number, *told = _inside(status)
        granted = int.from_bytes(_content(number), "big", signed=True) in _GRANTED
    except ValueError as error:
        raise ValueError(Detail("not an answer of RFC 3161")) from error
    if not granted:
        raise ValueError(Detail("the authority refuses: {why}", why=_why(number, told)))
    if len(token) != 1:
        raise ValueError(Detail("an answer without a time stamp"))
    return _kept(token[0])


def read_stamp(
    token: bytes, data: bytes, anchors: Sequence[x509.Certificate], nonce: int | None = None, policy: str = ""
) -> TimeStamp:
    """What this stamp over ``data`` says, if an authority under ``anchors`` (roots) has made it, under this ``policy``
    (an object identifier) where one is given, and in answer to the question with ``nonce``."""
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415  # see _decoded

    if _kept(token) != token:
        raise ValueError(Detail("not a time stamp as it is kept"))
    found = _decoded(token)
    said = found.tst_info
    if nonce is not None and said.nonce != nonce:
        raise ValueError(Detail("it answers another question (nonce)"))
    if policy and said.policy.dotted_string != policy:
        raise ValueError(Detail("under another policy: {policy}", policy=said.policy.dotted_string))
    try:
        VerifierBuilder(roots=list(anchors)).build().verify_message(found, data)
    except VerificationError as error:
        if str(error) == "Mismatch between messages":
            raise ValueError(Detail("it is over something else")) from error
        raise ValueError(Detail("not the stamp of an authority that is trusted: {why}", why=_short(error))) from error
    except (ValueError, *DAMAGED) as error:
        raise ValueError(Detail("not a time stamp")) from error
    signer = _signer(found)
    return TimeStamp(
        said.gen_time.astimezone(UTC),
        _accuracy(said.accuracy),
        signer.subject.rfc4514_string(),
        said.policy.dotted_string,
        int(said.serial_number),
    )


def bare_token(token: bytes) -> bytes:
    """A kept token without the authority's certificates, which are half of it and more; nobody has signed them."""
    return _with_certificates(token, b"")


def completed_token(token: bytes, other: bytes) -> bytes:
    """A bare token with the certificates of another, of the same authority; one that has its own comes back as it is.
    Neither is verified."""
    if _certificates_in(token):
        return token
    if not (shown := _certificates_in(other)):
        raise ValueError(Detail("without the certificates of who made it"))
    return _with_certificates(token, shown)


def _certificates_in(token: bytes) -> bytes:
    """The certificates of a token as they stand in it; nothing where it has none."""
    return b"".join(part for part in _parts(token) if part[0] == _CERTIFICATES)


def _with_certificates(token: bytes, shown: bytes) -> bytes:
    parts = [part for part in _parts(token) if part[0] != _CERTIFICATES]
    content = der.value(der.SEQUENCE, b"".join((*parts[:-1], shown, parts[-1])))
    return der.value(der.SEQUENCE, _SIGNED_DATA + der.value(der.CONTEXT, content))


def _parts(token: bytes) -> list[bytes]:
    """The values within SignedData (RFC 5652, 5.1), of which there are four without certificates."""
    try:
        kind, explicit = _inside(token)
        [signed] = _inside(explicit)
        parts = _inside(signed)
        if kind != _SIGNED_DATA or len(parts) < _PARTS:
            raise ValueError
    except (ValueError, IndexError) as error:
        raise ValueError(Detail("not a time stamp")) from error
    return parts


def _decoded(token: bytes) -> TimeStampResponse:
    """A token as the library reads it: in an answer. It is loaded here and not with this module, since most nodes and
    commands have nothing to do with time stamps."""
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415

    try:
        found = decode_timestamp_response(der.value(der.SEQUENCE, _STATUS + token))
        found.tst_info.gen_time.astimezone(UTC)  # parts are read when they are asked for
    except (ValueError, OverflowError) as error:
        raise ValueError(Detail("not a time stamp")) from error
    return found


def _kept(token: bytes) -> bytes:
    """A token without what nobody has signed, its certificates in order."""
    try:
        kind, explicit = _inside(token)
        [signed] = _inside(explicit)
        version, *parts = _inside(signed)
        if kind != _SIGNED_DATA or version != _VERSION:
            raise ValueError
        shown = [each for part in parts if part[0] == _CERTIFICATES for each in _inside(part)]
        infos = parts.pop()
        [info] = _inside(infos)
        parts = [part for part in parts if part[0] not in (_CERTIFICATES, _LISTS)]
        kept = _of_signer(info, shown[: CERTIFICATES_MAX + 1])
        parts += [der.value(_CERTIFICATES, b"".join(sorted(kept))), der.value(_SET, _signer_info(info))]
        content = der.value(der.SEQUENCE, version + b"".join(parts))
    except (ValueError, IndexError, Refusal, *DAMAGED) as error:
        raise ValueError(Detail("not a time stamp")) from error
    return der.value(der.SEQUENCE, kind + der.value(der.CONTEXT, content))


def _of_signer(info: bytes, shown: Sequence[bytes]) -> list[bytes]:
    """The certificates but roots, which the reader has to have from elsewhere."""
    if len(shown) > CERTIFICATES_MAX:
        raise ValueError
    identity = _inside(info)[1]
    loaded = [(each, certificates.read(each)) for each in shown]
    signers = [each for each, one in loaded if _issuer_and_serial(one) == identity]
    if len(signers) != 1:  # of two with one name, each verifier would choose by itself
        raise ValueError
    return [each for each, one in loaded if one.issuer != one.subject or each == signers[0]]


def _signer_info(info: bytes) -> bytes:
    """It without unsigned attributes; refused where it says of its method what nobody verifies."""
    version, identity, digest, *rest = [part for part in _inside(info) if part[0] != _UNSIGNED]
    signed, method, value = rest
    named = _inside(method)[0]
    if version != _SIGNER_VERSION or _content(named).hex() not in _METHODS.get(_inside(digest)[0], ()):
        raise ValueError
    return der.value(der.SEQUENCE, version + identity + digest + signed + method + value)


def _signer(found: TimeStampResponse) -> x509.Certificate:
    [info] = found.signed_data.signer_infos
    shown = map(certificates.read, found.signed_data.certificates)
    return next(one for one in shown if (one.issuer, one.serial_number) == (info.issuer, info.serial_number))


def _issuer_and_serial(one: x509.Certificate) -> bytes:
    number = one.serial_number
    serial = der.value(der.INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))
    return der.value(der.SEQUENCE, one.issuer.public_bytes() + serial)


def _accuracy(accuracy: object) -> timedelta:
    parts = [getattr(accuracy, name, None) or 0 for name in ("seconds", "millis", "micros")]
    return timedelta(seconds=parts[0], milliseconds=parts[1], microseconds=parts[2])


def _why(number: bytes, told: Sequence[bytes]) -> str:
    """The status, and what the authority says in words."""
    status = int.from_bytes(_content(number), "big", signed=True)
    texts = [
        _content(text).decode("utf-8", "replace") for part in told if part[0] == der.SEQUENCE for text in _inside(part)
    ]
    return " ".join((f"status {status}", *texts))[:200]


def _short(error: Exception) -> str:
    """Why, in the last words of the library, which are those of openssl."""
    text = str(error)
    _, found, reason = text.rpartition('reason: "')
    return (reason.partition('"')[0] if found else text)[:100]


def _inside(value: bytes) -> list[bytes]:
    """The values within one."""
    _, start, end = der.header(value, 0)
    if end != len(value):
        raise ValueError
    return [value[begin:stop] for _, begin, _, stop in der.values(value, start, end)]


def _content(value: bytes) -> bytes:
    _, start, end = der.header(value, 0)
    return value[start:end]
