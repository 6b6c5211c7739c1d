"""Private RabbitMQ and PostgreSQL servers for tests, the demo and the benchmark.

    with rabbitmq(folder) as broker:      # Broker: host, port, user, password, ctl(), kill(), start(), …
    with rabbitmq(folder, tls) as broker: # the same, and TLS on tls_port for who shows a certificate
    with postgresql(folder) as url:       # "postgresql+psycopg://…", an empty database

Each instance listens on free ports of 127.0.0.1 only, keeps everything in ``folder`` and is ended when the
block ends, or by the kernel when the process that started it dies. Servers of the machine are left alone.

Raises :class:`Refusal` EDX904 for what is not installed, and :class:`ServerError` with the reason for everything else
(the port never answered, with the end of the log).
"""

from __future__ import annotations

import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edxml_router.core.problems import Refusal

HOST = "127.0.0.1"
START_SECONDS = 120.0  # a loaded machine needs 20 s for RabbitMQ; past this something is wrong
CTL_SECONDS = 120.0
RABBITMQ_PLACES: tuple[str, ...] = ("usr/lib/rabbitmq/bin", "opt/rabbitmq*/sbin")
AMQP_GREETING = b"AMQP\x00\x00\x09\x01"


class ServerError(RuntimeError):
    """A server could not be started or asked."""


def free_port() -> int:
    """A port that nobody listens on, below the range the kernel takes outgoing ports from.

    In that range a client that keeps dialling a stopped server may be given the server's port as its own and
    end up connected to itself, which keeps the server from coming back.
    """
    for _ in range(1000):
        port = random.randrange(20_000, 32_000)  # noqa: S311 - only spreads the choices of parallel runs
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise ServerError("no free port between 20000 and 32000 on 127.0.0.1")


# --- RabbitMQ -----------------------------------------------------------------------------------------


class BrokerTls(NamedTuple):
    """The broker's own key and certificate chain, and the authority of those who may connect (PEM)."""

    ca: Path
    certificate: Path
    key: Path


@dataclass
class Broker:
    """A running RabbitMQ node of its own. ``user`` is its administrator."""

    folder: Path
    port: int
    sbin: Path
    tls: BrokerTls | None = None
    tls_port: int = 0
    user: str = "edx"
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    host: str = HOST
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    _server: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"amqp://{self.user}:{self.password}@{self.host}:{self.port}/"

    @property
    def pid(self) -> int:
        """The process id of the Erlang machine."""
        if self._server is None:
            raise ServerError("RabbitMQ is not running")
        return self._server.pid

    def ctl(self, *arguments: str) -> str:
        """``rabbitmqctl ARGUMENTS``; what it printed."""
        done = subprocess.run(
            [self.sbin / "rabbitmqctl", "--quiet", *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CTL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"rabbitmqctl {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start (again, with the same data), and wait until it speaks AMQP."""
        if self._server is not None:
            raise ServerError("RabbitMQ is running already")
        output = self.folder / "output.log"
        with output.open("ab") as log:
            self._server = _spawn([self.sbin / "rabbitmq-server"], env=self.env, log=log)
        _wait(self._server, self._answers, f"RabbitMQ on port {self.port}", output, self.folder / "log")

    def stop(self) -> None:
        """Stop in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once, as a power failure would; what was confirmed is still there after :meth:`start`.

        The names of quorum queues are written only every half second: a queue declared just before a kill
        would come back empty. That window is closed first, so that a test sees what an old queue would do.
        """
        self.ctl("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")
        self._end(signal.SIGKILL)

    def end(self) -> None:
        """End for good, without care for the data."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Freeze: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._server is not None:
            _end(self._server, how)
            self._server = None

    def _answers(self) -> bool:
        with socket.create_connection((self.host, self.port), timeout=5) as connection:
            connection.sendall(AMQP_GREETING)
            return connection.recv(1) == b"\x01"  # a method frame: Connection.Start


@contextmanager
def rabbitmq(folder: Path, tls: BrokerTls | None = None) -> Iterator[Broker]:
    """A private RabbitMQ (3.10 or later) with an epmd of its own; ``folder`` is made if need be."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    sbin = _rabbitmq_sbin()
    broker = Broker(folder, free_port(), sbin, tls, free_port() if tls else 0)
    epmd_port = free_port()
    broker.env = _rabbitmq_environment(broker, epmd_port)
    epmd = _epmd(folder, epmd_port)
    try:
        broker.start()
        yield broker
    finally:
        broker.end()
        _end(epmd, signal.SIGKILL)


def _rabbitmq_sbin() -> Path:
    """The folder with the server's own start scripts.

    Debian's /usr/sbin/rabbitmq-server is a wrapper that changes to the system's rabbitmq user and data.
    """
    places = [place for pattern in RABBITMQ_PLACES for place in sorted(Path("/").glob(pattern), reverse=True)]
    found = shutil.which("rabbitmq-server")
    if found and Path(found).resolve().name == "rabbitmq-server":
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "rabbitmq-server").exists() and (place / "rabbitmqctl").exists():
            return place
    raise Refusal("EDX904", where="RabbitMQ", detail="apt-get install rabbitmq-server")


def _rabbitmq_environment(broker: Broker, epmd_port: int) -> dict[str, str]:
    folder = broker.folder
    (folder / "log").mkdir(exist_ok=True)
    (folder / "enabled_plugins").write_text("[rabbitmq_auth_mechanism_ssl].\n" if broker.tls else "[].\n")
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
    (folder / "rabbitmq.conf").write_text(
        f"default_user = {broker.user}\n"
        f"default_pass = {broker.password}\n"
        "log.console = false\n"
        "log.file.level = info\n"
        "disk_free_limit.absolute = 50MB\n"
        "vm_memory_high_watermark.absolute = 2GB\n"
        "max_message_size = 16777216\n"
        + (_tls_listener(broker.tls, broker.tls_port) if broker.tls else "")
    )
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RABBITMQ_", "ERL_", "XDG_", "NOTIFY_SOCKET"))
    }
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    return inherited | {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"edx-{broker.port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(broker.port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_CTL_DIST_PORT_MIN": "20000",
        "RABBITMQ_CTL_DIST_PORT_MAX": "32000",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
        "RABBITMQ_CTL_ERL_ARGS": loopback,
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, instead of watching over it
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": HOST,
    }


def _tls_listener(tls: BrokerTls, port: int) -> str:
    """As docs/operations.md tells an operator to write it, but for the address."""
    return (
        f"listeners.ssl.1 = {HOST}:{port}\n"
        f"ssl_options.cacertfile = {tls.ca}\n"
        f"ssl_options.certfile = {tls.certificate}\n"
        f"ssl_options.keyfile = {tls.key}\n"
        "ssl_options.versions.1 = tlsv1.3\n"
        "ssl_options.versions.2 = tlsv1.2\n"
        "ssl_options.verify = verify_peer\n"
        "ssl_options.fail_if_no_peer_cert = true\n"
        "ssl_options.depth = 2\n"
        "auth_mechanisms.1 = PLAIN\n"
        "auth_mechanisms.2 = EXTERNAL\n"
        "ssl_cert_login_from = common_name\n"
    )


def _epmd(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Erlang's port mapper. Left to Erlang it would become a daemon that nobody ends."""
    program = shutil.which("epmd")
    if program is None:
        raise Refusal("EDX904", where="Erlang's epmd", detail="apt-get install erlang-base")
    output = folder / "epmd.log"
    with output.open("ab") as log:
        epmd = _spawn([program, "-port", str(port), "-address", HOST], log=log)
    _wait(epmd, lambda: _listens(port), f"epmd on port {port}", output)
    return epmd


# --- PostgreSQL ---------------------------------------------------------------------------------------


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A private PostgreSQL with an empty database; its URL for SQLAlchemy.

    PostgreSQL refuses to run as root: then it runs as an unprivileged user who is given ``folder``, and every
    folder above it must let that user pass.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    programs = _postgresql_programs()
    user = _unprivileged(folder) if os.geteuid() == 0 else ()
    password, port, data = secrets.token_hex(12), free_port(), folder / "data"
    secret = folder / "password"
    secret.write_text(password)
    if user:
        shutil.chown(secret, int(user[1]))
    made = subprocess.run(
        ["setpriv", *user, "--", programs / "initdb", "--pgdata", data, "--username=edx", "--pwfile", secret,
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    if made.returncode:
        raise ServerError(f"initdb: {made.stderr.strip() or made.stdout.strip()}")
    output = folder / "output.log"
    with output.open("ab") as log:
        server = _spawn(
            [programs / "postgres", "-D", data, "-h", HOST, "-p", str(port), "-k", "",
             "-F", "-c", "max_connections=200"],
            log=log, user=user, cwd=folder,
        )  # fmt: skip
    try:
        _wait(server, lambda: _is_ready(programs, port), f"PostgreSQL on port {port}", output)
        yield f"postgresql+psycopg://edx:{password}@{HOST}:{port}/postgres"
    finally:
        _end(server, signal.SIGINT)  # PostgreSQL's fast shutdown: clients are cut off


def _postgresql_programs() -> Path:
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name), reverse=True
    )
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(asked.stdout.strip()))
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise Refusal("EDX904", where="PostgreSQL", detail="apt-get install postgresql")


def _unprivileged(folder: Path) -> tuple[str, ...]:
    """Make ``folder`` the property of ``postgres`` or ``nobody``; options of setpriv to become that user."""
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names.get("nobody")
    if user is None:
        raise ServerError("PostgreSQL does not run as root, and there is no user postgres or nobody")
    for above in folder.parents:
        if not above.stat().st_mode & 0o001:
            raise ServerError(f"PostgreSQL runs as {user.pw_name}, who may not enter {above}: use another")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ("--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups")


def _is_ready(programs: Path, port: int) -> bool:
    asked = subprocess.run(
        [programs / "pg_isready", "-q", "-h", HOST, "-p", str(port)], stdin=subprocess.DEVNULL, check=False
    )
    return asked.returncode == 0


# --- Processes ----------------------------------------------------------------------------------------


def _spawn(
    command: list[str | Path],
    *,
    log: BinaryIO,
    env: Mapping[str, str] | None = None,
    user: tuple[str, ...] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own (Ctrl-C is for us); the kernel kills it when we die."""
    if shutil.which("setpriv") is None:
        raise Refusal("EDX904", where="setpriv", detail="apt-get install util-linux")
    return subprocess.Popen(
        ["setpriv", *user, "--pdeathsig", "KILL", "--", *command],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.create_connection((HOST, port), timeout=5):
        return True


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], what: str, *logs: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerError(f"{what} ended with status {process.returncode}\n{_tail(logs)}")
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise ServerError(f"{what} does not answer after {START_SECONDS:.0f} s\n{_tail(logs)}")


def _tail(logs: tuple[Path, ...]) -> str:
    files = [file for log in logs for file in (sorted(log.glob("*")) if log.is_dir() else [log])]
    return "\n".join(
        line
        for file in files
        if file.is_file()
        for line in file.read_text(errors="replace").splitlines()[-20:]
    )
