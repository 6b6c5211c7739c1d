"""A case: what it is about, the source of its rule, what is expected, and what helps where it is not held.

A case whose ``act`` is not None needs a person at the tested system, and says in plain words what to do. ``sends`` are
the messages of the kit that it is judged by (:mod:`~edxml_router.conformance.steps` has them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edxml_router.conformance.record import CaseVerdict, Judgement, Record
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Actor

Act = Callable[[Record], Detail]
Judge = Callable[[Record], Judgement]


class CaseSide(StrEnum):
    """On which side of a letter the tested system is."""

    RECEIVES = "receives"
    SENDS = "sends"


@dataclass(frozen=True, slots=True)
class Case:
    """One rule, and how it is seen whether the tested system holds to it."""

    name: str
    side: CaseSide
    title: Detail
    rule: Detail
    expected: Detail
    judge: Judge
    remedy: Detail
    sends: Sequence[str] = ()
    act: Act | None = None

    def judged(self, record: Record) -> Judgement:
        """The verdict by what is known. What was not waited for was not tried, even where it is owed."""
        found = self.judge(record)
        if record.cut and found.verdict is CaseVerdict.NOT_HELD and not found.settled:
            return found._replace(verdict=CaseVerdict.NOT_TRIED)
        return found

    @property
    def actor(self) -> Actor:
        return Actor.RECIPIENT if self.side is CaseSide.RECEIVES else Actor.SENDER


def article_of(text: str, article: str) -> Detail:
    """A rule by the article where it stands."""
    return Detail("{text}, article {article}", text=text, article=article)


QD28: Final = "QĐ 28/2018/QĐ-TTg"
ND30: Final = "NĐ 30/2020/NĐ-CP"
FORM: Final = Detail("QCVN 102:2016/BTTTT (docs/messages.md)")
STATUS: Final = article_of(QD28, "9.1, 10")
SPELLING: Final = Detail("TCVN 6909:2001; docs/messages.md")
APPENDIX: Final = Detail("{text}, Appendix VI", text=ND30)
