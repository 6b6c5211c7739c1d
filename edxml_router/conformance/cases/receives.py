"""The cases of what the tested system does with what it receives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edxml_router.conformance.cases import receiving
from edxml_router.conformance.cases.case import (
    APPENDIX,
    FORM,
    ND30,
    QD28,
    SPELLING,
    STATUS,
    Act,
    Case,
    CaseSide,
    Judge,
    article_of,
)
from edxml_router.conformance.letters.stationery import SENTENCE
from edxml_router.conformance.record import Record
from edxml_router.core.detail import Detail

_TAKEN: Final = Detail("the letter is confirmed, and not returned")
_STATUS_TAKEN: Final = Detail("the status is confirmed, and not returned")
_READ_BY_NAME: Final = Detail("Read elements by namespace and name, never by their place or prefix.")
_CONFIRM: Final = Detail("Store what is fetched, then confirm it; return only what is wrong, and say why.")
_ANSWERED: Final = Detail("the message is confirmed, and status 15, or 16 with a reason, comes about the letter")
_ANSWER: Final = Detail(
    "Take the letter out of use and answer with status 15, or with 16 and the reason, about the letter's DocumentId."
)


def ask_for_letter(_record: Record) -> Detail:
    return Detail("Send a letter to the kit's agency. In its subject: {sentence}", sentence=SENTENCE)


def _received(
    name: str,
    title: Detail,
    rule: Detail,
    expected: Detail,
    judge: Judge,
    remedy: Detail,
    *sends: str,
    act: Act | None = None,
) -> Case:
    return Case(name, CaseSide.RECEIVES, title, rule, expected, judge, remedy, sends or (name,), act)


def _form(name: str, title: Detail) -> Case:
    return _received(name, title, FORM, _TAKEN, receiving.taken(name), _READ_BY_NAME)


def _takes(code: str) -> Case:
    title = Detail("status {code} about their own letter", code=code)
    judge = receiving.takes_status(code)
    remedy = Detail("Take every status of the standard, in whatever order they come.")
    return _received(f"takes-{code}", title, STATUS, _STATUS_TAKEN, judge, remedy, act=ask_for_letter)


TAKES: Final = ("01", "03", "04", "05", "06", "02", "15", "16")  # 13 is the case asked-back


_RECEIVES: Final = (
    _received(
        "signed", Detail("a signed letter"), article_of(QD28, "9.1"), _TAKEN, receiving.taken("signed"), _CONFIRM
    ),
    _received(
        "signed-parts",
        Detail("a letter that is signed by its parts"),
        Detail("docs/guide-office.md, chapter 2"),
        _TAKEN,
        receiving.taken("signed-parts"),
        Detail("Take both forms of signature: over the whole document, and over its parts by Id."),
    ),
    _form("order-id", Detail("DocumentId at the end of the header")),
    _form("order-party", Detail("OrganName before OrganizationInCharge")),
    _form("order-business", Detail("Bussiness before TraceHeader")),
    _form("order-places", Detail("ToPlaces before OtherInfo")),
    _form("order-answered", Detail("DocumentId before PromulgationDate in ResponseFor")),
    _form("prefixes", Detail("no prefix before any element")),
    _form("content-ids", Detail("attachments whose ContentId has no cid:")),
    _received(
        "large",
        Detail("a large attachment"),
        article_of(QD28, "6.1"),
        _TAKEN,
        receiving.taken("large"),
        Detail("Stream what is fetched to disk, and go on with Range where a download broke off."),
    ),
    _received(
        "nfc",
        Detail("Vietnamese letters as one character each (NFC)"),
        SPELLING,
        Detail("the letter is confirmed, and statuses about it name its DocumentId as it is"),
        receiving.taken_unharmed("nfc"),
        Detail("Keep texts as UTF-8 from end to end, and copy a DocumentId without changing it."),
    ),
    _received(
        "nfd",
        Detail("Vietnamese letters with marks of their own (NFD)"),
        SPELLING,
        Detail("the letter is confirmed, and statuses about it name its DocumentId as it is"),
        receiving.taken_unharmed("nfd"),
        Detail("Compare texts in one normal form (NFC), keep the marks, and answer with the DocumentId as it came."),
    ),
    _received(
        "duplicate",
        Detail("the same letter handed in twice"),
        APPENDIX,
        Detail("it is one letter: statuses 01, 02, 03 and 06 are sent once about it"),
        receiving.once,
        Detail("Know a letter by its name (SHA-256 and recipient) and store it once, however often it is listed."),
        "duplicate",
        "duplicate/again",
    ),
    _received(
        "same-id",
        Detail("other bytes under a DocumentId that is taken"),
        APPENDIX,
        Detail("the node refuses it as a new letter (EDX404); as an update of that letter it is confirmed"),
        receiving.same_id,
        Detail("Take an update by its business kind, also where it has the DocumentId of what it changes."),
        "same-id",
        "same-id/other",
        "same-id/update",
    ),
    _received(
        "recall-early",
        Detail("a recall right behind its letter"),
        article_of(ND30, "18.4"),
        _ANSWERED,
        receiving.given_back("recall-early", "recall-early/recall"),
        _ANSWER,
        "recall-early",
        "recall-early/recall",
    ),
    _received(
        "recall-late",
        Detail("a recall after the letter was taken"),
        article_of(ND30, "18.4"),
        _ANSWERED,
        receiving.given_back("recall-late", "recall-late/recall"),
        _ANSWER,
        "recall-late",
        "recall-late/recall",
    ),
    _received(
        "asked-back",
        Detail("status 13: the sender asks a letter back"),
        article_of(QD28, "8, 9.2"),
        _ANSWERED,
        receiving.given_back("asked-back", "asked-back/status"),
        _ANSWER,
        "asked-back",
        "asked-back/status",
    ),
    _received(
        "update",
        Detail("an update of a letter"),
        FORM,
        _TAKEN,
        receiving.taken("update/update"),
        _CONFIRM,
        "update",
        "update/update",
    ),
    _received(
        "replacement",
        Detail("a letter in the place of another"),
        article_of(ND30, "18.3"),
        _TAKEN,
        receiving.taken("replacement/replacement"),
        _CONFIRM,
        "replacement",
        "replacement/replacement",
    ),
    _received(
        "returned",
        Detail("a letter that they do not want"),
        article_of(QD28, "5.4"),
        Detail("it comes back with the reason: returned, or by status 02"),
        receiving.returned,
        Detail("Ask the user for the reason, and send it with the return or in the status."),
        act=lambda record: Detail("Refuse letter {number}, and give a reason.", number=record.number("returned")),
    ),
)

RECEIVES: Final[Sequence[Case]] = (*_RECEIVES, *map(_takes, TAKES))
