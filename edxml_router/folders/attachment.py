"""One office that is attached by a folder: a look at everything in it, and what follows from that.

    attached = FolderAttachment(settings, office)
    attached.turn()                    # told what went wrong once, by what it raises

A turn hands in what lies whole in the outbox, does what the office has said of its letters, lays what is new into the
inbox, and writes what became of what was sent. Every step may be repeated; nothing of the turn is remembered but when
files have changed. The node is opened for each turn that needs it, so keys that were blocked and settings that were
changed count at once.

Raises Setback EDX630 where the folder cannot be used, and what opening the database raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from edxml_router.config import OfficeSettings, Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import office_folder as parts
from edxml_router.disk.office_folder import OfficeFolder
from edxml_router.disk.watch import WRITTEN, FolderWatch
from edxml_router.folders import inbox, outbox, receipts
from edxml_router.folders.settling import Settling
from edxml_router.services import office as offices
from edxml_router.services.folder import letters
from edxml_router.wiring.opening import ledger_of, node_of
from edxml_router.wiring.own_ledger import OwnLedger

UNUSABLE: Final = "EDX630"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until what the node could not take is handed in again


class FolderAttachment:
    """The folder of one office and the node that it is attached to."""

    def __init__(
        self, settings: Settings, office: OfficeSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if office.folder is None:
            raise ValueError("an office without a folder")
        self._settings, self.name, self._root = settings, office.name, office.folder
        self._clock = clock
        self._outgoing, self._reasons = Settling(clock), Settling(clock)
        self._watch = FolderWatch()
        self._swept = False
        self._pause, self._hand_in_at = FIRST_PAUSE, 0.0

    def fileno(self) -> int:
        """Readable when something has happened in the folder; -1 where nobody tells."""
        return self._watch.fileno()

    def close(self) -> None:
        self._watch.close()

    def turn(self) -> Finding | None:
        """One look; why something waits that the office handed in, if the node could not take it now."""
        try:
            with OfficeFolder(self._root) as place, ledger_of(self._settings) as ledger:
                return self._turn(place, ledger)
        except BlockingIOError as error:
            raise Setback(UNUSABLE, where=str(self._root), detail=Detail("another process serves it")) from error
        except OSError as error:
            raise Setback(UNUSABLE, where=str(error.filename or self._root), detail=in_words(error)) from error

    def _turn(self, place: OfficeFolder, ledger: OwnLedger) -> Finding | None:
        for each in parts.PARTS:
            place.part(each)
        for each in (parts.OUTBOX, parts.DONE, parts.RETURNED):  # again each time: a share may have been mounted anew
            self._watch.add(self._root / each, WRITTEN)
        self._outgoing.told(self._watch.told())  # before looking
        if not self._swept:
            place.sweep()
            self._swept = True
        now = datetime.now().astimezone()
        waits = self._hand_in(place, now)
        self._answer(place, ledger, now)
        self._lay(place, ledger, now)
        receipts.call(place, next((one for _, one in offices.called(ledger, [self.name])), None), self.name)
        receipts.lay(place, ledger, self.name)
        return waits

    def _hand_in(self, place: OfficeFolder, now: datetime) -> Finding | None:
        if self._clock() < self._hand_in_at:
            return None
        names = outbox.ready(place, self._outgoing)
        if not names and not outbox.claimed(place):
            return None
        with node_of(self._settings) as node:  # before anything is claimed: it may be away
            outbox.take_claims(place, names)
            waits = outbox.hand_in(place, node, self.name, outbox.claimed(place), now)
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if waits else FIRST_PAUSE
        self._hand_in_at = self._clock() + self._pause if waits else 0.0
        return waits

    def _answer(self, place: OfficeFolder, ledger: OwnLedger, now: datetime) -> None:
        done, back = inbox.lying(place, parts.DONE), inbox.lying(place, parts.RETURNED)
        said = inbox.returns(place, ledger, self.name, self._reasons, back)
        if not done and not said:
            return
        with node_of(self._settings) as node:
            if done:
                inbox.confirm(place, node, self.name, done, now)
            inbox.give_back(place, node, self.name, said, now)

    def _lay(self, place: OfficeFolder, ledger: OwnLedger, now: datetime) -> None:
        # The inbox first: what is moved on while we look is then seen twice, and not missed and laid again.
        there = inbox.lying(place, parts.INBOX)
        moved = inbox.lying(place, parts.DONE) | inbox.lying(place, parts.RETURNED)
        ready = letters.offered(ledger.views, self.name, inbox.MOST)
        whole = inbox.whole(place)
        absent = [one for one in ready if one.name not in moved and one.name not in whole]
        if absent:
            with node_of(self._settings) as node:
                inbox.lay(place, node, letters.items(ledger.views, absent[: outbox.BATCH]))
        known = {one.name for one in ready}
        if len(ready) < inbox.MOST:
            inbox.put_ended_by(place, ledger, self.name, there - known, now)


