"""Why PostgreSQL refuses a connection, in one sentence each.

    reason(error)          # of a psycopg error; "" when it is none of these

A connection that could not be made has no SQLSTATE: libpq gives only a text. The texts below are libpq's and the
server's in English, which is what a server writes unless ``lc_messages`` says otherwise; in another language only "no
connection" is left. The full text, which names hosts and users, is never quoted.
"""

from __future__ import annotations

import re
from typing import Any, Final

from edxml_router.core.detail import Detail

POOLER: Final = Detail(
    "a connection pooler (PgBouncer) stands before the database and drops what makes a commit durable; "
    "let store.url name PostgreSQL itself"
)

_TEXTS: Final = tuple(
    (re.compile(text, re.IGNORECASE), reason)
    for text, reason in (
        ("password authentication failed", Detail("the password is not the user's; correct store.password_file")),
        ("no password supplied", Detail("the server asks for a password; name store.password_file")),
        (r"database \S{1,200} does not exist", Detail("the server has no database of that name")),
        (r"role \S{1,200} does not exist", Detail("the server has no user of that name")),
        ("no pg_hba.conf entry", Detail("pg_hba.conf on the server does not let this user in from here")),
        (
            "too many connections|remaining connection slots",
            Detail("no connection is free; raise the limit of user or server"),
        ),
        ("starting up|shutting down|in recovery mode|not yet accepting", Detail("the server is starting or stopping")),
        ("unsupported startup parameter", POOLER),
        (
            "translate host name|name or service not known|resolve host|name resolution",
            Detail("the host's name is unknown"),
        ),
        ("connection refused", Detail("nobody listens there: another host or port, or a server that is not running")),
        ("timeout|timed out", Detail("no answer in time: a firewall, or a machine that is down")),
        ("no route to host|network is unreachable", Detail("no way leads to the host")),
        ("no such file or directory", Detail("nobody listens at that socket: a server that is not running")),
        ("certificate|ssl|tls", Detail("TLS with the server failed")),
    )
)
_STATES: Final = {
    "25006": Detail("the database is read-only: a standby, or set so"),
    "28P01": Detail("the password is not the user's; correct store.password_file"),
    "28000": Detail("pg_hba.conf on the server does not let this user in from here"),
    "3D000": Detail("the server has no database of that name"),
    "42501": Detail("the user has not the rights; let it own the database, or grant them"),
    "53300": Detail("no connection is free; raise the limit of user or server"),
    "55P03": Detail("another session holds a lock and does not let go"),
    "57014": Detail("a statement took longer than allowed"),
    "57P01": Detail("the server is starting or stopping"),
    "57P03": Detail("the server is starting or stopping"),
}
_FIRST: Final = 2000  # characters of a text that are looked at


def postgres_reason(error: Any) -> str:
    """The sentence for a psycopg error; empty where none fits."""
    state = getattr(error, "sqlstate", None)
    if state in _STATES:
        return Detail("SQLSTATE {state}: {states}", state=state, states=_STATES[state])
    if state is not None and state != "08P01":  # this one: a pooler that refuses our parameters
        return ""
    text = str(error)[:_FIRST]
    return next((said for pattern, said in _TEXTS if pattern.search(text)), "")
