"""Who may speak to this node in the way of the national axis: systems, each of an office, with the secret they share.

    accounts = Accounts(settings)
    account, call = accounts.prove(claim, now, national)
    account = accounts.log_in(system, secret)

Fails closed: Refusal EDX422, the same for a system that is not here as for a proof that is wrong. Raises Refusal
EDX902, EDX922 for a file of a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

from edxml_router.config import Settings
from edxml_router.config.faces.axis import NationalSettings
from edxml_router.core.axis import call as calls
from edxml_router.core.axis.call import Claim, SignedCall
from edxml_router.core.detail import Detail
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Refusal
from edxml_router.credentials.setting_files import secret
from edxml_router.services.axis.catalogue import is_old

SECRET_LEAST: Final = 8  # characters
_UNKNOWN: Final = Detail("the system id or its secret is wrong")


@dataclass(frozen=True, slots=True)
class Account:
    """A system. ``old``: it knows agencies by their codes of 13 characters, as its own id is one."""

    system: str
    office: str
    old: bool
    secret: bytes = field(repr=False)


class Accounts:
    """Those of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._by_system: dict[str, Account] = {}
        self._nobody = Account("", "", False, secrets.token_bytes(32))  # whom a stranger is held against
        for number, one in enumerate(settings.offices):
            if one.system_id is None or one.secret_file is None:
                continue
            where = f"offices.{number}.secret_file"
            text = secret(one.secret_file, where) or ""
            if len(text) < SECRET_LEAST:
                raise Refusal("EDX922", where=where, detail=Detail("at least {least} characters", least=SECRET_LEAST))
            self._by_system[one.system_id] = Account(one.system_id, one.name, is_old(one.system_id), text.encode())

    def prove(self, claim: Claim, now: datetime, national: NationalSettings) -> tuple[Account, SignedCall]:
        """The account of a call, and the call. Raises Refusal EDX422 and EDX423."""
        account = self._by_system.get(claim.system, self._nobody)
        call = calls.prove(claim, account.secret, now, national.window, _zones(national))
        return account, call

    def log_in(self, system: str, secret: str) -> Account:
        """The account of who shows its secret itself. Raises Refusal EDX422."""
        account = self._by_system.get(system, self._nobody)
        if not hmac.compare_digest(_digest(account.secret), _digest(secret.encode())) or account is self._nobody:
            raise Refusal("EDX422", detail=_UNKNOWN)
        return account

    def begin(self, account: Account, until: datetime) -> str:
        """A token for who has logged in. It holds what it says, so that every process and the next start know it."""
        said = f"{account.system}|{int(until.timestamp())}"
        return f"{said}|{_seal(account, said)}".encode().hex()

    def resume(self, token: str, now: datetime) -> Account:
        """Whose token it is. Raises Refusal EDX422 for none of ours, EDX423 for one whose time is over."""
        try:
            system, until, seal = bytes.fromhex(token).decode().rsplit("|", 2)
            ends = int(until)
        except ValueError:
            raise Refusal("EDX422", detail=Detail("this is no token of a log-in")) from None
        account = self._by_system.get(system, self._nobody)
        if not hmac.compare_digest(_seal(account, f"{system}|{until}").encode(), seal.encode()):
            raise Refusal("EDX422", detail=Detail("this is no token of a log-in"))
        if ends <= now.timestamp():
            raise Refusal("EDX423", where="Authorization", detail=Detail("the log-in has ended; log in again"))
        return account


def _zones(national: NationalSettings) -> Sequence[tzinfo]:
    own = datetime.now().astimezone().tzinfo or VIETNAM
    return {"vietnam": (VIETNAM,), "machine": (own,), "either": (VIETNAM, own)}[national.clock]


def _seal(account: Account, said: str) -> str:
    return hmac.digest(account.secret, b"edxml-router log-in|" + said.encode(), "sha256").hex()


def _digest(secret: bytes) -> bytes:
    """Of equal length, so that a comparison says nothing of theirs."""
    return hashlib.sha256(secret).digest()
