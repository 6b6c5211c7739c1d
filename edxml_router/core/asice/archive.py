"""A ZIP archive in one form only, written and read.

    data = write({"mimetype": b"…", "certificate.json": b"…"})
    members = read(data)                       # the same names and contents, in the same order

ZIP tells each thing twice, lets anything lie between its parts, and leaves open which of two members of one name
counts; so two programs may read two documents from one archive. Here every byte follows from the members: the headers
are the fixed ones, one member follows the other, and the last one (:data:`SEAL`) holds the SHA-256 of all bytes before
it, since a compressed stream may be changed and still unpack to the same. ``unzip`` and every ZIP library can read the
result; what they write is not taken here. Names are plain ASCII paths that lead nowhere else.

The seal proves nothing: whoever changes the archive can write a new one. It finds accidents, and leaves no byte
without a meaning. Fails with :class:`Refusal` EDX653.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

SEAL: Final = "META-INF/container.sha256"
STORED: Final = frozenset(
    {"mimetype", SEAL}
)  # by the standard; and the seal, which is read before anything is unpacked
SIZE_MAX: Final = 96 * 1024 * 1024  # bytes of an archive, and of all that is unpacked from it
MEMBERS_MAX: Final = 60_000  # ZIP counts to 65,535 without its extension, which is not used
NAME: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20  # of ZIP, for "deflate"
_DAY: Final = 0x21  # 1 January 1980, the first that ZIP knows: when a member was written is not told here
_DEFLATED: Final = 8


def write(members: Mapping[str, bytes]) -> bytes:
    """The archive of ``members``, in their order, with its seal. The same members and zlib give the same bytes."""
    _check_bounds(len(members) + 1, sum(map(len, members.values())))
    parts, records, at = [], [], 0
    for name, content in members.items():
        if not NAME.fullmatch(name) or name == SEAL:
            raise Refusal("EDX653", where=name[:100], detail=_NAMED)
        written, record = _member(name, content, at)
        parts.append(written)
        records.append(record)
        at += len(written)
    digest = hashlib.sha256(b"".join(parts)).hexdigest().encode()
    written, record = _member(SEAL, digest, at)
    return b"".join((*parts, written, _ending([*records, record], at + len(written))))


def read(data: bytes) -> dict[str, bytes]:
    """The members of an archive that :func:`write` has made, without the seal."""
    if len(data) > SIZE_MAX:
        raise _refused(Detail("more than {most} bytes", most=SIZE_MAX))
    members: dict[str, bytes] = {}
    records, at, start, room = [], 0, 0, SIZE_MAX
    while data[at : at + 4] == b"PK\x03\x04" and SEAL not in members:
        if len(members) >= MEMBERS_MAX:
            raise _refused(Detail("more than {most} members", most=MEMBERS_MAX))
        name, content, record, end = _read_member(data, at, room)
        if name in members:
            raise _refused(Detail("two members of one name"), name)
        members[name] = content
        records.append(record)
        room -= len(content)
        start, at = at, end
    if data[at:] != _ending(records, at):
        raise _refused(Detail("the directory does not follow from the members"))
    seal = members.pop(SEAL, None)
    if seal is None or seal != hashlib.sha256(data[:start]).hexdigest().encode():
        raise _refused(Detail("the bytes are not those that were sealed"))
    return members


_NAMED: Final = Detail("not the name of a member")


def _member(name: str, content: bytes, at: int) -> tuple[bytes, bytes]:
    """A member as it stands at ``at``, and its record in the directory."""
    packed, method = content, 0
    if name not in STORED:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed, method = packer.compress(content) + packer.flush(), _DEFLATED
    shared = (0, method, 0, _DAY, zlib.crc32(content), len(packed), len(content), len(name))
    local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *shared, 0)
    return local + name.encode() + packed, _record(name, shared, at)


def _record(name: str, shared: tuple[int, ...], at: int) -> bytes:
    return _CENTRAL.pack(b"PK\x01\x02", _VERSION, _VERSION, *shared, 0, 0, 0, 0, 0, at) + name.encode()


def _ending(records: list[bytes], at: int) -> bytes:
    directory, count = b"".join(records), len(records)
    return directory + _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), at, 0)


def _read_member(data: bytes, at: int, room: int) -> tuple[str, bytes, bytes, int]:
    """The member at ``at``: name, content, its record in the directory, and where it ends."""
    begun = at + _LOCAL.size
    if begun > len(data):
        raise _refused(Detail("cut off"))
    _, version, flags, method, hour, day, crc, packed_size, size, name_size, extra = _LOCAL.unpack_from(data, at)
    name = data[begun : begun + name_size].decode("latin-1")
    if not NAME.fullmatch(name):
        raise _refused(_NAMED, name)
    if (version, flags, hour, day, extra) != (_VERSION, 0, 0, _DAY, 0):  # encryption and ZIP64 among others
        raise _refused(Detail("a header that is not used here"), name)
    if method != (0 if name in STORED else _DEFLATED):
        raise _refused(Detail("packed in another way"), name)
    start, end = begun + name_size, begun + name_size + packed_size
    if end > len(data):
        raise _refused(Detail("cut off"), name)
    if size > room:
        raise _refused(Detail("more than {most} bytes", most=SIZE_MAX), name)
    content = _unpacked(data[start:end], method, size, name)
    if zlib.crc32(content) != crc:
        raise _refused(Detail("the bytes are not those that were sealed"), name)
    shared = (flags, method, hour, day, crc, packed_size, size, name_size)
    return name, content, _record(name, shared, at), end


def _unpacked(packed: bytes, method: int, size: int, name: str) -> bytes:
    if method == 0:
        content, whole = packed, True
    else:
        unpacker = zlib.decompressobj(-15)
        try:
            content = unpacker.decompress(packed, size + 1)  # a bomb gives one byte more than it declares
        except zlib.error as error:
            raise _refused(Detail("the bytes are not those that were sealed"), name) from error
        whole = unpacker.eof and not unpacker.unused_data
    if len(content) != size or not whole:
        raise _refused(Detail("another size than declared"), name)
    return content


def _check_bounds(count: int, size: int) -> None:
    if count > MEMBERS_MAX:
        raise _refused(Detail("more than {most} members", most=MEMBERS_MAX))
    if size > SIZE_MAX:
        raise _refused(Detail("more than {most} bytes", most=SIZE_MAX))


def _refused(detail: Detail, name: str = "") -> Refusal:
    return Refusal("EDX653", where=name[:100], detail=detail)
