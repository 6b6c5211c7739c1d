"""A neighbour that is away: one copy of each letter waits for it, in its share of the hub, and nobody else is held up.

On folders and on a real broker, with the parent's turns made one by one and its clock moved by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import File, Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.language.catalogues import told
from edxml_router.node import sole
from edxml_router.ports.transport import MailboxDepth, Message, Parcel
from edxml_router.services import operator
from edxml_router.services.health import mailboxes
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.offices import pushing
from edxml_router.stages.outcomes import inquiring
from edxml_router.transport import topology
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.clocks import Moved
from tests.contract.hubs import until

TIMES = {"receipt_timeout": "5m", "inquiry_interval": "6h", "retry_ceiling": "1h", "retry_first": "5s"}
PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",), delivery=TIMES),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",), delivery=TIMES),
    NodePlan("an-giang", "Nút tỉnh An Giang", ("H01",), parent="quoc-gia", prefixes=("H01",), delivery=TIMES),
)
DOWN, URGENT = topology.down("tay-ninh"), topology.down("tay-ninh", urgent=True)
HOUR = timedelta(hours=1)


@dataclass
class Province:
    """The national node, and a province that is away until it is opened."""

    tree: Tree
    post: Post
    node: RunningNode
    clock: Moved
    stack: ExitStack

    def open(self, name: str = "tay-ninh") -> RunningNode:
        """The child's worker, which takes from its mailboxes from now on."""
        child = self.stack.enter_context(open_worker(self.tree.settings(name), self.clock))
        step(child)
        until(lambda: self.waiting(topology.down(name)).takers)  # one, or those too that gave way and have something
        return child

    def send(self, number: int = 1, to: str = "H53", size: int = 0, *, urgent: bool = False) -> str:
        files = {"files": (File("phu-luc.pdf", size),)} if size else {}
        more = {"priority": "3"} if urgent else {}
        data = self.post.document("G22", [to], number=number, subject="V/v thử nghiệm", **files, **more)  # type: ignore[arg-type]
        [answer] = pipeline.accept(self.node.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
        assert answer.accepted, answer
        return answer.digest

    def turn(self) -> None:
        step(self.node)

    def rest(self, *pauses: timedelta) -> None:
        """Let time pass, with a turn after each pause."""
        for pause in pauses:
            self.clock.at += pause
            self.turn()

    def waiting(self, mailbox: str = DOWN) -> MailboxDepth:
        return self.node.transports[0].waiting([mailbox])[mailbox]

    def lies(self, messages: int, mailbox: str = DOWN) -> None:
        """So many messages, once the broker has counted them."""
        until(lambda: self.waiting(mailbox).messages == messages)

    def deliveries(self, opened: RunningNode, digest: str) -> list[Delivery]:
        with opened.node.ledger.book() as book:
            return list(book.deliveries.of([digest]))

    def standing(self, digest: str) -> Delivery:
        [one] = self.deliveries(self.node, digest)
        return one

    def arrives(self, child: RunningNode, *digests: str) -> None:
        """All are in the inbox there, and known here to be."""

        def arrived() -> bool:
            step(child)
            step(self.node)
            there = [one.state for digest in digests for one in self.deliveries(child, digest)]
            return there == [State.AVAILABLE] * len(digests) and all(self.standing(one).far_accepted for one in digests)

        until(arrived)


def step(opened: RunningNode) -> None:
    for transport in opened.transports:
        batch.receive(opened.node, transport, transport.take(100, 0.0))
    pipeline.forward(opened.node)
    inquiring.inquire(opened.node)
    pushing.push(opened.node)
    pipeline.report(opened.node)


def empty(far: Province, mailbox: str = DOWN) -> None:
    """The hub loses what lies there."""
    if far.tree.broker:
        far.tree.broker.ctl("purge_queue", "-p", far.tree.vhost("quoc-gia"), mailbox)
    else:
        for file in (far.tree.hub("quoc-gia") / mailbox / "new").iterdir():
            file.unlink()
    far.lies(0, mailbox)


def remove(far: Province) -> None:
    """The mailbox is deleted."""
    if far.tree.broker:
        far.tree.broker.ctl("delete_queue", "-p", far.tree.vhost("quoc-gia"), DOWN)
    else:
        (far.tree.hub("quoc-gia") / DOWN).rename(far.tree.folder / "deleted")


@contextmanager
def province(folder: Path, broker: Broker | None) -> Iterator[Province]:
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(folder / "tree", PLANS, broker))
        clock = Moved()
        node = stack.enter_context(open_worker(tree.settings("quoc-gia"), clock))
        node.declare()
        yield Province(tree, Post(tree.pki), node, clock, stack)


@pytest.fixture(params=["folders", "broker"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Province]:
    """On each kind of hub."""
    broker = request.getfixturevalue("broker") if request.param == "broker" else None
    with province(tmp_path, broker) as made:
        yield made


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Province]:
    """On folders alone, for what does not depend on the hub."""
    with province(tmp_path, None) as made:
        yield made


def test_one_copy_of_each_letter_waits_however_long(far: Province) -> None:
    digests = [far.send(number) for number in (1, 2, 3)]
    far.turn()
    far.lies(3)
    far.rest(*[timedelta(minutes=5)] * 12, *[6 * HOUR] * 20)
    far.lies(3)
    for digest in digests:
        one = far.standing(digest)
        assert (one.state, one.attempts, one.code) == (State.FORWARDED, 1, "EDX709")
        assert "tay-ninh" in one.detail
    far.arrives(far.open(), *digests)
    assert {far.standing(digest).code for digest in digests} == {""}


def test_the_pauses_grow(near: Province) -> None:
    digest = near.send()
    near.turn()
    pauses = []
    while (pause := near.standing(digest).due_at - near.clock.at) < 6 * HOUR:
        pauses.append(pause)
        near.rest(pause)
    minutes = [pause // timedelta(minutes=1) for pause in pauses]
    assert minutes == [5, 5, 10, 20, 40, 80, 160, 320]


def test_questions_do_not_pile_up_for_a_neighbour_that_is_there_and_takes_nothing(
    near: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = near.send()
    near.turn()
    with monkeypatch.context() as attended:
        hub = near.node.transports[0]
        attended.setattr(hub, "waiting", lambda boxes: dict.fromkeys(boxes, MailboxDepth(1, 1)))
        near.rest(*[timedelta(minutes=5)] * 60)
    near.lies(2)  # the letter, and a question about it
    assert near.standing(digest).attempts == 1


def test_what_the_hub_has_lost_is_asked_about_and_sent_again(far: Province) -> None:
    digests = [far.send(number) for number in (1, 2)]
    far.turn()
    far.lies(2)
    empty(far)
    child = far.open()
    far.rest(timedelta(minutes=5))
    until(lambda: step(child) or far.turn() or {far.standing(one).state for one in digests} == {State.QUEUED})
    far.clock.at += timedelta(seconds=10)  # the growing wait after "unknown"
    far.arrives(child, *digests)
    assert [far.standing(digest).attempts for digest in digests] == [2, 2]


def test_a_mailbox_that_was_lost_while_its_owner_is_away_gets_one_question(far: Province) -> None:
    digest = far.send()
    far.turn()
    far.lies(1)
    empty(far)
    far.rest(*[timedelta(minutes=5)] * 3, *[6 * HOUR] * 10)
    far.lies(1)
    child = far.open()
    until(lambda: step(child) or far.turn() or far.standing(digest).state is not State.FORWARDED)
    far.clock.at += timedelta(seconds=10)
    far.arrives(child, digest)


def test_what_lay_in_a_mailbox_that_is_made_anew_is_asked_about_at_once(far: Province) -> None:
    digest = far.send()
    far.turn()
    far.rest(*[timedelta(minutes=5)] * 3, *[6 * HOUR] * 2)
    assert far.standing(digest).due_at > far.clock.at
    remove(far)
    other = far.send(2)  # by which it is noticed
    far.turn()
    until(lambda: far.node.declare() is not None)
    assert far.standing(digest).due_at <= far.clock.at
    far.turn()
    far.lies(1)  # the question
    child = far.open()
    until(lambda: step(child) or far.turn() or far.standing(digest).state is not State.FORWARDED)
    far.clock.at += timedelta(minutes=1)
    far.arrives(child, digest, other)


def test_unknown_counts_in_answer_to_a_question_only(near: Province) -> None:
    digest = near.send()
    near.turn()
    unknown = Receipt(digest, "H53", near.standing(digest).generation, ReceiptOutcome.UNKNOWN, near.clock.now())
    pipeline.settle(near.node.node, [("tay-ninh", unknown)] * 3)
    assert near.standing(digest).state is State.FORWARDED
    empty(near)
    near.rest(timedelta(minutes=5))  # asked
    pipeline.settle(near.node.node, [("tay-ninh", unknown)])
    assert near.standing(digest).state is State.QUEUED
    near.rest(timedelta(minutes=1))
    near.lies(2)  # the question, and the body behind it
    pipeline.settle(near.node.node, [("tay-ninh", unknown)])  # the same answer once more, about the copy before
    near.rest(timedelta(minutes=1))
    assert near.standing(digest).state is State.FORWARDED
    near.lies(2)


def test_an_operator_who_wants_it_now_makes_no_further_copies(near: Province) -> None:
    digest = near.send()
    near.turn()
    for _ in range(5):
        assert operator.retry(near.node.node, [near.standing(digest).id], "lan", "") == [None]
        near.turn()
        near.turn()
    near.lies(1)
    assert (near.standing(digest).state, near.standing(digest).code) == (State.FORWARDED, "EDX709")


def test_a_question_goes_the_way_of_its_letter(far: Province) -> None:
    digest = far.send(urgent=True)
    far.turn()
    far.lies(1, URGENT)
    empty(far, URGENT)
    far.rest(timedelta(minutes=5))
    far.lies(1, URGENT)
    assert far.waiting() == MailboxDepth(0, 0)
    assert far.standing(digest).state is State.FORWARDED


def test_a_full_share_holds_up_nobody_else_and_empties_by_itself(far: Province) -> None:
    delivery = replace(far.node.node.rules.delivery, mailbox_bytes=300_000)
    far.node.node.rules = replace(far.node.node.rules, delivery=delivery)
    digests = [far.send(number, size=100_000) for number in range(1, 7)]
    sibling = far.open("an-giang")
    for _ in range(3):
        far.rest(timedelta(minutes=5))
    stand = [far.standing(digest) for digest in digests]
    assert [one.state for one in stand] == [State.FORWARDED] * 2 + [State.DEFERRED] * 4
    assert {one.code for one in stand[2:]} == {"EDX614"}
    far.lies(2)
    urgent = far.send(10, size=100_000, urgent=True)
    other = far.send(11, to="H01", size=100_000)
    far.arrives(sibling, other)
    assert far.standing(urgent).state is State.FORWARDED
    far.rest(*[6 * HOUR] * 4)
    far.lies(2)
    far.arrives(far.open(), *digests, urgent)  # and no clock was moved for it


def test_who_answers_for_letters_and_leaves_them_lying_has_its_share_and_no_more(far: Province) -> None:
    delivery = replace(far.node.node.rules.delivery, mailbox_bytes=600_000)
    far.node.node.rules = replace(far.node.node.rules, delivery=delivery)
    digests: list[str] = []
    for number in range(1, 13):
        digests.append(far.send(number, size=100_000))
        far.turn()
        one = far.standing(digests[-1])
        if one.state is State.FORWARDED:
            far.lies(number)
            accepted = Receipt(one.digest, "H53", one.generation, ReceiptOutcome.ACCEPTED, far.clock.now())
            pipeline.settle(far.node.node, [("tay-ninh", accepted)])
    stand = [far.standing(digest) for digest in digests]
    forwarded = [one for one in stand if one.far_accepted]
    assert 3 <= len(forwarded) <= 5
    assert {(one.state, one.code) for one in stand[len(forwarded) :]} == {(State.DEFERRED, "EDX614")}
    assert far.waiting().messages == len(forwarded)
    child = far.open()  # it takes them after all
    until(lambda: step(child) or far.waiting().messages == 0)
    far.clock.at += HOUR
    far.arrives(child, *digests)


def test_a_letter_that_is_larger_than_the_share_goes_where_nothing_lies(near: Province) -> None:
    delivery = replace(near.node.node.rules.delivery, mailbox_bytes=1000)
    near.node.node.rules = replace(near.node.node.rules, delivery=delivery)
    first, second = near.send(1), near.send(2)
    near.turn()
    assert [near.standing(one).state for one in (first, second)] == [State.FORWARDED, State.DEFERRED]
    near.arrives(near.open(), first, second)


def test_what_has_expired_is_withdrawn_from_the_mailbox(far: Province) -> None:
    digest = far.send()
    with far.node.node.ledger.book() as book:
        [one] = book.deliveries.of([digest])
    far.clock.at = one.expires_at - timedelta(milliseconds=1)
    pipeline.forward(far.node.node)
    assert far.standing(digest).state is State.FORWARDED
    far.clock.at = one.expires_at
    far.node.node.hubs_read = lambda: True
    pipeline.expire(far.node.node)
    assert far.standing(digest).state is State.EXPIRED
    child = far.open()
    until(lambda: step(child) or far.waiting() == MailboxDepth(0, 1))
    assert far.deliveries(child, digest) == []


def test_doctor_names_who_does_not_take_its_mail(far: Province) -> None:
    settings = far.tree.settings("quoc-gia")
    (settings.node.data / sole.FILE).touch()
    assert [finding for _, finding in mailboxes.loads(settings)] == [None]
    delivery = replace(far.node.node.rules.delivery, mailbox_bytes=300_000)
    far.node.node.rules = replace(far.node.node.rules, delivery=delivery)
    digests = [far.send(number, size=100_000) for number in range(1, 5)]
    far.turn()
    far.lies(2)
    assert [finding and finding.code for _, finding in mailboxes.loads(settings)] == ["EDX614"]  # it may come yet
    first = [far.standing(digest).id for digest in digests[:2]]
    with far.node.node.ledger.book() as book:
        book.mailboxes.look_again(first, far.clock.at, None, far.clock.at - timedelta(days=2))
    [(name, finding)] = mailboxes.loads(settings)
    assert finding is not None
    assert (name, finding.code) == ("tay-ninh", "EDX709")
    assert finding.detail.startswith("2 messages wait for tay-ninh: 0.3 MiB of letters, the oldest since 2")
    assert finding.detail.endswith("; 2 letters wait here for room there")
    far.open()
    assert [found.code for _, found in mailboxes.loads(settings) if found] == ["EDX614"]


def test_doctor_counts_no_letters_where_only_other_messages_wait(near: Province) -> None:
    settings = near.tree.settings("quoc-gia")
    (settings.node.data / sole.FILE).touch()
    assert near.node.transports[0].publish([Parcel(DOWN, Message("receipts", "1", b""))]) == [None]
    [(_, finding)] = mailboxes.loads(settings)
    assert finding is not None
    assert (finding.code, finding.detail) == ("EDX709", "1 messages wait for tay-ninh")
    assert told("vi", finding.detail) == "có 1 thông điệp đang chờ tay-ninh"


def test_who_keeps_the_log_is_told_of_a_neighbour_that_takes_nothing(near: Province) -> None:
    told: list[tuple[str, str | None]] = []
    near.send()
    near.turn()
    for _ in range(2):
        near.clock.at += 6 * HOUR
        inquiring.inquire(near.node.node, lambda route, found: told.append((route, found.code if found else None)))
    assert told == [("link:tay-ninh", "EDX709")] * 2
    near.open()
    near.clock.at += 6 * HOUR
    inquiring.inquire(near.node.node, lambda route, found: told.append((route, found.code if found else None)))
    assert told[2:] == [("link:tay-ninh", None)]


def test_nothing_is_asked_of_a_hub_that_is_away(near: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = near.send()
    near.turn()
    hub = near.node.transports[0]

    def away(*_: object) -> dict[str, MailboxDepth]:
        raise Setback("EDX701", detail="away")

    with monkeypatch.context() as gone:
        gone.setattr(hub, "waiting", away)
        gone.setattr(hub, "publish", lambda _: pytest.fail("published"))
        near.clock.at += timedelta(minutes=5)
        inquiring.inquire(near.node.node)
    assert (near.standing(digest).code, near.standing(digest).state) == ("EDX701", State.FORWARDED)
    assert near.standing(digest).due_at <= near.clock.at + HOUR
    near.arrives(near.open(), digest)
