"""What is of one document keeps its order: acceptance gives each envelope its chains, and waits once for a document.

Behind acceptance the ledger sees to it (:class:`edxml_router.ports.ledger.Book`, ``claim``). Before it nobody does: an
office lays a letter and its recall into the hub at once, and two workers take one each. So what changes a document that
is unknown here is given back once, to come again when the other worker is done; and then it is taken, whether the
document has come or not, for it may have gone another way, or never have been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edxml_router.core.delivery.chains import Known, chains
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Setback, Trouble
from edxml_router.stages.acceptance.submission import Candidate

if TYPE_CHECKING:
    from edxml_router.stages.acceptance.facts import Facts

WAITS = "EDX625"


def chained(rows: Mapping[str, EnvelopeRow], known: Known) -> dict[str, EnvelopeRow]:
    """The rows of a batch, in the order of arrival, with their chains; ``known`` are those of what is here."""
    before = dict(known)
    found: dict[str, EnvelopeRow] = {}
    for digest, row in rows.items():
        own = row.document_key if row.kind == Kind.DOCUMENT else ""
        numbers = chains(row.sender, own, row.refers_to, before)
        found[digest] = replace(row, chains=numbers)
        if own:
            so_far = before.get((row.sender, own), ())
            before[row.sender, own] = (*so_far, *(each for each in numbers if each not in so_far))
    return found


def early(judged: Sequence[Candidate], troubles: Mapping[int, Trouble], facts: Facts) -> dict[int, Trouble]:
    """What an office laid into the hub and what changes a document that is not here, nor before it in this batch: put
    off (EDX625), once; by place."""
    found: dict[int, Trouble] = {}
    before: set[str] = set()
    for place, item in enumerate(judged):
        if place in troubles or item.row is None or item.row.kind == Kind.STATUS:
            continue
        missing = [key for key in item.row.refers_to if key not in before and key not in facts.documents]
        if missing and may_have_to_wait(item) and facts.may_wait and name(item) not in facts.waited:
            found[place] = Setback(WAITS, where="DocumentId", detail=missing[0])
        before.add(item.row.document_key)
    return found


def may_have_to_wait(item: Candidate) -> bool:
    """Whether it came by a way on which another worker may have its document in hand."""
    return item.submission.channel == "amqp" and item.row is not None and item.row.kind != Kind.STATUS


def changed(item: Candidate) -> Sequence[str]:
    """The keys of the documents that it changes."""
    return item.row.refers_to if item.row is not None else ()


def name(item: Candidate) -> str:
    """By which a submission that waits is known when it comes again."""
    return f"{item.submission.peer} {item.digest}"
