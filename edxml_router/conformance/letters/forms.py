"""The same letter in other forms that QCVN 102:2016 and its users allow: elements in another order, other prefixes.

    form = FORMS["order-id"]
    data = form(data)                          # of what :mod:`edxml_router.core.message.writer` wrote, unsigned

Every one of these orders is in real traffic; the regulation numbers the parts in one order, and the national SDK writes
them in another. A receiver that reads by names, and not by places, takes them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final


def _cut(text: str, name: str, start: int = 0) -> tuple[str, str]:
    """The text without the first element of that name behind ``start``, and the element with its indentation."""
    found = re.compile(rf" *<edXML:{name}>.*?</edXML:{name}>\n", re.DOTALL).search(text, start)
    if found is None:
        raise ValueError(f"no {name} in the letter")
    return text[: found.start()] + text[found.end() :], found[0]


def _before(text: str, mark: str, piece: str, start: int = 0) -> str:
    line = text.rindex("\n", 0, text.index(mark, start)) + 1
    return text[:line] + piece + text[line:]


def _id_last(text: str) -> str:
    rest, piece = _cut(text, "DocumentId")
    return _before(rest, "</edXML:MessageHeader>", piece)


def _names_first(text: str) -> str:
    start = 0
    while (place := text.find("<edXML:OrganizationInCharge>", start)) >= 0:
        rest, piece = _cut(text, "OrganName", place)
        text = _before(rest, "<edXML:OrganizationInCharge>", piece, start)
        start = text.index("</edXML:OrganizationInCharge>", place) + 1
    return text


def _business_first(text: str) -> str:
    rest, piece = _cut(text, "Bussiness")
    return _before(rest, "<edXML:TraceHeader>", piece)


def _places_first(text: str) -> str:
    rest, piece = _cut(text, "ToPlaces")
    return _before(rest, "<edXML:OtherInfo>", piece)


def _answered_by_id(text: str) -> str:
    start = text.index("<edXML:ResponseFor>")
    rest, piece = _cut(text, "DocumentId", start)
    return _before(rest, "<edXML:PromulgationDate>", piece, start)


def _one_prefix(text: str) -> str:
    """Everything in the default namespace, without a prefix."""
    return re.sub(r' xmlns:edXML="[^"]*"', "", text).replace("<edXML:", "<").replace("</edXML:", "</")


def _plain_ids(text: str) -> str:
    """Attachments without ``cid:``, which the manifest has: builders for .NET and TypeScript leave it out."""
    start = text.index("<AttachmentEncoded>")
    return text[:start] + text[start:].replace("<ContentId>cid:", "<ContentId>")


def _of_bytes(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    return lambda data: change(data.decode()).encode()


FORMS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "order-id": _of_bytes(_id_last),
    "order-party": _of_bytes(_names_first),
    "order-business": _of_bytes(_business_first),
    "order-places": _of_bytes(_places_first),
    "order-answered": _of_bytes(_answered_by_id),
    "prefixes": _of_bytes(_one_prefix),
    "content-ids": _of_bytes(_plain_ids),
}
