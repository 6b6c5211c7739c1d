"""Find documents marked as state secrets, which must not travel here (QĐ 28/2018, article 1.2).

The format has no field for the degree of secrecy, so the marking is looked for where software and clerks put it: in the
subject and in the header's metadata. The word alone is not enough, because ``bảo mật`` (information security) or
``mật độ`` (density) are ordinary: a marking stands as a whole field, in brackets, in front of a separator, after the
words ``độ mật``, or in capitals by itself. The degrees of two words (``tối mật``, ``tuyệt mật``) count wherever they
stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import IGNORABLE
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.normal_forms import normal
from edxml_router.core.problems import Refusal

DEGREES = ("mật", "tối mật", "tuyệt mật")  # Law on the protection of state secrets 2018, article 8


MOST_TEXT = 100_000  # characters; in NFKC one may become eighteen, and an honest message has a few hundred
_NEAR = 40  # characters around a word in capitals where its neighbours are looked for
# Office software leaves these inside words, or writes them instead of a space.
_INVISIBLE = frozenset(code for first, last in IGNORABLE for code in range(first, last + 1))
_AS_NOTHING = dict.fromkeys(_INVISIBLE)
_AS_SPACE = dict.fromkeys(_INVISIBLE, " ")


class Markings:
    """The markings to look for, compiled once. Text is compared in NFKC and without regard to case.

    An invisible character may stand inside a word or be the only space between two, and nobody can see which: such a
    text is read both ways, and the words of a degree may touch (``TỐIMẬT``), so that a mixture is found as well. The
    text comes from strangers, so the search takes time proportional to its length whatever it says.
    """

    def __init__(self, degrees: Iterable[str] = DEGREES) -> None:
        words = sorted({_plain(degree) for degree in degrees if degree.strip()}, key=len, reverse=True)
        self.degrees = tuple(words)
        self._words = {word.split()[-1] for word in words}  # one of these is in every text with a marking
        one = "|".join(_spaced(word) for word in words)
        phrase = "|".join(_spaced(word) for word in words if " " in word)
        parts = [
            rf"^\s*(?:{one})\s*$",  # the whole field
            rf"[(\[{{<«“‘\"*]\s*(?:{one})\s*[)\]}}>»”’\"*]",  # (Mật), [TỐI MẬT]
            rf"^\s*(?:{one})\s*[:;,./|–—-]",  # Mật - V/v …
            rf"\b(?:độ|mức|chế độ|mức độ)\s+mật\s*(?:[:=–-]\s*)?(?:{one})\b",  # Độ mật: Mật
            *([rf"\b(?:{phrase})\b"] if phrase else []),
        ]
        self._marked = re.compile("|".join(parts), re.IGNORECASE) if words else None
        # Capitals by themselves, where the rest is not in capitals: "VĂN BẢN" in front would make it a phrase.
        capitals = "|".join(_spaced(word.upper()) for word in words)
        self._shouted = re.compile(rf"(?<![\w])(?:{capitals})(?![\w])") if words else None

    def found_in(self, envelope: Envelope) -> str:
        """The name of the first header field that carries a marking; empty when none does.

        Refusal EDX108 when there is more text than may be looked through.
        """
        fields = list(_fields(envelope))
        size = sum(len(text) for _, text in fields)
        if size > MOST_TEXT:
            raise Refusal(
                "EDX108",
                where=fields[-1][0],
                detail=Detail("{size} characters to be looked through for a marking", size=size),
            )
        # One search over everything: almost no envelope has even the word, and every envelope is searched.
        everything = [reading.lower() for reading in _readings("\n".join(text for _, text in fields))]
        if not any(word in reading for reading in everything for word in self._words):
            return ""
        for name, text in fields:
            if self.mark(text):
                return name
        return ""

    def mark(self, text: str) -> bool:
        """Whether a text carries a marking."""
        return any(self._marks(reading) for reading in _readings(text))

    def _marks(self, text: str) -> bool:
        if self._marked is None or self._shouted is None:
            return False
        if self._marked.search(text):
            return True
        return any(self._alone(text, match) for match in self._shouted.finditer(text))

    def _alone(self, text: str, match: re.Match[str]) -> bool:
        """In capitals, and neither neighbour word is: ``BẢO MẬT THÔNG TIN`` is a phrase in capitals."""
        before = text[max(0, match.start() - _NEAR) : match.start()].split()
        after = text[match.end() : match.end() + _NEAR].split()
        return not any(word.isupper() and word.isalpha() for word in (*before[-1:], *after[:1]))


def _fields(envelope: Envelope) -> Iterator[tuple[str, str]]:
    document, status = envelope.document, envelope.status
    if status is not None:
        yield "Description", status.description or ""
    if document is None:
        return
    yield "Subject", document.subject or ""
    yield "Content", document.content or ""
    yield "CodeNotation", document.code_notation or ""
    yield "TypeName", document.type_name or ""
    if document.other is not None:
        yield "SphereOfPromulgation", document.other.sphere_of_promulgation or ""
        for text in document.other.appendixes or ():
            yield "Appendix", text
    if document.business is not None:
        yield "BussinessDocReason", document.business.reason or ""
    for attachment in envelope.attachments:
        yield "AttachmentName", attachment.name.rpartition(".")[0] or attachment.name
        yield "Attachment/Description", attachment.description or ""


def _readings(text: str) -> list[str]:
    """The text as a person may read it: without what is invisible, and, where there is any, with a space for it."""
    if text.isascii():
        return [text]
    seen = text.translate(_AS_NOTHING)
    readings = [seen] if seen == text else [seen, text.translate(_AS_SPACE)]
    return [normal("NFKC", reading) for reading in readings]


def _plain(text: str) -> str:
    return normal("NFKC", " ".join(text.split())).lower()


def _spaced(word: str) -> str:
    return r"\s*".join(re.escape(part) for part in word.split())
