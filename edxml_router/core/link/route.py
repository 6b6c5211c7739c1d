"""Where mail and receipts go, and where they came from: a link to another node, or an office here.

    Route.link("tay-ninh")          # to the neighbour of this name
    Route.office("so-yte").name     # "so-yte"
    Route("link:tay-ninh").kind     # Kind.LINK, as it was stored

A route is its text, ``kind:name``: that is how it stands in the database, in the journal and in what people are told,
and no other module makes or reads that text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from edxml_router.core.detail import Detail


class RouteKind(StrEnum):
    """What is at the other end."""

    LINK = "link"  # a neighbour
    OFFICE = "office"  # under this route an office hears of mail *from* it
    INBOX = "inbox"  # of an office: where it hears of mail *for* it


_KINDS: Final = frozenset(RouteKind)
FROM_OFFICES: Final = f"{RouteKind.OFFICE}:%"  # a pattern of SQL for the routes of offices


class Route(str):
    """A kind and a name. Raises ValueError for a text that is no route."""

    __slots__ = ()

    def __new__(cls, text: str) -> Route:
        kind, colon, name = text.partition(":")
        if not (colon and name and kind in _KINDS):
            raise ValueError(Detail("no route: {text}", text=repr(text)))
        return super().__new__(cls, text)

    @classmethod
    def link(cls, name: str) -> Route:
        return cls(f"{RouteKind.LINK}:{name}")

    @classmethod
    def office(cls, name: str) -> Route:
        return cls(f"{RouteKind.OFFICE}:{name}")

    @property
    def kind(self) -> RouteKind:
        return RouteKind(self[: self.index(":")])

    @property
    def name(self) -> str:
        """Of the neighbour or office."""
        return self[self.index(":") + 1 :]

    @property
    def is_link(self) -> bool:
        return self.startswith(f"{RouteKind.LINK}:")

    @property
    def is_office(self) -> bool:
        return self.startswith(f"{RouteKind.OFFICE}:")

    @property
    def inbox(self) -> Route:
        """Where an office hears of mail *for* it."""
        return Route(f"{RouteKind.INBOX}:{self.name}")
