"""The office that answers by itself: a system of its own at the gateway of the node above.

A letter it confirms; then it sends the statuses 01, 03, 04, 05 and 06 and a letter in answer. To a recall, an update or
a replacement it agrees (15). What is planted for the sender's office changes that: ``refusal`` (02), ``return`` and
``silence``. On request it writes itself: see :data:`WRITINGS`.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.demo.axis.faults import Faults
from edxml_router.demo.axis.plans import ANSWERING, TrialOffice
from edxml_router.demo.letters import File
from edxml_router.demo.servers import HOST

JOURNEY: Final = ("01", "03", "04", "05", "06")
AGREED: Final = "15"
REFUSED: Final = "02"
WRONG_DOOR: Final = "Gửi nhầm nơi nhận"
MANY: Final = 12
LARGE_BYTES: Final = 10_000_000
WRITINGS: Final = ("letter", "large", "urgent", "many", "recall", "update", "replacement")
ANSWERS_A_MINUTE: Final = 60  # two systems that answer each other's answers must not go on for ever
_WAIT: Final = 1  # seconds that a look may be held back; so long the end may take
_TRY_SECONDS: Final = 60.0  # a node that was killed is back before
_PDF: Final = File("cong-van.pdf", 6_000)


@dataclass(frozen=True, slots=True)
class CounterpartAct:
    """What it did: ``act`` is "confirmed", "returned", "silent", "status" or "wrote"; ``detail`` the code of a status,
    or what it wrote."""

    act: str
    peer: str
    document_id: str
    detail: str = ""


class Counterpart:
    """``tell`` is called for each act, in its thread."""

    def __init__(
        self,
        port: int,
        token: str,
        offices: Mapping[str, TrialOffice],
        planted: Faults,
        tell: Callable[[CounterpartAct], None],
    ) -> None:
        self._offices = {office.agency: office for office in offices.values()}
        self._agencies = {office.name: office.agency for office in offices.values()}
        self._planted, self._tell = planted, tell
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=f"http://{HOST}:{port}", headers=headers, timeout=60)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # letters are written for several offices at once
        self._last: dict[str, str] = {}  # by agency: the id of the last letter to it
        self._answered: list[float] = []
        self._silent: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=ANSWERING, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join(_WAIT + 5)
        self._http.close()

    # --- what comes ---

    def _run(self) -> None:
        """Letter by letter. What it said nothing of lies at the front of the inbox, so each look begins behind it."""
        cursor = ""
        with suppress(httpx.TransportError, Setback, Refusal):  # the first draft costs seconds, in which nobody waits
            self._call("POST", "/v1/statuses", json={})
        while not self._ending.is_set():
            try:
                page = self._call("GET", "/v1/inbox", params={"wait": _WAIT, "cursor": cursor, "limit": 50})
                for letter in page["letters"]:
                    self._read(letter)
                cursor = page["cursor"]
            except (httpx.TransportError, Setback, Refusal):
                cursor = ""  # the node is away, or back from a back-up: all that lies there, once more
                self._ending.wait(0.5)

    def _read(self, letter: Mapping[str, Any]) -> None:
        name, envelope = letter["letter"], letter["envelope"]
        agency, document = envelope["sender"], envelope["document_id"]
        office = self._offices.get(agency)
        if name in self._silent or (office and self._planted.take(office.name, "silence")):
            if name not in self._silent:
                self._silent.add(name)
                self._tell(CounterpartAct("silent", agency, document))
            return
        if envelope["kind"] == "document" and office and self._planted.take(office.name, "return"):
            self._call("POST", f"/v1/inbox/{name}/return", json={"reason": WRONG_DOOR})
            self._tell(CounterpartAct("returned", agency, document))
            return
        self._call("GET", f"/v1/inbox/{name}/content")
        self._call("POST", f"/v1/inbox/{name}/confirm")
        self._tell(CounterpartAct("confirmed", agency, document))
        if envelope["kind"] == "document" and office:
            self._answer(name, office, envelope)

    def _answer(self, name: str, office: TrialOffice, envelope: Mapping[str, Any]) -> None:
        if not self._may_answer():
            return
        refused = self._planted.take(office.name, "refusal") is not None
        codes = ("01", REFUSED) if refused else JOURNEY if envelope["business"] == 0 else (AGREED,)
        for code in codes:
            told = {"letter": name, "code": code} | ({"description": WRONG_DOOR} if code == REFUSED else {})
            self._call("POST", "/v1/statuses", json=told)
            self._tell(CounterpartAct("status", office.agency, envelope["document_id"], code))
        if not refused and envelope["business"] == 0:
            self._letter(office.agency, "answer", answers=[{"letter": name}])

    def _may_answer(self) -> bool:
        now = time.monotonic()
        self._answered = [at for at in self._answered if now - at < 60]
        self._answered.append(now)
        return len(self._answered) <= ANSWERS_A_MINUTE

    # --- what it writes ---

    def write(self, office: str, kind: str) -> dict[str, list[str]]:
        """Write to an office; the ids of the documents. Raises Refusal EDX606 for what it does not write."""
        if kind not in WRITINGS:
            raise Refusal("EDX606", where=kind[:100], detail=", ".join(WRITINGS))
        with self._lock:
            return {"documents": list(self._written(self._agencies[office], kind))}

    def _written(self, agency: str, kind: str) -> Iterator[str]:
        if kind == "many":
            for _ in range(MANY):
                yield self._letter(agency, kind)
        elif kind in ("letter", "large", "urgent"):
            yield self._letter(agency, kind)
        else:
            if agency not in self._last:
                yield self._letter(agency, "letter")
            yield self._about(agency, kind, self._last[agency])

    def _letter(self, agency: str, kind: str, **more: Any) -> str:
        draft = self._draft(f"V/v thử nghiệm kết nối ({kind})") | {"recipients": [agency]} | more
        if kind == "urgent":
            draft |= {"urgency": "flash"}
        document = self._hand_in("/v1/letters", draft, File("phu-luc.zip", LARGE_BYTES) if kind == "large" else _PDF)
        self._last[agency] = document
        self._tell(CounterpartAct("wrote", agency, document, kind))
        return document

    def _about(self, agency: str, kind: str, document: str) -> str:
        if kind == "replacement":
            draft = self._draft("V/v thay thế văn bản trước")
            draft |= {"replaces": [document], "reason": "Sai sót về nội dung"}
        else:
            draft = {"document": document, "reason": "Ban hành nhầm phụ lục"}
            draft |= {"subject": "V/v thử nghiệm kết nối (sửa)"} if kind == "update" else {}
        made = self._hand_in(f"/v1/{kind}s", draft, None if kind == "recall" else _PDF)
        self._tell(CounterpartAct("wrote", agency, made, kind))
        return made

    def _draft(self, subject: str) -> dict[str, Any]:
        signer = {"name": "Nguyễn Văn Mẫu", "position": "Chánh Văn phòng"}
        return {"number": str(next(self._numbers)), "notation": "VPCP-VP", "subject": subject, "signer": signer}

    def _hand_in(self, path: str, draft: Mapping[str, Any], file: File | None) -> str:
        parts = {"draft": ("draft.json", json.dumps(draft).encode(), "application/json")}
        if file is None:
            told = self._call("POST", path, json=draft)
        else:
            told = self._call("POST", path, files={**parts, "file": (file.name, file.content)})
        document: str = told["messages"][0]["submission"]["document_id"]
        return document

    def _call(self, method: str, path: str, **given: Any) -> Any:
        """Until it is answered, for a while: the node may be killed under it. Every call may be repeated."""
        deadline = time.monotonic() + _TRY_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, **given)
                if answer.is_success:
                    return answer.json()
                if answer.status_code not in (429, 503):
                    code = answer.json().get("code", "EDX699")
                    raise Refusal(code, where=path[:100], detail=answer.json().get("detail", ""))
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise Setback("EDX602", where=path[:100], detail=Detail("the gateway does not answer"))
            if self._ending.wait(0.5):
                raise Setback("EDX602", where=path[:100])
