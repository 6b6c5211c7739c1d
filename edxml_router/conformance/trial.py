"""One run: letters go out, what comes is taken, and each case is judged by what was seen.

    trial = Trial(line, paper, "H01.151", steps(), cases, told)
    record = trial.run(timedelta(minutes=15))

First one plain letter. If the tested system does not take that one, nothing else is tried. Then everything else at
once, and what follows from it as soon as its letter was taken; meanwhile people may do what they are asked to. The run
waits until every case is settled, or until nothing more has come for so long as it was told, and ends with one last
letter: a system that does the same work twice has done so by then. Only mail that comes during the run from the tested
agency is taken from the inbox; everything else is left as it lies. Raises what the line raises.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from edxml_router.conformance.cases.case import Case
from edxml_router.conformance.cases.receives import TAKES
from edxml_router.conformance.letters.stationery import KitMessage, Stationery, about
from edxml_router.conformance.lines.line import CounterpartLine, MailEvent, WaitingMail, trouble_of
from edxml_router.conformance.record import (
    RETURN_WORDS,
    Judgement,
    Record,
    SentMessage,
    TheirMessage,
    subject_of,
)
from edxml_router.conformance.steps import FIRST, LAST, Step, needed
from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Business, Envelope, ResponseFor
from edxml_router.core.normal_forms import normal
from edxml_router.core.problems import Setback
from edxml_router.services.checking import Authorities, open_desk
from edxml_router.services.reading import Receive, received_body

LOOK_SECONDS: Final = 5  # of one look for news
MOST_MESSAGES: Final = 1000  # of the tested agency that one run takes; more are left in the inbox
_KEPT_BYTES: Final = 1024 * 1024  # of a message that may have to be handed in again
_NOT_TAKEN: Final = Detail("the first letter was not confirmed, so nothing else was tried")
_STATUS_TEXT: Final = "Trạng thái để kiểm thử"
_WHY_BACK: Final = "Trả lại để kiểm thử: không thuộc thẩm quyền giải quyết"


class Told(Protocol):
    """Who hears how it goes."""

    def begun(self, record: Record) -> None:
        """All letters are out; now people may act."""

    def settled(self, case: Case, found: Judgement) -> None:
        """Waiting longer would change nothing about this one."""

    def looked(self, left: timedelta) -> None:
        """Nothing new; where nothing comes, the run waits so much longer."""


class Trial:
    """See the module. ``agency`` is the tested agency's canonical code."""

    def __init__(
        self,
        line: CounterpartLine,
        paper: Stationery,
        agency: str,
        steps: Sequence[Step],
        cases: Sequence[Case],
        told: Told,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._line, self._paper, self._agency, self._told, self._now = line, paper, agency, told, now
        self._cases, self._steps = cases, needed(steps, cases)
        self._desk = open_desk(None, Authorities(), None, required=False)
        self._announced: set[str] = set()
        self._waiting: list[Step] = []
        self._mail: list[WaitingMail] = []
        self.record = Record()

    def run(self, wait: timedelta) -> Record:
        """The record, complete or, where a person ends the waiting (KeyboardInterrupt), as far as it goes."""
        self._line.begin()
        try:
            self._run(wait)
        except KeyboardInterrupt:
            self.record.cut = True
        self._look_closer()
        return self.record

    def _run(self, wait: timedelta) -> None:
        record = self.record
        first, *others = self._steps
        self._send(first.purpose, first.write(self._paper, record))
        if (problem := record.sent[FIRST].handed.problem) is not None:
            raise trouble_of(problem)  # the kit itself is set up wrongly: its key, its code, or the tested agency's
        self._until(lambda: record.sent[FIRST].has_ended, wait)
        if not record.sent[FIRST].is_taken:
            record.stopped = _NOT_TAKEN
            return
        self._waiting = list(others)
        self._follow_up()
        self._told.begun(record)
        self._until(self._all_settled, wait)
        self._send(LAST, self._paper.letter(LAST, "văn bản cuối cùng"))
        self._until(lambda: record.sent[LAST].has_ended, wait)

    def judged(self) -> list[tuple[Case, Judgement]]:
        """Every chosen case with its verdict by now."""
        return [(case, case.judged(self.record)) for case in self._cases]

    def _all_settled(self) -> bool:
        every = True
        self.record.refused = self._line.refused()
        for case, found in self.judged():
            every = every and found.settled
            if found.settled and case.name not in self._announced:
                self._announced.add(case.name)
                self._told.settled(case, found)
        return every

    def _until(self, over: Callable[[], bool], wait: timedelta) -> None:
        """Look for news until it is over, or for so long nothing more has come: people need longer for all than for
        one thing. It ends, since a run takes so many messages and no more."""
        until = time.monotonic() + wait.total_seconds()
        while not over():
            left = until - time.monotonic()
            if left <= 0:
                return
            if self._news(max(1, min(LOOK_SECONDS, int(left)))):
                until = time.monotonic() + wait.total_seconds()
            else:
                self._told.looked(timedelta(seconds=int(left)))

    def _news(self, seconds: int) -> bool:
        """Whether there was any. The node may be away for a moment: what could not be done then is done at a later
        look, and none of its news is lost."""
        try:
            news = self._line.follow(seconds)
            for event in news.events:
                self._note(event)
            self._mail += [mail for mail in news.mail if mail.sender == self._agency]
            self._take_mail()
            if self.record.sent[FIRST].is_taken:
                self._follow_up()
        except Setback:
            time.sleep(1)
            return False
        theirs = [mail for mail in news.mail if mail.sender == self._agency]
        return bool(news.events or theirs) and len(self.record.theirs) < MOST_MESSAGES

    def _note(self, event: MailEvent) -> None:
        for one in self.record.sent.values():
            if one.message.digest == event.digest and not one.handed.repeated:
                one.note(event)

    # --- what goes out ---

    def _follow_up(self) -> None:
        """Send what waited for something that is so now."""
        for step in list(self._waiting):
            before = self.record.sent.get(step.of) if step.of else None
            if step.of and (before is None or not (before.is_taken or not step.taken)):
                continue
            self._send(step.purpose, step.write(self._paper, self.record))
            self._waiting.remove(step)

    def _send(self, purpose: str, message: KitMessage) -> None:
        at = self._now()
        handed = self._line.submit(message.data)
        kept = message if len(message.data) <= _KEPT_BYTES else replace(message, data=b"")
        self.record.sent[purpose] = SentMessage(kept, at, handed)

    # --- what comes ---

    def _take_mail(self) -> None:
        while self._mail and len(self.record.theirs) < MOST_MESSAGES:
            self._take(self._mail[0])
            del self._mail[0]

    def _take(self, mail: WaitingMail) -> None:
        """Take a message of theirs over, and do with it what its sender is to see."""
        data = self._line.fetch(mail.letter)

        def read(name: str, most: int, receive: Receive) -> Body:
            return received_body(io.BytesIO(data).read, name, most, receive)

        checked = self._desk.check(mail.letter, read)
        examined = checked.examined
        one = TheirMessage(
            mail, examined.envelope if examined else None, checked.finding, examined.remarks if examined else ()
        )
        unwanted = one.business is Business.NEW and normal("NFC", RETURN_WORDS) in subject_of(one).casefold()
        if unwanted:
            self._line.send_back(mail.letter, _WHY_BACK)
            self.record.sent_back.append(one)
        else:
            self._line.confirm(mail.letter)
        self.record.theirs.append(one)
        if not unwanted and one.envelope is not None:
            self._answer(one.envelope)

    def _answer(self, came: Envelope) -> None:
        """Every status that a recipient may send, about the first letter that came; and what a recall is owed."""
        if came.document is None:
            return
        wanted = {case.name for case in self._cases} - set(self.record.sent) - {step.purpose for step in self._waiting}
        if came.business is Business.NEW:
            self._waiting += [_status(code, about(came)) for code in TAKES if f"takes-{code}" in wanted]
        elif came.business is Business.RECALL:
            recalled = (replace(one, organ_id=came.sender.organ_id) for one in came.document.response_for[:1])
            self._waiting += [_status("15", one, f"agreed-{len(self.record.theirs)}") for one in recalled]

    def _look_closer(self) -> None:
        """What only the node's own machine can tell."""
        self.record.refused = self._line.refused()
        for one in self.record.sent.values():
            if one.handed.accepted and (at := self._line.fetched_at(one.message.digest)) is not None:
                one.note_fetched(at)


def _status(code: str, answered: ResponseFor, purpose: str = "") -> Step:
    name = purpose or f"takes-{code}"
    return Step(name, lambda paper, _: paper.status(name, answered, code, _STATUS_TEXT))
