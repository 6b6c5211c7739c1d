"""A hub that takes connections and answers nothing holds up no mail but its own: a province between its parent and its
communes, on a real broker, with a line that falls silent.

The waits of the driver are made endless, so that a turn which waited for the silent hub would never end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.demo.letters import File, Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.node.worker import Worker, work
from edxml_router.observe.orders import Orders
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.forwarding import sending
from edxml_router.stages.offices import inbox, pushing
from edxml_router.stages.outcomes import recovery
from edxml_router.store.database.engine import writing
from edxml_router.store.epochs import recovery as store_recovery
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from edxml_router.wiring import composition, hubs
from edxml_router.wiring.stored import StoredNode
from tests.clocks import Moved
from tests.contract.hubs import suspended, until
from tests.contract.lines import Line, line
from tests.test_pipeline import Nodes

HERE, PARENT, NEAR, FAR = "tay-ninh", "quoc-gia", "an-thanh", "long-chu"
PLANS = (
    NodePlan(PARENT, "Nút quốc gia", ("G22",)),
    NodePlan(HERE, "Nút tỉnh Tây Ninh", ("H53",), parent=PARENT, prefixes=("H53",), amqp=True),
    NodePlan(NEAR, "Nút xã An Thạnh", ("H53.31.21",), parent=HERE, prefixes=("H53.31.21",)),
    NodePlan(FAR, "Nút xã Long Chữ", ("H53.31.22",), parent=HERE, prefixes=("H53.31.22",)),
)
ENDLESS = 100_000.0


@dataclass
class Province(Nodes):
    """The nodes, and the line of the province to one of its hubs."""

    line: Line
    number: int = 0

    @property
    def node(self) -> StoredNode:
        return self[HERE].node

    def write(self, *recipients: str, sender: str = "H53", files: tuple[File, ...] = (), priority: int = 0) -> str:
        """A letter handed in at its sender's node; its digest."""
        self.number += 1
        given = {"priority": priority} | ({"files": files} if files else {})
        data = self.post.document(sender, list(recipients), number=self.number, subject="V/v thử nghiệm", **given)  # type: ignore[arg-type]
        answer = self.send(self.tree.home(sender), data)
        assert answer.accepted
        return answer.digest

    def turn(self) -> None:
        """One turn of the province's worker."""
        self.step(HERE)
        pushing.push(self.node)

    def one(self, digest: str, recipient: str, name: str = HERE) -> Delivery | None:
        return self.deliveries(name, digest).get(recipient)

    def state(self, digest: str, recipient: str, name: str = HERE) -> State | None:
        found = self.one(digest, recipient, name)
        return found.state if found else None

    def arrives(self, digest: str, recipient: str, *through: str) -> None:
        """The letter comes to its recipient while these nodes work."""

        def there() -> bool:
            for name in through:
                self.step(name)
            return self.state(digest, recipient, self.tree.home(recipient)) is State.AVAILABLE

        until(there)

    def waiting(self, owner: str, mailbox: str) -> int:
        """How much lies in a mailbox of a hub."""
        settings = self.tree.settings(owner)
        assert settings.hub is not None
        return rabbitmq.depths(hubs.rabbit_settings(settings, settings.hubs["hub"]), [mailbox])[mailbox]


def opened(folder: Path, broker: Broker, section: str) -> Iterator[Province]:
    """The nodes, the province with a line in front of the hub of this section."""
    made = hubs.rabbit_settings

    def quick(*given: object) -> RabbitSettings:
        return replace(made(*given), first_pause=0.05, longest_pause=0.1, confirm_timeout=ENDLESS, heartbeat=0)  # type: ignore[arg-type]

    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(hubs, "rabbit_settings", quick)
        between = stack.enter_context(line(broker.host, broker.port))
        tree = stack.enter_context(Tree(folder / "tree", PLANS, broker))
        config = tree.config(HERE)
        before, head, after = config.read_text("utf-8").partition(section)
        config.write_text(before + head + after.replace(f"port = {broker.port}", f"port = {between.port}", 1))
        clock = Moved()
        opened = {plan.name: composition.open_worker(tree.settings(plan.name), clock) for plan in PLANS}
        nodes = {name: stack.enter_context(one) for name, one in opened.items()}
        for each in nodes.values():
            each.declare()
        yield Province(nodes, tree, Post(tree.pki), clock, between)
        between.close()


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Province]:
    yield from opened(tmp_path_factory.mktemp("below"), broker, "[parent.hub]")


@pytest.fixture(scope="module")
def above(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[Province]:
    yield from opened(tmp_path_factory.mktemp("above"), broker, "[hub]")


def healed(province: Province) -> Iterator[Province]:
    """For one test; the line is open before and after it, and nothing is under way."""
    yield province
    province.line.open()
    until(lambda: (province.settle(1), not province.node.outgoing.letters)[1])


@pytest.fixture
def province(below: Province) -> Iterator[Province]:
    """With a line to its parent."""
    yield from healed(below)


@pytest.fixture
def own(above: Province) -> Iterator[Province]:
    """With a line to its own hub."""
    yield from healed(above)


def connected(province: Province) -> None:
    """The province has sent something to its parent, so that the connections stand."""
    first = province.write("G22")
    province.arrives(first, "G22", HERE, PARENT)


def test_mail_between_children_goes_on_while_the_parent_is_silent(province: Province) -> None:
    connected(province)
    province.line.hold()
    up = province.write("G22")
    across = province.write("H53.31.22", sender="H53.31.21")
    province.arrives(across, "H53.31.22", NEAR, HERE, FAR)
    assert inbox.confirm(province[FAR].node, f"vanthu-{FAR}", [_name(province, across)]) == [None]
    until(lambda: (province.settle(1), province.state(across, "H53.31.22", NEAR))[1] is State.CONFIRMED)
    assert province.state(up, "G22") is State.FORWARDING  # under way


def _name(province: Province, digest: str) -> str:
    [one] = province.deliveries(FAR, digest).values()
    return one.name


def test_a_confirm_that_comes_late_counts(province: Province) -> None:
    connected(province)
    province.line.hold()
    up = province.write("G22")
    for _ in range(3):
        province.turn()
    under_way = province.one(up, "G22")
    assert under_way is not None
    assert under_way.state is State.FORWARDING
    province.clock.at += province.node.rules.delivery.lease * 0.75
    province.turn()  # and its lease goes on
    kept = province.one(up, "G22")
    assert kept is not None
    assert (kept.attempts, kept.due_at > under_way.due_at) == (1, True)
    province.line.open()
    until(lambda: (province.turn(), province.state(up, "G22"))[1] is State.FORWARDED)
    [came] = province[PARENT].transports[0].take(10, ENDLESS)
    assert up in came.message.headers["envelope"]
    found = province.one(up, "G22")
    assert found is not None
    assert (found.attempts, found.lapses) == (1, 0)


def test_what_waits_for_a_hub_that_is_away_is_not_taken_and_goes_at_once_when_it_is_back(province: Province) -> None:
    connected(province)
    province.line.lose()
    lost = province.write("G22", files=(File("bản vẽ.pdf", 300_000),))
    province.turn()
    assert province.state(lost, "G22") is State.FORWARDING
    province.line.cut()  # now it is seen to be away, and dialling again gets no answer
    until(lambda: (province.turn(), province.state(lost, "G22"))[1] is State.DEFERRED)
    waiting = [province.write("G22") for _ in range(3)]
    for _ in range(5):
        province.clock.at += province.node.rules.delivery.retry_ceiling  # all pauses are over
        province.turn()
    assert {(one.state, one.attempts) for digest in waiting if (one := province.one(digest, "G22"))} == {
        (State.QUEUED, 0)
    }
    put_off = province.one(lost, "G22")
    assert put_off is not None
    assert put_off.attempts == 1
    province.line.open()
    for digest in (lost, *waiting):
        province.arrives(digest, "G22", HERE, PARENT)
    assert [one.attempts for digest in waiting if (one := province.one(digest, "G22"))] == [1, 1, 1]


def test_what_was_put_off_is_due_as_soon_as_the_hub_answers(province: Province) -> None:
    connected(province)
    province.line.lose()
    up = province.write("G22")
    province.turn()
    province.line.cut()
    until(lambda: (province.turn(), province.state(up, "G22"))[1] is State.DEFERRED)
    put_off = province.one(up, "G22")
    assert put_off is not None
    assert put_off.due_at > province.node.now()  # and the clock of the nodes stands still from here
    province.line.open()
    province.arrives(up, "G22", HERE, PARENT)


def test_a_connection_that_never_comes_about_holds_up_nobody(province: Province) -> None:
    province.line.lose()
    province.line.cut()  # what is dialled from now on never gets a word
    up = province.write("G22")
    across = province.write("H53.31.22", sender="H53.31.21")
    province.arrives(across, "H53.31.22", NEAR, HERE, FAR)
    assert province.state(up, "G22") is not State.FORWARDED
    province.line.open()
    province.arrives(up, "G22", HERE, PARENT)


def test_receipts_and_questions_for_a_silent_parent_wait_by_themselves(province: Province) -> None:
    down = province.write("H53", "H53.31.22", sender="G22")
    province.arrives(down, "H53.31.22", PARENT, HERE, FAR)
    province.line.hold()
    for name, recipient in ((HERE, "H53"), (FAR, "H53.31.22")):
        found = province.one(down, recipient, name)
        assert found is not None
        assert inbox.confirm(province[name].node, f"vanthu-{name}", [found.name]) == [None]
    until(lambda: (province.settle(1), province.state(down, "H53.31.22"))[1] is State.CONFIRMED)
    across = province.write("H53.31.21", sender="H53.31.22")
    province.arrives(across, "H53.31.21", FAR, HERE, NEAR)
    both = {"H53": State.CONFIRMED, "H53.31.22": State.CONFIRMED}
    assert province.states(PARENT, down) != both
    province.line.open()
    until(lambda: (province.settle(1), province.states(PARENT, down))[1] == both)


def test_a_question_to_a_silent_parent_is_given_up_and_asked_again(province: Province) -> None:
    connected(province)
    province.line.hold()
    now, ledger = province.node.now(), province.node.ledger
    with writing(ledger.engine) as connection:
        store_recovery.open_all(connection, [f"link:{PARENT}", f"link:{NEAR}"], "epoch", now, now)
    assert recovery.ask(province.node) == 1  # the other one
    [transport] = {link.transport for name, link in province.node.links.items() if name == f"link:{PARENT}"}
    assert not transport.answering  # so that whatever else is for it is told at once
    found = transport.publish([Parcel(topology.up(HERE), Message("inquiry", "i", b""))])
    assert [one.code for one in found if one] == ["EDX705"]
    province.line.open()
    until(lambda: transport.answering)
    province.clock.at += province.node.rules.delivery.retry_first
    assert recovery.ask(province.node) == 1


def test_mail_to_the_parent_goes_on_while_the_own_hub_is_silent(own: Province) -> None:
    down = own.write("H53.31.22", sender="H53")
    own.arrives(down, "H53.31.22", HERE, FAR)
    own.line.hold()
    for_office, up, down = own.write("H53", sender="G22"), own.write("G22"), own.write("H53.31.22")
    own.arrives(for_office, "H53", PARENT, HERE)
    own.arrives(up, "G22", HERE, PARENT)
    own.turn()
    assert own.state(down, "H53.31.22") is State.FORWARDING
    own.line.open()
    own.arrives(down, "H53.31.22", HERE, FAR)
    until(lambda: (own.turn(), own.waiting(HERE, topology.inbox(f"vanthu-{HERE}")))[1] == 1)


def test_a_queue_that_does_not_confirm_holds_up_its_own_mail_only(own: Province) -> None:
    """Neither its sibling's, nor the urgent mail of the same child, nor the parent's."""
    first = own.write("H53.31.22", "H53.31.21", sender="H53")
    own.arrives(first, "H53.31.22", HERE, FAR)
    assert own.tree.broker is not None
    with suspended(own.tree.broker, own.tree.vhost(HERE), topology.down(NEAR)):
        stuck = own.write("H53.31.21")
        own.turn()
        assert own.state(stuck, "H53.31.21") is State.FORWARDING
        behind = own.write("H53.31.21")
        beside, urgent, up = own.write("H53.31.22"), own.write("H53.31.21", priority=4), own.write("G22")
        own.arrives(beside, "H53.31.22", HERE, FAR)
        own.arrives(urgent, "H53.31.21", HERE, NEAR)
        own.arrives(up, "G22", HERE, PARENT)
        waits = own.one(behind, "H53.31.21")
        assert waits is not None
        assert (waits.state, waits.attempts) == (State.QUEUED, 0)
        assert sending.silent(own.node) == {(f"link:{NEAR}", False): sending.busy(topology.down(NEAR))}
    own.arrives(behind, "H53.31.21", HERE, NEAR)
    came = own.one(stuck, "H53.31.21")
    assert came is not None
    assert (came.attempts, came.lapses) == (1, 0)


def test_a_letter_is_not_laid_twice_because_its_confirm_is_late(own: Province) -> None:
    office = f"vanthu-{HERE}"
    assert own.tree.broker is not None
    first = own.write("H53", sender="G22")
    own.arrives(first, "H53", PARENT, HERE)
    own.turn()
    with suspended(own.tree.broker, own.tree.vhost(HERE), topology.inbox(office)):
        letters = [own.write("H53", sender="G22") for _ in range(2)]
        for digest in letters:
            own.arrives(digest, "H53", PARENT, HERE)
        for _ in range(3):
            own.clock.at += own.node.rules.delivery.lease * 0.75  # leases go on
            own.turn()
        assert own.node.outgoing.offers
    until(lambda: (own.turn(), not own.node.outgoing.offers)[1])
    own.turn()
    settings = own.tree.settings(HERE)
    assert settings.hub is not None
    reached = hubs.rabbit_settings(settings, settings.hubs["hub"])
    with closing(RabbitTransport(reached, [topology.inbox(office)])) as hub:
        names = [laid.name for digest in letters if (laid := own.one(digest, "H53")) and laid.handed_at]
        came: list[str] = []
        until(lambda: (came.extend(one.message.id for one in hub.take(100, 0.1)), {*names} <= {*came})[1])
        came += [one.message.id for one in hub.take(100, 0.1)]
    assert [came.count(name) for name in names] == [1] * len(letters)


def test_a_worker_makes_turns_though_its_own_hub_takes_connections_and_is_silent(own: Province) -> None:
    own.line.lose()
    own.line.cut()
    worker = Worker(own.tree.config(HERE), Orders())
    here = own[HERE]
    here.declared = False
    up = own.write("G22")

    def there() -> bool:
        worker._turn(here)
        own.step(PARENT)
        return own.state(up, "G22", PARENT) is State.AVAILABLE

    until(there)
    assert here.undeclared
    own.line.open()
    until(lambda: (worker._turn(here), here.declared)[1])


def test_who_ends_lets_go_of_what_is_under_way(province: Province) -> None:
    connected(province)
    province.line.hold()
    up = province.write("G22")
    work(province.node)
    sending.let_go(province.node)
    found = province.one(up, "G22")
    assert found is not None
    assert (found.state, found.attempts, found.lapses) == (State.DEFERRED, 0, 0)
    assert found.due_at <= province.node.now()
