"""The hubs that the settings name, as transports: the node's own, and its parent's.

    with closing(open_hub(settings, settings.hubs["hub"], intakes(settings))) as transport: …
    declare(settings)                                   # the mailboxes of the own hub
    node.links, node.writers = links(settings, transports), writers(settings)

Raises Refusal EDX901 and EDX902 for the files of a broker's section.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.x509.oid import NameOID

from edxml_router.config import ClientCertificate, Hub, LocalHub, RabbitHub, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.core.trust import certificate as certificates
from edxml_router.credentials.setting_files import read_setting, secret
from edxml_router.ports.transport import MailboxDepth, Transport
from edxml_router.stages.node import Link
from edxml_router.transport import topology
from edxml_router.transport.local import attendance, message_file
from edxml_router.transport.local import hub as local

if TYPE_CHECKING:
    from edxml_router.transport.rabbitmq.connection import RabbitSettings


def open_hub(settings: Settings, hub: Hub, consumes: Sequence[str]) -> Transport:
    """The mailboxes of a hub, as this node's user of it."""
    if isinstance(hub, LocalHub):
        return local.LocalTransport(hub.path, settings.node.name, consumes, largest=largest_message(hub))
    from edxml_router.transport.rabbitmq import hub as rabbitmq  # noqa: PLC0415  # its driver is for nodes with a broker

    return rabbitmq.RabbitTransport(rabbit_settings(settings, hub), consumes)


def declare(settings: Settings) -> None:
    """Make the mailboxes of the node's own hub. Raises Setback EDX701, EDX706, EDX707; Refusal EDX901."""
    hub, (children, offices) = settings.hubs["hub"], attached(settings)
    if isinstance(hub, LocalHub):
        local.declare(hub.path, children, offices)
    else:
        from edxml_router.transport.rabbitmq import hub as rabbitmq  # noqa: PLC0415  # as above

        rabbitmq.declare(rabbit_settings(settings, hub), children, offices)


def attached(settings: Settings) -> tuple[list[str], list[str]]:
    """The children and the offices that have mailboxes on the node's own hub."""
    offices = [office.name for office in settings.offices if office.attach == "amqp"]
    return [child.name for child in settings.children], offices


def largest_message(hub: Hub) -> int:
    """Bytes of a message's body that a hub carries, by the settings."""
    if isinstance(hub, LocalHub):
        return min(hub.max_message_bytes or message_file.LARGEST_BODY, message_file.LARGEST_BODY)
    from edxml_router.transport.rabbitmq.connection import LARGEST_MESSAGE  # noqa: PLC0415  # as above

    return hub.max_message_bytes or LARGEST_MESSAGE


def largest(settings: Settings) -> dict[Route, int]:
    """The bytes of an envelope that can go where it travels whole, by route: to offices attached to the hub whose
    software does not put chunks together."""
    hub = settings.hubs.get("hub")
    whole = [office.name for office in settings.offices if office.attach == "amqp" and not office.chunks]
    return {Route.office(name): largest_message(hub) for name in whole} if hub else {}


def intakes(settings: Settings) -> Sequence[str]:
    return topology.intakes(*attached(settings))


def rabbit_settings(settings: Settings, hub: RabbitHub) -> RabbitSettings:
    """How to reach a broker. Raises Refusal EDX901, EDX902 for its files."""
    from edxml_router.transport.rabbitmq.connection import RabbitSettings  # noqa: PLC0415  # as above
    from edxml_router.transport.rabbitmq.tls import Tls  # noqa: PLC0415  # as above

    login = hub.login

    def password() -> str:
        return "" if isinstance(login, ClientCertificate) else secret(login, "hub.password_file") or ""

    password()  # what is wrong with the file is said before anything is connected
    if isinstance(login, ClientCertificate):
        _check_user(login, hub.user)
    reached = RabbitSettings(
        host=hub.host,
        user=hub.user,
        password=password,
        port=hub.port,
        vhost=hub.vhost,
        external=isinstance(login, ClientCertificate),
        largest_message=largest_message(hub),
        label=f"edxml-router {settings.node.name}",
    )
    if hub.tls is None:
        return reached
    certificate, key = (hub.tls.client.certificate, hub.tls.client.key) if hub.tls.client else (None, None)
    tls = Tls(hub.tls.authorities, certificate, key, hub.tls.lists)
    tls.context()  # what is wrong with the files is said before anything is connected
    return replace(reached, server_name=hub.tls.server_name, tls=tls.context)


def _check_user(login: ClientCertificate, user: str) -> None:
    """The broker takes the certificate's common name for the user, and checks every message's ``user_id`` by it."""
    [leaf, *_] = certificates.read_all(read_setting(login.certificate, "hub.tls_certificate"), str(login.certificate))
    names = [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [user]:
        raise Refusal(
            "EDX901",
            where="hub.tls_certificate",
            detail=Detail("its common name is {names}, the user is {user}", names=names, user=user),
        )


def consumed(settings: Settings) -> dict[str, Sequence[str]]:
    """The mailboxes that the node takes from, by hub."""
    found = {"hub": intakes(settings), "parent": topology.child_mailboxes(settings.node.name)}
    return {name: found[name] for name in settings.hubs}


def hub_names(settings: Settings) -> list[str]:
    return list(settings.hubs)


def outgoing(settings: Settings) -> Mapping[Route, tuple[str, str, str]]:
    """Where mail for neighbours and attached offices is laid, by route: the hub's name, the mailbox, the urgent one."""
    found: dict[Route, tuple[str, str, str]] = {}
    if settings.hub is not None:
        for child in settings.children:
            found[Route.link(child.name)] = ("hub", topology.down(child.name), topology.down(child.name, urgent=True))
        for office in settings.offices:
            if office.attach == "amqp":
                found[Route.office(office.name)] = ("hub", topology.inbox(office.name), topology.inbox(office.name))
    if settings.parent is not None:
        own = topology.up(settings.node.name), topology.up(settings.node.name, urgent=True)
        found[Route.link(settings.parent.name)] = ("parent", *own)
    return found


def links(settings: Settings, transports: Mapping[str, Transport]) -> dict[Route, Link]:
    return {route: Link(transports[hub], *mailboxes) for route, (hub, *mailboxes) in outgoing(settings).items()}


def withdraw(settings: Settings) -> None:
    """Remove what is over from the mailboxes of the own hub, as a broker does by itself."""
    own = settings.hubs.get("hub")
    if isinstance(own, LocalHub):
        ways = outgoing(settings).values()
        attendance.withdraw(own.path, {box for hub, *boxes in ways if hub == "hub" for box in boxes})


def waiting(settings: Settings, hub: Hub, mailboxes: Collection[str]) -> Mapping[str, MailboxDepth]:
    """What lies in these mailboxes, without taking from the hub. Raises Setback EDX701, EDX706, EDX707, EDX710; Refusal
    EDX901, EDX902."""
    if isinstance(hub, LocalHub):
        return attendance.waiting(hub.path, mailboxes)
    from edxml_router.transport.rabbitmq import hub as rabbitmq  # noqa: PLC0415  # as above

    return rabbitmq.waiting(rabbit_settings(settings, hub), mailboxes)


def writers(settings: Settings) -> dict[str, str]:
    """Who writes to each mailbox that the node takes from: on its own hub the child or office that it is named after,
    on the parent's hub the parent. The mailbox tells the hub, because none is called alike on both."""
    found = {topology.submission(office.name): office.name for office in settings.offices}
    for child in settings.children:
        found |= dict.fromkeys((topology.up(child.name), topology.up(child.name, urgent=True)), child.name)
    if settings.parent is not None:
        found |= dict.fromkeys(topology.child_mailboxes(settings.node.name), settings.parent.name)
    return found
