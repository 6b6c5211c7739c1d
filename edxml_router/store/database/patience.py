"""Time-outs for PostgreSQL: a lock, a statement, a stopped server, a dead line.

    engine = create_engine(url, connect_args=options(20))
    event.listen(engine, "do_connect", patient(20))

The server itself ends what takes too long (``statement_timeout``, ``lock_timeout``) and reports it. A frozen server
says nothing while its kernel goes on acknowledging packets, which no TCP time-out detects; so the client has a time-out
of its own, a little longer. A connection on which that ran out is closed at once, because its rollback would wait as
long again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, Final

LOCK_SECONDS: Final = 10  # for a lock that another session holds
CONNECT_SECONDS: Final = 10
PATIENCE_SECONDS: Final = 60  # seconds for one statement of a command; a worker has less
GRACE_SECONDS: Final = 5  # seconds more that the server has to say that a time is over


def options(seconds: int) -> dict[str, Any]:
    """What libpq and the server are told at the start of a connection. The server's keepalives free the locks of a
    client whose machine is gone; over a socket of the same machine both sides leave them out."""
    settings = {
        "statement_timeout": f"{seconds}s",
        "lock_timeout": f"{min(LOCK_SECONDS, seconds)}s",
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
    }
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "connect_timeout": min(CONNECT_SECONDS, seconds),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 1000 * (seconds + GRACE_SECONDS),  # milliseconds that sent data may stay unacknowledged
    }


def patient(seconds: int) -> Callable[..., Any]:
    """A listener that opens connections which wait for no answer longer than ``seconds`` and GRACE."""
    import psycopg  # noqa: PLC0415  # an extra of the installation

    class Silent(psycopg.OperationalError):
        """The server did not answer in time."""

        silent = True

    class Connection(psycopg.Connection[Any]):
        patience: float | None = seconds + GRACE_SECONDS

        def wait(self, gen: Any, *args: Any, **more: Any) -> Any:
            try:
                return super().wait(_within(gen, self.patience, Silent), *args, **more)
            except Silent:
                self.pgconn.finish()
                raise

    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return Connection.connect(*arguments, **named)

    return connect


def without_end(connection: Any) -> None:
    """Let the statements of this connection of psycopg take as long as they need: a new index on a large table does."""
    connection.patience = None


def _within(gen: Any, seconds: float | None, silent: type[Exception]) -> Generator[Any, Any, Any]:
    """psycopg's generator, which is asked every tenth of a second while nothing comes, with an end to that."""
    until = None if seconds is None else time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and until is not None and time.monotonic() >= until:
                raise silent
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value
