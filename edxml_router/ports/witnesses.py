"""Witnesses: what this node has cosigned of its neighbours' journals, and what they have cosigned of its own; and what
authorities have stamped of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from edxml_router.core.link.inventory.messages import CarriedDelivery, DeliveryStanding, Direction, Pass
from edxml_router.core.link.inventory.values import InventoryRound, Lacking, LinkGap
from edxml_router.core.proof.witness import KeptCosignature, KeptTimeStamp, LogFork, WitnessedLog, WitnessStanding


class Witnesses(Protocol):
    """The part of a book about them."""

    def newest(self, origin: str) -> WitnessedLog | None:
        """The largest checkpoint that was cosigned of this log. Whoever has asked this has it alone until the
        transaction ends: nobody else can cosign meanwhile."""

    def keep(self, checkpoint: WitnessedLog) -> None:
        """Remember it as cosigned; of one that is kept already, that it was shown again."""

    def catch(self, fork: LogFork) -> bool:
        """Keep the evidence, of each log a bounded number of times. False where it is not new: the same was shown
        before."""

    def ask(self, peer: str, now: datetime, pause: timedelta) -> WitnessStanding | None:
        """How it stands with this neighbour, if it is its turn to be asked, which it is not again for that pause."""

    def answered(self, peer: str, now: datetime, size: int | None, code: str = "", detail: str = "") -> bool:
        """It has answered: the size that it has cosigned last, if it said so, and why it does not cosign. Whether
        the reason is another than before."""

    def keep_cosignature(self, cosignature: KeptCosignature) -> None:
        """Keep a neighbour's cosignature; of the same size the later one."""

    def thin(self, now: datetime, hourly: timedelta) -> None:
        """Of neighbours' checkpoints, of cosignatures and of time stamps keep all for a day, one an hour for so long,
        and one a day."""

    def keep_time_stamp(self, stamp: KeptTimeStamp) -> None:
        """Keep it; the first of the same authority over the same size stays."""


class WitnessViews(Protocol):
    """Queries about them."""

    def witnessed(self, origin: str = "") -> Sequence[WitnessedLog]:
        """The newest checkpoint of each neighbour's log; with ``origin`` all that are kept of that one, newest first,
        at most a thousand."""

    def forks(self) -> Sequence[LogFork]:
        """All evidence, the oldest first."""

    def standings(self) -> Sequence[WitnessStanding]:
        """Of all neighbours that were ever asked."""

    def cosignatures(self, size: int) -> Sequence[KeptCosignature]:
        """Under the checkpoint of this size."""

    def all_cosignatures(self, after: int = 0, limit: int = 1000) -> Sequence[KeptCosignature]:
        """Those of checkpoints above a size, the smallest first. All of one size come together."""

    def cosigned_size(self, least: int = 0) -> int | None:
        """The largest checkpoint that a neighbour has cosigned, of this size or more; None where there is none."""

    def cosigned_sizes(self, least: int, limit: int = 50) -> Sequence[int]:
        """The checkpoints over ``least`` entries or more that neighbours have cosigned, the largest first."""

    def time_stamps(self, before: tuple[int, str] | None = None, limit: int = 50) -> Sequence[KeptTimeStamp]:
        """Those that are kept, of the largest checkpoint first; ``before`` is size and authority of the last one on the
        page before."""

    def last_time_stamp(self, authority: str) -> KeptTimeStamp | None:
        """That over the largest checkpoint."""

    def first_time_stamps(self, least: int, limit: int = 50) -> Sequence[KeptTimeStamp]:
        """The first over ``least`` entries or more, the smallest checkpoint coming first; of two over one, the
        earlier."""

    def unstamped_since(self, size: int) -> datetime | None:
        """When the first signed checkpoint beyond this size was made."""


class Inventories(Protocol):
    """The part of a book about them."""

    def begin(self, rounds: Iterable[InventoryRound], *, anew: bool = False) -> None:
        """Make these rounds where there are none; ``anew``: in the place of those that there are."""

    def turn(
        self, peer: str, direction: Direction, reason: Pass, now: datetime, patience: timedelta
    ) -> InventoryRound | None:
        """The round, if its next page is to be asked about: it waits for no answer, or has for that long. Nobody else
        has it until the transaction ends."""

    def keep(self, inventory_round: InventoryRound) -> None:
        """Write down how far it is."""

    def one(self, peer: str, direction: Direction, reason: Pass) -> InventoryRound | None:
        """The round, as it is; nobody else has it until the transaction ends."""

    def carried(
        self, peer: str, direction: Direction, after: tuple[datetime, str, str], until: datetime, limit: int
    ) -> Sequence[CarriedDelivery]:
        """What has gone over the link behind this place, of envelopes accepted before ``until``, in order."""

    def known(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these digests and recipients of which there is a delivery here."""

    def standings(
        self, peer: str, direction: Direction, pairs: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], DeliveryStanding]:
        """How it stands with those of these digests and recipients that were handed to this neighbour, or taken from
        it; by another way the same letter may have come, or gone on, as well."""

    def namesakes(self, named: Collection[str]) -> Mapping[str, str]:
        """By sender, kind and DocumentId in one key, the digest under which the document was accepted here."""

    def restored(self, most: int) -> Sequence[tuple[datetime, datetime]]:
        """From when to when the database has forgotten everything: the newest restored back-ups."""

    def catch(self, gaps: Sequence[LinkGap], note: bytes, most: int) -> Sequence[LinkGap]:
        """Keep these gaps with the signed note that shows them, at most so many of a neighbour. Returns those that
        were not known."""

    def close(self, peer: str, lacking: Lacking, pairs: Collection[tuple[str, str]], now: datetime) -> None:
        """These are known now at the side that lacked them."""


class InventoryViews(Protocol):
    """Queries about them."""

    def inventory_rounds(self, peer: str = "") -> Sequence[InventoryRound]:
        """Of all neighbours, or of one, that speak of inventories."""

    def link_gaps(
        self, peer: str = "", *, ended: bool = False, after: tuple[str, int] = ("", 0), limit: int = 100
    ) -> Sequence[tuple[int, LinkGap]]:
        """The gaps that there are, with their numbers, by neighbour and number; ``ended``: those that were filled, as
        well."""

    def link_gap_counts(self) -> Mapping[tuple[str, str], int]:
        """How many there are that nothing excuses, by neighbour and problem."""

    def gap_evidence(self, digest: str) -> bytes | None:
        """The signed note of this text."""
