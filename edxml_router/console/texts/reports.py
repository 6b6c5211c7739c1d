"""The page "Reports"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, str]] = {
    "reports.title": "Reports",
    "reports.since": "First month",
    "reports.until": "Last month",
    "reports.month_hint": "As 2026-11; this month if empty.",
    "reports.agency": "Only this agency and those below it (code; all if empty)",
    "reports.by": "By",
    "reports.by.month": "month",
    "reports.by.level": "level of the agency",
    "reports.by.agency": "agency",
    "reports.by.urgency": "urgency",
    "reports.by.kind": "kind of document",
    "reports.count": "Count",
    "reports.count_hint": "The whole journal is read: on a large node this takes a while.",
    "reports.csv": "Download as CSV",
    "reports.page": "Download the page to print",
    "reports.chart": "Deliveries by outcome",
    "reports.late": "Agencies whose letters were delivered late",
    "reports.late_none": "No delivery was late.",
    "reports.late_scope": (
        "Senders with the most late deliveries, {count} at most; the same months and entries as above."
    ),
    "reports.late_agency": "Agency",
    "reports.late_count": "Late",
    "reports.late_of": "Of deliveries",
    "reports.basis": "What this was counted from",
}
