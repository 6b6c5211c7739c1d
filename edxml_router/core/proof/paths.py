"""Paths in the tree over the journal (RFC 6962, section 2.1): what proves that an entry is in it, or that it grew only.

    path = inclusion_path(read, 73, 120)             # from the entry's sibling up to the root's child
    root_by_inclusion(leaf, 73, 120, path)           # the root that such a path leads to
    path = consistency_path(read, 73, 120)
    is_consistent(73, old_root, 120, new_root, path)

``read(height, place)`` gives the hash of the complete subtree over the leaves from ``place * 2**height`` on, as many
as ``2**height``. Each function reads about as many of them as the tree has levels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from edxml_router.core.detail import Detail

Subtrees = Callable[[int, int], bytes]
PATH_LENGTH: Final = 63  # hashes of the longest path that anybody is sent
HASH_BYTES: Final = 32


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(read: Subtrees, size: int) -> bytes:
    """The root over the first ``size`` leaves; of none, SHA-256 of no bytes."""
    return _root(read, 0, size) if size else hashlib.sha256(b"").digest()


def inclusion_path(read: Subtrees, place: int, size: int) -> list[bytes]:
    """What leads from the leaf at ``place`` to the root over ``size`` leaves. Raises ValueError for a place outside."""
    if not 0 <= place < size:
        raise ValueError(Detail("place {place} is not in a tree of {size}", place=place, size=size))
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if place < middle:
            path.append(_root(read, middle, end))
            end = middle
        else:
            path.append(_root(read, start, middle))
            start = middle
    return path[::-1]


def consistency_path(read: Subtrees, old: int, new: int) -> list[bytes]:
    """What shows that the tree of ``new`` leaves begins with that of ``old``; empty where either is trivial. Raises
    ValueError where the old one is larger."""
    if not 0 <= old <= new:
        raise ValueError(Detail("{old} entries are no beginning of {new}", old=old, new=new))
    if old in (0, new):
        return []
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end - start:
        middle = _split(end - start)
        if old <= middle:
            path.append(_root(read, start + middle, end))
            end = start + middle
        else:
            path.append(_root(read, start, start + middle))
            start, old, whole = start + middle, old - middle, False
    if not whole:
        path.append(_root(read, start, end))
    return path[::-1]


def root_by_inclusion(leaf: bytes, place: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root over ``size`` leaves that has this leaf at ``place``, if the path is right; compare it with one that is
    signed. Raises ValueError for a path that cannot be one."""
    if not 0 <= place < size:
        raise ValueError(Detail("place {place} is not in a tree of {size}", place=place, size=size))
    node, last, found = place, size - 1, leaf
    for each in path:
        if last == 0:
            raise ValueError(Detail("the path is too long"))
        if node & 1 or node == last:
            found = node_hash(each, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, each)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError(Detail("the path is too short"))
    return found


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of ``new`` leaves with this root begins with that of ``old`` leaves with that root. Every tree
    begins with the empty one, and then the path is empty."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not path
    if old == new:
        return not path and old_root == new_root
    rest = list(path) if old & (old - 1) else [old_root, *path]  # a complete tree is not repeated in the path
    if not rest:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    earlier = later = rest[0]
    for each in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            earlier, later = node_hash(each, earlier), node_hash(each, later)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            later = node_hash(later, each)
        node, last = node >> 1, last >> 1
    return last == 0 and earlier == old_root and later == new_root


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return int(1 << (count - 1).bit_length() - 1)


def _root(read: Subtrees, start: int, end: int) -> bytes:
    """The root over the leaves from ``start`` to before ``end``, where ``start`` is where such a subtree begins."""
    parts = []
    while start < end:
        height = (end - start).bit_length() - 1
        parts.append(read(height, start >> height))
        start += 1 << height
    found = parts.pop()
    while parts:
        found = node_hash(parts.pop(), found)
    return found
