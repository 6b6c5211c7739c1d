"""A running node: the rules in force and the adapters it works with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from edxml_router.core.delivery.pace import Pace
from edxml_router.core.link.route import Route
from edxml_router.core.link.skew import Skews
from edxml_router.core.problems import Finding
from edxml_router.ports.bodies import Bodies
from edxml_router.ports.clock import Clock
from edxml_router.ports.ledger import Ledger
from edxml_router.ports.transport import Transport
from edxml_router.stages.forwarding.windows import Outgoing

if TYPE_CHECKING:  # who only names a node need not wait for all that judges envelopes
    from edxml_router.core.proof.note import NoteSigner
    from edxml_router.stages.rules import Rules


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach a neighbour or a pushed office: a mailbox of a hub, and its sibling for urgent messages."""

    transport: Transport
    mailbox: str
    urgent_mailbox: str

    def mailbox_for(self, *, urgent: bool) -> str:
        return self.urgent_mailbox if urgent else self.mailbox


class HubsRead:
    """Whether what lay in these hubs at the start has been read.

    A hub that cannot be reached, or that somebody keeps full, is waited for a day and no longer, or senders would wait
    for ever. There is no setting for it: a short time would defeat its purpose.
    """

    PATIENCE = timedelta(days=1)

    def __init__(self, hubs: Sequence[Transport]) -> None:
        self._hubs = hubs
        self._began = time.monotonic()

    def __call__(self) -> bool:
        read = all(hub.emptied for hub in self._hubs)
        return read or time.monotonic() - self._began > self.PATIENCE.total_seconds()


# How a batch is judged: the function for one submission, the submissions, and the time one may take; one result for
# each. Real nodes guard it (edxml_router.wiring.judging).
Judging = Callable[[Callable[[Any], Any], Sequence[Any], timedelta], list[Any]]


def judge_here(judge: Callable[[Any], Any], submissions: Sequence[Any], _: timedelta) -> list[Any]:
    """One after another, in this process, without a guard."""
    return [judge(submission) for submission in submissions]


_WAITING = 1000  # names of what was given back to wait
_FORGOTTEN = timedelta(minutes=10)  # after which another worker is done with it


@dataclass(slots=True)
class Node:
    """A running node: its name, its adapters, and the rules in force. Made by ``wiring`` only."""

    name: str
    ledger: Ledger
    bodies: Bodies
    clock: Clock
    rules: Rules
    links: Mapping[Route, Link]
    writers: Mapping[str, str] = field(default_factory=dict)  # by mailbox taken from: the one peer that writes there
    sign_receipts: Callable[[bytes], str] | None = None
    log_signer: NoteSigner | None = None  # signs the journal's checkpoints, and cosigns those of neighbours
    log_ended: bool = False  # entries are missing: nothing of the own journal is signed under this name any more
    certificates: Sequence[bytes] = ()  # DER; shown with the receipts, the signer's first
    judging: Judging = judge_here
    keeps_rules: bool = False  # whether what is decided by is kept: of every node with a database that lasts
    rules_kept: tuple[Rules, str] | None = None  # the snapshot that is known to be kept, and its digest
    objections: dict[str, tuple[Finding, datetime]] = field(default_factory=dict)  # what each peer was told
    witness_asked: dict[str, datetime] = field(default_factory=dict)  # when each neighbour was shown a checkpoint
    witness_pace: Pace = field(default_factory=lambda: Pace(5))  # … and again at once, since it knew another
    witness_heard: Pace = field(default_factory=lambda: Pace(20))  # how often each asks, and answers
    inventory_peers: set[str] = field(default_factory=set)  # neighbours that are known to compare inventories
    inventory_heard: Pace = field(default_factory=lambda: Pace(600))  # pages a minute of each, and answers
    inventory_turns: Pace = field(default_factory=lambda: Pace(3))  # how often a minute each may invite to begin anew
    giving: Pace = field(default_factory=lambda: Pace(5))  # bodies to each neighbour that has lost them
    telling: Pace = field(default_factory=Pace)  # how often each office has been told of its mistakes
    skews: Skews = field(default_factory=Skews)  # of neighbours' clocks
    faults: dict[tuple[str, str], int] = field(default_factory=dict)  # faults of this machine, by message
    outgoing: Outgoing = field(default_factory=Outgoing)  # what hubs still owe an answer about
    hubs_read: Callable[[], bool] = lambda: True  # whether what lay in the hubs at the start has been read
    filled: dict[tuple[Route, bool], int] = field(default_factory=dict)  # bytes by route and urgency: stages.room
    filled_at: datetime | None = None  # when the store said so
    searched: tuple[datetime, Sequence[str]] | None = None  # when, and over which links, strays were looked for
    answered: dict[str, tuple[datetime, int]] = field(default_factory=dict)  # questions of each neighbour in its hour
    taken: list[Any] = field(default_factory=list)  # leased by acceptance, to be sent
    left: bool = True  # whether the store may have due work that this process has not looked for
    waited: dict[str, datetime] = field(default_factory=dict)  # what was given back to wait, by this process

    def has_waited(self, name: str, *, again: bool) -> bool:
        """Whether the submission of this name was given back to wait before; if not, it counts as such from now on.

        ``again`` is the hub's redelivery flag. It does not suffice, since a hub also redelivers what was prefetched and
        never taken, but it decides when nothing more can be remembered.
        """
        if self.waited.pop(name, None) is not None:
            return True
        if not self.may_wait():
            return again
        self.waited[name] = self.now()
        return False

    def may_wait(self) -> bool:
        """Whether another waiting submission can be remembered."""
        if len(self.waited) >= _WAITING:
            now = self.now()
            self.waited = {each: at for each, at in self.waited.items() if at > now - _FORGOTTEN}
        return len(self.waited) < _WAITING

    def let_wait(self, began: Iterable[str], ended: Iterable[str]) -> None:
        """Remember what was given back to wait, and forget what came again."""
        for name in ended:
            self.waited.pop(name, None)
        self.waited.update(dict.fromkeys(began, self.now()))

    def now(self) -> datetime:
        return self.clock.now()
