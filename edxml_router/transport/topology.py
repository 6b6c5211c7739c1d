"""Names, queue arguments and permissions of a hub, as data.

A *hub* is one broker vhost (or one directory), owned by the node that runs it. Its mailboxes::

    edx.up.CHILD, edx.up.CHILD.urgent        one child  -> the owner      (transfer, chunk, receipts, inquiry)
    edx.submit.OFFICE                        one office -> the owner      (submit, confirm, return)
    edx.down.CHILD, edx.down.CHILD.urgent    the owner  -> one child      (transfer, chunk, receipts, inquiry)
    edx.inbox.OFFICE                         the owner  -> one office     (verdict, envelope, withdrawn, answer, notice)

Urgent and ordinary mail have a queue each, because a quorum queue serves in order of arrival: a circular to
ten thousand offices must not delay an urgent letter. For the same reason every child and office has an intake of its
own: what one of them piles up fills its own queue and delays its own mail. Each intake has an exchange of its name in
front, and that is all its child or office may write to: whatever it claims (a foreign ``user_id``, extra routing keys
in ``CC``) ends in its own intake, and in the owner's checks.

A name that does not fit raises Refusal EDX901.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

VERSION: Final = "edx/1"  # the header ``edx`` of every message

DAMAGED: Final = "damaged"  # the kind of an arrival whose stored form could not be read; never sent

UP: Final = "edx.up"
SUBMIT: Final = "edx.submit"
DOWN: Final = "edx.down"
INBOX: Final = "edx.inbox"

_URGENT: Final = ".urgent"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # no dot: ``a.urgent`` would be another child's mailbox

_RESERVED: Final = frozenset({"CC", "BCC", "edx", "urgent"})

DEFAULT_CAPACITY: Final = 4 * 1024**3  # bytes waiting in one queue before the broker says no


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to declare, and the exchange and key that lead to it."""

    name: str
    exchange: str
    key: str
    arguments: Mapping[str, Any]


class HubRole(StrEnum):
    """What a user of the broker is to the owner of the hub."""

    OWNER = "owner"
    CHILD = "child"
    OFFICE = "office"


class Permissions(NamedTuple):
    """Regular expressions as ``rabbitmqctl set_permissions`` takes them, in its order."""

    user: str
    configure: str
    write: str
    read: str


def up(child: str, urgent: bool = False) -> str:
    """The mailbox that ``child`` writes to."""
    return f"{UP}.{_checked(child)}{_URGENT if urgent else ''}"


def submission(office: str) -> str:
    """The mailbox that ``office`` writes to."""
    return f"{SUBMIT}.{_checked(office)}"


def down(child: str, urgent: bool = False) -> str:
    """The mailbox that only ``child`` reads."""
    return f"{DOWN}.{_checked(child)}{_URGENT if urgent else ''}"


def inbox(office: str) -> str:
    """The mailbox that only ``office`` reads."""
    return f"{INBOX}.{_checked(office)}"


def child_mailboxes(child: str) -> tuple[str, str]:
    """What a child consumes, urgent first."""
    return down(child, urgent=True), down(child)


def is_urgent(mailbox: str) -> bool:
    return mailbox.endswith(_URGENT)


def urgent_first(mailboxes: Iterable[str]) -> tuple[str, ...]:
    """Without repeats, urgent ones first, otherwise in the given order."""
    return tuple(sorted(dict.fromkeys(mailboxes), key=lambda name: not is_urgent(name)))


def intakes(children: Iterable[str], offices: Iterable[str]) -> tuple[str, ...]:
    """What the owner of a hub consumes, urgent first."""
    names = [up(child, urgent) for child in children for urgent in (True, False)]
    return urgent_first([*names, *(submission(office) for office in offices)])


def mailboxes(children: Iterable[str], offices: Iterable[str]) -> tuple[str, ...]:
    """All mailboxes of a hub."""
    children, offices = tuple(children), tuple(offices)
    below = [name for child in children for name in child_mailboxes(child)]
    return (*intakes(children, offices), *below, *(inbox(office) for office in offices))


def exchanges(children: Iterable[str], offices: Iterable[str]) -> tuple[str, ...]:
    """All exchanges of a hub, each of them direct and durable."""
    return (DOWN, INBOX, *(up(child) for child in children), *(submission(office) for office in offices))


def address(mailbox: str) -> tuple[str, str]:
    """Exchange and routing key that reach a mailbox."""
    for exchange in (DOWN, INBOX):
        if mailbox.startswith(exchange + "."):
            return exchange, mailbox
    if mailbox.startswith(SUBMIT + "."):
        return mailbox, "submit"
    return mailbox.removesuffix(_URGENT), "urgent" if is_urgent(mailbox) else "ordinary"


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that may travel: not our own, nor ``CC`` and ``BCC``, which a broker obeys as further keys."""
    return {key: value for key, value in headers.items() if key not in _RESERVED}


def queues(
    children: Iterable[str], offices: Iterable[str], capacity: int = DEFAULT_CAPACITY
) -> tuple[Queue, ...]:
    """The queues of a hub. ``capacity`` (bytes) bounds each: who fills its own is told no, and nobody else is."""
    return tuple(
        Queue(name, *address(name), arguments(capacity)) for name in mailboxes(children, offices)
    )


def arguments(capacity: int) -> Mapping[str, Any]:
    """Arguments of a queue that never drops anything.

    * ``reject-publish``: a full queue answers no. The default drops its *oldest, already confirmed* message.
    * ``x-delivery-limit``: RabbitMQ 4 drops a message after 20 returns unless told otherwise. Its ``-1`` for
      "never" is documented for version 4 only, and a queue that was declared without the argument cannot be
      declared again with it after an upgrade; so every version gets the largest 32-bit number: one return a
      second for 68 years.
    """
    fields: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-delivery-limit": 2**31 - 1,
        "x-max-length-bytes": capacity,
    }
    return MappingProxyType(fields)


def permissions(user: str, role: HubRole | str, name: str = "") -> Permissions:
    """What the broker lets ``user`` do; ``name`` is the child's or office's, as in its mailboxes.

    Patterns are anchored at both ends, because the broker searches anywhere in a name. ``configure`` is
    ``^$`` (nothing) for everybody but the owner, who declares all.
    """
    role = HubRole(role)
    if role is HubRole.OWNER:
        return Permissions(user, *(r"^edx\.",) * 3)
    intake = up(name) if role is HubRole.CHILD else submission(name)
    own = re.escape(down(name) if role is HubRole.CHILD else inbox(name))
    tail = rf"({re.escape(_URGENT)})?" if role is HubRole.CHILD else ""
    return Permissions(user, "^$", f"^{re.escape(intake)}$", f"^{own}{tail}$")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refusal("EDX901", where=name[:80], detail=Detail("a name has 1 to 64 letters, digits, '-' or '_'"))
    return name
