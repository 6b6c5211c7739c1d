"""The mailbox of an office without software: a clerk receives, answers and follows, and reaches nobody else's letters.

Then the page "Document": what an operator, an auditor and a manager see of the same letters.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from edxml_router.console.forms import UploadRoom
from edxml_router.core.problems import Setback
from edxml_router.services.people import approvals
from edxml_router.services.people.roles import Person
from tests.console.browsing import Browser, Consoled

EVIL = "<img src=x onerror=alert(1)>Đắk Lắk \"'&"
PDF = b"%PDF-1.7\n\xff\x00" + b"x" * 2000
SEALS = "".join(
    f'\n[[seals]]\nagency = "{code}"\nkey = "pki/{code}.key.pem"\ncertificate = "pki/{code}.cert.pem"\n'
    for code in ("H53", "H01.151")
)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoled]:
    folder = Path(tmp_path_factory.mktemp("mailbox"))
    with Consoled(folder, 'upload_bytes = "64 KiB"', rest=SEALS) as running:
        yield running


def fields(**changed: str) -> dict[str, object]:
    return {"to": ["H01.151"], "sender": "H53", "number": "125", "notation": "UBND-VP", "subject": "V/v báo cáo",
            "signer_name": "Nguyễn Văn Mẫu", **changed}  # fmt: skip


def send(browser: Browser, *files: tuple[str, bytes], **changed: str) -> httpx.Response:
    sent = [("file", (name, content, "text/html")) for name, content in files]
    return browser.post("/clerk/write", fields(**changed), files=sent or [("file", ("", b""))])


def letters(browser: Browser) -> list[str]:
    return list(dict.fromkeys(re.findall(r"/clerk/letter/([0-9a-f]{64}\.[A-Z0-9.]+)", browser.get("/clerk").text)))


def arrived(world: Consoled, number: str, **changed: str) -> str:
    """A letter of vp's clerk in the mailbox of so; its name there."""
    vp, so = world.signed_in("clerk", office="vp"), world.signed_in("clerk", office="so")
    world.work()
    before = set(letters(so))
    answer = send(vp, ("Báo cáo.pdf", PDF), number=number, **changed)
    assert answer.status_code == 303, answer.text
    world.work()
    [new] = set(letters(so)) - before
    return new


def test_a_clerk_receives_confirms_and_answers(world: Consoled) -> None:
    name = arrived(world, "7", subject="V/v kiểm tra cuối năm")
    so, vp = world.signed_in("clerk", office="so"), world.signed_in("clerk", office="vp")
    assert "V/v kiểm tra cuối năm" in so.get("/clerk").text
    page = so.get(f"/clerk/letter/{name}").text
    for told in ("7/UBND-VP", "Nguyễn Văn Mẫu", "Báo cáo.pdf", "The signature is valid", "Confirm receipt"):
        assert told in page
    got = so.get(f"/clerk/letter/{name}/file/1")
    assert got.content == PDF
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"B_o_c_o.pdf\"; filename*=UTF-8''B%C3%A1o%20c%C3%A1o.pdf"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert so.get(f"/clerk/letter/{name}/original").content.startswith(b"<?xml")
    assert so.post(f"/clerk/letter/{name}/status", {"code": "05"}).status_code == 303
    done = so.post(f"/clerk/letter/{name}/confirm", {})
    assert done.headers["location"] == f"/console/clerk/letter/{name}?note=note.clerk_confirmed"
    assert "Confirm receipt</button>" not in so.get(f"/clerk/letter/{name}").text
    form = so.get(f"/clerk/write?answer={name}").text
    assert 'name="to" value="H53"' in form
    answer = so.post(
        "/clerk/write",
        {**fields(number="9", subject="V/v trả lời"), "to": ["H53"], "sender": "H01.151", "answer": name},
        files=[("file", ("C:\\tep\\Trả lời.pdf", PDF, "application/pdf"))],
    )
    assert answer.headers["location"] == "/console/clerk/sent?note=note.clerk_sent"
    world.work()
    back = vp.get("/clerk").text
    assert "V/v trả lời" in back
    [reply] = [each for each in letters(vp) if "V/v trả lời" in vp.get(f"/clerk/letter/{each}").text]
    page = vp.get(f"/clerk/letter/{reply}").text
    assert "Trả lời.pdf" in page
    assert "tep" not in page  # of the path that the browser sent
    assert "7/UBND-VP" in page  # what it answers
    sent = vp.get("/clerk/sent").text
    assert "confirmed" in sent
    assert ">05 <" in sent
    assert {"person:clerk-so", "person:clerk-vp"} <= {one.entry.actor for one in world.journal("clerk.acted")}


def test_what_strangers_write_is_shown_and_never_run(world: Consoled) -> None:
    so, vp = world.signed_in("clerk", office="so"), world.signed_in("clerk", office="vp")
    name = arrived(world, "13", subject=EVIL, content=EVIL, signer_name=EVIL, signer_position=EVIL, type=EVIL)
    operator = world.signed_in("operator")
    pages = [so.get("/clerk"), so.get(f"/clerk/letter/{name}"), vp.get("/clerk/sent"),
             vp.get("/clerk/write", params={"q": EVIL}), operator.get("/document", params={"q": EVIL}),
             operator.get(f"/document/{name[:64]}", params={"recipient": EVIL}),
             send(vp, subject="", number=EVIL)]  # fmt: skip
    named = send(vp, ("<svg onload=alert(1)>.pdf", PDF), number="14")
    world.work()
    pages += [named] if named.status_code != 303 else [so.get(f"/clerk/letter/{each}") for each in letters(so)]
    for page in pages:
        read = Tags()
        read.feed(page.text)
        assert {"html", "main", "h1"} <= read.names
        assert not read.names & {"img", "iframe", "object", "style"}
        assert not {name for name in read.attributes if name.startswith("on") or name == "style"}
    assert EVIL in unescape(pages[0].text)
    assert EVIL in unescape(pages[1].text)


def test_a_clerk_reaches_no_letter_of_another_office(world: Consoled) -> None:
    name = arrived(world, "21")
    vp = world.signed_in("clerk", office="vp")
    before = len(world.journal("clerk.acted"))
    rests = ("", "/file/1", "/original", "/file/x", "/file/" + "9" * 9)
    tried = [vp.get(f"/clerk/letter/{name}{rest}") for rest in rests]
    tried += [vp.post(f"/clerk/letter/{name}/{act}", {"reason": "của tôi", "code": "06"})
              for act in ("confirm", "return", "status")]  # fmt: skip
    tried += [vp.get(f"/clerk/write?answer={name}"), send(vp, number="22", answer=name)]
    tried.append(world.signed_in("clerk", office="so").get(f"/clerk/sent/{name[:64]}/certificate"))
    others = ("%2e%2e", "x" * 300, name[:64], f"{name[:64]}.H53")
    tried += [vp.get(f"/clerk/letter/{other}") for other in others]
    for answer in tried:
        assert answer.status_code == 404, (answer.url, answer.status_code)
        assert "UBND-VP" not in answer.text
    assert len(world.journal("clerk.acted")) == before
    assert name in letters(world.signed_in("clerk", office="so"))
    for browser in (world.signed_in("operator"), world.signed_in("auditor"), world.signed_in("administrator")):
        # An administrator has to enrol a second factor first.
        assert browser.get(f"/clerk/letter/{name}").status_code in (303, 403)
    assert vp.get(f"/document/{name[:64]}").status_code == 403
    forged = vp.post("/clerk/write", {**fields(number="23"), "sender": "H01.151"}, files=[("file", ("", b""))])
    assert forged.status_code == 422
    assert "EDX401" in forged.text


def test_a_letter_goes_back_with_its_reason(world: Consoled) -> None:
    name = arrived(world, "31")
    so = world.signed_in("clerk", office="so")
    assert so.post(f"/clerk/letter/{name}/return", {"reason": " "}).status_code == 400
    assert so.post(f"/clerk/letter/{name}/return", {"reason": EVIL}).status_code == 303
    assert name not in letters(so)
    sent = world.signed_in("clerk", office="vp").get("/clerk/sent").text
    assert EVIL in unescape(sent)
    assert "<img" not in sent


def test_mistakes_are_told_at_their_fields_and_what_was_typed_stays(world: Consoled) -> None:
    vp = world.signed_in("clerk", office="vp")
    page = send(vp, number="", notation="", subject="Đã gõ", date="2099-01-01")
    assert page.status_code == 422
    for field in ("number", "notation", "date"):
        assert f'id="wrong-{field}"' in page.text, field
    assert "Đã gõ</textarea>" in page.text
    nobody = vp.post("/clerk/write", {**fields(number="41"), "to": []}, files=[("file", ("", b""))])
    assert nobody.status_code == 422
    twice = send(vp, ("a.pdf", PDF), ("a.pdf", PDF), number="42")
    assert (twice.status_code, "EDX418" in twice.text) == (400, True)
    secret = send(vp, type="Tối mật", number="44")
    assert (secret.status_code, "EDX405" in secret.text) == (422, True)


def test_uploads_are_bounded(world: Consoled) -> None:
    vp = world.signed_in("clerk", office="vp")
    large = send(vp, ("a.pdf", b"x" * 400_000), number="51")
    assert (large.status_code, "EDX102" in large.text) == (413, True)
    many = [("file", (f"{number}.pdf", b"x", "application/pdf")) for number in range(30)]
    assert vp.post("/clerk/write", fields(number="52"), files=many).status_code == 403  # more files than a form has
    crowd = {**fields(number="53"), "to": [f"H53.{number}" for number in range(300)]}
    assert vp.post("/clerk/write", crowd, files=[("file", ("", b""))]).status_code == 400
    assert "53/UBND-VP" not in vp.get("/clerk/sent").text
    plain = vp.post("/clerk/write", {"content": "x" * 300_000})  # a form without files has no room for them
    assert (plain.status_code, "EDX102" in plain.text) == (413, True)
    assert "EDX102" not in vp.post("/clerk/write", {"content": "x" * 300_000}, files=[("file", ("", b""))]).text


def test_forms_with_files_are_few_at_once() -> None:
    room = UploadRoom()
    with ExitStack() as stack:
        for person in ("lan", "lan", "minh", "minh", "hoa", "hoa"):
            stack.enter_context(room.room(person))
        with pytest.raises(Setback, match="EDX626"), room.room("lan"):
            pass
        for person in ("nhi", "an"):
            stack.enter_context(room.room(person))
        with pytest.raises(Setback, match="EDX626"), room.room("tam"):
            pass
    with room.room("lan"):
        assert room._of == {"lan": 1}


def test_recipients_are_found_without_diacritics_and_chosen(world: Consoled) -> None:
    vp = world.signed_in("clerk", office="vp")
    page = vp.get("/clerk/write", params={"q": "tay ninh", "to": ["H01.151"]}).text
    assert 'value="H53' not in re.findall(r'name="to" value="([^"]*)"', page)[:1]
    found = re.findall(r'type="checkbox" name="to" value="([^"]*)"', page)
    assert any(code.startswith("H53") for code in found)
    assert "H01.151" not in found
    page = vp.get("/clerk/write", params={"to": ["H01.151", "H53.01"], "drop": "H53.01"}).text
    assert 'value="H53.01"' not in page
    assert "No agency is called so" in vp.get("/clerk/write", params={"q": "khong co ai"}).text


def test_a_letter_that_was_signed_elsewhere_is_handed_in(world: Consoled) -> None:
    vp = world.signed_in("clerk", office="vp")
    data = world.letter()
    answer = vp.post("/clerk/hand-in", {}, files=[("edxml", ("letter.edxml", data, "application/xml"))])
    assert answer.status_code == 303, answer.text
    broken = vp.post("/clerk/hand-in", {}, files=[("edxml", ("letter.edxml", b"<edXML/>", "application/xml"))])
    assert broken.status_code in (400, 422)
    nothing = vp.post("/clerk/hand-in", {}, files=[("edxml", ("", b""))])
    assert nothing.status_code == 400


def test_a_document_is_found_and_shown_to_who_may_see_it(world: Consoled) -> None:
    name = arrived(world, "61")
    digest = name[:64]
    for role in ("operator", "auditor", "manager"):
        browser = world.signed_in(role)
        page = browser.get("/document", params={"q": "số 61"})
        assert f"/console/document/{digest}" in page.text
        assert "number 61" in page.text
        one = browser.get(f"/document/{digest}").text
        for told in ("available", "the office so", "tinh", 'role="img"', "envelope.accepted"):
            assert told in one, told
        assert ("/preview" in one) == (role == "operator")
    assert world.signed_in("auditor").get("/document", params={"q": "khong co ai"}).status_code == 404
    assert world.signed_in("auditor").get(f"/document/{'0' * 64}").status_code == 404
    read = [str(one.entry.detail) for one in world.journal("journal.read") if one.entry.actor == "person:auditor"]
    assert any("console find text=…" in each for each in read)
    assert any(f"console document document={digest}" in each for each in read)
    assert world.signed_in("auditor").post(f"/document/{digest}/preview", {"act": "cancel"}).status_code == 403


def test_an_act_is_previewed_and_done_to_exactly_what_was_shown(world: Consoled) -> None:
    digest = arrived(world, "71")[:64]
    other = arrived(world, "72")[:64]
    operator = world.signed_in("operator")
    page = operator.post(f"/document/{digest}/preview", {"act": "cancel", "all": "yes"}).text
    assert "1 deliveries would be cancelled" in page
    [numbers] = re.findall(r'name="numbers" value="([0-9,]+)"', page)
    foreign = operator.post(f"/document/{other}/act", {"act": "cancel", "numbers": numbers, "reason": "nhầm"})
    assert foreign.status_code == 404  # those are another document's
    act = {"act": "cancel", "numbers": numbers}
    assert operator.post(f"/document/{digest}/act", act).status_code == 400  # no reason
    done = operator.post(f"/document/{digest}/act", {**act, "reason": "gửi nhầm"}).text
    assert "1 deliveries are cancelled" in done
    again = operator.post(f"/document/{digest}/act", {**act, "reason": "gửi nhầm"}).text
    assert "EDX607" in again
    assert "cancelled" in operator.get(f"/document/{digest}").text
    page = operator.post(f"/document/{digest}/preview", {"act": "resend", "number": numbers}).text
    assert "1 deliveries would be sent again" in page
    for wrong in ({"act": "burn", "all": "yes"}, {"act": "cancel"}, {"act": "cancel", "numbers": "x,-1, ²"}):
        assert operator.post(f"/document/{digest}/preview", wrong).status_code in (400, 404)
    [entry] = [one.entry for one in world.journal("delivery.cancelled") if one.entry.envelope == digest]
    assert (entry.actor, entry.detail) == ("person:operator", "gửi nhầm")


def test_the_pages_are_in_both_languages(world: Consoled) -> None:
    name = arrived(world, "81")
    so, operator = world.signed_in("clerk", office="so"), world.signed_in("operator")
    vietnamese = {"accept-language": "vi"}
    for browser, place, told in (
        (so, "/clerk", "Hộp thư"),
        (so, f"/clerk/letter/{name}", "Xác nhận đã nhận"),
        (so, "/clerk/write?to=H53", "Trích yếu"),
        (so, "/clerk/sent", "Đã gửi"),
        (operator, "/document?q=81", "Hiểu là"),
        (operator, f"/document/{name[:64]}", "Đến lượt ai"),
    ):
        page = browser.get(place, headers=vietnamese)
        assert page.status_code == 200
        assert told in page.text, place


def test_the_certificate_is_a_download(world: Consoled) -> None:
    digest = arrived(world, "91")[:64]
    operator = world.signed_in("operator")
    answer = operator.get(f"/document/{digest}/certificate")
    if answer.status_code == 200:
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{digest[:16]}.asice"')
        assert "certificate.html" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    else:
        assert "EDX658" in answer.text  # this node has no key of its own


def test_a_report_is_counted_and_names_what_it_rests_on(world: Consoled) -> None:
    arrived(world, "95")
    manager = world.signed_in("manager")
    world.worker.number_journal()
    assert "On time" not in manager.get("/reports").text
    page = manager.get("/reports", params={"count": "1"})
    assert page.status_code == 200
    for told in ("Counted from the first", "root ", "No delivery was late", 'role="img"', "total"):
        assert told in page.text, told
    sheet = manager.get("/reports/figures.csv")
    assert sheet.headers["content-disposition"].startswith('attachment; filename="report-')
    assert sheet.text.startswith("month,")
    printed = manager.get("/reports/page.html")
    assert printed.headers["content-disposition"].startswith("attachment")
    assert manager.get("/reports", params={"since": "<img>", "count": "1"}).status_code == 400
    assert manager.get("/reports", params={"since": "2026-05", "until": "2026-01"}).status_code == 400
    assert manager.get("/reports/figures.csv", params={"until": "x"}).status_code == 400
    assert world.signed_in("clerk", office="so").get("/reports").status_code == 403


def test_an_agency_is_explained_for_a_day(world: Consoled) -> None:
    auditor = world.signed_in("auditor")
    page = auditor.get("/agencies", params={"code": "000.00.00.H53"}).text
    for told in ("H53", "is served here by office vp", "What the code means on"):
        assert told in page, told
    registry, day = world.worker.rules.registry, date(2026, 1, 1)
    gone = next(one for one in registry if one.closed_on(day) and registry.successions(one.code))
    closed = auditor.get("/agencies", params={"code": gone.code, "on": day.isoformat()}).text
    assert "EDX502" in closed
    assert f"code={gone.successors[0]}" in closed
    found = auditor.get("/agencies", params={"q": "tay ninh"}).text
    assert "/console/agencies?code=H53" in found
    assert auditor.get("/agencies", params={"code": EVIL}).status_code == 404
    assert "That is no day" in auditor.get("/agencies", params={"code": "H53", "on": "x"}).text


def test_an_auditor_asks_the_journal_and_keeps_its_root(world: Consoled) -> None:
    digest = arrived(world, "97")[:64]
    world.worker.number_journal()
    auditor, views = world.signed_in("auditor"), world.worker.ledger.views
    page = auditor.get("/evidence").text
    assert "No checkpoint is signed" in page  # this node has no key for its journal
    answered = auditor.get("/evidence/journal", params={"number": "97", "event": "delivery.queued"}).text
    assert digest[:16] in answered
    assert "1 entries on this page" in answered
    sheet = auditor.get("/evidence/journal.csv", params={"agency": "000.00.00.H53"})
    assert sheet.headers["content-disposition"].startswith("attachment")
    assert sheet.text.startswith("number,position,")
    assert digest in sheet.text
    for wrong, status in (({"since": "<img>"}, 400), ({"event": "no.such"}, 404), ({"document": "zz"}, 404)):
        assert auditor.get("/evidence/journal", params=wrong).status_code == status
    size = views.feed_head().size
    root = views.root_at(size - 3).hex()
    assert "Yes. The journal still begins" in auditor.post("/evidence/root", {"root": f"{size - 3}:{root}"}).text
    assert "EDX605" in auditor.post("/evidence/root", {"root": f"{size - 4}:{root}"}).text
    assert "EDX605" in auditor.post("/evidence/root", {"root": f"{size + 999}:{root}"}).text
    for wrong_root in ("", "x", f"0:{root}", "a\nb\nc\n", "9" * 30 + f":{root}"):
        assert auditor.post("/evidence/root", {"root": wrong_root}).status_code == 400
    printed = auditor.get(f"/evidence/print/{digest}").text
    assert digest in printed
    assert "<path" in printed
    assert auditor.get(f"/evidence/print/{'0' * 64}").status_code == 404
    files = [("certificate", ("a.asice", b"PK", "")), ("anchors", ("a.pem", b"x", ""))]
    assert auditor.post("/evidence/certificate", {}, files=files).status_code == 422
    assert auditor.post("/evidence/certificate", {}, files=files[:1]).status_code == 400
    assert world.signed_in("clerk", office="so").get("/evidence").status_code == 403
    asked = [str(one.entry.detail) for one in world.journal("journal.read")]
    assert any("console journal event=delivery.queued number=97: 1 told" in each for each in asked)


def test_what_needs_a_second_person_is_not_done_by_one(world: Consoled) -> None:
    digest = arrived(world, "99")[:64]
    operator, console = world.signed_in("operator"), world.desk.settings.console
    assert console is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.desk._lasting, "settings", replace(world.desk.settings, console=replace(console,
                        four_eyes=("cancel", "redrive"))))  # fmt: skip
        act = {"act": "cancel", "all": "yes", "reason": "gửi nhầm"}
        asked = [operator.post(f"/document/{digest}/act", act).headers["location"] for _ in range(2)]
        assert "available" in operator.get(f"/document/{digest}").text
        [question] = {one.id for one in approvals.questions(world.worker.ledger) if digest in str(one.detail)}
        second = Person("minh", frozenset({"operator"}))
        approvals.decide_question(world.worker.ledger, second, question, yes=True)
        other = operator.post(f"/document/{digest}/act", {**act, "reason": "another, which nobody approved"})
        done = operator.post(f"/document/{digest}/act", act)
        again = operator.post(f"/document/{digest}/act", {**act, "act": "resend"})
    assert set(asked) == {f"/console/document/{digest}?note=note.document_asked"}
    assert "note.document_asked" in other.headers["location"]
    assert "1 deliveries are cancelled" in done.text
    assert "note.document_asked" in again.headers["location"]  # to send again is to redrive
    assert "cancelled" in operator.get(f"/document/{digest}").text
    [entry] = [one.entry for one in world.journal("delivery.cancelled") if one.entry.envelope == digest]
    assert entry.detail == "gửi nhầm, approved by minh"
