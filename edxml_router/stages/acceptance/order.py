"""Envelopes of one document keep their order: acceptance assigns the chains, and waits once for a missing document.

After acceptance the ledger keeps the order (``claim`` in :class:`edxml_router.ports.ledger.Book`). Before it nobody
does: an office may publish a letter and its recall together, and two workers take one each. So a recall, update or
replacement of a document that is unknown here is given back once, until the other worker is done. The second time it is
accepted whether or not the document has arrived: that may have taken another way, or never have existed.
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
    """The rows of a batch with their chains, in the order of arrival; ``known`` are the chains of what is here
    already."""
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
    """Those from an office's mailbox that change a document which is neither here nor earlier in this batch: put off
    once (EDX625); by place."""
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
    """Whether it came by a channel on which another worker may have its document in hand."""
    return item.submission.channel == "amqp" and item.row is not None and item.row.kind != Kind.STATUS


def changed(item: Candidate) -> Sequence[str]:
    """The keys of the documents that it changes."""
    return item.row.refers_to if item.row is not None else ()


def name(item: Candidate) -> str:
    """The name by which a waiting submission is recognised when it comes again."""
    return f"{item.submission.peer} {item.digest}"
