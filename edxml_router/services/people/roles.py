"""What a person may be at a node, and the person who is signed in.

Roles are few and fixed: what each may do stands beside every page (``ROUTES``), and a test tries every page with every
role. A person may have several; a clerk is one of an office, and sees that office's letters only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edxml_router.core.delivery.journal import OF_CONSOLE

CLERK: Final = "clerk"  # of an office: its letters
OPERATOR: Final = "operator"  # of the node: links, queues, acts on deliveries
AUDITOR: Final = "auditor"  # reads everything, changes nothing
MANAGER: Final = "manager"  # reports and figures
ADMINISTRATOR: Final = "administrator"  # people and rules
ROLES: Final = (CLERK, OPERATOR, AUDITOR, MANAGER, ADMINISTRATOR)
SIGNED_IN: Final = frozenset(ROLES)

PASSWORD: Final = "password"  # noqa: S105  # what a person must do first: choose one
AUTHENTICATOR: Final = "authenticator"  # or enrol one


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. ``office``: of a clerk, empty otherwise; ``must``: what has to be done before anything else
    (:data:`PASSWORD`, :data:`AUTHENTICATOR`, or nothing); ``session``: the digest of the session's id."""

    name: str
    roles: frozenset[str]
    title: str = ""
    office: str = ""
    must: str = ""
    session: str = ""

    @property
    def actor(self) -> str:
        """As the journal names them."""
        return OF_CONSOLE + self.name

    @property
    def shown(self) -> str:
        return self.title or self.name

    def has(self, *roles: str) -> bool:
        """Whether one of these is theirs."""
        return not self.roles.isdisjoint(roles)


NOBODY: Final = Person("", frozenset())
