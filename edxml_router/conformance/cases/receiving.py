"""What the tested system does with what it receives: judges of its cases, each a function of the record."""

from __future__ import annotations

from typing import Final

from edxml_router.conformance.cases.case import Judge
from edxml_router.conformance.record import CaseVerdict, Fact, Judgement, Record, SentMessage, TheirMessage
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import StatusCode
from edxml_router.core.problems import Actor

_HELD, _NOT_HELD, _NOT_TRIED = CaseVerdict.HELD, CaseVerdict.NOT_HELD, CaseVerdict.NOT_TRIED
_ONCE: Final = frozenset({"01", "02", "03", "06"})  # said once of a letter; work on it may be reported again and again
_ANSWERS: Final = frozenset({StatusCode.RECALL_AGREED, StatusCode.RECALL_DENIED})
_WORK: Final = frozenset({"03", "04", "05", "06"})


def taken(purpose: str) -> Judge:
    """The message is confirmed, and not returned."""

    def judge(record: Record) -> Judgement:
        return _taken(record, purpose)

    return judge


def taken_unharmed(purpose: str) -> Judge:
    """It is confirmed, and what is said about it names it rightly."""

    def judge(record: Record) -> Judgement:
        damaged = record.damaged_about(purpose)
        if damaged:
            return Judgement(_NOT_HELD, [*_facts(record, purpose), *(_misnamed(one) for one in damaged)])
        found = _taken(record, purpose)
        return found._replace(facts=[*found.facts, *map(came, record.statuses_about(purpose))])

    return judge


def once(record: Record) -> Judgement:
    """A letter that was handed in twice is one letter."""
    found = _taken(record, "duplicate")
    statuses = record.statuses_about("duplicate")
    codes = [one.status_code for one in statuses]
    facts = [*found.facts, *_again(record), *map(came, statuses)]
    if doubled := sorted({code for code in codes if code in _ONCE and codes.count(code) > 1}):
        facts.append(Fact(None, Detail("said twice of one letter: {codes}", codes=", ".join(doubled))))
        return Judgement(_NOT_HELD, facts)
    return found._replace(facts=facts)


def _again(record: Record) -> list[Fact]:
    repeat = record.sent.get("duplicate/again")
    if repeat is None:
        return []
    return [Fact(repeat.at, Detail("the same bytes were handed in again; the node knew them"))]


def same_id(record: Record) -> Judgement:
    """Other bytes under a DocumentId that is taken are refused by the node; as an update they are taken."""
    conflict = record.sent.get("same-id/other")
    if conflict is not None and conflict.handed.accepted:
        told = Detail("the node accepted another letter under the same DocumentId")
        return Judgement(_NOT_TRIED, [Fact(conflict.at, told)], actor=Actor.OPERATOR)
    found = _taken(record, "same-id/update")
    if conflict is None or conflict.handed.problem is None:
        return found
    refused = Detail(
        "another letter under the same DocumentId: the node refused it ({code})", code=conflict.handed.problem["code"]
    )
    return found._replace(facts=[Fact(conflict.at, refused), *found.facts])


def given_back(letter: str, asking: str) -> Judge:
    """A recall, or the wish to have a letter back, is taken and answered: 15, or 16 with a reason."""

    def judge(record: Record) -> Judgement:
        found = _taken(record, asking)
        facts = [*_facts(record, letter), *found.facts]
        if found.verdict is not _HELD:
            return found._replace(facts=facts)
        statuses = record.statuses_about(letter, asking)
        facts += map(came, statuses)
        answers = [one for one in statuses if one.status_code in _ANSWERS]
        if not answers:
            facts.append(Fact(None, Detail("no status 15 or 16 has come")))
            return Judgement(_NOT_HELD, facts, settled=False)
        if answers[-1].status_code == StatusCode.RECALL_AGREED:
            after = statuses[statuses.index(answers[-1]) + 1 :]
            if worked := [one for one in after if one.status_code in _WORK]:
                told = Detail("work went on after the letter was given back: status {code}", code=worked[0].status_code)
                return Judgement(_NOT_HELD, [*facts, Fact(worked[0].at, told)])
        elif not described(answers[-1]):
            return Judgement(_NOT_HELD, [*facts, Fact(answers[-1].at, Detail("a status 16 without a reason"))])
        return Judgement(_HELD, facts)

    return judge


def returned(record: Record) -> Judgement:
    """What they do not want comes back, with the reason: returned, or by status 02."""
    one = record.sent.get("returned")
    if one is None or not one.handed.accepted:
        return _taken(record, "returned")
    refusals = [each for each in record.statuses_about("returned") if each.status_code == StatusCode.REJECTED]
    facts = [*_facts(record, "returned"), *map(came, refusals)]
    if one.state == "returned":
        return Judgement(_HELD if one.reason.strip() else _NOT_HELD, facts)
    if refusals:
        return Judgement(_HELD if any(map(described, refusals)) else _NOT_HELD, facts)
    return Judgement(_NOT_TRIED, [*facts, Fact(None, Detail("it has not come back"))], settled=False)


def takes_status(code: str) -> Judge:
    """A status of the kit about their letter is confirmed."""
    purpose = f"takes-{code}"

    def judge(record: Record) -> Judgement:
        if purpose not in record.sent:
            return _not_tried(record, Detail("no letter of the tested agency has come that it could be about"))
        return _taken(record, purpose)

    return judge


def described(one: TheirMessage) -> bool:
    """Whether a status says why."""
    status = one.envelope.status if one.envelope else None
    return bool(status and (status.description or "").strip())


def came(one: TheirMessage) -> Fact:
    """That a status came, for the report."""
    return Fact(one.at, Detail("status {code} came", code=one.status_code))


def _misnamed(one: TheirMessage) -> Fact:
    named = one.envelope.document_id if one.envelope else ""
    return Fact(one.at, Detail("status {code} came about {document}", code=one.status_code, document=named))


def _not_tried(record: Record, why: Detail) -> Judgement:
    return Judgement(_NOT_TRIED, [Fact(None, record.stopped or why)], settled=record.stopped is not None)


def _facts(record: Record, purpose: str) -> list[Fact]:
    return list(record.sent[purpose].facts) if purpose in record.sent else []


def _taken(record: Record, purpose: str) -> Judgement:
    one = record.sent.get(purpose)
    if one is None:
        return _not_tried(record, Detail("it was not sent, because what goes before it was not taken"))
    if not one.handed.accepted:
        return Judgement(_NOT_TRIED, [_refused(one)], actor=Actor.OPERATOR)
    if one.is_taken:
        return Judgement(_HELD, list(one.facts))
    if one.has_ended:
        return Judgement(_NOT_HELD, list(one.facts))
    open_since = Fact(None, Detail("{number} was not confirmed within the time", number=one.name))
    return Judgement(_NOT_HELD, [*one.facts, open_since], settled=False)


def _refused(one: SentMessage) -> Fact:
    problem = one.handed.problem
    code, title = (problem["code"], problem["title"]) if problem else ("", "")
    return Fact(one.at, Detail("the node refused the kit's message: {code} {title}", code=code, title=title))
