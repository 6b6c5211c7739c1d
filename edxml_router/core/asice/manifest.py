"""ASiC manifests (ETSI EN 319 162-1, annex A.4): what a signature or a stamp covers, by digest.

    data = write("META-INF/signature001.p7s", SIGNATURE_TYPE, {"certificate.json": digest, …})
    manifest = read(data)

A manifest is the text that :func:`write` makes and no other: read by a pattern and compared with what is written from
the values, so that no parser can find in it what another does not. Digests are SHA-256. Fails with :class:`Refusal`
EDX654.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

SIGNATURE_TYPE: Final = "application/pkcs7-signature"
STAMP_TYPE: Final = "application/vnd.etsi.timestamp-token"

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
    '<asic:SigReference URI="{uri}" MimeType="{kind}"/>\n'
)
_REFERENCE: Final = (
    '<asic:DataObjectReference URI="{uri}">'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    "<ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>\n"
)
_TAIL: Final = "</asic:ASiCManifest>\n"
_SIGNATURE: Final = re.compile(r'<asic:SigReference URI="([A-Za-z0-9._/-]+)" MimeType="([a-z0-9./-]+)"/>')
_REFERRED: Final = re.compile(
    r'<asic:DataObjectReference URI="([A-Za-z0-9._/-]+)">.{0,100}?<ds:DigestValue>([^<]{44})<'
)


@dataclass(frozen=True, slots=True)
class AsicManifest:
    """What covers (the name of a signature or stamp), of which type, and what it covers: SHA-256 by name."""

    cover: str
    kind: str
    digests: Mapping[str, bytes]


def write(cover: str, kind: str, digests: Mapping[str, bytes]) -> bytes:
    """The manifest of these files, which are in ``digests`` in the order that they get here."""
    lines = [_HEAD.format(uri=cover, kind=kind)]
    lines += [_REFERENCE.format(uri=name, digest=b64encode(one).decode()) for name, one in digests.items()]
    return "".join((*lines, _TAIL)).encode("ascii")


def read(data: bytes, where: str = "") -> AsicManifest:
    """The manifest that :func:`write` has written."""
    try:
        text = data.decode("ascii")
        first = _SIGNATURE.search(text)
        if first is None:
            raise ValueError
        found = [(name, b64decode(digest, validate=True)) for name, digest in _REFERRED.findall(text)]
        manifest = AsicManifest(first[1], first[2], dict(found))
        same = write(manifest.cover, manifest.kind, manifest.digests) == data
    except ValueError as error:
        raise Refusal("EDX654", where=where, detail=Detail("not a manifest as it is written here")) from error
    if not same:
        raise Refusal("EDX654", where=where, detail=Detail("not a manifest as it is written here"))
    return manifest


def check(manifest: AsicManifest, files: Mapping[str, bytes]) -> None:
    """Refuse (EDX654) where a file that the manifest lists is missing, or another than the one listed."""
    for name, digest in manifest.digests.items():
        content = files.get(name)
        if content is None:
            raise Refusal("EDX654", where=name, detail=Detail("listed, and not there"))
        if hashlib.sha256(content).digest() != digest:
            raise Refusal("EDX654", where=name, detail=Detail("its digest is not the listed one"))
