"""A node's key and certificate are renewed: with neighbours that know of it, that do not yet, and that need not."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.journal import DELIVERY_EVENTS
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.link.credentials import UNPROVEN, Credentials, objection, read
from edxml_router.core.link.wire import Receipt, ReceiptOutcome, Report, decode_receipts, encode_receipts, letter_name
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.signing import PrivateKey, sign_bytes
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore
from edxml_router.credentials.keys import load_certificates
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch, reports
from edxml_router.services import trial_authority
from edxml_router.services.health.checks import CHECKS
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.offices import inbox
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.certificates import NOW, key, leaf, root
from tests.certificates import issuing as issuing_authority
from tests.clocks import Moved
from tests.test_trust_reload import change, wait

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)


class Pair:
    """A parent and its child in this process, with the clocks that a test moves."""

    def __init__(self, tree: Tree, stack: ExitStack) -> None:
        self.tree = tree
        self.parent, self.parent_clock = self._open("quoc-gia", stack)
        self.child, self.child_clock = self._open("tay-ninh", stack)
        self.alarms: list[tuple[str, str]] = []  # (who was told, code)

    def _open(self, name: str, stack: ExitStack) -> tuple[RunningNode, Moved]:
        clock = Moved()
        opened = stack.enter_context(open_worker(self.tree.settings(name), clock))
        opened.declare()
        return opened, clock

    def letter(self, number: int) -> None:
        """From the parent's office to the child's."""
        data = Post(self.tree.pki).document("G22", ["H53"], number=number, subject="V/v thử nghiệm")
        [answer] = pipeline.accept(self.parent.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
        assert answer.accepted

    def turn(self) -> list[Move]:
        """Everything that is due at both ends, and everything that comes of it; what moved at the parent."""
        moves: list[Move] = []
        for _ in range(4):
            for name, opened in (("quoc-gia", self.parent), ("tay-ninh", self.child)):
                forwarded = pipeline.forward(opened.node)
                pipeline.report(opened.node)
                for transport in opened.transports:
                    handled = batch.receive(opened.node, transport, transport.take(100, 0.0))
                    self.alarms += [(name, finding.code if finding else "") for _, finding in handled.alarms]
                    moves += [*forwarded, *handled.moves] if opened is self.parent else []
        return moves

    def confirm(self) -> None:
        """The child's office takes all that is in its inbox."""
        names = [letter_name(one.digest, one.recipient) for one in _all(self.child) if one.state is State.AVAILABLE]
        assert names
        assert not any(inbox.confirm(self.child.node, "vanthu-tay-ninh", names))

    def states(self) -> dict[State, int]:
        """Of the parent's deliveries."""
        return dict(Counter(one.state for one in _all(self.parent)))

    def kept(self, opened: RunningNode) -> dict[str, Finding]:
        with opened.node.ledger.book() as book:
            return dict(book.quarantine.kept_of((*UNPROVEN, reports.OBJECTED)))


def _all(opened: RunningNode) -> Sequence[Delivery]:
    with opened.node.ledger.book() as book:
        return book.deliveries.numbered(range(1, 100))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "tree", PLANS) as made:
        yield made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def renew(tree: Tree, name: str) -> None:
    """A new key and certificate in the place of the old ones."""
    for end in ("key.pem", "cert.pem"):
        (tree.pki / f"{name}.{end}").rename(tree.pki / f"{name}.old.{end}")
    trial_authority.issue_node(tree.pki, name, datetime.now(UTC))


def known_at_the_parent(tree: Tree, setting: str = 'certificate = "child.pem"') -> Path:
    """The parent knows the child by a file of its own, as on two machines."""
    own = tree.folder / "quoc-gia" / "child.pem"
    own.write_bytes((tree.pki / "tay-ninh.cert.pem").read_bytes())
    change(tree, "quoc-gia", 'certificate = "../pki/tay-ninh.cert.pem"', setting)
    return own


def test_receipts_of_a_renewed_key_are_kept_and_count_once_it_is_known(tree: Tree, stack: ExitStack) -> None:
    own = known_at_the_parent(tree)
    pair = Pair(tree, stack)
    pair.letter(1)
    pair.turn()
    renew(tree, "tay-ninh")
    assert pair.child.renew_credentials() == []
    pair.confirm()
    pair.turn()
    assert pair.states() == {State.FORWARDED: 1}
    # Both ends know what is wrong, and whose turn it is.
    here, there = pair.kept(pair.parent)["tay-ninh"], pair.kept(pair.child)["quoc-gia"]
    assert (here.code, there.code) == ("EDX324", "EDX325")
    old, new = (load_certificates(tree.pki / f"tay-ninh.{name}.pem")[0] for name in ("old.cert", "cert"))
    for detail in (here.detail, there.detail):
        assert f"signed with tay-ninh (serial {new.serial_number:x})" in detail
        assert f"named here: tay-ninh (serial {old.serial_number:x}); this side's turn" in detail
    assert set(pair.alarms) == {("quoc-gia", "EDX324"), ("tay-ninh", "EDX325")}
    assert [doctor(pair.parent), doctor(pair.child)] == ["EDX324", "EDX325"]
    # The certificate arrives: what was kept counts, nothing is sent again, and the other end learns of it.
    own.write_bytes(own.read_bytes() + (tree.pki / "tay-ninh.cert.pem").read_bytes())
    assert pair.parent.renew_credentials() == []
    assert {move.after for move in reports.count_kept(pair.parent.node)} == {State.CONFIRMED}
    pair.turn()
    assert (pair.states(), pair.kept(pair.parent), pair.kept(pair.child)) == ({State.CONFIRMED: 1}, {}, {})
    assert pair.alarms[-1] == ("tay-ninh", "")
    assert [doctor(pair.parent), doctor(pair.child)] == ["", ""]


def doctor(opened: RunningNode) -> str:
    """What the check of the neighbours says."""
    [(_, finding)] = CHECKS["neighbours"](opened.settings)
    return finding.code if finding else ""


def test_receipts_that_nothing_proves_are_kept_and_count_once_a_certificate_is_named(tree: Tree) -> None:
    known_at_the_parent(tree, "")
    with ExitStack() as stack:
        pair = Pair(tree, stack)
        assert [doctor(pair.parent), doctor(pair.child)] == ["EDX411", ""]  # before the first receipt
        pair.letter(1)
        pair.turn()
        pair.confirm()
        pair.turn()
        assert pair.states() == {State.FORWARDED: 1}
        assert pair.kept(pair.parent)["tay-ninh"].code == "EDX411"
        assert ("quoc-gia", "EDX411") in pair.alarms
        assert [doctor(pair.parent), doctor(pair.child)] == ["EDX411", "EDX325"]
    change(tree, "quoc-gia", 'name = "tay-ninh"\n', 'name = "tay-ninh"\ncertificate = "../pki/tay-ninh.cert.pem"\n')
    with ExitStack() as stack:
        pair = Pair(tree, stack)
        assert {move.after for move in reports.count_kept(pair.parent.node)} == {State.CONFIRMED}
        pair.turn()
        assert (pair.states(), pair.kept(pair.parent), pair.kept(pair.child)) == ({State.CONFIRMED: 1}, {}, {})
        assert [doctor(pair.parent), doctor(pair.child)] == ["", ""]


def test_receipts_that_nothing_proves_count_where_the_configuration_says_so(tree: Tree, stack: ExitStack) -> None:
    known_at_the_parent(tree, "unsigned_receipts = true")
    pair = Pair(tree, stack)
    pair.letter(1)
    pair.turn()
    pair.confirm()
    pair.turn()
    assert (pair.states(), pair.kept(pair.parent)) == ({State.CONFIRMED: 1}, {})
    assert doctor(pair.parent) == "EDX907"  # and it is called what it is


def test_a_neighbour_is_told_once_not_for_every_message(tree: Tree, stack: ExitStack) -> None:
    known_at_the_parent(tree)
    pair = Pair(tree, stack)
    renew(tree, "tay-ninh")
    assert pair.child.renew_credentials() == []
    for number in range(1, 6):
        pair.letter(number)
        pair.turn()
    assert pair.alarms == [("quoc-gia", "EDX324"), ("tay-ninh", "EDX325")]
    pair.parent_clock.at += timedelta(hours=2)
    pair.letter(6)
    pair.turn()
    assert pair.alarms[2:] == [("quoc-gia", "EDX324"), ("tay-ninh", "EDX325")]
    assert list(pair.kept(pair.child)) == ["quoc-gia"]


def test_a_letter_that_ends_meanwhile_does_not_blame_the_recipient(tree: Tree, stack: ExitStack) -> None:
    known_at_the_parent(tree)
    pair = Pair(tree, stack)
    renew(tree, "tay-ninh")
    assert pair.child.renew_credentials() == []
    pair.letter(1)
    pair.turn()
    pair.confirm()
    pair.turn()
    pair.parent_clock.at += timedelta(days=30)
    [move] = pipeline.expire(pair.parent.node)
    assert (move.after, move.code) == (State.EXPIRED, "EDX324")
    assert "perhaps delivered: receipts of tay-ninh are kept" in move.detail


@pytest.mark.parametrize("together", [False, True])
def test_two_certificates_count_at_once(tree: Tree, stack: ExitStack, together: bool) -> None:
    """In a list of files, or in one file: then no two people need act in the same minute."""
    own = known_at_the_parent(tree, 'certificate = ["child.pem", "next.pem"]')
    renewed = trial_authority.issue_node(tree.pki / ".." / "pki", "tay-ninh-2", datetime.now(UTC))
    following = own.with_name("next.pem")
    following.write_bytes(own.read_bytes() if together else renewed.certificate.read_bytes())
    if together:
        own.write_bytes(own.read_bytes() + renewed.certificate.read_bytes())
    pair = Pair(tree, stack)
    pair.letter(1)
    pair.turn()
    for end, path in (("key.pem", renewed.key), ("cert.pem", renewed.certificate)):
        path.replace(tree.pki / f"tay-ninh.{end}")
    assert pair.child.renew_credentials() == []
    pair.confirm()
    pair.turn()
    assert (pair.states(), pair.alarms) == ({State.CONFIRMED: 1}, [])


def test_an_authority_of_nodes_makes_a_renewal_need_nothing(tree: Tree, stack: ExitStack) -> None:
    known_at_the_parent(tree, 'authority = "../pki/issuing.cert.pem"')
    pair = Pair(tree, stack)
    pair.letter(1)
    pair.turn()
    renew(tree, "tay-ninh")
    assert pair.child.renew_credentials() == []
    pair.confirm()
    pair.turn()
    assert (pair.states(), pair.alarms) == ({State.CONFIRMED: 1}, [])


def test_a_key_without_its_certificate_is_not_taken(tree: Tree, stack: ExitStack) -> None:
    """Two files cannot be replaced in one moment."""
    pair = Pair(tree, stack)
    before = pair.child.signing
    assert before is not None
    key_file, certificate = (tree.pki / f"tay-ninh.{end}" for end in ("key.pem", "cert.pem"))
    renewed = trial_authority.issue_node(tree.pki, "tay-ninh-2", datetime.now(UTC))
    renewed.key.replace(key_file)
    found = pair.child.renew_credentials()
    assert found is not None
    assert [finding.code for finding in found] == ["EDX903"]
    assert pair.child.signing is before
    assert pair.child.renew_credentials() is None  # told once
    renewed.certificate.replace(certificate)
    assert pair.child.renew_credentials() == []
    assert pair.child.signing is not before


def test_a_node_does_not_start_with_a_key_of_another_certificate(tree: Tree) -> None:
    (tree.pki / "quoc-gia.key.pem").replace(tree.pki / "tay-ninh.key.pem")
    done = tree.run("tay-ninh", "config", "check")
    assert done.returncode == 78
    assert "EDX903" in done.stdout + done.stderr


def test_running_nodes_follow_their_files(tree: Tree) -> None:
    """Without a signal, and with the log lines that tell of it."""
    tree.start()
    old = load_certificates(tree.pki / "tay-ninh.cert.pem")[0]
    renew(tree, "tay-ninh")
    new = load_certificates(tree.pki / "tay-ninh.cert.pem")[0]
    assert old != new
    wait(lambda: f'"certificate": "tay-ninh (serial {new.serial_number:x})"' in tree.log("tay-ninh").read_text())
    wait(lambda: '"credentials.renewed"' in tree.log("quoc-gia").read_text())
    letter = tree.folder / "letter.edxml"
    letter.write_bytes(Post(tree.pki).document("G22", ["H53"], number=1, subject="V/v thử nghiệm"))
    tree.ask("quoc-gia", "send", "--as", "vanthu-quoc-gia", letter)
    # The child's receipt is signed with the new key, and counts.
    wait(lambda: tree.ask("quoc-gia", "journal", "query", "--event", DELIVERY_EVENTS[Event.ACCEPT]))
    assert "receipts.doubted" not in tree.log("quoc-gia").read_text()


# --- what counts ---------------------------------------------------------------------------------------------

RECEIPT = Receipt("0" * 64, "H53.02", 0, ReceiptOutcome.CONFIRMED, NOW)


def report(name: str, *shown: x509.Certificate) -> Report:
    """Receipts signed with the key of this name."""
    return reported(key("p-256", name), *shown)


def reported(by: PrivateKey, *shown: x509.Certificate) -> Report:
    ders = [each.public_bytes(Encoding.DER) for each in shown]
    return decode_receipts(encode_receipts((RECEIPT,), lambda data: b64encode(sign_bytes(by, data)).decode(), ders))


def codes(given: Credentials, said: Report, at: datetime = NOW) -> str:
    finding = objection(given, said, TrustStore(), at)
    return finding.code if finding else "counts"


def test_what_counts_by_certificate() -> None:
    old, new = leaf("H53.02"), leaf("H53.03")
    assert codes(Credentials((old,)), report("H53.02")) == "counts"
    assert codes(Credentials((old, new)), report("H53.03")) == "counts"
    assert codes(Credentials((old,)), report("H53.03")) == "EDX315"  # nothing is shown that it could be
    assert codes(Credentials((old,)), report("H53.03", new)) == "EDX324"
    assert codes(Credentials((old,)), report("H53.03", old)) == "EDX315"  # shown, but not what signed
    assert codes(Credentials((old,)), report("H53.02")._replace(signature="")) == "EDX315"
    assert codes(Credentials((old,)), report("H53.02")._replace(signature="ă")) == "EDX315"
    assert codes(Credentials((old,)), report("H53.03", new)._replace(certificates=(b"no",))) == "EDX315"


def test_what_counts_by_authority() -> None:
    authority, mine = issuing_authority().certificate, leaf("H53.02")
    given = Credentials((), (authority,), "H53.02")
    assert codes(given, report("H53.02", mine)) == "counts"
    assert codes(given, report("H53.02", mine, authority)) == "counts"
    assert codes(given, report("H53.02", mine), NOW + timedelta(days=4000)) == "EDX324"
    assert codes(given, report("H53.03", leaf("H53.03"))) == "EDX324"  # of the same authority, with another name
    assert codes(given, report("H53.02", leaf("H53.02", above="Other", issuer="Other issuing"))) == "EDX324"
    assert codes(given, report("H53.02")) == "EDX315"  # the certificate must be shown


def test_a_stranger_cannot_show_the_neighbours_certificate_behind_its_own() -> None:
    """The signature is checked by the first that is shown, the chain might be judged by another."""
    given = Credentials((), (issuing_authority().certificate,), "H53.02")
    stranger = root("H53.02").certificate  # an authority of its own with the neighbour's name
    for shown in ((stranger, leaf("H53.02")), (stranger, leaf("H53.02"), issuing_authority().certificate)):
        assert codes(given, reported(root("H53.02").key, *shown)) == "EDX324"


def test_a_file_may_hold_an_old_and_a_new_certificate_each_with_its_chain() -> None:
    authority = issuing_authority().certificate
    old, new = leaf("H53.02"), leaf("H53.03")
    assert read(write_pem([old, authority, new, authority]), "file") == (old, new)
    assert read(write_pem([authority]), "file") == (authority,)  # one that signed itself may say it is an authority
    with pytest.raises(Refusal):
        read(b"", "file")
