"""The report of a run, as the one shape that every form of it is made from.

shape = conformance_shape(record, chosen, run)    # edxml_router.shapes.office.conformance
finding = shortfall(shape)                        # EDX807, EDX808, or None when every rule was held
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from edxml_router.conformance.cases.case import Case
from edxml_router.conformance.cases.table import CASES
from edxml_router.conformance.record import CaseVerdict, Fact, Judgement, Record
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.language.catalogues import told
from edxml_router.shapes.office.conformance import ConformanceCaseShape, ConformanceShape, KitMessageShape, SeenShape

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_LEFT_OUT: Final = Detail("it was left out of this run")


class TrialRun(NamedTuple):
    """Between whom it was, where and when. ``node``: the gateway's address, or the node's name."""

    node: str
    agency: str
    counterpart: str
    started_at: datetime
    ended_at: datetime


def conformance_shape(record: Record, chosen: Sequence[Case], run: TrialRun) -> ConformanceShape:
    """All cases in their order; what was not chosen was not tried."""
    names = {case.name for case in chosen}
    verdicts = [(case, case.judged(record) if case.name in names else _left_out()) for case in CASES]
    tried = [found.verdict for case, found in verdicts if case.name in names]
    return {
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "node": run.node,
        "agency": run.agency,
        "counterpart": run.counterpart,
        "chosen": len(chosen),
        "held": tried.count(CaseVerdict.HELD),
        "not_held": tried.count(CaseVerdict.NOT_HELD),
        "not_tried": tried.count(CaseVerdict.NOT_TRIED),
        "cases": [_case(record, case, found) for case, found in verdicts],
    }


def shortfall(shape: ConformanceShape) -> Finding | None:
    """What keeps the tested system from having passed: a rule that was not held weighs more than one not tried."""
    for code, verdict in (("EDX807", "not-held"), ("EDX808", "not-tried")):
        if number := shape["not_held" if verdict == "not-held" else "not_tried"]:
            names = [one["case"] for one in shape["cases"] if one["verdict"] == verdict and not _is_left_out(one)]
            detail = Detail(
                "{number} of {chosen}: {names}", number=number, chosen=shape["chosen"], names=", ".join(names)
            )
            return Finding(code, shape["agency"], detail)
    return None


def _left_out() -> Judgement:
    return Judgement(CaseVerdict.NOT_TRIED, [Fact(None, _LEFT_OUT)])


def _is_left_out(one: ConformanceCaseShape) -> bool:
    return [seen["text"] for seen in one["seen"]] == [_LEFT_OUT]


def _case(record: Record, case: Case, found: Judgement) -> ConformanceCaseShape:
    act = case.act(record) if case.act is not None else None
    held = found.verdict is CaseVerdict.HELD
    remedy = None if held else case.remedy if found.verdict is CaseVerdict.NOT_HELD else act
    return {
        "case": case.name,
        "side": case.side.value,
        "title": case.title,
        "title_vi": told("vi", case.title),
        "rule": case.rule,
        "rule_vi": told("vi", case.rule),
        "by_hand": case.act is not None,
        "instruction": act,
        "instruction_vi": told("vi", act) if act is not None else None,
        "expectation": case.expected,
        "expectation_vi": told("vi", case.expected),
        "verdict": found.verdict.value,
        "messages": [_message(record, purpose) for purpose in case.sends if purpose in record.sent],
        "seen": [_seen(fact) for fact in sorted(found.facts, key=lambda fact: (fact.at is None, fact.at or _NEVER))],
        "actor": None if held else found.actor or case.actor,
        "remedy": remedy,
        "remedy_vi": told("vi", remedy) if remedy is not None else None,
    }


def _message(record: Record, purpose: str) -> KitMessageShape:
    one = record.sent[purpose]
    return {
        "digest": one.message.digest,
        "document_id": one.message.document_id,
        "at": instant(one.at),
        "accepted": one.handed.accepted,
        "problem": one.handed.problem,
    }


def _seen(fact: Fact) -> SeenShape:
    return {
        "at": instant(fact.at) if fact.at is not None else None,
        "text": fact.text,
        "text_vi": told("vi", fact.text),
    }
