"""The expiry of what a node's trust depends on: a certificate, a revocation list, a responder's answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edxml_router.core.problems import Finding


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that trust depends on: its kind (``anchor``, …, ``list``, ``answer``), its name, until when it holds,
    and what is wrong with it.

    ``threshold``: the smallest of the warning periods (days) that it falls under; 0 when it has ended. ``key`` and
    ``fingerprint`` are the SHA-256 (hex) of a certificate's public key and of all of it, as ``trust block`` takes them.
    """

    kind: str
    name: str
    until: datetime | None = None
    finding: Finding | None = None
    threshold: int | None = None
    key: str = ""
    fingerprint: str = ""
    blocked: bool = False  # by the operator, as edxml_router.credentials.blocks finds
