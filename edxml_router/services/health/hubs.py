"""The hubs: whether each answers, and has the mailboxes that this node takes from."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from edxml_router.config import Hub, LocalHub, RabbitHub, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.credentials.revocation import list_files
from edxml_router.node.sole import holder, served_before
from edxml_router.services.health.database import is_lost
from edxml_router.services.health.report import Findings
from edxml_router.transport import topology
from edxml_router.transport.local import folders as local_folders
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.wiring import broker_limit, hubs


def own_hub(settings: Settings) -> Findings:
    hub, new = settings.hubs.get("hub"), not served_before(settings.node.data)
    if hub is None or (new and is_lost(settings)):
        return
    if new and isinstance(hub, LocalHub) and not hub.path.exists():
        yield hub.place, Finding("EDX612", hub.place, Detail("the node's own hub, which `edxml-router serve` makes"))
    else:
        yield from _hub(settings, hub, owner=True)


def parent_hub(settings: Settings) -> Findings:
    if (hub := settings.hubs.get("parent")) is not None:
        yield from _hub(settings, hub, owner=False)


def _hub(settings: Settings, hub: Hub, *, owner: bool) -> Findings:
    """Whether the hub answers and has the mailboxes that this node takes from."""

    own = topology.child_mailboxes(settings.node.name)
    intakes = topology.intakes(*hubs.attached(settings)) if owner else own
    place = hub.place
    if isinstance(hub, LocalHub):
        name = settings.node.name
        to_parent = (topology.up(name), topology.up(name, urgent=True))
        every = topology.mailboxes(*hubs.attached(settings)) if owner else (*intakes, *to_parent)
        for mailbox, found in local_folders.diverted(hub.path, every).items():
            yield mailbox, found
            intakes = tuple(name for name in intakes if name != mailbox)
        with closing(hubs.open_hub(settings, hub, intakes)) as transport:
            depths = transport.depths()
    else:  # a transport would start consuming
        yield from _broker_lists(hub)
        depths = rabbitmq.depths(hubs.rabbit_settings(settings, hub), intakes)
    missing = [mailbox for mailbox in intakes if mailbox not in depths]
    if missing:
        new = owner and not served_before(settings.node.data)
        yield place, Finding("EDX612" if new else "EDX703", place, ", ".join(missing))
        return
    if owner and any(depths.values()) and holder(settings.node.data) is None:
        yield (
            place,
            Finding(
                "EDX611", place, Detail("{count} messages wait here and nobody takes them", count=sum(depths.values()))
            ),
        )
        return
    if owner and isinstance(hub, RabbitHub):
        yield broker_limit.look(settings, hub, datetime.now(UTC))
    waiting = [f"{name} {depth}" for name, depth in depths.items() if depth]
    yield (
        Detail(
            "{place} ({count} mailboxes; waiting: {waiting})",
            place=place,
            count=len(intakes),
            waiting=", ".join(waiting) or Detail("nothing"),
        ),
        None,
    )


def _broker_lists(hub: RabbitHub) -> Findings:
    """Whether the revocation lists for the broker's certificate are current; otherwise nothing connects."""
    now = datetime.now(UTC)
    for path in hub.tls.lists if hub.tls else ():
        for one in list_files.read(path, "hub.tls_crls"):
            until = one.fresh_until
            detail = Detail("{path}, next update {until:%Y-%m-%d %H:%M}", path=path.name, until=until)
            yield (
                detail,
                Finding("EDX707", str(path), Detail("{detail}: expired", detail=detail)) if until < now else None,
            )
