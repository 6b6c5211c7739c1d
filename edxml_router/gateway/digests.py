"""Digest fields of HTTP (RFC 9530): ``sha-256=:BASE64:``.

content_digest(value) gives the SHA-256 that a header names, in hexadecimal; None where there is no header. Raises
Refusal EDX418 for one that names no SHA-256: what cannot be checked must not look as if it had been.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.gateway.desk import Desk

_BYTES: Final = 32  # of a SHA-256


def content_digest(value: str | None) -> str | None:
    """See the module."""
    if value is None:
        return None
    for part in value.split(","):
        name, _, digest = part.strip().partition("=")
        if name.strip().lower() != "sha-256":
            continue
        text = digest.strip()
        try:
            if text[:1] == text[-1:] == ":" and len(raw := base64.b64decode(text[1:-1], validate=True)) == _BYTES:
                return raw.hex()
        except binascii.Error:
            break
        break
    raise Refusal("EDX418", where="Content-Digest", detail=Detail("not sha-256=:BASE64: (RFC 9530)"))


def require_digest(desk: Desk, field: str, *given: str) -> None:
    """Raise Refusal EDX418 where gateway.digests asks for one and none is given."""
    if desk.gateway.digests == "required" and not given:
        raise Refusal("EDX418", where=field, detail=Detail("gateway.digests asks for sha-256=:BASE64: (RFC 9530)"))


def digest_field(digest: str) -> str:
    """The value of Repr-Digest or Content-Digest for a SHA-256 in hexadecimal."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"
