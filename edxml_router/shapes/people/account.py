"""An account and a session, without anything that lets somebody in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Instant
from edxml_router.shapes.node import instant_or_none


class PersonShape(TypedDict):
    """An account of a person."""

    name: str
    title: str
    roles: list[str]
    office: str
    standing: str
    second_factor: bool
    created_at: Instant
    used_at: Instant | None


class AddedPersonShape(TypedDict):
    """An account that was made or given a new password, and that password where it was made up here."""

    name: str
    password: str | None


class PersonSessionShape(TypedDict):
    """A session of a person."""

    session: str
    person: str
    address: str
    begun_at: Instant
    seen_at: Instant


class EndedSessionsShape(TypedDict):
    """How many sessions were ended."""

    person: str
    sessions: int


class PersonFacts(Protocol):
    """What is kept of an account."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def roles(self) -> Sequence[str]: ...
    @property
    def office(self) -> str: ...
    @property
    def authenticator(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def used_at(self) -> datetime | None: ...


class SessionFacts(Protocol):
    """What is kept of a session."""

    @property
    def digest(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def begun_at(self) -> datetime: ...
    @property
    def seen_at(self) -> datetime: ...


def person_shape(one: PersonFacts, standing: str) -> PersonShape:
    return {
        "name": one.name,
        "title": one.title,
        "roles": list(one.roles),
        "office": one.office,
        "standing": standing,
        "second_factor": bool(one.authenticator),
        "created_at": instant(one.created_at),
        "used_at": instant_or_none(one.used_at),
    }


def session_shape(one: SessionFacts) -> PersonSessionShape:
    return {
        "session": one.digest[:12],
        "person": one.person,
        "address": one.address,
        "begun_at": instant(one.begun_at),
        "seen_at": instant(one.seen_at),
    }
