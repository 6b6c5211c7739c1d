"""A message as a file: one line of JSON, a line feed, and the body.

    write(folder, name, message, user)    # new, whole and synced; the folder is named by its descriptor
    message, user = decode(read(folder, name))

Who reads may be shown anything in the place of such a file, by whoever else may write into the folder: a FIFO that
nobody writes to, a link to a file of ours, soft or hard, a device that never ends, a name that cannot be made longer.
None of them is waited for, followed or read.

``write`` and ``read`` raise OSError; ``decode`` raises ValueError, KeyError, TypeError or RecursionError for what is
not whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from typing import Any, Final

from edxml_router.core.detail import Detail
from edxml_router.disk import durable
from edxml_router.ports.transport import Message
from edxml_router.transport import topology

LARGEST: Final = 128 * 1024 * 1024  # bytes of a file, as of a broker's message; a larger one is not written, nor read
LARGEST_BODY: Final = LARGEST - 1024 * 1024  # which leaves room for the line before it
_FIRST_LINE: Final = 64 * 1024  # bytes; headers repeat a few ids, and no more
_LONGEST_NAME: Final = 200  # bytes; ours have 50
_NO_FILE: Final = Detail("not a file")
_TOO_LARGE: Final = Detail("larger than a message may be")
_TWO_NAMES: Final = Detail("a file with a second name")


def write(folder: int, name: str, message: Message, user: str) -> None:
    """Make the file, durably but for its name; nothing is left of it when that fails."""
    data = encode(message, user)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, _TOO_LARGE)
    with durable.new_file(name, within=folder) as file:
        share(file.fileno(), os.fstat(folder))
        file.write(data)


def share(descriptor: int, folder: os.stat_result) -> None:
    """Who may enter the folder may read the message, and nobody else, whatever the umask says: the account, and a
    group where the operator gave the hub's folder to one. Raises PermissionError when the folder's owner could not."""
    try:
        os.fchown(descriptor, -1, folder.st_gid)
    except PermissionError:
        if folder.st_uid != os.geteuid():
            raise
        os.fchmod(descriptor, 0o600)
    else:
        os.fchmod(descriptor, 0o600 | folder.st_mode & 0o060)


def is_odd(name: str) -> bool:
    """Whether a name is too long to be one of ours, or to be given another end; or hidden, as our lock is."""
    return len(os.fsencode(name)) > _LONGEST_NAME or name.startswith(".")


def read(folder: int, name: str) -> bytes:
    """The bytes of a plain file that is no larger than a message and has this name alone.

    What it is, is asked before it is opened: with the closing of a file, every lock that this process has on it goes,
    and a second name may be that of our database. It is asked again of what was opened, because the name may stand for
    something else a moment later.
    """
    if is_odd(name):
        raise OSError(errno.ENAMETOOLONG, Detail("not a name of ours"))
    _check(os.stat(name, dir_fd=folder, follow_symlinks=False))
    descriptor = _open(folder, name)
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
    descriptor = _open(folder, name)
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
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, _NO_FILE)
    if status.st_nlink > 1:
        raise OSError(errno.EMLINK, _TWO_NAMES)
    if status.st_size > LARGEST:
        raise OSError(errno.EFBIG, _TOO_LARGE)
    return status.st_size


def _open(folder: int, name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, or a socket
            raise OSError(error.errno, _NO_FILE) from error
        raise


def encode(message: Message, user: str) -> bytes:
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


def decode(data: bytes) -> tuple[Message, str]:
    """The message and who wrote it."""
    end = data.find(b"\n", 0, _FIRST_LINE)  # a longer line would become objects of twenty times its size
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
