"""The entries of one revocation list (RFC 5280, 5.1.2.6), found by serial number.

    entries = Entries(data, start, end)      # where the entries are in the list's DER; reads all of them once
    entries.revoked(serial)                  # since when, or None

The largest lists have a hundred megabytes and two million entries, and every process of a node holds them. So no entry
becomes an object: regular expressions, made from the shapes found, check the entries and cut them into runs, and of
each run only the last three bytes of its serial numbers are kept, sorted. A number is looked up in every run (a few
hundred bisections), and where its bytes are there, the run itself is searched. Rejected: a dictionary (five times the
size of the list), the search of ``cryptography`` (each time through all entries), and an index on disk (one more thing
that must agree with the list).

A critical entry extension is never one we know, and makes the list useless (5.3); others may be ignored even when their
content is strange, such as the unused reason 7: the certificate is still listed. Raises ValueError for what is not DER,
and for a critical extension.
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_left
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.trust import der

RUN_BYTES: Final = 512 * 1024  # of a run: larger ones take longer to search, smaller ones are more to look into
_SHAPES: Final = 64  # that one expression knows; of a list with more, the other entries are read one by one
_PATIENCE: Final = 16  # entries read one by one for each shape known until a new expression pays
_UTC, _GENERALIZED = b"\x17\x0d", b"\x18\x0f"  # tag and length of a date
_MARKS: Final = (_UTC, _GENERALIZED)
_ANY_MARK: Final = re.compile(rb"\x17\x0d|\x18\x0f")
_VARYING: Final = re.compile(rb"(?<=\x18\x0f)[0-9]{14}Z|(?<=\x04\x03\x0a\x01).", re.DOTALL)  # invalidityDate; reason
_KEY: Final = 3  # bytes of a number that are kept: with a zero behind them a machine word, and quick to sort
_LAST: Final = itemgetter(slice(-_KEY, None))
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class RevokedEntries:
    """The entries between ``start`` and ``end`` of ``data``; immutable."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._runs: list[tuple[int, int, array[int]]] = []
        shapes: dict[bytes, None] = {}
        known, marks, at = _expression(shapes), {_UTC}, start
        made_of, alone = 0, 0  # shapes that the expression knows, and entries read one by one since it was made
        while at < end:
            matched = known.match(data, at, min(end, start + RUN_BYTES))
            if matched:
                at = matched.end()
            else:  # a shape that is not known yet, or the end of the run lies in an entry
                at, shape, mark = _step(data, at, end)
                marks.add(mark)
                alone += 1
                if shape and len(shapes) < _SHAPES:
                    shapes[shape] = None
                if made_of < len(shapes) and alone >= _PATIENCE * made_of:
                    known, made_of, alone = _expression(shapes), len(shapes), 0
            if at >= end or at - start >= RUN_BYTES:
                self._runs.append((start, at, _keys(data[start:at], len(marks) == 1)))
                start = at

    def revoked(self, serial: int) -> datetime | None:
        """Since when the certificate with this number is revoked, None if it is not on the list. A date that nobody can
        read means always."""
        wanted = der.value(der.INTEGER, _encoded(serial))
        key = int.from_bytes(wanted[-_KEY:] + b"\0", sys.byteorder)
        for start, end, keys in self._runs:
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                since = self._search(wanted, start, end)
                if since is not None:
                    return since
        return None

    def _search(self, wanted: bytes, start: int, end: int) -> datetime | None:
        """The bytes of the number may also occur elsewhere, so what surrounds them must be an entry."""
        at = self._data.find(wanted, start, end)
        while at >= 0:
            behind = at + len(wanted)
            if self._data[behind : behind + 2] in _MARKS and self._begins(at, start):
                return _date(self._data, behind, end)
            at = self._data.find(wanted, at + 1, end)
        return None

    def _begins(self, at: int, start: int) -> bool:
        """Whether the header of an entry stands before ``at``."""
        for size in (2, 3, 4, 5, 6):
            if at - size >= start and self._data[at - size] == der.SEQUENCE:
                try:
                    _, content, _ = der.header(self._data, at - size)
                except ValueError:
                    continue
                if content == at:
                    return True
        return False


def _encoded(serial: int) -> bytes:
    """As an INTEGER has it; some authorities have issued negative ones."""
    bits = serial.bit_length() if serial >= 0 else (serial + 1).bit_length()
    return serial.to_bytes(bits // 8 + 1, "big", signed=True)


def _date(data: bytes, at: int, end: int) -> datetime:
    tag, start, stop = der.header(data, at, end)
    form = "%y%m%d%H%M%SZ" if tag == der.UTC_TIME else "%Y%m%d%H%M%SZ"
    try:
        return datetime.strptime(data[start:stop].decode("ascii"), form).replace(tzinfo=UTC)
    except ValueError:
        return _NEVER


def _step(data: bytes, at: int, end: int) -> tuple[int, bytes, bytes]:
    """Read one entry with care: where it ends, an expression for entries of its shape (none for a long one), and the
    mark of its date."""
    tag, start, stop = der.header(data, at, end)
    parts = list(der.values(data, start, stop)) if tag == der.SEQUENCE else []
    tags = [part[0] for part in parts]
    if tags[:1] != [der.INTEGER] or tags[1:2] not in ([der.UTC_TIME], [der.GENERALIZED_TIME]) or len(parts) > 3:
        raise ValueError(Detail("an entry that is none"))
    _, _, first, last = parts[0]
    if last == first or (last - first > 1 and _padded(data[first], data[first + 1])):
        raise ValueError(Detail("a serial number that is not DER"))
    _, mark, begun, over = parts[1]
    if data[mark : mark + 2] not in _MARKS or not re.fullmatch(rb"[0-9]+Z", data[begun:over]):
        raise ValueError(Detail("a date that is not DER"))
    if len(parts) == 3:
        _check_extensions(data, *parts[2])
    shape = _shape(data, at, (first, last), mark, (over, stop)) if start == at + 2 else b""
    return stop, shape, data[mark : mark + 2]


def _padded(first: int, second: int) -> bool:
    return (first == 0x00 and second < 0x80) or (first == 0xFF and second >= 0x80)


def _check_extensions(data: bytes, tag: int, _at: int, start: int, stop: int) -> None:
    if tag != der.SEQUENCE:
        raise ValueError(Detail("an entry that is none"))
    for kind, _, begin, end in der.values(data, start, stop):
        fields = [field[0] for field in der.values(data, begin, end)]
        if kind != der.SEQUENCE or fields[:1] != [der.OBJECT_IDENTIFIER]:
            raise ValueError(Detail("an entry extension that is none"))
        # DER leaves out FALSE; where it is written all the same, it is taken for TRUE, in doubt.
        if fields[1:2] == [der.BOOLEAN]:
            raise ValueError(Detail("a critical entry extension"))


def _shape(data: bytes, at: int, number: tuple[int, int], mark: int, rest_at: tuple[int, int]) -> bytes:
    """Entries that differ from this one only in the digits of number and dates, and in the reason."""
    first, last = number
    size = last - first
    lead = rb"[^\x00\xff]" if data[first] not in (0x00, 0xFF) or size == 1 else b""
    if size == 1:
        digits = b"."
    elif lead:
        digits = lead + b".{%d}" % (size - 1)
    else:
        second = rb"[\x80-\xff]" if data[first] == 0x00 else rb"[\x00-\x7f]"
        digits = re.escape(data[first : first + 1]) + second + b".{%d}" % (size - 2)
    form = b"[0-9]{%d}Z" % (data[mark + 1] - 1)
    rest, tail, done = data[rest_at[0] : rest_at[1]], b"", 0
    for found in _VARYING.finditer(rest):
        tail += re.escape(rest[done : found.start()]) + (b"[0-9]{14}Z" if len(found[0]) > 1 else b".")
        done = found.end()
    tail += re.escape(rest[done:])
    return re.escape(data[at:first]) + digits + re.escape(data[mark : mark + 2]) + form + tail


def _expression(shapes: dict[bytes, None]) -> re.Pattern[bytes]:
    """Entries of these shapes, one behind the other. An entry fits one shape at most, so nothing is tried twice."""
    return re.compile(b"(?s:" + b"|".join(shapes) + b")++" if shapes else b"(?!)")


def _keys(run: bytes, only_utc: bool) -> array[int]:
    """The last bytes of every number in the run, and of whatever else stands before the mark of a date: a key too many
    costs a search, one too few would hide a revocation. Marks cannot overlap, so none is missed."""
    pieces = run.split(_UTC)
    del pieces[-1]
    joined = b"\0".join([*map(_LAST, pieces), b""])
    if not only_utc or len(joined) != len(pieces) * (_KEY + 1):  # two marks so close that a piece is short
        joined = b"\0".join([*(run[found.start() - _KEY : found.start()] for found in _ANY_MARK.finditer(run)), b""])
    found = array("I")
    found.frombytes(joined)
    numbers = found.tolist()
    numbers.sort()
    return array("I", numbers)
