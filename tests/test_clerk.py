"""A clerk reads, answers and writes for one office, through the services of offices; the journal names the person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Refusal
from edxml_router.services.axis.headings import Headings
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.drafts import DraftRefused
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.offices import clerk
from tests.letters.conftest import Desk, desk, letter, pki, settings  # noqa: F401  # fixtures

PDF = b"%PDF-1.7\n\xff\x00 " + b"x" * 3000


def order(**members: Any) -> Order:
    draft = letter(recipients=["H01"], **members)
    return Order("letter", json.dumps(draft, ensure_ascii=False).encode(), {"Báo cáo quý III.pdf": PDF})


def acts(desk: Desk) -> list[tuple[str, str, str]]:  # noqa: F811
    lines = desk.node.ledger.views.lines(event="clerk.acted")
    return [(line.entry.actor, line.entry.recipient, str(line.entry.detail)) for line in lines]


def forward(desk: Desk) -> None:  # noqa: F811
    pipeline.forward(desk.node)


def test_a_clerk_writes_another_opens_and_confirms(desk: Desk) -> None:  # noqa: F811
    node, workshop, headings = desk.node, Workshop(desk.settings), Headings()
    assert clerk.seals_held(node, workshop, "tinh") == {"G22": False, "H01": True}
    [one] = clerk.write(node, workshop, "xa", order(), "lan")
    assert one.answer is not None
    assert one.answer.accepted
    forward(desk)
    page = clerk.mail(node, headings, "tinh")
    [row] = page.ready
    assert page.headings[row.envelope.digest].subject == "V/v báo cáo kết quả quý III"
    name = row.delivery.name
    opened = clerk.open_letter(node, "tinh", name, "hoa")
    assert opened.is_ready
    assert opened.verdict.finding is None
    about, pieces = clerk.enclosed(node, "tinh", name, 1, "hoa")
    assert (about.name, b"".join(pieces)) == ("Báo cáo quý III.pdf", PDF)
    assert clerk.take(node, "tinh", name, "hoa") is None
    after = clerk.mail(node, headings, "tinh")
    assert [item.delivery.state for item in (*after.ready, *after.taken)] == [State.CONFIRMED]
    sent, told = clerk.sent(node, headings, "xa")
    assert [each.found.outcome for each in sent.envelopes] == ["confirmed"]
    assert told[one.answer.digest].number == "125/UBND-VP"
    assert acts(desk) == [
        ("person:lan", "", "hands it in for xa"),
        ("person:hoa", "H01", "opens it for tinh"),
        ("person:hoa", "H01", "opens it for tinh"),  # the attachment
        ("person:hoa", "H01", "confirms it for tinh"),
    ]


def test_a_letter_goes_back_with_a_reason_only(desk: Desk) -> None:  # noqa: F811
    node = desk.node
    clerk.write(node, Workshop(desk.settings), "xa", order(), "lan")
    forward(desk)
    [row] = clerk.mail(node, Headings(), "tinh").ready
    with pytest.raises(Refusal, match="reason"):
        clerk.send_back(node, "tinh", row.delivery.name, " \n", "hoa")
    assert clerk.send_back(node, "tinh", row.delivery.name, "Không thuộc thẩm quyền", "hoa") is None
    [back] = clerk.sent(node, Headings(), "xa")[0].envelopes[0].deliveries
    assert (back.delivery.state, back.delivery.detail) == (State.RETURNED, "Không thuộc thẩm quyền")
    with pytest.raises(Refusal) as late:
        clerk.open_letter(node, "tinh", row.delivery.name, "hoa")
    assert late.value.code == "EDX606"
    assert acts(desk)[-1] == ("person:hoa", "H01", "returns it for tinh")


def test_a_clerk_reaches_no_letter_of_another_office(desk: Desk) -> None:  # noqa: F811
    node, workshop = desk.node, Workshop(desk.settings)
    clerk.write(node, workshop, "xa", order(), "lan")
    forward(desk)
    [row] = clerk.mail(node, Headings(), "tinh").ready
    name, before = row.delivery.name, acts(desk)
    for act in (
        lambda: clerk.open_letter(node, "xa", name, "lan"),
        lambda: clerk.enclosed(node, "xa", name, 1, "lan"),
        lambda: clerk.take(node, "xa", name, "lan"),
        lambda: clerk.send_back(node, "xa", name, "mine", "lan"),
        lambda: clerk.open_letter(node, "xa", "%", "lan"),
        lambda: clerk.take(node, "xa", "../" * 40, "lan"),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == "EDX606"
    assert acts(desk) == before
    assert [one.delivery.state for one in clerk.mail(node, Headings(), "tinh").ready] == [State.AVAILABLE]
    assert not clerk.mail(node, Headings(), "xa").ready
    assert not clerk.sent(node, Headings(), "tinh")[0].envelopes
    for gone in (lambda: clerk.mail(node, Headings(), "gone"), lambda: clerk.hand_in(node, "gone", b"<x/>", "lan")):
        with pytest.raises(Refusal) as refused:
            gone()
        assert refused.value.code == "EDX403"


def test_what_the_node_cannot_sign_is_not_sent_and_nobody_sends_for_others(desk: Desk) -> None:  # noqa: F811
    node, workshop = desk.node, Workshop(desk.settings)
    with pytest.raises(DraftRefused) as refused:
        clerk.write(node, workshop, "xa", order(sender="H01"), "lan")
    assert refused.value.code == "EDX401"
    draft = json.dumps(letter(recipients=["H01.151"], sender="G22")).encode()
    [one] = clerk.write(node, workshop, "tinh", Order("letter", draft), "hoa")
    assert one.answer is None
    assert one.composed.waiting is not None
    folder = desk.settings.node.data / "unsigned"
    assert [path for path in folder.rglob("*") if path.is_file()] == []  # nothing waits that nobody can sign
    forged = clerk.hand_in(node, "xa", b"<edXML/>", "lan")
    assert not forged.accepted
    assert not clerk.sent(node, Headings(), "tinh")[0].envelopes
