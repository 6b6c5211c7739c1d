"""Entries as bytes, and the tree of RFC 6962 against its own definition."""

import hashlib
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.journal import Entry, MerkleTree, leaf_hash


def definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_the_root_is_that_of_the_rfc(entries: list[bytes]) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    tree = MerkleTree()
    tree.extend(leaves)
    assert tree.root() == definition(leaves)
    assert tree.size == len(leaves)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_any_change_changes_the_root(entries: list[bytes], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(entries) - 1))
    changed = [*entries[:number], entries[number] + b"x", *entries[number + 1 :]]
    before, after = MerkleTree(), MerkleTree()
    before.extend(map(leaf_hash, entries))
    after.extend(map(leaf_hash, changed))
    assert before.root() != after.root()


def test_known_roots() -> None:
    # The empty tree, and one empty entry, as in the RFC's own test data.
    tree = MerkleTree()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    tree.add(leaf_hash(b""))
    assert tree.root().hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_an_entry_is_canonical_json_without_empty_fields() -> None:
    at = datetime(2026, 3, 2, 1, 2, 3, 456_000, tzinfo=UTC)
    entry = Entry(at, "delivery.confirmed", "ab" * 32, "H53.31", "available", "confirmed", "xã-long-chữ")
    text = entry.canonical().decode()
    fields = json.loads(text)
    assert list(fields) == sorted(fields)
    assert fields["at"] == "2026-03-02T01:02:03.456Z"
    assert fields["actor"] == "xã-long-chữ"
    assert "code" not in fields
    assert " " not in text
