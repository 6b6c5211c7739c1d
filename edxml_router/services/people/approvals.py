"""Four eyes: acts that one person asks for and a second one approves, where ``console.four_eyes`` says so.

    digest = selection_digest(numbers)                      # exactly what would be done
    approver = approved(ledger, settings, person, "redrive", digest, detail)
    if approver is None: …                                  # asked; the second person decides first
    decide_question(ledger, person, 7, yes=True)

An approval is for one act upon one selection by the person who asked; it counts once, within ``console.approval_time``.
It is used before the act: whoever is interrupted between the two asks again, and nothing is done twice by it. Every
step is an entry of the journal. Raises Refusal EDX438 for what the person may not decide, EDX606 for a question that is
not there, EDX440 where too many wait.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.journal import OF_CONSOLE, Entry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services.people.accounts import ADDED, GIVEN_PASSWORD, GIVEN_ROLES, UNENROLLED
from edxml_router.services.people.roles import ADMINISTRATOR, OPERATOR, Person
from edxml_router.services.people.signing_in import console_of
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.people import approvals
from edxml_router.store.people.approvals import ApprovalRow

ASKED: Final = "approval.asked"
APPROVED: Final = "approval.approved"
REFUSED: Final = "approval.refused"
USED: Final = "approval.used"
DECIDERS: Final = frozenset({OPERATOR, ADMINISTRATOR})
MOST_WAITING: Final = 20  # questions of one person
APART_HOURS: Final = 24
APART: Final = timedelta(hours=APART_HOURS)  # so long what an administrator does to accounts is there to be seen
_READ: Final = 2000  # entries of one kind


def needs_second_person(settings: Settings, act: str) -> bool:
    """``act``: "redrive", "cancel"."""
    return act in console_of(settings).four_eyes


def selection_digest(parts: Iterable[object]) -> str:
    """Of what an act is about, whatever the order: numbers of deliveries, names, reasons. As JSON, so that no part can
    be written to read as several: a reason of two lines is not two numbers."""
    return hashlib.sha256(json.dumps(sorted(map(str, parts))).encode()).hexdigest()


def approved(ledger: SqlLedger, settings: Settings, person: Person, act: str, digest: str, detail: str) -> str | None:
    """Who approved: their name, empty where nobody needs to. None: it is asked now, or was before, and not decided, or
    was refused."""
    if not needs_second_person(settings, act):
        return ""
    now = ledger.clock.now()
    with ledger.book() as book:
        known = approvals.asked_of(book.connection, act, digest, person.name, now)
        if known is not None and known.decision == "approved" and approvals.use(book.connection, known.id, now):
            book.journal.note([Entry(now, USED, actor=person.actor, detail=_told(known.id, act, digest))])
            return known.decided_by
        if known is not None:
            return None
        if approvals.undecided(book.connection, person.name, now) >= MOST_WAITING:
            told = Detail("{count} of your questions wait for a second person", count=MOST_WAITING)
            raise Refusal("EDX440", where=person.name, detail=told)
        until = now + console_of(settings).approval_time
        number = approvals.ask(book.connection, ApprovalRow(act, digest, detail, person.name, now, until))
        book.journal.note([Entry(now, ASKED, actor=person.actor, detail=_told(number, act, digest))])
    return None


def decide_question(ledger: SqlLedger, person: Person, number: int, *, yes: bool) -> None:
    """Say yes or no to what another person has asked."""
    now = ledger.clock.now()
    hands = _hands(ledger, now - APART)
    with ledger.book() as book:
        row = approvals.question(book.connection, number)
        if row is None or row.expires_at <= now:
            raise Refusal("EDX606", where=str(number))
        if row.asked_by == person.name:
            raise Refusal("EDX438", where=str(number), detail=Detail("who asks does not approve"))
        if not person.has(*DECIDERS):
            raise Refusal("EDX438", where=str(number))
        if yes and hands(person.actor) & hands(OF_CONSOLE + row.asked_by):
            detail = Detail("within {hours} hours one person has had both accounts in hand", hours=APART_HOURS)
            raise Refusal("EDX438", where=str(number), detail=detail)
        decision = "approved" if yes else "refused"
        if not approvals.settle_question(book.connection, number, person.name, decision, now):
            raise Refusal("EDX606", where=str(number), detail=Detail("it is decided already"))
        event = APPROVED if yes else REFUSED
        entry = Entry(now, event, recipient=f"person:{row.asked_by}", actor=person.actor,
                      detail=_told(number, row.act, row.digest))  # fmt: skip
        book.journal.note([entry])


def _hands(ledger: SqlLedger, since: datetime) -> Callable[[str], set[str]]:
    """In whose hands an account has been since then: its owner's, and those of whoever made it, or gave it a password
    or roles. One administrator who makes two accounts, or one to ask with, is not two persons. From the command line
    it is somebody else, who needs no approval there. Raises Refusal EDX438 where too much was changed to tell."""
    found: dict[str, set[str]] = {}
    for event in (ADDED, GIVEN_PASSWORD, GIVEN_ROLES, UNENROLLED):
        entries = [line.entry for line in ledger.views.lines(event=event, since=since, limit=_READ)]
        if len(entries) == _READ:
            raise Refusal("EDX438", detail=Detail("more than {most} accounts were changed lately", most=_READ))
        for entry in entries:
            if entry.actor.startswith(OF_CONSOLE):
                found.setdefault(entry.recipient, set()).add(entry.actor)
    return lambda actor: {actor} | found.get(actor, set())


def questions(ledger: SqlLedger) -> Sequence[ApprovalRow]:
    """The newest first; a bounded number of them."""
    return approvals.newest(ledger.engine)


def _told(number: int, act: str, digest: str) -> Detail:
    return Detail("{number} {act} {digest}", number=number, act=act, digest=digest[:16])
