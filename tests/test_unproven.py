"""Outcomes that rest on a neighbour's word are told to the operator, and so is what this node cannot prove itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.core.link.statement import NOT_ENTITLED, UNSIGNED
from edxml_router.demo.tree import Tree
from edxml_router.intake import batch
from edxml_router.services import trial_authority
from edxml_router.services.health.trust import served
from edxml_router.services.health.witnesses import outcomes
from tests.test_pipeline import PLANS, Nodes, nodes
from tests.test_proof import (
    END,
    MIDDLE,
    SENDER,
    confirmed,
    drops_the_proof,
    makes_up_a_confirmation_itself,
)
from tests.test_trust_reload import change

__all__ = ["nodes"]  # the fixture

Lie = Callable[[Nodes, str], None]


def lied_about(nodes: Nodes, lie: Lie, number: int = 1) -> str:
    """A letter of which the node between says what ``lie`` does, while the true word is under way."""
    digest = confirmed(nodes, number)
    nodes.step(END)
    for hub in nodes[MIDDLE].transports:
        batch.receive(nodes[MIDDLE].node, hub, hub.take(100, 0.0))
    lie(nodes, digest)
    return digest


def told(nodes: Nodes) -> list[tuple[str, str]]:
    return [(f.code if f else "", d) for d, f in outcomes(nodes.tree.settings(SENDER))]


def test_doctor_names_what_rests_on_a_word_until_it_is_proven(nodes: Nodes) -> None:
    assert told(nodes) == [("", "none of the last 30 days is unproven")]
    unsigned, made_up = lied_about(nodes, drops_the_proof), lied_about(nodes, makes_up_a_confirmation_itself, 2)
    documents = {
        digest: nodes[SENDER].node.ledger.views.find_envelopes(digest=digest)[0].envelope.document_id
        for digest in (unsigned, made_up)
    }
    assert told(nodes) == [
        ("EDX635", f"{MIDDLE}: 1 ended by its word alone, say {documents[unsigned]}; "
         f"`edxml-router link unproven {MIDDLE}` lists them"),
        (NOT_ENTITLED, f"{MIDDLE}: 1 ended by its word alone, say {documents[made_up]}; "
         f"`edxml-router link unproven {MIDDLE}` lists them"),
    ]  # fmt: skip
    listed = nodes.tree.ask(SENDER, "link", "unproven", MIDDLE)
    assert [(one["digest"], one["problem"]["code"], one["outcome"], one["neighbour"]) for one in listed] == [
        (made_up, NOT_ENTITLED, "confirmed", MIDDLE),
        (unsigned, UNSIGNED, "confirmed", MIDDLE),
    ]
    assert [one["digest"] for one in nodes.tree.ask(SENDER, "link", "unproven", "--code", UNSIGNED)] == [unsigned]
    cut = nodes.tree.run(SENDER, "link", "unproven", "--limit", "1")
    assert NOT_ENTITLED in cut.stdout and UNSIGNED not in cut.stdout and "--limit" in cut.stderr
    assert "EDX606" in nodes.tree.run(SENDER, "link", "unproven", "nobody").stderr

    nodes.clock.at += timedelta(hours=2)  # what the node between keeps in hand goes out now: the proofs come after all
    nodes.settle()
    assert told(nodes) == [("", "none of the last 30 days is unproven")]
    assert nodes.tree.ask(SENDER, "link", "unproven") == []
    assert "alone" in nodes.tree.run(SENDER, "link", "unproven").stdout


def test_doctor_names_what_stays_open_for_want_of_a_proof(nodes: Nodes) -> None:
    rules = nodes[SENDER].node.rules
    nodes[SENDER].node.rules = replace(rules, delivery=replace(rules.delivery, require_proof=True))
    lied_about(nodes, makes_up_a_confirmation_itself)
    [(code, detail)] = told(nodes)
    assert (code, detail) == (
        NOT_ENTITLED,
        f"1 wait for a proof; `edxml-router queue list --code {NOT_ENTITLED}` lists them",
    )
    [waiting] = nodes.tree.ask(SENDER, "queue", "list", "--code", NOT_ENTITLED)
    assert waiting["state"] == "forwarded"


@pytest.mark.parametrize(
    ("serves", "said"),
    [
        (["H01", "H53"], [("", "all 2")]),
        (["H01.*"], [("EDX636", "H53 is not in node.certificate; the turn of quoc-gia, which issues it")]),
    ],
    ids=["all", "one missing"],
)
def test_doctor_names_agencies_that_the_certificate_does_not(
    tmp_path: Path, serves: list[str], said: list[tuple[str, str]]
) -> None:
    with Tree(tmp_path / "tree", PLANS[:2]) as tree:
        name = "tay-ninh"
        change(tree, name, 'agencies = ["H53"]', 'agencies = ["H01", "H53"]')
        again(tree, name, serves)
        settings = tree.settings(name)
        assert [(f.code if f else "", d if f is None else str(f.detail)) for d, f in served(settings)] == said


def again(tree: Tree, name: str, serves: list[str]) -> None:
    for end in ("key.pem", "cert.pem"):
        (tree.pki / f"{name}.{end}").unlink()
    trial_authority.issue_node(tree.pki, name, datetime.now(UTC), serves=serves)
