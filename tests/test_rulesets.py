"""Sets of rules as bytes: what is written is read again, and of what changes little most stays."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from edxml_router.core.agencies.agency import Agency, Alias, Succession
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.agencies.rows import AGENCIES
from edxml_router.core.delivery.terms import DeliveryTerms, IntakeLimits, Policy, UnsignedException
from edxml_router.core.link.route import Route
from edxml_router.core.message.classification import Markings
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.standing import KnownAnswers, Responder
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.stages.rulesets.pieces import der_pieces, line_pieces, part_name
from edxml_router.stages.rulesets.reading import read_rules
from edxml_router.stages.rulesets.writing import kept_rules
from tests import certificates

NOON = datetime(2026, 11, 28, 5, tzinfo=UTC)


@cache
def lists() -> tuple[bytes, ...]:
    """Made once: each signature is another."""
    return certificates.crl(issuer=certificates.issuing()), certificates.crl(issuer=certificates.root())


def rules(answer: bytes = b"answer") -> Rules:
    root, between, leaf = certificates.root(), certificates.issuing(), certificates.leaf()
    known = KnownAnswers(
        [Responder(between.certificate), Responder(root.certificate, leaf)],
        {certificates.leaf(code).fingerprint(hashes.SHA256()): answer + code.encode() for code in ("H53.02", "G22")},
    )
    agencies = [Agency("H53", "UBND tỉnh", "province"), Agency("H53.02", 'Sở "A", B', "department", "H53")]
    return Rules(
        limits=IntakeLimits(max_bytes=70_000, judging_time=timedelta(seconds=1.5)),
        registry=Registry.build(
            agencies,
            [Alias("sgd", "H53.02", date(2026, 1, 1), None, "x"), Alias("sgd", "H53", None, date(2025, 12, 31), "x")],
            [Succession("H53", "H53.02", None, "part", False, "x")],
            digest="ab" * 32,
        ),
        routes=Routes({"H53": "vp"}, {"H53.02": "so"}, "quoc-gia", None),
        trust=TrustStore.from_pem(
            write_pem([root.certificate]),
            write_pem([between.certificate]),
            lists(),
            known=known,
        ),
        bindings=Bindings(
            [
                BindingRow(Act.BIND, "ab" * 32, "H53", reason="hai  chữ"),
                BindingRow(Act.BLOCK, "H53.02", since=NOON, until=NOON + timedelta(days=1)),
            ]
        ),
        peers={
            "vp": Peer("vp", PeerRole.OFFICE, codes=frozenset({"H53"})),
            "so": Peer(
                "so",
                PeerRole.CHILD,
                frozenset({"H53.02"}),
                unsigned=UnsignedException(date(2026, 12, 31), "hệ thống cũ", frozenset({"H53.02"})),
            ),
        },
        delivery=DeliveryTerms(lifetime=timedelta(days=7)),
        policy=Policy(("mật",), timedelta(days=3), timedelta(hours=1)),
        markings=Markings(("mật",)),
        engine=Engine.BOTH,
        largest={Route.office("vp"): 5000},
    )


def fetching(parts: Mapping[str, bytes]) -> object:
    def fetch(names: Collection[str]) -> Mapping[str, bytes]:
        return {name: parts[name] for name in names if name in parts}

    return fetch


def test_what_is_written_is_read_again() -> None:
    before = rules()
    kept = kept_rules("h53", before)
    past = read_rules(kept.digest, fetching(kept.parts))  # type: ignore[arg-type]
    after = past.rules
    assert past.digests() == before.digests()  # the catalogue, the schemas, and all of trust and bindings
    for name in ("limits", "peers", "routes", "delivery", "policy", "engine", "largest"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.bindings.rows == before.bindings.rows
    assert list(after.registry) == list(before.registry)
    assert list(after.registry.every_alias()) == list(before.registry.every_alias())
    assert after.registry.successions("H53") == before.registry.successions("H53")
    assert after.markings.degrees == before.markings.degrees
    assert kept_rules("h53", after) == kept  # and gives the same bytes


def test_another_answer_is_another_set_and_shares_the_rest() -> None:
    one, two = kept_rules("h53", rules()), kept_rules("h53", rules(b"newer"))
    assert one.digest != two.digest
    # Two answers, the lists of them, and the set itself.
    assert len(two.parts.keys() - one.parts.keys()) <= 5 < len(two.parts)


def test_no_part_may_be_altered_or_missing() -> None:
    kept = kept_rules("h53", rules())
    for name in kept.parts:
        for parts in ({**kept.parts, name: b"{}"}, {each: kept.parts[each] for each in kept.parts if each != name}):
            with pytest.raises(Refusal) as refused:
                read_rules(kept.digest, fetching(parts))  # type: ignore[arg-type]
            assert refused.value.code == "EDX634"


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        (b'{"format":"edxml-rules/2"}', "EDX629"),
        (b'{"format":"edxml-rules/1","trust":[]}', "EDX634"),
        (b"[" * 100_000, "EDX629"),
        (b"", "EDX629"),
    ],
    ids=["later", "odd", "deep", "empty"],
)
def test_what_no_version_has_written(odd: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_rules(part_name(odd), fetching({part_name(odd): odd}))  # type: ignore[arg-type]
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"lifetime":604800.0', b'"lifetime":1e300'), (b'"engine":"both"', b'"engine":"none"'), (b'"node":', b'"nude":')],
    ids=["number", "word", "name"],
)
def test_a_set_that_says_something_else(old: bytes, new: bytes) -> None:
    kept = kept_rules("h53", rules())
    odd = kept.parts[kept.digest].replace(old, new)
    assert odd != kept.parts[kept.digest]
    with pytest.raises(Refusal) as refused:
        read_rules(part_name(odd), fetching({**kept.parts, part_name(odd): odd}))  # type: ignore[arg-type]
    assert refused.value.code == "EDX634"


def altered(change: Callable[[dict[str, Any], str], None], part: bytes) -> tuple[str, Mapping[str, bytes]]:
    """A set as whoever has the database may write it: every part is what its digest says."""
    kept = kept_rules("h53", rules())
    told = json.loads(kept.parts[kept.digest])
    change(told, part_name(part))
    odd = json.dumps(told).encode()
    return part_name(odd), {**kept.parts, part_name(part): part, part_name(odd): odd}


def test_a_set_is_no_larger_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that names one part a million times is short."""
    monkeypatch.setattr("edxml_router.stages.rulesets.reading.MOST_BYTES", 10_000_000)
    digest, parts = altered(lambda told, name: told["trust"]["lists"].append([name] * 1000), b"x" * 60_000)
    with pytest.raises(Refusal, match=r"EDX634.*larger"):
        read_rules(digest, fetching(parts))  # type: ignore[arg-type]


def test_a_catalogue_that_no_csv_reader_takes() -> None:
    def change(told: dict[str, Any], name: str) -> None:
        told["agencies"]["files"][AGENCIES.file] = [name]

    digest, parts = altered(change, b"x" * 200_000)
    with pytest.raises(Refusal, match="EDX634"):
        read_rules(digest, fetching(parts))  # type: ignore[arg-type]


def test_pieces_are_the_whole_and_mostly_stay() -> None:
    chance = random.Random(7)  # noqa: S311  # the same bytes each time
    lines = b"".join(b"H53.%d,UBND %d\n" % (number, chance.random() * 1e9) for number in range(20_000))
    data = chance.randbytes(600_000)
    for cut, whole, changed in (
        (line_pieces, lines, lines[:300_000] + b"\nx" + lines[300_000:]),
        (der_pieces, data, data[:300_000] + b"x" + data[300_000:]),
    ):
        pieces = list(cut(whole))
        assert b"".join(pieces) == whole
        assert b"".join(cut(changed)) == changed
        assert len(pieces) > 5 and max(map(len, pieces)) <= 2 * 64 * 1024
        assert len(set(cut(changed)) - set(pieces)) <= 2


def test_what_judges_receipts_is_no_part() -> None:
    before = rules()
    peers = {**before.peers, "so": replace(before.peers["so"], unsigned_receipts=True)}
    assert kept_rules("h53", replace(before, peers=peers)).digest == kept_rules("h53", before).digest
