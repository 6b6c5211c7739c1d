"""Have the journal stamped by the authorities of journal.stamps, while the node runs.

    with Stamping(settings) as stamping: …      # in the supervisor: one for the node
    stamping.settings = new; stamping.wake()    # after a reload

A thread, because an authority that is slow must delay nothing else. It sleeps until a stamp is due: after
journal.stamp_interval, after a minute where one could not be had. That an authority is away is told once, and when it
is back; the exchange of documents knows nothing of it.
"""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final

from edxml_router.config import Settings, StampSettings
from edxml_router.core.problems import Finding, Trouble
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.credentials.time_stamping import stamp_by
from edxml_router.observe import events
from edxml_router.stages.witness.stamping import keep_stamp, signed_note, unstamped
from edxml_router.wiring import own_ledger
from edxml_router.wiring.own_ledger import OwnLedger

RETRY: Final = timedelta(seconds=60)  # until what failed is tried again, unless journal.stamp_interval is shorter


class Stamping:
    """The thread, and when each authority is asked next."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings  # the supervisor's, as it takes them
        self._ending = False
        self._wake = threading.Event()
        self._due: dict[str, datetime] = {}  # by address
        self._told: dict[str, Finding | None] = {}
        # A daemon: an authority that does not answer must not hold up the end of the node.
        self._thread = threading.Thread(target=self._run, name="stamping", daemon=True)

    def __enter__(self) -> Stamping:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._wake.set()

    def wake(self) -> None:
        """The settings have changed."""
        self._wake.set()

    def turn(self, now: datetime) -> float | None:
        """Ask every authority whose turn it is. Returns the seconds until the next one's, None where there is none."""
        settings = self.settings
        asked = settings.journal.stamps if settings.journal.key is not None else ()
        self._due = {one.url: self._due[one.url] for one in asked if one.url in self._due}
        turns = [one for one in asked if self._due.get(one.url, now) <= now]
        if turns:
            with closing(own_ledger.open_ledger(settings)) as ledger:
                for one in turns:
                    self._due[one.url] = now + min(RETRY, settings.journal.stamp_interval)
                    self._due[one.url] = self._stamped(settings, ledger, one, now)
        return min(((at - now).total_seconds() for at in self._due.values()), default=None)

    def _stamped(self, settings: Settings, ledger: OwnLedger, authority: StampSettings, now: datetime) -> datetime:
        """When this authority is to be asked again."""
        interval, last = settings.journal.stamp_interval, ledger.views.last_time_stamp(authority.url)
        if last is not None and now - interval < last.taken_at <= now:  # before a restart, or by another machine
            return last.taken_at + interval
        checkpoint = unstamped(ledger.views, authority.url)
        if checkpoint is None:  # nothing new; or, at the very beginning, nothing signed yet
            return now + (interval if last is not None else min(RETRY, interval))
        note = signed_note(ledger.views, checkpoint)
        try:
            token, stamp = stamp_by(authority, note)
        except Trouble as trouble:
            self._tell(authority.url, trouble.finding)
            return now + min(RETRY, interval)
        keep_stamp(ledger, KeptTimeStamp(checkpoint.size, authority.url, stamp.at, now, note, token))
        self._tell(authority.url, None)
        events.journal_stamped(authority.url, checkpoint.size, stamp.at)
        return now + interval

    def _tell(self, url: str, finding: Finding | None) -> None:
        if finding is not None and self._told.get(url) != finding:
            events.journal_not_stamped(finding)
        self._told[url] = finding

    def _run(self) -> None:
        while not self._ending:
            self._wake.clear()
            pause: float | None = RETRY.total_seconds()
            try:
                pause = self.turn(datetime.now(UTC))
            except Trouble:  # the database is away, which the workers say
                pass
            except Exception as error:  # noqa: BLE001  # the thread must live
                events.defect("stamping", error)
            self._wake.wait(pause)
