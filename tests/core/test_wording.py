"""What people are told of an exception is in words: no class, no repr, no name of a module."""

from __future__ import annotations

import errno
import http.client
import inspect
import os
import re
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from pathlib import Path

import pika.exceptions
import pkcs11.exceptions
import psycopg.errors
import pytest
import sqlalchemy.exc
from cryptography import x509
from lxml import etree

from edxml_router.core.faults import machine_fault, mistake
from edxml_router.core.wording import in_words
from edxml_router.credentials.token_keys import _WORDS
from edxml_router.store.database import engine
from edxml_router.transport.rabbitmq.connection import RabbitSettings, connection_finding
from edxml_router.transport.rabbitmq.tls import Tls

CODE = re.compile(r"[A-Za-z]Error\b|Exception|<class|\w\(|(?<!\w)'|[\"{}<>]|__|\b(pika|psycopg|sqlalchemy|pkcs11)\b")


def provoked(code: str) -> BaseException:
    """The exception that a line of Python raises: as its library makes it, not as a test would."""
    names = {"etree": etree, "http": http, "os": os, "socket": socket, "sqlite3": sqlite3, "ssl": ssl, "x509": x509}
    try:
        exec(code, names)  # noqa: S102  # the lines below
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError(code)


def made() -> Iterator[BaseException]:
    """Every class that the libraries of the adapters may raise, with a text that quotes another exception."""
    for module in (pika.exceptions, pkcs11.exceptions, psycopg.errors, sqlalchemy.exc, ssl, http.client):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and not issubclass(kind, Warning | sqlalchemy.exc.StatementError):
                error = kind.__new__(kind)
                error.args = ("of ConnectionResetError(104, 'reset') at <object at 0x7f>",)
                if issubclass(kind, pika.exceptions.ConnectionClosed | pika.exceptions.ChannelClosed):
                    error.args = (541, "INTERNAL_ERROR")
                yield error


PROVOKED = [
    "open('/nowhere/at/all')",
    "open('/')",
    "os.open('/proc/version', os.O_WRONLY | os.O_DIRECTORY)",
    "raise OSError",
    "raise OSError('failed to load')",
    "raise OSError(28, None)",
    "socket.create_connection(('127.0.0.1', 1), 1)",
    "socket.getaddrinfo('not a host', 1)",
    "raise TimeoutError",
    "raise ConnectionResetError",
    "ssl.create_default_context(cafile='/dev/null')",
    "ssl.MemoryBIO().read('x')",
    "ssl.create_default_context(cadata='x')",
    "raise MemoryError",
    "import not_installed",
    "from os import not_there",
    "'x'.encode('utf-99')",
    "b'\\xff'.decode()",
    "{}['secret']",
    "[][0]",
    "None.x",
    "None + 1",
    "int('secret')",
    "1 / 0",
    "assert False",
    "x509.load_der_x509_certificate(b'0')",
    "x509.load_der_x509_certificate(b'\\x30\\x03\\x02\\x01\\x05')",
    "x509.load_der_x509_crl(b'secret')",
    "etree.fromstring('<a')",
    "sqlite3.connect('/nowhere/at/all')",
    "sqlite3.connect(':memory:').execute('secret')",
    "raise http.client.IncompleteRead(b'secret', 9)",
    "raise http.client.RemoteDisconnected('secret')",
]


@pytest.mark.parametrize("code", PROVOKED)
def test_what_a_library_raises_is_told_in_words(code: str) -> None:
    error = provoked(code)
    for said in (in_words(error), mistake(error, "judge").finding.detail):
        assert said
        assert CODE.search(said) is None, said
        assert "secret" not in said
    if fault := machine_fault(error):
        assert CODE.search(fault.finding.detail) is None, fault.finding.detail


def test_every_class_of_the_libraries_is_told_in_words() -> None:
    settings = RabbitSettings("127.0.0.1", "h53", "x")
    found = list(made())
    assert len(found) > 300
    for error in found:
        said = {in_words(error), in_words(error, _WORDS)}
        if isinstance(error, pika.exceptions.AMQPError | ssl.SSLError):
            said.add(connection_finding(error, settings).detail)
        if isinstance(error, sqlalchemy.exc.SQLAlchemyError) and not isinstance(error, sqlalchemy.exc.DBAPIError):
            said.add(engine.database_trouble(error).finding.detail)
        if isinstance(error, psycopg.Error):
            said.add(engine.database_trouble(sqlalchemy.exc.OperationalError("SELECT 1", None, error)).finding.detail)
        for each in said:
            assert each, error
            assert CODE.search(each.replace("(PgBouncer)", "")) is None, (type(error), each)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y"), "No space left on device"),
        (pkcs11.exceptions.PinLocked(), "PIN locked"),
        (psycopg.errors.UniqueViolation(), "unique violation"),
        (pika.exceptions.UnsupportedAMQPFieldException(), "unsupported AMQP field"),
    ],
)
def test_the_words_are_the_librarys(error: Exception, said: str) -> None:
    assert in_words(error).lower() == said.lower()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (pika.exceptions.StreamLostError("Stream connection lost: ConnectionResetError(104, 'x')"), "the line was cut"),
        (pika.exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED - shutdown"),
         "it says: CONNECTION_FORCED - shutdown"),
        (pika.exceptions.ProbableAuthenticationError("(403) Closed(403)"), "it hung up at the log-in"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
         "nobody listens there: another host or port, or a broker that is not running"),
    ],
)  # fmt: skip
def test_a_broker_that_is_away_is_told_in_words(error: Exception, said: str) -> None:
    assert connection_finding(error, RabbitSettings("127.0.0.1", "h53", "x")).detail == said


def test_a_damaged_file_for_tls_is_told_in_words(tmp_path: Path) -> None:
    for data in (b"", b"secret", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"):
        (tmp_path / "ca.pem").write_bytes(data)
        with pytest.raises(Exception) as caught:  # whichever it is
            Tls(tmp_path / "ca.pem").context()
        detail = caught.value.finding.detail
        assert detail
        assert CODE.search(detail) is None, detail
