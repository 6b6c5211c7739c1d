"""The server: uvicorn with h11, and what it lacks against clients that are slow, large, many or hostile.

    sockets = listen_on([("0.0.0.0", 8443)], gateway)
    await server_of(application, gateway, tls)._serve(sockets)

Beside what uvicorn does: the certificate of the connection (DER) stands in ``request.state.peer_certificate``, also
when the session was resumed, and ``request.state.inform`` sends an interim answer; a head must come within
gateway.head_time, however it trickles; a body that is silent for gateway.body_time is given up (:class:`Patience`), and
an answer that is not read for gateway.send_time as well. Handshakes end within gateway.handshake_time, and more
connections than may be are not taken (:mod:`edxml_router.gateway.entrance`). Bytes that are no HTTP, and heads above
gateway.head_bytes, are answered 400 by h11.

uvicorn's own limit_concurrency is not used: it counts connections that only wait, and answers 503 to who comes next.
"""

from __future__ import annotations

import asyncio
import asyncio.constants
import asyncio.sslproto
import logging
import ssl
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from edxml_router.config import GatewaySettings
from edxml_router.core.problems import Refusal

# Of each TLS connection asyncio keeps a buffer of this size for reading: 256 KiB by itself, which with thousands of
# waiting clients is most of the memory. A record of TLS has 16 KiB.
BUFFER: Final = 16 * 1024
# Of an answer, so much waits in memory for a client that reads slowly: 512 KiB by itself, over TLS.
UNREAD: Final = 64 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Guarded(H11Protocol):
    """One connection."""

    gateway: GatewaySettings  # of the class that :func:`protocol` makes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        self.app_state = {**self.app_state, "peer_certificate": certificate, "inform": self.inform}
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        transport.set_write_buffer_limits(UNREAD)
        self._await_head()

    def inform(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> bool:
        """Send an interim answer (1xx) to the request at hand; whether it went. ASGI has no way for it, and what
        a client of HTTP/1.0 would make of one is not known."""
        cycle = self.cycle
        over = cycle is None or cycle.response_started or cycle.disconnected or self.transport.is_closing()
        if over or self.conn.their_http_version != b"1.1":
            return False
        fields = [(name.encode(), value.encode()) for name, value in headers]
        event = h11.InformationalResponse(status_code=status, headers=fields, reason=reason.encode())
        self.transport.write(self.conn.send(event))
        return True

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        idle = self.cycle is None or self.cycle.response_complete
        if self.cycle is not before:
            self._stop()
        if idle and not self.transport.is_closing() and self._deadline is None:
            self._await_head()  # some bytes of the next head have come: the whole of it must come in time

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and self._deadline is None and not self.transport.is_closing():
            # Answered before the body had come. It is read on and dropped for a while, because a line that is closed
            # while the other side sends may lose the answer.
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.gateway.send_time.total_seconds(), self.transport.abort)

    def resume_writing(self) -> None:
        self._read()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._read()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.gateway.head_time.total_seconds(), self._late)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _late(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class Patience:
    """Ends the reading of a body that sends nothing for gateway.body_time: Refusal EDX627 in who reads it."""

    def __init__(self, application: Application, seconds: float) -> None:
        self._application = application
        self._seconds = seconds

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        ended = False

        async def patient() -> Message:
            nonlocal ended
            if ended:  # the whole body has come: what comes now is that the client goes away, whenever it likes
                return await receive()
            try:
                async with asyncio.timeout(self._seconds):  # wait_for makes a task for each piece
                    message = await receive()
            except TimeoutError:
                raise Refusal("EDX627") from None
            ended = not message.get("more_body", False)
            return message

        await self._application(scope, patient, send)


def protocol(settings: GatewaySettings) -> type[Guarded]:
    """The protocol with these limits."""
    return type("Limited", (Guarded,), {"gateway": settings})


def tls_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """TLS 1.2 and later; a client's certificate is asked for where offices may log in by one, and need not be shown.
    None for plain HTTP. Raises Refusal EDX918."""
    if settings.certificate is None or settings.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_certificate(context, settings)
    if settings.client_anchors is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cafile=str(settings.client_anchors))
        except (OSError, ssl.SSLError) as error:
            raise Refusal("EDX918", where="gateway.client_anchors", detail=str(error)) from error
    return context


def load_certificate(context: ssl.SSLContext, settings: GatewaySettings) -> None:
    """Take the gateway's certificate as its files are now; connections that are there keep the old one. Raises Refusal
    EDX918."""
    try:
        # The callback: a key with a passphrase must not make a service ask a terminal for it.
        context.load_cert_chain(str(settings.certificate), str(settings.key), lambda: b"")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise Refusal("EDX918", where="gateway.certificate", detail=str(error)) from error


def server_of(application: Application, settings: GatewaySettings, tls: ssl.SSLContext | None) -> uvicorn.Server:
    """A server that is not started yet."""
    asyncio.sslproto.SSLProtocol.max_size = BUFFER
    # uvicorn passes nothing on to the loop, which takes these where nothing is said: 60 and 30 seconds by themselves.
    seconds = settings.handshake_time.total_seconds()
    asyncio.constants.SSL_HANDSHAKE_TIMEOUT = asyncio.constants.SSL_SHUTDOWN_TIMEOUT = seconds
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # "Invalid HTTP request" is whoever scans ports
    return uvicorn.Server(
        uvicorn.Config(
            Patience(application, settings.body_time.total_seconds()),
            http=protocol(settings),
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=max(1, int(settings.idle_time.total_seconds())),
            timeout_graceful_shutdown=20,
            h11_max_incomplete_event_size=settings.head_bytes,
            ssl_context_factory=(lambda _config, _default: tls) if tls is not None else None,
        )
    )
