"""The day on which a message says it was written, which decides what the codes in it mean.

A code may name one agency until some day and another from then on. Its meaning in a letter depends on a date that the
sender signed, and on nothing that nodes say: otherwise a node on the way could choose between two recipients by
choosing when the letter was accepted. These dates are in ``MessageHeader``, which every form of signature covers; those
of the trace list need not be covered, and are never used.
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
    """The day of a document or a status (Vietnam time), which decides the meaning of the sender's code and of a
    document's recipients. None when there is no readable date.
    """
    if envelope.status is not None:
        return _day(envelope.status.timestamp)
    return _day(envelope.document.promulgation_date if envelope.document else None)


def addressed_on(envelope: Envelope) -> date | None:
    """The day that decides the meaning of the recipients' codes. A status goes to the sender of the document it
    answers, under the code given in that document, so that document's day counts.
    """
    if envelope.status is not None:
        return _day(envelope.status.response_for.promulgation_date)
    return written_on(envelope)


def _day(text: str | None) -> date | None:
    match = _DAY.match(text or "")
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
