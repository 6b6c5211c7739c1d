"""`edxml-router link` on a real broker: the child has only what it was handed."""

from __future__ import annotations

import json
import shutil
import stat
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import File, Post
from edxml_router.demo.servers import Broker
from edxml_router.intake import batch
from edxml_router.services import trial_authority
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.store.database import migrate
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import LARGEST_MESSAGE
from edxml_router.transport.rabbitmq.definitions import user
from edxml_router.wiring import broker_limit, composition, hubs, own_ledger
from edxml_router.wiring.composition import RunningNode
from tests.cli.conftest import call, rows
from tests.contract.hubs import until

PARENT = """
[node]
name = "quoc-gia"
key = "quoc-gia.key.pem"
certificate = "quoc-gia.cert.pem"

[hub]
kind = "rabbitmq"
host = "{host}"
port = {port}
vhost = "{vhost}"
password_file = "quoc-gia.password"
tls_ca = "anchors.pem"
tls_certificate = "quoc-gia.cert.pem"
tls_key = "quoc-gia.key.pem"

[[offices]]
name = "vpcp"
agencies = ["G22"]

[trust]
anchors = "anchors.pem"
"""
CHILD = """
[node]
name = "{name}"
key = "{name}.key.pem"
certificate = "{name}.cert.pem"

[[offices]]
name = "vp"
agencies = ["H53"]

[trust]
anchors = "hub-ca.pem"

"""


@dataclass
class Ground:
    """A node with a hub of its own on the shared broker, before it has any children."""

    folder: Path
    pki: Path
    broker: Broker
    vhost: str

    @property
    def config(self) -> Path:
        return self.folder / "node.toml"

    def link(self, name: str, *more: str | Path) -> Path:
        """The folder that the command makes."""
        folder = self.folder / f"link-{name}"
        result = call("--config", self.config, "link", name, "--to", folder, *more)
        assert result.exit_code == 0, result.output
        return folder

    def take_in(self, folder: Path) -> None:
        """What the operator does with here/."""
        part = folder / "here" / "node.toml.part"
        self.config.write_text(self.config.read_text() + "\n" + part.read_text())
        self.broker.ctl("import_definitions", str(folder / "here" / "definitions.json"))

    def child(self, name: str, folder: Path) -> Path:
        """What the child's operator does with there/; the configuration."""
        home = self.folder / name
        shutil.copytree(folder / "there", home)
        config = home / "node.toml"
        config.write_text(CHILD.format(name=name) + (home / "node.toml.part").read_text())
        return config


@pytest.fixture(scope="module")
def vhost(broker: Broker, links_pki: Path) -> str:
    """A virtual host whose owner the operator has made, as docs/operations.md says."""
    now = datetime.now(UTC)
    trial_authority.issue_node(links_pki, "quoc-gia", now)
    for agency in ("G22", "H53"):
        trial_authority.issue(links_pki, agency, now)
    made = {
        "vhosts": [{"name": "link"}],
        "users": [user("quoc-gia", "secret", b"salt")],
        "permissions": [{"vhost": "link", **topology.permissions("quoc-gia", topology.HubRole.OWNER)._asdict()}],
    }
    file = links_pki / "owner.json"
    file.write_text(json.dumps(made))
    broker.ctl("import_definitions", str(file))
    return "link"


@pytest.fixture
def ground(broker: Broker, links_pki: Path, tmp_path: Path, vhost: str) -> Ground:
    for file in ("anchors.pem", "quoc-gia.key.pem", "quoc-gia.cert.pem"):
        shutil.copy(links_pki / file, tmp_path)
    (tmp_path / "quoc-gia.password").touch(mode=0o600)
    (tmp_path / "quoc-gia.password").write_text("secret\n")
    made = Ground(tmp_path, links_pki, broker, vhost)
    made.config.write_text(PARENT.format(host=broker.host, port=broker.tls_port, vhost=vhost))
    return made


@pytest.fixture
def opening() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(stack: ExitStack, config: Path) -> RunningNode:
    settings = load(config)
    settings.node.data.mkdir()
    with closing(own_ledger.open_ledger(settings)) as ledger:
        migrate.upgrade(ledger.engine)
    return stack.enter_context(composition.open_worker(settings))


def send(node: RunningNode, office: str, data: bytes) -> str:
    [answer] = pipeline.accept(node.node, [Submission(MemoryBody(data), office, "cli")])
    assert answer.accepted, answer.finding
    return answer.digest


def turn(node: RunningNode) -> None:
    for transport in node.transports:
        batch.receive(node.node, transport, transport.take(100, 0.3))
    pipeline.forward(node.node)
    pipeline.report(node.node)


def states(node: RunningNode, digest: str) -> dict[str, State]:
    with node.node.ledger.book() as book:
        return {one.recipient: one.state for one in book.deliveries.of([digest])}


@pytest.mark.parametrize("login", ["password", "certificate"])
def test_a_child_that_has_only_what_it_was_handed_delivers_and_gets_mail(
    ground: Ground, opening: ExitStack, login: str
) -> None:
    name = f"tay-ninh-{login}"
    folder = ground.link(name, "--agency", "H53", "--pki", ground.pki, "--login", login)
    ground.take_in(folder)
    config = ground.child(name, folder)
    parent = opened(opening, ground.config)
    parent.declare()  # finds the queues of the definitions as it wants them
    child = opened(opening, config)
    post = Post(ground.pki)
    down = send(parent, "vpcp", post.document("G22", ["H53"], 1, "V/v thử nghiệm"))
    up = send(child, "vp", post.document("H53", ["G22"], 2, "V/v thử nghiệm"))

    def arrived() -> bool:
        turn(parent)
        turn(child)
        return (states(parent, up), states(child, down)) == ({"G22": State.AVAILABLE}, {"H53": State.AVAILABLE})

    until(arrived)


def test_a_child_that_is_added_by_a_reload_is_heard_without_a_restart(ground: Ground, opening: ExitStack) -> None:
    """Its intake is new; the running node takes from it from then on."""
    parent = opened(opening, ground.config)
    parent.declare()
    folder = ground.link("tay-ninh-sau", "--agency", "H53", "--pki", ground.pki)
    config = ground.child("tay-ninh-sau", folder)
    ground.take_in(folder)
    parent.reload(load(ground.config))
    parent.declare()
    child = opened(opening, config)
    up = send(child, "vp", Post(ground.pki).document("H53", ["G22"], 3, "V/v thử nghiệm"))
    turn(child)
    until(lambda: turn(parent) or states(parent, up) == {"G22": State.AVAILABLE})


def test_what_is_handed_over_opens_nothing_else(ground: Ground) -> None:
    folder = ground.link("h53", "--agency", "H53", "--code", "G09", "--pki", ground.pki)
    ground.take_in(folder)
    settings = load(ground.config)
    assert [(one.name, one.prefixes, one.codes) for one in settings.children] == [("h53", ("H53",), ("G09",))]
    assert settings.children[0].certificate is not None
    there = load(ground.child("h53", folder))
    assert there.parent is not None
    reached = hubs.rabbit_settings(there, there.hubs["parent"])
    with pytest.raises(Setback) as caught:
        rabbitmq.declare(reached, ["h53"], [])
    assert caught.value.code == "EDX706"


def test_secrets_are_for_their_owner_alone_and_not_on_this_side(ground: Ground) -> None:
    folder = ground.link("h54", "--agency", "H54", "--pki", ground.pki)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert {name for name, mode in modes.items() if mode == 0o600} == {
        "definitions.json",
        "h54.password",
        "h54.key.pem",
        "h54.log.key.pem",
    }
    password = (folder / "there" / "h54.password").read_text().strip()
    assert len(password) > 40
    assert not any(password in path.read_text() for path in (folder / "here").iterdir())
    assert not (folder / "here" / "h54.key.pem").exists()
    assert not (folder / "here" / "h54.log.key.pem").exists()


def test_an_office_gets_its_mailbox_and_no_other(ground: Ground) -> None:
    folder = ground.link("so-yte", "--office", "--agency", "H53.33")
    ground.take_in(folder)
    [_, office] = load(ground.config).offices
    assert (office.name, office.agencies, office.attach) == ("so-yte", ("H53.33",), "amqp")
    connection = tomllib.loads((folder / "there" / "node.toml.part").read_text())["office"]
    password = (folder / "there" / connection["hub"]["password_file"]).read_text().strip()
    credentials = pika.PlainCredentials(connection["hub"]["user"], password)
    reached = pika.ConnectionParameters(ground.broker.host, ground.broker.port, connection["hub"]["vhost"], credentials)
    with pika.BlockingConnection(reached) as opened_as:
        channel = opened_as.channel()
        channel.confirm_delivery()
        mine = pika.BasicProperties(user_id="so-yte", type="submit")
        channel.basic_publish(connection["exchange"], connection["routing_key"], b"<edXML/>", mine, mandatory=True)
        assert channel.basic_get(connection["inbox"]) == (None, None, None)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            channel.basic_get(topology.submission("so-yte"))


def test_a_child_that_is_configured_already_gets_its_files_only(ground: Ground) -> None:
    ground.config.write_text(ground.config.read_text() + '\n[[children]]\nname = "h01"\nprefixes = ["H01"]\n')
    folder = ground.link("h01")
    assert {path.name for path in (folder / "here").iterdir()} == {"definitions.json"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("quoc-gia", "--agency", "H53"), 78, "EDX901"),  # the node itself
        (("vpcp", "--agency", "H53"), 78, "EDX901"),  # an office is no child
        (("Tây Ninh", "--agency", "H53"), 78, "EDX901"),
        (("h53", "--agency", "???"), 1, "EDX503"),
        (("h53",), 2, "--agency"),
        (("h53", "--office", "--code", "H53"), 2, "--code"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    ground: Ground, arguments: tuple[str, ...], status: int, said: str
) -> None:
    result = call("--config", ground.config, "link", *arguments, "--to", ground.folder / "made")
    assert (result.exit_code, said in result.stderr) == (status, True)
    assert not (ground.folder / "made").exists()


def test_nothing_is_overwritten(ground: Ground) -> None:
    folder = ground.link("h55", "--agency", "H55")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = call("--config", ground.config, "link", "h55", "--agency", "H55", "--to", folder)
    assert (again.exit_code, "EDX908" in again.stderr) == (1, True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_hub_that_is_a_folder_needs_no_broker(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text('[node]\nname = "a"\n[hub]\nkind = "local"\npath = "hub"\n')
    result = call("--config", config, "link", "new", "b", "--agency", "H53", "--to", tmp_path / "b", "--json")
    [said] = rows(result)
    assert {Path(file).name for file in said["files"]} == {"node.toml.part"}
    there = tomllib.loads((tmp_path / "b" / "there" / "node.toml.part").read_text())
    assert there["parent"] == {"name": "a", "hub": {"kind": "local", "path": str(tmp_path / "hub")}}
    certificate = call("--config", config, "link", "c", "--agency", "H01", "--login", "certificate")
    assert (certificate.exit_code, "EDX901" in certificate.stderr) == (78, True)


def test_the_definitions_say_what_the_topology_says(ground: Ground) -> None:
    made = json.loads((ground.link("h56", "--agency", "H56") / "here" / "definitions.json").read_text())
    assert {queue["name"] for queue in made["queues"]} == set(topology.mailboxes(["h56"], []))
    [permission] = made["permissions"]
    assert permission == {"vhost": ground.vhost, **topology.permissions("h56", "child", "h56")._asdict()}
    assert made["users"][0]["tags"] == ""


@contextmanager
def taking(broker: Broker, most: int) -> Iterator[None]:
    """The broker takes messages of so many bytes on channels that are opened from now on."""
    broker.ctl("eval", f"application:set_env(rabbit, max_message_size, {most}).")
    try:
        yield
    finally:
        broker.ctl("eval", f"application:set_env(rabbit, max_message_size, {LARGEST_MESSAGE}).")


def test_a_link_learns_what_its_broker_takes(ground: Ground, opening: ExitStack) -> None:
    """A broker that takes less than the settings say: the first piece tells, and smaller ones go."""
    folder = ground.link("tay-ninh-nho", "--agency", "H53", "--pki", ground.pki)
    ground.take_in(folder)
    config = ground.child("tay-ninh-nho", folder)
    parent = opened(opening, ground.config)
    parent.declare()
    child = opened(opening, config)
    rules = parent.node.rules
    parent.node.rules = replace(rules, delivery=replace(rules.delivery, retry_first=timedelta(milliseconds=1)))
    letter = Post(ground.pki).document("G22", ["H53"], 5, "V/v thử nghiệm", files=[File("a.pdf", 300_000)])
    with taking(ground.broker, 60_000):
        down = send(parent, "vpcp", letter)
        turn(parent)
        with parent.node.ledger.book() as book:
            [one] = book.deliveries.of([down])
        assert (one.state, one.code) == (State.DEFERRED, "EDX702")
        until(lambda: turn(parent) or turn(child) or states(child, down) == {"H53": State.AVAILABLE})


def test_doctor_compares_the_broker_with_the_settings(ground: Ground) -> None:
    """Asked with one message more than it may take; a good answer stands, a bad one is asked for again."""
    now = datetime.now(UTC)

    def found(size: str) -> tuple[str, str]:
        lines = ground.config.read_text().splitlines()
        given = [f'max_message_bytes = "{size}"'] if size else []
        ground.config.write_text("\n".join([one for one in lines if "max_message_bytes" not in one]))
        ground.config.write_text(ground.config.read_text().replace("[hub]", "\n".join(["[hub]", *given])))
        settings = load(ground.config)
        _, finding = broker_limit.look(settings, settings.hubs["hub"], now)
        return (finding.code, finding.detail) if finding else ("", "")

    opened_once = load(ground.config)
    rabbitmq.declare(hubs.rabbit_settings(opened_once, opened_once.hubs["hub"]), [], [])  # type: ignore[arg-type]
    opened_once.node.data.mkdir()
    assert found("8 MiB") == ("EDX913", f"set max_message_size to {8 * 1024 * 1024}")
    code, detail = found("32 MiB")
    assert (code, f"at most {LARGEST_MESSAGE} bytes" in detail) == ("EDX713", True)
    assert found("") == ("", "")
    with taking(ground.broker, 2 * LARGEST_MESSAGE):
        assert found("") == ("", "")  # today it is not asked again
        now += timedelta(days=1)
        assert found("")[0] == "EDX913"
        assert found("")[0] == "EDX913"
    assert found("") == ("", "")


@pytest.mark.parametrize("written", ["", "[]", "{", '{"at": 1}', '{"at": "2026-01-01"}'])
def test_a_damaged_answer_is_asked_for_again(ground: Ground, written: str) -> None:
    settings = load(ground.config)
    rabbitmq.declare(hubs.rabbit_settings(settings, settings.hubs["hub"]), [], [])
    settings.node.data.mkdir()
    (settings.node.data / broker_limit.FILE).write_text(written)
    assert broker_limit.look(settings, settings.hubs["hub"], datetime.now(UTC))[1] is None
    assert "bytes" in (settings.node.data / broker_limit.FILE).read_text()


def test_what_a_link_without_certificates_lacks_is_said(tmp_path: Path, ground: Ground) -> None:
    config = tmp_path / "bare.toml"
    config.write_text('[node]\nname = "a"\n[hub]\nkind = "local"\npath = "hub"\n')
    said = call("--config", config, "link", "new", "b", "--agency", "H53", "--to", tmp_path / "b").stdout
    assert said.count("EDX411") == 2  # neither side can prove its receipts
    assert 'certificate = "b.cert.pem"' in (tmp_path / "b" / "here" / "node.toml.part").read_text()
    without = call("--config", ground.config, "link", "new", "h57", "--agency", "H57", "--to", tmp_path / "c", "--json")
    assert rows(without)[0]["missing"] == ["child_unproven", "no_tls_key"]
    whole = ["link", "new", "h58", "--agency", "H58", "--to", tmp_path / "d", "--pki", ground.pki, "--json"]
    assert rows(call("--config", ground.config, *whole))[0]["missing"] == []
    office = ["link", "new", "vp", "--office", "--agency", "H01", "--to", tmp_path / "e", "--json"]
    assert rows(call("--config", config, *office))[0]["missing"] == []  # an office gives no receipts
