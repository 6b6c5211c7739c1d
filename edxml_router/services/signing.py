"""Sign an envelope outside a node, with a key in a file or in a token (``pkcs11:…``)."""

from __future__ import annotations

from pathlib import Path

from edxml_router.core.problems import Refusal
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.credentials import keys, token_keys


def sign(data: bytes, name: str, key: str, certificate: Path, limits: Limits, *, parts: bool = False) -> bytes:
    """Return the envelope with a signature over the whole document or, with ``parts``, over header, body and
    attachments, which stays valid when a relay adds a trace. ``name`` stands for the envelope in a refusal. Raises
    Refusal EDX903 for key and certificate, EDX902, and what signing raises; Setback EDX909 for a token."""
    coverage = Coverage.PARTS if parts else Coverage.WHOLE
    opened, chain = token_keys.open_key(key), keys.load_certificates(certificate)
    try:
        return signing.sign_document(data, opened, chain, coverage, limits)
    except Refusal as refusal:
        problem, where = refusal.finding, ", ".join(filter(None, (name, refusal.finding.where)))
        if refusal.code == "EDX903":  # of an address in a token only what is no secret
            where = f"{key.partition('?')[0]}, {certificate}"
        raise Refusal(problem.code, where=where, detail=problem.detail) from refusal
