"""Responders (OCSP) at work: what openssl's own says, what is kept of it, and nodes that ask in the background."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPResponseBuilder, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core import pki
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.trust import ocsp
from edxml_router.credentials import keys
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.credentials.revocation import asking, kept_answers, responders
from edxml_router.credentials.revocation.asking import OcspPoller
from edxml_router.credentials.revocation.fetching import ask_responder
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.services import trial_authority
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.clocks import Moved
from tests.responder import Responder, send

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22", "G09")),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)
DAY = timedelta(days=1)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "tree", PLANS) as made:
        yield made


@pytest.fixture
def responder(tree: Tree, tmp_path: Path) -> Iterator[Responder]:
    """The upper node has no list of the issuing authority, but asks this."""
    with Responder(tree.pki, tmp_path / "responder") as made:
        change(tree, '"../pki/root.crl.pem", "../pki/issuing.crl.pem"]', '"../pki/root.crl.pem"]\ncrl_interval = "1h"')
        with tree.config("quoc-gia").open("a", encoding="utf-8") as config:
            config.write(f'\n[[trust.ocsp]]\nurl = "{made.url}"\nissuer = "../pki/issuing.cert.pem"\n')
        yield made


def change(tree: Tree, before: str, after: str) -> None:
    config = tree.config("quoc-gia")
    text = config.read_text(encoding="utf-8")
    assert before in text
    config.write_text(text.replace(before, after, 1), encoding="utf-8")


def certificate(tree: Tree, name: str) -> x509.Certificate:
    return load_certificates(tree.pki / f"{name}.cert.pem")[0]


@contextmanager
def opened(tree: Tree, name: str = "quoc-gia") -> Iterator[tuple[RunningNode, Moved]]:
    clock = Moved()
    with open_worker(tree.settings(name), clock) as node:
        node.declare()
        yield node, clock


def outcome(tree: Tree, node: RunningNode, number: int, sender: str = "G22") -> str:
    """The code, or the reason that is recorded."""
    data = Post(tree.pki).document(sender, ["G09" if sender == "G22" else "G22"], number=number, subject="V/v thử")
    [answer] = pipeline.accept(node.node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    if answer.finding is not None:
        assert answer.passing == (answer.finding.code == "EDX314")
        return answer.finding.code
    with node.node.ledger.book() as book:
        return book.envelopes.known([answer.digest])[answer.digest].reason


def met(settings: Settings, *certificates: x509.Certificate) -> None:
    for each in certificates:
        kept_answers.note_met(settings.kept_answers, each)


def said(settings: Settings) -> dict[str, str]:
    """Of each certificate that was met: good, revoked, or why nothing is known."""
    found = {}
    for one in responders.on_hand(settings):
        [name] = one.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        found[str(name.value)] = one.detail if one.answer is None else "revoked" if one.answer.revoked else "good"
    return found


# --- openssl's responder ---------------------------------------------------------------------------------------


def test_good_revoked_and_unknown(tree: Tree, responder: Responder) -> None:
    settings, now = tree.settings("quoc-gia"), datetime.now(UTC)
    good, gone, other = (certificate(tree, name) for name in ("G22", "G09", "H53"))
    responder.knows(good)
    responder.knows(gone, revoked=now - DAY)
    met(settings, good, gone, other)
    [finding] = OcspPoller(settings).turn(now)
    assert (finding.code, finding.where) == ("EDX319", responder.url)
    assert finding.detail == "the responder does not know the certificate"
    assert said(settings) == {"G22": "good", "G09": "revoked", "H53": "no answer yet"}
    assert sorted(responder.asked) == sorted(each.serial_number for each in (good, gone, other))


@pytest.mark.parametrize(
    ("options", "heard"),
    [
        (("-resp_key_id",), True),
        (("-resp_no_certs",), True),
        (("-rmd", "sha384"), True),
        (("-rcid", "sha256"), False),  # OpenSSL 3.0 loses the serial number on the way
        (("-rmd", "sha1"), False),
        (("-badsig",), False),
    ],
)
def test_what_openssl_can_say_differently(
    tree: Tree, responder: Responder, options: tuple[str, ...], heard: bool
) -> None:
    settings, one = tree.settings("quoc-gia"), certificate(tree, "G22")
    responder.knows(one)
    responder.options = ("-ndays", "1", *options)
    met(settings, one)
    findings = OcspPoller(settings).turn(datetime.now(UTC))
    assert said(settings)["G22"] == ("good" if heard else "no answer yet")
    assert [finding.code for finding in findings] == ([] if heard else ["EDX319"])
    if "-rmd" in options and not heard:
        assert findings[0].detail == f"the hash of its signature is {options[1]}"


def test_an_answer_about_two_certificates_is_not_heard(tree: Tree, responder: Responder, tmp_path: Path) -> None:
    one, other = certificate(tree, "G22"), certificate(tree, "G09")
    for each in (one, other):
        responder.knows(each)
    pems = [f"{tree.pki}/{name}.cert.pem" for name in ("issuing", "G22", "G09")]
    subprocess.run(
        ["openssl", "ocsp", "-issuer", pems[0], "-cert", pems[1], "-cert", pems[2], "-no_nonce",
         "-reqout", tmp_path / "both"],
        check=True,
    )  # fmt: skip
    both = responder.answer((tmp_path / "both").read_bytes())
    with pytest.raises(Setback, match="about more than the one certificate"):
        ocsp.read_answer(both, one, certificate(tree, "issuing"))


def made_responder(tree: Tree, name: str, *purposes: x509.ObjectIdentifier, issuer: str = "issuing") -> Path:
    """Key and certificate of somebody who answers; the place, without the endings."""
    above = pki.Issuer(load_key(tree.pki / f"{issuer}.key.pem"), load_certificates(tree.pki / f"{issuer}.cert.pem")[0])
    key, now = trial_authority.new_key(), datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.subject_name(name))
        .issuer_name(above.certificate.subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(pki.key_usage(digital_signature=True), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    keys.write_key(tree.pki / f"{name}.key.pem", key)
    made = builder.sign(above.key, pki.hashes.SHA256())
    (tree.pki / f"{name}.cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return tree.pki / name


def test_who_may_answer_for_the_authority(tree: Tree, responder: Responder) -> None:
    one = certificate(tree, "G22")
    responder.knows(one)
    met(tree.settings("quoc-gia"), one)

    def heard(signer: Path) -> str:
        settings = tree.settings("quoc-gia")
        responder.signer = signer
        [*findings] = OcspPoller(settings).turn(datetime.now(UTC))
        return findings[0].detail if findings else said(settings)["G22"]

    plain = made_responder(tree, "plain")
    above = made_responder(tree, "above", ExtendedKeyUsageOID.OCSP_SIGNING, issuer="root")
    assert "CN=plain" in heard(plain)
    assert "CN=above" in heard(above)
    with tree.config("quoc-gia").open("a", encoding="utf-8") as config:
        config.write('responder = "../pki/above.cert.pem"\n')
    assert "CN=plain" in heard(plain)
    assert heard(above) == "good"
    kept_answers.keep(tree.settings("quoc-gia").kept_answers, [])
    met(tree.settings("quoc-gia"), one)
    assert heard(made_responder(tree, "delegated", ExtendedKeyUsageOID.OCSP_SIGNING)) == "good"


# --- asking ------------------------------------------------------------------------------------------------------


def test_what_is_not_an_answer(tree: Tree, responder: Responder) -> None:
    settings, one = tree.settings("quoc-gia"), certificate(tree, "G22")
    issuer = certificate(tree, "issuing")
    responder.knows(one)
    good = responder.answer(ocsp.question(one, issuer))
    later = OCSPResponseBuilder.build_unsuccessful(OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)
    expected = {
        b"": "not an answer that is understood",
        b"<html>": "not an answer that is understood",
        good[:-1]: "not an answer that is understood",
        later: "status try_later",
        bytes(ocsp.MAX_BYTES + 1): f"more than {ocsp.MAX_BYTES} bytes",
    }
    met(settings, one)
    for body, detail in expected.items():
        responder.instead = lambda request, _, body=body: send(request, body)
        [finding] = OcspPoller(settings).turn(datetime.now(UTC))
        assert (finding.code, finding.detail) == ("EDX319", detail)
        assert said(settings) == {"G22": "no answer yet"}
    responder.instead = lambda request, _: send(request, good)
    assert OcspPoller(settings).turn(datetime.now(UTC)) == []
    assert said(settings) == {"G22": "good"}


def test_who_cannot_be_asked(responder: Responder) -> None:
    def refused_by(url: str, **limits: Any) -> str:
        with pytest.raises(Setback) as caught:
            ask_responder(url, b"\x30\x00", **limits)
        assert (caught.value.code, caught.value.finding.where) == ("EDX319", url)
        return caught.value.finding.detail

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = nobody.getsockname()[1]
    assert refused_by(f"http://127.0.0.1:{closed}/") == "Connection refused"
    assert refused_by(Path("/etc/hostname").as_uri()) == "scheme file"


def test_a_redirection_is_not_followed(tree: Tree, responder: Responder) -> None:
    request = ocsp.question(certificate(tree, "G22"), certificate(tree, "issuing"))
    for status in (301, 302, 303, 307, 308):
        responder.asked.clear()
        responder.instead = lambda came, _, status=status: send(came, b"", status, Location=f"{responder.url}inside")
        with pytest.raises(Setback, match=f"HTTP status {status}"):
            ask_responder(responder.url, request)
        assert len(responder.asked) == 1


def test_who_drips_is_left(tree: Tree, responder: Responder) -> None:
    def drip(request: Any, _: bytes) -> None:
        request.send_response(200)
        request.end_headers()
        while not responder.over.wait(0.05):
            request.wfile.write(b"x")

    responder.instead = drip
    with pytest.raises(Setback, match=r"not complete after 0\.3 s"):
        ask_responder(responder.url, ocsp.question(certificate(tree, "G22"), certificate(tree, "issuing")), timeout=0.3)


def test_an_old_answer_that_is_played_back_changes_nothing(tree: Tree, responder: Responder) -> None:
    settings, one, now = tree.settings("quoc-gia"), certificate(tree, "G22"), datetime.now(UTC)
    responder.knows(one)
    met(settings, one)
    old = responder.answer(ocsp.question(one, certificate(tree, "issuing")))
    responder.knows(one, revoked=now - DAY)
    wait_for_another_second(old)
    works = OcspPoller(settings)
    assert works.turn(now) == []
    assert said(settings) == {"G22": "revoked"}
    responder.instead = lambda request, _: send(request, old)
    works.anew(now + timedelta(seconds=1))
    [finding] = works.turn(now + timedelta(seconds=1))
    assert finding.detail.startswith("older than the one on hand")
    assert said(settings) == {"G22": "revoked"}


def wait_for_another_second(answer: bytes) -> None:
    """Dates in answers are of whole seconds."""
    at = ocsp.ocsp.load_der_ocsp_response(answer).this_update_utc
    while datetime.now(UTC) < at + timedelta(seconds=1):
        time.sleep(0.01)


def test_what_is_asked_and_when(tree: Tree, responder: Responder) -> None:
    change(tree, "[trust]\n", '[trust]\nintermediates = "../pki/issuing.cert.pem"\n')
    settings, now = tree.settings("quoc-gia"), datetime.now(UTC)
    known, other, root = (certificate(tree, name) for name in ("G22", "H53", "root"))
    responder.knows(known)
    met(settings, known)
    kept_answers.note_met(settings.kept_answers, root)  # nobody was named who answers for it
    works = OcspPoller(settings)

    def asked(after: timedelta, findings: int = 0) -> list[int]:
        responder.asked.clear()
        assert len(works.turn(now + after)) == findings
        return responder.asked

    assert asked(0 * DAY) == [known.serial_number]
    assert kept_answers.noted(settings.kept_answers) == {}
    before = kept_answers.path_of(settings.kept_answers).stat()
    assert asked(timedelta(minutes=59)) == []
    assert kept_answers.path_of(settings.kept_answers).stat() == before  # else every worker would read it again
    assert asked(timedelta(hours=1)) == [known.serial_number]
    met(settings, other)
    assert asked(timedelta(minutes=61), 1) == [other.serial_number]
    assert asked(timedelta(minutes=61) + asking.RETRY_INTERVAL / 2) == []
    assert asked(timedelta(hours=2), 1) == [known.serial_number, other.serial_number]  # what failed comes last
    responder.instead = lambda request, _: send(request, b"", 503)
    works.anew(now + timedelta(hours=3))
    assert asked(timedelta(hours=3), 1) == [known.serial_number]  # nobody there: the others are not tried
    assert asked(timedelta(hours=3) + asking.RETRY_INTERVAL / 2) == []
    responder.instead = None
    assert asked(timedelta(hours=3) + asking.RETRY_INTERVAL, 1) == [other.serial_number, known.serial_number]
    assert said(settings) == {"G22": "good", "H53": "no answer yet"}
    works = OcspPoller(settings)  # another start: the answer is kept, and the question too
    assert asked(timedelta(hours=3) + asking.RETRY_INTERVAL, 1) == [other.serial_number]
    assert asked(timedelta(hours=2), 1) == [known.serial_number, other.serial_number]  # by a clock that was set back


def test_an_authority_is_asked_about_before_it_is_met(tree: Tree, responder: Responder) -> None:
    change(tree, "[trust]\n", '[trust]\nintermediates = "../pki/issuing.cert.pem"\n')
    change(tree, 'issuer = "../pki/issuing.cert.pem"', 'issuer = "../pki/root.cert.pem"')
    OcspPoller(tree.settings("quoc-gia")).turn(datetime.now(UTC))
    assert responder.asked == [certificate(tree, "issuing").serial_number]


def test_certificates_that_are_over_are_forgotten(
    tree: Tree, responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, now = tree.settings("quoc-gia"), datetime.now(UTC)
    for name in ("G22", "G09", "H53"):
        responder.knows(certificate(tree, name))
        met(settings, certificate(tree, name))
    monkeypatch.setattr(asking, "CERTIFICATES_MAX", 2)
    works = OcspPoller(settings)
    assert works.turn(now) == []
    assert len(said(settings)) == 2
    assert works.turn(now + 731 * DAY) == []
    assert kept_answers.held(settings.kept_answers) == {}
    met(settings, certificate(tree, "G22"))
    assert works.turn(now + 731 * DAY) == []
    assert said(settings) == {}


def test_what_cannot_be_written_is_said_and_tried_again(tree: Tree, responder: Responder) -> None:
    settings, now = tree.settings("quoc-gia"), datetime.now(UTC)
    responder.knows(certificate(tree, "G22"))
    met(settings, certificate(tree, "G22"))
    place = kept_answers.path_of(settings.kept_answers)
    works = OcspPoller(settings)
    place.mkdir()
    [finding] = works.turn(now)
    assert (finding.code, finding.where) == ("EDX319", str(settings.kept_answers))
    place.rmdir()
    assert works.turn(now + asking.RETRY_INTERVAL / 2) == []
    assert said(settings) == {"G22": "no answer yet"}
    responder.asked.clear()
    assert works.turn(now + asking.RETRY_INTERVAL) == []
    assert responder.asked == []  # what had come was not forgotten
    assert said(settings) == {"G22": "good"}


def test_the_settings_must_fit_the_files(tree: Tree, responder: Responder) -> None:
    issuing = tree.pki / "issuing.cert.pem"
    (tree.pki / "again.pem").write_bytes(issuing.read_bytes())
    with tree.config("quoc-gia").open("a", encoding="utf-8") as config:
        config.write(f'\n[[trust.ocsp]]\nurl = "{responder.url}"\nissuer = "../pki/again.pem"\n')
    with pytest.raises(Refusal, match="two responders for one authority"):
        responders.responder_addresses(tree.settings("quoc-gia"))
    (tree.pki / "again.pem").write_bytes(issuing.read_bytes() + (tree.pki / "root.cert.pem").read_bytes())
    with pytest.raises(Refusal, match=r"more than one certificate: at trust\.ocsp\[2\]\.issuer"):
        responders.responder_addresses(tree.settings("quoc-gia"))
    (tree.pki / "again.pem").write_bytes(b"x")
    with pytest.raises(Refusal, match="EDX902"):
        responders.responder_addresses(tree.settings("quoc-gia"))


# --- envelopes ---------------------------------------------------------------------------------------------------


def test_an_envelope_waits_for_the_answer_is_accepted_and_refused_once_revoked(
    tree: Tree, responder: Responder
) -> None:
    settings = tree.settings("quoc-gia")
    one = certificate(tree, "G22")
    responder.knows(one)
    with opened(tree) as (node, clock):
        assert outcome(tree, node, 1) == "EDX314"  # and is noted
        works = OcspPoller(settings)
        assert node.renew_trust() is None
        assert works.turn(clock.at) == []
        assert node.renew_trust() == []
        assert outcome(tree, node, 1) == "ok"
        epoch = node.node.rules.trust.epoch
        responder.knows(one, revoked=clock.at - DAY)
        works.anew(clock.at + timedelta(seconds=1))
        assert works.turn(clock.at + timedelta(seconds=1)) == []
        assert node.renew_trust() == []
        assert node.node.rules.trust.epoch != epoch
        assert outcome(tree, node, 2) == "EDX313"
        clock.at += 99 * DAY
        assert outcome(tree, node, 3) == "EDX313"
    responder.instead = lambda request, _: send(request, b"", 503)
    with opened(tree) as (node, _):  # after a restart, with nobody to ask
        assert outcome(tree, node, 4) == "EDX313"


@pytest.mark.parametrize(("required", "expected"), [("auto", "EDX314"), ("never", "ok; revocation-unchecked")])
def test_a_responder_alone_makes_it_required_to_know(
    tree: Tree, responder: Responder, required: str, expected: str
) -> None:
    change(tree, 'crls = ["../pki/root.crl.pem"]', f'crl_required = "{required}"')
    responder.knows(certificate(tree, "G22"))
    met(tree.settings("quoc-gia"), certificate(tree, "G22"))
    OcspPoller(tree.settings("quoc-gia")).turn(datetime.now(UTC))
    with opened(tree) as (node, _):
        assert outcome(tree, node, 1) == expected  # it does not answer for the issuing authority itself


def test_an_answer_is_fresh_stale_and_old(tree: Tree, responder: Responder) -> None:
    change(tree, "[trust]\n", '[trust]\ncrl_grace = "36h"\n')
    settings = tree.settings("quoc-gia")
    responder.knows(certificate(tree, "G22"))
    met(settings, certificate(tree, "G22"))
    assert OcspPoller(settings).turn(datetime.now(UTC)) == []
    with opened(tree) as (node, clock):
        assert outcome(tree, node, 1) == "ok"
        clock.at += DAY  # as openssl was told
        assert outcome(tree, node, 2) == "ok; ocsp-stale"
        clock.at += 2 * DAY
        assert outcome(tree, node, 3) == "EDX314"


def test_a_list_that_says_revoked_wins(tree: Tree, responder: Responder) -> None:
    change(tree, 'crls = ["../pki/root.crl.pem"]', 'crls = ["../pki/root.crl.pem", "../pki/issuing.crl.pem"]')
    settings = tree.settings("quoc-gia")
    one = certificate(tree, "G22")
    responder.knows(one)
    with opened(tree) as (node, clock):
        assert outcome(tree, node, 1) == "ok"  # by the list; and asked about all the same
        assert OcspPoller(settings).turn(clock.at) == []
        assert responder.asked == [one.serial_number]
        clock.at += 12 * timedelta(hours=1)
        assert node.renew_trust() == []
        assert outcome(tree, node, 2) == "ok"
        [row] = [row for row in trial_authority.issued(tree.pki) if row.name == "G22"]
        trial_authority.revoke(tree.pki, row.serial, clock.at)
        assert node.renew_trust() == []
        assert outcome(tree, node, 3) == "EDX313"


def test_addresses_come_from_the_configuration_only(tree: Tree, responder: Responder) -> None:
    """A certificate that names a responder makes nobody call it."""
    change(tree, responder.url, "http://127.0.0.1:1/")
    above = pki.Issuer(load_key(tree.pki / "issuing.key.pem"), certificate(tree, "issuing"))
    key, now = trial_authority.new_key(), datetime.now(UTC)
    plain = pki.agency(above, key.public_key(), ["G22"], serial=77, at=now, days=9)
    access = x509.AccessDescription(
        x509.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder.url)
    )
    builder = x509.CertificateBuilder(
        plain.issuer, plain.subject, key.public_key(), 77, plain.not_valid_before_utc, plain.not_valid_after_utc
    ).add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    for extension in plain.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    leaf = builder.sign(above.key, pki.hashes.SHA256())
    sent = [each.public_bytes(Encoding.DER) for each in (leaf, above.certificate)]
    with opened(tree) as (node, _):
        finding = node.node.rules.trust.judge(sent, now).finding
        assert finding
        assert finding.code == "EDX314"
        [finding] = OcspPoller(tree.settings("quoc-gia")).turn(now)
        assert (finding.where, finding.detail) == ("http://127.0.0.1:1/", "Connection refused")
    assert responder.asked == []


# --- a node that runs --------------------------------------------------------------------------------------------


def wait(what: Callable[[], Any]) -> Any:
    """Until it is so; a node that does nothing makes the test fail after two minutes."""
    until = time.monotonic() + 120
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def test_a_running_node_asks_and_every_worker_obeys(tree: Tree, responder: Responder) -> None:
    """Mail from below by a signer that was never met; then its certificate is revoked. Two workers, no signal."""
    change(tree, "workers = 1", "workers = 2")
    change(tree, 'crl_interval = "1h"', 'crl_interval = "200ms"')
    one, sent = certificate(tree, "H53"), iter(range(1, 100))
    responder.knows(one)

    def told() -> list[dict[str, Any]]:
        return [json.loads(line) for line in tree.log("quoc-gia").read_text(encoding="utf-8").splitlines()]

    with opened(tree, "tay-ninh") as (child, clock):
        post = Post(tree.pki)

        def outcomes(count: int = 6) -> set[tuple[State, str]]:
            """What becomes of mail from below, which the workers share out."""
            letters = [post.document("H53", ["G22"], number=next(sent), subject="V/v thử") for _ in range(count)]
            given = [Submission(MemoryBody(each), "vanthu-tay-ninh", "cli") for each in letters]
            answers = pipeline.accept(child.node, given)
            digests = [answer.digest for answer in answers]

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
        assert outcomes() == {(State.FORWARDED, "")}
        assert any(line.get("code") == "EDX314" for line in told())  # what came first was given back, and came again
        responder.knows(one, revoked=datetime.now(UTC) - DAY)
        wait(lambda: said(tree.settings("quoc-gia")) == {"H53": "revoked"})
        before = len(told())
        workers = {line["process"] for line in told() if line["event"] == "worker.started"}
        assert len(workers) == 2
        wait(lambda: {line["process"] for line in told()[before:] if line["event"] == "trust.renewed"} == workers)
        assert outcomes() == {(State.RETURNED, "EDX313")}
        responder.instead = lambda request, _: send(request, b"", 503)
        wait(lambda: any(line["event"] == "answer.not-renewed" for line in told()))
        assert outcomes() == {(State.RETURNED, "EDX313")}
        assert tree.stop("quoc-gia") == {"quoc-gia": 0}
