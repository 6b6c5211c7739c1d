"""Which envelopes must keep their order on the way to a recipient: those of one document.

    chains("H53", "12/QĐ-UBND", refers_to=("11/QĐ-UBND",), known={}) # numbers; envelopes that share one keep their
    order

A document begins a chain; its updates, replacements and recall continue it, and a status continues the chain of the
document it is about. The chain includes the sender: what others write about a document goes its own way, so nobody can
make another's mail wait. An envelope that changes several documents belongs to all their chains.

A chain is a number rather than a text because it is indexed: 63 bits of a hash. A collision merely makes two documents
wait for each other needlessly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

CHAINS_MAX: Final = 16  # chains of one envelope; of further documents that it changes, the order is not kept

Known = Mapping[tuple[str, str], tuple[int, ...]]  # sender and key of the document → its chains


def chain(sender: str, key: str) -> int:
    """The chain that this document would begin. Never 0, which means none."""
    digest = hashlib.sha256(f"{sender}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1 or 1


def chains(sender: str, key: str, refers_to: Sequence[str], known: Known) -> tuple[int, ...]:
    """The chains of an envelope; ``key`` is its own document's, empty for a status, which has none.

    A document unknown here begins a chain, whether it is this envelope or is only referred to: when it arrives, it
    joins that chain.
    """
    found: dict[int, None] = {}
    for each in (key, *refers_to) if (sender, key) in known else (refers_to or (key,)):
        if not each:
            continue  # a status that names no document
        found.update(dict.fromkeys(known.get((sender, each)) or (chain(sender, each),)))
    return tuple(found)[:CHAINS_MAX]
