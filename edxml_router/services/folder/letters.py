"""The letters of an office that are laid into its folder, or were.

    for delivery in offered(views, "xa", 1000): …
    standing(views, "xa", name)        # how a letter stands that lies there

By the office's route alone: the catalogue of agencies, which takes its time to read, has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import InboxItem
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import read_letter_name
from edxml_router.core.message import contents
from edxml_router.core.message.contents import OpenedLetter
from edxml_router.core.problems import Refusal
from edxml_router.ports.views import Views
from edxml_router.stages.node import Node

_PAGE: Final = 500


def offered(views: Views, office: str, most: int) -> Sequence[Delivery]:
    """What lies ready for the office, the oldest first, and not more than ``most``."""
    found: list[Delivery] = []
    while len(found) < most:
        page = views.list_deliveries(
            route=Route.office(office),
            states=(State.AVAILABLE,),
            after=found[-1].id if found else 0,
            limit=min(_PAGE, most - len(found)),
        )
        if not page:
            break
        found += page
    return found


def items(views: Views, deliveries: Sequence[Delivery]) -> Iterator[InboxItem]:
    """These with their envelopes."""
    for one in deliveries:
        for found in views.find_envelopes(digest=one.digest, limit=1):
            yield InboxItem(one, found.envelope)


def standing(views: Views, office: str, name: str) -> Delivery | None:
    """How the letter of this name stands; None for what is no name of a letter of this office."""
    with suppress(Refusal):
        digest, recipient = read_letter_name(name)
        for one in views.list_deliveries(digest=digest, recipient=recipient, limit=1):
            if one.route == Route.office(office):
                return one
    return None


def opened(node: Node, body: Body, token: str) -> OpenedLetter:
    """What a letter holds. Raises Refusal for one that older rules had accepted."""
    return contents.opened(body, node.rules.limits, token)
