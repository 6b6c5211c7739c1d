"""A code that stands for one agency until a day and for another from then on: what it means in a letter is decided by
the letter's own date, which was signed, at every node and whenever the letter comes there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from edxml_router import pipeline
from edxml_router.core.agencies.agency import Agency, Alias
from edxml_router.core.agencies.agency import AgencyState as Life
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.wire import Hop, decode_receipts
from edxml_router.demo.letters import VIETNAM, Post
from edxml_router.pipeline import Acceptance
from edxml_router.stages.acceptance.submission import Submission
from tests.test_pipeline import Nodes, _transfer, letter, nodes

__all__ = ["nodes"]  # the fixture

CODE = "vp.cu"
DAY = timedelta(days=1)


def today(nodes: Nodes) -> date:
    return nodes.clock.now().astimezone(VIETNAM).date()


def change(nodes: Nodes, before: str, after: str, *, days: int = 1, closed: str = "", code: str = CODE) -> None:
    """``days`` from now ``code`` goes from one agency to another; ``closed`` exists until the day before."""
    last = today(nodes) + (days - 1) * DAY
    aliases = (Alias(code, before, None, last), Alias(code, after, last + DAY))
    for opened in nodes.opened.values():
        rules = opened.node.rules
        agencies = [
            one._replace(valid_to=last, state=Life.CLOSED) if one.code == closed else one for one in rules.registry
        ]
        registry = Registry.build(agencies, aliases, levels=rules.registry.levels.values())
        opened.node.rules = replace(rules, registry=registry)


def dated(nodes: Nodes, written: str, *, days: int, sender: str = "H01", number: int = 1) -> bytes:
    post = Post(nodes.tree.pki, today(nodes) + days * DAY)
    return post.document(sender, [written], number=number, subject="V/v thử nghiệm")


def brought(nodes: Nodes, data: bytes, recipients: tuple[str, ...], accepted: datetime | None = None) -> Acceptance:
    """What An Giang's node brings to the national one, and when it says that its own child has accepted it."""
    now = nodes.clock.now()
    hops = (Hop("xa", accepted or now), Hop("an-giang", now))
    transfer = _transfer(nodes, data, recipients, hops=hops)
    [answer] = pipeline.accept(nodes["quoc-gia"].node, [Submission(MemoryBody(data), "an-giang", "link", transfer)])
    return answer


def returned(nodes: Nodes) -> dict[str, tuple[str, str]]:
    """What An Giang hears of what is returned to it."""
    pipeline.report(nodes["quoc-gia"].node)
    taken = nodes["an-giang"].transports[0].take(100, 0.0)
    receipts = [one for arrival in taken for one in decode_receipts(arrival.message.body)[0]]
    return {one.recipient: (one.code, one.detail) for one in receipts if one.code}


CLAIMS = (datetime(1990, 1, 1, tzinfo=UTC), None, datetime(2099, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("claimed", CLAIMS, ids=("long ago", "now", "one day"))
@pytest.mark.parametrize(("days", "meant", "other"), [(-2, "H53", "G22"), (2, "G22", "H53")])
def test_no_date_that_a_neighbour_claims_decides_whom_a_code_means(
    nodes: Nodes, claimed: datetime | None, days: int, meant: str, other: str
) -> None:
    change(nodes, "H53", "G22")
    data = dated(nodes, CODE, days=days)
    nodes.clock.at += 3 * DAY
    assert brought(nodes, data, ("H53", "G22"), claimed).recipients == (meant,)
    [(code, detail)] = [told for recipient, told in returned(nodes).items() if recipient == other]
    assert code == "EDX412"
    assert CODE in detail
    assert meant in detail


def test_the_code_itself_is_no_way_around(nodes: Nodes) -> None:
    """It looks like a code by rule, and stands for another agency."""
    change(nodes, "H53", "G22", code="H53.90")
    assert brought(nodes, dated(nodes, "H53.90", days=0), ("H53.90", "G22", "H53")).recipients == ("H53",)


@pytest.mark.parametrize("away", [1, 9], ids=("a night", "Tết"))
def test_a_letter_of_the_eve_reaches_whom_it_was_written_to(nodes: Nodes, away: int) -> None:
    change(nodes, "H53", "G22")
    answer = nodes.send("an-giang", letter(nodes, [CODE], sender="H01"))
    assert answer.recipients == ("H53",)
    nodes.clock.at += timedelta(hours=8)
    nodes.step("an-giang")
    nodes.clock.at += away * DAY
    for name in ("quoc-gia", "tay-ninh", "tay-ninh"):
        nodes.step(name)
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_a_wrong_clock_of_a_neighbour_changes_nothing(nodes: Nodes) -> None:
    change(nodes, "H53", "G22", days=-10)
    wrong = nodes.clock.now() - 1000 * DAY
    assert brought(nodes, dated(nodes, CODE, days=0), ("G22",), wrong).recipients == ("G22",)


@pytest.mark.parametrize(("days", "code"), [(-1, "EDX412"), (1, None)])
def test_who_submits_a_letter_from_before_the_change_is_asked_whom_it_means(
    nodes: Nodes, days: int, code: str | None
) -> None:
    """Nobody can know: dated when the code was one agency's, sent when it is another's."""
    change(nodes, "H53", "G22")
    data = dated(nodes, CODE, days=days)
    nodes.clock.at += DAY
    answer = nodes.send("an-giang", data)
    assert (answer.finding.code if answer.finding else None) == code
    if code:
        plain = nodes.send("an-giang", dated(nodes, "H53", days=-2, number=2))
        assert plain.recipients == ("H53",)
    else:
        assert answer.recipients == ("G22",)


def test_what_was_accepted_before_the_change_is_answered_so_when_it_is_repeated(nodes: Nodes) -> None:
    change(nodes, "H53", "G22")
    data = dated(nodes, CODE, days=0)
    first = nodes.send("an-giang", data)
    nodes.clock.at += 2 * DAY
    again = nodes.send("an-giang", data)
    assert (again.accepted, again.repeated, again.recipients) == (True, True, first.recipients)


@pytest.mark.parametrize("written", ["", "hôm qua", "2026/13/45"])
def test_a_letter_whose_date_cannot_be_read_is_for_nobody_by_such_a_code(nodes: Nodes, written: str) -> None:
    change(nodes, "H53", "G22", days=-10)
    post = nodes.post
    old = f"<edXML:PromulgationDate>{post.day}<".encode()
    unsigned = post.unsigned("H01", [CODE], number=1, subject="V/v thử")
    assert old in unsigned
    data = post.signed(unsigned.replace(old, f"<edXML:PromulgationDate>{written}<".encode()), "H01")
    submitted = nodes.send("an-giang", data)
    assert submitted.finding and submitted.finding.code == "EDX412"
    assert brought(nodes, data, ("H53", "G22")).recipients == ()
    assert {code for code, _ in returned(nodes).values()} == {"EDX412"}
    other = post.unsigned("H01", ["H53"], number=2, subject="V/v thử").replace(old, b"<edXML:PromulgationDate><")
    assert nodes.send("an-giang", post.signed(other, "H01")).recipients == ("H53",)


def test_a_status_goes_to_whoever_had_the_code_when_the_document_was_written(nodes: Nodes) -> None:
    change(nodes, "H53", "G22")
    about = Post(nodes.tree.pki, today(nodes)).document_id("H53", 7)
    nodes.clock.at += 5 * DAY
    data = Post(nodes.tree.pki, today(nodes)).status("H01", CODE, about, "01")
    assert brought(nodes, data, ("H53", "G22")).recipients == ("H53",)


def test_the_key_of_who_had_a_code_does_not_sign_for_who_has_it_now(nodes: Nodes) -> None:
    """H01's certificate names H01; the code goes to another agency, and H01 goes on writing under it."""
    change(nodes, "H01", "H01.151", code="H01")
    nodes.clock.at += 3 * DAY
    answer = brought(nodes, dated(nodes, "H53", days=0), ("H53",))
    assert answer.finding and answer.finding.code == "EDX402"
    kept = dated(nodes, "H53", days=-3, number=2)  # from when the code was still its own
    assert brought(nodes, kept, ("H53",)).recipients == ("H53",)


@pytest.mark.parametrize(("away", "code"), [(9, None), (100, "EDX502")])
def test_what_an_agency_sent_before_it_was_closed_still_arrives(nodes: Nodes, away: int, code: str | None) -> None:
    """And no neighbour brings mail of closed agencies for ever, whatever date they write."""
    change(nodes, "H53", "G22", closed="H01")
    data = dated(nodes, "H53", days=0)
    nodes.clock.at += away * DAY
    answer = brought(nodes, data, ("H53",), nodes.clock.now() - away * DAY)
    assert (answer.finding.code if answer.finding else None) == code
    fresh = nodes.send("an-giang", data)
    assert fresh.finding and fresh.finding.code == "EDX502"


def test_the_meaning_of_a_code_over_the_years() -> None:
    first, second, third = date(2020, 1, 1), date(2025, 7, 1), date(2026, 1, 1)
    agencies = [Agency(code, code, "unit") for code in ("H53.31", "H53.99", "H01", "H53.98")]
    registry = Registry.build(
        agencies,
        (
            Alias("000.00.31.H53", "H53.99", second, third - DAY),
            Alias("000.00.31.H53", "H53.98", third + 30 * DAY),
            Alias("ma.moi", "H01", second),
            Alias("ma.cu", "H01", None, first),
        ),
    )
    of = registry.meaning
    old = "000.00.31.H53"
    assert [of(old, day) for day in (first, second - DAY)] == ["H53.31", "H53.31"]  # by rule, for an agency there is
    assert [of(old, day) for day in (second, third - DAY, third)] == ["H53.99"] * 3  # and nobody's for a month
    assert of(old, third + 30 * DAY) == "H53.98"
    assert of(old, None) is None
    assert registry.meanings(old) == {"H53.31", "H53.99", "H53.98"}
    for on in (first, second, None):
        assert of("ma.moi", on) == "H01"  # nobody had it before
        assert of("ma.cu", on) == "H01"
        assert of("H53.31", on) == "H53.31"
        assert of("H77.1", on) == "H77.1"  # in no catalogue
        assert of("vô lý", on) is None
        assert of("000.01.00.H53", on) is None  # a hole that no alias explains
