"""The settings of the console. A part of :mod:`edxml_router.config.settings`, with the same conventions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from edxml_router.config.mistake import WRONG, Mistake
from edxml_router.config.values import MIB, About, Count, Duration, File, SettingsTable, Size
from edxml_router.core.detail import Detail


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings(SettingsTable):
    """The pages for people, under /console of the gateway. Without this section there are none. The defaults are those
    of QCVN 12:2026/BCA and TCVN 14423:2026."""

    idle_time: Annotated[
        Duration, About("A session that asks nothing for so long has ended (QCVN 12:2026: 15 minutes at most).")
    ] = timedelta(minutes=15)
    administrator_idle_time: Annotated[
        Duration, About("The same for administrators (QCVN 12:2026: 5 minutes at most).")
    ] = timedelta(minutes=5)
    session_life: Annotated[Duration, About("No session lasts longer; then its owner signs in anew.")] = timedelta(
        hours=10
    )
    failures: Annotated[
        int,
        Field(strict=True, ge=1, le=100),
        About("So many failures to sign in, one after the other, lock an account (TCVN 14423:2026: 5)."),
    ] = 5
    lock_time: Annotated[
        Duration,
        About("How long it stays locked (12 hours to 30 days); `edxml-router user unlock` opens it before then."),
    ] = timedelta(hours=12)
    address_failures: Annotated[
        Count, About("Failures to sign in from one address (of IPv6, one /64) within an hour; then it waits (EDX437).")
    ] = 30
    unused_time: Annotated[
        Duration, About("An account that nobody uses for so long is disabled (TCVN 14423:2026: 45 days).")
    ] = timedelta(days=45)
    password_length: Annotated[
        int,
        Field(strict=True, ge=8, le=128),
        About("Least length of a password that stands alone, of four classes of characters (QCVN 12:2026: 14)."),
    ] = 14
    password_length_with_code: Annotated[
        int,
        Field(strict=True, ge=8, le=128),
        About("Least length of a password beside a second factor (QCVN 12:2026: 8)."),
    ] = 8
    password_age: Annotated[
        Duration, About("Administrators choose a new password after so long (QCVN 12:2026: 2 months).")
    ] = timedelta(days=60)
    former_passwords: Annotated[
        int, Field(strict=True, ge=0, le=24), About("So many of the last passwords cannot be chosen again.")
    ] = 10
    second_factor: Annotated[
        Literal["administrators", "all", "none"],
        About('Who must have a second factor: "administrators" (TCVN 14423:2026 from level 3), "all" or "none".'),
    ] = "administrators"
    four_eyes: Annotated[
        tuple[Literal["redrive", "cancel"], ...],
        About("Acts for which a second person has to say yes.", '["redrive", "cancel"]'),
    ] = ()
    approval_time: Annotated[Duration, About("What was asked of a second person counts for so long.")] = timedelta(
        hours=24
    )
    upload_bytes: Annotated[Size, About("Most bytes of the files that are handed in with one form.")] = 64 * MIB
    key: Annotated[
        File | None,
        About(
            "File of the key that seals the secrets of authenticators (32 bytes, mode 0600); without it `console.key` "
            "in node.data, made when it is first needed. Machines that share a database share this file.",
            '"console.key"',
        ),
    ] = None


def check_console(console: ConsoleSettings | None, *, gateway: bool) -> Iterator[Mistake]:
    """It is served by the gateway."""
    if console is not None and not gateway:
        yield Mistake(WRONG, ("console",), Detail("the console needs a gateway"), (("gateway",),))
