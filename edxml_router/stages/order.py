"""What is of one document keeps its order: acceptance gives each envelope its chains, and waits once for a document.

Behind acceptance the ledger sees to it (:class:`edxml_router.ports.ledger.Book`, ``claim``). Before it nobody does: an
office lays a letter and its recall into the hub at once, and two workers take one each. So what changes a document that
is unknown here is given back once, to come again when the other worker is done; and then it is taken, whether the
document has come or not, for it may have gone another way, or never have been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edxml_router.core.delivery.chains import chains
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.message.document_id import comparable
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Setback
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node
from edxml_router.stages.submission import Judged

WAITS = "EDX625"


def chained(book: Book, rows: Mapping[str, EnvelopeRow]) -> dict[str, EnvelopeRow]:
    """The rows of a batch, in the order of arrival, with their chains."""
    named = {(row.sender, key) for row in rows.values() for key in (row.document_key, *row.refers_to) if key}
    known = dict(book.chains(named)) if named else {}
    found: dict[str, EnvelopeRow] = {}
    for digest, row in rows.items():
        own = row.document_key if row.kind == Kind.DOCUMENT else ""
        numbers = chains(row.sender, own, row.refers_to, known)
        found[digest] = replace(row, chains=numbers)
        if own:
            before = known.get((row.sender, own), ())
            known[row.sender, own] = (*before, *(each for each in numbers if each not in before))
    return found


def wait(node: Node, book: Book, judged: Sequence[Judged]) -> None:
    """Put off (EDX625), once, what an office laid into the hub and what changes a document that is not here, nor before
    it in this batch."""
    wanting: list[tuple[Judged, list[str]]] = []
    before: set[str] = set()
    for item in judged:
        if not item.fit or item.examined is None or item.examined.envelope.kind is Kind.STATUS:
            continue
        envelope = item.examined.envelope
        if item.submission.channel == "amqp" and (
            missing := [key for key in map(comparable, envelope.refers_to) if key not in before]
        ):
            wanting.append((item, missing))
        before.add(comparable(envelope.document_id))
    if not wanting:
        return
    known = book.known_documents({key for _, missing in wanting for key in missing})
    for item, missing in wanting:
        unknown = [key for key in missing if key not in known]
        if unknown and not node.has_waited(f"{item.submission.peer} {item.digest}", again=True):
            item.trouble = Setback(WAITS, where="DocumentId", detail=unknown[0])
