"""The journal as tiles: written by hand, and a folder of them verified by a checkpoint and the log's key alone.

    done = write_tiles(settings, folder, progress)
    found = verify_tiles(folder, keys, checkpoint, progress)

A folder is written as the node itself does it (:mod:`edxml_router.store.tiles.writing`). To verify one needs neither a
node nor a database. Raises Setback EDX605, EDX691, EDX692; Refusal EDX640 for a checkpoint that no key given has
signed, EDX902 for one that cannot be read, EDX693 where there is none, EDX639 where this node signs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edxml_router.config import ConfigErrors, Settings, load
from edxml_router.core.delivery.views import Damage, Verification
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.proof.checkpoint import TreeHead, read_checkpoint, read_head
from edxml_router.core.proof.note import VerifierKey, read_note
from edxml_router.core.proof.tiles import CHECKPOINT_NAME
from edxml_router.core.wording import in_words
from edxml_router.ports.views import Views
from edxml_router.services.proof.tile_checking import TileCheck, check_tiles
from edxml_router.store.tiles.folder import TileFolder
from edxml_router.store.tiles.writing import TilesWritten, TileWriter, folder_troubles
from edxml_router.wiring.own_ledger import open_ledger

Progress = Callable[[int], None]  # entries that are done


def write_tiles(settings: Settings, folder: Path, progress: Progress) -> TilesWritten:
    """Write what is missing up to the newest signed checkpoint. ``files`` of the result counts all that were."""
    if settings.journal.key is None:
        raise Refusal("EDX639", where=str(settings.path), detail=Detail("journal.key is not set"))
    there, files, done = TileFolder(folder), 0, 0
    with closing(open_ledger(settings)) as ledger, folder_troubles(there):
        try:
            with there.held():
                writer = TileWriter(ledger.views, there, settings.origin)
                while True:
                    step = writer.step()
                    files += step.files
                    progress(max(0, step.entries - done))
                    done = max(done, step.entries)
                    if step.complete:
                        return replace(step, files=files)
        except BlockingIOError:
            told = Detail("another process writes there just now")
            raise Setback("EDX692", where=str(folder), detail=told) from None


def verify_tiles(
    folder: Path, keys: Sequence[VerifierKey], checkpoint: Path | None, progress: Progress | None = None
) -> TileCheck:
    """Verify what is in a folder, by the checkpoint in it or by one that was kept elsewhere."""
    there = TileFolder(folder)
    where = checkpoint or folder / CHECKPOINT_NAME
    try:
        data = checkpoint.read_bytes() if checkpoint else there.read(CHECKPOINT_NAME)
        if data is None:
            raise Refusal("EDX693", where=str(where), detail=Detail("it is missing"))
        head, _ = read_checkpoint(data, tuple(keys))
    except OSError as error:
        raise Refusal("EDX902", where=str(where), detail=in_words(error)) from error
    except ValueError as error:
        raise Refusal("EDX640", where=str(where), detail=said(error)) from error
    with folder_troubles(there):
        return check_tiles(there.read, head, progress)


def tiles_finding(found: TileCheck, folder: Path) -> Finding | None:
    """What there is to say of a folder that is not whole."""
    if found.sound:
        return None
    detail = Detail("{missing} files are missing, {wrong} wrong", missing=found.missing_count, wrong=found.wrong_count)
    return Finding("EDX693", str(folder), detail)


def with_tiles(found: Verification, views: Views, file: Path) -> Verification:
    """What was found of the journal, and where the files in journal.tiles say otherwise; as it was where there are
    none, or the configuration cannot be read. Files that are missing are not told: full ones may be in an archive."""
    try:
        folder = load(file).journal.tiles
    except ConfigErrors:
        return found
    if folder is None:
        return found
    there = TileFolder(folder)
    wrong: list[Damage] = []
    count = 0
    with folder_troubles(there):
        data = there.read(CHECKPOINT_NAME)
        if data is None:
            return found
        try:
            head = read_head(read_note(data).text)
        except ValueError as error:
            wrong, count = [Damage(str(folder / CHECKPOINT_NAME), said(error))], 1
        else:
            if head.size > found.size:
                told = Detail("the journal ends at {size}: entries are missing", size=found.size)
                wrong, count = [Damage(str(folder / CHECKPOINT_NAME), told)], 1
            else:
                wrong, count = _compared(there, head, views.root_at(head.size))
    return replace(found, damages=(*found.damages, *wrong), damage_count=found.damage_count + count)


def _compared(there: TileFolder, head: TreeHead, root: bytes) -> tuple[list[Damage], int]:
    """The files that are not those of a journal with this root at the checkpoint's size."""
    checked = check_tiles(there.read, TreeHead(head.origin, head.size, root))
    wrong = [Damage(str(there.path / name), detail) for name, detail in checked.wrong]
    count = checked.wrong_count
    if head.root != root:
        wrong.append(Damage(str(there.path / CHECKPOINT_NAME), Detail("the journal has {root}", root=root.hex())))
        count += 1
    return wrong, count
