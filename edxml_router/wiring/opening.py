"""Open a node's database, or the node itself, for a single act outside its workers.

    with ledger_of(settings) as ledger: …    # only the database
    with node_of(settings) as node: …        # and the rules, without transports

If the database's schema is not this program's, that is reported as the cause of a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect, Refusal, Setback, Trouble
from edxml_router.store.database import migrate
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring.own_ledger import OwnLedger, open_ledger
from edxml_router.wiring.reading import require_file

if TYPE_CHECKING:
    from edxml_router.wiring.stored import StoredNode


@contextmanager
def ledger_of(settings: Settings) -> Iterator[OwnLedger]:
    """The database. Raises Setback EDX602, also when its schema is an older one; Refusal EDX617, EDX926 for a newer."""
    require_file(settings)
    with closing(open_ledger(settings)) as ledger:
        try:
            yield ledger
        except Defect as defect:
            _require_schema(ledger, defect)
            raise


@contextmanager
def node_of(settings: Settings) -> Iterator[StoredNode]:
    """The node without its transports. Raises ConfigErrors and Setback EDX602.

    At the end the new journal entries are numbered: while nothing runs, nobody else would do it.
    """
    from edxml_router.wiring.composition import open_node  # noqa: PLC0415  # who only looks need not wait for rules

    require_file(settings)
    try:
        with open_node(settings) as node:
            try:
                yield node
            finally:
                with suppress(Trouble):  # the act is done; `journal verify` tells which entries have no place yet
                    node.number_journal()
    except Defect as defect:
        with closing(open_ledger(settings)) as ledger:
            _require_schema(ledger, defect)
        raise


def _require_schema(ledger: SqlLedger, cause: Defect) -> None:
    """Checked only after a failure, since it takes longer than most commands."""
    schema, newest = migrate.current(ledger.engine), migrate.newest()
    if schema and not migrate.is_known(schema):
        detail = Detail("schema {revision}, known up to {newest}", revision=schema, newest=newest)
        raise Refusal("EDX926", where="store.url", detail=detail) from cause
    if schema != newest:
        detail = Detail(
            "schema {schema}, needed {newest}; run `edxml-router init`",
            schema=schema or Detail("missing"),
            newest=newest,
        )
        raise Setback("EDX602", where="store.url", detail=detail) from cause
