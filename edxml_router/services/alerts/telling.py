"""One look: what is news to whom, and telling it.

    telling = AlertTelling(settings, memory)
    telling.look(now)

What could not be told is told at the next look. Whoever was told, and could not be written down for a full disk, is
told again after a restart: once too often rather than never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.figures.deadlines import VIETNAM
from edxml_router.core.delivery.webhook import Waiting, WebhookSubject
from edxml_router.core.problems import Finding, Trouble
from edxml_router.observe import alert_events
from edxml_router.services.alerts.choosing import Tidings, choose_tidings
from edxml_router.services.alerts.memory import AlertMemory
from edxml_router.services.alerts.overdue import OverdueMail, overdue_mail
from edxml_router.services.alerts.ways import MAIL, WEBHOOK, opened_mail, post_alert
from edxml_router.services.alerts.wording import (
    alert_body,
    alert_subject,
    alert_text,
    arrival_words,
    mail_message,
    overdue_words,
    typed_body,
)
from edxml_router.services.health.report import PATIENCE
from edxml_router.services.overview.making import make_overview
from edxml_router.services.overview.needs import Sightings
from edxml_router.services.overview.values import Overview
from edxml_router.wiring.own_ledger import open_ledger

_OFFICE: Final = "office "  # before a name, among the ways that fail
_LIST: Final = "overdue by "  # before a way


class AlertTelling:
    """Used by one thread. ``settings`` may be replaced between looks."""

    def __init__(self, settings: Settings, memory: AlertMemory) -> None:
        self.settings = settings
        self.memory = memory
        self._sightings = Sightings()
        self._before: Overview | None = None

    def look(self, now: datetime) -> None:
        """Look at everything, and tell what is to be told. Raises nothing that a receiver or the database does."""
        self._operators(now)
        with suppress(Trouble):  # the database is away, which operators have just been told
            self._overdue(now)
            self._offices(now)
        with suppress(OSError):  # a full disk, which doctor says
            self.memory.keep(self.settings.node.data)

    def _operators(self, now: datetime) -> None:
        ways = self._ways()
        if not ways:
            return
        overview = make_overview(self.settings, now, self._sightings)
        before, self._before = self._before, overview
        if before is None:
            return
        for way, tell in ways.items():
            known = self.memory.known.get(way, {})
            tidings = choose_tidings(known, overview, before, now, self.settings.alerts.remind)
            if not tidings.any:
                continue
            with self._noted(way, now) as partly:
                partly.append(tell(tidings, now))
                self.memory.known[way] = tidings.known
                alert_events.alert_told(way, len(tidings.new), len(tidings.over))

    def _ways(self) -> dict[str, Callable[[Tidings, datetime], Finding | None]]:
        alerts = self.settings.alerts
        ways: dict[str, Callable[[Tidings, datetime], Finding | None]] = {}
        if alerts.mail:
            ways[MAIL] = self._mail
        if alerts.webhook is not None:
            ways[WEBHOOK] = self._call
        for gone in [way for way in self.memory.known if way not in ways]:
            del self.memory.known[gone]
        for gone in [way for way in self.memory.failed if way.removeprefix(_LIST) in (MAIL, WEBHOOK)]:
            if gone.removeprefix(_LIST) not in ways or (gone.startswith(_LIST) and alerts.overdue is None):
                del self.memory.failed[gone]
        return ways

    def _mail(self, tidings: Tidings, now: datetime) -> Finding | None:
        settings = self.settings
        head, body = alert_subject(settings, tidings), alert_text(settings, tidings, now)
        return self._send(settings.alerts.mail, head, body, now)

    def _call(self, tidings: Tidings, now: datetime) -> None:
        post_alert(self.settings, alert_body(self.settings, tidings, now), now)

    def _overdue(self, now: datetime) -> None:
        alerts, local = self.settings.alerts, now.astimezone(VIETNAM)
        if alerts.overdue is None or not (alerts.mail or alerts.webhook):
            return
        if self.memory.overdue_on == local.date() or local.time() < alerts.overdue:
            return
        with closing(open_ledger(self.settings, PATIENCE)) as ledger:
            found = overdue_mail(ledger.views, now)
        if found.count:
            self._list(found, now)
        else:
            self.memory.overdue_on = local.date()

    def _list(self, found: OverdueMail, now: datetime) -> None:
        head, body = overdue_words(self.settings, found, now)
        alerts = self.settings.alerts
        # Once a day on each way; where one fails, the other must not have it again and again.
        today = now.astimezone(VIETNAM).date()
        if alerts.mail:
            with self._noted(_LIST + MAIL, now) as partly:
                partly.append(self._send(alerts.mail, head, body, now))
                self.memory.overdue_on = today
        if alerts.webhook is not None:
            with self._noted(_LIST + WEBHOOK, now):
                data = {"node": self.settings.node.name, "overdue": found.count, "text": body}
                post_alert(self.settings, typed_body("node.overdue", data, now), now)
                self.memory.overdue_on = today

    def _offices(self, now: datetime) -> None:
        wanted = {office.name: office.email for office in self.settings.offices if office.email}
        self.memory.offices = {name: told for name, told in self.memory.offices.items() if name in wanted}
        for way in [one for one in self.memory.failed if one.removeprefix(_OFFICE) not in wanted]:
            if way.startswith(_OFFICE):
                del self.memory.failed[way]
        if not wanted or self.settings.mail is None:
            return
        with closing(open_ledger(self.settings, PATIENCE)) as ledger, ledger.book() as book:
            lies = book.webhooks.waiting([*wanted])
        for name, address in wanted.items():
            waiting = lies.get((name, WebhookSubject.MAIL), Waiting())
            before = self.memory.offices.get(name, Waiting())
            before = Waiting(min(before.count, waiting.count), before.latest)  # what was fetched is no longer told of
            self.memory.offices[name] = before
            if not waiting.has_news_since(before):
                continue
            with self._noted(_OFFICE + name, now) as partly:
                partly.append(self._send([address or ""], *arrival_words(self.settings, name, waiting.count), now))
                self.memory.offices[name] = waiting
                alert_events.alert_told(_OFFICE + name, waiting.count, 0)

    def _send(self, addresses: tuple[str, ...] | list[str], head: str, body: str, now: datetime) -> Finding | None:
        with opened_mail(self.settings) as server:
            return server.send(mail_message(self.settings, addresses, head, body, now), addresses)

    @contextmanager
    def _noted(self, way: str, now: datetime) -> Iterator[list[Finding | None]]:
        """What keeps somebody from being told is remembered for doctor, and logged once; what is put into the list kept
        it from one of several, who were told otherwise."""
        partly: list[Finding | None] = []
        finding: Finding | None = None
        try:
            yield partly
            finding = next(filter(None, partly), None)
        except Trouble as trouble:
            finding = trouble.finding
        if self.memory.note(way, finding, now) and finding is not None:
            alert_events.alert_not_told(finding)
