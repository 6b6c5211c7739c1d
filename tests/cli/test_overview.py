"""What needs somebody: one sentence for each way in which a node is broken, and none too few."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.config import Settings, load
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.services import operator
from edxml_router.services.health import database as health_database
from edxml_router.services.health import machine
from edxml_router.services.health.report import CheckResult
from edxml_router.services.overview.making import make_overview
from edxml_router.services.overview.needs import NeedGround, Sightings, sum_up_needs
from edxml_router.services.overview.sentence import age_told, sentence_of
from edxml_router.services.overview.values import Need, Overview, Vitals
from edxml_router.store.deliveries.waiting import WaitingGroup
from edxml_router.wiring.opening import ledger_of
from tests.cli.conftest import OneNode

NOW = datetime(2026, 11, 28, 2, 45, tzinfo=UTC)
LINK = Route.link("h53-01")


@dataclass
class Ailing:
    """A node that runs, as far as anybody can tell, with letters to a child that is not there."""

    node: OneNode
    settings: Settings  # in force, whatever the file says later

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.node.folder / "data" / "journal.db")) as database, database:
            for statement in statements:
                database.execute(statement)

    def look(self, now: datetime, sightings: Sightings | None = None) -> Overview:
        return make_overview(self.settings, now, sightings or Sightings())


@pytest.fixture
def ailing(node: OneNode, monkeypatch: pytest.MonkeyPatch) -> Ailing:
    for number in (1, 2):
        node.send(f"H53-{number}", ["H53.01"])
    node.work()
    (node.folder / "data" / "serve.lock").touch()
    for module in (machine, health_database):
        monkeypatch.setattr(module, "holder", lambda _: "1234")
    return Ailing(node, load(node.config))


@contextmanager
def moved(path: Path) -> Iterator[None]:
    away = path.rename(path.with_name(f"{path.name}.away"))
    try:
        yield
    finally:
        away.rename(path)


@contextmanager
def changed(path: Path, old: str, new: str) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


@contextmanager
def stated(one: Ailing, *statements: str, undo: str) -> Iterator[None]:
    one.sql(*statements)
    try:
        yield
    finally:
        one.sql(undo)


@contextmanager
def silent(one: Ailing) -> Iterator[None]:
    """A worker has noted that the link does not answer, 14 minutes ago."""
    place, why = (LINK, False), Finding("EDX702", "hub", "")
    with ledger_of(one.settings) as ledger:
        with ledger.book() as book:
            book.mailboxes.note_silences({place: why}, None, datetime.now(UTC) - timedelta(minutes=14))
        yield
        with ledger.book() as book:
            book.mailboxes.note_silences({}, [place], datetime.now(UTC))


@contextmanager
def unnumbered(one: Ailing) -> Iterator[None]:
    with ledger_of(one.settings) as ledger, ledger.book() as book:
        book.journal.note([Entry(datetime.now(UTC) - timedelta(hours=2), "delivery.pushed", actor="node")])
    yield
    one.node.work()


HOUR = "UPDATE envelopes SET accepted_at = accepted_at - 3600000000"
HELD = "UPDATE deliveries SET state = '{}', code = '{}' WHERE route = 'link:h53-01'"
# What is broken, how; then the check and the code that the sentence is about, and whether it is known since when.
STATES: tuple[tuple[str, Callable[[Ailing], object], str, str, bool], ...] = (
    ("wrong setting", lambda one: changed(one.node.config, 'prefixes = ["H53.01"]', 'prefixes = ["!"]'), "config",
     "EDX901", False),
    ("disk full", lambda one: changed(one.node.config, '#reserve_bytes = "256 MiB"', 'reserve_bytes = "900000 GiB"'),
     "disk", "EDX601", False),
    ("no database", lambda one: moved(one.node.folder / "data" / "journal.db"), "database", "EDX617", False),
    ("old schema", lambda one: stated(
        one, "UPDATE alembic_version SET version_num = version_num || '-'",
        undo="UPDATE alembic_version SET version_num = replace(version_num, '-', '')"), "database", "EDX602", False),
    ("another's database", lambda one: stated(
        one, "UPDATE identity SET node = node || 'x'", undo="UPDATE identity SET node = 'h53'"), "database", "EDX619",
     False),
    ("hub away", lambda one: moved(one.node.folder / "hub"), "hub", "EDX701", False),
    ("link silent", silent, "mailboxes", "EDX702", True),
    ("letters damaged", lambda one: stated(
        one, HOUR, HELD.format("held", "EDX603"), undo=HELD.format("forwarded", "")), "letters", "EDX603", False),
    ("no anchors", lambda one: moved(one.node.pki / "anchors.pem"), "config", "EDX902", False),
    ("entries without a place", unnumbered, "journal", "EDX616", True),
    ("agency unknown", lambda one: changed(one.node.config, 'agencies = ["H53"]', 'agencies = ["H53.99"]'), "catalogue",
     "EDX907", False),
)  # fmt: skip


def test_each_broken_state_has_its_sentence(ailing: Ailing) -> None:
    for name, broken, check, code, known in STATES:
        with broken(ailing):  # type: ignore[attr-defined]
            now = datetime.now(UTC)
            seen = ailing.look(now)
        need = next((one for one in seen.needs if one.check == check and one.finding.code == code), None)
        assert need is not None, (name, [(one.check, one.finding.code) for one in seen.needs])
        before = [one.check for one in seen.needs[: seen.needs.index(need)] if one.result == "failed"]
        assert set(before) <= {"mailboxes"}, name  # the child that is never there; nothing else is graver
        assert need.noticed != known, name
        for language in ("en", "vi"):
            text = sentence_of(replace(seen, needs=[need]), now, language).text
            assert need.finding.title(language) in text, name
            assert need.finding.remedy(language) in text, name
        if name == "link silent":
            said = sentence_of(seen, now, "en").text
            assert "Mailboxes of others" in said
            assert "(14 min)" in said
            assert "2 deliveries wait for h53-01, the oldest since" in said
            assert "14 phút" in sentence_of(seen, now, "vi").text
        if check in ("database", "config"):
            assert seen.piles is None or check == "config"
            assert "Nothing needs you" not in sentence_of(replace(seen, needs=[]), now, "en").text or seen.piles


def test_the_numbers_are_those_of_the_queue_and_of_the_metrics(ailing: Ailing) -> None:
    seen = ailing.look(datetime.now(UTC))
    with ledger_of(ailing.settings) as ledger:
        assert seen.piles == operator.piles(ledger.views)
    assert seen.waiting == len(ailing.node.rows("queue", "list")) == 2
    assert seen.vitals.free is not None
    assert seen.vitals.reserve == 256 * 1024**2
    assert {one.check for one in seen.checks} >= {"database", "disk", "clock"}


def overview(needs: list[Need], unread: Finding | None = None) -> Overview:
    return Overview("h53", NOW, needs, None if unread else [], Vitals(), (), unread)


def test_that_nothing_needs_anybody_is_said_only_when_all_was_looked_at() -> None:
    assert sentence_of(overview([]), NOW, "en").text == "Nothing needs you."
    assert sentence_of(overview([]), NOW, "vi").result == "ok"
    lost = sentence_of(overview([], Finding("EDX602", "store.url")), NOW, "en")
    assert (lost.result, lost.text) == ("failed", "Not everything could be looked at.")
    remark = Need("certificate", Finding("EDX907", "node.key", "x"), NOW)
    assert sentence_of(overview([remark]), NOW, "en").result == "warning"


def test_the_gravest_is_first_and_a_consequence_is_not() -> None:
    """A full disk before the letters that wait for it; among links the one with more mail; remarks last."""
    results = [
        CheckResult("certificate", "", Finding("EDX907", "node.key")),
        CheckResult("mailboxes", "", Finding("EDX709", "b")),
        CheckResult("mailboxes", "", Finding("EDX709", "a")),
        CheckResult("disk", "", Finding("EDX601", "/var")),
        CheckResult("clock", "fine"),
    ]
    groups = [WaitingGroup(Route.link(name), State.QUEUED, False, count, NOW) for name, count in (("a", 212), ("b", 3))]
    found = sum_up_needs(results, NeedGround(groups), NOW, Sightings())
    assert [(one.finding.where, one.waiting) for one in found] == [("/var", 0), ("a", 212), ("b", 3), ("node.key", 0)]


def test_since_when_is_remembered_as_long_as_it_lasts() -> None:
    sightings, bad = Sightings(), [CheckResult("disk", "", Finding("EDX601", "/var"))]
    assert sum_up_needs(bad, NeedGround(), NOW, sightings)[0].since == NOW
    later = NOW + timedelta(minutes=14)
    [need] = sum_up_needs(bad, NeedGround(), later, sightings)
    assert (need.since, need.noticed) == (NOW, True)
    assert "(14 min)" in sentence_of(overview([need]), later, "en").text
    assert sum_up_needs([], NeedGround(), later, sightings) == []
    assert sum_up_needs(bad, NeedGround(), later, sightings)[0].since == later  # it is another one


@pytest.mark.parametrize(
    ("age", "words"), [(0, "0 min"), (119, "119 min"), (120, "2 h"), (2879, "47 h"), (2880, "2 days"), (-5, "0 min")]
)
def test_an_age_is_told_in_one_unit(age: int, words: str) -> None:
    assert age_told(timedelta(minutes=age)) == words
