"""The letters of an office in its folder, and what the office does with them.

    inbox/LETTER.edxml     the letter, with LETTER.json beside it and its attachments in the folder LETTER
    done/LETTER…           moved here by the office: it has it. Then it lies in done/2026-11
    returned/LETTER…       moved here by the office: it goes back, once LETTER.txt beside it says why

What there is to do follows from what lies where and how the node knows the letters, so nothing else is kept, and a
crash anywhere is made up for by the next look. A letter that is offered and lies in none of the three is laid into the
inbox: one that was deleted by mistake comes again. ``LETTER.edxml`` is laid last and moved first.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import InboxItem
from edxml_router.core.link.wire import read_letter_name
from edxml_router.core.problems import Finding, Refusal
from edxml_router.disk import office_folder as parts
from edxml_router.disk.office_folder import OfficeFolder, Parts
from edxml_router.folders import notes
from edxml_router.folders.settling import Settling
from edxml_router.services import office
from edxml_router.services.folder import letters
from edxml_router.services.office import InboxLetter
from edxml_router.shapes.delivery import letter_shape
from edxml_router.shapes.form import encode
from edxml_router.wiring.own_ledger import OwnLedger
from edxml_router.wiring.stored import StoredNode

MOST: Final = 1000  # letters that lie in a folder; more wait in the node until these are done with
LETTER: Final = ".edxml"
_BESIDE: Final = (".edxml", ".json", "")  # what a letter consists of: a file, its description, its attachments
_REASON: Final = ".txt"
_REASON_BYTES: Final = 64 * 1024
_COVER: Final = "0.txt"  # in front of the attachments, in the order that file managers show
_LONGEST_NAME: Final = 100  # bytes of an attachment's; the whole path must be one that Windows opens


def lying(place: OfficeFolder, part: str) -> set[str]:
    """The names of letters of which a part lies there. Whether they are letters of ours, the node knows."""
    found = set()
    for each in place.names(part):
        if each.endswith(_REASON):
            continue  # a text of ours, or the reason for what is moved there in a moment
        name = each.removesuffix(LETTER).removesuffix(".json")
        with suppress(Refusal):
            read_letter_name(name)
            found.add(name)
    return found


def whole(place: OfficeFolder) -> set[str]:
    """The names of letters that lie in the inbox, themselves and not only something that belongs to them."""
    return {each.removesuffix(LETTER) for each in place.names(parts.INBOX) if each.endswith(LETTER)}


# --- laid into the inbox ---


def lay(place: OfficeFolder, node: StoredNode, items: Iterable[InboxItem]) -> None:
    """Lay these letters into the inbox. A crash leaves a part without the letter itself, which is laid again."""
    for item in items:
        name = item.delivery.name
        body = office.fetch(node, InboxLetter(item.delivery.route.name, name))
        with suppress(Refusal):  # accepted under other limits: there is the letter itself
            place.gather((parts.INBOX,), name, _enclosed(node, body))
        place.write((parts.INBOX,), f"{name}.json", [encode(letter_shape(item))])
        place.write((parts.INBOX,), f"{name}{LETTER}", body.pieces())


def _enclosed(node: StoredNode, body: Body) -> Iterator[tuple[str, Iterator[bytes]]]:
    letter = letters.opened(node, body, secrets.token_hex(16))
    yield _COVER, iter([notes.cover(letter.envelope, letter.envelope.attachments)])
    taken = {_COVER}
    for number, (attachment, pieces) in enumerate(letter.enclosed(), 1):
        name = _file_name(attachment.name, taken, number)
        taken.add(name.casefold())
        yield name, pieces


def _file_name(name: str, taken: Collection[str], number: int) -> str:
    """What a file system of another kind also takes, and nobody else here has: what it ends in stays."""
    seen = parts.plain("".join("_" if each in '<>:"/\\|?*' else each for each in name)).strip(". ") or "_"
    stem, dot, end = seen.rpartition(".")
    if not dot or len(end.encode()) > 10:
        stem, end = seen, ""
    stem = stem.encode()[:_LONGEST_NAME].decode(errors="ignore")
    made = f"{stem}.{end}" if end else stem
    return f"{number}-{made}" if made.casefold() in taken or parts.is_passed_over(made) else made


# --- and moved by the office ---


def confirm(place: OfficeFolder, node: StoredNode, name: str, moved: Collection[str], now: datetime) -> None:
    """The office has these. A crash after the node knows it, and before they are put by, has it told once more."""
    own = [InboxLetter(name, each) for each in sorted(moved)]
    for letter, found in office.confirm(node, own).items():
        _put_by(place, letter.name, parts.DONE, found, now)


def returns(
    place: OfficeFolder, ledger: OwnLedger, name: str, settling: Settling, moved: Collection[str]
) -> Mapping[str, str]:
    """Of the letters that the office sends back, those that have a reason, with it. The others are asked for one, but
    for what the node knows to be returned: a crash came before it was put by."""
    said: dict[str, str] = {}
    files = {each: f"{each}{_REASON}" for each in moved}
    settling.forget_others(files.values())
    for each, file in files.items():
        status = place.status((parts.RETURNED,), file)
        if status is not None:
            if settling.is_whole(file, status, lambda: True) and (reason := _reason(place, file)):
                said[each] = reason
            continue
        known = letters.standing(ledger.views, name, each)
        if known is not None and known.state is State.RETURNED:
            said[each] = ""
        else:
            place.write((parts.RETURNED,), file, [notes.reason_wanted(each)])
    return said


def _reason(place: OfficeFolder, file: str) -> str:
    try:
        descriptor = place.open((parts.RETURNED,), file)
    except OSError:  # a link, or a file that may not be read
        return ""
    try:
        return notes.reason(os.pread(descriptor, _REASON_BYTES, 0))
    finally:
        os.close(descriptor)


def give_back(
    place: OfficeFolder, node: StoredNode, name: str, said: Mapping[str, str], now: datetime
) -> None:
    """The office sends these back."""
    for each, reason in said.items():
        letter = InboxLetter(name, each)
        _put_by(place, each, parts.RETURNED, office.refuse(node, [letter], reason)[letter], now)


def _put_by(place: OfficeFolder, name: str, part: str, found: Finding | None, now: datetime) -> None:
    """Into the month's folder, with all that belongs to the letter, wherever the office has left it."""
    target = (part, f"{now:%Y-%m}")
    if found is not None:
        place.write(target, f"{name}.node{_REASON}", [notes.answered(name, found)])
    if part == parts.RETURNED:
        _follow(place, name + _REASON, (part,), target)
    for end in reversed(_BESIDE):  # the letter itself last: while it lies there, this is done again
        for source in ((parts.INBOX,), (part,)):
            _follow(place, name + end, source, target)


def _follow(place: OfficeFolder, name: str, source: Parts, target: Parts) -> None:
    if place.status(source, name) is None:
        return
    try:
        place.move(name, source, target)
    except OSError:
        if place.status(target, name) is None:
            raise
        place.move(name, source, target, place.free(target, name))  # a folder is not replaced by another


# --- what ended without the office ---


def put_ended_by(
    place: OfficeFolder, ledger: OwnLedger, name: str, gone: Collection[str], now: datetime
) -> None:
    """Letters that lie in the inbox and are not offered any more: confirmed another way, expired, or withdrawn."""
    for each in gone:
        delivery = letters.standing(ledger.views, name, each)
        if delivery is None or delivery.state is State.AVAILABLE:
            continue  # no letter of ours, or one of a database that was restored; offered a moment ago
        if delivery.state in (State.CONFIRMED, State.RETURNED):
            _put_by(place, each, parts.DONE if delivery.state is State.CONFIRMED else parts.RETURNED, None, now)
            continue
        if delivery.state not in (State.EXPIRED, State.CANCELLED):
            continue  # it is on its way here again
        target = (parts.WITHDRAWN, f"{now:%Y-%m}")
        place.write(target, f"{each}{_REASON}", [notes.ended(delivery)])
        for end in reversed(_BESIDE):
            _follow(place, each + end, (parts.INBOX,), target)


