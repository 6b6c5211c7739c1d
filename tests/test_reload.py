"""What a running node takes without a restart: passwords, settings, a hub that lost its mailboxes; and what it says."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from edxml_router import pipeline
from edxml_router.config import in_force, load
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change as change_of
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.store.database.engine import connect, reading
from edxml_router.transport import topology
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.test_trust_reload import change, wait

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)


@pytest.fixture(params=["folder", "broker"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    broker = request.getfixturevalue("broker") if request.param == "broker" else None
    with Tree(tmp_path / "tree", PLANS, broker) as made:
        yield made


def lose(tree: Tree, mailbox: str) -> None:
    """One of the mailboxes of the parent's hub, and what is in it."""
    if tree.broker is None:
        (tree.hub("quoc-gia") / mailbox).rename(tree.folder / "lost")
    else:
        tree.broker.ctl("delete_queue", "--vhost", tree.vhost("quoc-gia"), mailbox)


def sent(opened: RunningNode, tree: Tree, number: int) -> str:
    data = Post(tree.pki).document("G22", ["H53"], number=number, subject="V/v thử nghiệm")
    [answer] = pipeline.accept(opened.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    assert answer.accepted
    return answer.digest


def state(opened: RunningNode, digest: str) -> State:
    with opened.node.ledger.book() as book:
        [delivery] = book.deliveries.of([digest])
    return delivery.state


@pytest.mark.parametrize("mailbox", [topology.down("tay-ninh"), topology.up("tay-ninh")])
def test_a_mailbox_that_was_deleted_is_made_again_and_told(tree: Tree, mailbox: str) -> None:
    """One that the node publishes to, and one that it takes from."""
    with open_worker(tree.settings("quoc-gia")) as parent:
        assert parent.declare() is None
        assert wait(lambda: parent.problems()["hub"] is None)
        lose(tree, mailbox)
        digest = sent(parent, tree, 1)
        pipeline.forward(parent.node)
        problem = wait(lambda: parent.problems()["hub"])
        assert problem.code == "EDX703"
        lost = parent.declare()
        assert lost is not None
        assert lost.code == "EDX703"
        wait(lambda: parent.problems()["hub"] is None)  # a consumer that was cancelled begins again
        assert parent.declare() is None
        wait(lambda: pipeline.forward(parent.node) or state(parent, digest) is State.FORWARDED)
        assert wait(lambda: state(parent, digest)) is State.FORWARDED


def test_a_password_that_is_changed_holds_from_the_next_connection_on(broker: Broker, tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS, broker) as tree, ExitStack() as stack:
        parent = stack.enter_context(open_worker(tree.settings("quoc-gia")))
        parent.declare()
        child = stack.enter_context(open_worker(tree.settings("tay-ninh")))
        assert wait(child.transports[0].depths)
        password = tree.folder / "tay-ninh" / "tay-ninh.password"
        before = password.read_text()
        try:
            broker.ctl("change_password", "tay-ninh", "another-one")
            broker.ctl("close_all_user_connections", "tay-ninh", "changed")
            assert wait(lambda: child.problems()["parent"]).code in ("EDX701", "EDX706")
            wait(lambda: (found := child.problems()["parent"]) and found.code == "EDX706")
            password.write_text("another-one\n")
            wait(lambda: child.problems()["parent"] is None)
            assert child.transports[0].depths()
        finally:
            broker.ctl("change_password", "tay-ninh", before)


def test_a_database_password_that_is_changed_holds_from_the_next_connection_on(postgresql_url: str) -> None:
    url = make_url(postgresql_url)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP ROLE IF EXISTS edx_turning"))
        connection.execute(sqlalchemy.text("CREATE ROLE edx_turning LOGIN PASSWORD 'first'"))
    said = ["first"]
    turning = connect(url.set(username="edx_turning", password=None), lambda: said[0])
    with reading(turning) as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER ROLE edx_turning PASSWORD 'second'"))
    turning.dispose()
    with pytest.raises(Setback, match="EDX602"), reading(turning):
        pass
    said[0] = "second"
    with reading(turning) as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar_one() == 1
    turning.dispose()
    engine.dispose()


# --- settings ------------------------------------------------------------------------------------------------


def test_a_running_node_takes_what_it_can_and_says_what_waits(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:
        tree.start("quoc-gia")
        log = tree.log("quoc-gia")
        change(tree, "quoc-gia", "workers = 1", 'workers = 2\ndata = "elsewhere"')
        change(tree, "quoc-gia", "[delivery]", '[delivery]\nlifetime = "3d"')
        os.kill(tree.group("quoc-gia"), signal.SIGHUP)
        wait(lambda: '"setting.waits"' in log.read_text())
        lines = [json.loads(line) for line in log.read_text().splitlines() if '"setting.' in line]
        said = {line["setting"]: (line["event"], line["before"], line["after"]) for line in lines}
        assert said["delivery.lifetime"] == ("setting.taken", "30d", "3d")
        assert said["node.workers"] == ("setting.taken", "1", "2")
        assert said["node.data"][0] == "setting.waits"
        wait(lambda: log.read_text().count('"worker.started"') >= 2)
        assert not (tree.folder / "quoc-gia" / "elsewhere").exists()
        change(tree, "quoc-gia", "workers = 2", "workers = 1")
        os.kill(tree.group("quoc-gia"), signal.SIGHUP)
        wait(lambda: '"worker.ended"' in log.read_text())
        assert '"worker.lost"' not in log.read_text()


def doctor(tree: Tree) -> list[dict[str, dict[str, str]]]:
    return [json.loads(line) for line in tree.run("quoc-gia", "doctor", "--json").stdout.splitlines()]


def test_a_hub_that_moved_is_taken_and_doctor_tells_what_is_not_in_force_yet(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:
        tree.start("quoc-gia")
        config = tree.config("quoc-gia")
        hub, moved = str(load(config).hub.path), str(tmp_path / "moved")  # type: ignore[union-attr]
        text = config.read_text()
        [line] = [line for line in text.splitlines() if line.startswith("path = ")]
        config.write_text(text.replace(line, f'path = "{moved}"', 1))
        told = [one["problem"] for one in doctor(tree) if one["check"] == "serve" and one["problem"]]
        assert [(each["code"], each["where"]) for each in told] == [("EDX915", "hub.path")]
        assert told[0]["detail"] == f"{hub} is in force, not {moved}; a reload takes it"
        os.kill(tree.group("quoc-gia"), signal.SIGHUP)
        wait((tmp_path / "moved" / topology.down("tay-ninh") / "new").is_dir)
        assert '"worker.lost"' not in tree.log("quoc-gia").read_text()
        config.write_text(config.read_text() + "\n[policy]\nmax_age = 7\n")
        os.kill(tree.group("quoc-gia"), signal.SIGHUP)
        wait(lambda: '"config.refused"' in tree.log("quoc-gia").read_text())
        assert tree.running() == ["quoc-gia"]


def test_changes_are_told_by_the_names_of_children(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:
        before = in_force.settings_texts(tree.settings("quoc-gia"))
        change(tree, "quoc-gia", "[[children]]", '[[children]]\nname = "an-giang"\nprefixes = ["H01"]\n\n[[children]]')
        found = {each.name for each in in_force.changes(before, in_force.settings_texts(tree.settings("quoc-gia")))}
    assert {"children.an-giang.name", "children.an-giang.prefixes"} <= found
    assert not [name for name in found if "tay-ninh" in name]


@pytest.mark.parametrize("accepted", [True, False])
def test_a_neighbour_that_has_another_name_is_followed_at_a_reload(tree: Tree, accepted: bool) -> None:
    """No restart of the node above it: what went to the old name is asked about, or sent, under the new one."""
    with open_worker(tree.settings("quoc-gia")) as parent:
        parent.declare()
        digest = sent(parent, tree, 1)
        if accepted:
            with parent.node.ledger.book() as book:
                [one] = book.deliveries.of([digest])
                book.deliveries.move([change_of(one, Event.ACCEPT, due_at=parent.node.now(), far_accepted=True)])
        text = tree.config("quoc-gia").read_text(encoding="utf-8")
        named = text.replace('name = "tay-ninh"', 'name = "tay-ninh-moi"\nformerly = ["tay-ninh"]', 1)
        assert named != text
        tree.config("quoc-gia").write_text(named, encoding="utf-8")
        assert parent.reload(load(tree.config("quoc-gia")))
        parent.look_at_journal()
        with parent.node.ledger.book() as book:
            [one] = book.deliveries.of([digest])
        assert one.route == "link:tay-ninh-moi"
        assert one.route in parent.node.links
