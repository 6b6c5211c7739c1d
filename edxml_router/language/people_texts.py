"""What the commands say of people's accounts (part of :mod:`edxml_router.language.texts`)."""

from __future__ import annotations

from typing import Final

PEOPLE_TEXTS: Final[dict[str, str]] = {
    "col.person": "account",
    "col.roles": "roles",
    "col.standing": "standing",
    "col.second_factor": "second factor",
    "col.used": "signed in",
    "col.title": "title",
    "col.session": "session",
    "col.address": "address",
    "col.begun": "begun",
    "col.seen": "last seen",
    "standing.active": "active",
    "standing.locked": "locked",
    "standing.disabled": "disabled",
    "user.added": "{name} may sign in and chooses a password then.",
    "user.shown_once": "{name} signs in with the password above and chooses another. It is shown this once.",
    "user.password": "First password of {name}",
    "user.locked": "{name} is disabled, with {name}'s sessions.",
    "user.unlocked": "{name} may sign in.",
    "user.roles": "{name} is {roles} now.",
    "user.revoked": "{count} sessions of {name} have ended.",
    "user.second_factor": "{name} has no second factor now.",
    "user.none": "Nobody has an account. Begin: `edxml-router user add NAME --role administrator`.",
}
