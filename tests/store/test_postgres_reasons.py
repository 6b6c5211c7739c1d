"""What an operator reads when PostgreSQL does not let the node in: one true sentence for each reason."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from edxml_router.core.problems import Setback
from edxml_router.demo.servers import HOST, free_port
from edxml_router.language.catalogues import told
from edxml_router.store.database.engine import connect, reading, writing
from edxml_router.store.database.postgres_reasons import POOLER


def refused(url: URL | str) -> str:
    """The detail of the setback with which a connection ends; it has a Vietnamese wording, and names no password."""
    engine = connect(url)
    try:
        with pytest.raises(Setback) as raised, reading(engine):
            pass
    finally:
        engine.dispose()
    finding = raised.value.finding
    assert (finding.code, finding.where) == ("EDX602", "store.url")
    assert told("vi", finding.detail) != finding.detail
    return finding.detail


@pytest.fixture
def url(postgresql_url: str) -> URL:
    return make_url(postgresql_url)


@pytest.fixture
def admin(url: URL) -> Iterator[Any]:
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


def test_each_reason_is_its_own(url: URL) -> None:
    said = {
        refused(url.set(password="falsch")),
        refused(url.set(database="khong_co")),
        refused(url.set(port=free_port())),
        refused(url.set(host="db.khong-co.invalid")),
        refused(url.update_query_dict({"sslmode": "require"})),
        refused(url.set(host="", port=1).update_query_dict({"host": "/khong/co"})),
    }
    assert said == {
        "the password is not the user's; correct store.password_file",
        "the server has no database of that name",
        "nobody listens there: another host or port, or a server that is not running",
        "the host's name is unknown",
        "TLS with the server failed",
        "nobody listens at that socket: a server that is not running",
    }


def test_what_the_user_may_not(url: URL, admin: Any) -> None:
    admin.execute("CREATE ROLE edx_guest LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    try:
        guest = url.set(username="edx_guest", password="x")
        assert refused(guest) == "no connection is free; raise the limit of user or server"
        admin.execute("ALTER ROLE edx_guest CONNECTION LIMIT 5")
        engine = connect(guest)
        with pytest.raises(Setback) as raised, writing(engine) as connection:
            connection.execute(text("CREATE TABLE public.mine (id integer)"))
        engine.dispose()
        assert raised.value.finding.detail.startswith("SQLSTATE 42501: the user has not the rights")
    finally:
        admin.execute("DROP ROLE edx_guest")


def test_a_standby_only_reads(url: URL, admin: Any) -> None:
    admin.execute("CREATE DATABASE edx_standby")
    admin.execute("ALTER DATABASE edx_standby SET default_transaction_read_only = on")
    engine = connect(url.set(database="edx_standby"))
    try:
        with pytest.raises(Setback) as raised, writing(engine) as connection:
            connection.execute(text("CREATE TABLE mine (id integer)"))
        assert "bản dự phòng" in told("vi", raised.value.finding.detail)
        assert raised.value.finding.detail == "SQLSTATE 25006: the database is read-only: a standby, or set so"
    finally:
        engine.dispose()
        admin.execute("DROP DATABASE edx_standby WITH (FORCE)")


@pytest.mark.parametrize("lines", ["", "ignore_startup_parameters = options"])
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_is_refused_by_its_name(url: URL, servers_folder: Path, mode: str, lines: str) -> None:
    """Whether it refuses what is asked for at the start of a connection, or was told to drop it without a word."""
    with pgbouncer(servers_folder, url, f"pool_mode = {mode}\n{lines}") as port:
        assert refused(url.set(port=port)) == POOLER


@contextmanager
def pgbouncer(folder: Path, url: URL, lines: str) -> Iterator[int]:
    """A private PgBouncer in front of a server; its port."""
    place, port = folder / f"pgbouncer-{free_port()}", free_port()
    place.mkdir()
    configuration = place / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n{url.database} = host={url.host} port={url.port} user={url.username} password={url.password}\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nauth_type = any\nunix_socket_dir =\n"
        f"logfile = {place}/log\n{lines}\n"
    )
    as_other: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        nobody = pwd.getpwnam("nobody")
        for path in (place, configuration):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        as_other = ["--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    process = subprocess.Popen(
        ["setpriv", *as_other, "--pdeathsig", "KILL", "--", program, "-q", configuration],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with suppress(OSError), closing(socket.create_connection((HOST, port), timeout=5)):
                break
            assert process.poll() is None, (place / "log").read_text()
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()
