"""Letters from values: what is said becomes the right message, and goes to the right parties."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from edxml_router.core.message.envelope import Business, StatusCode
from edxml_router.core.problems import Refusal
from edxml_router.services import office
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.drafts import DraftRefused
from edxml_router.services.office import SentQuery
from tests.letters.conftest import Desk, letter

PDF = b"%PDF-1.7\n%" + b"x" * 100_000  # long enough to stay out of the tree when it is read again


def mistakes(desk: Desk, name: str, kind: str, draft: Any, files: dict[str, bytes] | None = None) -> dict[str, str]:
    with pytest.raises(DraftRefused) as caught:
        desk.compose(name, kind, draft, files)
    return {finding.where: finding.code for finding in caught.value.findings}


# --- a new letter ---


def test_a_letter_says_what_the_draft_says(desk: Desk) -> None:
    draft = letter(
        recipients=["H01", {"code": "000.00.00.G22", "name": "Văn phòng Chính phủ", "email": "vp@example.vn"}],
        number=125,
        date="2026-03-02",
        place="An Giang",
        type="Báo cáo",
        type_code=1,
        content="Báo cáo & kiến nghị <mới>",
        signer={"name": "Nguyễn Văn Mẫu", "position": "Chủ tịch", "authority": "TM. ỦY BAN NHÂN DÂN"},
        due_date="2026-03-09",
        urgency="flash",
        circulation="Nội bộ",
        typist="NVM",
        copies=2,
        pages=3,
        appendixes=["Phụ lục 1"],
        steering="report",
        answers=[{"sender": "H01", "code": "7/UBND", "date": "2026-02-01", "document_id": "H01,2026/02/01,7/UBND"}],
        tasks=["NV-01"],
        places=["Như trên", "Lưu: VT"],
        paper=True,
        attachments=[{"file": "a.pdf", "name": "Báo cáo.pdf", "description": "bản chính"}, {"file": "b.bin"}],
        staff={"department": "Văn thư", "name": "Trần Thị Ví Dụ", "mobile": "0900000000"},
    )
    answer = desk.send("xa", "letter", draft, {"a.pdf": PDF, "b.bin": b"\0"})
    assert answer.recipients == ("H01", "G22")
    [said, _] = desk.inbox("tinh").values()
    document = said.document
    assert document is not None
    assert said.sender.organ_id == "H01.151" and said.sender.organ_name == "Ủy ban nhân dân xã Định Mỹ"
    assert [(one.organ_id, one.email) for one in said.to] == [("H01", None), ("000.00.00.G22", "vp@example.vn")]
    assert said.to[0].organ_name == "Ủy ban nhân dân tỉnh An Giang"
    assert document.document_id == "H01.151,2026/03/02,125/UBND-VP"
    assert (document.promulgation_date, document.due_date, document.place) == ("2026/03/02", "2026/03/09", "An Giang")
    assert (document.type, document.type_name, document.steering_type) == ("1", "Báo cáo", "3")
    assert (document.subject, document.content) == (draft["subject"], "Báo cáo & kiến nghị <mới>")
    assert (document.competence, document.position, document.full_name) == (
        "TM. ỦY BAN NHÂN DÂN", "Chủ tịch", "Nguyễn Văn Mẫu",
    )  # fmt: skip
    other, business = document.other, document.business
    assert other is not None and business is not None
    assert (other.priority, other.sphere_of_promulgation, other.typer_notation) == ("3", "Nội bộ", "NVM")
    assert (other.promulgation_amount, other.page_amount, other.appendixes) == ("2", "3", ("Phụ lục 1",))
    [about] = document.response_for
    assert (about.organ_id, about.code, about.promulgation_date) == ("H01", "7/UBND", "2026/02/01")
    assert (document.task_codes, document.to_places) == (("NV-01",), ("Như trên", "Lưu: VT"))
    assert (business.kind, business.reason, business.paper) == (Business.NEW, "Văn bản điện tử mới", "1")
    assert business.staff is not None and business.staff.mobile == "0900000000"
    assert said.traces[0].organ_id == "H01.151"
    assert [(one.name, one.content_type, one.size, one.description) for one in said.attachments] == [
        ("Báo cáo.pdf", "application/pdf", len(PDF), "bản chính"),
        ("b.bin", "application/octet-stream", 1, None),
    ]


def test_what_is_left_out_has_its_default(desk: Desk) -> None:
    desk.send("xa", "letter", letter(recipients=["H01"]), {"cong-van.pdf": PDF})
    [said] = desk.inbox("tinh").values()
    document = said.document
    assert document is not None and document.other is not None
    assert (document.type, document.type_name, document.steering_type, document.other.priority) == (
        "1", "Công văn", "1", "0",
    )  # fmt: skip
    assert [one.name for one in said.attachments] == ["cong-van.pdf"]
    assert datetime.strptime(document.promulgation_date or "", "%Y/%m/%d")


def test_the_same_draft_again_is_a_repeat_and_uses_the_seal_once(desk: Desk) -> None:
    first = desk.send("xa", "letter", letter(), {"a.pdf": PDF})
    again = desk.send("xa", "letter", letter(), {"a.pdf": PDF})
    assert (again.digest, again.repeated) == (first.digest, True)
    page = desk.node.ledger.views.lines(event="letter.sealed")
    entries = [line.entry for line in page]
    assert [(one.envelope, one.actor) for one in entries] == [(first.digest, "xa")]
    assert "H01.151" in entries[0].detail
    [other] = desk.compose("xa", "letter", letter(subject="V/v khác"), {"a.pdf": PDF})
    answer = desk.hand_in("xa", other.data)
    assert answer.finding is not None and answer.finding.code == "EDX404"  # the same document's id with other words


def test_all_mistakes_are_told_at_once_each_at_its_place(desk: Desk) -> None:
    draft = letter(
        sender="H01",
        recipients=["H99.99", {"code": "H01", "nmae": "?"}, "no code!"],
        number="123456789012",
        notation="",
        subject="a\x02b",
        date="2099-01-01",
        due_date="tomorrow",
        urgency="now",
        pages=1000,
        document_id="1\u200b2",
        answers=[{"letter": "0123456789ab"}],
        attachments=[{"file": "absent.pdf"}, {"file": "a.pdf", "name": "../a.pdf"}],
        subjct="V/v",
        paper="perhaps",
    )
    assert mistakes(desk, "xa", "letter", draft, {"a.pdf": PDF}) == {
        "/sender": "EDX401",
        "/recipients/0": "EDX501",
        "/recipients/1/nmae": "EDX431",
        "/recipients/2": "EDX503",
        "/number": "EDX431",
        "/notation": "EDX431",
        "/subject": "EDX431",
        "/date": "EDX431",
        "/due_date": "EDX431",
        "/urgency": "EDX431",
        "/pages": "EDX431",
        "/document_id": "EDX215",
        "/answers/0/letter": "EDX606",
        "/attachments/0/file": "EDX206",
        "/attachments/1/name": "EDX209",
        "/subjct": "EDX431",
        "/paper": "EDX431",
    }
    assert mistakes(desk, "xa", "letter", {}) == {
        f"/{name}": "EDX431" for name in ("number", "notation", "subject", "signer", "recipients")
    }
    assert mistakes(desk, "xa", "letter", letter(recipients=["G22", "000.00.00.G22"])) == {"/recipients": "EDX207"}
    assert mistakes(desk, "xa", "letter", letter(recipients=[])) == {"/recipients": "EDX431"}
    assert mistakes(desk, "xa", "letter", letter(subject="Tối mật: x")) == {"/subject": "EDX405"}
    assert mistakes(desk, "xa", "letter", letter(attachments=[]), {"a.pdf": PDF}) == {"/attachments": "EDX206"}
    assert mistakes(desk, "tinh", "letter", letter()) == {"/sender": "EDX431"}  # it sends for two agencies


@pytest.mark.parametrize("data", [b"", b"[", b"\xff", b'{"number": 1, "number": 2}', b"[" * 100_000, b"1"])
def test_what_is_no_object_of_json_is_refused(desk: Desk, data: bytes) -> None:
    with pytest.raises(DraftRefused, match="EDX431"):
        desk.order("xa", Order("letter", data))


# --- statuses ---


def test_every_status_goes_to_the_sender_of_the_letter(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(recipients=["000.00.00.G22"]))
    [name] = desk.inbox("tinh")
    for code in StatusCode:
        if code is StatusCode.RECALL_ASKED:
            continue
        [one] = desk.compose("tinh", "status", {"letter": name, "code": code.value, "description": "Lý do",
                                                "signature": {"by": "office"}})  # fmt: skip
        said, waiting = one.envelope, one.waiting
        assert waiting is not None
        assert (said.sender.organ_id, said.recipients, said.status_code) == ("000.00.00.G22", ("H01.151",), code)
        about = said.status.response_for
        assert (about.document_id, about.code) == (sent.envelope.document_id, "125/UBND-VP")
        assert about.promulgation_date == sent.envelope.document.promulgation_date


def test_a_status_arrives_and_is_seen_beside_what_was_sent(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(recipients=["H01"]))
    [name] = desk.inbox("tinh")
    desk.send("tinh", "status", {"letter": name[:16], "code": "01"})
    desk.send("tinh", "status", {"letter": sent.envelope.document_id if sent.envelope else "", "code": "03",
                                 "staff": {"name": "Trần Thị Ví Dụ"}})  # fmt: skip
    arrived = list(desk.inbox("xa").values())
    assert [one.status_code for one in arrived] == ["01", "03"]
    assert arrived[1].status is not None and arrived[1].status.description == "Đã tiếp nhận"
    page = office.sent(desk.node.ledger.views, "xa", SentQuery())
    [delivery] = page.envelopes[0].deliveries
    assert delivery.status is not None and delivery.status.status_code == "03"


def test_a_reason_is_owed_and_a_status_answers_no_status(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(recipients=["H01"]))
    [name] = desk.inbox("tinh")
    for code in ("02", "16"):
        assert mistakes(desk, "tinh", "status", {"letter": name, "code": code}) == {"/description": "EDX431"}
    assert mistakes(desk, "tinh", "status", {"letter": name, "code": "14"}) == {"/code": "EDX431"}
    assert mistakes(desk, "tinh", "status", {"letter": name, "code": "13"}) == {"/letter": "EDX510"}
    assert mistakes(desk, "xa", "status", {"document": sent.digest, "code": "03"}) == {"/document": "EDX510"}
    assert mistakes(desk, "xa", "status", {"letter": name, "code": "03"}) == {"/letter": "EDX606"}  # it sent that one
    desk.send("tinh", "status", {"letter": name, "code": "03"})
    [told] = desk.inbox("xa")
    assert mistakes(desk, "xa", "status", {"letter": told, "code": "03"}) == {"/letter": "EDX510"}


def test_recipients_are_asked_to_give_back_each_for_itself(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter())
    asked = desk.compose("xa", "status", {"document": sent.digest[:12], "code": "13", "description": "Gửi nhầm"})
    assert [one.envelope.recipients for one in asked] == [("H01",), ("G22",)]
    assert {one.envelope.sender.organ_id for one in asked} == {"H01.151"}
    [one] = desk.compose("xa", "status", {"document": sent.digest, "code": "13", "recipients": ["000.00.00.G22"]})
    assert one.envelope.recipients == ("G22",)  # as the letter named it
    assert mistakes(
        desk, "xa", "status", {"document": sent.digest, "code": "13", "recipients": ["H53"]}
    ) == {"/recipients/0": "EDX431"}


# --- recall, update, replacement ---


def test_a_recall_goes_to_all_who_had_the_letter_and_is_answered_about_it(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(), {"a.pdf": PDF})
    assert sent.envelope is not None
    recall = desk.send("xa", "recall", {"document": sent.envelope.document_id, "reason": "Nhầm phụ lục"})
    assert recall.recipients == ("H01", "G22")
    name, said = next((name, one) for name, one in desk.inbox("tinh").items()
                      if one.business is Business.RECALL and name.endswith(".H01"))  # fmt: skip
    assert said.refers_to == (sent.envelope.document_id,)
    assert not said.attachments
    assert said.document is not None and said.document.business is not None
    assert (said.document.subject, said.document.business.reason) == ("V/v báo cáo kết quả quý III", "Nhầm phụ lục")
    assert said.document_id != sent.envelope.document_id
    [change] = desk.node.ledger.views.changes(
        desk.node.ledger.views.find_envelopes(digest=sent.digest)[0].envelope
    )
    assert change.envelope.digest == recall.digest
    desk.send("tinh", "status", {"letter": name, "code": "15"})
    [agreed] = desk.inbox("xa").values()
    assert (agreed.status_code, agreed.document_id) == ("15", sent.envelope.document_id)
    again = desk.send("xa", "recall", {"document": sent.envelope.document_id, "reason": "Nhầm phụ lục"})
    assert again.repeated
    part = {"document": sent.digest, "reason": "Nhầm", "recipients": ["G22"]}
    assert desk.send("xa", "recall", part).recipients == ("G22",)


def test_an_update_keeps_what_it_does_not_change(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(recipients=["H01"], place="An Giang", pages=3), {"a.pdf": PDF})
    assert sent.envelope is not None
    draft = {"document": sent.digest, "reason": "Sửa trích yếu", "subject": "V/v báo cáo quý III (sửa)",
             "added": ["000.00.00.G22"]}  # fmt: skip
    desk.send("xa", "update", draft)
    said = next(one for one in desk.inbox("tinh").values() if one.business is Business.UPDATE)
    document = said.document
    assert document is not None and document.business is not None and document.other is not None
    assert (document.subject, document.place, document.other.page_amount) == (draft["subject"], "An Giang", "3")
    business = document.business
    assert (business.document_id, business.document_info, business.document_receiver) == (
        sent.envelope.document_id, "1", "1",
    )  # fmt: skip
    assert [(one.organ_id, one.receiver_type) for one in business.receivers or ()] == [("000.00.00.G22", "1")]
    assert [one.organ_id for one in said.to] == ["H01", "000.00.00.G22"]
    [attachment] = said.attachments
    assert (attachment.name, attachment.size) == ("a.pdf", len(PDF))
    only = {"document": sent.digest, "reason": "Bớt nơi nhận", "removed": ["H01"], "added": ["G22"]}
    [one] = desk.compose("xa", "update", only)
    receivers = one.envelope.document.business
    assert (receivers.document_info, [each.receiver_type for each in receivers.receivers]) == ("0", ["1", "0"])
    assert mistakes(desk, "xa", "update", {**only, "added": ["H01"], "removed": ["G22"]}) == {
        "/added/0": "EDX431",
        "/removed/0": "EDX431",
    }


def test_a_replacement_names_what_it_replaces_and_goes_to_whom_that_went(desk: Desk) -> None:
    first = desk.send("xa", "letter", letter(recipients=["H01"]))
    second = desk.send("xa", "letter", letter(recipients=["G22", "H01"], number="126"))
    assert first.envelope and second.envelope
    draft = letter(number="127", replaces=[first.digest, second.envelope.document_id], recipients=None)
    del draft["recipients"]
    answer = desk.send("xa", "replacement", draft)
    assert answer.recipients == ("H01", "G22")
    said = next(one for one in desk.inbox("tinh").values() if one.business is Business.REPLACE)
    assert said.refers_to == (first.envelope.document_id, second.envelope.document_id)
    assert said.document is not None and said.document.business is not None
    assert [one.organ_ids for one in said.document.business.replacements or ()] == [("H01",), ("G22", "H01")]
    assert mistakes(desk, "xa", "replacement", {**draft, "replaces": ["nothing"]}) == {"/replaces/0": "EDX606"}
    assert mistakes(desk, "tinh", "recall", {"document": first.digest, "reason": "x"}) == {"/document": "EDX606"}


def test_an_answer_takes_its_particulars_from_the_letter(desk: Desk) -> None:
    sent = desk.send("xa", "letter", letter(recipients=["H01"]))
    [name] = desk.inbox("tinh")
    draft = letter(sender="H01", recipients=["H01.151"], number="9", answers=[{"letter": name}])
    desk.send("tinh", "letter", draft)
    [said] = desk.inbox("xa").values()
    assert said.document is not None and sent.envelope is not None
    [about] = said.document.response_for
    assert (about.organ_id, about.code, about.document_id) == ("H01.151", "125/UBND-VP", sent.envelope.document_id)


def test_nobody_seals_for_an_agency_without_a_seal(desk: Desk) -> None:
    draft = letter(sender="G22", recipients=["H01.151"], signature={"by": "seal"})
    with pytest.raises(Refusal, match="EDX432"):
        desk.compose("tinh", "letter", draft)
    [unsigned] = desk.compose("tinh", "letter", {**draft, "signature": {"by": "nobody"}})
    answer = desk.hand_in("tinh", unsigned.data)
    assert answer.finding is not None and answer.finding.code == "EDX301"
