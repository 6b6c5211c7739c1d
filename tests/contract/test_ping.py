"""Each step towards a broker is tried by itself, and the first that fails says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router.demo.servers import free_port
from edxml_router.services.flow.reaching import reach
from edxml_router.transport.rabbitmq import steps
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.steps import connection_steps
from tests.contract import test_transport_tls as tls
from tests.contract.hubs import RabbitHub
from tests.contract.test_transport_tls import Credentials, credentials

__all__ = ["credentials"]  # a fixture


def seen(settings: RabbitSettings) -> list[tuple[str, str]]:
    return [(step.name, step.finding.code if step.finding else "") for step in connection_steps(settings)]


def test_every_step_to_a_broker_that_answers(
    rabbit: RabbitHub, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tls.node(rabbit, credentials, "a")
    reached = tls.reach(node)
    found = list(connection_steps(reached))
    assert seen(reached) == [(name, "") for name in ("name", "tcp", "tls", "login")]
    assert "days more" in found[2].detail
    told = {check.name: check.finding and check.finding.code for check in reach(node, "root")}
    assert {name: told[name] for name in ("name", "tcp", "tls", "login", "mailbox")} == dict.fromkeys(
        ("name", "tcp", "tls", "login", "mailbox")
    )
    assert told["taker"] == "EDX709"
    monkeypatch.setattr(steps, "_SOON", timedelta(days=100_000))
    assert seen(reached) == [("name", ""), ("tcp", ""), ("tls", "EDX690"), ("login", "")]


def test_the_first_that_fails_is_the_last(rabbit: RabbitHub, credentials: Credentials) -> None:
    reached = tls.reach(tls.node(rabbit, credentials))
    assert seen(replace(reached, host="mq.invalid")) == [("name", "EDX701")]
    assert seen(replace(reached, port=free_port())) == [("name", ""), ("tcp", "EDX701")]
    strange = tls.reach(tls.node(rabbit, credentials, tls_ca=credentials.strangers.anchors))
    assert seen(strange)[2:] == [("tls", "EDX707")]
    assert seen(replace(reached, password="wrong"))[2:] == [("tls", ""), ("login", "EDX706")]
