"""What a maker asks of the test axis itself, at the door of an office: ``/axis``.

    GET /axis                                   what is planted, and all that could be
    POST /axis/faults/slow?times=3&seconds=20   plant
    DELETE /axis/faults                         nothing is planted any more
    POST /axis/letters/recall                   the office that answers writes to this one

Like everything at the door, with the office's token: no page of a browser can do it unasked.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.demo.axis.doors.http import HttpHead
from edxml_router.demo.axis.doors.replies import Reply, json_reply, problem_reply
from edxml_router.demo.axis.faults import FAULTS, Faults, PlantedFault
from edxml_router.demo.texts import narrate


class AxisControl:
    """The requests of one office. ``plant(office, name, times, seconds)`` and ``write(office, kind)`` may take their
    time: they are called in a thread."""

    def __init__(
        self,
        office: str,
        token: str,
        planted: Faults,
        plant: Callable[..., PlantedFault],
        write: Callable[[str, str], Any],
    ) -> None:
        self._office, self._token, self._planted = office, token, planted
        self._plant, self._write = plant, write

    async def __call__(self, head: HttpHead, _data: bytes) -> Reply:
        languages = head.get("accept-language")
        given = (head.get("authorization") or "").partition(" ")[2].strip()
        if not hmac.compare_digest(given.encode("latin-1"), self._token.encode()):
            return problem_reply(Finding("EDX415", "Authorization"), languages)
        try:
            return await self._act(head)
        except Trouble as trouble:
            return problem_reply(trouble.finding, languages)

    async def _act(self, head: HttpHead) -> Reply:
        path, _, query = head.target.partition("?")
        match (head.method, *path.strip("/").split("/")[1:]):
            case ("GET",):
                return json_reply(self._state((head.get("accept-language") or "en")[:2]))
            case ("POST", "faults", name):
                fault = await asyncio.to_thread(self._plant, self._office, name, **_numbers(query))
                return json_reply(_told(fault))
            case ("DELETE", "faults"):
                self._planted.clear(self._office)
                return Reply(204)
            case ("POST", "letters", kind):
                return json_reply(await asyncio.to_thread(self._write, self._office, kind), 201)
        raise Refusal("EDX420", where=f"{head.method} {path[:200]}")

    def _state(self, language: str) -> dict[str, Any]:
        language = language if language == "vi" else "en"
        known = [
            {"name": name, "what": narrate(language, f"fault.{name}"), "task": narrate(language, f"task.{name}")}
            for name in FAULTS
        ]
        return {"office": self._office, "planted": [_told(one) for one in self._planted.of(self._office)],
                "faults": known}  # fmt: skip


def _told(fault: PlantedFault) -> dict[str, Any]:
    return {"name": fault.kind.name, "times": fault.times, "seconds": fault.seconds}


def _numbers(query: str) -> dict[str, int]:
    """``times`` and ``seconds``; Refusal EDX418 for anything else."""
    found: dict[str, int] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=10):
        if name not in ("times", "seconds") or not value.isascii() or not value.isdecimal() or len(value) > 6:
            raise Refusal("EDX418", where=name[:100], detail=value[:100])
        found[name] = int(value)
    return found
