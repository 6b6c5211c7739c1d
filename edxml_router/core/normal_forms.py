"""Unicode normalisation of text from strangers, in linear time.

    normal("NFC", text)

The library sorts the marks that stand on one letter by comparing each with each: 64 KiB of accents take it two seconds.
So after thirty marks an invisible joiner (U+034F) is inserted, which ends the letter: the Stream-Safe Text Format of
Unicode Standard Annex 15, section 13. No script needs that many, and texts with fewer stay as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final, Literal

MOST_MARKS: Final = 30  # on one letter
_JOINER: Final = "\u034f"

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


def normal(form: Form, text: str) -> str:
    """``text`` in this normal form, in time proportional to its length."""
    if text.isascii():
        return text
    return unicodedata.normalize(form, "".join(_broken(text)) if most_marks(text) > MOST_MARKS else text)


def most_marks(text: str) -> int:
    """The largest number of marks on any one letter."""
    most = run = 0
    for each in text:
        run = run + 1 if unicodedata.combining(each) else 0
        most = max(most, run)
    return most


def _broken(text: str) -> Iterator[str]:
    run = 0
    for each in text:
        run = run + 1 if unicodedata.combining(each) else 0
        if run > MOST_MARKS:
            yield _JOINER
            run = 1
        yield each
