"""The journal is stamped by authorities, or is not, and documents go on either way. openssl is the authority."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from edxml_router.core.problems import Finding, Setback
from edxml_router.core.proof.checkpoint import read_checkpoint
from edxml_router.core.proof.time_stamp import ANSWER_MAX, stamp_query
from edxml_router.credentials.time_stamping import stamp_by
from edxml_router.node.stamping import RETRY, Stamping
from edxml_router.observe import events
from edxml_router.services.health.witnesses import stamping
from tests.authority import POLICY, StampAuthority, openssl_verifies
from tests.contract.hubs import until
from tests.responder import send
from tests.test_witness import NATION, PROVINCE, Pair, pair, signer

__all__ = ["pair"]  # the fixture
HOUR = timedelta(hours=1)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[StampAuthority]:
    with StampAuthority(tmp_path / "tsa") as made:
        yield made


class Province:
    """A node with an authority, and what its log says of stamps."""

    def __init__(self, pair: Pair, authority: StampAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pair, self.authority = pair, authority
        with pair.tree.config(PROVINCE).open("a", encoding="utf-8") as config:
            config.write(f'\n[[journal.stamps]]\nurl = "{authority.url}"\nanchors = "{authority.anchors}"\n')
        self.stamping = Stamping(pair.tree.settings(PROVINCE))
        self.said: list[str] = []
        monkeypatch.setattr(events, "journal_not_stamped", self._not_stamped)
        monkeypatch.setattr(events, "journal_stamped", lambda _, size, at: self.said.append(f"stamped {size}"))
        self.now = datetime.now(UTC)

    def _not_stamped(self, finding: Finding) -> None:
        self.said.append(f"{finding.code} {finding.detail}")

    def turn(self, later: timedelta = timedelta()) -> float:
        self.now += later
        pause = self.stamping.turn(self.now)
        assert pause is not None
        return pause

    def write(self, word: str) -> int:
        self.pair.write(PROVINCE, word)
        return self.pair.size(PROVINCE)

    def sizes(self) -> list[int]:
        return [row["size"] for row in self.pair.rows(PROVINCE, "journal", "stamps")]

    def late(self, after: timedelta) -> list[str]:
        """The codes of ``doctor``, so long after now."""
        return [finding.code for _, finding in _doctor(self, self.now + after) if finding]


def _doctor(province: Province, now: datetime) -> list[tuple[str, Finding | None]]:
    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edxml_router.services.health.witnesses.datetime", Later)
        return list(stamping(province.pair.tree.settings(PROVINCE)))


@pytest.fixture
def province(pair: Pair, authority: StampAuthority, monkeypatch: pytest.MonkeyPatch) -> Province:
    return Province(pair, authority, monkeypatch)


def test_the_cosigned_checkpoint_is_stamped_each_hour(province: Province, tmp_path: Path) -> None:
    assert province.turn() == RETRY.total_seconds()  # nothing is signed yet
    assert province.authority.asked == 0
    cosigned = province.write("one")
    province.pair.turns()
    newest = province.write("two")
    assert province.turn(RETRY) == HOUR.total_seconds()
    assert province.sizes() == [cosigned]
    # What was stamped has the cosignature; openssl takes stamp and text as the command writes them.
    result = province.pair.run(PROVINCE, "journal", "checkpoint", "--stamped", "--token", tmp_path / "token")
    (tmp_path / "note").write_text(result.stdout, encoding="utf-8")
    assert openssl_verifies(tmp_path / "note", tmp_path / "token", province.authority.anchors)
    keys = (signer(province.pair, PROVINCE).verifier, signer(province.pair, NATION).verifier.cosigner)
    head, note = read_checkpoint(result.stdout.encode(), keys[:1])
    assert head.size == cosigned
    assert any(one.by(keys[1]) for one in note.signatures)
    # Not again before an hour has passed; then what is new, though nobody has cosigned it.
    assert province.turn(HOUR / 2) == HOUR.total_seconds() / 2
    assert province.turn(HOUR / 2) == HOUR.total_seconds()
    assert province.sizes() == [newest, cosigned]
    assert province.said == [f"stamped {cosigned}", f"stamped {newest}"]
    # A journal in which nothing was written is not stamped again; a restarted node keeps the hour.
    assert province.turn(HOUR) == HOUR.total_seconds()
    province.write("three")
    assert Stamping(province.pair.tree.settings(PROVINCE)).turn(province.now - HOUR / 2) == HOUR.total_seconds() / 2
    assert province.authority.asked == 2


def test_an_authority_that_is_away_leaves_a_gap_that_is_seen(province: Province) -> None:
    first = province.write("one")
    province.authority.instead = lambda request, _: send(request, b"busy", 503)
    for _ in range(3):
        assert province.turn(RETRY) == RETRY.total_seconds()
    assert province.said == ["EDX645 HTTP status 503"]  # once
    assert province.sizes() == []
    assert province.late(HOUR) == []
    assert province.late(3 * HOUR) == ["EDX647"]
    letter = province.pair.run(PROVINCE, "journal", "verify")
    assert letter.exit_code == 0, letter.output
    last = province.write("two")  # what goes on meanwhile does so without it
    province.authority.instead = None
    province.turn(HOUR)
    assert province.said[1:] == [f"stamped {last}"]
    assert (first, province.sizes(), province.late(3 * HOUR)) == (last - 1, [last], [])
    assert any("stamped" in str(detail) for detail, _ in _doctor(province, province.now))


Instead = Callable[[StampAuthority, BaseHTTPRequestHandler, bytes], None]


def _wrong_nonce(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    """An old answer over the same data."""
    digest = query[query.index(b"\x04\x20") + 2 :][:32]
    other = stamp_query(b"something")
    at = other.text.index(b"\x04\x20") + 2
    send(request, authority.reply(other.text[:at] + digest + other.text[at + 32 :]))


def _wrong_imprint(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    at = query.index(b"\x04\x20") + 2
    send(request, authority.reply(query[:at] + bytes(32) + query[at + 32 :]))


def _of_another(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    send(request, StampAuthority(authority.folder / "another").reply(query))


def _refusing(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    send(request, authority.reply(b"no query"))


def _oversize(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    send(request, bytes(ANSWER_MAX + 1))


def _elsewhere(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    send(request, b"", 307, Location=f"{authority.url}inside")


def _page(authority: StampAuthority, request: BaseHTTPRequestHandler, query: bytes) -> None:
    send(request, b"<html>log in</html>")


@pytest.mark.parametrize(
    ("instead", "code", "words"),
    [
        (_wrong_nonce, "EDX646", "another question"),
        (_wrong_imprint, "EDX646", "over something else"),
        (_of_another, "EDX646", "an authority that is trusted"),
        (_refusing, "EDX646", "refuses: status 2"),
        (_page, "EDX646", "not an answer"),
        (_oversize, "EDX645", "more than 65536 bytes"),
        (_elsewhere, "EDX645", "HTTP status 307"),
    ],
)
def test_what_does_not_count_is_not_kept(province: Province, instead: Instead, code: str, words: str) -> None:
    province.write("one")
    province.authority.instead = lambda request, query: instead(province.authority, request, query)
    assert province.turn() == RETRY.total_seconds()
    [said] = province.said
    assert said.startswith(code) and words in said
    assert province.sizes() == []
    assert province.authority.asked == 1


def test_who_drips_or_is_not_there_is_left(province: Province) -> None:
    [one] = province.pair.tree.settings(PROVINCE).journal.stamps

    def drip(request: BaseHTTPRequestHandler, _: bytes) -> None:
        request.send_response(200)
        request.end_headers()
        while not province.authority.over.wait(0.05):
            request.wfile.write(b"x")

    province.authority.instead = drip
    with pytest.raises(Setback, match=r"EDX645.*not complete after 0\.3 s"):
        stamp_by(one, b"x", timeout=0.3)
    province.authority.__exit__()
    with pytest.raises(Setback, match="EDX645"):
        stamp_by(one, b"x")


def test_two_authorities_are_asked_each_by_itself(province: Province, tmp_path: Path) -> None:
    size = province.write("one")
    with StampAuthority(tmp_path / "second") as second:
        with province.pair.tree.config(PROVINCE).open("a", encoding="utf-8") as config:
            config.write(
                f'\n[[journal.stamps]]\nurl = "{second.url}"\nanchors = "{second.anchors}"\npolicy = "1.2.3"\n'
            )
        province.stamping.settings = province.pair.tree.settings(PROVINCE)
        assert province.turn() == RETRY.total_seconds()
        assert province.said == [f"stamped {size}", f"EDX646 under another policy: {POLICY}"]
        assert province.turn(RETRY) == RETRY.total_seconds()
        assert (province.authority.asked, second.asked) == (1, 2)


def test_a_stamp_or_what_it_is_over_cannot_be_changed_in_the_database(province: Province) -> None:
    province.write("one")
    province.turn()
    assert province.pair.run(PROVINCE, "journal", "verify").exit_code == 0
    database = Path(province.pair.tree.settings(PROVINCE).database_url.removeprefix("sqlite:///"))
    for column, change in (
        ("note", "CAST(replace(CAST(note AS TEXT), 'edxml', 'other') AS BLOB)"),
        ("note", "CAST(note || X'0A' AS BLOB)"),
        ("token", "CAST(substr(token, 1, length(token) - 1) || X'0000' AS BLOB)"),
        ("size", "size - 1"),
    ):
        with closing(sqlite3.connect(database)) as connection:
            [before] = connection.execute(f"SELECT {column} FROM time_stamps").fetchone()  # noqa: S608  # a test's
            connection.execute(f"UPDATE time_stamps SET {column} = {change}")  # noqa: S608  # as above
            connection.commit()
        result = province.pair.run(PROVINCE, "journal", "verify", "--json")
        assert result.exit_code == 70, column
        assert result.stdout, (column, result.stderr, result.exception)
        assert "time stamp over checkpoint" in json.loads(result.stdout)["damages"][0]["where"], column
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(f"UPDATE time_stamps SET {column} = ?", (before,))  # noqa: S608  # as above
            connection.commit()


def test_the_thread_stamps_by_itself_and_after_a_change(province: Province, tmp_path: Path) -> None:
    size = province.write("one")
    with StampAuthority(tmp_path / "second") as second, province.stamping as stamping:
        until(lambda: province.said == [f"stamped {size}"])
        with province.pair.tree.config(PROVINCE).open("a", encoding="utf-8") as config:
            config.write(f'\n[[journal.stamps]]\nurl = "{second.url}"\nanchors = "{second.anchors}"\n')
        stamping.settings = province.pair.tree.settings(PROVINCE)
        stamping.wake()
        until(lambda: province.said == [f"stamped {size}"] * 2)
    assert second.asked == 1


def test_a_running_node_has_its_journal_stamped(province: Province) -> None:
    """The same in the real process."""
    tree = province.pair.tree
    size = province.write("one")
    province.pair.stop()
    tree.start(PROVINCE)
    found = until(lambda: [each for each in _log(tree.log(PROVINCE)) if each["event"] == "journal.stamped"])
    assert found[0]["size"] >= size


def _log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
