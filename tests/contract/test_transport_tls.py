"""TLS between a node and a broker: each side shows a certificate, and a failure says which one is wrong."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import wiring
from edxml_router.config import Settings, load
from edxml_router.core.problems import Refusal, Setback
from edxml_router.store import pki_files
from edxml_router.store.pki_files import Files
from edxml_router.transport import rabbitmq, topology
from edxml_router.transport.amqp_connection import RabbitSettings
from tests.contract.hubs import PASSWORD, VHOST, RabbitHub, collect, parcel, until
from tests.contract.test_transport import CHILD_A, DOWN, codes, ids


@dataclass
class Credentials:
    """Certificates of the broker's authority, and of a stranger's with the same name."""

    pki: Path
    good: Files
    strangers: Files
    expired: Files
    folder: Path


@pytest.fixture(scope="module")
def credentials(links_pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    now = datetime.now(UTC)
    elsewhere = tmp_path_factory.mktemp("strangers") / "pki"
    pki_files.init(elsewhere, now)
    folder = tmp_path_factory.mktemp("files")
    password = folder / "child-a.password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    return Credentials(
        links_pki,
        pki_files.issue_node(links_pki, "child-a", now),
        pki_files.issue_node(elsewhere, "child-a", now),
        pki_files.issue_node(links_pki, "late", now - timedelta(days=pki_files.LEAF_DAYS + 1), ["127.0.0.1"]),
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
    return wiring.rabbit_settings(settings, settings.parent.hub)


@pytest.mark.parametrize("login", ["password", "certificate"])
def test_both_show_a_certificate_and_mail_goes_both_ways(
    rabbit: RabbitHub, credentials: Credentials, login: str
) -> None:
    secret = "child-a.password" if login == "password" else ""
    reached = reach(node(rabbit, credentials, login=login, password_file=secret))
    assert reached.tls is not None
    assert reached.tls.minimum_version == ssl.TLSVersion.TLSv1_2
    assert reached.tls.check_hostname
    child = rabbit.over(reached, CHILD_A)
    owner = rabbit.open("node", [topology.UP])
    assert codes([*child.publish([parcel(topology.UP, 1)]), *owner.publish([parcel(DOWN, 2)])]) == ["", ""]
    [arrival] = collect(owner, 1)
    assert arrival.peer == "child-a"
    assert ids(collect(child, 1)) == ["m2"]


def test_the_brokers_other_name_is_asked_for_by_server_name(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = reach(node(rabbit, credentials, server_name="mq.example.vn"))
    assert rabbitmq.depths(reached, [DOWN]) == {DOWN: 0}


def refused(rabbit: RabbitHub, reached: RabbitSettings, reason: str) -> None:
    """Said by the window of messages, by the state of the transport, and by a question, each time."""
    child = rabbit.over(reached, CHILD_A)
    [finding] = child.publish([parcel(topology.UP)])
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
    assert reached.tls is not None
    reached.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return reached


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
        pki_files.issue_node(credentials.pki, "nobody", datetime.now(UTC))
    hub = {"login": "certificate", "password_file": "", "user": "nobody"}
    reached = reach(node(rabbit, credentials, tls_key=files[0], tls_certificate=files[1], **hub))
    assert codes(rabbit.over(reached).publish([parcel(topology.UP)])) == ["EDX706"]


def test_a_key_that_belongs_to_another_certificate_is_named(rabbit: RabbitHub, credentials: Credentials) -> None:
    with pytest.raises(Refusal) as caught:
        reach(node(rabbit, credentials, tls_key=credentials.strangers.key))
    assert caught.value.code == "EDX902"
    assert "KEY_VALUES_MISMATCH" in caught.value.finding.detail

