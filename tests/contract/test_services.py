"""What services answer is the same on both databases, and for whoever calls them: no command line stands between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from edxml_router import pipeline
from edxml_router.config import Settings, load
from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import signing
from edxml_router.core.signature.form import Coverage
from edxml_router.credentials import keys
from edxml_router.services import office, operator, quarantine, selection, trial_authority
from edxml_router.services.health import checks
from edxml_router.services.node import restoration, serving
from edxml_router.services.reading import Receive
from edxml_router.services.selection import Filters
from edxml_router.services.trust import bindings
from edxml_router.services.trust.bindings import Period
from edxml_router.wiring.opening import ledger_of, node_of
from tests import fixtures
from tests.contract.databases import Database

ALWAYS = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
KEY = "ab" * 32


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    trial_authority.init(folder, datetime.now(UTC))
    trial_authority.issue(folder, "H53", datetime.now(UTC))
    return folder


@pytest.fixture
def settings(database: Database, pki: Path, tmp_path: Path) -> Settings:
    """A node with two offices on the database."""
    file, url = tmp_path / "node.toml", make_url(database.url)
    password = tmp_path / "password"
    password.write_text(url.password or "", encoding="utf-8")
    password.chmod(0o600)
    place = url._replace(password=None).render_as_string()
    file.write_text(
        f"""
[node]
name = "h53"
data = "data"

[store]
url = "{place}"
{'password_file = "password"' if url.password else ""}

[trust]
anchors = "{pki / "anchors.pem"}"

[[offices]]
name = "vp"
agencies = ["H53"]

[[offices]]
name = "vpcp"
agencies = ["000.00.00.G22"]
""",
        encoding="utf-8",
    )
    serving.make(file)
    return load(file)


def letters(pki: Path, *names: str, to: str = "G22") -> Callable[[str, int, Receive], Body]:
    """Signed envelopes by their DocumentId, as a face reads them."""
    key, chain = keys.load_key(pki / "H53.key.pem"), keys.load_certificates(pki / "H53.cert.pem")
    made = {
        name: signing.sign_document(
            fixtures.document(sender="H53", to=[to], document_id=name), key, chain, Coverage.WHOLE
        )
        for name in names
    }

    def read(name: str, most: int, _receive: Receive) -> Body:
        if name not in made:
            raise Refusal("EDX111", where=name)
        assert len(made[name]) <= most
        return MemoryBody(made[name])

    return read


def no_body(_pieces: Iterable[bytes]) -> Body:
    pytest.fail("it is small")


def test_a_letter_is_handed_in_found_held_and_taken(settings: Settings, pki: Path) -> None:
    read = letters(pki, "1/UBND", "2/UBND")
    with node_of(settings) as node:
        handed = list(office.submit(node, "vp", ["1/UBND", "nothing", "2/UBND"], read))
    assert [each.name for each in handed] == ["1/UBND", "nothing", "2/UBND"]
    assert [each.answer.finding and each.answer.finding.code for each in handed] == [None, "EDX111", None]

    with ledger_of(settings) as ledger:
        found = selection.listing(ledger.views, settings, Filters(document="1/UBND", link="vpcp"), limit=10)
        [delivery] = found.deliveries
        assert found.documents == {delivery.digest: "1/UBND"}
        assert not selection.fit_for(ledger.views, settings, Filters(states=(State.HELD,)), Event.HOLD)
        assert operator.try_out(ledger, Event.RELEASE, [delivery.id, 999_999])[1] is not None
    with node_of(settings) as node:
        assert operator.perform(node, Event.HOLD, [delivery.id], "lan", "hỏi lại") == [None]
    with ledger_of(settings) as ledger:
        assert selection.fit_for(ledger.views, settings, Filters(), Event.RELEASE) == [delivery.id]
        [line] = ledger.views.lines(event="delivery.held")
        assert (line.entry.actor, line.entry.detail) == ("operator:lan", "hỏi lại")
        story, earlier = operator.one(ledger.views, delivery.id)
        assert (story.delivery.state, earlier) == (State.HELD, None)
        assert [pile.total for pile in operator.piles(ledger.views)] == [2]


def test_a_letter_is_fetched_and_returned_and_its_sender_hears_once(settings: Settings, pki: Path) -> None:
    read = letters(pki, "3/UBND")
    with node_of(settings) as node:
        list(office.submit(node, "vp", ["3/UBND"], read))
    with node_of(settings) as node:
        pipeline.forward(node)
    with ledger_of(settings) as ledger:
        [row] = office.ready(ledger.views, settings, office="vpcp")
        assert not office.ready(ledger.views, settings, office="vp")
        letter = office.locate(ledger.views, row.delivery.name[:12])
        with pytest.raises(Refusal, match="EDX606"):
            office.locate(ledger.views, str(row.delivery.id))
    with node_of(settings) as node:
        assert office.fetch(node, letter) == read("3/UBND", 10**9, no_body)
        [answer] = office.refuse(node, [letter], "nhầm nơi nhận").values()
        assert office.is_done(answer)
        pipeline.forward(node)
    with ledger_of(settings) as ledger:
        told = office.notices(ledger.views, ["vp"])
        assert [(note.receipt.code, note.receipt.detail) for note in told.notes] == [("EDX801", "nhầm nơi nhận")]
        office.clear(ledger, told)
        assert not office.notices(ledger.views, ["vp"]).notes
        assert len(selection.failed(ledger.views, settings, ["3/UBND"])) == 1
        with pytest.raises(Refusal, match="EDX606"):
            selection.failed(ledger.views, settings, ["4/UBND"])


def test_refused_input_is_listed_and_removed(settings: Settings, pki: Path) -> None:
    with node_of(settings) as node:
        [handed] = office.submit(node, "vpcp", ["5/UBND"], letters(pki, "5/UBND"))  # not its own agency's
        assert not handed.answer.accepted
    with ledger_of(settings) as ledger:
        [item] = quarantine.items(ledger.views)
        assert quarantine.content(ledger.views, item.number) == letters(pki, "5/UBND")("5/UBND", 10**9, no_body).whole()
        removed, missing = quarantine.remove(ledger, [item.number, 999_999], "lan")
        assert (list(removed), missing and missing.code) == ([item.number], "EDX606")
        with pytest.raises(Refusal, match="EDX606"):
            quarantine.item(ledger.views, item.number)


def test_a_block_is_written_though_the_journal_is_away(settings: Settings) -> None:
    """It must not wait for a database: what went wrong there is told with the row."""
    change = bindings.bind(settings, KEY, "H53", ALWAYS, "quyết định 12", "lan")
    assert (change.written, change.trouble) == (True, None)
    again = bindings.bind(settings, KEY, "H53", ALWAYS, "lần nữa", "lan")
    assert (again.written, again.row.reason) == (False, "quyết định 12")
    with ledger_of(settings) as ledger:
        [line] = ledger.views.lines(event="trust.bind")
        assert line.entry.detail.endswith("quyết định 12")
    away = replace(settings, store=replace(settings.store, url="sqlite:///nowhere/at/all.db"))
    change = bindings.block(away, KEY, ALWAYS, "lộ khóa", "lan")
    assert change.written
    assert change.trouble is not None
    assert [row.subject for row in bindings.rows(settings)] == [KEY, KEY]


def test_who_has_to_repeat_what_is_asked_and_noted(settings: Settings) -> None:
    assert not restoration.open_recoveries(settings)
    since = datetime.now(UTC) - timedelta(hours=1)
    asked = restoration.begin(settings, since, "ổ đĩa hỏng", "lan")
    assert [one.party for one in asked] == ["office:vp", "office:vpcp"]
    with ledger_of(settings) as ledger:
        [(name, one)] = office.called(ledger, ["vp"])
        assert office.reminder(name, one).code == "EDX618"
    with pytest.raises(Refusal, match="EDX606"):
        restoration.finish(settings, ["nobody"], "lan")
    restoration.finish(settings, ["vp", "office:vpcp"], "lan")
    assert not restoration.open_recoveries(settings)


def test_health_is_told_of_either_database(settings: Settings) -> None:
    [(detail, finding)] = checks.CHECKS["database"](settings)
    assert finding is None
    assert "schema" in detail
    with node_of(settings):
        pass
    [(_, finding)] = checks.CHECKS["database"](replace(settings, node=replace(settings.node, name="g22")))
    assert finding is not None
    assert finding.code == "EDX619"
