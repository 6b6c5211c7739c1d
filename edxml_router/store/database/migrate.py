"""Bring a database to the schema of this version of the program.

``upgrade(engine)`` applies the missing steps in one transaction, one process at a time: if killed in the middle it
leaves the schema unchanged, and the next start repeats it. ``current(engine)`` and :func:`newest` tell where a database
is and should be. Raises Setback EDX601, EDX602; Refusal EDX926 for a database that a newer version has changed, because
an older program does not know what it would write to.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.store.database.engine import reading, writing
from edxml_router.store.database.patience import without_end

if TYPE_CHECKING:
    from alembic.config import Config

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_STEPS: Final = Path(__file__).resolve().parents[1] / "migrations"
_LOCK: Final = 0x6564786D_0001  # an advisory lock of PostgreSQL: "edxm", 1


def upgrade(engine: Engine, to: str = "head") -> str:
    """Apply the missing steps up to revision ``to``; returns the revision reached."""
    from alembic import command  # noqa: PLC0415  # a second of a slow machine, which only this needs
    from alembic.script.revision import RevisionError  # noqa: PLC0415  # as above
    from alembic.util import CommandError  # noqa: PLC0415  # as above

    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            without_end(connection.connection.driver_connection)
        settings = _settings()
        settings.attributes["connection"] = connection
        try:
            command.upgrade(settings, to)
        except (CommandError, RevisionError) as error:
            detail = Detail("schema {revision}, known up to {newest}", revision=_revision(connection), newest=newest())
            raise Refusal("EDX926", where="store.url", detail=detail) from error
        return _revision(connection)


def current(engine: Engine) -> str:
    """The revision a database is at; empty when it has no tables of ours."""
    with reading(engine) as connection:
        return _revision(connection)


def newest() -> str:
    """The revision this version of the program works with."""
    return _revisions()[-1]


def is_known(revision: str) -> bool:
    """Whether this version of the program knows that revision; if not, a newer version made it."""
    return revision in _revisions()


@cache
def _revisions() -> tuple[str, ...]:
    """Of all steps, in order: their files are named so that they sort. Alembic would say the same, and is not asked:
    commands that only look need not wait until it is loaded."""
    texts = (path.read_text("utf-8") for path in sorted((_STEPS / "versions").glob("v*.py")))
    return tuple(found[1] for text in texts if (found := _REVISION.search(text)))


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""


def _settings() -> Config:
    from alembic.config import Config  # noqa: PLC0415  # as above

    settings = Config()  # no alembic.ini: it would have to be found from an installed wheel
    settings.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings
