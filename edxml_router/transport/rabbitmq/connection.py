"""AMQP connections that reconnect by themselves, all on one I/O thread.

pika is not thread-safe, so every call into it happens on the thread of a :class:`Loop`; other threads hand it work with
``loop.post``. A :class:`Connection` is opened again and again, with growing and jittered pauses, until it is closed;
its owner is told by two callbacks, on the I/O thread. Nothing here raises: problems are in ``Connection.problem`` as
EDX701 (away), EDX706 (the broker refuses the user) or EDX707 (no trust: one of the two certificates, the host name, the
version of TLS, or a file that cannot be read).
"""

from __future__ import annotations

import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import pika
from pika.adapters.select_connection import IOLoop

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect, Finding, Refusal, Setback
from edxml_router.core.wording import UNNAMED, in_words

LARGEST_MESSAGE: Final = 16 * 1024 * 1024  # bytes that RabbitMQ 4 takes unless it is told otherwise; 3 took 128 MiB
CLOSING_SECONDS = 2.0  # how long a graceful close may take
# What pika's exceptions mean to an operator, by name; the first is none of its AMQPError.
_WORDS: Final[Mapping[str, str]] = {
    "AMQPConnectorStackTimeout": Detail("it takes the connection and says nothing"),
    "AMQPHeartbeatTimeout": Detail("it has fallen silent"),
    "StreamLostError": Detail("the line was cut"),
    "ConnectionClosed": Detail("it has closed the connection"),
    "ConnectionClosedByClient": Detail("closed by this node"),
    "ConnectionBlockedTimeout": Detail("it stops what is sent: memory or disk are short there"),
    "ConnectionOpenAborted": Detail("given up while connecting"),
    "IncompatibleProtocolError": Detail("it does not speak AMQP 0-9-1"),
    "ProtocolVersionMismatch": Detail("it does not speak AMQP 0-9-1"),
    "InvalidFrameError": Detail("it does not speak AMQP 0-9-1"),
    "ProtocolSyntaxError": Detail("it does not speak AMQP 0-9-1"),
    "ProbableAuthenticationError": Detail("it hung up at the log-in"),
    "AuthenticationError": Detail("it does not take the user or the password"),
    "ProbableAccessDeniedError": Detail("it hung up at the virtual host"),
    "ConnectionRefusedError": Detail("nobody listens there: another host or port, or a broker that is not running"),
}
# Raised for a channel or connection that is closing; its user is told by a callback.
GOING: Final = (pika.exceptions.ChannelWrongStateError, pika.exceptions.ConnectionWrongStateError)

# What OpenSSL calls the alerts by which a broker refuses us, and in whose words an operator understands them.
_REASON: Final = re.compile(r"\[SSL: (?:(?:SSLV3|TLSV1|TLSV13)_ALERT_)?([A-Z_]+)\]")
_REASONS: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": Detail("the broker asks for a client certificate"),
    "HANDSHAKE_FAILURE": Detail("the broker asks for a client certificate, or shares no cipher with us"),  # TLS 1.2
    "UNKNOWN_CA": Detail("the broker does not know the authority of our certificate"),
    "BAD_CERTIFICATE": Detail("the broker refuses our certificate"),
    "UNSUPPORTED_CERTIFICATE": Detail("our certificate is not one for TLS clients"),
    "CERTIFICATE_UNKNOWN": Detail("the broker refuses our certificate"),
    "CERTIFICATE_REVOKED": Detail("our certificate has been revoked"),
    "CERTIFICATE_EXPIRED": Detail("our certificate has expired"),
    "PROTOCOL_VERSION": Detail("no version of TLS in common"),
    "UNSUPPORTED_PROTOCOL": Detail("no version of TLS in common"),
    "WRONG_VERSION_NUMBER": Detail("the broker does not speak TLS on this port"),
}
# What OpenSSL's verifier has against the broker's certificate, where its own words would not help (x509_vfy.h).
_NO_LIST: Final = Detail("no revocation list of an authority of it is in tls_crls")
_VERDICTS: Final[Mapping[int, str]] = {
    3: _NO_LIST,
    8: Detail("the revocation list is not signed by its authority"),
    11: Detail("the revocation list is from the future"),
    12: Detail("the revocation list has expired: put the present one into tls_crls"),
    23: Detail("it has been revoked"),
    33: _NO_LIST,
}


@dataclass(frozen=True, slots=True)
class RabbitSettings:
    """How to reach a hub. Times in seconds.

    With ``tls`` the connection is encrypted; it makes the context anew for each connection (:class:`Tls
    <edxml_router.transport.rabbitmq.tls.Tls>`). ``server_name`` is the name in the broker's certificate, when it is not
    ``host``. With ``external`` our own certificate is the log-in as well, and the password is not used.
    """

    host: str
    user: str
    password: str | Callable[[], str] = field(repr=False)  # asked before each connection, so that a new one holds
    port: int = 5672
    vhost: str = "/"
    tls: Callable[[], ssl.SSLContext] | None = None
    server_name: str = ""
    external: bool = False
    heartbeat: int = 30  # a silent broker is noticed within this and 5 s more, twice
    connect_timeout: float = 5.0  # for one attempt: name look-up, TCP, TLS and log-in
    blocked_timeout: float = 10.0  # how long a broker in memory or disk alarm is waited for
    confirm_timeout: float = 30.0  # after so long without a confirm the connection is given up …
    patience: float = 2.0  # … and whoever needs an answer at once is told after this that there is none
    first_pause: float = 0.25  # before the first new attempt; doubles each time …
    longest_pause: float = 30.0  # … up to this
    window: int = 500  # unconfirmed messages under way
    window_bytes: int = 64 * 1024 * 1024  # and their bytes, because each is copied once more by the driver
    largest_message: int = LARGEST_MESSAGE  # bytes of a body that the broker takes
    prefetch: int = 250  # most unacknowledged messages of one mailbox; their bytes have a bound of their own
    label: str = "edxml-router"  # the connection's name in the broker's listings

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}/{self.vhost}"


class _ForgivingProperties(pika.BasicProperties):  # type: ignore[misc] # pika has no types
    """Message properties that cannot kill the reader.

    The broker lets values pass on which pika's decoder raises (a date in the year 10^11, arrays nested ten thousand
    deep). Raised inside the I/O loop, that would end the connection, and again at every redelivery. Such properties are
    read as empty: no user, so nothing is accepted.
    """

    def decode(self, encoded: bytes, offset: int = 0) -> pika.BasicProperties:
        try:
            super().decode(encoded, offset)
        except Exception:  # noqa: BLE001 - whatever the decoder stumbles over
            for name in vars(self):
                setattr(self, name, None)
        return self


# pika looks the class up in this table for each message; there is no other hook.
pika.spec.props[pika.BasicProperties.INDEX] = _ForgivingProperties


def parameters(settings: RabbitSettings) -> pika.ConnectionParameters:
    """The settings in pika's terms. Raises Setback EDX706 or EDX707 when the password's file or one for TLS cannot be
    used."""
    try:
        password = settings.password if isinstance(settings.password, str) else settings.password()
    except Refusal as refusal:
        found = refusal.finding
        raise Setback(
            "EDX706", where=settings.place, detail=Detail("{where}: {detail}", where=found.where, detail=found.detail)
        ) from refusal
    try:
        tls = pika.SSLOptions(settings.tls(), settings.server_name or settings.host) if settings.tls else None
    except Refusal as refusal:
        found = refusal.finding
        raise Setback(
            "EDX707", where=settings.place, detail=Detail("{where}: {detail}", where=found.where, detail=found.detail)
        ) from refusal
    return pika.ConnectionParameters(
        host=settings.host,
        port=settings.port,
        virtual_host=settings.vhost,
        credentials=pika.credentials.ExternalCredentials()
        if settings.external
        else pika.PlainCredentials(settings.user, password),
        heartbeat=settings.heartbeat,
        ssl_options=tls,
        socket_timeout=settings.connect_timeout,
        stack_timeout=settings.connect_timeout,
        # Ends a connection that was given up while blocked; the owner acts earlier, by timers of its own.
        blocked_connection_timeout=settings.blocked_timeout + settings.heartbeat,
        client_properties={"connection_name": settings.label},
    )


def connection_finding(error: BaseException | None, settings: RabbitSettings) -> Finding:
    """The finding for a failed or lost connection."""
    while (inner := _inner(error)) is not None:
        error = inner
    if settings.tls is not None and (distrust := _distrust(error)) is not None:
        return Finding("EDX707", settings.place, distrust)
    refused = isinstance(
        error,
        pika.exceptions.AuthenticationError
        | pika.exceptions.ProbableAuthenticationError
        | pika.exceptions.ProbableAccessDeniedError,
    ) or (isinstance(error, pika.exceptions.ConnectionClosedByBroker) and error.reply_code in (403, 530))
    return Finding("EDX706" if refused else "EDX701", settings.place, _why(error))


def _why(error: BaseException | None) -> str:
    if error is None:
        return UNNAMED
    if isinstance(error, pika.exceptions.ConnectionClosedByBroker) and error.reply_text:
        return Detail("it says: {reply_text}", reply_text=error.reply_text[:200])
    return in_words(error, _WORDS)


def _distrust(error: BaseException | None) -> str | None:
    """Why one side does not trust the other, if that is the cause.

    In TLS 1.3 a broker refuses a client only when the handshake is over for the client. pika then reports a
    stream that was lost before AMQP began. OpenSSL's word for the alert survives in the text, if it was read
    at all: who writes to a connection that is closed already never sees it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        verdict = _VERDICTS.get(error.verify_code) or error.verify_message.rstrip(".")
        return Detail("the broker's certificate: {verdict}", verdict=verdict)
    found = _REASON.search(str(error))
    known = _REASONS.get(found[1]) if found else None
    if known is None and isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return in_words(error)
    if known is None and isinstance(error, pika.exceptions.IncompatibleProtocolError):
        return Detail("the broker asks for a client certificate, or refuses ours: it hung up after the handshake")
    return known


def _inner(error: BaseException | None) -> BaseException | None:
    """pika wraps the cause: in a workflow's list of attempts, or in the phase that failed."""
    attempts = getattr(error, "exceptions", None)
    if attempts:
        return attempts[-1]  # type: ignore[no-any-return]
    inner = getattr(error, "exception", None)
    return inner if isinstance(inner, BaseException) else None


def _unless_going(task: Callable[[], None]) -> None:
    """Run a task; an acknowledgement that finds its channel closing must not end the thread of all connections."""
    with suppress(*GOING):
        task()


class Loop:
    """A thread that runs pika's I/O loop."""

    def __init__(self, name: str) -> None:
        self._io = IOLoop()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, task: Callable[[], None]) -> None:
        """Run ``task`` on the I/O thread soon, after those posted before. From any thread."""
        self.check()
        self._io.add_callback_threadsafe(partial(_unless_going, task))

    def later(self, seconds: float, task: Callable[[], None]) -> Any:
        """Run ``task`` after a time; what it returns is for :meth:`forget`. On the I/O thread only."""
        return self._io.call_later(seconds, partial(_unless_going, task))

    def forget(self, timer: Any) -> None:
        if timer is not None:
            self._io.remove_timeout(timer)

    def check(self) -> None:
        """Raise Defect if the thread has died: a mistake of ours, or of the driver."""
        if self._error is not None:
            raise Defect(Detail("the I/O thread ended: {reason}", reason=in_words(self._error))) from self._error

    def wait(self, event: threading.Event) -> None:
        """Wait for something that the I/O thread will set."""
        while not event.wait(1.0):
            self.check()

    def stop(self) -> None:
        """End the loop, on its own thread."""
        self._io.stop()

    def join(self) -> None:
        self._thread.join(2 * CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._io.close()

    @property
    def native(self) -> IOLoop:
        return self._io

    def _run(self) -> None:
        try:
            self._io.start()
        except BaseException as error:  # noqa: BLE001 - told to whoever uses the loop next
            self._error = error


class Connection:
    """One connection to a hub, opened again whenever it is lost. All methods on the I/O thread."""

    def __init__(
        self,
        loop: Loop,
        settings: RabbitSettings,
        on_open: Callable[[pika.SelectConnection], None],
        on_lost: Callable[[Finding], None],
    ) -> None:
        self.state: Literal["new", "opening", "open", "away", "closed"] = "new"
        self.problem: Finding | None = None
        self._loop = loop
        self._settings = settings
        self._on_open = on_open
        self._on_lost = on_lost
        self._current: pika.SelectConnection | None = None
        self._failures = 0
        self._opened_at = 0.0
        self._retry: Any = None

    def open(self) -> None:
        """Start the first attempt. Later ones follow by themselves; between them the state is ``away``."""
        self.state = "opening"
        self._attempt()

    def _attempt(self) -> None:
        self._retry = None
        try:
            given = parameters(self._settings)
        except Setback as setback:
            self._lose(None, setback.finding)
            return
        pika.SelectConnection.create_connection([given], on_done=self._attempted, custom_ioloop=self._loop.native)

    def _attempted(self, result: pika.SelectConnection | BaseException) -> None:
        if isinstance(result, BaseException):
            self._lose(result)
            return
        if self.state == "closed":
            result.close()
            return
        self._current, self.state, self.problem = result, "open", None
        self._opened_at = time.monotonic()
        result.add_on_close_callback(self._closed)
        self._on_open(result)

    def _closed(self, connection: pika.SelectConnection, error: BaseException) -> None:
        if connection is self._current:
            self._lose(error)

    def abandon(self, problem: Finding) -> None:
        """The connection is useless, whatever the other side thinks: open another.

        pika has no abort: the old one is asked to close, and ends at the latest when its heartbeat fails.
        """
        old, self._current = self._current, None
        if old is not None and old.is_open:
            old.close()
        self._lose(None, problem)

    def _lose(self, error: BaseException | None, problem: Finding | None = None) -> None:
        self._current = None
        if self.state == "closed":
            return
        self.state = "away"
        self.problem = problem or connection_finding(error, self._settings)
        # One that was open for long starts afresh; one that keeps being lost is retried ever less often.
        if self._opened_at and time.monotonic() - self._opened_at > self._settings.longest_pause:
            self._failures = 0
        self._opened_at = 0.0
        pause = min(self._settings.longest_pause, self._settings.first_pause * 2.0 ** min(self._failures, 30))
        self._failures += 1
        # Jitter, so that a thousand children do not come back in the same second.
        self._retry = self._loop.later(pause * random.uniform(0.5, 1.0), self._attempt)  # noqa: S311
        self._on_lost(self.problem)

    def close(self, then: Callable[[], None]) -> None:
        """Close for good, politely; ``then`` is called when that is done."""
        self.state, self.problem = "closed", Finding("EDX701", self._settings.place, Detail("closed"))
        self._loop.forget(self._retry)
        current, self._current = self._current, None
        self._on_lost(self.problem)
        if current is not None and current.is_open:
            current.add_on_close_callback(lambda *_: then())
            current.close()
        else:
            then()
