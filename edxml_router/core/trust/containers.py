"""Unpack the files that hold certificates and revocation lists: PEM, DER, and PKCS#7 (``.p7b``, ``.p7c``).

    found = unpack(data)
    found.certificates, found.lists        # DER, in the file's order

Authorities publish all of these forms, and a browser saves whichever it likes. PKCS#7 is only the wrapping: its own
signature, if any, does not matter, because a certificate is trusted for being in the operator's file, and a list for
its authority's signature. Certificates and lists themselves are not parsed here.

Every form is read once from front to back. Bytes fetched from an address may be anything: a file with a million block
headers and no end must cost no more than its size. Raises ValueError for what is none of these, and for a PEM block
that is damaged.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.trust import der

_BEGIN: Final = b"-----BEGIN "
_DASHES: Final = b"-----"
_CERTIFICATES: Final = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_LISTS: Final = (b"X509 CRL",)
_PKCS7: Final = (b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA")
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_LONGEST_LABEL: Final = 64


@dataclass(frozen=True, slots=True)
class ContainerContents:
    """What a file holds: certificates and revocation lists in DER."""

    certificates: tuple[bytes, ...] = ()
    lists: tuple[bytes, ...] = ()


def unpack(data: bytes) -> ContainerContents:
    """What is in ``data``; other PEM blocks, such as a key, are passed over."""
    if _BEGIN not in data:
        return _der(data)
    certificates: list[bytes] = []
    lists: list[bytes] = []
    for label, content in _blocks(data):
        if label in _CERTIFICATES:
            # A TRUSTED CERTIFICATE (OpenSSL's own) has its purposes behind the certificate; they are not ours.
            _, _, end = der.header(content, 0)
            certificates.append(content[:end])
        elif label in _LISTS:
            lists.append(content)
        elif label in _PKCS7:
            inner = _der(content)
            certificates += inner.certificates
            lists += inner.lists
    return ContainerContents(tuple(certificates), tuple(lists))


def pem_block(label: bytes, content: bytes) -> bytes:
    """One PEM block (RFC 7468)."""
    lines = base64.encodebytes(content)  # 76 characters to a line; everybody reads that
    return _BEGIN + label + _DASHES + b"\n" + lines + b"-----END " + label + _DASHES + b"\n"


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The PEM blocks: label and content. Text between them is a remark."""
    at, count = data.find(_BEGIN), 0
    while at >= 0:
        count += 1
        if count > der.VALUES_MAX:  # of any kind: to look at one takes its time as well
            raise ValueError(Detail("more than {most} PEM blocks", most=der.VALUES_MAX))
        start = at + len(_BEGIN)
        stop = data.find(_DASHES, start, start + _LONGEST_LABEL + len(_DASHES))
        if stop < 0:
            raise ValueError(Detail("a PEM block without a label"))
        label = data[start:stop]
        start = stop + len(_DASHES)
        # The next five dashes are the end of this block, or it has none: nothing is looked for twice.
        stop = data.find(_DASHES, start)
        ending = b"-----END " + label + _DASHES
        if stop < 0 or data[stop : stop + len(ending)] != ending:
            raise ValueError(
                Detail("a PEM block {label} without its end", label=repr(label.decode("ascii", "replace")))
            )
        if label in (*_CERTIFICATES, *_LISTS, *_PKCS7):
            yield label, base64.b64decode(data[start:stop].translate(None, b" \t\r\n"), validate=True)
        at = data.find(_BEGIN, stop + len(ending))


def _der(data: bytes) -> ContainerContents:
    """A certificate, a list, or PKCS#7: told apart by their first values."""
    start, end = der.only(data, der.SEQUENCE)
    tag, inner, stop = der.header(data, start, end)
    if tag == der.OBJECT_IDENTIFIER:
        return _pkcs7(data, start, end)
    if tag != der.SEQUENCE:
        raise ValueError(Detail("neither a certificate, nor a list, nor PKCS#7"))
    # RFC 5280: a certificate's version is [0], and its serial number comes first where that is left out (version 1); a
    # list begins with an INTEGER or with the algorithm, and then has a name and a time.
    tags = [tag for tag, _, _ in _first(data, inner, stop, 4)]
    named = tags[1:] if tags[:1] == [der.INTEGER] else tags
    if tags[:1] != [der.CONTEXT] and named[2:3] and named[2] in (der.UTC_TIME, der.GENERALIZED_TIME):
        return ContainerContents(lists=(data,))
    return ContainerContents(certificates=(data,))


def _first(data: bytes, at: int, end: int, count: int) -> Iterator[tuple[int, int, int]]:
    for tag, _, start, stop in der.values(data, at, end):
        yield tag, start, stop
        count -= 1
        if not count:
            return


def _pkcs7(data: bytes, start: int, end: int) -> ContainerContents:
    """SignedData (RFC 2315, 9.1): behind version, digests and content, [0] has certificates and [1] has lists."""
    kind, *wrapped = der.values(data, start, end)
    if data[kind[2] : kind[3]] != _SIGNED_DATA or len(wrapped) != 1 or wrapped[0][0] != der.CONTEXT:
        raise ValueError(Detail("PKCS#7 without certificates or lists"))
    tag, inner, stop = der.header(data, wrapped[0][2], wrapped[0][3])
    if tag != der.SEQUENCE:
        raise ValueError(Detail("PKCS#7 without certificates or lists"))
    found: dict[int, tuple[bytes, ...]] = {}
    for tag, _, at, until in der.values(data, inner, stop):
        if tag in (der.CONTEXT, der.CONTEXT + 1):
            found[tag] = tuple(data[a:b] for kind, a, _, b in der.values(data, at, until) if kind == der.SEQUENCE)
    return ContainerContents(found.get(der.CONTEXT, ()), found.get(der.CONTEXT + 1, ()))
