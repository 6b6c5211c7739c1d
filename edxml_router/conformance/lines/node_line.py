"""The kit as an office of a node on this machine, by its configuration: what its operator may do.

The node's ``serve`` must run: it moves what is handed in here. The node is opened anew for each act, so that settings
and blocks that changed meanwhile count at once. Beside what a correspondent sees the kit sees when the tested office
fetched, and what was refused to it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.conformance.lines.line import HandedIn, LineNews, MailEvent, RefusedInput, WaitingMail
from edxml_router.core.body import Body
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import InboxItem, QuarantinedItem
from edxml_router.core.problems import Setback
from edxml_router.core.signature.form import Coverage
from edxml_router.services import office, quarantine
from edxml_router.services.gateway import mailbox
from edxml_router.services.letters.header import VIETNAM
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.office import InboxLetter
from edxml_router.services.reading import Receive, received_body
from edxml_router.shapes.problem import problem_or_none
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode

_PAGE: Final = 100
_LOOK_SECONDS: Final = 0.25  # the node's bell is for workers; a command that watches looks
_MOST_REFUSED: Final = 10_000


class NodeLine:
    """See :class:`edxml_router.conformance.lines.line.CounterpartLine`. ``name`` is the kit's office.

    ``tested`` is the office under test.
    """

    def __init__(self, settings: Settings, name: str, tested: str) -> None:
        self._settings, self._name, self._tested = settings, name, tested
        self._events, self._inbox = "", ""
        self._before: dict[str, int] = {}

    def begin(self) -> None:
        with node_of(self._settings) as node:
            self._events = mailbox.events(node, self._name, "", 1).cursor
            more = True
            while more:
                page = mailbox.inbox(node, self._name, self._inbox, _PAGE)
                self._inbox, more = page.cursor, page.more
            self._before = {one.digest: one.count for one in self._refused(node)}

    def canonical(self, code: str) -> str:
        with node_of(self._settings) as node:
            return node.rules.registry.resolve(code, datetime.now(VIETNAM).date()).code

    def submit(self, data: bytes) -> HandedIn:
        def read(name: str, most: int, receive: Receive) -> Body:
            return received_body(io.BytesIO(data).read, name, most, receive)

        with node_of(self._settings) as node:
            [(_, answer)] = office.submit(node, self._name, ["kit"], read)
        if answer.passing and answer.finding is not None:
            raise Setback(answer.finding.code, where=answer.finding.where, detail=answer.finding.detail)
        return HandedIn(answer.accepted, answer.repeated, problem_or_none(answer.finding))

    def follow(self, seconds: int) -> LineNews:
        until = time.monotonic() + seconds
        while True:
            with node_of(self._settings) as node:
                found = self._look(node)
            if found.events or found.mail or time.monotonic() >= until:
                return found
            time.sleep(_LOOK_SECONDS)

    def _look(self, node: StoredNode) -> LineNews:
        page = mailbox.events(node, self._name, self._events, _PAGE)
        self._events = page.cursor
        events = [
            MailEvent(line.entry.at, line.entry.envelope, line.entry.recipient, line.entry.after, line.told.detail)
            for line in page.rows
            if line.origin.is_office and line.origin.name == self._name and line.entry.after
        ]
        mail: list[WaitingMail] = []
        more = any(line.entry.after == State.AVAILABLE and line.route.name == self._name for line in page.rows)
        while more:
            letters = mailbox.inbox(node, self._name, self._inbox, _PAGE)
            mail += [_waiting(one) for one in letters.rows]
            self._inbox, more = letters.cursor, letters.more
        return LineNews(events, mail)

    def fetch(self, letter: str) -> bytes:
        with node_of(self._settings) as node:
            return office.fetch(node, InboxLetter(self._name, letter)).whole()

    def confirm(self, letter: str) -> None:
        given = InboxLetter(self._name, letter)
        with node_of(self._settings) as node:
            office.confirm(node, [given])

    def send_back(self, letter: str, reason: str) -> None:
        with node_of(self._settings) as node:
            office.refuse(node, [InboxLetter(self._name, letter)], reason)

    def fetched_at(self, digest: str) -> datetime | None:
        with node_of(self._settings) as node:
            return max((one.at for one in node.ledger.views.handled([digest]).values()), default=None)

    def refused(self) -> Sequence[RefusedInput] | None:
        with node_of(self._settings) as node:
            found = [(one, one.count - self._before.get(one.digest, 0)) for one in self._refused(node)]
        return [RefusedInput(one.digest, one.document_id, one.code, new, one.last_at) for one, new in found if new > 0]

    def _refused(self, node: StoredNode) -> list[QuarantinedItem]:
        found = quarantine.items(node.ledger.views, limit=_MOST_REFUSED)
        return [one for one in found if one.peer == self._tested]

    def seal(self, agency: str, data: bytes, coverage: Coverage) -> bytes:
        """Signed by the seal that the node holds for the agency. Raises Refusal EDX432."""
        with node_of(self._settings) as node:
            return Workshop(self._settings).seals.seal(node, self._name, agency, data, coverage)


def _waiting(item: InboxItem) -> WaitingMail:
    envelope = item.envelope
    return WaitingMail(
        item.delivery.name,
        envelope.digest,
        envelope.sender,
        envelope.accepted_at,
        envelope.indication,
        envelope.reason,
        envelope.remarks,
    )
