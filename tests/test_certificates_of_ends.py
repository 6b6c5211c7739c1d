"""Certificates that enclose what other nodes have signed: how a delivery ended there, and who passed that on."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.asice import archive, container
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.statement import EndStatement
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.signing import sign_bytes
from edxml_router.core.trust import certificate as certificates
from edxml_router.credentials import keys
from edxml_router.demo.tree import Tree
from edxml_router.services import trial_authority
from edxml_router.services.certificates import issuing, verifying
from edxml_router.services.certificates.issuing import CertificateOrder
from edxml_router.stages.offices import inbox
from tests.test_pipeline import Nodes, letter, nodes
from tests.test_proof import END, MIDDLE, SENDER, confirmed, end_of, makes_up_a_confirmation_itself, signed_by

__all__ = ["nodes"]  # the fixture

Files = Mapping[str, bytes]
SIGNED = "The recipient's node itself, an-giang, has signed that H01 confirmed the letter"


def made(nodes: Nodes, digest: str, folder: Path) -> bytes:
    """The certificate at the sender's node."""
    output = folder / "made.asice"
    nodes.tree.run(SENDER, "certificate", digest, "-o", str(output))
    return output.read_bytes()


def verified(nodes: Nodes, data: bytes) -> verifying.VerifiedCertificate:
    return verifying.verify(data, (nodes.tree.pki / "anchors.pem").read_bytes(), now=datetime.now(UTC))


def script(nodes: Nodes, data: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    file, program = folder / "other.asice", folder / "verify.sh"
    file.write_bytes(data)
    program.write_bytes(verifying.script())
    anchors = nodes.tree.pki / "anchors.pem"
    command: list[str | Path] = ["env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", program, file, anchors]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def resigned(tree: Tree, files: Files) -> bytes:
    """Other files, as the sender's node signs them that states what is not so."""
    key, chain = keys.load_key(tree.pki / f"{SENDER}.key.pem"), keys.load_certificates(tree.pki / f"{SENDER}.cert.pem")
    return container.sealed(container.signed(files, chain, datetime.now(UTC), lambda data: sign_bytes(key, data)))


def test_the_recipients_node_itself_says_that_it_was_confirmed(nodes: Nodes, tmp_path: Path) -> None:
    digest = confirmed(nodes)
    nodes.settle()
    data = made(nodes, digest, tmp_path)
    files = container.read(data).files
    end = end_of(nodes, SENDER, digest)
    assert files["statements/1.json"] == end.text.encode()
    assert json.loads(files["statements/2.json"])["node"] == MIDDLE
    found = verified(nodes, data)
    assert any(str(one).startswith(SIGNED) for one in found.proved)
    assert not any("not enclosed" in str(one) for one in found.not_proved)
    assert SIGNED in files["certificate.html"].decode().replace("&#x27;", "'")
    done = script(nodes, data, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert end.text in done.stdout and f"CN={END}" in done.stdout
    assert len(data) <= 16_000  # 15,003 were seen: signatures differ by some bytes
    # Each file of it is listed: whoever changes, takes out or renames one is found by both.
    members, chosen = archive.read(data), random.Random(1)  # noqa: S311  # a choice of tests
    for name in [one for one in members if one.startswith(("statements/", "trust/node-"))]:
        content = bytearray(members[name])
        content[chosen.randrange(len(content))] ^= chosen.randrange(1, 256)
        without = {one: value for one, value in members.items() if one != name}
        renamed = {f"x{one}" if one == name else one: value for one, value in members.items()}
        for changed in ({**members, name: bytes(content)}, without, renamed):
            with pytest.raises(Refusal) as refused:
                verified(nodes, archive.write(changed))
            assert refused.value.finding.code == "EDX654"
        assert script(nodes, archive.write({**members, name: bytes(content)}), tmp_path).returncode == 1


def test_what_is_not_proven_is_not_enclosed(nodes: Nodes, tmp_path: Path) -> None:
    digest = confirmed(nodes)
    makes_up_a_confirmation_itself(nodes, digest)
    data = made(nodes, digest, tmp_path)
    assert not [name for name in container.read(data).files if name.startswith(("statements/", "trust/node"))]
    found = verified(nodes, data)
    assert not any("itself" in str(one) for one in found.proved)
    assert any("not enclosed" in str(one) for one in found.not_proved)
    assert script(nodes, data, tmp_path).returncode == 0


# --- what the sender's node may enclose that is not so ---


def told_anew(nodes: Nodes, files: Files, **changes: object) -> dict[str, bytes]:
    """The statement in other words, signed anew by the node that had signed it."""
    end = EndStatement.read(files["statements/1.json"].decode())
    text = EndStatement(**{name: getattr(end, name) for name in end.__slots__} | changes).canonical()
    signed, _ = signed_by(nodes, END, text)
    first = {"statements/1.json": text.encode(), "statements/1.sig": _mark(1, signed.signature)}
    return {**files, **first}


def _mark(number: int, signature: str) -> bytes:
    return f"trust/node-{number}.pem\n{signature}\n".encode()


def _without_pass(files: Files) -> dict[str, bytes]:
    return {name: one for name, one in files.items() if not name.startswith(("statements/2", "trust/node-2"))}


Lie = Callable[[Nodes, Files], Mapping[str, bytes]]


def changes_a_word(nodes: Nodes, files: Files) -> Files:
    return {**files, "statements/1.json": files["statements/1.json"].replace(b'"H01"', b'"H02"', 1)}


def signs_in_anothers_name(nodes: Nodes, files: Files) -> Files:
    signed, _ = signed_by(nodes, MIDDLE, files["statements/1.json"].decode())
    return {**files, "statements/1.sig": _mark(2, signed.signature)}


def shows_an_end_of_its_own(nodes: Nodes, files: Files) -> Files:
    end = EndStatement.read(files["statements/1.json"].decode())
    own = EndStatement(MIDDLE, end.envelope, end.document, "H01", "H01", 0, "confirmed", "ContentHandover", end.at)
    signed, _ = signed_by(nodes, MIDDLE, own.canonical())
    named = {name: one for name, one in _without_pass(files).items() if name != "trust/node-1.pem"}
    mark = {"statements/1.json": own.canonical().encode(), "statements/1.sig": _mark(2, signed.signature)}
    return {**named, **mark, "trust/node-2.pem": files["trust/node-2.pem"]}


def is_about_another_letter(nodes: Nodes, files: Files) -> Files:
    return told_anew(nodes, _without_pass(files), envelope="00" * 32)


def is_about_another_outcome(nodes: Nodes, files: Files) -> Files:
    return told_anew(nodes, _without_pass(files), outcome="expired", event="ContentHandoverFailure")


def is_about_another_recipient(nodes: Nodes, files: Files) -> Files:
    return told_anew(nodes, _without_pass(files), recipient="H02", resolved="H02", outcome="expired")


def leaves_the_pass_behind_another_end(nodes: Nodes, files: Files) -> Files:
    return told_anew(nodes, files, detail="other")


def leaves_out_the_signature(nodes: Nodes, files: Files) -> Files:
    return {name: one for name, one in files.items() if name != "statements/2.sig"}


def encloses_what_nobody_signed_with(nodes: Nodes, files: Files) -> Files:
    return {**files, "trust/node-9.pem": files["trust/node-1.pem"]}


BY_BOTH = (changes_a_word, leaves_out_the_signature)
LIES = (
    signs_in_anothers_name,
    shows_an_end_of_its_own,
    is_about_another_letter,
    is_about_another_outcome,
    is_about_another_recipient,
    leaves_the_pass_behind_another_end,
    encloses_what_nobody_signed_with,
)


def test_a_false_statement_of_a_node_is_refused(nodes: Nodes, tmp_path: Path) -> None:
    digest = confirmed(nodes)
    nodes.settle()
    files = container.read(made(nodes, digest, tmp_path)).files
    assert verified(nodes, resigned(nodes.tree, files))
    lies: tuple[Lie, ...] = (*BY_BOTH, *LIES)
    for lie in lies:
        data = resigned(nodes.tree, lie(nodes, files))
        with pytest.raises(Refusal) as refused:
            verified(nodes, data)
        assert refused.value.finding.code == "EDX674", lie
        if lie in BY_BOTH:
            assert "REFUSED: statement" in script(nodes, data, tmp_path).stderr


def test_a_node_of_another_authority_is_refused_by_both(nodes: Nodes, tmp_path: Path) -> None:
    digest = confirmed(nodes)
    nodes.settle()
    files = container.read(made(nodes, digest, tmp_path)).files
    other = tmp_path / "other"
    trial_authority.init(other, datetime.now(UTC))
    trial_authority.issue_node(other, END, datetime.now(UTC), serves=["H01"])
    key = keys.load_key(other / f"{END}.key.pem")
    leaf, *_ = keys.load_certificates(other / f"{END}.cert.pem")
    text = files["statements/1.json"]
    signature = base64.b64encode(sign_bytes(key, text)).decode()
    data = resigned(
        nodes.tree,
        {**files, "statements/1.sig": _mark(1, signature), "trust/node-1.pem": certificates.write_pem([leaf])},
    )
    with pytest.raises(Refusal) as refused:
        verified(nodes, data)
    assert (refused.value.finding.code, "EDX308" in refused.value.finding.detail) == ("EDX674", True)
    assert "does not lead to" in script(nodes, data, tmp_path).stderr


def made_now(nodes: Nodes, digest: str) -> bytes:
    """The certificate at the sender's node, by the clock that the nodes share."""
    node = nodes[SENDER].node
    node.number_journal()
    return issuing.issue_to(node, nodes.tree.settings(SENDER), CertificateOrder(digest))


def test_returned_and_expired_are_signed_where_they_came_and_ends_may_be_mixed(nodes: Nodes, tmp_path: Path) -> None:
    digest = nodes.send(SENDER, letter(nodes, ["H01", "G22"], sender="H53")).digest
    late = nodes.send(SENDER, letter(nodes, ["H01"], sender="H53", number=2)).digest
    nodes.settle(3)
    sent_back, taken = nodes.deliveries(END, digest)["H01"], nodes.deliveries(MIDDLE, digest)["G22"]
    assert inbox.refuse(nodes[END].node, f"vanthu-{END}", [sent_back.name], "Gửi nhầm") == [None]
    assert inbox.confirm(nodes[MIDDLE].node, f"vanthu-{MIDDLE}", [taken.name]) == [None]
    nodes.settle()
    data = made_now(nodes, digest)
    found = verified(nodes, data)
    assert found.statement["outcome"] == "mixed"
    assert {one["recipient"]: one["state"] for one in found.statement["deliveries"]} == {
        "H01": "returned",
        "G22": "confirmed",
    }
    proved = " ".join(map(str, found.proved))
    assert f"The node {END}, where the delivery ended, has itself signed that the letter to H01 was returned" in proved
    assert f"The recipient's node itself, {MIDDLE}, has signed that G22 confirmed the letter" in proved
    assert not any("not enclosed" in str(one) for one in found.not_proved)
    done = script(nodes, data, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"outcome":"returned"' in done.stdout and '"outcome":"confirmed"' in done.stdout
    # Of one recipient, the other's statement is not there.
    order = CertificateOrder(digest, recipient="G22")
    alone = issuing.issue_to(nodes[SENDER].node, nodes.tree.settings(SENDER), order)
    assert b'"returned"' not in b"".join(
        one for name, one in container.read(alone).files.items() if name.startswith("statements/")
    )

    nodes.clock.at += nodes[END].node.rules.delivery.lifetime + timedelta(hours=1)
    assert [move.after for move in pipeline.expire(nodes[END].node)] == [State.EXPIRED]
    nodes.settle()
    assert nodes.states(SENDER, late) == {"H01": State.EXPIRED}
    data = made_now(nodes, late)
    now = nodes.clock.now() + timedelta(minutes=1)
    found = verifying.verify(data, (nodes.tree.pki / "anchors.pem").read_bytes(), now=now)
    assert any(f"{END}, where the delivery ended, has itself signed that the time" in str(one) for one in found.proved)
    # And the sender's node cannot tell one for the other.
    lie = told_anew(nodes, _without_pass(container.read(data).files), outcome="returned", event="ConsignmentRejection")
    with pytest.raises(Refusal) as refused:
        verifying.verify(resigned(nodes.tree, lie), (nodes.tree.pki / "anchors.pem").read_bytes(), now=now)
    assert refused.value.finding.code == "EDX674"
