"""What an office lays into its outbox, on its way to a verdict.

    outbox/a.edxml ─▶ .work/claimed/a.edxml ─▶ the node ─▶ sent/2026-11/a.edxml, a.edxml.json
                                                        └▶ failed/a.edxml, a.edxml.json, a.edxml.txt

A file is claimed before it is read, so that nobody can put another in its place between what was judged and what is
kept. A crash leaves it claimed: it is handed in again and recognised, and gets the same verdict. The verdict is written
before the file is moved beside it, and the move is the end. What cannot be taken now goes back into the outbox.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import office_folder as parts
from edxml_router.disk.office_folder import OfficeFolder, is_passed_over, is_plain, plain
from edxml_router.folders import notes
from edxml_router.folders.settling import Settling, signature
from edxml_router.services import office
from edxml_router.services.office import NamedAcceptance
from edxml_router.services.reading import UNREADABLE, Receive, received_body
from edxml_router.shapes.form import encode
from edxml_router.shapes.verdict import SentShape
from edxml_router.wiring.stored import StoredNode

BATCH: Final = 100  # files that are claimed at once
STILL_WRITTEN: Final = "EDX428"
_TAIL: Final = 256  # bytes at the end of a file that are looked at
_END: Final = b">"


def ready(place: OfficeFolder, settling: Settling) -> list[str]:
    """The files of the outbox that are whole, and not more than are claimed at once."""
    names = [name for name in place.names(parts.OUTBOX) if not is_passed_over(name)]
    settling.forget_others(names)
    found: list[str] = []
    for name in sorted(names):
        status = place.status((parts.OUTBOX,), name)
        if status is None or stat.S_ISDIR(status.st_mode):  # a folder is nothing to send, and may be filled still
            continue
        odd = not stat.S_ISREG(status.st_mode) or status.st_nlink > 1  # nobody writes to these; they are refused
        if odd or settling.is_whole(name, status, partial(_ends, place, name)):
            found.append(name)
        if len(found) == BATCH:
            break
    return found


def _ends(place: OfficeFolder, name: str) -> bool:
    """Whether a file ends as an XML document does. What cannot be read is judged like any other."""
    try:
        descriptor = place.open((parts.OUTBOX,), name)
    except OSError:
        return True
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, _TAIL, max(0, size - _TAIL)).rstrip().endswith(_END)
    finally:
        os.close(descriptor)


def take_claims(place: OfficeFolder, names: Sequence[str]) -> None:
    """Take these out of the outbox. What has the name of one that is claimed already waits for that one."""
    for name in names:
        if place.status(parts.CLAIMED, name) is None:
            with suppress(FileNotFoundError):  # its writer has taken it back
                place.move(name, (parts.OUTBOX,), parts.CLAIMED)


def claimed(place: OfficeFolder) -> list[str]:
    """What was taken and has no answer, now or before a crash; not more than a batch."""
    return sorted(place.names(*parts.CLAIMED))[:BATCH]


def hand_in(place: OfficeFolder, node: StoredNode, name: str, files: Sequence[str], now: datetime) -> Finding | None:
    """Hand claimed files in as the office ``name``, one batch, and lay the verdicts; why some wait, if any do."""
    waits: Finding | None = None
    for handed in office.submit(node, name, files, partial(_read, place), "folder"):
        if handed.answer.passing:
            waits = handed.answer.finding
            _give_back(place, handed.name)
        else:
            _answer(place, handed, now)
    return waits


def _read(place: OfficeFolder, name: str, most: int, receive: Receive) -> Body:
    if not is_plain(name):
        raise Refusal(UNREADABLE, where=plain(name), detail=Detail("its name cannot be written, or is too long"))
    try:
        descriptor = place.open(parts.CLAIMED, name)
    except OSError as error:
        raise Refusal(UNREADABLE, where=name, detail=in_words(error)) from error
    try:
        begun = os.fstat(descriptor)
        if begun.st_size > most:
            detail = Detail("{size} bytes, at most {most}", size=begun.st_size, most=most)
            raise Refusal("EDX102", where=name, detail=detail)
        body = received_body(partial(os.read, descriptor), name, most, receive)
        if signature(os.fstat(descriptor)) != signature(begun) or len(body) != begun.st_size:
            body.discard()
            raise Setback(STILL_WRITTEN, where=name)
        return body
    except OSError as error:
        raise Setback("EDX622", where=name, detail=in_words(error)) from error
    finally:
        os.close(descriptor)


def _give_back(place: OfficeFolder, name: str) -> None:
    """Into the outbox, where the office sees that it waits; unless another file has its name there by now."""
    if place.status((parts.OUTBOX,), name) is None:
        place.move(name, parts.CLAIMED, (parts.OUTBOX,))


def _answer(place: OfficeFolder, handed: NamedAcceptance, now: datetime) -> None:
    answer = handed.answer
    target = (parts.SENT, f"{now:%Y-%m}") if answer.accepted else (parts.FAILED,)
    name = place.free(target, plain(handed.name))
    told: SentShape = {"file": name, **answer.shape()}
    place.write(target, f"{name}.json", [encode(told)])
    if not answer.accepted and answer.finding is not None:
        place.write(target, f"{name}.txt", [notes.refused(name, answer.finding)])
    # The end of it. A crash before this line has it handed in again, and answered alike under the same name.
    place.move(handed.name, parts.CLAIMED, target, name)
