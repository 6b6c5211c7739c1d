"""What the HTTP gateway tells of itself, and of the tokens by which it is called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Instant


class ReadyShape(TypedDict):
    """Whether the gateway lives, and whether it could accept an envelope now."""

    ready: bool | None


class TokenShape(TypedDict):
    """A bearer token, without its secret."""

    prefix: str
    office: str
    scopes: list[str]
    note: str
    issued_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None


class IssuedTokenShape(TokenShape):
    """A new token, with its text, which is told this once."""

    token: str


class TokenFacts(Protocol):
    """What is kept of a token."""

    @property
    def prefix(self) -> str: ...
    @property
    def office(self) -> str: ...
    @property
    def scopes(self) -> Sequence[str]: ...
    @property
    def note(self) -> str: ...
    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


def token_shape(one: TokenFacts) -> TokenShape:
    return {
        "prefix": one.prefix,
        "office": one.office,
        "scopes": list(one.scopes),
        "note": one.note,
        "issued_at": instant(one.issued_at),
        "expires_at": instant(one.expires_at) if one.expires_at else None,
        "revoked_at": instant(one.revoked_at) if one.revoked_at else None,
    }
