"""A year of two nodes: letters, outcomes, terms and holds, month by month, and what is there at its end.

What should be there is told by a few lines of arithmetic here, never by asking the program. With
EDXML_ROUTER_EXHAUSTIVE=1 there are a hundred letters a month in the place of four.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.retention.terms import RetentionClass, RetentionTerms
from edxml_router.credentials import identities
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import Tree
from edxml_router.services import auditor, office, trial_authority
from edxml_router.services.certificates import verifying
from edxml_router.services.certificates.making import CertificateOrder, certify
from edxml_router.services.proof.tile_checking import check_tiles
from edxml_router.services.retention import holding
from edxml_router.stages.offices import inbox
from edxml_router.store.database import space
from edxml_router.store.tiles.folder import TileFolder
from edxml_router.store.tiles.writing import TileWriter
from edxml_router.wiring.composition import open_worker
from tests.clocks import Moved
from tests.test_pipeline import PLANS, letter
from tests.test_retention import Kept, sound

A_MONTH = 100 if os.environ.get("EDXML_ROUTER_EXHAUSTIVE") else 4  # letters
MONTHS, MONTH = 12, timedelta(days=30)
TERM, URGENT = timedelta(days=80), timedelta(days=20)
TERMS = RetentionTerms(bodies=TERM, classes=(RetentionClass(name="urgent", urgent=True, bodies=URGENT),))
SENDER, RECIPIENT = "quoc-gia", "tay-ninh"
WAYS = (State.CONFIRMED, State.CONFIRMED, State.RETURNED, State.EXPIRED)  # of each four letters; the second is urgent


@dataclass
class Sent:
    """A letter, and what this test knows of it: when it ended at both nodes, and for how long it is kept then."""

    digest: str
    way: State
    term: timedelta
    ended: datetime | None = None
    held: bool = False

    def kept(self, now: datetime) -> bool:
        return self.ended is None or self.held or now - self.ended < self.term


@dataclass
class Year(Kept):
    """The nodes, and what was sent."""

    def __post_init__(self) -> None:
        self.sent: list[Sent] = []

    def month(self, number: int) -> None:
        """Letters go and are answered; what nobody answers ends with its lifetime, a month later."""
        first = len(self.sent)
        for each in range(first, first + A_MONTH):
            urgent = each % 4 == 1
            data = letter(self, number=each + 1, priority=2 if urgent else 0)
            answer = self.send(SENDER, data)
            assert answer.accepted, answer
            self.sent.append(Sent(answer.digest, WAYS[each % 4], URGENT if urgent else TERM))
        self.settle(2)
        for one in self.sent[first:]:
            [there] = self.deliveries(RECIPIENT, one.digest).values()
            if one.way is State.CONFIRMED:
                assert inbox.confirm(self[RECIPIENT].node, f"vanthu-{RECIPIENT}", [there.name]) == [None]
            elif one.way is State.RETURNED:
                inbox.refuse(self[RECIPIENT].node, f"vanthu-{RECIPIENT}", [there.name], "không thuộc thẩm quyền")
            one.ended = None if one.way is State.EXPIRED else self.clock.at
        self.settle(2)
        if number == 1:  # for ever, as far as this year goes
            held = self.sent[first]
            for name in self.opened:
                holding.hold_document(self[name].node, held.digest, "an", "khiếu nại")
            held.held = True

    def pass_over(self, number: int) -> None:
        """What a node does by itself, at the beginning of a month, with new revocation lists."""
        trial_authority.publish(self.tree.pki, self.clock.at)
        for opened in self.opened.values():
            assert opened.renew_trust() == []
            opened.node.rules = replace(opened.node.rules, retention=TERMS)
        for name in (RECIPIENT, SENDER):
            pipeline.expire(self[name].node)
            self.settle(1)
        for one in self.sent:
            if one.way is State.EXPIRED and one.ended is None:
                one.ended = self.clock.at
        views = self[SENDER].node.ledger.views
        office.clear(self[SENDER].node.ledger, office.notices(views, [f"vanthu-{SENDER}"]))
        for name in self.opened:
            self[name].number_journal()
            self.turn(name)
            self.tile(name)
            here = set(self[name].node.bodies.read([one.digest for one in self.sent]))
            assert here == {one.digest for one in self.sent if one.kept(self.clock.at)}, (name, number)

    def tile(self, name: str) -> None:
        opened = self[name]
        writer = TileWriter(opened.node.ledger.views, self.folder(name), opened.settings.origin)
        while not writer.step().complete:
            pass

    def folder(self, name: str) -> TileFolder:
        return TileFolder(self[name].settings.node.data / "tiles")


@pytest.fixture
def year(tmp_path: Path) -> Iterator[Year]:
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(tmp_path / "tree", PLANS[:2]))
        clock = Moved()
        opened = {plan.name: stack.enter_context(open_worker(tree.settings(plan.name), clock)) for plan in PLANS[:2]}
        for each in opened.values():
            each.declare()
            each.node.rules = replace(each.node.rules, retention=TERMS)
        yield Year(opened, tree, Post(tree.pki), clock)


def test_a_year_is_kept_to_its_classes(year: Year, tmp_path: Path) -> None:
    sizes = []
    for number in range(MONTHS):
        year.month(number)
        year.clock.at += MONTH
        year.pass_over(number)
        told = space.file_space(year[SENDER].node.ledger.engine)
        assert told is not None
        assert told.gradual
        assert told.free <= told.size // space.SPARED + 64 * 1024, "what was removed goes back to the disk"
        sizes.append(told.size)
    count = MONTHS * A_MONTH
    views = year[SENDER].node.ledger.views
    # Of every letter the journal tells all of it, whether or not its bytes are here.
    events = Counter(line.entry.event for line in views.lines(limit=100_000))
    assert events["envelope.accepted"] == count
    ends = ("delivery.confirmed", "delivery.returned", "delivery.expired")
    assert [events[one] for one in ends] == [count // 2, count // 4, count // 4]
    assert views.removals()[0] == sum(not one.kept(year.clock.at) for one in year.sent)
    assert views.bodies_kept()[0] == sum(one.kept(year.clock.at) for one in year.sent)
    for name in year.opened:
        assert sound(year, name)
        data = year.folder(name).read("checkpoint")
        assert data is not None
        signer = identities.log_signer(year[name].settings)
        assert signer is not None
        head, _ = read_checkpoint(data, (signer.verifier,))
        assert check_tiles(year.folder(name).read, head).sound
    # A letter of the first month, which is gone, and the one that is held: each is proven, and the first says so.
    for one, gone in ((year.sent[0], True), (year.sent[A_MONTH], False)):
        [told_of] = auditor.history(views, one.digest).told
        assert (told_of.gone is not None) is gone
        opened = year[SENDER]
        made = certify(
            opened.node,
            identities.signing(opened.settings),
            opened.settings,
            CertificateOrder(one.digest),
            year.clock.at,
        )
        anchors = (year.tree.pki / "anchors.pem").read_bytes()
        found = verifying.verify(made, anchors, now=year.clock.at)
        assert any("confirmed" in str(each) for each in found.proved)
    entries, files = sum(events.values()), list(year.folder(SENDER).path.rglob("*"))
    tiles = sum(path.stat().st_size for path in files if path.is_file())
    print(f"{count} letters, {entries} entries; bytes of the database by month: {sizes}; tiles: {tiles}")
