"""Why a broker cannot be reached or does not let us in, in words that an operator can act on, in both languages."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from servers import HOST, Broker, free_port

from edxml_router.cli.details import vietnamese
from edxml_router.core.problems import Setback
from edxml_router.transport import rabbitmq
from edxml_router.transport.amqp_connection import RabbitSettings


def said(settings: RabbitSettings) -> tuple[str, str]:
    with pytest.raises(Setback) as caught:
        rabbitmq.depths(settings, ["edx.submit.x"])
    finding = caught.value.finding
    assert vietnamese(finding.detail) != finding.detail
    return finding.code, finding.detail


def test_each_cause_has_its_words(broker: Broker) -> None:
    good = RabbitSettings(HOST, broker.user, broker.password, broker.port)
    assert said(replace(good, port=free_port())) == (
        "EDX701", "nobody listens there: another host or port, or a broker that is not running"
    )  # fmt: skip
    assert said(replace(good, host="mq.khong-co.invalid")) == ("EDX701", "the host's name is unknown")
    assert said(replace(good, password="falsch")) == ("EDX706", "it does not take this user and password")
    code, detail = said(replace(good, vhost="/khong-co"))
    assert (code, detail) == ("EDX706", "the user may not enter this virtual host")


def test_what_is_no_broker_is_called_so() -> None:
    with closing(socket.create_server((HOST, 0))) as server:
        server.listen()
        port = server.getsockname()[1]

        def answer() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(8)
                taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        code, _ = said(RabbitSettings(HOST, "x", "y", port))
        assert code == "EDX701"
