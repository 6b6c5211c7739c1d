"""An axis that is not our gateway: a small HTTP server that records what it is asked and answers as was observed of the
national one, and as badly as it is told to. It shares no code with the router.

    with closing(RecordingAxis("bí mật")) as axis:
        axis.fault = "lost"          # the next document is taken, and the line breaks before the answer
        axis.documents, axis.calls
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

VIETNAM = timezone(timedelta(hours=7))
PREFIX = "XroadVnpt-"


@dataclass
class Kept:
    """A document that it has."""

    number: str
    data: bytes
    fields: dict[str, str]
    at: datetime = field(default_factory=lambda: datetime.now(VIETNAM))
    status: str = "initial"
    title: str = ""
    notation: str = ""


class RecordingAxis:
    """See the module. ``ahead``: how far its clock is from ours."""

    def __init__(self, secret: str) -> None:
        self.secret = secret.encode()
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.documents: list[Kept] = []  # that it was sent
        self.waiting: list[Kept] = []  # for the system
        self.updates: list[dict[str, str]] = []
        self.fault = ""
        self.lists_sent = True
        self.about: Callable[[bytes], tuple[str, str]] = lambda _: ("", "")  # title and notation of a document
        self.ahead = timedelta()
        axis = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = self.path.rpartition("/")[2]
                sent = dict(self.headers.items())
                axis.calls.append((call, sent, body))
                answer = axis.answer(call, sent, body)
                if answer is None:
                    self.close_connection = True
                    return
                status, text = answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return f"{datetime.now(UTC) + axis.ahead:%a, %d %b %Y %H:%M:%S GMT}"

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, call: str, sent: dict[str, str], body: bytes) -> tuple[int, bytes] | None:
        if why := self.unproven(sent):
            return self.no("12", why)
        fault, self.fault = (
            (self.fault, "") if call == "sendEdoc" or not self.fault.startswith("send") else ("", self.fault)
        )
        fields = {name[len(PREFIX) :]: value for name, value in sent.items() if name.lower().startswith(PREFIX.lower())}
        if fault == "html":
            return 502, b"<html><body>Bad Gateway</body></html>"
        if fault == "number":  # the code is a number, as no client of the SDK could read it
            return 200, b'{"status":"OK","ErrorCode":0,"ErrorDesc":""}'
        if fault == "list":
            return 200, b"[1,2,3]"
        if fault == "unknown":
            return self.no("99", "He thong ban")
        if fault == "send-lost-before":
            return None
        found = getattr(self, f"call_{call}")(fields, body)
        return None if fault == "send-lost-after" else found

    def unproven(self, sent: dict[str, str]) -> str:
        """What a server can check of the headers, from the words of the interface."""
        values = {name.lower(): value for name, value in sent.items()}
        text = values.get("xroadvnpt-sign-header", "")
        proof = hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
        if proof != values.get("xroadvnpt-hash-header"):
            return "hash-header"
        signed = json.loads(text)
        names = [name.removeprefix(PREFIX) for name in signed]
        if values["xroadvnpt-sign-header-key"] != ";".join(names):
            return "sign-header-key"
        return next((name for name, value in signed.items() if values.get(name.lower()) != value), "")

    def no(self, code: str, words: str) -> tuple[int, bytes]:
        return 200, json.dumps({"status": "FAIL", "ErrorCode": code, "ErrorDesc": words}).encode()

    def yes(self, **members: Any) -> tuple[int, bytes]:
        return 200, json.dumps({"status": "OK", "ErrorCode": "0", "ErrorDesc": "", **members}).encode()

    def call_sendEdoc(self, fields: dict[str, str], body: bytes) -> tuple[int, bytes]:  # noqa: N802
        plain = "".join(f"{byte:x}" for byte in hashlib.sha256(body).digest())
        if fields["hash-file"] not in (plain, hashlib.sha256(body).hexdigest()):
            return self.no("11", "hash-file")
        number = f"{len(self.documents) + 1:08d}-axis"  # a new one for each, also of the same bytes
        title, notation = self.about(body)
        self.documents.append(Kept(number, body, fields, title=title, notation=notation))
        return self.yes(DocId=number)

    def call_getSentEdocList(self, fields: dict[str, str], _body: bytes) -> tuple[int, bytes]:  # noqa: N802
        rows = [
            {
                "serviceType": "eDoc",
                "messageType": one.fields["messagetype"],
                "senderDocId": one.number,
                "receiverDocId": f"{one.number}-{to}",
                "fromCode": one.fields["from"],
                "toCode": to,
                "title": one.title,
                "notation": one.notation,
                "sentTime": f"{one.at:%Y-%m-%d %H:%M:%S}",
                "receivedTime": None,
                "sendStatus": "done",
                "sendStatusDesc": "",
                "receiveStatus": one.status,
                "receiveStatusDesc": "",
            }
            for one in self.documents
            for to in json.loads(one.fields["to"])
            if one.fields["messagetype"] == fields["messagetype"] and self.lists_sent
        ]
        return self.yes(data=rows)

    def call_getReceivedEdocList(self, fields: dict[str, str], _body: bytes) -> tuple[int, bytes]:  # noqa: N802
        rows = [
            {"docId": one.number, "serviceType": "eDoc", "messageType": "edoc", "created_time": "", "updated_time": "",
             "from": "H01.151", "to": one.fields.get("to", ""), "status": one.status, "status_desc": ""}
            for one in self.waiting if fields["messagetype"] == "edoc"
        ]  # fmt: skip
        return self.yes(data=rows or None)

    def call_getEdoc(self, fields: dict[str, str], _body: bytes) -> tuple[int, bytes]:  # noqa: N802
        found = [one for one in self.waiting if one.number == fields["docId"]]
        if not found:
            return self.no("607", "khong co")
        return self.yes(data=base64.encodebytes(found[0].data).decode())  # in lines, as some write it

    def call_updateStatus(self, fields: dict[str, str], _body: bytes) -> tuple[int, bytes]:  # noqa: N802
        self.updates.append(fields)
        for one in self.waiting:
            if one.number == fields["docId"]:
                one.status = fields["status"]
        return self.yes()
