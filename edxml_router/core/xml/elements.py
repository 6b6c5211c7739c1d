"""Children and values of an edXML element, by local name, strictly.

The schema refuses the same things, on the tree that it saw, but these functions do not rely on it: a value with
elements or comments inside, of which ``.text`` would show only the first half, is never read (EDX201), and no name may
occur twice where one is meant (EDX202).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import NS, Element, place

WHITE_SPACE: Final = " \t\r\n"  # of XML 1.0, 2.3
PREFIX: Final = f"{{{NS}}}"


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Those of this name; none of no element."""
    return iter(()) if element is None else element.iterchildren(PREFIX + name)


def only_child(element: Element, name: str) -> Element:
    """The only child of this name."""
    found = list(children(element, name))
    if len(found) != 1:
        raise Refusal(
            "EDX202", where=place(element), detail=Detail("{count} × {name}, must be one", count=len(found), name=name)
        )
    return found[0]


def children_by_name(element: Element, *repeatable: str) -> dict[str, Element]:
    """The children by name; a name that may not repeat and does is refused (for the others the last one counts)."""
    found: dict[str, Element] = {}
    for child in element.iterchildren(PREFIX + "*"):
        name = child.tag[len(PREFIX) :]
        if name in found and name not in repeatable:
            raise Refusal("EDX202", where=place(child), detail=Detail("{name} occurs twice", name=name))
        found[name] = child
    return found


def leaves(element: Element) -> dict[str, str]:
    """The values of the children by name."""
    found: dict[str, str] = {}
    for child in element.iterchildren(PREFIX + "*"):  # half of all elements pass here: one loop, not two calls
        name = child.tag[len(PREFIX) :]
        if name in found or len(child):
            text(children_by_name(element)[name])  # says which of the two it is
        found[name] = child.text or ""
    return found


def text(element: Element | None) -> str | None:
    """The value of an element, empty if it has none; None of no element."""
    if element is None:
        return None
    if len(element):  # also a comment or instruction, behind which .text would hide the rest of the value
        raise Refusal("EDX201", where=place(element), detail=Detail("elements inside a value"))
    return element.text or ""


def texts(element: Element | None) -> tuple[str, ...] | None:
    """The values of a list; the SDK also writes a list of one as plain text."""
    if element is None:
        return None
    if len(element):
        return tuple(text(child) or "" for child in element)
    value = element.text or ""
    return (value,) if value.strip(WHITE_SPACE) else ()
