"""TLS between a node and a broker: each side shows a certificate, and a failure says which one is wrong."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.config import Settings, load
from edxml_router.core import pki
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust.revocation_list import read_lists
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.demo import servers
from edxml_router.demo.servers import Broker
from edxml_router.services import trial_authority
from edxml_router.services.health.checks import CHECKS
from edxml_router.services.trial_authority import KeyFiles
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.tls import Tls
from edxml_router.wiring import hubs
from tests.contract.hubs import PASSWORD, VHOST, RabbitHub, collect, parcel, until
from tests.contract.test_transport import CHILD_A, DOWN, UP, codes, ids


@dataclass
class Credentials:
    """Certificates of the broker's authority, and of a stranger's with the same name."""

    pki: Path
    good: KeyFiles
    strangers: KeyFiles
    expired: KeyFiles
    folder: Path


@pytest.fixture(scope="module")
def credentials(links_pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    now = datetime.now(UTC)
    # In a copy of the broker's authority, since each module that has this fixture issues its own there.
    pki = shutil.copytree(links_pki, tmp_path_factory.mktemp("tls") / "pki")
    elsewhere = tmp_path_factory.mktemp("strangers") / "pki"
    trial_authority.init(elsewhere, now)
    folder = tmp_path_factory.mktemp("files")
    password = folder / "child-a.password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    return Credentials(
        pki,
        trial_authority.issue_node(pki, "child-a", now),
        trial_authority.issue_node(elsewhere, "child-a", now),
        trial_authority.issue_node(pki, "late", now - timedelta(days=trial_authority.LEAF_DAYS + 1), ["127.0.0.1"]),
        folder,
    )


def node(rabbit: RabbitHub, credentials: Credentials, name: str = "child-a", **hub: str | int | Path) -> Settings:
    """A node whose parent's hub is the broker, as its configuration says it."""
    given = {
        "kind": "rabbitmq",
        "host": rabbit.broker.host,
        "port": rabbit.broker.tls_port,
        "vhost": VHOST,
        "user": "child-a",
        "password_file": "child-a.password",
        "tls_ca": credentials.good.anchors,
        "tls_certificate": credentials.good.certificate,
        "tls_key": credentials.good.key,
    } | hub
    texts = {key: value if isinstance(value, int) else repr(str(value)) for key, value in given.items() if value}
    lines = [f"{key} = {text}" for key, text in texts.items()]
    path = credentials.folder / "node.toml"
    path.write_text("\n".join(['[node]', f'name = "{name}"', "[parent]", 'name = "root"', "[parent.hub]", *lines]))
    return load(path)


def reach(settings: Settings) -> RabbitSettings:
    assert settings.parent is not None
    return hubs.rabbit_settings(settings, settings.hubs["parent"])


@pytest.mark.parametrize("login", ["password", "certificate"])
def test_both_show_a_certificate_and_mail_goes_both_ways(
    rabbit: RabbitHub, credentials: Credentials, login: str
) -> None:
    secret = "child-a.password" if login == "password" else ""
    reached = reach(node(rabbit, credentials, login=login, password_file=secret))
    assert reached.tls is not None
    assert reached.tls().minimum_version == ssl.TLSVersion.TLSv1_2
    assert reached.tls().check_hostname
    child = rabbit.over(reached, CHILD_A)
    owner = rabbit.open("node", [UP])
    assert codes([*child.publish([parcel(UP, 1)]), *owner.publish([parcel(DOWN, 2)])]) == ["", ""]
    [arrival] = collect(owner, 1)
    assert arrival.peer == "child-a"
    assert ids(collect(child, 1)) == ["m2"]


def test_the_brokers_other_name_is_asked_for_by_server_name(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = reach(node(rabbit, credentials, server_name="mq.example.vn"))
    assert rabbitmq.depths(reached, [DOWN]) == {DOWN: 0}


def refused(rabbit: RabbitHub, reached: RabbitSettings, reason: str) -> None:
    """Said by the window of messages, by the state of the transport, and by a question, each time."""
    child = rabbit.over(reached, CHILD_A)
    [finding] = child.publish([parcel(UP)])
    assert finding is not None
    assert (finding.code, reason in finding.detail) == ("EDX707", True), finding
    assert until(lambda: child.problem).code == "EDX707"
    with pytest.raises(Setback) as caught:
        rabbitmq.depths(reached, [DOWN])
    assert (caught.value.code, reason in caught.value.finding.detail) == ("EDX707", True)


def test_a_broker_of_another_authority(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = reach(node(rabbit, credentials, tls_ca=credentials.strangers.anchors))
    refused(rabbit, reached, "unable to get local issuer certificate")


def test_a_broker_of_another_name(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = reach(node(rabbit, credentials, server_name="other.example.vn"))
    refused(rabbit, reached, "not valid for 'other.example.vn'")


def until_1_2(reached: RabbitSettings) -> RabbitSettings:
    """In TLS 1.3 a client that writes first may miss why it was refused; in 1.2 it is told during the handshake."""

    def context() -> ssl.SSLContext:
        assert reached.tls is not None
        made = reached.tls()
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        return made

    return replace(reached, tls=context)


def test_no_client_certificate(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = reach(node(rabbit, credentials, tls_certificate="", tls_key=""))
    refused(rabbit, reached, "asks for a client certificate")
    refused(rabbit, until_1_2(reached), "asks for a client certificate")


def test_a_client_certificate_of_another_authority(rabbit: RabbitHub, credentials: Credentials) -> None:
    strange = credentials.strangers
    reached = reach(node(rabbit, credentials, tls_certificate=strange.certificate, tls_key=strange.key))
    refused(rabbit, reached, "certificate")
    refused(rabbit, until_1_2(reached), "does not know the authority of our certificate")


def test_a_client_certificate_that_has_expired(rabbit: RabbitHub, credentials: Credentials) -> None:
    late = credentials.expired
    reached = reach(node(rabbit, credentials, tls_certificate=late.certificate, tls_key=late.key))
    refused(rabbit, reached, "certificate")
    refused(rabbit, until_1_2(reached), "our certificate has expired")


@pytest.fixture
def late_broker(credentials: Credentials) -> Iterator[int]:
    """A port where somebody shows a certificate that has expired."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.expired.certificate, credentials.expired.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_brokers_certificate_that_has_expired(
    rabbit: RabbitHub, credentials: Credentials, late_broker: int
) -> None:
    refused(rabbit, reach(node(rabbit, credentials, port=late_broker)), "certificate has expired")


def test_the_clear_port_is_not_a_way_around(rabbit: RabbitHub, credentials: Credentials) -> None:
    refused(rabbit, reach(node(rabbit, credentials, port=rabbit.broker.port)), "does not speak TLS")


def test_a_certificate_logs_in_nobody_else(rabbit: RabbitHub, credentials: Credentials) -> None:
    """What the file says is compared with the certificate at once, not found out message by message."""
    with pytest.raises(Refusal) as caught:
        reach(node(rabbit, credentials, login="certificate", password_file="", user="child-b"))
    assert (caught.value.code, caught.value.finding.where) == ("EDX901", "hub.tls_certificate")


def test_an_unknown_user_with_a_good_certificate_is_refused_as_such(
    rabbit: RabbitHub, credentials: Credentials
) -> None:
    files = credentials.pki / "nobody.key.pem", credentials.pki / "nobody.cert.pem"
    if not files[0].exists():
        trial_authority.issue_node(credentials.pki, "nobody", datetime.now(UTC))
    hub = {"login": "certificate", "password_file": "", "user": "nobody"}
    reached = reach(node(rabbit, credentials, tls_key=files[0], tls_certificate=files[1], **hub))
    assert codes(rabbit.over(reached).publish([parcel(UP)])) == ["EDX706"]


def test_a_key_that_belongs_to_another_certificate_is_named(rabbit: RabbitHub, credentials: Credentials) -> None:
    with pytest.raises(Refusal) as caught:
        reach(node(rabbit, credentials, tls_key=credentials.strangers.key))
    assert caught.value.code == "EDX902"
    assert "key values mismatch" in caught.value.finding.detail


# --- revocation lists ------------------------------------------------------------------------------------


class Lists:
    """The authority of the links as it might be tomorrow: a copy, so that nobody else's broker is revoked."""

    def __init__(self, pki: Path, folder: Path) -> None:
        self.pki = folder / "pki"
        shutil.copytree(pki, self.pki)
        self.root, self.issuing = self.pki / "root.crl.pem", self.pki / "issuing.crl.pem"
        [self.serial] = [row.serial for row in trial_authority.issued(pki) if row.name == "mq"]

    def texts(self, *paths: Path) -> str:
        return ", ".join(repr(str(path)) for path in paths or (self.root, self.issuing))

    def revoke_broker(self) -> None:
        trial_authority.revoke(self.pki, self.serial, datetime.now(UTC))

    def expire(self) -> None:
        trial_authority.publish(self.pki, datetime.now(UTC) - timedelta(days=2), days=1)

    def revoke_authority(self) -> None:
        root = pki.Issuer(load_key(self.pki / "root.key.pem"), load_certificates(self.pki / "root.cert.pem")[0])
        [issuing] = load_certificates(self.pki / "issuing.cert.pem")
        now = datetime.now(UTC)
        made = pki.revocation_list(root, [pki.RevokedCertificate(issuing.serial_number, now)], number=2, at=now, days=9)
        self.root.write_bytes(made.public_bytes(Encoding.PEM))


@pytest.fixture
def lists(links_pki: Path, tmp_path: Path) -> Lists:
    return Lists(links_pki, tmp_path)


def with_lists(
    rabbit: RabbitHub, credentials: Credentials, lists: Lists, *paths: Path, **hub: str | Path
) -> Settings:
    path = node(rabbit, credentials, **hub).path
    path.write_text(path.read_text() + f"\ntls_crls = [{lists.texts(*paths)}]\n")
    return load(path)


def checked(
    rabbit: RabbitHub, credentials: Credentials, lists: Lists, *paths: Path, **hub: str | Path
) -> RabbitSettings:
    return reach(with_lists(rabbit, credentials, lists, *paths, **hub))


def test_a_broker_in_good_standing_is_reached(rabbit: RabbitHub, credentials: Credentials, lists: Lists) -> None:
    binary = lists.pki / "issuing.crl"
    [made] = read_lists([lists.issuing.read_bytes()])
    binary.write_bytes(made.data)
    for paths in ((lists.root, lists.issuing), (binary, lists.root)):
        assert rabbitmq.depths(checked(rabbit, credentials, lists, *paths), [DOWN]) == {DOWN: 0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Lists.revoke_broker, "it has been revoked"),
        (Lists.revoke_authority, "it has been revoked"),
        (Lists.expire, "the revocation list has expired"),
        (lambda lists: lists.issuing.write_bytes(lists.root.read_bytes()), "no revocation list"),
        (lambda lists: lists.root.write_bytes(lists.issuing.read_bytes()), "no revocation list"),
    ],
    ids=["broker revoked", "authority revoked", "expired", "none of the issuer", "none of the root"],
)
def test_a_broker_that_is_not(
    rabbit: RabbitHub, credentials: Credentials, lists: Lists, change: Callable[[Lists], object], reason: str
) -> None:
    change(lists)
    refused(rabbit, checked(rabbit, credentials, lists), reason)


def test_lists_are_read_again_for_each_connection(rabbit: RabbitHub, credentials: Credentials, lists: Lists) -> None:
    """A node that runs for months: the broker is revoked, the list expires, a new one is put in its place."""
    good = lists.issuing.read_bytes()
    child = rabbit.over(checked(rabbit, credentials, lists), CHILD_A)
    assert codes(child.publish([parcel(UP, 1)])) == [""]
    for change, reason in ((Lists.revoke_broker, "revoked"), (Lists.expire, "expired")):
        change(lists)
        rabbit.broker.ctl("close_all_user_connections", "child-a", "for a test")
        until(lambda reason=reason: child.problem and reason in child.problem.detail)
        until(lambda: codes(child.publish([parcel(UP, 2)])) == ["EDX707"])
    lists.issuing.write_bytes(b"half of a li")
    until(lambda: child.problem and "not a revocation list" in child.problem.detail)
    lists.issuing.write_bytes(good)
    until(lambda: child.problem is None and codes(child.publish([parcel(UP, 3)])) == [""])


def test_doctor_shows_until_when_the_lists_hold(rabbit: RabbitHub, credentials: Credentials, lists: Lists) -> None:
    settings = with_lists(rabbit, credentials, lists)

    def seen() -> list[tuple[str, str]]:
        first_two = islice(CHECKS["parent"](settings), 2)
        return [(detail.partition(",")[0], finding.code if finding else "") for detail, finding in first_two]

    assert seen() == [("root.crl.pem", ""), ("issuing.crl.pem", "")]
    lists.expire()
    assert seen() == [("root.crl.pem", ""), ("issuing.crl.pem", "EDX707")]


def test_a_certificate_among_the_lists_is_no_authority(
    rabbit: RabbitHub, credentials: Credentials, lists: Lists
) -> None:
    lists.root.write_bytes(lists.root.read_bytes() + credentials.good.anchors.read_bytes())
    reached = checked(rabbit, credentials, lists, tls_ca=credentials.strangers.anchors)
    refused(rabbit, reached, "unable to get local issuer certificate")


def test_what_is_no_list_is_said_before_anything_is_connected(
    rabbit: RabbitHub, credentials: Credentials, lists: Lists
) -> None:
    lists.issuing.write_bytes(credentials.good.anchors.read_bytes())
    with pytest.raises(Refusal) as caught:
        checked(rabbit, credentials, lists)
    assert (caught.value.code, caught.value.finding.where) == ("EDX902", str(lists.issuing))


# --- the other way round: what docs/operations.md has the broker check -------------------------------------


OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


@dataclass
class Strict:
    """A broker of its own that looks into the lists in a folder."""

    broker: Broker
    pki: Path
    lists: Path

    def publish(self, *names: str) -> None:
        """Put these lists where the broker looks, under the names it looks for."""
        for path in self.lists.iterdir():
            path.unlink()
        for name in names:
            shutil.copy(self.pki / name, self.lists / f"{name}.pem")
        subprocess.run(["openssl", "rehash", str(self.lists)], check=True, capture_output=True)

    def says(self, files: KeyFiles) -> str:
        """What a node with this certificate is told: "" when it is let in."""
        tls = Tls(files.anchors, files.certificate, files.key)
        settings = RabbitSettings(
            self.broker.host, self.broker.user, self.broker.password, self.broker.tls_port, tls=tls.context
        )
        try:
            rabbitmq.depths(until_1_2(settings), [])
        except Setback as setback:
            return f"{setback.code} {setback.finding.detail}"
        return ""


@pytest.fixture(scope="module")
def strict(servers_folder: Path) -> Iterator[Strict]:
    """Its ``advanced.config`` is the one in docs/operations.md, with other paths."""
    folder = servers_folder / "strict"
    home, lists, pki = folder / "rabbitmq", folder / "crls", folder / "pki"
    lists.mkdir(parents=True)
    home.mkdir()
    trial_authority.init(pki, datetime.now(UTC))
    own = trial_authority.issue_node(pki, "mq", datetime.now(UTC), ["127.0.0.1"])
    [text] = re.findall(r"```erlang\n(.*?)```", OPERATIONS.read_text("utf-8"), re.DOTALL)
    places = {"anchors.pem": own.anchors, "mq.cert.pem": own.certificate, "mq.key.pem": own.key, "crls": lists}
    for name, path in places.items():
        assert f'"/etc/rabbitmq/{name}"' in text
        text = text.replace(f"/etc/rabbitmq/{name}", str(path))
    (home / "advanced.config").write_text(text)
    with servers.rabbitmq(home, servers.BrokerTls(own.anchors, own.certificate, own.key)) as running:
        yield Strict(running, pki, lists)


def test_the_broker_refuses_a_revoked_node_and_all_when_its_lists_have_expired(strict: Strict) -> None:
    now, both = datetime.now(UTC), ("root.crl.pem", "issuing.crl.pem")
    thief, honest = (trial_authority.issue_node(strict.pki, name, now) for name in ("thief", "honest"))
    strict.publish(*both)
    assert (strict.says(thief), strict.says(honest)) == ("", "")
    [serial] = [row.serial for row in trial_authority.issued(strict.pki) if row.name == "thief"]
    trial_authority.revoke(strict.pki, serial, now)
    strict.publish(*both)
    assert (strict.says(thief), strict.says(honest)) == ("EDX707 our certificate has been revoked", "")
    trial_authority.publish(strict.pki, now - timedelta(days=2), days=1)
    strict.publish(*both)
    assert strict.says(honest) == "EDX707 the broker refuses our certificate"
    strict.publish("root.crl.pem")
    assert strict.says(honest) == "EDX707 the broker refuses our certificate"
