"""The one sentence at the top: what needs somebody, since when, whose turn it is, and what to do.

    said = sentence_of(overview, now, "vi")
    said.text        # "Link tay-ninh: …; since 02:31 (14 min). 212 deliveries wait … The turn of the operator: …"

What and what to do are the title and the remedy of the problem table: one text for one problem, in doctor, the log and
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edxml_router.core.detail import Detail
from edxml_router.language.catalogues import told
from edxml_router.language.texts import say
from edxml_router.services.overview.values import Need, Overview
from edxml_router.shapes.node import Result

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Its parts in one language, an empty one where there is nothing to tell, and how grave it is."""

    result: Result
    what: str
    since: str = ""
    waiting: str = ""
    turn: str = ""
    remedy: str = ""
    code: str = ""

    @property
    def text(self) -> str:
        """All of it, as it is read aloud."""
        turn = f"{self.turn}: {self.remedy}" if self.remedy else self.turn
        return " ".join(part for part in (self.what, self.since, self.waiting, turn) if part)


def sentence_of(overview: Overview, now: datetime, language: str) -> Sentence:
    """About the gravest need; that nothing needs anybody only where everything was looked at and all is well."""
    first = overview.first
    if first is None:
        if overview.unread is not None:  # whoever cannot look must not say that there is nothing to see
            return Sentence("failed", told(language, Detail("Not everything could be looked at.")))
        return Sentence("ok", told(language, Detail("Nothing needs you.")))
    return need_sentence(first, now, language)


def need_sentence(need: Need, now: datetime, language: str) -> Sentence:
    """About one need, whatever else there is."""
    finding = need.finding
    place = told(language, finding.where)
    check = say(language, f"doctor.{need.check}")
    what = f"{check[:1].upper()}{check[1:]}: {finding.title(language)}"
    detail = told(language, finding.detail)
    particulars = [part for part in (detail, "" if place and place in detail else place) if part]
    if particulars:
        what += f" ({'; '.join(particulars)})"
    return Sentence(
        need.result,
        f"{what}.",
        told(language, _since(need, now)),
        told(language, _waiting(need)) if need.waiting else "",
        told(language, Detail("Next, {who}", who=say(language, f"actor.{finding.problem.actor}"))),
        finding.remedy(language),
        finding.code,
    )


def _since(need: Need, now: datetime) -> Detail:
    age, at = age_told(now - need.since), need.since.astimezone()
    if need.noticed:
        return Detail("Seen since {at:%Y-%m-%d %H:%M} ({age}).", at=at, age=age)
    return Detail("Since {at:%Y-%m-%d %H:%M} ({age}).", at=at, age=age)


def age_told(age: timedelta) -> Detail:
    """An age in one unit that is exact enough to act upon: minutes, hours from two on, days from two on."""
    minutes = max(0, int(age / MINUTE))
    if minutes >= 2 * 24 * 60:
        return Detail("{days} days", days=minutes // (24 * 60))
    if minutes >= 2 * 60:
        return Detail("{hours} h", hours=minutes // 60)
    return Detail("{minutes} min", minutes=minutes)


def _waiting(need: Need) -> Detail:
    name = need.route.partition(":")[2]
    if need.oldest is None:
        return Detail("{count} deliveries wait for {name}.", count=need.waiting, name=name)
    return Detail(
        "{count} deliveries wait for {name}, the oldest since {at:%Y-%m-%d %H:%M}.",
        count=need.waiting,
        name=name,
        at=need.oldest.astimezone(),
    )
