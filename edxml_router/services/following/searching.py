"""Find documents by what a caller on the phone says: one text, read in every way that it can be meant.

    found = search(views, registry, "số 125 so noi vu 27/11/2026", now)
    found.meant        # how it was understood, in words
    found.documents    # the newest first

Read are, in this order: the beginning of a SHA-256, a DocumentId, an agency's code, a problem's code; and else the
words one by one: a day, a number with or without its notation, and words of an agency's name without regard to case
and diacritics. All that was recognised must hold. The journal keeps no subjects, so none is searched. Nothing here
changes anything. Raises Refusal EDX606 for what nobody has seen, EDX418 for words by which too many agencies are
called, and what the views raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Final

from edxml_router.core.agencies.agency import fold
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.delivery.views import FoundEnvelope, ListedDocument
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable, is_digest
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import PROBLEMS, Refusal
from edxml_router.ports.views import Views
from edxml_router.services.asking.documents import DocumentQuery, DocumentQuestion, document_pages, document_question

LONGEST: Final = 200  # characters of what is typed
SHOWN: Final = 50  # documents of an answer
MOST_AGENCIES: Final = 200  # that words may mean
_LOOKED: Final = 5000  # documents that are looked at in one span of time
_DAYS: Final = 7  # a letter of a day is handed in on that day, or in the week after it
# Each is tried until one has enough: the newest are wanted, and questions go from the oldest on.
_SPANS: Final = (
    timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30), timedelta(days=366), None,
)  # fmt: skip
_DAY: Final = re.compile(r"([0-3]?[0-9])[/.-]([01]?[0-9])[/.-](20[0-9]{2})")
_ISO_DAY: Final = re.compile(r"(20[0-9]{2})-([01][0-9])-([0-3][0-9])")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:/\S*)?")
# What people say around what they mean, folded: before a number, in two words, and in one.
_BEFORE_NUMBERS: Final = frozenset({"so", "no", "ngay"})
_KINDS: Final = frozenset({"cong van", "van ban", "quyet dinh", "giay moi", "to trinh", "thong bao", "ke hoach"})
_BETWEEN: Final = frozenset({"cua", "gui", "den", "tu", "the", "document", "letter", "number", "of", "from", "to"})


@dataclass(frozen=True, slots=True)
class FoundDocuments:
    """``meant``: how the text was understood, one sentence for each part; ``more``: there are older ones that are not
    shown; ``since``: the beginning of the time that was looked through, None for all of it."""

    meant: tuple[Detail, ...]
    documents: Sequence[FoundEnvelope]
    more: bool = False
    since: datetime | None = None


def newest(views: Views, limit: int = SHOWN) -> FoundDocuments:
    """The documents accepted last, where nothing is asked."""
    found = views.find_envelopes(limit=limit + 1)
    return FoundDocuments((Detail("the newest documents"),), found[:limit], len(found) > limit)


def search(views: Views, registry: Registry, said: str, now: datetime, limit: int = SHOWN) -> FoundDocuments:
    """See the module; without any text, the newest documents."""
    text = comparable(said[:LONGEST]).strip()
    if not text:
        return newest(views, limit)
    if (named := _named(views, text, limit)) is not None:
        return named
    meant, query = _understood(registry, text)
    if not meant:
        raise Refusal("EDX606", where=text[:100], detail=Detail("no number, no day and no agency's name is in it"))
    return _latest(views, query, now, limit, tuple(meant))


def _named(views: Views, text: str, limit: int) -> FoundDocuments | None:
    """What one name means: a digest or a DocumentId."""
    if is_digest(text.lower()):
        found = views.find_envelopes(digest=text.lower(), limit=limit + 1)
        if found:
            meant = Detail("the beginning of a SHA-256: {text}", text=text.lower())
            return FoundDocuments((meant,), found[:limit], len(found) > limit)
    found = views.find_envelopes(document_id=text, limit=limit + 1)
    if found:
        meant = Detail("the DocumentId {text}", text=text)
        return FoundDocuments((meant,), found[:limit], len(found) > limit)
    return None


def _understood(registry: Registry, text: str) -> tuple[list[Detail], DocumentQuery]:
    code = registry.canonical_or_none(text)
    if code is not None and (agency := registry.get(code)) is not None:
        meant = Detail("from or to {code} {name}", code=code, name=agency.name)
        return [meant], DocumentQuery(agencies=(code,))
    if text.upper() in PROBLEMS:
        return [Detail("with the problem {code}", code=text.upper())], DocumentQuery(code=text.upper())
    return _words(registry, text)


def _words(registry: Registry, text: str) -> tuple[list[Detail], DocumentQuery]:
    """A day, a number and an agency's name, in any order."""
    meant: list[Detail] = []
    query = DocumentQuery()
    names: list[str] = []
    for word in _meaning(text.replace(",", " ").split()):
        day = _day(word)
        if day is not None and query.since is None:
            query = replace(query, since=day, until=day + timedelta(days=_DAYS + 1))
            meant.append(Detail("accepted from {day:%Y-%m-%d} on, within {days} days", day=day.date(), days=_DAYS))
        elif not query.number and _NUMBER.fullmatch(word):
            query = replace(query, number=word)
            meant.append(Detail("number {number}", number=word))
        elif not names and query.number.isdecimal() and "-" in word:  # "125 UBND-VP": without its stroke
            query = replace(query, number=f"{query.number}/{word}")
            meant[-1] = Detail("number {number}", number=query.number)
        else:
            names.append(word)
    if names:
        codes = _agencies(registry, names)
        words = " ".join(names)
        meant.append(Detail("from or to one of {count} agencies called “{words}”", count=len(codes), words=words))
        query = replace(query, agencies=codes)
    return meant, query


def _meaning(words: Sequence[str]) -> Iterator[str]:
    """The words without those that only lead to the others."""
    folded = [fold(word).strip(".:;") for word in words]
    skipped = -1
    for place, word in enumerate(words):
        after = folded[place + 1] if place + 1 < len(words) else ""
        if place == skipped or folded[place] in _BETWEEN:
            continue
        if folded[place] in _BEFORE_NUMBERS and after[:1].isdigit():
            continue
        if f"{folded[place]} {after}" in _KINDS:
            skipped = place + 1
            continue
        yield word


def _agencies(registry: Registry, names: Sequence[str]) -> Sequence[str]:
    found = [one.code for one in islice(registry.find(" ".join(names)), MOST_AGENCIES + 1)]
    if len(found) > MOST_AGENCIES:
        raise Refusal(
            "EDX418", where=" ".join(names)[:100], detail=Detail("more than {most} agencies are called so",
                                                                 most=MOST_AGENCIES)
        )  # fmt: skip
    if not found:
        raise Refusal("EDX606", where=" ".join(names)[:100], detail=Detail("no agency is called so"))
    return found


def _day(word: str) -> datetime | None:
    """The beginning of a day in Vietnam."""
    if (said := _DAY.fullmatch(word)) is not None:
        day, month, year = map(int, said.groups())
    elif (said := _ISO_DAY.fullmatch(word)) is not None:
        year, month, day = map(int, said.groups())
    else:
        return None
    try:
        return datetime.combine(datetime(year, month, day).date(), time(), VIETNAM)
    except ValueError:
        return None


def _latest(views: Views, query: DocumentQuery, now: datetime, limit: int, meant: tuple[Detail, ...]) -> FoundDocuments:
    """The newest that answer."""
    spans = _SPANS if query.since is None else (None,)
    found: list[FoundEnvelope] = []
    since: datetime | None = None
    for span in spans:
        since = query.since if span is None else now - span
        question = document_question(views, replace(query, since=since))
        found = [one.found for one in islice(_documents(views, question), _LOOKED)]
        if len(found) > limit:
            break
    found.sort(key=lambda one: one.key, reverse=True)
    return FoundDocuments(meant, found[:limit], len(found) > limit or since is not None, since)


def _documents(views: Views, question: DocumentQuestion) -> Iterator[ListedDocument]:
    for page in document_pages(views, question):
        yield from page.documents
