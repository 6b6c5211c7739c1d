"""The same work without the router: the loop that one would write by hand, in one file, to be measured against.

    bench_bare.py --url amqp://… --take edx.up.CHILD --give EXCHANGE KEY --schema XSD --certificate PEM --database FILE

Per message: split off the manifest, parse with lxml, validate with the compiled XSD, verify with signxml against
one pinned certificate. Per batch of at most 100: one row in SQLite, durable; then publish all, persistent and
mandatory, without waiting. What was taken is acknowledged once the broker has confirmed what was published.

It is meant to be good: one thread and pika's callbacks (no lock, no hand-over), the next batch is worked on while
the confirms of the last one are under way, and the number of unacknowledged messages is the window.
It has none of the router's promises: no duplicates found, no agencies resolved, no receipts, no retry, and the
first bad message ends it. Runs until it is terminated.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sqlite3
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

import pika
from cryptography import x509
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

BATCH = 100
LINGER = 0.005  # seconds to let a batch fill
WINDOW = 300  # unacknowledged messages; so many are unconfirmed at most
NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


class Gate:
    """Parse, validate, verify."""

    def __init__(self, schema: Path, certificate: Path) -> None:
        self._schema = etree.XMLSchema(etree.parse(schema))
        self._certificate = x509.load_pem_x509_certificate(certificate.read_bytes())
        options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "collect_ids": False}
        self._parser = etree.XMLParser(**options)
        self._expected = SignatureConfiguration(location=f"./{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader/")

    def check(self, envelope: bytes) -> None:
        self._schema.assertValid(etree.fromstring(envelope, self._parser))
        XMLVerifier().verify(
            envelope, x509_cert=self._certificate, parser=self._parser, expect_config=self._expected
        )


class Loop:
    """Consume, check, record, publish, acknowledge."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._gate = Gate(options.schema, options.certificate)
        self._take: str = options.take
        self._exchange, self._key = options.give
        self._database = sqlite3.connect(options.database, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE batches (number INTEGER PRIMARY KEY, digests BLOB NOT NULL)")
        self._pending: list[tuple[int, Any, bytes]] = []
        self._timer: Any = None
        self._published = 0
        self._unconfirmed: dict[int, None] = {}
        self._open: deque[tuple[int, int]] = deque()  # last tag published, last tag taken, of each batch
        self._channel: Any = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(options.url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._failed,
            on_close_callback=self._failed,
        )

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._end)
        self._connection.ioloop.start()

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._failed)
        channel.add_on_return_callback(lambda *_: self._failed("a message came back: no such queue"))
        channel.confirm_delivery(self._on_confirm)
        channel.basic_qos(prefetch_count=WINDOW)
        channel.basic_consume(self._take, self._on_message)

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._pending.append((method.delivery_tag, properties, body))
        if len(self._pending) >= BATCH:
            self._work()
        elif self._timer is None:
            self._timer = self._connection.ioloop.call_later(LINGER, self._work)

    def _work(self) -> None:
        if self._timer is not None:
            self._connection.ioloop.remove_timeout(self._timer)
            self._timer = None
        batch, self._pending = self._pending, []
        if not batch:
            return
        digests = []
        for _, _, body in batch:
            envelope = body[body.index(b"\n") + 1 :]
            self._gate.check(envelope)
            digests.append(hashlib.sha256(envelope).digest())
        self._database.execute("INSERT INTO batches (digests) VALUES (?)", (b"".join(digests),))
        for _, properties, body in batch:
            sent = pika.BasicProperties(
                type=properties.type,
                message_id=properties.message_id,
                headers=properties.headers,
                delivery_mode=2,
            )
            self._channel.basic_publish(self._exchange, self._key, body, sent, mandatory=True)
            self._published += 1
            self._unconfirmed[self._published] = None
        self._open.append((self._published, batch[-1][0]))

    def _on_confirm(self, frame: Any) -> None:
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self._failed("the broker did not take a message")
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            for earlier in [earlier for earlier in self._unconfirmed if earlier <= tag]:
                del self._unconfirmed[earlier]
        else:
            self._unconfirmed.pop(tag, None)
        oldest = next(iter(self._unconfirmed), self._published + 1)
        taken = 0
        while self._open and self._open[0][0] < oldest:
            taken = self._open.popleft()[1]
        if taken:
            self._channel.basic_ack(taken, multiple=True)

    def _failed(self, *reason: object) -> None:
        raise SystemExit(f"bench_bare: {reason[-1]}")

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--take", required=True, help="queue")
    parser.add_argument("--give", required=True, nargs=2, help="exchange and routing key")
    parser.add_argument("--schema", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--database", type=Path, required=True)
    Loop(parser.parse_args()).run()


if __name__ == "__main__":
    main()
