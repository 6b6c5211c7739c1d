"""Bearer tokens: a system of an office shows one to the gateway, instead of a certificate.

    text = issue(ledger, settings, "vp", days=365, actor="operator:lan")    # told once, never again
    row = revoke(ledger, "k3v9x2mq", actor)
    rows = listed(ledger)
    caller = look_up(rows, text, now)

Issuing and revoking are journalled, with the prefix and without the secret. Raises Refusal EDX403 for an office that is
not there, EDX606 for a token that is not there, EDX415 for one that does not count.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services import office as offices
from edxml_router.services.gateway.caller import SCOPES, Caller
from edxml_router.store import tokens
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.tokens import TokenRow

ISSUED: Final = "token.issued"
REVOKED: Final = "token.revoked"
_BEGINNING: Final = "edx"  # so that who finds one in a file knows what it is
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none that look alike
_NAME: Final = 8  # letters


def issue(
    ledger: SqlLedger,
    settings: Settings,
    office: str,
    *,
    days: int | None,
    actor: str,
    scopes: Collection[str] = SCOPES,
    note: str = "",
) -> tuple[str, TokenRow]:
    """A new token's text, which nobody can tell again, and what is kept of it."""
    offices.require(settings, office)
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(_NAME))
    text = f"{_BEGINNING}_{prefix}_{secrets.token_urlsafe(32)}"
    now = ledger.clock.now()
    until = now + timedelta(days=days) if days is not None else None
    row = TokenRow(prefix, office, _digest(text), tuple(sorted(scopes)), note, now, until)
    with ledger.book() as book:
        tokens.add(book.connection, row)
        detail = " ".join((prefix, *row.scopes))
        book.journal.note([Entry(now, ISSUED, recipient=office, actor=actor, detail=detail)])
    return text, row


def listed(ledger: SqlLedger, office: str | None = None) -> Sequence[TokenRow]:
    """What is kept of all tokens, or of one office's."""
    return [row for row in tokens.known(ledger.engine) if office in (None, row.office)]


def revoke(ledger: SqlLedger, prefix: str, actor: str) -> TokenRow:
    """From now on it counts for nothing; revoking twice is no mistake."""
    found = [row for row in tokens.known(ledger.engine) if prefix in (row.prefix, f"{_BEGINNING}_{row.prefix}")]
    if not found:
        raise Refusal("EDX606", where=prefix[:_NAME])  # no more of it: somebody may have typed the secret
    [row] = found
    now = ledger.clock.now()
    with ledger.book() as book:
        if tokens.revoke(book.connection, row.prefix, now):
            entry = Entry(now, REVOKED, recipient=row.office, actor=actor, detail=row.prefix)
            book.journal.note([entry])
    return row


def name_of(text: str) -> str:
    """The prefix that the text of a token has; empty where it is none."""
    parts = text.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _BEGINNING else ""


def look_up(known: Mapping[str, TokenRow], text: str, now: datetime, offices: Collection[str]) -> Caller:
    """Whose token it is. Raises Refusal EDX415; what is told does not say whether there is one of that name."""
    row = known.get(name_of(text))
    if row is None or not hmac.compare_digest(row.sha256, _digest(text)):
        raise Refusal("EDX415", detail=Detail("no such token"))
    where = f"{_BEGINNING}_{row.prefix}"
    if row.revoked_at is not None:
        raise Refusal("EDX415", where=where, detail=Detail("the token is revoked"))
    if row.expires_at is not None and row.expires_at <= now:
        raise Refusal("EDX415", where=where, detail=Detail("the token has expired"))
    if row.office not in offices:
        raise Refusal("EDX415", where=where, detail=Detail("its office is not in the configuration"))
    return Caller(row.office, f"token {where}", frozenset(row.scopes))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
