"""Envelopes as files: ``check``, ``sign`` and ``send`` read them alike, and end alike.

    data = read(file, limits.max_bytes, receive)    # bytes, or the Body that ``receive`` sets down if it is large
    …
    exit_after(findings)                            # 75, 1 and the like, 66, in this order, or go on

Whatever stands under a name, nothing waits for it and no more than the limit is read: a pipe or a device is no file.
Only standard input, "-", may be one. Fails with :class:`Refusal` EDX102 (too large), EDX111 (not readable), and for
what is written EDX908.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import EXIT_NOT_FOUND, EXIT_TEMPORARY, Finding, Refusal
from edxml_router.core.wording import in_words
from edxml_router.services.reading import UNREADABLE, Receive, received_body

STDIO: Final = "-"  # standard input, or standard output

# What a file argument is. click's own look at the permissions would end the whole command with wrong usage.
File: Final = click.Path(readable=False)


def read(file: str, most: int, receive: Receive) -> Body:
    """The envelope in a file of at most ``most`` bytes; one larger than LARGE on disk; the caller discards it."""
    with _opened(file, most) as source:
        return received_body(lambda count: _take(source, file, count), file, most, receive)


def read_whole(file: str, most: int) -> bytes:
    """The envelope in a file of at most ``most`` bytes, in memory."""
    with _opened(file, most) as source:
        data = _take(source, file, most + 1)
    _require_fit(len(data), file, most)
    return data


def write_mail(output: Path, body: Body) -> None:
    """Write an envelope of somebody else, or to standard output. EDX908 if that cannot be.

    Official mail is for the account that took it, and a link in its place is not followed.
    """
    if str(output) == STDIO:
        sys.stdout.buffer.writelines(body.pieces())
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        with open(output, "wb", opener=lambda path, _: os.open(path, flags, 0o600)) as file:  # opener
            file.writelines(body.pieces())
    except OSError as error:
        raise Refusal("EDX908", where=str(output), detail=in_words(error)) from error


def refuse_same(output: Path, given: Iterable[Path]) -> None:
    """Refuse (EDX908) to write over what is read."""
    for each in given:
        if output.exists() and each.exists() and output.samefile(each):
            raise Refusal(
                "EDX908", where=str(output), detail=Detail("the same file as {given}, which would be lost", given=each)
            )


def write(output: Path, data: bytes) -> None:
    """Write an envelope of one's own, or to standard output. EDX908 if that cannot be."""
    if str(output) == STDIO:
        sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise Refusal("EDX908", where=str(output), detail=in_words(error)) from error


def exit_after(findings: Iterable[Finding | None]) -> None:
    """End as the table of problems says of the files: 75 if any is to be brought again later, else the highest status
    of a refusal, else 66 if any could not be read.

    So a script that acts on 75 or 1 need not care what else there was; goes on when nothing was wrong.
    """
    statuses = {finding.problem.exit_status for finding in findings if finding is not None}
    for some in (statuses & {EXIT_TEMPORARY}, statuses - {EXIT_NOT_FOUND}, statuses):
        if any(some):
            click.get_current_context().exit(max(some))


@contextmanager
def _opened(file: str, most: int) -> Iterator[BinaryIO]:
    if file == STDIO:
        yield sys.stdin.buffer
        return
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    try:
        source = open(file, "rb", opener=lambda path, _: os.open(path, flags))  # noqa: SIM115  # closed below
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _unreadable(file, error) from error
    with source:
        # Asked of the open file, not of the name, which could mean another one by then.
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(UNREADABLE, where=file, detail=Detail("not a regular file"))
        if status.st_size > most:
            raise Refusal(
                "EDX102", where=file, detail=Detail("{size} bytes, at most {most}", size=status.st_size, most=most)
            )
        yield source


def _take(source: BinaryIO, file: str, count: int) -> bytes:
    try:
        return source.read(count)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: str, error: Exception) -> Refusal:
    return Refusal(UNREADABLE, where=file, detail=in_words(error))


def _require_fit(size: int, file: str, most: int) -> None:
    if size > most:
        raise Refusal("EDX102", where=file, detail=Detail("more than {most} bytes", most=most))
