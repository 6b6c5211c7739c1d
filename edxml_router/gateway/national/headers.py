"""What the calls' headers say: codes, days, kinds and states, each read as far as it can be understood.

Raises Refusal EDX418 for a value that cannot be.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from edxml_router.core.axis.call import SignedCall
from edxml_router.core.axis.states import TransportState
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Kind
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Refusal
from edxml_router.services.axis.transfers import TransferQuery

MESSAGE_TYPES: Final = {"edoc": Kind.DOCUMENT, "status": Kind.STATUS}
_CODES: Final = 10_000
_YEAR_FIRST: Final = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})", re.ASCII)
_DAY_FIRST: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)


def message_type(kind: str) -> str:
    """The axis's word for a kind of message."""
    return "status" if kind == Kind.STATUS else "edoc"


def kind_of(written: str) -> Kind | None:
    """The kind of message that is meant; None for both."""
    return MESSAGE_TYPES.get(written.strip().lower())


def query_of(call: SignedCall, limit: int) -> TransferQuery:
    """Which transfers a list is to have."""
    return query_from(call.value("messagetype"), call.value("fromDate"), call.value("toDate"), limit)


def query_from(kind: str, first: str, last: str, limit: int) -> TransferQuery:
    """The same, of values; ``last`` is the last day of the list."""
    since, until = day_of(first, "fromDate"), day_of(last, "toDate")
    return TransferQuery(
        kind=kind_of(kind), since=since, until=until + timedelta(days=1) if until else None, limit=limit
    )


def day_of(written: str, name: str) -> datetime | None:
    """When a day begins in Vietnam; None where none is named."""
    text = written.strip()
    if not text:
        return None
    first, last = _YEAR_FIRST.match(text), _DAY_FIRST.match(text)
    try:
        if first:
            year, month, day = map(int, first.groups())
        elif last:
            day, month, year = map(int, last.groups())
        else:
            raise ValueError
        return datetime(year, month, day, tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("EDX418", where=name, detail=Detail("a day is written yyyy/MM/dd")) from None


def chosen_codes(written: str) -> tuple[str, ...]:
    """The agencies of ``to``: a JSON array in the SDK, one code or several with commas elsewhere; none means all."""
    text = written.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise Refusal("EDX418", where="to", detail=Detail("a JSON array of codes is expected"))
    else:
        found = re.split(r"[,;]", text)
    codes = tuple(dict.fromkeys(code for one in found if (code := one.strip())))
    if len(codes) > _CODES:
        detail = Detail("{count} recipients, at most {most}", count=len(codes), most=_CODES)
        raise Refusal("EDX407", where="to", detail=detail)
    return codes


def state_of(written: str) -> TransportState:
    """The state that a recipient's system sets."""
    try:
        state = TransportState(written.strip().lower())
    except ValueError:
        state = TransportState.INITIAL
    if state is TransportState.INITIAL:
        raise Refusal("EDX418", where="status", detail=Detail("status is processing, done or fail"))
    return state


def axis_time(at: datetime) -> str:
    """A moment as the axis writes it, Vietnam time."""
    return f"{at.astimezone(VIETNAM):%Y/%m/%d %H:%M:%S}"
