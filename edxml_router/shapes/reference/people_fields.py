"""What the fields of accounts and sessions mean; docs/console.md tells how people sign in."""

from __future__ import annotations

from typing import Final

PEOPLE_FIELDS: Final[dict[str, str]] = {
    "AddedPerson.name": "The account.",
    "AddedPerson.password": "The password that was made up for it, told this once; null where one was typed.",
    "EndedSessions.person": "Whose they were.",
    "EndedSessions.sessions": "How many there were.",
    "Person.created_at": "When the account was made.",
    "Person.name": "The account.",
    "Person.office": "The office of a clerk; empty for others.",
    "Person.roles": "What the person may be: `clerk`, `operator`, `auditor`, `manager`, `administrator`.",
    "Person.second_factor": "Whether an authenticator is enrolled.",
    "Person.standing": "`active`; `locked` after failures to sign in; `disabled` by somebody, or unused for too long.",
    "Person.title": "The name for people.",
    "Person.used_at": "When its owner signed in last; null for never.",
    "PersonSession.address": "Where it began.",
    "PersonSession.begun_at": "When its owner signed in.",
    "PersonSession.person": "Whose it is.",
    "PersonSession.seen_at": "When it was used last.",
    "PersonSession.session": "The beginning of the digest of its id, which names it.",
}
