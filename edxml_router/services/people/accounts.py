"""Accounts: make them, change them, list them. Each change is an entry of the journal with who made it.

    add_person(ledger, settings, NewPerson("lan", ("operator",)), "…", actor)
    lock_person(ledger, "lan", actor); unlock_person(ledger, "lan", actor); give_roles(…)
    everybody(ledger); active_sessions(ledger, settings); revoke_sessions(ledger, "lan", actor)

Raises Refusal EDX606 for an account that is not there, EDX440 for what an account cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services import office as offices
from edxml_router.services.people import passwords
from edxml_router.services.people.roles import CLERK, ROLES, Person
from edxml_router.services.people.signing_in import DISABLED, console_of, require_own_password
from edxml_router.store.book import SqlBook
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.people import accounts, sessions
from edxml_router.store.people.accounts import PersonRow
from edxml_router.store.people.sessions import SessionRow

ADDED: Final = "person.added"
ENABLED: Final = "person.enabled"
GIVEN_ROLES: Final = "person.roles"
GIVEN_PASSWORD: Final = "person.password"  # noqa: S105  # an event
UNENROLLED: Final = "person.unenrolled"
REVOKED: Final = "person.revoked"  # their sessions

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}")
_TITLE_LENGTH: Final = 100
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """An account to be made."""

    name: str
    roles: Collection[str]
    title: str = ""
    office: str = ""


def add_person(ledger: SqlLedger, settings: Settings, new: NewPerson, password: str, actor: str) -> PersonRow:
    """With a first password, which its owner has to change. Raises Refusal EDX440, EDX403 (no such office)."""
    if not _NAME.fullmatch(new.name):
        detail = Detail("a name has a-z, 0-9, dot, hyphen and underscore, begins with a letter, 32 characters at most")
        raise Refusal("EDX440", where=new.name[:40], detail=detail)
    _require_roles(settings, new.name, new.roles, new.office)
    passwords.require_good_password(console_of(settings), new.name, password, second_factor=False)
    now = ledger.clock.now()
    row = PersonRow(new.name, _ordered(new.roles), now, new.title[:_TITLE_LENGTH], new.office,
                    passwords.hashed_password(password))  # fmt: skip
    with ledger.book() as book:
        if accounts.held(book.connection, new.name) is not None:
            raise Refusal("EDX440", where=new.name, detail=Detail("there is an account of this name"))
        if accounts.counted_people(book.connection) >= accounts.MOST:
            detail = Detail("there are {count} accounts already", count=accounts.MOST)
            raise Refusal("EDX440", where=new.name, detail=detail)
        accounts.add(book.connection, row)
        book.journal.note([_entry(now, ADDED, row.name, actor, " ".join((*row.roles, row.office)).strip())])
    return row


def lock_person(ledger: SqlLedger, name: str, actor: str) -> None:
    """Nobody signs in with it until it is unlocked, and its sessions end."""
    _require_other(name, actor)
    now = ledger.clock.now()
    with ledger.book() as book:
        _held(book, name)
        accounts.alter(book.connection, name, {"disabled_at": now})
        sessions.end_all(book.connection, name, now)
        book.journal.note([_entry(now, DISABLED, name, actor)])


def unlock_person(ledger: SqlLedger, name: str, actor: str) -> None:
    """After failures, after a lock, or after it was not used for too long."""
    now = ledger.clock.now()
    with ledger.book() as book:
        _held(book, name)
        values = {"disabled_at": None, "locked_until": None, "failures": 0, "used_at": now}
        accounts.alter(book.connection, name, values)
        book.journal.note([_entry(now, ENABLED, name, actor)])


def give_roles(
    ledger: SqlLedger, settings: Settings, name: str, roles: Collection[str], office: str, actor: str
) -> None:
    """In the place of those it had. Its sessions go on with the new ones, from the next request."""
    _require_other(name, actor)
    _require_roles(settings, name, roles, office)
    now = ledger.clock.now()
    with ledger.book() as book:
        before = _held(book, name)
        accounts.alter(book.connection, name, {"roles": _ordered(roles), "office": office})
        told = f"{' '.join(before.roles)} -> {' '.join((*_ordered(roles), office)).strip()}"
        book.journal.note([_entry(now, GIVEN_ROLES, name, actor, told)])


def set_password(ledger: SqlLedger, settings: Settings, name: str, password: str, actor: str) -> None:
    """By somebody else: its owner has to change it. Ends the sessions. Raises Refusal EDX438 for one's own, which
    whoever found a session open could take so."""
    _require_other(name, actor)
    _keep_password(ledger, settings, name, password, actor, own="")


def change_password(ledger: SqlLedger, settings: Settings, person: Person, old: str, new: str) -> None:
    """By its owner. Other sessions end. Raises Refusal EDX440 also where the old one is wrong."""
    require_own_password(ledger, settings, person, old)
    _keep_password(ledger, settings, person.name, new, person.actor, own=person.session)


def _keep_password(ledger: SqlLedger, settings: Settings, name: str, password: str, actor: str, *, own: str) -> None:
    console, now = console_of(settings), ledger.clock.now()
    row = accounts.one(ledger.engine, name)
    if row is None:
        raise Refusal("EDX606", where=name[:40])
    former = (row.password, *row.former) if row.password else row.former
    passwords.require_good_password(console, name, password, second_factor=bool(row.authenticator), former=former)
    values = {
        "password": passwords.hashed_password(password),
        "password_at": now if own else None,
        "former": former[: console.former_passwords],
        "failures": 0,
    }
    with ledger.book() as book:
        _held(book, name)
        accounts.alter(book.connection, name, values)
        sessions.end_all(book.connection, name, now, own)
        book.journal.note([_entry(now, GIVEN_PASSWORD, name, actor)])


def take_authenticator(ledger: SqlLedger, name: str, actor: str) -> None:
    """For whoever has lost it with the recovery codes: they enrol another one. Not one's own (Refusal EDX438)."""
    _require_other(name, actor)
    now = ledger.clock.now()
    with ledger.book() as book:
        _held(book, name)
        accounts.alter(book.connection, name, {"authenticator": "", "recovery": (), "counter": 0})
        sessions.end_all(book.connection, name, now)
        book.journal.note([_entry(now, UNENROLLED, name, actor)])


def revoke_sessions(ledger: SqlLedger, name: str, actor: str, spared: str = "") -> int:
    """End all sessions of a person but one; how many."""
    now = ledger.clock.now()
    with ledger.book() as book:
        _held(book, name)
        count = sessions.end_all(book.connection, name, now, spared)
        if count:
            book.journal.note([_entry(now, REVOKED, name, actor, str(count))])
    return count


def revoke_session(ledger: SqlLedger, beginning: str, actor: str) -> None:
    """End the one session whose digest begins so. Raises Refusal EDX606."""
    now = ledger.clock.now()
    found = [each for each in sessions.active(ledger.engine, _EVER) if each.digest.startswith(beginning)]
    if len(found) != 1 or len(beginning) < 8:
        raise Refusal("EDX606", where=beginning[:16])
    with ledger.book() as book:
        if sessions.end(book.connection, found[0].digest, now):
            book.journal.note([_entry(now, REVOKED, found[0].person, actor, "1")])


def everybody(ledger: SqlLedger) -> Sequence[PersonRow]:
    """All accounts, by name."""
    return accounts.everybody(ledger.engine)


def account_of(ledger: SqlLedger, name: str) -> PersonRow:
    """Raises Refusal EDX606."""
    row = accounts.one(ledger.engine, name)
    if row is None:
        raise Refusal("EDX606", where=name[:40])
    return row


def active_sessions(ledger: SqlLedger, settings: Settings) -> Sequence[SessionRow]:
    """Those that still count, the newest first."""
    console, now = console_of(settings), ledger.clock.now()
    begun = sessions.active(ledger.engine, now - console.session_life)
    return [each for each in begun if now - each.seen_at < console.idle_time]


def standing(row: PersonRow, ledger: SqlLedger) -> str:
    """``active``, ``locked`` (after failures) or ``disabled``."""
    if row.disabled_at is not None:
        return "disabled"
    return "locked" if row.locked_until is not None and row.locked_until > ledger.clock.now() else "active"


def _held(book: SqlBook, name: str) -> PersonRow:
    row = accounts.held(book.connection, name)
    if row is None:
        raise Refusal("EDX606", where=name[:40])
    return row


def _require_other(name: str, actor: str) -> None:
    """Nobody gives themselves rights, and the last administrator does not lock the door from outside."""
    if actor == f"person:{name}":
        raise Refusal("EDX438", where=name, detail=Detail("another administrator does that"))


def _require_roles(settings: Settings, name: str, roles: Collection[str], office: str) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        detail = Detail("a role is one of {roles}", roles=", ".join(ROLES))
        raise Refusal("EDX440", where=name, detail=detail)
    if (CLERK in roles) != bool(office):
        raise Refusal("EDX440", where=name, detail=Detail("a clerk, and nobody else, is of an office"))
    if office:
        offices.require(settings, office)


def _ordered(roles: Collection[str]) -> tuple[str, ...]:
    return tuple(role for role in ROLES if role in roles)


def _entry(now: datetime, event: str, name: str, actor: str, detail: str = "") -> Entry:
    return Entry(now, event, recipient=f"person:{name}", actor=actor, detail=detail)
