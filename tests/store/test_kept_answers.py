"""Answers on disk, and notes of what is to be asked: whole or not there, and never too many."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.credentials.revocation import kept_answers
from edxml_router.credentials.revocation.kept_answers import KeptAnswer
from tests.certificates import NOW, leaf


def row(code: str, answer: bytes = b"good") -> KeptAnswer:
    return KeptAnswer(leaf(code).public_bytes(Encoding.DER), answer, NOW + timedelta(microseconds=7))


def names(*codes: str) -> list[bytes]:
    return [kept_answers.digest_of(leaf(code)) for code in codes]


def test_what_is_kept_is_held(tmp_path: Path) -> None:
    assert kept_answers.held(tmp_path) == {}
    rows = [row("H02"), row("H01", b"\n \xff"), row("H03", b"")]
    kept_answers.keep(tmp_path, rows)
    assert kept_answers.held(tmp_path) == dict(zip(names("H02", "H01", "H03"), rows, strict=True))
    assert list(kept_answers.held(tmp_path)) == names("H02", "H01", "H03")
    kept_answers.keep(tmp_path, [])
    assert kept_answers.held(tmp_path) == {}


def test_a_damaged_line_counts_as_missing(tmp_path: Path) -> None:
    kept_answers.keep(tmp_path, [row("H01"), row("H02"), row("H03")])
    place = kept_answers.path_of(tmp_path)
    first, second, third = place.read_bytes().splitlines()
    odd = [b"", b"x", b"2026 x y", b"\xff " + second.partition(b" ")[2], second[:-1], second + b" x", first, third[:50]]
    place.write_bytes(b"\n".join(odd))
    assert list(kept_answers.held(tmp_path)) == names("H01")


def test_a_certificate_that_was_met_is_noted_once(tmp_path: Path) -> None:
    assert kept_answers.noted(tmp_path) == {}
    kept_answers.note_met(tmp_path, leaf("H01"))
    [path] = (tmp_path / "met").iterdir()
    before = path.stat()
    kept_answers.note_met(tmp_path, leaf("H01"))
    assert path.stat() == before
    kept_answers.note_met(tmp_path, leaf("H02"))
    assert kept_answers.noted(tmp_path) == {
        kept_answers.digest_of(leaf(code)): leaf(code).public_bytes(Encoding.DER) for code in ("H01", "H02")
    }
    kept_answers.remove_notes(tmp_path, names("H01", "H03"))
    assert list(kept_answers.noted(tmp_path)) == names("H02")


def test_what_is_not_a_whole_note_is_removed(tmp_path: Path) -> None:
    for code in ("H01", "H02"):
        kept_answers.note_met(tmp_path, leaf(code))
    cut, _ = paths = sorted((tmp_path / "met").iterdir())
    cut.write_bytes(cut.read_bytes()[:-1])
    (tmp_path / "met" / "under-way.part").write_bytes(b"x")
    assert len(kept_answers.noted(tmp_path)) == 1
    assert set((tmp_path / "met").iterdir()) == {*paths, tmp_path / "met" / "under-way.part"} - {cut}


@pytest.mark.parametrize("more", [0, 1, 5])
def test_of_too_many_notes_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(kept_answers, "MOST_NOTES", 3)
    codes = [f"H{number:02}" for number in range(1, 4 + more)]
    for number, code in enumerate(codes):
        kept_answers.note_met(tmp_path, leaf(code))
        path = tmp_path / "met" / f"{names(code)[0].hex()}.cert"
        os.utime(path, ns=(number, number))
    assert set(kept_answers.noted(tmp_path)) == set(names(*codes[-3:]))


def test_a_note_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "met").write_bytes(b"a file where the folder should be")
    kept_answers.note_met(tmp_path, leaf())
    with pytest.raises(OSError, match="Not a directory"):
        kept_answers.noted(tmp_path)
