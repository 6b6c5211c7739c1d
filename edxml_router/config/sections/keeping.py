"""What a node keeps, and where: its database, and its journal as a log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from edxml_router.config.values import (
    MIB,
    About,
    Duration,
    File,
    ObjectId,
    Origin,
    SettingsTable,
    Size,
    read_duration,
    read_size,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings(SettingsTable):
    """The journal's database."""

    url: Annotated[
        str | None,
        About(
            "Database; without it SQLite in the data folder. No password in it: see password_file.",
            '"postgresql+psycopg://router@db.example.vn/router"',
        ),
    ] = None
    password_file: Annotated[File | None, About("File with the database password (mode 0600).", '"db.password"')] = None
    reserve_bytes: Annotated[
        Size, About("Nothing is accepted while the disk has less free space than this (EDX601).")
    ] = 256 * MIB
    scrub_bytes: Annotated[
        int,
        BeforeValidator(read_size),
        Field(ge=0),
        About("So many bytes a second of stored bodies are read again and held against their digests; 0 means none."),
    ] = 256 * 1024
    backup_age: Annotated[
        timedelta,
        BeforeValidator(read_duration),
        About('How old the last back-up may be until `doctor` warns (EDX681); "0s" means any.'),
    ] = timedelta(days=7)
    drill_age: Annotated[
        timedelta,
        BeforeValidator(read_duration),
        About('How long ago a back-up may have been tried out last until `doctor` warns (EDX683); "0s" means any.'),
    ] = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class StampSettings(SettingsTable):
    """An authority (RFC 3161) that stamps the journal's newest checkpoint now and then, and delivery certificates."""

    url: Annotated[str, About("Its address (http, https).", '"http://tsa.example.vn"')]
    anchors: Annotated[
        File, About("Certificate of the root above it (PEM, DER or PKCS#7); no other stamps count.", '"tsa.pem"')
    ]
    policy: Annotated[
        ObjectId | None,
        About("Policy that its stamps have to name; without it any.", '"1.3.6.1.4.1.99999.1"'),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings(SettingsTable):
    """The journal as a log that others can hold this node to (docs/evidence.md)."""

    key: Annotated[
        File | None,
        About(
            "Ed25519 key that signs the journal's checkpoints and those of neighbours (PEM, mode 0600; `edxml-router "
            "journal key FILE` makes one).",
            '"log.key.pem"',
        ),
    ] = None
    origin: Annotated[
        Origin | None,
        About(
            "Name of the log in its checkpoints; without it edxml-router/ and the node's name. It stays when the node "
            "is renamed, and changes when entries were lost for good.",
            '"edxml-router/h53"',
        ),
    ] = None
    interval: Annotated[
        Duration, About("How often each neighbour is shown the newest checkpoint, and cosigns it.")
    ] = timedelta(seconds=60)
    tiles: Annotated[
        File | None,
        About(
            "Folder in which the journal is written as files too (c2sp.org/tlog-tiles), to be served, copied and "
            "archived; each `interval`, and readable by the folder's group.",
            '"tiles"',
        ),
    ] = None
    step: Annotated[
        Duration,
        About(
            "From which step of the clock on, back or ahead, the log tells of it (EDX660). The journal tells of every "
            "one back, and of 2 s ahead or more."
        ),
    ] = timedelta(seconds=1)
    hourly: Annotated[
        Duration,
        About(
            "How long one checkpoint an hour of each neighbour is kept, one cosignature and one time stamp; before, "
            "one a day. All of the last day are kept."
        ),
    ] = timedelta(days=30)
    stamp_interval: Annotated[
        Duration, About("How often each authority in journal.stamps is asked, while there are new entries.")
    ] = timedelta(hours=1)
    stamps: tuple[StampSettings, ...] = ()
