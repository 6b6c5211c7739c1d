"""Names, queue arguments and permissions of a hub, as data.

A *hub* is one broker vhost (or one directory), owned by the node that runs it. Its mailboxes::

    edx.up, edx.up.urgent                    children  -> the owner       (transfer, chunk, receipts, inquiry)
    edx.submit                               offices   -> the owner       (submit, confirm, return)
    edx.down.CHILD, edx.down.CHILD.urgent    the owner -> one child       (transfer, chunk, receipts, inquiry)
    edx.inbox.OFFICE                         the owner -> one office      (verdict, envelope, notice)

Urgent and ordinary mail have a queue each, because a quorum queue serves in order of arrival: a circular to
ten thousand offices must not delay an urgent letter. Only the owner can write into anybody's ``down`` or
``inbox``: children and offices reach an intake exchange and nothing else, so whatever they claim (a foreign
``user_id``, extra routing keys in ``CC``) ends in the owner's checks.

A name that does not fit raises Refusal EDX901.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from edxml_router.core.problems import Refusal

VERSION: Final = "edx/1"  # the header ``edx`` of every message

LINK_KINDS: Final = frozenset({"transfer", "chunk", "receipts", "inquiry"})
OFFICE_KINDS: Final = frozenset({"submit", "confirm", "return"})
ANSWER_KINDS: Final = frozenset({"verdict", "envelope", "notice"})
KINDS: Final = LINK_KINDS | OFFICE_KINDS | ANSWER_KINDS
DAMAGED: Final = "damaged"  # the kind of an arrival whose stored form could not be read; never sent

UP: Final = "edx.up"
UP_URGENT: Final = "edx.up.urgent"
SUBMIT: Final = "edx.submit"
DOWN: Final = "edx.down"
INBOX: Final = "edx.inbox"
EXCHANGES: Final = (UP, SUBMIT, DOWN, INBOX)  # all direct and durable
OWNER_MAILBOXES: Final = (UP_URGENT, UP, SUBMIT)

_URGENT: Final = ".urgent"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # no dot: ``a.urgent`` would be another child's mailbox

_RESERVED: Final = frozenset({"CC", "BCC", "edx", "urgent"})

DEFAULT_CAPACITY: Final = 4 * 1024**3  # bytes waiting in one down or inbox queue before the broker says no


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to declare, and the exchange and key that lead to it."""

    name: str
    exchange: str
    key: str
    arguments: Mapping[str, Any]


class Role(StrEnum):
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


def mailboxes(children: Iterable[str], offices: Iterable[str]) -> tuple[str, ...]:
    """All mailboxes of a hub."""
    below = [name for child in children for name in child_mailboxes(child)]
    return (*OWNER_MAILBOXES, *below, *(inbox(office) for office in offices))


def address(mailbox: str) -> tuple[str, str]:
    """Exchange and routing key that reach a mailbox."""
    if mailbox == UP:
        return UP, "ordinary"
    if mailbox == UP_URGENT:
        return UP, "urgent"
    if mailbox == SUBMIT:
        return SUBMIT, "submit"
    return (DOWN if mailbox.startswith(DOWN + ".") else INBOX), mailbox


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that may travel: not our own, nor ``CC`` and ``BCC``, which a broker obeys as further keys."""
    return {key: value for key, value in headers.items() if key not in _RESERVED}


def queues(
    children: Iterable[str], offices: Iterable[str], capacity: int = DEFAULT_CAPACITY
) -> tuple[Queue, ...]:
    """The queues of a hub. ``capacity`` (bytes) bounds each down and inbox queue; the intakes are bounded by
    the broker's own alarms, because refusing a child for what its neighbours sent would be unfair."""
    return tuple(
        Queue(name, *address(name), arguments(None if name in OWNER_MAILBOXES else capacity))
        for name in mailboxes(children, offices)
    )


def arguments(capacity: int | None) -> Mapping[str, Any]:
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
    }
    if capacity is not None:
        fields["x-max-length-bytes"] = capacity
    return MappingProxyType(fields)


def permissions(user: str, role: Role | str, name: str = "") -> Permissions:
    """What the broker lets ``user`` do; ``name`` is the child's or office's, as in its mailboxes.

    Patterns are anchored at both ends, because the broker searches anywhere in a name. ``configure`` is
    ``^$`` (nothing) for everybody but the owner, who declares all.
    """
    role = Role(role)
    if role is Role.OWNER:
        return Permissions(user, *(r"^edx\.",) * 3)
    intake = UP if role is Role.CHILD else SUBMIT
    own = re.escape(down(name) if role is Role.CHILD else inbox(name))
    tail = rf"({re.escape(_URGENT)})?" if role is Role.CHILD else ""
    return Permissions(user, "^$", f"^{re.escape(intake)}$", f"^{own}{tail}$")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refusal("EDX901", where=name[:80], detail="a name has 1 to 64 letters, digits, '-' or '_'")
    return name
