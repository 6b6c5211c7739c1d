"""Reports: figures that were counted by hand from a scripted story, on both databases, and counted again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.core.delivery.figures.deadlines import Deadlines
from edxml_router.core.delivery.figures.values import KINDS, ReportQuestion
from edxml_router.core.delivery.journal import INPUT_COUNTED, Entry
from edxml_router.core.delivery.lifecycle import ENDS, Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.core.proof.note import NoteSigner
from edxml_router.services.reports import counting, files, making, reading
from edxml_router.services.reports.tables import csv_text
from edxml_router.shapes.evidence.report import ReportShape
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import Database, add, delivery

SIGNER = NoteSigner("edxml-router/h53", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
COUNTED_AT = datetime(2026, 11, 10, 2, tzinfo=UTC)  # a Tuesday, nine in the morning in Vietnam


def sign(size: int, root: bytes) -> bytes:
    return SIGNER.sign(TreeHead(SIGNER.name, size, root).text).data


def vietnam(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}:00+07:00").astimezone(UTC)


class Story:
    """What happens at the node, each at its time."""

    def __init__(self, database: Database) -> None:
        self.clock = database.clock
        self.ledger: SqlLedger = database.ledger()
        self.number = 0

    def accept(self, at: datetime, sender: str, recipients: list[str], **fields: Any) -> int:
        """A letter is accepted; its number."""
        self.clock.at = at
        self.number += 1
        urgent = bool(fields.get("urgent"))
        expires = at + fields.pop("lifetime", timedelta(days=30))
        rows = [delivery(self.number, one, urgent=urgent, expires_at=expires) for one in recipients]
        told = {"document_id": f"{sender},2026/{self.number}", "refers_to": ()} | fields
        add(self.ledger, *rows, sender=sender, accepted_at=at, expires_at=expires, **told)
        return self.number

    def moves(self, at: datetime, number: int, recipient: str, event: Event, **fields: Any) -> None:
        self.clock.at = at
        with self.ledger.book() as book:
            digest = delivery(number).digest
            [one] = [each for each in book.deliveries.of([digest]) if each.recipient == recipient]
            move = change(one, event, **fields)
            assert (move.after in ENDS) == ("ended_at" in fields)
            assert book.deliveries.move([move])

    def ends(self, at: datetime, number: int, recipient: str, event: Event = Event.CONFIRM, **fields: Any) -> None:
        self.moves(at, number, recipient, event, ended_at=at, **fields)

    def note(self, at: datetime, event: str, code: str, detail: str = "") -> None:
        self.clock.at = at
        with self.ledger.book() as book:
            book.journal.note([Entry(at, event, "ab" * 32, actor="link:x", code=code, detail=detail)])

    def number_all(self) -> None:
        while number_entries(
            self.ledger, 7, lambda size, root: SIGNER.sign(TreeHead(SIGNER.name, size, root).text).data
        ):
            pass


@pytest.fixture
def story(database: Database) -> Story:
    """Three months, told as they happen."""
    told = Story(database)
    # Thursday: one recipient takes it after an hour, the other on Monday, which is after the next working day.
    one = told.accept(vietnam("2026-09-03", "09:00"), "H53", ["G22", "H01"])
    told.ends(vietnam("2026-09-03", "10:00"), one, "H01")
    told.ends(vietnam("2026-09-07", "10:00"), one, "G22")
    # Urgent, not signed, half an hour before midnight, and taken an hour later.
    two = told.accept(vietnam("2026-09-30", "23:30"), "H53.01", ["G22"], urgent=True, indication="absent")
    told.ends(vietnam("2026-10-01", "00:30"), two, "G22")
    # In Vietnam this is October, in UTC still September. It is refused by its recipient.
    three = told.accept(vietnam("2026-10-01", "00:40"), "H53", ["H01"])
    told.ends(vietnam("2026-10-01", "00:50"), three, "H01", Event.RETURN, code="EDX801")
    # The recall of the first, and a status, which is no letter.
    recall = told.accept(vietnam("2026-10-05", "10:00"), "H53", ["H01"], business=1, refers_to=("H53,2026/1",))
    told.ends(vietnam("2026-10-05", "10:10"), recall, "H01")
    told.ends(
        vietnam("2026-10-05", "10:01"),
        told.accept(vietnam("2026-10-05", "10:00"), "H01", ["H53"], kind="status", status_code="03"),
        "H53",
    )
    # One that nobody took; one that an operator withdrew; one that a node on the way gave up, and that was there.
    five = told.accept(vietnam("2026-10-06", "08:00"), "G22", ["H53.01"], lifetime=timedelta(hours=2))
    told.ends(vietnam("2026-10-06", "10:00"), five, "H53.01", Event.EXPIRE)
    six = told.accept(vietnam("2026-10-07", "08:00"), "H53", ["H01"])
    told.ends(vietnam("2026-10-07", "08:10"), six, "H01", Event.CANCEL)
    seven = told.accept(vietnam("2026-10-08", "08:00"), "H53", ["H01"])
    told.ends(vietnam("2026-10-08", "08:30"), seven, "H01", Event.RETURN, code="EDX501")
    told.ends(vietnam("2026-10-08", "09:00"), seven, "H01")
    # Withdrawn, sent again, and on its way ever since; and one that is not due yet.
    eight = told.accept(vietnam("2026-11-02", "08:00"), "H53.01", ["H01"])
    told.ends(vietnam("2026-11-02", "08:30"), eight, "H01", Event.CANCEL)
    told.moves(vietnam("2026-11-02", "09:00"), eight, "H01", Event.RESEND)
    told.accept(vietnam("2026-11-09", "08:00"), "H53.01", ["H01"])
    told.note(vietnam("2026-10-09", "08:00"), "envelope.refused", "EDX301")
    told.note(vietnam("2026-10-09", "08:00"), "envelope.refused", "EDX301")
    counted = Detail("{counted} more since {since:%Y-%m-%d %H:%M} UTC", counted=5, since=COUNTED_AT)
    told.note(vietnam("2026-10-09", "09:00"), INPUT_COUNTED, "EDX413", counted)
    told.note(vietnam("2026-08-09", "09:00"), "envelope.refused", "EDX101")
    told.number_all()
    return told


def report(story: Story, **asked: Any) -> ReportShape:
    question = ReportQuestion(**{"first": "2026-09", "last": "2026-11", "counted_at": COUNTED_AT} | asked)
    return making.make(story.ledger.views, question, lambda _: None)


def figures(side: Any, *names: str) -> tuple[Any, ...]:
    return tuple(side[name] for name in names)


OUTCOMES = ("deliveries", "on_time", "late", "refused", "cancelled", "waiting")


def test_the_months_are_as_they_were_counted_by_hand(story: Story) -> None:
    made = report(story)
    september, october, november = made["rows"]
    assert [row["month"] for row in made["rows"]] == ["2026-09", "2026-10", "2026-11"]
    documents = ("documents", "signed", "signed_share", "recalled")
    assert figures(september["sent"], *documents) == (2, 1, 0.5, 1)
    assert figures(september["sent"], *OUTCOMES) == (3, 1, 2, 0, 0, 0)
    # An hour, an hour, and four days and an hour.
    assert figures(september["sent"], "median_seconds", "p95_seconds") == (3600, 97 * 3600)
    assert figures(october["sent"], *documents) == (5, 5, 1.0, 0)
    assert figures(october["sent"], *OUTCOMES) == (5, 2, 1, 1, 1, 0)
    assert october["sent"]["refusals"] == [{"code": "EDX801", "count": 1}]
    assert october["sent"]["on_time_share"] == 0.6667
    assert figures(october["sent"], "median_seconds", "p95_seconds") == (600, 3600)
    assert figures(november["sent"], *OUTCOMES) == (2, 0, 1, 0, 0, 1)
    assert november["sent"]["median_seconds"] is None
    # Without groups of agencies what was sent is what was to be received.
    assert [row["sent"] for row in made["rows"]] == [row["received"] for row in made["rows"]]
    assert figures(made["total"]["sent"], "documents", *OUTCOMES) == (9, 10, 3, 4, 1, 1, 1)
    assert made["turned_away"] == [
        {"month": "2026-10", "code": "EDX301", "count": 2},
        {"month": "2026-10", "code": "EDX413", "count": 5},
    ]
    assert (made["untold"], september["electronic_share"]) == (0, None)


def test_agencies_and_levels_have_their_own_and_a_circular_is_one_document(story: Story) -> None:
    made = report(story, groups=("agency",))
    found = {row["agency"]: row for row in made["rows"]}
    assert list(found) == ["G22", "H01", "H53", "H53.01"]
    assert figures(found["H53"]["sent"], "documents", *OUTCOMES) == (5, 6, 3, 1, 1, 1, 0)
    assert figures(found["H53.01"]["sent"], "documents", *OUTCOMES) == (3, 3, 0, 2, 0, 0, 1)
    assert figures(found["G22"]["received"], "documents", "signed", *OUTCOMES) == (2, 1, 2, 0, 2, 0, 0, 0)
    assert figures(found["H01"]["received"], "documents", "recalled", *OUTCOMES) == (7, 1, 7, 3, 1, 1, 1, 1)
    assert figures(found["H01"]["sent"], "documents", "deliveries", "entries", "begin") == (0, 0, 0, None)
    levels = {row["level"]: row for row in report(story, groups=("level",))["rows"]}
    assert list(levels) == [1, 2]
    assert figures(levels[1]["received"], "documents", *OUTCOMES) == (8, 9, 3, 3, 1, 1, 1)
    total = report(story, agency="H53")["total"]  # with all below it, but not H53x
    assert figures(total["sent"], "documents", *OUTCOMES) == (8, 9, 3, 3, 1, 1, 1)
    assert figures(total["received"], "documents", *OUTCOMES) == (1, 1, 0, 1, 0, 0, 0)


def test_kinds_and_urgency_are_told_apart_and_statuses_only_when_asked_for(story: Story) -> None:
    made = report(story, groups=("urgency", "kind"), kinds=KINDS)
    counts = {(row["urgency"], row["kind"]): row["sent"]["documents"] for row in made["rows"]}
    assert counts == {
        ("ordinary", "new"): 7,
        ("ordinary", "recall"): 1,
        ("ordinary", "status"): 1,
        ("urgent", "new"): 1,
    }
    assert report(story, kinds=("status",), groups=())["total"]["sent"]["on_time"] == 1


def test_holidays_and_own_hours_move_the_deadline(story: Story) -> None:
    holiday = report(story, deadlines=Deadlines(holidays=frozenset({date(2026, 9, 4)})))
    assert figures(holiday["rows"][0]["sent"], "on_time", "late") == (2, 1)
    hours = report(story, deadlines=Deadlines(timedelta(minutes=59), timedelta(hours=1)))
    assert figures(hours["rows"][0]["sent"], "on_time", "late") == (1, 2)
    assert (hours["ordinary_seconds"], hours["urgent_seconds"]) == (3540, 3600)


def test_every_figure_names_the_entries_that_it_rests_on(story: Story) -> None:
    """Counted from the entries by somebody else's program, as it were: by their positions alone."""
    made = report(story, groups=("month",))
    lines = [line for line in story.ledger.views.lines(limit=1000) if line.position is not None]
    accepted = {line.entry.envelope: line.entry for line in lines if line.entry.event == "envelope.accepted"}
    for row in made["rows"]:
        positions = [
            line.position
            for line in lines
            if (own := accepted.get(line.entry.envelope)) is not None
            and own.facts["kind"] == "document"
            and f"{own.at + timedelta(hours=7):%Y-%m}" == row["month"]
        ]
        # The recall is an entry of October, and of the figure of September that tells of it.
        extra = [line.position for line in lines if line.entry.facts.get("business") == 1]
        resting = [*positions, *(extra if row["month"] == "2026-09" else [])]
        told = figures(row["sent"], "entries", "begin", "end")
        assert told == (len(resting), min(resting), max(resting))  # type: ignore[type-var]
    newest = story.ledger.views.checkpoint()
    assert newest is not None
    assert (made["size"], made["root"], made["checkpoint"]) == (newest.size, newest.root, (newest.note or b"").decode())


def test_the_electronic_share_needs_the_paper_counts_of_every_agency(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "paper.csv"
    path.write_text("month,agency,documents\n2026-09,H53,3\n2026-09,H53.01,1\n2026-10,H53,4\n2026-09,H90,6\n", "utf-8")
    paper = files.read_paper(path, str)
    shares = [(row["paper"], row["electronic_share"]) for row in report(story, paper=paper)["rows"]]
    # G22 has not told its number of October.
    assert shares == [(10, 0.1667), (None, None), (None, None)]
    of_agency = report(story, paper=paper, groups=("month", "agency"), agency="H53")["rows"]
    assert {(row["month"], row["agency"]): row["electronic_share"] for row in of_agency} == {
        ("2026-09", "H53"): 0.25,
        ("2026-09", "H53.01"): 0.5,
        ("2026-10", "H53"): 0.5,
        ("2026-10", "H53.01"): None,
        ("2026-11", "H53.01"): None,
    }
    assert report(story, paper=paper, groups=("kind",))["rows"][0]["electronic_share"] is None


def test_a_csv_has_every_row_and_nothing_that_would_be_added_twice(story: Story) -> None:
    head, *lines = csv_text(report(story)).split("\r\n")
    assert head.startswith("month,level,agency,urgency,kind,sent_documents,sent_signed,sent_signed_share,")
    assert [line.split(",")[:6] for line in lines if line] == [
        ["2026-09", "", "", "", "", "2"], ["2026-10", "", "", "", "", "5"], ["2026-11", "", "", "", "", "2"],
    ]  # fmt: skip
    assert "EDX801:1" in lines[1]


@pytest.fixture
def unguarded(database: Database) -> Iterator[Database]:
    """As for somebody who owns the database: no trigger refuses anything."""
    triggers_off(database)
    yield database
    if not database.is_sqlite:
        database.run(*(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in ("journal", "checkpoints")))


def triggers_off(database: Database) -> None:
    if database.is_sqlite:
        names = [row.name for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        database.run(*(f"DROP TRIGGER {name}" for name in names))
    else:
        database.run(*(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("journal", "checkpoints")))


# --- counted again ---


def kept(made: ReportShape, path: Path, change: Callable[[Any], None] | None = None) -> Path:
    told = json.loads(json.dumps(made))
    if change:
        change(told)
    path.write_text(json.dumps(told), "utf-8")
    return path


def verified(story: Story, path: Path, *, keys: Any = ()) -> making.ReportVerification:
    return making.verify(story.ledger.views, path, keys, lambda _: None)


def test_a_report_agrees_though_the_journal_has_grown(story: Story, tmp_path: Path) -> None:
    made = report(story, groups=("month", "agency"), paper={("2026-09", "H53"): 3})
    path = kept(made, tmp_path / "report.json")
    story.accept(vietnam("2026-11-10", "08:00"), "H53", ["H01"])
    story.number_all()
    found = verified(story, path, keys=[SIGNER.verifier])
    assert (found.finding, found.differences, found.root) == (None, (), made["root"])


CHANGES = {
    "rows[1].sent.late": lambda told: told["rows"][1]["sent"].update(late=0, on_time=3),
    "rows[2]": lambda told: told["rows"].pop(),
    "total.sent.documents": lambda told: told["total"]["sent"].update(documents=90),
    "rows[0].sent.begin": lambda told: told["rows"][0]["sent"].update(begin=1),
    "rows[0].paper": lambda told: told["rows"][0].update(paper=1, electronic_share=0.6667),
    "turned_away[0].count": lambda told: told["turned_away"][0].update(count=1),
    "time_zone": lambda told: told.update(time_zone="+00:00"),
    "note": lambda told: told.update(note="on time: all"),
}


@pytest.mark.parametrize("where", CHANGES)
def test_a_changed_figure_is_named(story: Story, tmp_path: Path, where: str) -> None:
    found = verified(story, kept(report(story), tmp_path / "report.json", CHANGES[where]))
    assert found.finding is not None
    assert found.finding.code == "EDX666"
    assert where in [each[0] for each in found.differences]


def test_another_journal_is_told_from_another_figure(story: Story, unguarded: Database, tmp_path: Path) -> None:
    made = report(story)
    root = kept(made, tmp_path / "root.json", lambda told: told.update(root="ab" * 32))
    longer = kept(made, tmp_path / "longer.json", lambda told: told.update(size=made["size"] + 1))
    for path in (root, longer):
        found = verified(story, path).finding
        assert found is not None and found.code == "EDX669"
    with pytest.raises(Refusal, match="EDX640"):
        verified(story, root, keys=[SIGNER.verifier])
    # Somebody who owns the database makes a late delivery early.
    database = unguarded
    confirmed = database.rows("SELECT id, entry FROM journal WHERE event = 'delivery.confirmed'")
    [(number, entry)] = [(one.id, bytes(one.entry)) for one in confirmed if b"2026-09-07T03:00" in bytes(one.entry)]
    early = entry.replace(b"2026-09-07T03:00", b"2026-09-04T03:00")
    database.run("UPDATE journal SET entry = :early WHERE id = :number", early=early, number=number)
    with pytest.raises(Setback, match="EDX605"):
        report(story)
    database.run("DELETE FROM checkpoints")
    found = verified(story, kept(made, tmp_path / "report.json"))
    assert found.finding is not None and found.finding.code == "EDX669"
    assert found.root not in ("", made["root"])
    database.run("DELETE FROM journal WHERE position = 4")
    with pytest.raises(Setback, match="EDX605"):
        verified(story, tmp_path / "report.json")


def test_figures_come_from_entries_and_from_no_table(story: Story, unguarded: Database) -> None:
    made = report(story, groups=("month", "agency"))
    unguarded.run(
        "UPDATE deliveries SET state = 'confirmed'",
        "UPDATE envelopes SET sender = 'H01', kind = 'status'",
        "UPDATE journal SET event = 'x', recipient = 'H01', code = ''",
    )
    assert report(story, groups=("month", "agency")) == made


# --- bounds, and files that say something else ---


def test_rows_and_pages_have_bounds(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    made = report(story, groups=("month", "agency"))
    monkeypatch.setattr(reading, "PAGE", 3)
    assert report(story, groups=("month", "agency")) == made
    monkeypatch.setattr(counting, "MOST_ROWS", 2)
    with pytest.raises(Refusal, match="EDX667"):
        report(story)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1"),
        ("month,agency\n", "line 1"),
        ("month,agency,documents\n2026-13,H53,1\n", "line 2"),
        ("month,agency,documents\n2026-10,H53,-1\n", "line 2"),
        ("month,agency,documents\n2026-10,H53,1\n2026-10,H53,1\n", "line 3"),
        ("month,agency,documents\n2026-10,H53\n", "line 2"),
    ],
)
def test_a_count_of_paper_that_says_something_else_is_refused(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "paper.csv"
    path.write_text(text, "utf-8")
    if not text:
        assert files.read_paper(path, str) == {}
        return
    with pytest.raises(Refusal, match="EDX667") as refused:
        files.read_paper(path, str)
    assert refused.value.finding.where.endswith(where)


def test_a_file_that_is_no_report_or_no_list_of_days_is_refused(story: Story, tmp_path: Path) -> None:
    made = report(story)
    changed = [json.dumps({**made, "groups": ["x"]}), json.dumps({**made, "size": 10**30})]
    for number, text in enumerate(["{}", "[]", "x", "\xff", *changed, "[" * 100_000]):
        path = tmp_path / f"{number}.json"
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(Refusal, match="EDX667"):
            files.read_report(path)
    days = tmp_path / "days"
    days.write_text("# 2026\n2026-09-02  # Quốc khánh\n\n", "utf-8")
    assert files.read_holidays(days) == {date(2026, 9, 2)}
    days.write_text("2 September\n", "utf-8")
    with pytest.raises(Refusal, match="EDX667"):
        files.read_holidays(days)
    with pytest.raises(Refusal, match="EDX902"):
        files.read_holidays(tmp_path / "none")
