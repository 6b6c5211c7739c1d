"""XML that is written, and never read: a tree of elements as text.

    Element("dc:title", text="7/UBND").write()

Kept apart from what reads the XML of strangers, which has every reason to be complicated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its name with a prefix, attributes in their order, and a text or other elements."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: Sequence[Element] = ()
    text: str = ""

    def write(self) -> bytes:
        """The whole document, in UTF-8."""
        return "".join(('<?xml version="1.0" encoding="UTF-8"?>\n', *self._parts(""))).encode()

    def _parts(self, indent: str) -> Iterator[str]:
        given = "".join(f" {name}={quoteattr(_legal(value))}" for name, value in self.attributes.items())
        if not self.children and not self.text:
            yield f"{indent}<{self.name}{given}/>\n"
        elif not self.children:
            yield f"{indent}<{self.name}{given}>{escape(_legal(self.text))}</{self.name}>\n"
        else:
            yield f"{indent}<{self.name}{given}>\n"
            for child in self.children:
                yield from child._parts(indent + "  ")
            yield f"{indent}</{self.name}>\n"


def _legal(text: str) -> str:
    """What XML cannot hold is shown as lost; entries are JSON, in which it is escaped before."""
    return _ILLEGAL.sub("\ufffd", text)
