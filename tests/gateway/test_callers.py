"""Who calls is known by a token or a certificate, asked anew for each request; everybody else is kept out."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.credentials.keys import load_certificates
from edxml_router.services import trial_authority
from edxml_router.services.gateway import tokens
from tests.gateway.world import World, digest, problem

_DER = Encoding.DER


def hand_in(world: World, client: httpx.Client) -> httpx.Response:
    data = world.letter()
    return client.put(f"/v1/envelopes/{digest(data)}", content=data)


def test_a_token_stands_for_its_office_until_it_is_revoked(world: World) -> None:
    text = world.token("vp")
    client = world.client(token=text)
    assert hand_in(world, client).status_code == 201
    row = tokens.revoke(world.worker.ledger, text.split("_")[1], "test")
    assert row.sha256 not in text
    world.desk._tokens_at = float("-inf")  # the second is over for which it may still count
    answer = hand_in(world, client)
    assert (answer.status_code, problem(answer)) == (401, "EDX415")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert [line.entry.recipient for line in world.journal("token.revoked")] == ["vp"]
    assert text.split("_", 2)[2] not in str(world.journal("token.issued"))


@pytest.mark.parametrize("spoilt", ["", "edx_abcdefgh_xyz", "Bearer", "nothing"])
def test_what_is_no_token_of_this_node_is_refused(world: World, spoilt: str) -> None:
    answer = hand_in(world, world.client(token=spoilt or "x"))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_the_secret_counts_and_not_the_name(world: World) -> None:
    text = world.token("vp")
    world.desk._tokens_at = float("-inf")
    answer = hand_in(world, world.client(token=text[:-1] + ("A" if text[-1] != "A" else "B")))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_token_that_has_expired_is_refused(world: World) -> None:
    answer = hand_in(world, world.client(token=world.token("vp", days=0)))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_token_is_for_its_scopes_only(world: World) -> None:
    answer = hand_in(world, world.client(token=world.token("vp", scopes=("receive",))))
    assert (answer.status_code, problem(answer)) == (403, "EDX416")


def test_without_credentials_nobody_is_let_in(world: World) -> None:
    answer = hand_in(world, world.client())
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_certificate_that_is_bound_to_no_office_is_refused(world: World) -> None:
    answer = hand_in(world, world.client("stranger"))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_credentials_of_two_offices_do_not_go_together(world: World) -> None:
    answer = hand_in(world, world.client("so", token=world.token("vp")))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_proxy_that_nobody_has_listed_cannot_name_a_certificate(world: World) -> None:
    [der] = [one.public_bytes(_DER) for one in load_certificates(world.pki / "client-vp.cert.pem")[:1]]
    named = f":{base64.b64encode(der).decode()}:"
    answer = hand_in(world, world.client(**{"client-cert": named}))
    assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_listed_proxy_names_the_certificate_and_its_own_counts_for_nothing(tmp_path: Path) -> None:
    with World(tmp_path, 'proxies = ["127.0.0.0/8"]') as world:
        der = load_certificates(world.pki / "client-vp.cert.pem")[0].public_bytes(_DER)
        named = f":{base64.b64encode(der).decode()}:"
        assert hand_in(world, world.client("stranger", **{"client-cert": named})).status_code == 201
        answer = hand_in(world, world.client("vp", **{"client-cert": ":bm90aGluZw==:"}))
        assert (answer.status_code, problem(answer)) == (401, "EDX415")


def test_a_certificate_that_is_revoked_counts_for_nothing_on_a_living_connection(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = world.client("vp")
        assert hand_in(world, client).status_code == 201
        serial = load_certificates(world.pki / "client-vp.cert.pem")[0].serial_number
        trial_authority.revoke(world.pki, f"{serial:x}", datetime.now(UTC))
        world.desk._lasting.renew_trust()  # what the desk does twice a second
        answer = hand_in(world, client)
        assert (answer.status_code, problem(answer)) == (401, "EDX415")
        assert answer.extensions["network_stream"].get_extra_info("ssl_object") is not None
        assert hand_in(world, world.client("so")).status_code == 403  # whose letter it is not, but who is known


def test_an_office_that_asks_too_often_is_put_off_and_told_when_to_come_again(tmp_path: Path) -> None:
    with World(tmp_path, "requests = 2") as world:
        client = world.client("vp")
        first = hand_in(world, client)
        assert first.headers["ratelimit-policy"] == '"requests";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"requests";r=1;')
        assert hand_in(world, client).status_code == 201
        answer = hand_in(world, client)
        assert (answer.status_code, problem(answer)) == (429, "EDX417")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert hand_in(world, world.client("so")).status_code == 403  # another office is not put off
