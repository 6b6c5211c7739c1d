"""A letter from one office's folder into another's, and back what became of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.services import operator
from edxml_router.wiring.opening import ledger_of
from tests import fixtures
from tests.folders.offices import FolderNode, month


def lay(offices: FolderNode, name: str, data: bytes, office: str = "vp") -> Path:
    """As a program that renames a file when it is whole."""
    box = offices.path(office, "outbox")
    box.mkdir(exist_ok=True)
    (box / f"{name}.part").write_bytes(data)
    return (box / f"{name}.part").rename(box / name)


def read(path: Path) -> str:
    return path.read_text("utf-8-sig")


def test_a_letter_goes_from_folder_to_folder(offices: FolderNode) -> None:
    data = offices.letter("1/UBND", files=[fixtures.File(name="công văn.pdf")])
    lay(offices, "van-ban.edxml", data)
    offices.settle("vp")
    assert offices.files("vp", "outbox") == []
    sent = offices.path("vp", "sent", month())
    assert (sent / "van-ban.edxml").read_bytes() == data
    verdict = json.loads((sent / "van-ban.edxml.json").read_text("utf-8"))
    assert (verdict["accepted"], verdict["file"], verdict["document_id"]) == (True, "van-ban.edxml", "1/UBND")

    offices.work()
    offices.turn("vpcp")
    inbox = offices.path("vpcp", "inbox")
    name = f"{verdict['digest']}.G22"
    assert offices.files("vpcp", "inbox") == [name, f"{name}.edxml", f"{name}.json"]
    assert (inbox / f"{name}.edxml").read_bytes() == data
    assert json.loads((inbox / f"{name}.json").read_text("utf-8"))["letter"] == name
    assert (inbox / name / "công văn.pdf").read_bytes() == fixtures.PDF
    assert "Trích yếu: V/v kết nối" in read(inbox / name / "0.txt")

    (inbox / f"{name}.edxml").rename(offices.path("vpcp", "done") / f"{name}.edxml")
    offices.turn("vpcp")
    assert offices.files("vpcp", "inbox") == []
    assert offices.files("vpcp", "done", month()) == [name, f"{name}.edxml", f"{name}.json"]

    offices.turn("vp")
    [document] = offices.files("vp", "receipts", month())
    assert document == f"1_UBND.{verdict['digest'][:12]}"
    told = json.loads(offices.path("vp", "receipts", month(), document, "G22.json").read_text("utf-8"))
    assert [one["outcome"] for one in told["receipts"]] == ["confirmed"]
    assert "Trạng thái: đã xác nhận" in read(offices.path("vp", "receipts", month(), document, "G22.txt"))
    with ledger_of(offices.settings) as ledger:
        assert ledger.views.counts()[State.CONFIRMED] == 1
        [found] = ledger.views.find_envelopes(digest=verdict["digest"])
        assert found.envelope.channel == "folder"


def test_a_refused_file_says_why_in_vietnamese(offices: FolderNode) -> None:
    lay(offices, "sai.edxml", offices.letter("2/UBND", to="H99.99"))
    lay(offices, "bao-cao.pdf", fixtures.PDF)
    offices.settle("vp", seconds=61)
    assert offices.files("vp", "outbox") == []
    assert offices.files("vp", "failed") == [
        f"{name}{end}" for name in ("bao-cao.pdf", "sai.edxml") for end in ("", ".json", ".txt")
    ]
    text = read(offices.path("vp", "failed", "sai.edxml.txt"))
    assert "KHÔNG TIẾP NHẬN: sai.edxml" in text
    assert "EDX501" in text
    assert "Cần làm: " in text
    verdict = json.loads(offices.path("vp", "failed", "bao-cao.pdf.json").read_text("utf-8"))
    assert (verdict["accepted"], verdict["try_again"], verdict["problem"]["code"]) == (False, False, "EDX101")


def test_a_corrected_file_has_another_verdict_beside_it(offices: FolderNode) -> None:
    for document in ("3/UBND", "4/UBND"):
        lay(offices, "a.edxml", offices.letter(document))
        offices.settle("vp")
    assert offices.files("vp", "sent", month()) == ["a.edxml", "a.edxml.json", "a~2.edxml", "a~2.edxml.json"]
    verdict = json.loads(offices.path("vp", "sent", month(), "a~2.edxml.json").read_text("utf-8"))
    assert (verdict["document_id"], verdict["file"]) == ("4/UBND", "a~2.edxml")


def test_files_that_lie_together_are_one_batch(offices: FolderNode) -> None:
    for number in range(5):
        lay(offices, f"{number}.edxml", offices.letter(f"{number}/UBND"))
    offices.settle("vp")
    assert len(offices.files("vp", "sent", month())) == 10
    with ledger_of(offices.settings) as ledger:
        accepted = {found.envelope.accepted_at for found in ledger.views.find_envelopes()}
    assert len(accepted) == 1


def test_a_letter_is_returned_once_there_is_a_reason(offices: FolderNode) -> None:
    name = offices.deliver()
    offices.path("vpcp", "inbox", f"{name}.edxml").rename(offices.path("vpcp", "returned", f"{name}.edxml"))
    offices.turn("vpcp")
    asked = offices.path("vpcp", "returned", f"{name}.txt")
    assert [line for line in read(asked).splitlines() if line and not line.startswith("#")] == []
    offices.settle("vpcp")
    assert offices.path("vpcp", "returned", f"{name}.edxml").exists()  # nothing was written: nothing happens

    asked.write_bytes(f"{read(asked)}\r\nGửi nhầm nơi nhận\r\n".encode("utf-16"))  # as an editor of Windows may
    offices.settle("vpcp")
    assert offices.files("vpcp", "inbox") == []
    assert offices.files("vpcp", "returned") == [month()]
    assert f"{name}.txt" in offices.files("vpcp", "returned", month())
    offices.turn("vp")
    [document] = offices.files("vp", "receipts", month())
    text = read(offices.path("vp", "receipts", month(), document, "G22.txt"))
    assert "Gửi nhầm nơi nhận" in text
    assert "EDX801" in text


def test_any_part_of_a_letter_says_what_the_office_means(offices: FolderNode) -> None:
    name = offices.deliver()
    offices.path("vpcp", "inbox", name).rename(offices.path("vpcp", "done", name))  # its attachments
    offices.turn("vpcp")
    assert offices.files("vpcp", "inbox") == []
    assert offices.files("vpcp", "done", month()) == [name, f"{name}.edxml", f"{name}.json"]


def test_a_letter_that_was_deleted_comes_again(offices: FolderNode) -> None:
    name = offices.deliver()
    offices.path("vpcp", "inbox", f"{name}.edxml").unlink()
    offices.turn("vpcp")
    assert f"{name}.edxml" in offices.files("vpcp", "inbox")
    with ledger_of(offices.settings) as ledger:
        assert ledger.views.counts()[State.AVAILABLE] == 1


def test_a_letter_that_was_cancelled_is_taken_out_and_told(offices: FolderNode) -> None:
    name = offices.deliver()
    with ledger_of(offices.settings) as ledger:
        [delivery] = ledger.views.list_deliveries()
    with offices.node() as node:
        assert operator.perform(node, Event.CANCEL, [delivery.id], "lan", "gửi nhầm") == [None]
    offices.turn("vpcp")
    assert offices.files("vpcp", "inbox") == []
    assert f"{name}.edxml" in offices.files("vpcp", "withdrawn", month())
    assert "EDX803" in read(offices.path("vpcp", "withdrawn", month(), f"{name}.txt"))
    # Confirmed all the same, from a copy that somebody kept: that is told too, and the sender's end is corrected.
    kept = offices.path("vpcp", "withdrawn", month(), f"{name}.edxml")
    os.link(kept, offices.path("vpcp", "done", f"{name}.edxml"))
    offices.turn("vpcp")
    assert "EDX804" in read(offices.path("vpcp", "done", month(), f"{name}.node.txt"))


def test_a_letter_of_nobody_in_done_is_told(offices: FolderNode) -> None:
    offices.turn()
    name = f"{'ab' * 32}.G22"
    offices.path("vpcp", "done", f"{name}.edxml").write_bytes(b"<edXML/>")
    offices.path("vpcp", "done", "ghi-chu.docx").write_bytes(b"PK")
    offices.turn("vpcp")
    assert "EDX606" in read(offices.path("vpcp", "done", month(), f"{name}.node.txt"))
    assert "ghi-chu.docx" in offices.files("vpcp", "done")  # what has no letter's name is the office's own
