"""Transfers as the national axis tells of them, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core.axis.states import TransportState
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.message.envelope import Kind
from edxml_router.core.message.heading import Heading, heading
from edxml_router.core.problems import Refusal
from edxml_router.services import office, operator
from edxml_router.services.axis import transfers
from edxml_router.services.axis.transfers import ListedTransfer, TransferQuery
from edxml_router.services.node import serving
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode
from tests import fixtures
from tests.contract.databases import Database

ALL = TransferQuery()


@pytest.fixture
def node(database: Database, tmp_path: Path) -> Iterator[StoredNode]:
    """A node with two offices, of which one serves two agencies; both have an exception for unsigned envelopes."""
    file, url = tmp_path / "node.toml", make_url(database.url)
    password = tmp_path / "password"
    password.write_text(url.password or "", encoding="utf-8")
    password.chmod(0o600)
    exception = 'unsigned = { until = 2099-12-31, reason = "phần mềm chưa ký số" }'
    file.write_text(
        f"""
[node]
name = "h53"
data = "data"

[store]
url = "{url._replace(password=None).render_as_string()}"
{'password_file = "password"' if url.password else ""}

[[offices]]
name = "vp"
agencies = ["H53", "H53.09"]
{exception}

[[offices]]
name = "vpcp"
agencies = ["000.00.00.G22"]
{exception}
""",
        encoding="utf-8",
    )
    serving.make(file)
    with node_of(load(file)) as opened:
        yield opened


def send(node: StoredNode, number: int, *to: str, chosen: tuple[str, ...] = (), sender: str = "G22") -> Acceptance:
    """A document of this number, from the office of its sender."""
    data = fixtures.document(sender=sender, to=list(to), document_id=f"{number}/VPCP")
    return hand_in(node, data, "vpcp" if sender == "G22" else "vp", chosen)


def hand_in(node: StoredNode, data: bytes, peer: str, chosen: tuple[str, ...] = ()) -> Acceptance:
    [answer] = pipeline.accept(node, [Submission(MemoryBody(data), peer, "sdk", chosen=chosen)])
    while pipeline.forward(node):
        pass
    return answer


def states(found: list[ListedTransfer]) -> list[tuple[str, str, str]]:
    return [(one.envelope.document_id, one.delivery.recipient, str(one.state)) for one in found]


def test_a_transfer_goes_from_initial_to_its_end_and_both_sides_see_it(node: StoredNode) -> None:
    for number in (1, 2, 3):
        assert send(node, number, "H53").accepted
    assert states(transfers.received(node, "vp", ALL)) == [
        ("1/VPCP", "H53", "initial"),
        ("2/VPCP", "H53", "initial"),
        ("3/VPCP", "H53", "initial"),
    ]
    names = [one.delivery.name for one in transfers.received(node, "vp", ALL)]
    first, second, third = (transfers.letter(node, "vp", name) for name in names)
    assert heading(transfers.fetch(node, first)).number == "12/UBND-VP"
    assert transfers.update(node, second, TransportState.PROCESSING, "đang tải") is None
    assert [one.state for one in transfers.received(node, "vp", ALL)] == ["processing", "processing", "initial"]
    assert transfers.waiting(node, "vp", Kind.DOCUMENT) == 3
    for _ in range(2):  # a client repeats itself
        assert transfers.update(node, first, TransportState.DONE, "đã vào sổ") is None
        assert transfers.update(node, second, TransportState.FAIL, "tệp hỏng") is None
    refused = transfers.update(node, second, TransportState.DONE, "")
    assert refused is not None
    assert refused.code == "EDX607"
    found = transfers.received(node, "vp", ALL)
    assert states(found) == [
        ("3/VPCP", "H53", "initial"),
        ("2/VPCP", "H53", "fail"),
        ("1/VPCP", "H53", "done"),
    ]
    assert found[1].description.endswith("tệp hỏng")
    assert found[2].description.endswith("đã vào sổ")
    assert transfers.waiting(node, "vp", Kind.DOCUMENT) == 1
    told = {one.delivery.name: one for one in transfers.sent(node, "vpcp", ALL)}
    assert [str(told[one.name].state) for one in (first, second, third)] == ["done", "fail", "initial"]
    assert told[second.name].description == "EDX801 tệp hỏng"
    assert told[first.name].description == "đã vào sổ"
    assert {str(transfers.sending_state(one.delivery)) for one in told.values()} == {"done"}


def test_what_is_said_twice_is_noted_once(node: StoredNode) -> None:
    send(node, 1, "H53")
    [one] = transfers.received(node, "vp", ALL)
    letter = transfers.letter(node, "vp", one.delivery.name)
    for words in ("đang tải", "đang tải", "đã tải", "đã tải"):
        transfers.update(node, letter, TransportState.PROCESSING, words)
    lines = node.ledger.views.lines(event="delivery.processing")
    assert [line.entry.detail for line in lines] == ["đang tải", "đã tải"]
    assert lines[0].entry.actor == "vp"


def test_the_recipient_is_told_what_nobody_has_signed(node: StoredNode) -> None:
    send(node, 1, "H53")
    [one] = transfers.received(node, "vp", ALL)
    assert "not signed" in one.description
    assert "phần mềm chưa ký số" in one.description


def test_nobody_sees_anothers_letters(node: StoredNode) -> None:
    send(node, 1, "H53")
    [one] = transfers.received(node, "vp", ALL)
    assert not transfers.received(node, "vpcp", ALL)
    assert not transfers.sent(node, "vp", ALL)
    stolen = transfers.letter(node, "vpcp", one.delivery.name)
    with pytest.raises(Refusal, match="EDX606"):
        transfers.fetch(node, stolen)
    for state in TransportState:
        if state is not TransportState.INITIAL:
            finding = transfers.update(node, stolen, state, "")
            assert finding is not None
            assert finding.code == "EDX606"


def test_a_digest_names_a_letter_where_it_is_one(node: StoredNode) -> None:
    send(node, 1, "H53")
    send(node, 2, "H53", "H53.09")
    alone, *both = transfers.received(node, "vp", ALL)
    assert transfers.letter(node, "vp", alone.delivery.digest).name == alone.delivery.name
    with pytest.raises(Refusal, match="EDX613"):
        transfers.letter(node, "vp", both[0].delivery.digest)
    for unknown in ("0" * 64, "", "5bebcfeff858e3e0cc154762", "..", alone.delivery.digest[:12]):
        with pytest.raises(Refusal, match="EDX606"):
            transfers.fetch(node, transfers.letter(node, "vp", unknown))


def test_an_office_chooses_among_the_recipients_that_were_signed(node: StoredNode) -> None:
    assert send(node, 1, "H53", "H53.09", chosen=("000.00.09.H53",)).recipients == ("H53.09",)
    again = send(node, 1, "H53", "H53.09", chosen=("H53",))
    assert again.repeated
    assert states(transfers.received(node, "vp", ALL)) == [
        ("1/VPCP", "H53.09", "initial"),
        ("1/VPCP", "H53", "initial"),
    ]
    refused = send(node, 2, "H53", chosen=("H53", "G12"))
    assert refused.finding is not None
    assert refused.finding.code == "EDX424"
    assert "G12" in refused.finding.detail
    nowhere = send(node, 3, "H53", "H60.99.99", chosen=("H53",))  # who gets it on paper is not the node's business
    assert nowhere.recipients == ("H53",)


def test_a_status_reaches_its_addressee_whatever_a_client_still_says(node: StoredNode) -> None:
    data = fixtures.status(sender="H53", response=fixtures.response_for("G22"), code="03")
    assert hand_in(node, data, "vp", chosen=("H53.09",)).recipients == ("G22",)
    [one] = transfers.received(node, "vpcp", TransferQuery(kind=Kind.STATUS))
    assert one.state is TransportState.INITIAL
    assert not transfers.received(node, "vpcp", TransferQuery(kind=Kind.DOCUMENT))
    assert transfers.waiting(node, "vpcp", Kind.STATUS) == 1


def test_lists_are_cut_where_nothing_is_lost(node: StoredNode) -> None:
    for number in range(1, 7):
        send(node, number, "H53")
    for one in transfers.received(node, "vp", ALL)[:3]:
        transfers.update(node, transfers.letter(node, "vp", one.delivery.name), TransportState.DONE, "")
    assert states(transfers.received(node, "vp", TransferQuery(limit=4))) == [
        ("4/VPCP", "H53", "initial"),
        ("5/VPCP", "H53", "initial"),
        ("6/VPCP", "H53", "initial"),
        ("3/VPCP", "H53", "done"),
    ]
    assert len(transfers.sent(node, "vpcp", TransferQuery(limit=2))) == 2
    now = node.now()
    for query in (TransferQuery(until=now - timedelta(days=1)), TransferQuery(since=now + timedelta(days=1))):
        assert not transfers.received(node, "vp", query)
        assert not transfers.sent(node, "vpcp", query)


def test_what_was_sent_is_found_by_either_name(node: StoredNode) -> None:
    digest = send(node, 1, "H53", "H53.09").digest
    send(node, 2, "H53")
    assert len(transfers.sent(node, "vpcp", TransferQuery(document=digest))) == 2
    [one] = transfers.sent(node, "vpcp", TransferQuery(document=f"{digest}.H53.09"))
    assert one.delivery.name == f"{digest}.H53.09"
    assert not transfers.sent(node, "vpcp", TransferQuery(document="5bebcfeff858"))
    assert not transfers.sent(node, "vpcp", TransferQuery(document="1/VPCP"))


def test_what_was_withdrawn_fails_for_its_sender_and_is_gone_for_its_recipient(node: StoredNode) -> None:
    send(node, 1, "H53")
    [one] = transfers.received(node, "vp", ALL)
    operator.perform(node, Event.CANCEL, [one.delivery.id], "lan", "gửi nhầm")
    assert not transfers.received(node, "vp", ALL)
    [told] = transfers.sent(node, "vpcp", ALL)
    assert (told.state, transfers.sending_state(told.delivery)) == (TransportState.FAIL, TransportState.FAIL)
    assert told.description.startswith("EDX803")


def test_a_heading_is_read_without_the_attachments() -> None:
    data = fixtures.document(subject="V/v báo cáo & kế hoạch <2026>")
    told = Heading("H53.02", "V/v báo cáo & kế hoạch <2026>", "12/UBND-VP", ("cong-van.pdf",))
    assert heading(MemoryBody(data)) == told
    cut = data[: data.index(b"<AttachmentEncoded") + 60]  # what comes behind is not looked at
    assert heading(MemoryBody(cut)) == heading(MemoryBody(data))
    status = fixtures.status(description="Đã vào sổ")
    assert heading(MemoryBody(status)) == Heading("H41.03", "Đã vào sổ", "12/UBND-VP")
    assert heading(MemoryBody(b"<edXML/>")) == Heading()
    assert heading(MemoryBody(b"")) == Heading()


def test_a_returned_letter_needs_no_reason_but_its_sender_is_told_one(node: StoredNode) -> None:
    send(node, 1, "H53")
    [one] = transfers.received(node, "vp", ALL)
    assert transfers.update(node, office.InboxLetter("vp", one.delivery.name), TransportState.FAIL, " ") is None
    [told] = transfers.sent(node, "vpcp", ALL)
    assert "without a reason" in told.description
