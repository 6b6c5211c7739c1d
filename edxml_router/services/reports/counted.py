"""Reports for a page: counted one at a time, and kept while the journal is the same and for the same hour.

    made = counted(node, question, "person:lan")

To count reads the whole journal. What is late changes with time, so that a figure is an hour old at most. Who asked is
an entry of the journal, once for each time that was counted. Raises Setback EDX626 while another report is counted, and
what :mod:`edxml_router.services.reports.making` raises.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from edxml_router.core.delivery.figures.values import ReportQuestion
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.services.asking import readings
from edxml_router.services.reports import making
from edxml_router.shapes.evidence.report import ReportShape
from edxml_router.wiring.stored import StoredNode

_KEPT: Final = 8
_counting: Final = Lock()
_kept: Final[OrderedDict[tuple[object, ...], ReportShape]] = OrderedDict()


def counted(node: StoredNode, question: ReportQuestion, reader: str) -> ReportShape:
    """See the module. ``reader``: the person who asks, as the journal names them."""
    views = node.ledger.views
    mark = views.checkpoint(None)
    hour = question.counted_at.replace(minute=0, second=0, microsecond=0)
    asked = (question.first, question.last, question.groups, question.agency, question.kinds)
    key = (node.name, mark.root if mark else "", hour, *asked)
    if (known := _kept.get(key)) is not None:
        return known
    if not _counting.acquire(blocking=False):
        raise Setback("EDX626", detail=Detail("another report is being counted"))
    try:
        asking = {"since": question.first, "until": question.last, "by": ",".join(question.groups),
                  "agency": question.agency}  # fmt: skip
        with readings.noted(
            readings.database_of(node), reader, "console report", asking, lambda _: None
        ) as reading:
            made = making.make(views, question, lambda _: None)
            reading.count = len(made["rows"])
        _kept[key] = made
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
        return made
    finally:
        _counting.release()
