"""Make a report, and verify one: count it again from the journal and compare every figure.

    report = make(views, question, progress)              # as it is printed and kept
    found = verify(views, path, keys, progress)           # of a file, against this journal

A report holds all that was asked, so that whoever has the journal can count again. What was changed in the file, and a
journal that is not the one that was counted, are told apart by the root. Raises what
:mod:`~edxml_router.services.reports.counting` and :mod:`~edxml_router.services.reports.files` raise; Refusal EDX640 for
a checkpoint in the file that none of ``keys`` has signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edxml_router.core.delivery.figures.values import ReportQuestion
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.proof.note import VerifierKey
from edxml_router.ports.views import Views
from edxml_router.services.reports import files
from edxml_router.services.reports.counting import count
from edxml_router.shapes.evidence.report import ReportShape, report_shape

MOST_DIFFERENCES: Final = 100
# Who does not know a report's checkpoint may have made it before the log's key was named; the root says the rest.
_NOT_COMPARED: Final = frozenset({"checkpoint"})


@dataclass(frozen=True, slots=True)
class ReportVerification:
    """``differences``: where, what the file says, what the journal gives; at most :data:`MOST_DIFFERENCES`. ``root`` is
    empty where the journal has fewer entries than the report was counted from."""

    size: int
    root: str
    differences: tuple[tuple[str, str, str], ...]
    finding: Finding | None


def make(views: Views, question: ReportQuestion, progress: Callable[[int], None]) -> ReportShape:
    """Count, from all entries under the newest checkpoint."""
    return _made(views, question, progress, None)


def verify(
    views: Views, path: Path, keys: Sequence[VerifierKey], progress: Callable[[int], None]
) -> ReportVerification:
    """Count again what a file says."""
    told, question = files.read_report(path)
    size = told["size"]
    if told.get("checkpoint") is not None and keys:
        _require_signed(told, path, keys)
    if size and not views.leaves(size - 1, size):
        detail = Detail("the journal has no entry at position {position}", position=size - 1)
        return ReportVerification(size, "", (), Finding("EDX669", str(path), detail))
    counted = _made(views, question, progress, size)
    if counted["root"] != told.get("root"):
        detail = Detail("the journal has {root}", root=f"{size}:{counted['root']}")
        return ReportVerification(size, counted["root"], (), Finding("EDX669", str(path), detail))
    found = []
    for each in _differences(told, counted):
        found.append(each)
        if len(found) == MOST_DIFFERENCES:
            break
    finding = None
    if found:
        where, says, gives = found[0]
        detail = Detail("the file says {told}, the journal gives {counted}", told=says, counted=gives)
        finding = Finding("EDX666", f"{path}: {where}", detail)
    return ReportVerification(size, counted["root"], tuple(found), finding)


def _differences(
    told: Mapping[str, Any], counted: Mapping[str, Any], where: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Each value of two objects that differs."""
    for name in dict.fromkeys((*counted, *told)):
        if not where and name in _NOT_COMPARED:
            continue
        yield from _compare(told.get(name), counted.get(name), f"{where}.{name}" if where else name)


def _compare(told: Any, counted: Any, where: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(told, dict) and isinstance(counted, dict):
        yield from _differences(told, counted, where)
    elif isinstance(told, list) and isinstance(counted, list):
        for number in range(max(len(told), len(counted))):
            one, other = (each[number] if number < len(each) else None for each in (told, counted))
            yield from _compare(one, other, f"{where}[{number}]")
    elif type(told) is not type(counted) or told != counted:
        yield where, _shown(told), _shown(counted)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]


def _made(views: Views, question: ReportQuestion, progress: Callable[[int], None], size: int | None) -> ReportShape:
    figures = count(views, question, progress, size)
    mark = views.checkpoint(figures.size)
    note = mark.note.decode() if mark is not None and mark.note is not None else None
    return report_shape(question, figures, note)


def _require_signed(told: Mapping[str, Any], path: Path, keys: Sequence[VerifierKey]) -> None:
    try:
        head, _ = read_checkpoint(str(told["checkpoint"]).encode(), tuple(keys))
    except ValueError as error:
        raise Refusal("EDX640", where=str(path), detail=said(error)) from error
    if (head.size, head.root.hex()) != (told["size"], told.get("root")):
        raise Refusal("EDX640", where=str(path), detail=Detail("it is over other entries than the report"))
