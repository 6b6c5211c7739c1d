"""What became of what an office sent: a folder for each document, with a file for each recipient.

    receipts/2026-11/DOCUMENT.9f1c20ab77d3/H53.31.21.json, H53.31.21.txt

A later outcome of the same recipient replaces the file, so it does not matter how often one is written. It is written
before the node counts it as told: a crash in between has it written again.
"""

from __future__ import annotations

from typing import Final

from edxml_router.core.link.resync import Recovery, Resync
from edxml_router.disk import office_folder as parts
from edxml_router.disk.office_folder import OfficeFolder, plain
from edxml_router.folders import notes
from edxml_router.services import office
from edxml_router.shapes.form import encode
from edxml_router.shapes.notice import call_shape, notice_shape
from edxml_router.wiring.own_ledger import OwnLedger

_DIGITS: Final = 12
_AGAIN: Final = "send-again"


def lay(place: OfficeFolder, ledger: OwnLedger, name: str) -> bool:
    """Write what is told to this office and was not yet; whether there was anything."""
    told = office.notices(ledger.views, [name])
    for note in told.notes:
        receipt = note.receipt
        document = told.documents.get(receipt.envelope, "")
        folder = (parts.RECEIPTS, f"{receipt.at:%Y-%m}", _folder(document, receipt.envelope))
        file = plain(receipt.recipient).replace("/", "_")
        place.write(folder, f"{file}.json", [encode(notice_shape(name, [receipt], told.documents))])
        place.write(folder, f"{file}.txt", [notes.outcome_note(receipt, document)])
    office.clear(ledger, told)
    return bool(told.notes)


def call(place: OfficeFolder, recovery: Recovery | None, name: str) -> None:
    """Let the office see that it is to send again what it handed in since a back-up, for as long as that is so."""
    there = place.status((parts.RECEIPTS,), f"{_AGAIN}.json") is not None
    if recovery is None:
        for end in (".json", ".txt") if there else ():
            place.remove((parts.RECEIPTS,), _AGAIN + end)
    elif not there:
        shape = call_shape(name, Resync(recovery.epoch, recovery.since))
        place.write((parts.RECEIPTS,), f"{_AGAIN}.txt", [notes.send_again(recovery.since)])
        place.write((parts.RECEIPTS,), f"{_AGAIN}.json", [encode(shape)])


def _folder(document: str, digest: str) -> str:
    seen = "".join("_" if each in '<>:"/\\|?*,' else each for each in plain(document))[:60].strip(". ")
    return f"{seen}.{digest[:_DIGITS]}" if seen else digest[:_DIGITS]
