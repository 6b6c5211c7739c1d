"""The cases of what the tested system sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from edxml_router.conformance.cases import sending
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
from edxml_router.conformance.cases.receives import ask_for_letter
from edxml_router.conformance.letters.stationery import FILE
from edxml_router.conformance.record import RETURN_WORDS, Record
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Business, StatusCode

_SAY: Final = Detail("Let the software send this status when its user does this, and name the letter's own DocumentId.")
_NOT_AGAIN: Final = Detail("Show the refusal to a person, and send only what was corrected, under a new DocumentId.")


def _sent(
    name: str, title: Detail, rule: Detail, expected: Detail, judge: Judge, remedy: Detail, act: Act, *sends: str
) -> Case:
    return Case(name, CaseSide.SENDS, title, rule, expected, judge, remedy, sends, act)


def _forward(record: Record) -> Detail:
    number = record.number("attachment")
    return Detail(
        "Send a letter with the attached file {file}, as it came with letter {number}.", file=FILE, number=number
    )


def _ask_for_another(_record: Record) -> Detail:
    return Detail(
        'Send another letter, whose subject has the words "{words}". It comes back to you.', words=RETURN_WORDS
    )


def _says(code: StatusCode, act: Act, expected: Detail) -> Case:
    title = Detail("status {code} from them", code=code)
    return _sent(f"says-{code}", title, STATUS, expected, sending.says(code), _SAY, act, *_ABOUT.get(code, ("signed",)))


_ABOUT: Final = {
    StatusCode.REJECTED: ("rejected",),
    StatusCode.RECALL_AGREED: ("recall-late", "recall-late/recall"),
    StatusCode.RECALL_DENIED: ("recall-denied", "recall-denied/recall"),
}
_COMES: Final = Detail("the status comes, about the letter that it is meant for")
_COMES_WHY: Final = Detail("the status comes with a reason")


def _on_letter(template: Callable[[str], Detail], purpose: str = "signed") -> Act:
    return lambda record: template(record.number(purpose))


SENDS: Final[Sequence[Case]] = (
    _sent(
        "letter",
        Detail("a letter from them"),
        article_of(QD28, "6.2"),
        Detail("a letter comes"),
        sending.letter_came,
        Detail("Connect the sending side too; `edxml-router check` tells what is wrong with a letter."),
        ask_for_letter,
    ),
    _sent(
        "sender-signed",
        Detail("their signature"),
        article_of(QD28, "4"),
        Detail("all that comes is signed, and the signature passes"),
        sending.signed,
        Detail("Sign each message (docs/guide-office.md, chapter 2), statuses as well."),
        ask_for_letter,
    ),
    _sent(
        "sender-form",
        Detail("the form of what they write"),
        FORM,
        Detail("nothing that comes deviates from the standard"),
        sending.well_formed,
        Detail("Correct the elements named; `edxml-router check` has the same remarks."),
        ask_for_letter,
    ),
    _sent(
        "sender-ids",
        Detail("one number for one letter"),
        APPENDIX,
        Detail("no two letters have the same number, notation and day"),
        sending.unmistakable,
        Detail("Give each letter a number of its own; send changes as updates."),
        ask_for_letter,
    ),
    _sent(
        "sender-text",
        Detail("Vietnamese that they write"),
        SPELLING,
        Detail("the sentence comes as it was typed, in NFC or NFD"),
        sending.readable,
        Detail("Keep texts as UTF-8 from end to end."),
        ask_for_letter,
    ),
    _sent(
        "attachment",
        Detail("a file that they send on"),
        article_of(QD28, "6.1"),
        Detail("the file comes back with the same bytes"),
        sending.attachment_back,
        Detail("Store and send files as bytes; do not convert, stamp or compress them."),
        _forward,
        "attachment",
    ),
    _sent(
        "sender-recall",
        Detail("a recall from them"),
        article_of(ND30, "18.4"),
        Detail("a recall comes that names a letter sent before"),
        sending.changes(Business.RECALL),
        Detail("Business kind 1, with the recalled DocumentId in ResponseFor."),
        lambda _: Detail("Recall the letter that you sent."),
    ),
    _sent(
        "sender-update",
        Detail("an update from them"),
        FORM,
        Detail("an update comes that names a letter sent before"),
        sending.changes(Business.UPDATE),
        Detail("Business kind 2, with the DocumentId of what is changed in Bussiness/DocumentId."),
        lambda _: Detail("Change a letter that you sent, and send the update."),
    ),
    _sent(
        "sender-replacement",
        Detail("a replacement from them"),
        article_of(ND30, "18.3"),
        Detail("a replacement comes that names letters sent before"),
        sending.changes(Business.REPLACE),
        Detail("Business kind 3, with the replaced DocumentIds in ReplacementInfoList."),
        lambda _: Detail("Send a letter in the place of one that you sent."),
    ),
    _says(StatusCode.ARRIVED, _on_letter(lambda n: Detail("Let letter {number} arrive.", number=n)), _COMES),
    _says(
        StatusCode.REJECTED,
        lambda r: Detail("Refuse letter {number} by status 02, with a reason.", number=r.number("rejected")),
        _COMES_WHY,
    ),
    _says(StatusCode.RECEIVED, _on_letter(lambda n: Detail("Register letter {number} as received.", number=n)), _COMES),
    _says(StatusCode.ASSIGNED, _on_letter(lambda n: Detail("Assign letter {number} to somebody.", number=n)), _COMES),
    _says(StatusCode.IN_PROCESS, _on_letter(lambda n: Detail("Begin work on letter {number}.", number=n)), _COMES),
    _says(StatusCode.DONE, _on_letter(lambda n: Detail("Complete letter {number}.", number=n)), _COMES),
    _says(StatusCode.RECALL_ASKED, lambda _: Detail("Ask back a letter that you sent (status 13)."), _COMES),
    _says(
        StatusCode.RECALL_AGREED,
        _on_letter(lambda n: Detail("Agree to give back letter {number}.", number=n), "recall-late"),
        _COMES,
    ),
    _says(
        StatusCode.RECALL_DENIED,
        _on_letter(lambda n: Detail("Refuse to give back letter {number}, with a reason.", number=n), "recall-denied"),
        _COMES_WHY,
    ),
    _sent(
        "says-right",
        Detail("statuses that fit"),
        STATUS,
        Detail("each has a code of the standard, and is about a letter that they received (13: sent)"),
        sending.fitting,
        Detail("Codes are 01 to 06, 13, 15 and 16; ResponseFor has the DocumentId as it came."),
        _on_letter(lambda n: Detail("Register letter {number} as received.", number=n)),
        "signed",
    ),
    _sent(
        "sent-back",
        Detail("a letter that comes back to them"),
        article_of(QD28, "8.2"),
        Detail("it is not sent again as it is"),
        sending.not_again,
        _NOT_AGAIN,
        _ask_for_another,
    ),
    _sent(
        "refused",
        Detail("a letter that the node refuses"),
        article_of(QD28, "8.2"),
        Detail("the same bytes are handed in three times at most"),
        sending.at_rest,
        _NOT_AGAIN,
        lambda _: Detail("Hand in a letter that the node must refuse, for instance without a signature."),
    ),
)
