"""A message as a file: one line of JSON, a line feed, and the body.

    write(folder, name, message, user)    # new, whole and synced; the folder is named by its descriptor
    message, user = decode(read(folder, name))

Anybody else who may write into the folder can put anything in the place of such a file: a FIFO that nobody writes to, a
symbolic or hard link to a file of ours, an endless device, a name that cannot be made longer. None of them is waited
for, followed or read.

``write`` and ``read`` raise OSError; ``unpack_message`` raises ValueError, KeyError, TypeError or RecursionError for an
incomplete file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from typing import Any, Final

from edxml_router.core.detail import Detail
from edxml_router.disk import durable
from edxml_router.disk.folders import open_plain, require_plain, share_file
from edxml_router.ports.transport import Message
from edxml_router.transport import topology

LARGEST: Final = 128 * 1024 * 1024  # bytes of a file, as of a broker's message; a larger one is not written, nor read
LARGEST_BODY: Final = LARGEST - 1024 * 1024  # which leaves room for the line before it
_FIRST_LINE: Final = 64 * 1024  # bytes; headers repeat a few ids, and no more
_LONGEST_NAME: Final = 200  # bytes; ours have 50
_TOO_LARGE: Final = Detail("larger than a message may be")


def write(folder: int, name: str, message: Message, user: str) -> None:
    """Make the file, durably but for its name; nothing is left of it when that fails."""
    data = pack_message(message, user)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, _TOO_LARGE)
    with durable.new_file(name, within=folder) as file:
        share_file(file.fileno(), os.fstat(folder))
        file.write(data)


def is_odd(name: str) -> bool:
    """Whether a name is too long to be one of ours, or to be given another end; or hidden, as our lock is."""
    return len(os.fsencode(name)) > _LONGEST_NAME or name.startswith(".")


def read(folder: int, name: str) -> bytes:
    """The bytes of a plain file that is no larger than a message and has this name alone."""
    if is_odd(name):
        raise OSError(errno.ENAMETOOLONG, Detail("not a name of ours"))
    _check(os.stat(name, dir_fd=folder, follow_symlinks=False))
    descriptor = open_plain(folder, name)
    try:
        size = _check(os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(size)
    finally:
        os.close(descriptor)


def over(folder: int, name: str, now: float) -> bool:
    """Whether such a file is over (:func:`is_over`) at ``now``, as :func:`present` says; its body is not read. Raises
    OSError."""
    if is_odd(name):
        return False
    _check(os.stat(name, dir_fd=folder, follow_symlinks=False))
    descriptor = open_plain(folder, name)
    try:
        return is_over(os.read(descriptor, _FIRST_LINE), now - os.fstat(descriptor).st_mtime)
    finally:
        os.close(descriptor)


def present(descriptor: int) -> float:
    """What the time is for the file system of a file or folder of ours, which is touched for that: seconds since 1970,
    by the clock that dates the messages too. Raises OSError."""
    os.utime(descriptor)
    return os.fstat(descriptor).st_mtime


def _check(status: os.stat_result) -> int:
    """Its size, if this can be a message."""
    require_plain(status)
    if status.st_size > LARGEST:
        raise OSError(errno.EFBIG, _TOO_LARGE)
    return status.st_size


def pack_message(message: Message, user: str) -> bytes:
    fields: dict[str, Any] = {
        "edx": topology.VERSION,
        "kind": message.kind,
        "id": message.id,
        "correlation": message.correlation,
        "urgent": message.urgent,
        "headers": topology.plain_headers(message.headers),
        "user": user,
        "size": len(message.body),
        "sha256": hashlib.sha256(message.body).hexdigest(),
    }
    if message.lifetime is not None:
        fields["lives"] = message.lifetime.total_seconds()  # from when the file was written
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" + message.body


def is_over(data: bytes, age: float) -> bool:
    """Whether what a message was to live, if that has an end, is over for a file that is so many seconds old. By what
    the file system says of both: the clock of who wrote it may be wrong, and so may the reader's."""
    line = data[: max(0, data.find(b"\n", 0, _FIRST_LINE))]
    if b'"lives"' not in line:
        return False
    try:
        return float(json.loads(line)["lives"]) <= age
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return False  # damaged, or "lives" stands in another field


def unpack_message(data: bytes) -> tuple[Message, str]:
    """The message and who wrote it."""
    end = data.find(b"\n", 0, _FIRST_LINE)  # a longer line would become objects twenty times its size
    if end < 0:
        raise ValueError(Detail("no first line, or a longer one than ours"))
    fields: dict[str, Any] = json.loads(data[:end])
    body = data[end + 1 :]
    if len(body) != fields["size"] or hashlib.sha256(body).hexdigest() != fields["sha256"]:
        raise ValueError(Detail("not whole"))
    headers = {str(key): str(value) for key, value in dict(fields["headers"]).items()}
    urgent = fields["urgent"] is True
    text = {name: fields[name] for name in ("kind", "id", "correlation", "user")}
    if not all(isinstance(value, str) for value in text.values()):
        raise TypeError("not text")
    return Message(text["kind"], text["id"], body, urgent, text["correlation"], headers), text["user"]
