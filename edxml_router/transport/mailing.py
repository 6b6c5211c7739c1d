"""Messages to a mail server over SMTP: the only home of smtplib.

    with MailServer(settings.mail, password) as server:
        server.send(message, ["truc@tayninh.gov.vn"])

One connection for all messages of a look, each step of it within SECONDS. Its certificate is verified against the
host's name. Raises Setback EDX718 where the server is away, is not the one it should be, or refuses.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.wording import in_words

SECONDS: Final = 20.0
_MOST_ANSWER: Final = 300  # characters of a server's answer that are told on

Security = Literal["tls", "starttls", "none"]


class MailServer:
    """A connection, opened and logged in with the block. ``login``: a name and a password, or none."""

    def __init__(
        self, place: tuple[str, int], security: Security, login: tuple[str, str] | None, ca: Path | None
    ) -> None:
        self._place = place
        self._security = security
        self._login = login
        self._ca = ca
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> MailServer:
        context = self._context()
        host, port = self._place
        try:
            if self._security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
            else:
                server = smtplib.SMTP(host, port, timeout=SECONDS)
            self._server = server
            if self._security == "starttls":
                server.starttls(context=context)  # raises where the server does not offer it: nothing goes in the clear
            if self._login is not None:
                server.login(*self._login)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            self._close()
            raise self._setback(error) from error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, message: EmailMessage, addresses: Sequence[str]) -> Finding | None:
        """To these. One address that is refused does not keep the message from the others: it is what is returned, and
        the message was sent all the same."""
        assert self._server is not None  # noqa: S101  # within the block
        try:
            refused = self._server.send_message(message, to_addrs=list(addresses))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise self._setback(error) from error
        for address, (status, answer) in refused.items():
            return Finding("EDX718", address, _answered(status, answer))
        return None

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca is not None:
            try:
                context.load_verify_locations(self._ca)
            except OSError as error:  # also ssl's: no certificate in it
                raise Refusal("EDX902", where=str(self._ca), detail=in_words(error)) from error
        return context

    def _setback(self, error: Exception) -> Setback:
        where = f"{self._place[0]}:{self._place[1]}"
        if isinstance(error, smtplib.SMTPResponseException):
            return Setback("EDX718", where=where, detail=_answered(error.smtp_code, error.smtp_error))
        return Setback("EDX718", where=where, detail=in_words(error))

    def _close(self) -> None:
        if self._server is not None:
            with suppress(smtplib.SMTPException, OSError):
                self._server.quit()
            self._server.close()
            self._server = None


def _answered(status: int, answer: bytes | str) -> Detail:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return Detail("it answered {status} {text}", status=status, text=" ".join(text.split())[:_MOST_ANSWER])
