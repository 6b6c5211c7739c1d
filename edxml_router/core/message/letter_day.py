"""The day that a message gives itself, by which the codes in it are understood.

A code may stand for one agency until a day and for another from then on. What it means in a letter hangs on a date
that the sender signed, and on nothing that nodes say of each other: whoever hands a letter on could choose between two
recipients by choosing when it was accepted. These dates stand in ``MessageHeader``, which every form of signature
covers; those of the trace list need not be covered, and are never used.
"""

from __future__ import annotations

import re
from datetime import date, timedelta, timezone
from typing import Final

from edxml_router.core.message.envelope import Envelope

VIETNAM: Final = timezone(timedelta(hours=7))  # QĐ 28/2018, article 14.4: clocks run on Vietnam time

# QCVN 102:2016 writes yyyy/MM/dd, some systems yyyy-MM-dd. 02/03/2026 is left alone: it has two readings.
_DAY: Final = re.compile(r"\s*(\d{4})[/-](\d{2})[/-](\d{2})(?!\d)", re.ASCII)


def written_on(envelope: Envelope) -> date | None:
    """The day of a document or a status (Vietnam time): by it the sender's code is understood, and a document's
    recipients. None where there is none that can be read."""
    if envelope.status is not None:
        return _day(envelope.status.timestamp)
    return _day(envelope.document.promulgation_date if envelope.document else None)


def addressed_on(envelope: Envelope) -> date | None:
    """The day by which the recipients' codes are understood. A status goes to the sender of the document that it
    answers, under the code which that document gives: so it is that document's day."""
    if envelope.status is not None:
        return _day(envelope.status.response_for.promulgation_date)
    return written_on(envelope)


def _day(text: str | None) -> date | None:
    match = _DAY.match(text or "")
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
