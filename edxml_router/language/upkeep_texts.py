"""What people read of copies of a node, and of one that was made anew (part of :mod:`edxml_router.language.texts`)."""

from __future__ import annotations

from typing import Final

UPKEEP: Final[dict[str, str]] = {
    "doctor.recovery": "after a restore",
    "doctor.backup": "back-ups",
    "doctor.bodies": "stored bodies",
    "doctor.tiles": "journal, as files",
    "tiles.working": "writing",
    "tiles.written": "{folder}: {size} entries of the journal; files written now: {files}",
    "tiles.good": "{folder} verifies: {files} files, {size} entries, root {root}",
    "tiles.missing": "{name}: it is missing",
    "backup.working": "copying",
    "backup.done": "{folder}: {entries} journal entries, {bodies} large bodies, {size} bytes",
    "restore.working": "reading the copy",
    "restore.good": "{folder} is as it was written on {at}: {entries} journal entries, {bodies} large bodies",
    "restore.done": "restored from {folder}: {entries} journal entries, {bodies} large bodies",
    "restore.since": "What came after {since} is missing, and is repeated by those who had handed it in.",
    "restore.open": "Not ended yet: {counts}",
    "restore.next": "Start the node: edxml-router serve. What is missing yet: edxml-router recovery show",
    "drill.working": "trying the copy out",
    "drill.done": "{folder}: {size} entries, {letters} letters with their history, {deliveries} deliveries,"
    " {bodies} bodies ({seconds} s)",
    "drill.compared": "The journal of this node, with {size} entries, was compared with it.",
    "drill.alone": "There is no journal of this node to compare it with; nothing is written down.",
    "recovery.none": "Nobody has to repeat anything.",
    "recovery.link": "asked; has not answered",
    "recovery.office": "has to send again, then: recovery done",
    "recovery.done": "{name}: done",
}
