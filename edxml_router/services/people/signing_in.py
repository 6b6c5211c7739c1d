"""Sign in and out, and know who asks.

    secret = sign_in(ledger, settings, attempts, SignIn("lan", "…", "123456", "192.0.2.7"))
    person = recognise_person(ledger, settings, secret)      # None: nobody, or not any more
    sign_out(ledger, person)

What is answered to a failure, and how long it takes, does not tell whether there is such an account, whether it is
locked, or which of password and code was wrong (EDX427); the journal tells. Raises Setback EDX437 for an address that
has failed too often.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from edxml_router.config import Settings
from edxml_router.config.sections.console import ConsoleSettings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services.people import authenticator, passwords
from edxml_router.services.people.attempts import Attempts
from edxml_router.services.people.roles import ADMINISTRATOR, AUTHENTICATOR, PASSWORD, Person
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.people import accounts, sessions
from edxml_router.store.people.accounts import PersonRow
from edxml_router.store.people.sessions import SessionRow

SIGNED_IN: Final = "person.signed-in"
SIGNED_OUT: Final = "person.signed-out"
REFUSED: Final = "person.refused"
LOCKED: Final = "person.locked"
DISABLED: Final = "person.disabled"

MOST_SESSIONS: Final = 10  # of one person at once; the oldest ends
KEPT: Final = timedelta(days=90)  # ended sessions
_SEEN: Final = timedelta(seconds=15)  # how often that somebody is there is written down
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class SignIn:
    """What was typed, and where from. ``code``: of the authenticator, or a recovery code."""

    name: str
    password: str
    code: str
    address: str

    def __repr__(self) -> str:  # neither a log nor a traceback shows a password
        return f"SignIn({self.name!r})"


def digest_of(secret: str) -> str:
    """What is kept of a session's id."""
    return hashlib.sha256(secret.encode()).hexdigest()


def console_of(settings: Settings) -> ConsoleSettings:
    """Its settings; the defaults where there is no console, for the commands."""
    return settings.console or ConsoleSettings()


def sign_in(ledger: SqlLedger, settings: Settings, attempts: Attempts, given: SignIn) -> str:
    """A new session's id. Raises Refusal EDX427, Setback EDX437."""
    console = console_of(settings)
    attempts.require_room(given.address, console.address_failures, time.monotonic())
    name = given.name.strip().lower()[:_LONGEST_NAME]
    found = accounts.one(ledger.engine, name)
    right = passwords.is_password(found.password if found else "", given.password)
    key = authenticator.sealing_key(settings)
    secret = secrets.token_urlsafe(32)
    now = ledger.clock.now()
    with ledger.book() as book:
        row = accounts.held(book.connection, name)
        # While it was computed somebody may have given the account another password, and ended its sessions.
        right = right and row is not None and found is not None and row.password == found.password
        reason, entries, values = _judged(console, row, given, now, key, right=right)
        if row is not None and values:
            accounts.alter(book.connection, row.name, values)
        if not reason and row is not None:
            for digest in sessions.open_of(book.connection, row.name)[MOST_SESSIONS - 1 :]:
                sessions.end(book.connection, digest, now)
            sessions.forget(book.connection, now - KEPT)
            sessions.begin(book.connection, SessionRow(digest_of(secret), row.name, now, now, given.address))
        book.journal.note(entries)
        if reason:
            # A name that is none may be a password in the wrong box: the journal does not have it.
            actor = f"person:{row.name}" if row else "console"
            refused = Entry(now, REFUSED, actor=actor, code="EDX427", detail=reason)
            book.journal.note_odd([refused], settings.limits.noted_hourly, ())
    # Committed: a failure counts even if the answer is lost, and a session that nobody got the id of just ends.
    if reason:
        attempts.failed(given.address, time.monotonic())
        raise Refusal("EDX427")
    return secret


def _judged(
    console: ConsoleSettings, row: PersonRow | None, given: SignIn, now: datetime, key: bytes, *, right: bool
) -> tuple[str, list[Entry], dict[str, Any]]:
    """Why not (empty: it is right), what the journal says of it, and what changes in the account."""
    if row is None:
        return "unknown", [], {}
    actor = f"person:{row.name}"
    if row.disabled_at is not None:
        return "disabled", [], {}
    if now - (row.used_at or row.created_at) > console.unused_time:
        return "unused", [Entry(now, DISABLED, actor=actor, detail="unused")], {"disabled_at": now}
    if row.locked_until is not None and row.locked_until > now:
        return "locked", [], {}
    change = _second_factor(row, given, now, key)
    if right and change is not None:
        return "", [Entry(now, SIGNED_IN, actor=actor)], {"failures": 0, "locked_until": None, "used_at": now, **change}
    entries, values = _failed(console, row, now)
    return "code" if right else "password", entries, values


def _failed(console: ConsoleSettings, row: PersonRow, now: datetime) -> tuple[list[Entry], dict[str, Any]]:
    """What one more failure changes in an account, and what the journal says of it."""
    failures = (0 if row.locked_until else row.failures) + 1  # after a lock has run out they are counted anew
    values: dict[str, Any] = {"failures": failures, "failed_at": now, "locked_until": None}
    if failures < console.failures:
        return [], values
    values["locked_until"] = now + console.lock_time
    return [Entry(now, LOCKED, actor=f"person:{row.name}", detail=str(failures))], values


def require_own_password(ledger: SqlLedger, settings: Settings, person: Person, given: str) -> PersonRow:
    """The account, where this is its password: for what nobody may do who only found a session open. A failure counts
    as one to sign in, or such a session would be the place to guess; so many lock the account and end its sessions.
    Raises Refusal EDX440."""
    row = accounts.one(ledger.engine, person.name)
    if row is not None and passwords.is_password(row.password, given):
        return row
    now = ledger.clock.now()
    with ledger.book() as book:
        held = accounts.held(book.connection, person.name)
        if held is not None:
            entries, values = _failed(console_of(settings), held, now)
            accounts.alter(book.connection, held.name, values)
            if values["locked_until"] is not None:
                sessions.end_all(book.connection, held.name, now)
            book.journal.note(entries)
        refused = Entry(now, REFUSED, actor=person.actor, code="EDX440", detail="password")
        book.journal.note_odd([refused], settings.limits.noted_hourly, ())
    raise Refusal("EDX440", where=person.name, detail=Detail("the present password is another one"))


def _second_factor(row: PersonRow, given: SignIn, now: datetime, key: bytes) -> dict[str, Any] | None:
    """What using it changes in the account; None where it does not hold."""
    if not row.authenticator:
        return {}
    step = authenticator.used_step(authenticator.unseal(key, row.name, row.authenticator), given.code, now,
                                   after=row.counter)  # fmt: skip
    if step:
        return {"counter": step}
    digest = authenticator.recovery_digest(given.code)
    if digest in row.recovery:
        return {"recovery": tuple(each for each in row.recovery if each != digest)}
    return None


def recognise_person(ledger: SqlLedger, settings: Settings, secret: str, *, present: bool = True) -> Person | None:
    """Whose session this is, as their account is now; None when it has ended, by whatever. Writes at times that it was
    used, where its owner is ``present``: a page that asks by itself does not keep it awake."""
    if not secret or len(secret) > 100:
        return None
    found = sessions.look_up(ledger.engine, digest_of(secret))
    if found is None:
        return None
    console, now = console_of(settings), ledger.clock.now()
    session, row = found
    idle = console.administrator_idle_time if ADMINISTRATOR in row.roles else console.idle_time
    over = now - session.seen_at >= idle or now - session.begun_at >= console.session_life
    if over or row.disabled_at is not None:
        with ledger.book() as book:
            sessions.end(book.connection, session.digest, now)
        return None
    if present and now - session.seen_at >= min(_SEEN, idle / 4):
        with ledger.book() as book:
            sessions.seen(book.connection, session.digest, now)
    return replace(person_of(console, row, now), session=session.digest)


def person_of(console: ConsoleSettings, row: PersonRow, now: datetime) -> Person:
    """Who has this account, and what they must do first."""
    return Person(row.name, frozenset(row.roles), row.title, row.office, _must(console, row, now))


def _must(console: ConsoleSettings, row: PersonRow, now: datetime) -> str:
    administers = ADMINISTRATOR in row.roles
    if row.password_at is None or (administers and now - row.password_at > console.password_age):
        return PASSWORD
    needed = console.second_factor == "all" or (console.second_factor == "administrators" and administers)
    return AUTHENTICATOR if needed and not row.authenticator else ""


def sign_out(ledger: SqlLedger, person: Person) -> None:
    """End the session; once more is no mistake."""
    now = ledger.clock.now()
    with ledger.book() as book:
        if sessions.end(book.connection, person.session, now):
            book.journal.note([Entry(now, SIGNED_OUT, actor=person.actor)])
