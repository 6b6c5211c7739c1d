"""Signed notes, checkpoints, cosignatures, and paths in a tree: by the vectors of others, and by what must not pass."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.journal import MerkleTree
from edxml_router.core.proof.checkpoint import TreeHead, cosign, cosigned_at, is_origin, read_checkpoint, read_head
from edxml_router.core.proof.note import (
    COSIGNATURE,
    ED25519,
    NOTE_BYTES,
    NoteSigner,
    VerifierKey,
    read_note,
    read_signatures,
    verified,
)
from edxml_router.core.proof.paths import (
    Subtrees,
    consistency_path,
    inclusion_path,
    is_consistent,
    node_hash,
    root_by_inclusion,
    tree_root,
)
from edxml_router.core.proof.texts import entry_proof, read_entry_proof, read_witness_request, witness_request

# The example of the documentation of golang.org/x/mod/sumdb/note, with its private key.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
NEUMANN_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The example of c2sp.org/tlog-cosignature: its keys are not published, its form is.
C2SP_CHECKPOINT = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
# The question of c2sp.org/tlog-witness: its path leads from one of its checkpoints to the other.
C2SP_PATH = (
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
)
AT = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
LEAVES = [hashlib.sha256(b"\x00%d" % number).digest() for number in range(300)]
ROOTS = [MerkleTree().root()]


def _roots() -> None:
    tree = MerkleTree()
    for leaf in LEAVES:
        tree.add(leaf)
        ROOTS.append(tree.root())


_roots()


def subtrees(leaves: Sequence[bytes]) -> Subtrees:
    def read(height: int, place: int) -> bytes:
        row = list(leaves[place << height : (place + 1) << height])
        assert len(row) == 1 << height
        while len(row) > 1:
            row = [node_hash(left, right) for left, right in list(pairwise(row))[::2]]
        return row[0]

    return read


def signer(name: str = "edxml-router/h53", seed: int = 1) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


# --- notes ---


def test_the_example_of_others_is_verified_and_made_the_same() -> None:
    note = read_note(NEUMANN_NOTE.encode())
    key = VerifierKey.read(NEUMANN)
    assert verified(note, [key]) == [key]
    assert key.text == NEUMANN
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(NEUMANN_PRIVATE)[1:])
    assert NoteSigner("PeterNeumann", private).sign(note.text).data == NEUMANN_NOTE.encode()


def test_a_changed_text_is_found_and_an_unknown_key_proves_nothing() -> None:
    key = VerifierKey.read(NEUMANN)
    with pytest.raises(ValueError, match="is false"):
        verified(read_note(NEUMANN_NOTE.replace("answer", "problem").encode()), [key])
    assert verified(read_note(NEUMANN_NOTE.encode()), [signer("PeterNeumann").verifier]) == []


def test_the_id_of_a_key_is_of_its_name_its_kind_and_itself() -> None:
    made = signer()
    public = made.verifier.public
    number = hashlib.sha256(b"edxml-router/h53\n\x01" + public).digest()[:4]
    encoded = base64.b64encode(b"\x01" + public).decode()
    assert made.verifier.text == f"edxml-router/h53+{number.hex()}+{encoded}"
    assert made.verifier.cosigner.id == hashlib.sha256(b"edxml-router/h53\n\x04" + public).digest()[:4]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        NEUMANN.replace("c74f20a3", "c74f20a4"),
        NEUMANN.replace("PeterNeumann", "Peter Neumann"),
        NEUMANN.replace("PeterNeumann", ""),
        NEUMANN[:-4],
        NEUMANN + "=",
        NEUMANN.replace("+AR", "+BR"),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="verifier key"):
        VerifierKey.read(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n- name AAAAAAA=\n",
        NEUMANN_NOTE.encode()[:-1],
        NEUMANN_NOTE.replace("\n\n", "\n").encode(),
        NEUMANN_NOTE.replace("PeterNeumann ", "Peter+Neumann ").encode(),
        NEUMANN_NOTE.replace("JnAM=", "JnAN=").encode(),  # another text for the same bytes
        NEUMANN_NOTE.replace("If", "If\t").encode(),
        b"\xff" + NEUMANN_NOTE.encode(),
        b"x" * NOTE_BYTES + NEUMANN_NOTE.encode(),
        NEUMANN_NOTE.encode() + NEUMANN_NOTE.splitlines(keepends=True)[-1].encode() * 16,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        verified(read_note(data), [VerifierKey.read(NEUMANN)])


@given(st.binary(max_size=400))
def test_any_bytes_are_a_note_or_a_value_error(data: bytes) -> None:
    for read in (read_note, read_witness_request, read_entry_proof):
        try:
            read(data)
        except ValueError:
            continue


# --- checkpoints ---


def test_the_checkpoint_of_the_specification_is_read() -> None:
    note = read_note(C2SP_CHECKPOINT.encode())
    head = read_head(note.text)
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.text == note.text
    assert note.data == C2SP_CHECKPOINT.encode()
    assert [each.name for each in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].value[:8], "big") == 1679315147  # as the specification says


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20852163\n", "020852163\n"),
        ("20852163\n", "-1\n"),
        ("20852163\n", "9223372036854775808\n"),
        ("20852163\n", "٣\n"),
        ("20852163\n", "\n"),
        ("q2I=\n", "q2J=\n"),
        ("q2I=\n", "q2I\n"),
        ("example.com/behind-the-sofa\n", "go.sum database tree\n"),
        ("example.com/behind-the-sofa\n", "cosignature/v1\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(old: str, new: str) -> None:
    text = read_note(C2SP_CHECKPOINT.encode()).text
    with pytest.raises(ValueError, match="not a"):
        read_head(text.replace(old, new))


def test_lines_behind_the_third_are_signed_and_mean_nothing() -> None:
    text = TreeHead("edxml-router/h53", 3, ROOTS[3]).text + "more\n"
    head, _ = read_checkpoint(signer().sign(text).data, (signer().verifier,))
    assert head.size == 3


def test_only_a_key_of_that_log_counts_for_a_checkpoint() -> None:
    note = signer().sign(TreeHead("edxml-router/h54", 3, ROOTS[3]).text).data
    with pytest.raises(ValueError, match="no known key"):
        read_checkpoint(note, (signer().verifier, signer("edxml-router/h54", 2).verifier))


def test_a_log_cannot_have_the_name_of_another_kind_of_text() -> None:
    assert is_origin("edxml-router/h53")
    assert not any(map(is_origin, ("cosignature/v1", "", "a b", "a+b", "x" * 201, "a\u00a0b")))


def test_a_cosignature_says_when_and_of_what() -> None:
    head, witness = TreeHead("edxml-router/h53", 3, ROOTS[3]), signer("edxml-router/quoc-gia", 2)
    signature = cosign(witness, head.text, AT)
    assert cosigned_at(signature, head.text, witness.verifier.cosigner) == AT
    assert read_signatures(signature.line) == (signature,)
    public = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key()
    public.verify(signature.value[8:], f"cosignature/v1\ntime {int(AT.timestamp())}\n{head.text}".encode())
    for key in (witness.verifier, signer("edxml-router/quoc-gia", 3).verifier.cosigner, signer().verifier.cosigner):
        with pytest.raises(ValueError, match="not a cosignature"):
            cosigned_at(signature, head.text, key)
    for false in (head.text.replace("3", "4"), head.text + "more\n"):
        with pytest.raises(ValueError, match="is false"):
            cosigned_at(signature, false, witness.verifier.cosigner)


def test_a_cosignature_is_no_signature_of_a_log_and_the_other_way_round() -> None:
    one = signer()
    head = TreeHead(one.name, 3, ROOTS[3])
    note = read_note(f"{head.text}\n{cosign(one, head.text, AT).line}".encode())
    assert verified(note, [one.verifier, one.verifier.cosigner]) == []
    assert (one.verifier.kind, one.verifier.cosigner.kind) == (ED25519, COSIGNATURE)


# --- paths ---


def test_every_path_of_every_tree_leads_to_its_root() -> None:
    for size in range(1, 70):
        read = subtrees(LEAVES[:size])
        assert tree_root(read, size) == ROOTS[size]
        for place in range(size):
            path = inclusion_path(read, place, size)
            assert root_by_inclusion(LEAVES[place], place, size, path) == ROOTS[size]
        for old in range(size + 1):
            path = consistency_path(read, old, size)
            assert is_consistent(old, ROOTS[old], size, ROOTS[size], path)


def test_no_changed_path_passes() -> None:
    chance = random.Random(53)  # noqa: S311  # a test
    for _ in range(500):
        size = chance.randrange(2, 300)
        read = subtrees(LEAVES[:size])
        place, old = chance.randrange(size), chance.randrange(1, size)
        path, growth = inclusion_path(read, place, size), consistency_path(read, old, size)
        checks = (
            (path, partial(_leads, place, size)),
            (growth, partial(is_consistent, old, ROOTS[old], size, ROOTS[size])),
        )
        for right, leads in checks:
            assert leads(right)
            where = chance.randrange(len(right))
            flipped = bytes([right[where][0] ^ 1]) + right[where][1:]
            assert not leads([*right[:where], flipped, *right[where + 1 :]])
            assert not leads(right[:where] + right[where + 1 :])
            assert not leads([*right, bytes(32)])
        assert not is_consistent(old, ROOTS[old - 1], size, ROOTS[size], growth)
        assert not is_consistent(old, ROOTS[old], size, ROOTS[size - 1], growth)


def _leads(place: int, size: int, path: Sequence[bytes]) -> bool:
    try:
        return root_by_inclusion(LEAVES[place], place, size, path) == ROOTS[size]
    except ValueError:
        return False


def test_the_trivial_cases_of_growth() -> None:
    assert is_consistent(0, ROOTS[0], 5, ROOTS[5], [])
    assert is_consistent(5, ROOTS[5], 5, ROOTS[5], [])
    assert not is_consistent(5, ROOTS[4], 5, ROOTS[5], [])
    assert not is_consistent(6, ROOTS[6], 5, ROOTS[5], [])
    assert not is_consistent(0, ROOTS[0], 5, ROOTS[5], [ROOTS[1]])
    assert not is_consistent(4, ROOTS[4], 5, ROOTS[5], [])
    for place, size in ((5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion_path(subtrees(LEAVES), place, size)


# --- texts ---


def test_a_proof_of_an_entry_is_a_text_that_is_read_again() -> None:
    note = signer().sign(TreeHead("edxml-router/h53", 100, ROOTS[100]).text).data
    path = inclusion_path(subtrees(LEAVES[:100]), 73, 100)
    proof = entry_proof(73, path, note)
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex 73\n")
    assert read_entry_proof(proof) == (73, path, note)
    extra = proof.replace(b"index", b"extra YWdl\nindex", 1)
    assert read_entry_proof(extra) == (73, path, note)
    for false in (proof.replace(b"@v1", b"@v2"), proof.replace(b"73\n", b"073\n"), b"x" * 40_000 + proof):
        with pytest.raises(ValueError, match="not"):
            read_entry_proof(false)


def test_the_question_of_the_specification_is_read_and_written() -> None:
    question = ("old 20852014\n" + "".join(f"{line}\n" for line in C2SP_PATH) + "\n" + C2SP_CHECKPOINT).encode()
    old, path, checkpoint = read_witness_request(question)
    assert (old, checkpoint) == (20852014, C2SP_CHECKPOINT.encode())
    assert witness_request(old, path, checkpoint) == question


def test_a_question_has_at_most_63_hashes() -> None:
    line = base64.b64encode(bytes(32)) + b"\n"
    assert len(read_witness_request(b"old 1\n" + line * 63 + b"\n" + C2SP_CHECKPOINT.encode())[1]) == 63
    with pytest.raises(ValueError, match="63"):
        read_witness_request(b"old 1\n" + line * 64 + b"\n" + C2SP_CHECKPOINT.encode())
