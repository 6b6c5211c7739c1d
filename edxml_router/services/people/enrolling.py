"""Enrol an authenticator: a secret that counts once the app has shown a code of it.

    begun = begin_enrolment(settings, person)                  # shown as a QR code
    begun = resume_enrolment(settings, person, sealed)         # as it comes back with the form
    codes = finish_enrolment(ledger, settings, person, begun, password, code)

Between the two nothing is kept: the secret goes along with the form, sealed for this account. Whoever sits down at an
open session cannot enrol a phone of theirs, since the password is asked for again. Raises Refusal EDX440.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services.people import authenticator
from edxml_router.services.people.roles import Person
from edxml_router.services.people.signing_in import require_own_password
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.people import accounts, sessions

ENROLLED: Final = "person.enrolled"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One that has begun. ``sealed`` is what the form carries; ``uri`` what the QR code says."""

    secret: str
    sealed: str
    uri: str

    def __repr__(self) -> str:  # no log shows it
        return "Enrolment()"


def begin_enrolment(settings: Settings, person: Person) -> Enrolment:
    """With a new secret."""
    secret = authenticator.new_secret()
    sealed = authenticator.seal(authenticator.sealing_key(settings), _label(person), secret)
    return Enrolment(secret, sealed, authenticator.enrolment_uri(secret, person.name, settings.node.name))


def resume_enrolment(settings: Settings, person: Person, sealed: str) -> Enrolment:
    """The one that a form carries; it was begun by the same person."""
    secret = authenticator.unseal(authenticator.sealing_key(settings), _label(person), sealed)
    return Enrolment(secret, sealed, authenticator.enrolment_uri(secret, person.name, settings.node.name))


def finish_enrolment(
    ledger: SqlLedger, settings: Settings, person: Person, begun: Enrolment, password: str, code: str
) -> tuple[str, ...]:
    """The recovery codes, told once; other sessions end. Raises Refusal EDX440 for a wrong password or code."""
    now = ledger.clock.now()
    require_own_password(ledger, settings, person, password)
    step = authenticator.used_step(begun.secret, code, now, after=0)
    if not step:
        detail = Detail("this is not the code that the authenticator shows now")
        raise Refusal("EDX440", where=person.name, detail=detail)
    codes = authenticator.recovery_codes()
    kept = {
        "authenticator": authenticator.seal(authenticator.sealing_key(settings), person.name, begun.secret),
        "counter": step,  # this code is used
        "recovery": tuple(map(authenticator.recovery_digest, codes)),
    }
    with ledger.book() as book:
        accounts.alter(book.connection, person.name, kept)
        sessions.end_all(book.connection, person.name, now, person.session)
        book.journal.note([Entry(now, ENROLLED, recipient=person.actor, actor=person.actor)])
    return codes


def _label(person: Person) -> str:
    return f"enrolment of {person.name}"
