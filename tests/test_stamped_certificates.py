"""Certificates with what others vouch for: cosignatures of the neighbour, time stamps of an authority (openssl's)."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.config import StampSettings
from edxml_router.core.asice import archive, container
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.pace import Pace
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.proof.time_stamp import completed_token, stamp_query, token_in_answer
from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.credentials.keys import load_certificates
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan
from edxml_router.intake import batch
from edxml_router.node.stamping import Stamping
from edxml_router.services.certificates import issuing, verifying
from edxml_router.services.certificates.checkpoint import best_checkpoint, stamp_holds
from edxml_router.services.certificates.entries import PROOFS
from edxml_router.services.certificates.issuing import CertificateOrder
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.offices import inbox
from tests.authority import StampAuthority
from tests.cli.conftest import call
from tests.responder import send
from tests.test_witness import EXHAUSTIVE, NATION, PLANS, PROVINCE, Pair, signer

OF_NATION = f"edxml-router/{NATION}"
OTHER = "an-giang"


@dataclass
class Vouched:
    """A letter whose entries are cosigned by the node above, and then stamped; its certificate."""

    pair: Pair
    authority: StampAuthority
    digest: str
    data: bytes = b""

    @property
    def anchors(self) -> Path:
        return self.pair.tree.pki / "anchors.pem"

    @property
    def witness(self) -> str:
        """As ``journal key`` shows it at the node above."""
        return signer(self.pair, NATION).verifier.text

    def make(self, tell: Callable[[Finding], None] | None = None) -> bytes:
        issuing._failed.clear()
        order = CertificateOrder(self.digest)
        settings = self.pair.tree.settings(PROVINCE)
        return issuing.issue(settings, order, tell) if tell else issuing.issue(settings, order)

    def verify(self, data: bytes, *arguments: str | Path) -> dict[str, Any]:
        file = self.pair.tree.folder / "other.asice"
        file.write_bytes(data)
        done = call("certificate", "verify", file, "--anchors", self.anchors, *arguments, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        assert (done.exit_code == 0) is found["valid"]
        return found

    def script(self, data: bytes, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        file, script = self.pair.tree.folder / "other.asice", self.pair.tree.folder / "verify.sh"
        file.write_bytes(data)
        script.write_bytes(verifying.script())
        command = ["env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", script, file, self.anchors, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def _settle(pair: Pair) -> None:
    """Until nothing more is told of anything."""
    for _ in range(5):
        for opened in pair.nodes.values():
            for transport in opened.transports:
                batch.receive(opened.node, transport, transport.take(100, 0.0))
            pipeline.forward(opened.node)
            pipeline.report(opened.node)


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vouched]:
    folder = tmp_path_factory.mktemp("vouched")
    pair = Pair(folder / "tree", plans=(*PLANS, NodePlan(OTHER, "Tỉnh khác", ("H01",), NATION, ("H01",))))
    # With the largest keys that authorities use the size is measured at its worst.
    with StampAuthority(folder / "tsa", "rsa:4096", shared=True) as authority:
        with pair.tree.config(PROVINCE).open("a", encoding="utf-8") as config:
            config.write(f'\n[[journal.stamps]]\nurl = "{authority.url}"\nanchors = "{authority.anchors}"\n')
        node = pair.nodes[PROVINCE].node
        letter = Post(pair.tree.pki).document("H53", ["H01"], number=1, subject="V/v thử")
        [answer] = pipeline.accept(node, [Submission(MemoryBody(letter), f"vanthu-{PROVINCE}", "cli")])
        assert answer.accepted, answer.finding
        _settle(pair)
        other = pair.nodes[OTHER].node
        with other.ledger.book() as book:
            [waiting] = book.deliveries.of([answer.digest])
        assert inbox.confirm(other, f"vanthu-{OTHER}", [waiting.name]) == [None]
        _settle(pair)
        node.number_journal()
        pair.turns()
        Stamping(pair.tree.settings(PROVINCE)).turn(datetime.now(UTC))
        pair.write(PROVINCE, "later")  # and is neither cosigned nor stamped
        made = Vouched(pair, authority, answer.digest)
        made.data = made.make()
        yield made
    pair.stop()


def test_it_says_who_vouches_for_what(vouched: Vouched) -> None:
    anchors = ("--stamp-anchors", vouched.authority.anchors)
    found = vouched.verify(vouched.data, *anchors, "--key", vouched.witness)
    assert found["witnesses"] == [OF_NATION]
    assert vouched.verify(vouched.data, "--key", signer(vouched.pair, NATION).verifier.cosigner.text)["witnesses"]
    assert found["stamped_by"] == "CN=Stamps"
    stamped, journal = (datetime.fromisoformat(found[name]) for name in ("stamped_at", "journal_stamped_at"))
    assert journal <= stamped < datetime.now(UTC) + timedelta(minutes=5)
    proved = " ".join(found["proved"])
    assert "CN=Stamps: none of it was made up later" in proved
    assert f"signed the same root as witnesses: {OF_NATION}" in proved
    assert not any("no time stamp" in each or "unless" in each for each in found["not_proved"])
    # Without keys and anchors of the reader's own, what is there is named, and counted for nothing.
    bare = vouched.verify(vouched.data)
    assert (bare["witnesses"], bare["stamped_at"], bare["stamped_by"], bare["journal_stamped_at"]) == ([], *[None] * 3)
    assert any("unless the time stamp" in each for each in bare["not_proved"])
    assert any(OF_NATION in each for each in bare["not_proved"])


def test_the_checkpoint_is_the_one_that_was_stamped_with_the_cosignature(vouched: Vouched) -> None:
    files = container.read(vouched.data).files
    [stamp] = vouched.pair.nodes[PROVINCE].node.ledger.views.time_stamps()
    assert completed_token(files["journal.tst"], stamp.token) == stamp.token
    assert files[PROOFS].endswith(b"\n\n" + stamp.note)
    assert f"— {OF_NATION} ".encode() in stamp.note
    statement = json.loads(files["certificate.json"])
    assert any(OF_NATION in each for each in statement["proved"])


def test_it_is_small_with_all_that_may_be_in_it(vouched: Vouched) -> None:
    """Two stamps of 4096 bits, a witness, and what two other nodes have signed of the end."""
    files = container.read(vouched.data).files
    assert {"journal.tst", "statements/2.json", "trust/node-2.pem"} <= files.keys()
    assert len(vouched.data) <= 20_000


def test_the_certificates_of_the_authority_are_there_once(vouched: Vouched) -> None:
    held = container.read(vouched.data)
    [stamp] = vouched.pair.nodes[PROVINCE].node.ledger.views.time_stamps()
    bare = held.files["journal.tst"]
    assert held.stamp is not None and len(bare) < len(stamp.token) / 2
    assert completed_token(bare, held.stamp) == stamp.token
    # Without the other stamp nobody can tell whose it is.
    with pytest.raises(ValueError, match="without the certificates"):
        completed_token(bare, bare)


def test_a_stamp_of_another_authority_leaves_each_its_certificates(vouched: Vouched, tmp_path: Path) -> None:
    """The one that has stamped the checkpoint does not answer now, and the next does."""
    with StampAuthority(tmp_path / "second") as second:
        settings = vouched.pair.tree.settings(PROVINCE)
        [first] = settings.journal.stamps
        stamps = (first, StampSettings(url=second.url, anchors=second.anchors))
        settings = replace(settings, journal=replace(settings.journal, stamps=stamps))
        vouched.authority.instead = lambda request, _: send(request, b"", 503)
        issuing._failed.clear()
        try:
            data = issuing.issue(settings, CertificateOrder(vouched.digest))
        finally:
            vouched.authority.instead = None
        roots = tmp_path / "roots.pem"
        roots.write_bytes(first.anchors.read_bytes() + second.anchors.read_bytes())
    [stamp] = vouched.pair.nodes[PROVINCE].node.ledger.views.time_stamps()
    assert container.read(data).files["journal.tst"] == stamp.token
    found = vouched.verify(data, "--stamp-anchors", roots)
    assert found["stamped_at"] and found["journal_stamped_at"]
    done = vouched.script(data, roots)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_script_verifies_stamps_and_cosignatures_with_openssl(vouched: Vouched, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{vouched.witness}\n")
    done = vouched.script(vouched.data, vouched.authority.anchors, keys)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"witnessed by: {OF_NATION}" in done.stdout
    assert "signatures under it existed at: " in done.stdout and "\nexisted at: " in done.stdout
    assert "- when" not in done.stdout and "without the keys of" not in done.stdout
    bare = vouched.script(vouched.data)
    assert "no anchor for it was given" in bare.stdout
    assert f"without the keys of: {OF_NATION}" in bare.stdout


def _stamped_anew(vouched: Vouched, data: bytes) -> bytes:
    return token_in_answer(vouched.authority.reply(stamp_query(data).text))


def _signed_by_node(vouched: Vouched, files: Mapping[str, bytes]) -> bytes:
    """Other files, signed by the node, and not stamped."""
    chain = load_certificates(vouched.pair.tree.pki / f"{PROVINCE}.cert.pem")
    identity = issuing.identities.signing(vouched.pair.tree.settings(PROVINCE))
    assert identity is not None
    sign = identity.sign
    return container.sealed(
        container.signed(files, chain, datetime.now(UTC), lambda data: base64.b64decode(sign(data)))
    )


def test_stamps_that_do_not_hold_are_refused_by_both(vouched: Vouched, tmp_path: Path) -> None:
    members = archive.read(vouched.data)
    other = _stamped_anew(vouched, b"something else")
    anchors = vouched.authority.anchors
    changed = archive.write({**members, container.STAMP: other})
    # The stamp of the journal is listed and signed: a node would have to put another one there itself.
    assert vouched.verify(archive.write({**members, "journal.tst": other}))["problem"]["code"] == "EDX654"
    lying = _signed_by_node(vouched, {**container.read(vouched.data).files, "journal.tst": other})
    for data, where in ((changed, container.STAMP), (lying, "journal.tst")):
        found = vouched.verify(data, "--stamp-anchors", anchors)
        assert found["problem"]["code"] == "EDX648"
        assert found["problem"]["where"] == where
        assert "REFUSED: the" in vouched.script(data, anchors).stderr
    # An authority that the reader does not trust.
    strangers = StampAuthority(tmp_path / "strangers").anchors
    assert vouched.verify(vouched.data, "--stamp-anchors", strangers)["problem"]["code"] == "EDX648"
    assert vouched.script(vouched.data, strangers).returncode == 1


def test_no_byte_of_the_new_files_can_be_changed_nor_one_be_left_out(vouched: Vouched) -> None:
    """Packed again as a node packs them, so that only what they say can tell."""
    members, chosen = archive.read(vouched.data), random.Random(3)  # noqa: S311  # a choice of tests
    anchors = vouched.anchors.read_bytes()
    reader = verifying.stamp_reader(load_certificates(vouched.authority.anchors))

    def refused(changed: dict[str, bytes]) -> str:
        with pytest.raises(Refusal) as caught:
            verifying.verify(archive.write(changed), anchors, now=datetime.now(UTC), read_stamp=reader)
        return caught.value.finding.code

    for name in ("journal.tst", container.SECOND_MANIFEST, container.STAMP):
        for _ in range(300 if EXHAUSTIVE else 40):
            content = bytearray(members[name])
            content[chosen.randrange(len(content))] ^= chosen.randrange(1, 256)
            assert refused({**members, name: bytes(content)}) in ("EDX648", "EDX654")
        without = {each: content for each, content in members.items() if each != name}
        assert refused(without) == "EDX654"
        data = archive.write(without)
        assert vouched.script(data, vouched.authority.anchors).returncode == 1
    for name in ("META-INF/timestamp002.tst", "META-INF/ASiCManifest003.xml", "trust/more.tst"):
        assert refused({**members, name: b"x"}) == "EDX654"


def test_where_no_authority_answers_the_certificate_says_so(vouched: Vouched) -> None:
    said: list[Finding] = []
    vouched.authority.instead = lambda request, _: send(request, b"", 503)
    try:
        data = vouched.make(said.append)
        asked = vouched.authority.asked
        settings = vouched.pair.tree.settings(PROVINCE)
        issuing.issue(settings, CertificateOrder(vouched.digest), said.append)  # not asked again so soon
        assert vouched.authority.asked == asked
    finally:
        vouched.authority.instead = None
    assert [one.code for one in said] == ["EDX645"]
    found = vouched.verify(data, "--stamp-anchors", vouched.authority.anchors)
    assert (found["valid"], found["stamped_at"]) == (True, None)
    assert found["journal_stamped_at"]  # the journal's own stamp is there all the same
    assert container.STAMP not in archive.read(data)


class _Other:
    """The same views, with other stamps."""

    def __init__(self, views: Any, *stamps: KeptTimeStamp) -> None:
        self._views, self._stamps = views, stamps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._views, name)

    def first_time_stamps(self, least: int, limit: int) -> Sequence[KeptTimeStamp]:
        return [one for one in self._stamps if one.size >= least][:limit]


def test_a_witness_says_more_than_a_stamp_and_both_say_most(vouched: Vouched) -> None:
    views: Any = vouched.pair.nodes[PROVINCE].node.ledger.views
    key, witness = (signer(vouched.pair, name).verifier for name in (PROVINCE, NATION))
    holds = partial(stamp_holds, vouched.pair.tree.settings(PROVINCE))
    both = best_checkpoint(views, 1, key, [witness.cosigner], holds)
    assert both and both.token and f"— {OF_NATION} ".encode() in both.note
    [stamp] = views.time_stamps()
    text, _, lines = stamp.note.partition(b"\n\n")
    bare = text + b"\n\n" + lines.splitlines(keepends=True)[0]
    uncosigned: Any = _Other(views, replace(stamp, note=bare, token=_stamped_anew(vouched, bare)))
    cosigned = best_checkpoint(uncosigned, 1, key, [witness.cosigner], holds)
    assert cosigned and not cosigned.token and f"— {OF_NATION} ".encode() in cosigned.note
    stamped = best_checkpoint(views, 1, key, [], holds)
    assert stamped and stamped.token


def test_a_forged_stamp_before_a_true_one_does_not_hide_it(vouched: Vouched) -> None:
    """Whoever owns the database can put any number of rows before the true one, but not one that holds."""
    views: Any = vouched.pair.nodes[PROVINCE].node.ledger.views
    key, witness = (signer(vouched.pair, name).verifier for name in (PROVINCE, NATION))
    holds = partial(stamp_holds, vouched.pair.tree.settings(PROVINCE))
    [true] = views.time_stamps()
    elsewhere = replace(true, size=true.size - 1, token=_stamped_anew(vouched, b"something else"))
    unsigned = b"edxml-router/x\n1\n" + b"A" * 43 + b"=\n\n"
    of_another = replace(true, size=true.size - 1, note=unsigned, token=_stamped_anew(vouched, unsigned))
    damaged = replace(true, token=b"\x30\x00")
    forged: Any = _Other(views, elsewhere, of_another, damaged, true)
    assert best_checkpoint(forged, 1, key, [witness.cosigner], holds) == best_checkpoint(
        views, 1, key, [witness.cosigner], holds
    )
    without: Any = _Other(views, elsewhere, of_another, damaged)
    left = best_checkpoint(without, 1, key, [witness.cosigner], holds)
    assert left and not left.token


def test_the_page_names_agencies_and_says_whose_times_it_has(vouched: Vouched) -> None:
    page = container.read(vouched.data).files["certificate.html"].decode()
    assert "UTC+7" in page
    registry = vouched.pair.nodes[PROVINCE].node.rules.registry
    for code in ("H53", "H01"):
        agency = registry.get(code)
        assert agency and f"<td>{code} {agency.name}</td>" in page


def test_an_office_has_so_many_stamped_a_minute(vouched: Vouched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What authorities are asked at an office's wish has a bound; the journal's own stamp is enclosed beyond it too."""
    monkeypatch.setattr(issuing, "_stamped", Pace(2))
    node, settings = vouched.pair.nodes[PROVINCE].node, vouched.pair.tree.settings(PROVINCE)
    issuing._failed.clear()
    asked = vouched.authority.asked
    order = CertificateOrder(vouched.digest, office=f"vanthu-{PROVINCE}")
    made = [container.read(issuing.issue_to(node, settings, order)) for _ in range(4)]
    assert vouched.authority.asked - asked == 2
    assert [one.stamp is not None for one in made] == [True, True, False, False]
    assert all("journal.tst" in one.files for one in made)


def test_false_cosignatures_in_the_database_do_not_hide_true_ones(vouched: Vouched) -> None:
    """Whoever owns the database puts in lines that the neighbour has not signed, under a newer checkpoint, and beside
    true ones; the certificate goes without these, and with the true ones."""
    node = vouched.pair.nodes[PROVINCE].node
    views = node.ledger.views
    newest = views.signed_checkpoint()
    [true] = views.cosignatures(views.cosigned_size() or 0)
    assert newest is not None and newest.size > true.size
    other = replace(
        true, peer="another", line=true.line[:-6] + ("AAA==\n" if true.line[-6:] != "AAA==\n" else "BBB==\n")
    )
    with node.ledger.book() as book:
        book.witnesses.keep_cosignature(replace(true, size=newest.size))
        book.witnesses.keep_cosignature(other)
    found = vouched.verify(vouched.make(), "--key", vouched.witness)
    assert (found["valid"], found["witnesses"]) == (True, [OF_NATION])
    # Without the stamp the checkpoint is put together of what is kept.
    key, witness = (signer(vouched.pair, name).verifier for name in (PROVINCE, NATION))
    unstamped: Any = _Other(views)
    best = best_checkpoint(unstamped, 1, key, [witness.cosigner], lambda _: True)
    assert best is not None and best.size == true.size
    assert best.note.count(f"— {OF_NATION} ".encode()) == 1 and true.line.encode() in best.note
