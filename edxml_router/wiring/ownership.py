"""Whose the database is: the node that the settings name, with the names that it and its peers had before."""

from __future__ import annotations

from edxml_router.config import Settings
from edxml_router.core.link.route import Route
from edxml_router.store.epochs import identity, renames
from edxml_router.store.ledger import SqlLedger


def recognise(settings: Settings, ledger: SqlLedger) -> identity.NewEpoch | None:
    """See that the database is this node's and the one it left. Raises Refusal EDX619, EDX908."""
    restored = identity.recognise_database(ledger, settings.node.data, claim(settings))
    renames.apply_renames(ledger, _renamed(settings))
    return restored


def claim(settings: Settings) -> identity.Claimant:
    """Who opens the database, and whom it would ask after a restore."""
    neighbours = [child.name for child in settings.children] + ([settings.parent.name] if settings.parent else [])
    parties = [Route.link(name) for name in neighbours] + [Route.office(office.name) for office in settings.offices]
    log = settings.origin if settings.journal.key else ""
    return identity.Claimant(settings.node.name, settings.node.formerly, parties, log)


def _renamed(settings: Settings) -> dict[Route, Route]:
    """The former parties of each neighbour and office, with what they are called now."""
    renamed = {Route.link(old): Route.link(child.name) for child in settings.children for old in child.formerly}
    if settings.parent is not None:
        renamed |= {Route.link(old): Route.link(settings.parent.name) for old in settings.parent.formerly}
    return renamed | {Route.office(old): Route.office(one.name) for one in settings.offices for old in one.formerly}
