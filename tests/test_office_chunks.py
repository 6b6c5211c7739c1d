"""Envelopes larger than a message of the hub, between a node and an office that is attached to it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.chunked import ChunkedEnvelope, decode_chunked, encode_chunked
from edxml_router.core.link.wire import decode_chunk
from edxml_router.demo.letters import File
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.transport import topology
from edxml_router.wiring.composition import build_rules
from tests.test_pipeline import Nodes, letter, nodes
from tests.test_pushed import Office, arrived, office, settle, standing, upward

__all__ = ["nodes", "office"]  # fixtures

PIECE = 8_000  # bytes
LARGE = [File("b.pdf", 5 * PIECE)]


def submit(office: Office, data: bytes, pieces: list[bytes], number: int = 1) -> None:
    digest = hashlib.sha256(data).hexdigest()
    for each, piece in enumerate(pieces):
        office.say("chunk", piece, number=100 * number + each)
    count = -(-len(data) // PIECE)
    office.say("submit-chunks", encode_chunked(ChunkedEnvelope(digest, len(data), count)), number=number)


def pieces_of(data: bytes) -> list[bytes]:
    return list(body_chunks(MemoryBody(data), hashlib.sha256(data).hexdigest(), PIECE))


def verdict(office: Office, number: int = 1) -> dict[str, object]:
    [one] = office.take()
    assert (one.message.kind, one.message.correlation) == ("verdict", f"submit-chunks-{number}")
    told: dict[str, object] = json.loads(one.message.body)
    return told


def test_an_office_hands_in_what_no_message_holds(nodes: Nodes, office: Office) -> None:
    data = letter(nodes, ["H53"], files=LARGE)
    submit(office, data, pieces_of(data))
    assert nodes.step("quoc-gia").back == []
    told = verdict(office)
    assert (told["accepted"], told["digest"]) == (True, hashlib.sha256(data).hexdigest())
    nodes.settle()
    assert nodes.states("tay-ninh", str(told["digest"])) == {"H53": State.AVAILABLE}
    # Sent again, its manifest alone is enough: the node has the envelope.
    submit(office, data, [], number=2)
    nodes.step("quoc-gia")
    again = verdict(office, 2)
    assert (again["accepted"], again["repeated"]) == (True, True)


def test_an_office_whose_chunks_are_not_all_there_is_told_to_send_them_again(nodes: Nodes, office: Office) -> None:
    data = letter(nodes, ["H53"], files=LARGE)
    pieces = pieces_of(data)
    submit(office, data, pieces[1:])
    assert len(nodes.step("quoc-gia").back) == 1  # another worker may have the rest
    taken: list[Arrival] = []
    while not taken:
        nodes.step("quoc-gia")
        taken = office.take()
    told = json.loads(taken[0].message.body)
    assert (told["accepted"], told["try_again"], told["problem"]["code"]) == (False, True, "EDX708")
    submit(office, data, pieces[:1], number=2)
    nodes.step("quoc-gia")
    assert verdict(office, 2)["accepted"] is True


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (b"", "EDX704"),
        (b"<edXML/>", "EDX704"),
        (encode_chunked(ChunkedEnvelope("ab" * 32, 10**12, 3)), "EDX102"),
        (encode_chunked(ChunkedEnvelope("ab" * 32, 10, 100_000)), "EDX704"),
    ],
    ids=["nothing", "an envelope", "too large", "too many"],
)
def test_a_manifest_that_is_none_gets_its_verdict(nodes: Nodes, office: Office, manifest: bytes, code: str) -> None:
    office.say("submit-chunks", manifest)
    nodes.step("quoc-gia")
    told = verdict(office)
    problem = told["problem"]
    assert isinstance(problem, dict)
    assert (told["accepted"], problem["code"]) == (False, code)


def test_a_chunk_that_is_none_is_answered(nodes: Nodes, office: Office) -> None:
    office.say("chunk", b"rubbish")
    nodes.step("quoc-gia")
    [answer] = office.take()
    assert (answer.message.kind, answer.message.correlation) == ("answer", "chunk-1")
    assert json.loads(answer.message.body)["problem"]["code"] == "EDX704"


def test_an_office_gets_in_chunks_what_no_message_holds(nodes: Nodes, office: Office) -> None:
    opened = nodes["quoc-gia"]
    [own] = opened.settings.offices
    assert opened.settings.hub is not None
    small = replace(opened.settings.hub, max_message_bytes=PIECE)
    opened.node.rules = build_rules(replace(opened.settings, hub=small, offices=(replace(own, chunks=True),)))
    opened.transports[0].largest_message = PIECE  # type: ignore[misc]
    data = letter(nodes, ["G22"], sender="H53", files=LARGE)
    answer = nodes.send("tay-ninh", data)
    settle(nodes)
    taken = office.take()
    assert {one.message.kind for one in taken[:-1]} == {"chunk"}
    last = taken[-1].message
    name = f"{answer.digest}.G22"
    assert (last.kind, last.id) == ("envelope-chunks", name)
    assert {one.message.correlation for one in taken[:-1]} == {name}
    assert all(len(one.message.body) <= PIECE for one in taken)
    whole = b"".join(decode_chunk(one.message.body)[1] for one in taken[:-1])
    assert whole == data
    assert decode_chunked(last.body) == ChunkedEnvelope(answer.digest, len(data), len(taken) - 1)
    office.say("confirm", correlation=name)
    nodes.step("quoc-gia")
    assert standing(nodes, "quoc-gia", answer.digest).state is State.CONFIRMED
    opened.transports[0].largest_message = 10**6  # type: ignore[misc]
    small_one = arrived(nodes, number=2)
    settle(nodes)
    assert [one.message.kind for one in office.take()][-1] == "envelope"
    assert standing(nodes, "quoc-gia", small_one).state is State.AVAILABLE


def test_chunks_of_one_office_are_not_another_ones(nodes: Nodes, office: Office) -> None:
    """A node below has sent the same chunks; the office has not."""
    data = upward(nodes)
    down = nodes["tay-ninh"].transports[0]
    for number, piece in enumerate(pieces_of(data)):
        assert down.publish([Parcel(topology.up("tay-ninh"), Message("chunk", f"c{number}", piece))]) == [None]
    submit(office, data, [])
    assert len(nodes.step("quoc-gia").back) == 1
