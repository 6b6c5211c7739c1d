"""The private servers start, answer, survive what the other tests do to them, and leave nothing behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pika
import pytest
import sqlalchemy

from edxml_router.core.problems import Refusal
from edxml_router.demo import servers
from edxml_router.demo.servers import Broker, ServerError, rabbitmq


def _connect(broker: Broker) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(broker.url))


def test_postgresql_answers(postgresql_url: str) -> None:
    with sqlalchemy.create_engine(postgresql_url).connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1 + 1")).scalar() == 2


def test_the_broker_keeps_what_it_confirmed_over_a_kill(tmp_path: Path) -> None:
    with rabbitmq(tmp_path / "rabbitmq") as broker:
        with _connect(broker) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
            channel.basic_publish("", "kept", b"still here", mandatory=True)
        broker.kill()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((broker.host, broker.port), timeout=5)
        broker.start()
        with _connect(broker) as connection:
            _, _, body = connection.channel().basic_get("kept", auto_ack=True)
            assert body == b"still here"
        assert "kept" in broker.ctl("list_queues", "name")
        pid = broker.pid
        broker.stop()
        with pytest.raises(ServerError, match="not running"):
            broker.suspend()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_server_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "RABBITMQ_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match="apt-get install rabbitmq-server"), rabbitmq(tmp_path / "rabbitmq"):
        pass
