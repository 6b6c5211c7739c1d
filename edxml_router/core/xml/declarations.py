"""Bound the cost of comparing a message's namespaces, before anybody compares them.

    check(data, most)       # data: a document that was parsed; Refusal EDX107, EDX112

For every element, canonicalisation determines which of the namespaces declared on it and above it are still to be
written, and libxml2 compares each with each. So the work is the square of the declarations in scope, per element, and
147 kB from a stranger could take two minutes. An honest message has two to ten in scope, even with ten thousand
recipients.

Nearly every message is cleared by counting bytes. For the others the parser reports every declaration without building
another tree: bytes cannot say where an element ends, and lxml's tree does not show what was declared twice.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

MOST_WORK: Final = 20_000_000  # comparisons, of some five nanoseconds: eleven in scope of 130,000 elements
MOST_WRITTEN: Final = 32 * 1024 * 1024  # bytes of addresses in the canonical form, were each element to repeat one
_LONG_ADDRESS: Final = 200  # bytes; the longest of a standard has some eighty
_WORD: Final = b"xmlns"
_LONG: Final = re.compile(rb"xmlns[^=<]{0,1000}=[ \t\r\n]*[\"'][^\"'<]{%d}" % _LONG_ADDRESS)


def limit_declarations(data: bytes, most: int) -> None:
    """Refuse what would take too long to canonicalise (EDX112), and an element with more than ``most`` attributes and
    declarations (EDX107). ``data`` must be well-formed.
    """
    # Every declaration is counted here, perhaps with words of a text: too high is safe.
    count = data.count(_WORD)
    if count <= most and (count + 1) ** 2 * data.count(b"<") <= MOST_WORK and not _LONG.search(data):
        return
    parser = etree.XMLParser(
        target=_Meter(most), huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False
    )
    etree.fromstring(data, parser)


class _Meter:
    """A target of lxml's parser: told of each declaration and element, it adds up the work."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._scope = 0  # declarations in scope
        self._new = 0  # … of which on the element that is about to begin
        self._opened: list[int] = []  # by open element: declarations on it
        self._longest = 0  # bytes of an address
        self._written = 0  # elements and attributes, each of which may name one
        self._work = 0

    def start_ns(self, _prefix: str, address: str) -> None:
        self._new += 1
        self._longest = max(self._longest, len(address))

    def start(self, _tag: str, attributes: dict[str, str]) -> None:
        if self._new + len(attributes) > self._most:
            raise Refusal(
                "EDX107", detail=Detail("more than {most} attributes and namespaces on one element", most=self._most)
            )
        self._opened.append(self._new)
        self._scope += self._new
        self._new = 0
        self._work += (self._scope + 1) ** 2
        self._written += 1 + len(attributes)
        if self._work > MOST_WORK:
            raise Refusal("EDX112", detail=Detail("{count} namespaces in scope of an element", count=self._scope))
        if self._longest * self._written > MOST_WRITTEN:
            raise Refusal(
                "EDX112", detail=Detail("an address of {count} characters for a namespace", count=self._longest)
            )

    def end(self, _tag: str) -> None:
        self._scope -= self._opened.pop()

    def close(self) -> None:
        pass
