"""Witnesses: what this node has cosigned of its neighbours' journals, and what they have cosigned of its own; and what
authorities have stamped of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

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

    def time_stamps(self, before: tuple[int, str] | None = None, limit: int = 50) -> Sequence[KeptTimeStamp]:
        """Those that are kept, of the largest checkpoint first; ``before`` is size and authority of the last one on the
        page before."""

    def last_time_stamp(self, authority: str) -> KeptTimeStamp | None:
        """That over the largest checkpoint."""

    def first_time_stamp(self, least: int) -> KeptTimeStamp | None:
        """The earliest over a checkpoint of this size or more."""

    def unstamped_since(self, size: int) -> datetime | None:
        """When the first signed checkpoint beyond this size was made."""
