"""What the tested system sends: judges of its cases, each a function of the record."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from edxml_router.conformance.cases.case import Judge
from edxml_router.conformance.cases.receiving import came, described
from edxml_router.conformance.letters.stationery import FILE, SENTENCE
from edxml_router.conformance.record import (
    CaseVerdict,
    Fact,
    Judgement,
    Record,
    TheirMessage,
    subject_of,
)
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable
from edxml_router.core.message.envelope import Business, StatusCode
from edxml_router.core.normal_forms import normal

_HELD, _NOT_HELD, _NOT_TRIED = CaseVerdict.HELD, CaseVerdict.NOT_HELD, CaseVerdict.NOT_TRIED
MOST_ATTEMPTS: Final = 3  # with the same bytes after a refusal for good: a lost answer explains one or two
_OWES_REASON: Final = (StatusCode.REJECTED, StatusCode.RECALL_DENIED)
# What UTF-8 looks like that was read as a Western page of codes, what could not be read at all, and a question mark in
# the middle of a word.
_DAMAGED: Final = re.compile("\ufffd|Ã.|á[º»]|Æ°|\\w\\?\\w")


def letter_came(record: Record) -> Judgement:
    """A letter came from the tested agency."""
    found = record.documents()
    return Judgement(_HELD, [_letter(one) for one in found]) if found else _nothing(record)


def signed(record: Record) -> Judgement:
    """Whatever came was signed, and the signature passed at the node and is whole here."""
    wrong = [
        Fact(
            one.at,
            Detail(
                "{document}: the signature is {indication} ({reason})",
                document=_id(one),
                indication=_sign(one),
                reason=_why(one),
            ),
        )
        for one in record.theirs
        if _sign(one) != "passed"
    ]
    return _of_all(record, wrong)


def well_formed(record: Record) -> Judgement:
    """Whatever came has the standard's form, with nothing to remark."""
    wrong = []
    for one in record.theirs:
        if one.finding is not None and not one.finding.code.startswith("EDX3"):
            wrong.append(_found(one, one.finding.code, one.finding.where))
        wrong += [_found(one, remark.code, remark.where) for remark in one.remarks]
    return _of_all(record, wrong)


def unmistakable(record: Record) -> Judgement:
    """No two letters share a DocumentId, or number, notation and day (NĐ 30/2020, Appendix VI)."""
    seen: dict[tuple[object, ...], str] = {}
    back = {_particulars(one) for one in record.sent_back}  # whether they come again is a case of its own
    wrong = []
    for one in record.documents():
        key = _particulars(one)
        if key in back:
            continue
        if seen.setdefault(key, one.mail.digest) != one.mail.digest:
            told = Detail("{document}: number, notation and day are those of another letter", document=_id(one))
            wrong.append(Fact(one.at, told))
    return _of_all(record, wrong)


def readable(record: Record) -> Judgement:
    """Vietnamese came as it was typed."""
    wrong, spoken = [], []
    for one in record.documents():
        subject = subject_of(one)
        if damage := _DAMAGED.search(subject):
            wrong.append(Fact(one.at, Detail("{document}: damaged text: {text}", document=_id(one), text=damage[0])))
        elif normal("NFC", SENTENCE) in subject:
            spoken.append(Fact(one.at, Detail("{document}: the sentence came whole", document=_id(one))))
        elif _bare(SENTENCE)[:18] in _bare(subject):
            wrong.append(
                Fact(one.at, Detail("{document}: the sentence came otherwise: {text}", document=_id(one), text=subject))
            )
    if wrong:
        return Judgement(_NOT_HELD, wrong)
    return Judgement(_HELD, spoken) if spoken else _nothing(record)


def attachment_back(record: Record) -> Judgement:
    """The file of the kit that was to be sent on has come back with the same bytes."""
    whole = record.sent.get("attachment")
    facts = []
    for one in record.theirs:
        for each in one.envelope.attachments if one.envelope else ():
            if normal("NFC", each.name) != FILE:
                continue
            facts.append(
                Fact(
                    one.at,
                    Detail(
                        "{document}: {name}, SHA-256 {digest}", document=_id(one), name=each.name, digest=each.sha256
                    ),
                )
            )
            if whole is not None and each.sha256 != whole.message.attachment_digest:
                told = Detail("what was sent had SHA-256 {digest}", digest=whole.message.attachment_digest)
                return Judgement(_NOT_HELD, [*facts, Fact(whole.at, told)])
    return Judgement(_HELD, facts) if facts else _nothing(record)


def changes(business: Business) -> Judge:
    """A recall, update or replacement came, and names a letter that came before it."""

    def judge(record: Record) -> Judgement:
        found = record.documents(business)
        if not found:
            return _nothing(record)
        known = set(record.own_ids())
        facts = [_letter(one) for one in found]
        for one in found:
            named = one.envelope.refers_to if one.envelope else ()
            if not named or not {comparable(each) for each in named} <= known:
                said = Detail(
                    "{document} names no letter that came: {named}", document=_id(one), named=", ".join(named) or "-"
                )
                return Judgement(_NOT_HELD, [*facts, Fact(one.at, said)])
        return Judgement(_HELD, facts)

    return judge


def says(code: StatusCode) -> Judge:
    """A status of this code came, about a letter that it may be about, with a reason where one is owed."""

    def judge(record: Record) -> Judgement:
        found = [one for one in record.statuses() if one.status_code == code]
        if not found:
            return _nothing(record)
        facts = [came(one) for one in found]
        if code in _OWES_REASON and not all(map(described, found)):
            return Judgement(_NOT_HELD, [*facts, Fact(None, Detail("no reason is given"))])
        return Judgement(_HELD, facts)

    return judge


def fitting(record: Record) -> Judgement:
    """Every status has a code of the standard and is about a letter that its sender had, or sent."""
    wrong = []
    spoken_for = record.damaged_about("nfd") + record.damaged_about("nfc")
    own = set(record.own_ids())
    codes = set(StatusCode)
    for one in record.statuses():
        about = record.letter_of(one)
        if one.status_code not in codes:
            wrong.append(Fact(one.at, Detail("status {code} is none of the standard", code=one.status_code)))
        elif one in spoken_for:
            continue  # the case of that letter tells of it
        elif one.status_code == StatusCode.RECALL_ASKED:
            if comparable(_id(one)) not in own:
                wrong.append(
                    Fact(one.at, Detail("status 13 about {document}, which they did not send", document=_id(one)))
                )
        elif about is None:
            told = Detail(
                "status {code} about {document}, which they did not receive", code=one.status_code, document=_id(one)
            )
            wrong.append(Fact(one.at, told))
    if wrong:
        return Judgement(_NOT_HELD, wrong)
    found = record.statuses()
    return Judgement(_HELD, [came(one) for one in found]) if found else _nothing(record)


def not_again(record: Record) -> Judgement:
    """A letter that came back to them is not sent again as it is."""
    if not record.sent_back:
        return _nothing(record)
    facts = [Fact(one.at, Detail("{document} was sent back", document=_id(one))) for one in record.sent_back]
    for one in record.sent_back:
        same = [each for each in record.documents() if each is not one and _particulars(each) == _particulars(one)]
        if same:
            told = Detail("{document} came again with the same number, notation and day", document=_id(same[0]))
            return Judgement(_NOT_HELD, [*facts, Fact(same[0].at, told)])
    return Judgement(_HELD, facts)


def at_rest(record: Record) -> Judgement:
    """What the node refused for good is not handed in for ever."""
    if record.refused is None:
        why = Detail("only the node knows this: run the kit there, with --office")
        return Judgement(_NOT_TRIED, [Fact(None, record.stopped or why)])
    if not record.refused:
        return _nothing(record)
    facts = [
        Fact(
            one.last_at,
            Detail(
                "{document}: refused with {code}, times handed in: {count}",
                document=one.document_id or one.digest[:16],
                code=one.code,
                count=one.times,
            ),
        )
        for one in record.refused
    ]
    within = all(one.times <= MOST_ATTEMPTS for one in record.refused)
    return Judgement(_HELD if within else _NOT_HELD, facts)


def _of_all(record: Record, wrong: Iterable[Fact]) -> Judgement:
    if facts := list(wrong):
        return Judgement(_NOT_HELD, facts)
    if not record.theirs:
        return _nothing(record)
    return Judgement(_HELD, [Fact(None, Detail("messages that came: {count}", count=len(record.theirs)))])


def _nothing(record: Record) -> Judgement:
    why = record.stopped or Detail("nothing of the kind has come")
    return Judgement(_NOT_TRIED, [Fact(None, why)], settled=record.stopped is not None)


def _letter(one: TheirMessage) -> Fact:
    return Fact(one.at, Detail("{document} came", document=_id(one)))


def _found(one: TheirMessage, code: str, where: str) -> Fact:
    return Fact(one.at, Detail("{document}: {code} ({where})", document=_id(one), code=code, where=where or "-"))


def _id(one: TheirMessage) -> str:
    return (one.envelope.document_id if one.envelope else "") or one.mail.digest[:16]


def _particulars(one: TheirMessage) -> tuple[object, ...]:
    document = one.envelope.document if one.envelope else None
    return (
        (document.code_number, document.code_notation, document.promulgation_date) if document else (one.mail.digest,)
    )


def _sign(one: TheirMessage) -> str:
    broken = one.finding is not None and one.finding.code.startswith("EDX3")
    return "failed" if broken else one.mail.indication


def _why(one: TheirMessage) -> str:
    return one.finding.code if one.finding is not None else one.mail.reason


def _bare(text: str) -> str:
    """Without marks on the letters: what is left of a text whose marks were lost."""
    return "".join(each for each in normal("NFD", text).casefold() if each.isascii())
