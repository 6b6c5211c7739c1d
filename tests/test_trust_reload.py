"""Revocation at work: lists that are fresh, stale, old and fetched; and nodes that follow the files by themselves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core import pki
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Finding, Setback
from edxml_router.core.trust.chain import TrustStore
from edxml_router.credentials import endings, sources
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.credentials.revocation import kept_lists, list_files
from edxml_router.credentials.revocation.fetching import download
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.services import trial_authority
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.clocks import Moved

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22", "G09")),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)
DAY = timedelta(days=1)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "tree", PLANS) as made:
        yield made


def change(tree: Tree, name: str, before: str, after: str) -> None:
    config = tree.config(name)
    text = config.read_text(encoding="utf-8")
    assert before in text
    config.write_text(text.replace(before, after, 1), encoding="utf-8")


@contextmanager
def opened(tree: Tree, name: str = "quoc-gia") -> Iterator[tuple[RunningNode, Moved]]:
    clock = Moved()
    with open_worker(tree.settings(name), clock) as node:
        node.declare()
        yield node, clock


def send(tree: Tree, node: RunningNode, number: int = 1) -> Acceptance:
    data = Post(tree.pki).document("G22", ["G09"], number=number, subject="V/v thử nghiệm")
    [answer] = pipeline.accept(node.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    return answer


def code(answer: Acceptance) -> str:
    return answer.finding.code if answer.finding else "accepted"


def reason(node: RunningNode, answer: Acceptance) -> str:
    with node.node.ledger.book() as book:
        return book.envelopes.known([answer.digest])[answer.digest].reason


def made_list(folder: Path, *revoked: str, number: int, at: datetime, days: int = 30) -> bytes:
    """A list of the issuing authority in ``folder``, with the certificates of these agencies on it."""
    issuer = pki.Issuer(load_key(folder / "issuing.key.pem"), load_certificates(folder / "issuing.cert.pem")[0])
    serials = [load_certificates(folder / f"{each}.cert.pem")[0].serial_number for each in revoked]
    rows = [pki.RevokedCertificate(serial, at) for serial in serials]
    return pki.revocation_list(issuer, rows, number=number, at=at, days=days).public_bytes(Encoding.DER)


def wait(what: Callable[[], Any]) -> Any:
    """Until it is so; a node that does nothing makes the test fail after a minute."""
    until = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


# --- fresh, stale, old ---------------------------------------------------------------------------------------


def test_lists_that_are_fresh_stale_and_old(tree: Tree) -> None:
    change(tree, "quoc-gia", "[trust]\n", '[trust]\ncrl_grace = "36h"\n')
    with opened(tree) as (node, clock):
        fresh = send(tree, node, 1)
        assert (code(fresh), reason(node, fresh)) == ("accepted", "ok")
        clock.at += 31 * DAY  # the list was for thirty
        stale = send(tree, node, 2)
        assert (code(stale), reason(node, stale)) == ("accepted", "ok; crl-stale")
        clock.at += DAY
        old = send(tree, node, 3)
        assert (code(old), old.passing) == ("EDX314", True)  # it waits: nothing is kept, nothing is refused
        assert node.node.ledger.views.list_quarantined() == []
        assert node.renew_trust() is None
        trial_authority.publish(tree.pki, clock.at)
        assert node.renew_trust() == []
        again = send(tree, node, 3)
        assert (code(again), reason(node, again)) == ("accepted", "ok")


def test_an_envelope_from_a_neighbour_is_given_back_until_there_is_a_list(tree: Tree) -> None:
    old = made_list(tree.pki, number=1, at=datetime.now(UTC) - 40 * DAY)
    own = tree.folder / "quoc-gia" / "own.crl"
    own.write_bytes(old)
    change(tree, "quoc-gia", "../pki/issuing.crl.pem", "own.crl")
    with opened(tree) as (parent, clock), opened(tree, "tay-ninh") as (child, _):
        data = Post(tree.pki).document("H53", ["G22"], number=1, subject="V/v thử nghiệm")
        [answer] = pipeline.accept(child.node, [Submission(MemoryBody(data), "vanthu-tay-ninh", "cli")])
        assert answer.accepted
        pipeline.forward(child.node)
        [transport] = parent.transports
        handled = batch.receive(parent.node, transport, transport.take(10, 0.0))
        assert (len(handled.back), [each.passing for each in handled.answers]) == (1, [True])
        own.write_bytes(made_list(tree.pki, number=2, at=clock.at))
        assert parent.renew_trust() == []
        came = wait(lambda: list(transport.take(10, 0.1)))  # a mailbox gives back after a while
        handled = batch.receive(parent.node, transport, came)
        assert [each.accepted for each in handled.answers] == [True]


@pytest.mark.parametrize(("required", "answer"), [("auto", "accepted"), ("never", "accepted"), ("always", "EDX314")])
def test_without_any_list_the_setting_decides(tree: Tree, required: str, answer: str) -> None:
    lists = 'crls = ["../pki/root.crl.pem", "../pki/issuing.crl.pem"]'
    change(tree, "quoc-gia", lists, f'crl_required = "{required}"')
    with opened(tree) as (node, _):
        given = send(tree, node)
        assert code(given) == answer
        if given.accepted:
            assert reason(node, given) == "ok; revocation-unchecked"


def test_revoked_and_expired_at_the_moment_of_acceptance(tree: Tree) -> None:
    with opened(tree) as (node, clock):
        assert code(send(tree, node, 1)) == "accepted"
        [row] = [row for row in trial_authority.issued(tree.pki) if row.name == "G22"]
        trial_authority.revoke(tree.pki, row.serial, clock.at)
        assert node.renew_trust() == []
        assert code(send(tree, node, 2)) == "EDX313"
        clock.at += 731 * DAY
        assert code(send(tree, node, 3)) == "EDX309"


class Counting:
    """Revocation lists that count how often a chain is asked about."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.asked = inner, 0

    def standing(self, *question: Any) -> Any:
        self.asked += 1
        return self.inner.standing(*question)


def test_a_chain_is_judged_once_until_a_list_changes(tree: Tree) -> None:
    """Then the signature itself is the only public-key operation for an envelope."""
    with opened(tree) as (node, clock):
        trust = node.node.rules.trust
        counting = trust._revocation = Counting(trust._revocation)  # type: ignore[assignment]
        assert [code(send(tree, node, number)) for number in (1, 2, 3)] == ["accepted"] * 3
        assert counting.asked == 2  # the agency's certificate and its authority's, for the first envelope
        (tree.pki / "issuing.crl.pem").touch()
        assert node.renew_trust() == []
        assert node.node.rules.trust is trust  # the same content: nothing is forgotten
        trial_authority.publish(tree.pki, clock.at)
        assert node.renew_trust() == []
        assert isinstance(node.node.rules.trust, TrustStore)
        assert node.node.rules.trust.epoch != trust.epoch
        assert code(send(tree, node, 4)) == "accepted"
        assert counting.asked == 2  # the new store asked its own lists


# --- fetching --------------------------------------------------------------------------------------------------


class Site:
    """What a web server of an authority says, by path; paths that were asked for are noted."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.pages[self.path](self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def page(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = answer
        return self.url + path


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.over.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_what_is_fetched(site: Site, tmp_path: Path) -> None:
    body = bytes(range(256)) * 1000
    assert download(site.page("/list", body)) == body
    file = tmp_path / "a list"
    file.write_bytes(body)
    assert download(file.as_uri()) == body


def test_what_is_not_fetched(site: Site, tmp_path: Path) -> None:
    def refused_by(url: str, **limits: Any) -> str:
        with pytest.raises(Setback) as caught:
            download(url, **limits)
        assert caught.value.code == "EDX318"
        return caught.value.finding.detail

    assert refused_by(site.page("/gone", b"", 404)) == "HTTP status 404"
    assert refused_by(site.page("/much", bytes(101)), max_bytes=100) == "more than 100 bytes"
    assert len(download(site.page("/much", bytes(100)), max_bytes=100)) == 100
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    for target in (site.page("/inside", b"x"), secret.as_uri()):
        assert refused_by(site.page("/moved", b"", 302, Location=target)) == "HTTP status 302"
    assert "/inside" not in site.asked
    assert refused_by("ftp://127.0.0.1/list") == "scheme ftp"
    assert refused_by((tmp_path / "none").as_uri())
    assert refused_by("http://127.0.0.1:1/list") == "Connection refused"


DRIPS = {
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "go on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "behind the last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"x"),
}


@pytest.mark.parametrize(("begin", "drop"), DRIPS.values(), ids=DRIPS)
def test_who_drips_is_left(site: Site, begin: bytes, drop: bytes) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(begin)
        with suppress(OSError):
            while not site.over.wait(0.05):
                request.wfile.write(drop)

    site.pages["/drip"] = drip
    with pytest.raises(Setback, match=r"not complete after 0\.3 s"):
        download(f"{site.url}/drip", timeout=0.3)


@pytest.fixture
def fetching(tree: Tree, site: Site) -> Tree:
    """The upper node fetches the issuing authority's list."""
    crls = 'crls = ["../pki/root.crl.pem", "../pki/issuing.crl.pem"]'
    fetched = f'crls = ["../pki/root.crl.pem"]\ncrl_urls = ["{site.url}/issuing.crl"]\ncrl_interval = "200ms"'
    change(tree, "quoc-gia", crls, f'intermediates = "../pki/issuing.cert.pem"\n{fetched}')
    site.page("/issuing.crl", made_list(tree.pki, number=5, at=datetime.now(UTC) - DAY))
    return tree


def test_a_fetched_list_is_kept_and_counts(fetching: Tree, site: Site) -> None:
    settings = fetching.settings("quoc-gia")
    now = datetime.now(UTC)
    with opened(fetching) as (node, _):
        assert code(send(fetching, node, 1)) == "EDX314"  # there is none yet
        assert sources.renew_lists(settings, now) == []
        assert node.renew_trust() == []
        assert code(send(fetching, node, 1)) == "accepted"
        assert sources.renew_lists(settings, now) == []
        assert node.renew_trust() is None  # the same list again
        site.page("/issuing.crl", made_list(fetching.pki, "G22", number=6, at=now))
        assert sources.renew_lists(settings, now) == []
        assert node.renew_trust() == []
        assert code(send(fetching, node, 2)) == "EDX313"
    site.page("/issuing.crl", b"", 503)
    with opened(fetching) as (node, _):  # after a restart, with nobody to ask
        assert code(send(fetching, node, 2)) == "EDX313"


def test_a_bad_list_never_replaces_a_good_one(fetching: Tree, site: Site, tmp_path: Path) -> None:
    settings, now = fetching.settings("quoc-gia"), datetime.now(UTC)
    assert sources.renew_lists(settings, now) == []
    path = kept_lists.path_of(settings.kept_lists, settings.trust.crl_urls[0])
    good = path.read_bytes()
    trial_authority.init(tmp_path / "other", now - DAY)
    for bad in (
        b"",
        b"<html>",
        good[:-1],
        (fetching.pki / "root.crl.pem").read_bytes(),  # good, but of another authority than the one on hand
        made_list(tmp_path / "other", number=9, at=now),  # of a stranger
        made_list(fetching.pki, number=4, at=now - 2 * DAY),  # an older one
        made_list(fetching.pki, number=9, at=now + DAY),  # of tomorrow
        good + good,
    ):
        site.page("/issuing.crl", bad)
        assert [finding.code for finding in sources.renew_lists(settings, now)] == ["EDX318"]
        assert path.read_bytes() == good
    path.write_bytes(b"damaged")  # then anything good is better
    assert kept_lists.held(settings.kept_lists, settings.trust.crl_urls[0]) == ()
    site.page("/issuing.crl", made_list(fetching.pki, number=4, at=now - 2 * DAY))
    assert sources.renew_lists(settings, now) == []
    assert [one.data for one in kept_lists.held(settings.kept_lists, settings.trust.crl_urls[0])] == [path.read_bytes()]


def test_one_odd_list_keeps_no_other_from_being_renewed(fetching: Tree, site: Site) -> None:
    """A number that stands in it twice is found by the library only when the extensions are asked for."""
    now = datetime.now(UTC)
    change(fetching, "quoc-gia", "crl_urls = [", f'crl_urls = ["{site.url}/odd.crl", ')
    settings = fetching.settings("quoc-gia")
    good = made_list(fetching.pki, number=8, at=now)
    issuer = pki.Issuer(
        load_key(fetching.pki / "issuing.key.pem"), load_certificates(fetching.pki / "issuing.cert.pem")[0]
    )
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(now).next_update(now + DAY)
    # The builder adds nothing twice: a second extension under another number is made to carry the first one's.
    other = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x02\x01\x09")
    builder = builder.add_extension(x509.CRLNumber(9), False).add_extension(other, False)
    made = builder.sign(issuer.key, pki.hashes.SHA256())
    odd = made.public_bytes(Encoding.DER).replace(bytes.fromhex("0603551d63"), bytes.fromhex("0603551d14"))
    site.page("/odd.crl", odd)
    site.page("/issuing.crl", good)
    [finding] = sources.renew_lists(settings, now)
    assert (finding.code, finding.where) == ("EDX318", f"{site.url}/odd.crl")
    assert "2.5.29.20 stands in it twice" in finding.detail
    [kept] = kept_lists.held(settings.kept_lists, f"{site.url}/issuing.crl")
    assert kept.number == 8


def test_an_odd_list_in_a_file_stops_no_worker_and_is_named(tree: Tree) -> None:
    settings = tree.settings("quoc-gia")
    issuer = pki.Issuer(load_key(tree.pki / "issuing.key.pem"), load_certificates(tree.pki / "issuing.cert.pem")[0])
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    now = datetime.now(UTC)
    delta = builder.last_update(now).next_update(now + DAY).add_extension(x509.DeltaCRLIndicator(1), True)
    path = tree.folder / "quoc-gia" / "odd.crl"
    path.write_bytes(delta.sign(issuer.key, pki.hashes.SHA256()).public_bytes(Encoding.DER))
    change(tree, "quoc-gia", 'crls = ["../pki/root.crl.pem", ', 'crls = ["odd.crl", "../pki/root.crl.pem", ')
    with opened(tree) as (node, _):
        assert code(send(tree, node)) == "accepted"
    settings = tree.settings("quoc-gia")
    [odd] = [one for one in endings.lists(settings, now) if one.finding]
    assert odd.finding is not None
    assert (odd.finding.code, odd.finding.where) == ("EDX322", str(path))
    assert "a delta list" in odd.finding.detail
    for command in (("trust", "status"), ("doctor",), ("config", "check")):
        shown = tree.run("quoc-gia", *command)
        assert shown.returncode != 0
        assert "EDX322" in shown.stdout


def test_a_list_is_read_again_only_when_its_file_has_changed(tree: Tree) -> None:
    with opened(tree) as (node, clock):
        path = tree.settings("quoc-gia").trust.crls[1]
        first = list_files.load_lists(path)
        trial_authority.publish(tree.pki, clock.at)
        (tree.folder / "quoc-gia" / "bindings.csv").touch()
        assert node.renew_trust() == []
        second = list_files.load_lists(path)
        assert second[0] is not first[0]
        assert sources.trust_store(tree.settings("quoc-gia")).epoch == node.node.rules.trust.epoch
        assert list_files.load_lists(path)[0] is second[0]


def test_addresses_come_from_the_configuration_only(fetching: Tree, site: Site) -> None:
    """A certificate that names a distribution point makes nobody call it."""
    issuer = pki.Issuer(
        load_key(fetching.pki / "issuing.key.pem"), load_certificates(fetching.pki / "issuing.cert.pem")[0]
    )
    key, now = trial_authority.new_key(), datetime.now(UTC)
    plain = pki.agency(issuer, key.public_key(), ["G22"], serial=77, at=now, days=9)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(f"{site.url}/trap")], None, None, None)
    builder = x509.CertificateBuilder(
        plain.issuer, plain.subject, key.public_key(), 77, plain.not_valid_before_utc, plain.not_valid_after_utc
    ).add_extension(x509.CRLDistributionPoints([point]), critical=False)
    for extension in plain.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    leaf = builder.sign(issuer.key, pki.hashes.SHA256())
    sent = [one.public_bytes(Encoding.DER) for one in (leaf, issuer.certificate)]
    with opened(fetching) as (node, _):
        verdict = node.node.rules.trust.judge(sent, now)
        assert verdict.finding == Finding("EDX314", detail="no revocation list of the issuer")
    assert site.asked == []


# --- a node that runs ------------------------------------------------------------------------------------------


def said(tree: Tree, event: str) -> list[int]:
    """The processes that have said this, once for each time."""
    lines = map(json.loads, tree.log("quoc-gia").read_text(encoding="utf-8").splitlines())
    return [line["process"] for line in lines if line["event"] == event]


@contextmanager
def followed(tree: Tree) -> Iterator[None]:
    """Until both workers have renewed their trust after what is done here."""
    before = len(said(tree, "trust.renewed"))
    yield
    wait(lambda: len(set(said(tree, "trust.renewed")[before:])) == 2)


def test_the_kill_switch_reaches_every_worker_of_a_running_node(fetching: Tree, site: Site) -> None:
    """Fetching in the background, a revocation, a block and its end: two workers, no signal."""
    tree = fetching
    change(tree, "quoc-gia", "workers = 1", "workers = 2")
    sent = iter(range(1, 100))
    with opened(tree, "tay-ninh") as (child, clock):
        post = Post(tree.pki)

        def outcomes(count: int = 6) -> set[tuple[State, str]]:
            """What becomes of mail from below, which the workers share out."""
            digests = []
            for _ in range(count):
                data = post.document("H53", ["G22"], number=next(sent), subject="V/v thử nghiệm")
                given = [Submission(MemoryBody(data), "vanthu-tay-ninh", "cli")]
                digests += [answer.digest for answer in pipeline.accept(child.node, given)]

            def ended() -> set[tuple[State, str]]:
                clock.at = datetime.now(UTC)
                pipeline.forward(child.node)
                for transport in child.transports:
                    batch.receive(child.node, transport, list(transport.take(100, 0.0)))
                with child.node.ledger.book() as book:
                    found = book.deliveries.of(digests)
                known = [one for one in found if one.far_accepted or one.state is State.RETURNED]
                return {(one.state, one.code) for one in known} if len(known) == count else set()

            return set(wait(ended))

        tree.start("quoc-gia")
        wait(lambda: len(said(tree, "worker.started")) == 2)
        assert outcomes() == {(State.FORWARDED, "")}  # whatever came before the list was given back, and came again
        with followed(tree):
            assert tree.run("quoc-gia", "trust", "block", "H53", "--reason", "mất khóa").returncode == 0
        assert outcomes() == {(State.RETURNED, "EDX409")}
        with followed(tree):
            assert tree.run("quoc-gia", "trust", "unblock", "H53", "--reason", "khóa mới").returncode == 0
        assert outcomes() == {(State.FORWARDED, "")}
        with followed(tree):
            site.page("/issuing.crl", made_list(tree.pki, "H53", number=6, at=datetime.now(UTC)))
        assert outcomes() == {(State.RETURNED, "EDX313")}
        site.page("/issuing.crl", b"nothing")
        wait(lambda: '"list.not-renewed"' in tree.log("quoc-gia").read_text(encoding="utf-8"))
        assert tree.stop("quoc-gia") == {"quoc-gia": 0}
    [kept] = kept_lists.held(load(tree.config("quoc-gia")).kept_lists, f"{site.url}/issuing.crl")
    [revoked] = [one for one in trial_authority.issued(tree.pki) if one.name == "H53"]
    assert kept.revoked(int(revoked.serial, 16)) is not None
