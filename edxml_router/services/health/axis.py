"""The national axis: that it answers this node's calls, how far its clock is from ours, and what waits for it.

One call is made, a list of today; nothing is changed there. It may be asked once more by the process that speaks to it
at the same moment, which harms nobody.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from edxml_router.config import Settings
from edxml_router.config.faces.axis import AxisSettings
from edxml_router.core.axis.call import signed_headers, stamp
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.services.axis.bridge import secret_of
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.wiring import own_ledger

MOST_SKEW_SECONDS: Final = 300  # the axis refuses calls whose time stamp is too far off; how far is its secret
_MOST: Final = 4 * 1024 * 1024  # bytes of an answer that are read
_COUNTED: Final = 1000  # letters that wait, as far as they are counted


def axis(settings: Settings) -> Findings:
    """Whether it can be reached and takes the credentials, its clock, and what waits for it. Raises Refusal EDX902."""
    own = settings.axis
    if own is None:
        return
    finding, date = _asked(own, secret_of(own))
    yield own.url, finding
    if date is not None:
        seconds = round((date - datetime.now(UTC)).total_seconds())
        late = abs(seconds) > MOST_SKEW_SECONDS
        detail = Detail("its clock is {seconds} seconds ahead of ours", seconds=seconds)
        yield detail, Finding("EDX920", own.url, detail) if late else None
    yield _waiting(settings, own), None


def _asked(own: AxisSettings, secret: bytes) -> tuple[Finding | None, datetime | None]:
    """Why the axis does not answer as it should, and the time by its clock."""
    now = datetime.now(VIETNAM)
    day = f"{now:%Y/%m/%d}"
    values = {"systemid": own.system_id, "timestamp": stamp(now), "Content-Type": "application/json"}
    values |= {"fromDate": day, "toDate": day, "servicetype": "eDoc", "messagetype": "edoc"}
    fields = [*signed_headers(values, secret), ("Content-Type", "application/json")]
    try:
        verify = ssl.create_default_context(cafile=str(own.ca)) if own.ca is not None else True
        with (
            httpx.Client(base_url=own.url, verify=verify, timeout=PATIENCE, trust_env=False) as http,
            http.stream("POST", "/getReceivedEdocList", content=b"", headers=fields) as answer,
        ):
            text = bytearray()
            for piece in answer.iter_bytes():
                text += piece[: _MOST - len(text)]
            date = answer.headers.get("date", "")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Finding("EDX923", own.url, in_words(error)), None
    return _read(own, bytes(text), answer.status_code), _date(date)


def _read(own: AxisSettings, text: bytes, status: int) -> Finding | None:
    try:
        found: Any = json.loads(text)
    except ValueError:
        found = None
    code = found.get("ErrorCode") if isinstance(found, Mapping) else None
    if not isinstance(code, str):
        detail = Detail("this is no answer of the axis (HTTP {status})", status=status)
        return Finding("EDX923", own.url, detail)
    if code != "0":
        return Finding("EDX923", own.url, f"{code} {found.get('ErrorDesc') or ''}".strip()[:500])
    return None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None


def _waiting(settings: Settings, own: AxisSettings) -> Detail:
    """What has no end yet: not sent, or sent and not ended there."""
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        rows = ledger.views.list_deliveries(
            route=Route.office(own.name), states=[State.AVAILABLE], limit=_COUNTED
        )
        handled = ledger.views.handled({one.digest for one in rows})
    there = sum(handled.get((one.digest, one.recipient)) is not None for one in rows)
    shown = Detail("{count} or more", count=_COUNTED) if len(rows) == _COUNTED else len(rows)
    return Detail("{count} letters have no end there yet; {there} of them were sent", count=shown, there=there)
