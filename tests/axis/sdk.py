"""A client of the national axis as its SDK behaves on the wire, written from what was observed there and sharing no
code with the router: it keeps the headers of earlier calls and sends them again, drops leading zeros in hashes, signs
all that it sends, and is as strict as the original with what it reads: a missing or non-string field ends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

VIETNAM = timezone(timedelta(hours=7))


@dataclass
class Answer:
    """An answer as it came."""

    http: int
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """What the original reads first of every JSON answer, and cannot do without."""
        found = json.loads(self.body)
        for name in ("status", "ErrorCode", "ErrorDesc"):
            assert isinstance(found[name], str), f"{name} is no text: the SDK ends here"
        return dict(found)


@dataclass
class SdkClient:
    """One client object: what is in ``kept`` goes along with every call."""

    host: str
    port: int
    prefix: str
    system: str
    secret: str
    tls: ssl.SSLContext | None = None
    at: datetime = field(default_factory=lambda: datetime.now(VIETNAM))
    kept: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        milliseconds = self.at.microsecond // 1000
        self.kept["timestamp"] = f"{self.at:%d%m%YT%H%M%S}+{milliseconds:04d}"
        self.kept["systemid"] = self.system

    # --- the calls -----------------------------------------------------------------------------------

    def send(self, file: bytes, **headers: str) -> dict[str, Any]:
        self._put(headers, "application/octet-stream")
        self.kept["hash-file"] = "".join(f"{byte:x}" for byte in hashlib.sha256(file).digest())
        came = self._call("POST", "/sendEdoc", file + b"\r\n")  # the original adds a line end, which it has not hashed
        assert came.body.isascii(), "the original reads this answer as US-ASCII"
        assert isinstance(came.fields["DocId"], str)  # read of a refusal as well
        return came.fields

    def received(self, **headers: str) -> list[dict[str, str]]:
        self._put({"servicetype": "eDoc", **headers})
        return self._list("/getReceivedEdocList")

    def sent(self, **headers: str) -> list[dict[str, str]]:
        self._put({"servicetype": "eDoc", **headers})
        return self._list("/getSentEdocList")

    def get(self, letter: str, folder: Path) -> bytes:
        """The document, which the original writes into a file named by the letter."""
        self._put({"filePath": str(folder), "docId": letter})
        answer = self._call("POST", "/getEdoc", b"{}").fields
        if answer["status"] == "FAIL":
            raise SdkError(answer)
        data = base64.b64decode(answer["data"], validate=True).decode()
        path = folder / f"{self.at:%Y}" / str(self.at.month) / f"{letter}.edxml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data, encoding="utf-8", newline="")
        return path.read_bytes()

    def download(self, letter: str) -> bytes:
        """The file. The original takes any bytes for it, and nothing for a failure."""
        self._put({"docId": letter})
        answer = self._call("GET", "/downloadEdoc", None)
        if not answer.body:
            raise SdkError({"status": "FAIL", "ErrorCode": "100", "ErrorDesc": str(answer.headers)})
        return answer.body

    def update(self, letter: str, status: str, **headers: str) -> dict[str, Any]:
        self._put({"status": status, "docId": letter, **headers})
        return self._call("POST", "/updateStatus", b"{}").fields

    def count(self, path: str) -> int:
        """The original posts ``{}`` where its interface says GET."""
        self._put({})
        answer = self._call("POST", path, b"{}").fields
        assert type(answer["count"]) is int
        return answer["count"]

    def agencies(self, path: str = "/getAgenciesList", **headers: str) -> list[dict[str, Any]]:
        self._put(headers)
        return self._list(path)

    def register(self, data: dict[str, str]) -> dict[str, Any]:
        self._put({})
        return self._call("POST", "/registerAgency", json.dumps(data).encode()).fields

    def delete(self, code: str) -> dict[str, Any]:
        self._put({"AgencyCode": code})
        return self._call("POST", "/deleteAgency", b"{}").fields

    # --- the wire ------------------------------------------------------------------------------------

    def _put(self, headers: dict[str, str], content: str = "application/json") -> None:
        self.kept["Content-Type"] = content
        self.kept.update(headers)

    def _list(self, path: str) -> list[dict[str, Any]]:
        answer = self._call("POST", path, b"").fields
        if answer["ErrorCode"] != "0":
            raise SdkError(answer)
        for row in answer["data"]:
            for value in row.values():
                assert isinstance(value, str | int | bool), "a null or a list: the SDK ends here"
        return list(answer["data"])

    def headers(self) -> dict[str, str]:
        """All headers of a call, signed."""
        text = json.dumps(
            {f"XroadVnpt-{name}": value for name, value in self.kept.items()}, separators=(",", ":"), ensure_ascii=False
        )
        return {
            **{f"XroadVnpt-{name}": value for name, value in self.kept.items()},
            "Content-Type": self.kept.get("Content-Type", "application/json"),
            "XroadVnpt-sign-header-key": ";".join(self.kept),
            "XroadVnpt-sign-header": text,
            "XroadVnpt-hash-header": hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
            "XroadVnpt-version": "3.0.201608",
            "User-Agent": "JAVASDKAgent/1.0.0 XRoad/VPCP",
        }

    def _call(self, method: str, path: str, body: bytes | None) -> Answer:
        return self.raw(method, path, body, self.headers())

    def raw(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """A call with these headers, whatever they are."""
        connection: http.client.HTTPConnection
        if self.tls is not None:
            connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=60)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            expect = body == b"{}"  # as the original does on calls of this form
            connection.putrequest(method, self.prefix + path)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            if expect:
                connection.putheader("Expect", "100-continue")
            connection.endheaders()
            if expect and isinstance(connection.sock, socket.socket):
                connection.sock.settimeout(60)
            if body:
                connection.send(body)
            response = connection.getresponse()  # passes over 100 Continue
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


class SdkError(Exception):
    """A refusal, as the original shows it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(f"{answer['ErrorCode']}: {answer['ErrorDesc']}")
        self.code = str(answer["ErrorCode"])
        self.words = str(answer["ErrorDesc"])
