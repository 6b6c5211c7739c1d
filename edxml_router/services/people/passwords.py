"""Passwords: argon2id, and the rules of QCVN 12:2026 and TCVN 14423:2026 for new ones.

    hashed = hashed_password("…"); holds = is_password(hashed, "…")
    require_good_password(console, name, "…", second_factor=True, former=row.former)    # Refusal EDX440

Two are computed at a time: each takes 19 MiB and some tens of milliseconds, and a stranger can ask for as many as
connections are let in.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from threading import BoundedSemaphore
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from edxml_router.config.sections.console import ConsoleSettings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
LONGEST: Final = 256  # characters; more would only keep the processor busy
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's least for argon2id
_AT_A_TIME: Final = BoundedSemaphore(2)
# Of a password that nobody has: to compute it for a name that is not there takes as long as for one that is.
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$afQqIAVyu/NWX6yFopysYg$QF9T0nht9OKRB+3kvorrwLCJYrJ65fBJwXwblUYD4LM"


def hashed_password(password: str) -> str:
    """Its argon2id hash, with salt and parameters in it."""
    with _AT_A_TIME:
        return _HASHER.hash(_plain(password))


def is_password(hashed: str, password: str) -> bool:
    """Whether it is the one; an empty hash takes as long and is nobody's."""
    if len(password) > LONGEST:
        password = ""
    with _AT_A_TIME:
        try:
            return _HASHER.verify(hashed or _NOBODYS, _plain(password)) and bool(hashed)
        except (VerificationError, InvalidHashError):
            return False


def require_good_password(
    console: ConsoleSettings, name: str, password: str, *, second_factor: bool, former: Sequence[str] = ()
) -> None:
    """Raises Refusal EDX440 where a new password is too short, too simple or one of the last."""
    least = console.password_length_with_code if second_factor else console.password_length
    if not least <= len(password) <= LONGEST:
        detail = Detail("a password has {least} to {most} characters", least=least, most=LONGEST)
        raise Refusal("EDX440", where=name, detail=detail)
    if not second_factor and len(_classes(password)) < 4:
        detail = Detail("without a second factor a password has small and capital letters, digits and other characters")
        raise Refusal("EDX440", where=name, detail=detail)
    named = len(name) >= 4 and name.casefold() in password.casefold()  # three letters are part of many words
    if named or len(set(password)) < 5:
        detail = Detail("a password has five different characters at least, and not the account's name")
        raise Refusal("EDX440", where=name, detail=detail)
    if any(is_password(each, password) for each in former[: console.former_passwords]):
        detail = Detail("this was one of the last {count} passwords", count=console.former_passwords)
        raise Refusal("EDX440", where=name, detail=detail)


def made_up() -> str:
    """A first password, to be told once: 100 bits, of all four classes."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(20))
    return "-".join((letters[:5], letters[5:10], letters[10:15], letters[15:], "A7"))


def _plain(password: str) -> str:
    """One form for what keyboards and systems write differently: Vietnamese letters are composed or not."""
    return unicodedata.normalize("NFC", password)


def _classes(password: str) -> set[str]:
    """Which of the four classes occur in it."""
    found = set()
    for letter in password:
        if letter.isdigit():
            found.add("digit")
        elif letter.isalpha():
            found.add("capital" if letter.isupper() else "small")
        else:
            found.add("other")
    return found
