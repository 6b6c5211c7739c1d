"""What documents are about, for lists: read from each once, and remembered for as many as a list has.

    headings = Headings()
    headings.of(node, digests)[digest].subject
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final

from edxml_router.core.message.heading import Heading, heading
from edxml_router.stages.node import Node

_KEPT: Final = 20_000  # headings; of each a subject of 500 characters, mostly
_AT_ONCE: Final = 5  # bodies in memory


class Headings:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Heading] = OrderedDict()
        self._lock = Lock()

    def of(self, node: Node, digests: Iterable[str]) -> Mapping[str, Heading]:
        """The heading of each; an empty one where the body is gone."""
        wanted = list(dict.fromkeys(digests))
        with self._lock:
            found = {digest: self._kept[digest] for digest in wanted if digest in self._kept}
        missing = [digest for digest in wanted if digest not in found]
        for start in range(0, len(missing), _AT_ONCE):
            portion = missing[start : start + _AT_ONCE]
            bodies = node.bodies.open(portion)
            read = {digest: heading(body) for digest, body in bodies.items()}
            found |= {digest: read.get(digest, Heading()) for digest in portion}
            with self._lock:
                self._kept.update(read)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found
