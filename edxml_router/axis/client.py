"""The calls of the axis, as its SDK makes them.

    with AxisClient(settings.axis, secret) as axis:
        rows = axis.received(since, until)
        number = axis.send(body, sender, recipients, "edoc")

Raises Setback EDX923 when the axis does not answer, or answers something else; :class:`AxisRefusal` for its no.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Final

import httpx

from edxml_router.config.faces.axis import AxisSettings
from edxml_router.core.axis.call import short_hex, signed_headers, stamp
from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Setback
from edxml_router.core.wording import in_words
from edxml_router.core.xml.content import decode_base64

SECONDS: Final = httpx.Timeout(60.0, connect=10.0)
MOST: Final = 256 * 1024 * 1024  # bytes of an answer: an envelope in base64
_TEXT: Final = 1000  # characters of the axis's own words


class AxisRefusal(Exception):  # noqa: N818  # the axis's no, which is an answer
    """What the axis said."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code} {words}"[:_TEXT])
        self.code = code


class AxisClient:
    """See the module."""

    def __init__(self, axis: AxisSettings, secret: bytes) -> None:
        self._axis, self._secret = axis, secret
        verify: ssl.SSLContext | bool = True
        if axis.ca is not None:
            verify = ssl.create_default_context(cafile=str(axis.ca))
        self._http = httpx.Client(base_url=axis.url, verify=verify, timeout=SECONDS, trust_env=False)

    def __enter__(self) -> AxisClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(self, body: Body, sender: str, recipients: Sequence[str], kind: str) -> str:
        """The axis's number of the transfer. The document is read while it is sent."""
        headers = {
            "from": sender,
            "to": json.dumps(list(recipients)),
            "servicetype": "eDoc",
            "messagetype": kind,
            "hash-file": short_hex(bytes.fromhex(body.digest)),
        }
        return _text(self._call("sendEdoc", headers, body, "application/octet-stream"), "DocId")

    def received(self, first: date, last: date) -> list[Mapping[str, str]]:
        """What lies there for this system, and its states."""
        return self._rows("getReceivedEdocList", first, last)

    def sent(self, first: date, last: date) -> list[Mapping[str, str]]:
        """What this system has sent, and its states."""
        return self._rows("getSentEdocList", first, last)

    def get(self, number: str) -> bytes:
        """A document."""
        found = self._call("getEdoc", {"docId": number}, b"{}")
        try:
            return decode_base64(_text(found, "data").encode())  # some write it in lines
        except ValueError:
            raise _odd("getEdoc") from None

    def update(self, number: str, state: str, description: str = "") -> None:
        """Tell the state of a document. A description loses its letters outside ASCII, as the axis's headers do."""
        told = description.encode("ascii", "ignore").decode()[:_TEXT].replace("\n", " ").strip()
        self._call("updateStatus", {"docId": number, "status": state, "description": told}, b"{}")

    def _rows(self, call: str, first: date, last: date) -> list[Mapping[str, str]]:
        days = {"fromDate": f"{first:%Y/%m/%d}", "toDate": f"{last:%Y/%m/%d}", "servicetype": "eDoc"}
        rows: list[Mapping[str, str]] = []
        for kind in ("edoc", "status"):
            found = self._call(call, {**days, "messagetype": kind}, b"").get("data") or []
            if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
                raise _odd(call)
            rows += [{name: value for name, value in row.items() if isinstance(value, str)} for row in found]
        return rows

    def _call(
        self, call: str, headers: Mapping[str, str], body: bytes | Body, content: str = "application/json"
    ) -> Mapping[str, Any]:
        now = datetime.now(VIETNAM)
        values = {"systemid": self._axis.system_id, "timestamp": stamp(now), "Content-Type": content, **headers}
        fields = [*signed_headers(values, self._secret), ("Content-Type", content), ("Content-Length", str(len(body)))]
        sent = body if isinstance(body, bytes) else body.pieces()
        try:
            with self._http.stream("POST", f"/{call}", content=sent, headers=fields) as answer:
                text = bytearray()
                for piece in answer.iter_bytes():
                    text += piece
                    if len(text) > MOST:
                        raise _odd(call)
            found = json.loads(bytes(text))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Setback("EDX923", where=self._axis.url, detail=in_words(error)) from error
        except ValueError:
            raise _odd(call) from None
        if not isinstance(found, dict) or not isinstance(found.get("ErrorCode"), str):
            raise _odd(call)
        if found["ErrorCode"] != "0":
            raise AxisRefusal(found["ErrorCode"][:50], str(found.get("ErrorDesc", "")))
        return found


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise _odd(name)
    return value


def _odd(call: str) -> Setback:
    return Setback("EDX923", where=call, detail=Detail("this is no answer of the axis"))
