"""Time stamps as openssl makes them: what is read of them, and that nothing in them can be changed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.proof.time_stamp import ANSWER_MAX, StampQuery, read_stamp, stamp_query, token_in_answer
from edxml_router.core.trust import der
from edxml_router.credentials.keys import load_certificates
from tests.authority import POLICY, StampAuthority, openssl_verifies

DATA = b"a checkpoint\n"
EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))


@dataclass(frozen=True)
class Stamped:
    """A question, its answer, and whom to trust."""

    authority: StampAuthority
    query: StampQuery
    answer: bytes
    anchors: tuple[x509.Certificate, ...]

    @property
    def token(self) -> bytes:
        return token_in_answer(self.answer)


@pytest.fixture(scope="module", params=["ec -pkeyopt ec_paramgen_curve:P-256", "rsa:2048"], ids=["ecdsa", "rsa"])
def stamped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    with StampAuthority(tmp_path_factory.mktemp("tsa"), request.param) as authority:
        query = stamp_query(DATA)
        yield Stamped(authority, query, authority.reply(query.text), load_certificates(authority.anchors))


def test_a_stamp_says_when_and_who(stamped: Stamped, tmp_path: Path) -> None:
    found = read_stamp(stamped.token, DATA, stamped.anchors, stamped.query.nonce, POLICY)
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert (found.signer, found.policy, found.accuracy) == ("CN=Stamps", POLICY, timedelta(seconds=1))
    for name, content in (("data", DATA), ("other", b"other"), ("token", stamped.token)):
        (tmp_path / name).write_bytes(content)
    assert openssl_verifies(tmp_path / "data", tmp_path / "token", stamped.authority.anchors)
    assert not openssl_verifies(tmp_path / "other", tmp_path / "token", stamped.authority.anchors)


def test_what_is_kept_has_neither_root_nor_what_nobody_signed(stamped: Stamped) -> None:
    root = stamped.anchors[0].public_bytes(Encoding.DER)
    assert root in stamped.answer
    assert root not in stamped.token
    assert token_in_answer(der.value(der.SEQUENCE, bytes.fromhex("3003020100") + stamped.token)) == stamped.token


def test_certificates_in_any_order_are_read(stamped: Stamped) -> None:
    """openssl writes them as its configuration has them; the library takes only one order."""
    tokens = set()
    chain = stamped.authority.folder / "chain.pem"
    kept = chain.read_bytes()
    parts = [part + b"-----END CERTIFICATE-----\n" for part in kept.split(b"-----END CERTIFICATE-----\n")[:-1]]
    for order in (parts, parts[::-1]):
        chain.write_bytes(b"".join(order))
        answer = stamped.authority.reply(stamped.query.text)
        tokens.add(len(token_in_answer(answer)))
        assert read_stamp(token_in_answer(answer), DATA, stamped.anchors, stamped.query.nonce)
    chain.write_bytes(kept)


def test_what_does_not_count(stamped: Stamped, tmp_path: Path) -> None:
    token, anchors, nonce = stamped.token, stamped.anchors, stamped.query.nonce
    with pytest.raises(ValueError, match="over something else"):
        read_stamp(token, DATA + b"x", anchors, nonce)
    with pytest.raises(ValueError, match="another question"):
        read_stamp(token, DATA, anchors, nonce + 1)
    with pytest.raises(ValueError, match=r"another policy: 1\.2\.3\.4\.1"):
        read_stamp(token, DATA, anchors, nonce, "1.2.3.4.2")
    others = StampAuthority(tmp_path / "other")
    with pytest.raises(ValueError, match="trusted: certificate verify error"):
        read_stamp(token, DATA, load_certificates(others.anchors), nonce)


def test_answers_that_are_none(stamped: Stamped) -> None:
    refusal = stamped.authority.reply(b"not a query")
    with pytest.raises(ValueError, match=r"refuses: status 2 .*[Bb]ad"):
        token_in_answer(refusal)
    for answer in (b"", b"<html>", stamped.answer[:-1], stamped.answer + b"\0", stamped.token, b"0\x80\0\0"):
        with pytest.raises(ValueError, match="not a"):
            token_in_answer(answer)
    with pytest.raises(ValueError, match="without a time stamp"):
        token_in_answer(bytes.fromhex("30053003020100"))
    with pytest.raises(ValueError, match="more than 65536 bytes"):
        token_in_answer(bytes(ANSWER_MAX + 1))


def test_no_bit_of_a_stamp_can_be_changed(stamped: Stamped) -> None:
    token, chosen = stamped.token, random.Random(1)  # noqa: S311  # a choice of tests
    places = range(len(token)) if EXHAUSTIVE else sorted(chosen.sample(range(len(token)), 300))
    for place in places:
        for bit in range(8) if EXHAUSTIVE else (chosen.randrange(8),):
            changed = bytearray(token)
            changed[place] ^= 1 << bit
            with pytest.raises(ValueError):  # whichever part it is
                read_stamp(bytes(changed), DATA, stamped.anchors)


def test_damaged_answers_end_in_words(stamped: Stamped) -> None:
    chosen = random.Random(2)  # noqa: S311  # as above
    for _ in range(5000 if EXHAUSTIVE else 300):
        changed = bytearray(stamped.answer)
        for _ in range(chosen.randrange(1, 4)):
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
        try:
            read_stamp(token_in_answer(bytes(changed)), DATA, stamped.anchors, stamped.query.nonce)
        except ValueError as error:
            assert len(str(error)) < 300
