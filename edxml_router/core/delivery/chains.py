"""Which envelopes must keep their order on the way to a recipient: those of one document.

    chains("H53", "12/QĐ-UBND", refers_to=("11/QĐ-UBND",), known={})      # numbers; what shares one keeps its order

A document begins a chain; its updates, replacements and recall go on with it, and so do statuses, with the chain of the
document that they are about. The sender is part of it: what others write about a document goes its own way, and nobody
can have another's mail wait behind his. What changes several documents belongs to all their chains.

A chain is a number and not a text, because it stands in an index: 63 bits of a hash. Two that are the same by chance
wait for each other without need, which is all that can happen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

MOST: Final = 16  # chains of one envelope; one that changes more documents than this keeps its order with so many

Known = Mapping[tuple[str, str], tuple[int, ...]]  # sender and key of the document → its chains


def chain(sender: str, key: str) -> int:
    """The chain that this document would begin. Never 0, which means none."""
    digest = hashlib.sha256(f"{sender}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1 or 1


def chains(sender: str, key: str, refers_to: Sequence[str], known: Known) -> tuple[int, ...]:
    """The chains of an envelope; ``key`` is its own document's, empty for a status, which has none.

    A document that is unknown here begins a chain, whether this envelope is it or only refers to it: when it comes, it
    finds itself in that chain.
    """
    found: dict[int, None] = {}
    for each in (key, *refers_to) if (sender, key) in known else (refers_to or (key,)):
        if not each:
            continue  # a status about nothing that it names
        found.update(dict.fromkeys(known.get((sender, each)) or (chain(sender, each),)))
    return tuple(found)[:MOST]
