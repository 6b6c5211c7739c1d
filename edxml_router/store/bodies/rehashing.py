"""Whether the files of bodies are what was accepted: each is read once, in pieces, and its digest compared.

    for damage in damaged_files(engine, folder, progress): …

Names come from the table in pages; of a file no more than a piece is in memory, whatever its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, select

from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.wording import in_words
from edxml_router.store.bodies import spool
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.engine import reading

_PAGE: Final = 500
_DIGITS: Final = frozenset("0123456789abcdef")
_FILED: Final = select(bodies.c.digest, bodies.c.size).where(bodies.c.data.is_(None)).order_by(bodies.c.digest)


def damaged_files(engine: Engine, folder: Path, progress: Callable[[int], None]) -> Iterator[Damage]:
    """Each file that is missing, cannot be read, or has other bytes. ``progress`` gets how many files were read, one by
    one. Raises Setback EDX601, EDX602."""
    after = ""
    while True:
        with reading(engine) as connection:
            rows = connection.execute(_FILED.where(bodies.c.digest > after).limit(_PAGE)).all()
        for row in rows:
            if (damage := _damage(folder, row)) and _is_kept(engine, row.digest):
                yield replace(damage, where=Detail("body {digest}", digest=row.digest))
            progress(1)
        if len(rows) < _PAGE:
            return
        after = rows[-1].digest


def _is_kept(engine: Engine, digest: str) -> bool:
    """Still: its term may have ended since the page was read."""
    with reading(engine) as connection:
        return connection.execute(_FILED.where(bodies.c.digest == digest)).first() is not None


def _damage(folder: Path, row: Any) -> Damage | None:
    digest = row.digest
    if len(digest) != 64 or not _DIGITS.issuperset(digest):  # it would become a path
        return Damage("", Detail("its name in the table is no digest"))
    found, size = hashlib.sha256(), 0
    try:
        for piece in spool.read(folder / digest[:2] / digest[2:]):
            found.update(piece)
            size += len(piece)
    except FileNotFoundError:
        return Damage("", Detail("its file is missing"), digest)
    except OSError as error:
        return Damage("", in_words(error), digest)
    if found.hexdigest() != digest:
        return Damage("", Detail("its bytes are others than those that were accepted"), digest)
    if size != row.size:
        return Damage("", Detail("it has {size} bytes, and {found} in the table", size=size, found=row.size))
    return None
