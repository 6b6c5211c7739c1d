"""The bell between the machines of one database: LISTEN and NOTIFY of PostgreSQL.

    ring(connection, place)                        # in the transaction that others are to hear of
    for rung in hear(engine, place):               # True: another machine has committed something
        …                                          # False: nothing for a moment

A notice is part of the transaction: it is sent by the commit and by nothing else, and the server drops notices of the
same content. ``place`` names the data folder of a machine (:func:`edxml_router.disk.bell.place_of`); what comes from
the own one is left out, because its bells are files and have rung. SQLite has one machine only, and nothing is done.

LISTEN belongs to a session. Behind a pooler that gives each transaction another one it would hear nothing, but the
database does not let us in through such a pooler (:mod:`edxml_router.store.database.engine`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.engine import troubles

LABEL: Final = "edxml-router bell"  # what PostgreSQL shows of the connection that listens
CHANNEL: Final = "edxml_router_bell"
MOMENT: Final = 1.0  # seconds
ASK_SECONDS: Final = 30.0  # without a notice, until the server is asked whether it is still there
_RING: Final = text("SELECT pg_notify(:channel, :place)")


def ring(connection: Connection, place: str) -> None:
    """Tell the other machines at the commit of this transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(_RING, {"channel": CHANNEL, "place": place})


def hear(engine: Engine, place: str) -> Iterator[bool]:
    """Without end, at least one value each :data:`MOMENT`. The first is True: what was rung before nobody has heard.
    Raises Setback EDX602, EDX624 when the connection cannot be made or is lost, which a silent one is within
    :data:`ASK_SECONDS` and the patience of a statement."""
    with troubles(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        driver: Any = connection.connection.driver_connection
        ask_at = time.monotonic() + ASK_SECONDS
        yield True
        while True:
            notices = _notices(driver)
            if time.monotonic() >= ask_at:
                connection.exec_driver_sql("SELECT 1")
            if notices or time.monotonic() >= ask_at:
                ask_at = time.monotonic() + ASK_SECONDS
            yield any(one.payload != place for one in notices)


def _notices(driver: Any) -> list[Any]:
    """Those of the next moment; it ends early with the first that come."""
    import psycopg  # noqa: PLC0415  # an extra of the installation

    try:
        return list(driver.notifies(timeout=MOMENT, stop_after=1))
    except psycopg.Error as error:
        raise Setback("EDX602", where="store.url", detail=Detail("no connection")) from error
