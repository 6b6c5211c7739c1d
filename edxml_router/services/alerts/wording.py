"""The messages: what an operator reads, what is called, and what an office is told of its inbox.

A message says what doctor and the console say, in the same words. It has codes, ids and names of nodes, offices and
agencies; never anything out of a letter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import PROBLEMS
from edxml_router.language.catalogues import told
from edxml_router.language.texts import say
from edxml_router.services.alerts.choosing import Tidings
from edxml_router.services.alerts.overdue import OverdueMail
from edxml_router.services.alerts.values import AlertKey
from edxml_router.services.overview.sentence import age_told, need_sentence
from edxml_router.services.overview.values import Need
from edxml_router.shapes.problem import problem_shape

MOST_TOLD: Final = 30  # of each kind in one message; how many more there are is said
_MOST_SUBJECT: Final = 160


def alert_subject(settings: Settings, tidings: Tidings) -> str:
    """The gravest, and how many."""
    language = settings.alerts.language
    first = (*tidings.new, *tidings.standing)
    if not first:
        return told(language, Detail("{node}: over, nothing needs you", node=settings.node.name))
    broken = sum(need.result == "failed" for need in first)
    return told(
        language,
        Detail(
            "{node}: {broken} broken, {others} to look at; {code} {title}",
            node=settings.node.name,
            broken=broken,
            others=len(first) - broken,
            code=first[0].finding.code,
            title=first[0].finding.title(language),
        ),
    )


def alert_text(settings: Settings, tidings: Tidings, now: datetime) -> str:
    """What an operator reads: what is new with what to do, what is over, and what stands as it was told."""
    language = settings.alerts.language
    return "\n".join(_lines(settings, tidings, now, language)) + "\n"


def _lines(settings: Settings, tidings: Tidings, now: datetime, language: str) -> Iterator[str]:
    yield told(language, Detail("Node {node}, {at:%Y-%m-%d %H:%M}.", node=_named(settings), at=now.astimezone()))
    if tidings.new:
        yield from ("", told(language, Detail("New:")))
        for number, need in enumerate(tidings.new[:MOST_TOLD], 1):
            yield from ("", f"{number}. {need_sentence(need, now, language).text} [{need.finding.code}]")
        yield from _more(tidings.new, language)
    if tidings.over:
        yield from ("", told(language, Detail("Over:")))
        for key, since in tidings.over[:MOST_TOLD]:
            age = age_told(now - since)
            yield "- " + told(language, Detail("{what}; it lasted {age}", what=_titled(key, language), age=age))
        yield from _more(tidings.over, language)
    if tidings.standing:
        yield from ("", told(language, Detail("Still so, as it was told:")))
        for need in tidings.standing[:MOST_TOLD]:
            key = AlertKey(need.check, need.finding.code, told(language, need.finding.where))
            since = need.since.astimezone()
            yield "- " + told(
                language,
                Detail("{what}; since {at:%Y-%m-%d %H:%M}", what=_titled(key, language), at=since),
            )
        yield from _more(tidings.standing, language)
    yield from ("", told(language, Detail("All of it, at any time: `edxml-router doctor`.")))


def alert_body(settings: Settings, tidings: Tidings, now: datetime) -> bytes:
    """The same for a program."""
    data: dict[str, Any] = {
        "node": settings.node.name,
        "text": alert_text(settings, tidings, now),
        "new": [_shape(need) for need in tidings.new[:MOST_TOLD]],
        "over": [
            {"check": key.check, "code": key.code, "where": str(key.where), "since": since.isoformat()}
            for key, since in tidings.over[:MOST_TOLD]
        ],
        "standing": [_shape(need) for need in tidings.standing[:MOST_TOLD]],
    }
    return typed_body("node.alerts", data, now)


def typed_body(kind: str, data: Mapping[str, Any], now: datetime) -> bytes:
    """The body of a call (Standard Webhooks 1.0.0)."""
    document = {"type": kind, "timestamp": now.isoformat(timespec="seconds"), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def arrival_words(settings: Settings, office: str, waiting: int) -> tuple[str, str]:
    """Subject and text for an office's official mailbox: how many letters lie in its inbox, and nothing of them."""
    language = settings.alerts.language
    head = Detail("{count} letters wait for {office}", count=waiting, office=office)
    body = Detail(
        "{count} letters lie in the inbox of {office} at the node {node}. Fetch them with your software, or ask the "
        "operator of the node how. This message is sent once for what has come since the last one.",
        count=waiting,
        office=office,
        node=_named(settings),
    )
    return told(language, head), told(language, body) + "\n"


def overdue_words(settings: Settings, mail: OverdueMail, now: datetime) -> tuple[str, str]:
    """Subject and text of the daily list."""
    language = settings.alerts.language
    count = Detail("{count} or more", count=mail.count) if mail.cut else str(mail.count)
    head = Detail("{node}: {count} deliveries are overdue", node=settings.node.name, count=count)
    lines = [
        told(language, Detail("Node {node}, {at:%Y-%m-%d %H:%M}.", node=_named(settings), at=now.astimezone())),
        told(language, Detail("Not taken although due: {count}. By mailbox and recipient:", count=count)),
    ]
    for (route, recipient), number in mail.groups[:MOST_TOLD]:
        lines.append(f"- {route}, {recipient}: {number}")
    lines += _more(mail.groups, language)
    lines += ["", told(language, Detail("The oldest:"))]
    lines += [f"- {one.document_id} → {one.recipient} ({say(language, f'state.{one.state}')})" for one in mail.oldest]
    lines += ["", told(language, Detail("All of them: `edxml-router queue list`."))]
    return told(language, head), "\n".join(lines) + "\n"


def mail_message(settings: Settings, to: Sequence[str], head: str, body: str, now: datetime) -> EmailMessage:
    """A message of plain text that no autoresponder answers (RFC 3834)."""
    mail = settings.mail
    assert mail is not None  # noqa: S101  # whoever sends has looked
    made = EmailMessage()
    local, _, domain = mail.sender.rpartition("@")
    made["From"] = Address(f"edxml-router {settings.node.name}", local, domain)
    made["To"] = ", ".join(to)
    made["Subject"] = _one_line(f"[edxml-router] {head}")
    made["Date"] = format_datetime(now)
    made["Message-ID"] = make_msgid(domain=domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(body)
    return made


def _shape(need: Need) -> dict[str, Any]:
    return {
        "check": need.check,
        "result": need.result,
        "since": need.since.isoformat(),
        "waiting": need.waiting,
        "problem": problem_shape(need.finding),
    }


def _titled(key: AlertKey, language: str) -> str:
    title = PROBLEMS[key.code].title[language]
    return f"{key.code} {title} ({key.where})" if key.where else f"{key.code} {title}"


def _more(all_of_them: Sequence[object], language: str) -> Iterator[str]:
    if len(all_of_them) > MOST_TOLD:
        yield told(language, Detail("and {count} more", count=len(all_of_them) - MOST_TOLD))


def _named(settings: Settings) -> str:
    return f"{settings.node.name} ({settings.node.title})" if settings.node.title else settings.node.name


def _one_line(line: str) -> str:
    bare = " ".join(line.split())
    return bare if len(bare) <= _MOST_SUBJECT else bare[: _MOST_SUBJECT - 1] + "…"
