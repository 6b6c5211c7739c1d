"""An e-office system on its node's broker, in one file: send a document, receive documents.

    pip install pika
    python office_amqp.py --host node.example.vn --user vanphong --password-file secret send van-ban.xml
    python office_amqp.py --host node.example.vn --user vanphong --password-file secret receive

It needs no code of the router; any AMQP 0-9-1 client in any language does the same. The user's name is the
office's name on the node. docs/protocol.md lists every message.
"""

import argparse
import hashlib
import json
import re
import shutil
import ssl
import sys
import uuid
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel as Channel

SECONDS = 60  # how long to wait for a verdict, or for the next document
MESSAGE_BYTES = 16 * 1024 * 1024  # what the broker takes in one message; what is larger goes in chunks
CHUNK_BYTES = 4 * 1024 * 1024


def connect(options: argparse.Namespace) -> pika.BlockingConnection:
    tls = None
    if options.ca:  # the authority that issued the broker's certificate
        tls = pika.SSLOptions(ssl.create_default_context(cafile=options.ca), options.host)
    password = Path(options.password_file).read_text().strip()
    return pika.BlockingConnection(
        pika.ConnectionParameters(
            host=options.host,
            port=options.port,
            virtual_host=options.vhost,
            credentials=pika.PlainCredentials(options.user, password),
            ssl_options=tls,
            heartbeat=30,
            blocked_connection_timeout=60,  # a broker short of memory or disk: fail, and try again later
        )
    )


def properties(options: argparse.Namespace, kind: str, correlation: str | None = None) -> pika.BasicProperties:
    return pika.BasicProperties(
        type=kind,
        message_id=str(uuid.uuid4()),
        correlation_id=correlation,
        user_id=options.user,  # required: the broker checks it, and the node believes nothing else
        delivery_mode=2,  # kept on disk
        headers={"edx": "edx/1"},
    )


def publish(channel: Channel, options: argparse.Namespace, request: pika.BasicProperties, body: bytes) -> None:
    # With confirms and mandatory=True this returns only once the broker has the message on disk, or raises.
    channel.basic_publish(f"edx.submit.{options.user}", "submit", body, request, mandatory=True)


def line(**fields: object) -> bytes:
    """What stands in front of a chunk, and alone behind all of them."""
    return json.dumps({"v": "edx/1", **fields}).encode() + b"\n"


def submit(channel: Channel, options: argparse.Namespace, data: bytes) -> pika.BasicProperties:
    """Hand a document in. Not sure whether it arrived? Send the same bytes again: the node recognises them."""
    if len(data) <= options.message_bytes:
        request = properties(options, "submit")
        publish(channel, options, request, data)
        return request
    digest, size = hashlib.sha256(data).hexdigest(), min(CHUNK_BYTES, options.message_bytes - 1024)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    for number, piece in enumerate(pieces):
        own = hashlib.sha256(piece).hexdigest()
        first = line(envelope=digest, number=number, count=len(pieces), size=len(data), digest=own)
        publish(channel, options, properties(options, "chunk"), first + piece)
    request = properties(options, "submit-chunks")
    publish(channel, options, request, line(envelope=digest, size=len(data), chunks=len(pieces)))
    return request


def send(channel: Channel, options: argparse.Namespace) -> int:
    request = submit(channel, options, Path(options.file).read_bytes())
    inbox = f"edx.inbox.{options.user}"
    for method, answer, body in channel.consume(inbox, inactivity_timeout=SECONDS):
        if method is None:
            sys.exit("no verdict yet; it will be in the inbox")
        if (answer.type, answer.correlation_id) == ("verdict", request.message_id):
            channel.basic_ack(method.delivery_tag)
            verdict = json.loads(body)
            print(json.dumps(verdict, ensure_ascii=False, indent=2))
            return 0 if verdict["accepted"] else 1
        # Something else: left unacknowledged, so that it is back in the inbox when this program ends.
    return 1


def keep_chunk(name: str, body: bytes) -> None:
    """A piece of the document that is called so; it may come again."""
    first, _, piece = body.partition(b"\n")
    said = json.loads(first)
    folder = Path(f"{name}.chunks")
    folder.mkdir(exist_ok=True)
    (folder / str(int(said["number"]))).write_bytes(piece)


def put_together(name: str, body: bytes) -> bytes | None:
    """The document whose chunks came before; None while some are missing: they come again, and so does this."""
    said, folder = json.loads(body), Path(f"{name}.chunks")
    try:
        data = b"".join((folder / str(number)).read_bytes() for number in range(int(said["chunks"])))
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == said["envelope"] else None


def checked(name: str) -> str:
    """The name of a letter, which becomes that of a file."""
    if not re.fullmatch(r"[0-9a-f]{64}\.[A-Za-z0-9._-]{1,64}", name):
        sys.exit(f"not the name of a letter: {name!r}")
    return name


def receive(channel: Channel, options: argparse.Namespace) -> int:
    for method, message, body in channel.consume(f"edx.inbox.{options.user}", inactivity_timeout=SECONDS):
        if method is None:
            break
        if message.type == "chunk":  # of a document that no message holds
            keep_chunk(checked(message.correlation_id), body)
        elif message.type in ("envelope", "envelope-chunks"):
            name = checked(message.message_id)  # names this letter and never another: when it comes again, overwrite
            document = put_together(name, body) if message.type == "envelope-chunks" else body
            if document is None:
                channel.basic_ack(method.delivery_tag)
                continue
            Path(f"{name}.edxml").write_bytes(document)
            shutil.rmtree(f"{name}.chunks", ignore_errors=True)
            print(f"document {name}: {len(document)} bytes, for {(message.headers or {}).get('recipient', '?')}")
            # First keep it, then confirm it, then acknowledge: whatever fails in between is only repeated. To
            # refuse a document, send "return" instead, with the reason as the body.
            publish(channel, options, properties(options, "confirm", name), b"")
        elif message.type == "withdrawn":  # expired or cancelled before you confirmed it: nobody counts on it any more
            name = checked(message.correlation_id)
            if Path(f"{name}.edxml").exists():
                Path(f"{name}.edxml").rename(f"{name}.withdrawn")
            print(f"withdrawn: {name}")
        else:  # a late verdict, an answer to a confirmation, or a notice about something sent earlier
            print(f"{message.type}: {body.decode(errors='replace')}")
        channel.basic_ack(method.delivery_tag)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Send or receive edXML documents over AMQP.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=5672)
    parser.add_argument("--vhost", default="/")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file", required=True)
    parser.add_argument("--message-bytes", type=int, default=MESSAGE_BYTES, help="what the broker takes in a message")
    parser.add_argument("--ca", help="PEM file; switches TLS on")
    actions = parser.add_subparsers(required=True)
    sending = actions.add_parser("send")
    sending.add_argument("file")
    sending.set_defaults(act=send)
    actions.add_parser("receive").set_defaults(act=receive)
    options = parser.parse_args()
    with connect(options) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=20)
        result: int = options.act(channel, options)
        return result


if __name__ == "__main__":
    sys.exit(main())
