"""The triggers that let nobody change or remove what is written for ever."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

from edxml_router.store.database.engine import reading

# By table, on both databases; what each refuses is in the steps of the schema.
GUARDS: Final = {
    "journal": ("journal_unchanged", "journal_kept"),
    "checkpoints": ("checkpoints_unchanged", "checkpoints_kept"),
    "tree_nodes": ("tree_nodes_kept",),
}
_SQLITE: Final = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL: Final = """
SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal AND tgenabled <> 'D'
"""


def missing_guards(engine: Engine) -> list[str]:
    """Those that are not there, or are switched off."""
    query = _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL
    with reading(engine) as connection:
        there = set(connection.execute(text(query)).scalars())
    return [name for names in GUARDS.values() for name in names if name not in there]
