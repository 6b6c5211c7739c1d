"""An e-office system on its node's broker, in one file: send a document, receive documents.

    pip install pika
    python office_amqp.py --host node.example.vn --user vanphong --password-file secret send van-ban.xml
    python office_amqp.py --host node.example.vn --user vanphong --password-file secret receive

It needs no code of the router; any AMQP 0-9-1 client in any language does the same. The user's name is the
office's name on the node. docs/protocol.md lists every message.
"""

import argparse
import json
import re
import ssl
import sys
import uuid
from pathlib import Path

import pika

SECONDS = 60  # how long to wait for a verdict, or for the next document


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


def send(channel: pika.adapters.blocking_connection.BlockingChannel, options: argparse.Namespace) -> int:
    request = properties(options, "submit")
    # With confirms and mandatory=True this returns only once the broker has the document on disk, or raises.
    # Not sure whether it arrived? Send the same bytes again: the node recognises them.
    exchange = f"edx.submit.{options.user}"
    channel.basic_publish(exchange, "submit", Path(options.file).read_bytes(), request, mandatory=True)
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


def receive(channel: pika.adapters.blocking_connection.BlockingChannel, options: argparse.Namespace) -> int:
    for method, message, body in channel.consume(f"edx.inbox.{options.user}", inactivity_timeout=SECONDS):
        if method is None:
            break
        if message.type == "envelope":
            name = message.message_id  # names this letter and never another: when it comes again, overwrite
            if not re.fullmatch(r"[0-9a-f]{64}\.[A-Za-z0-9._-]{1,64}", name):
                sys.exit(f"not the name of a letter: {name!r}")
            Path(f"{name}.edxml").write_bytes(body)
            print(f"document {name}: {len(body)} bytes, for {(message.headers or {}).get('recipient', '?')}")
            # First keep it, then confirm it, then acknowledge: whatever fails in between is only repeated. To
            # refuse a document, send "return" instead, with the reason as the body.
            exchange, answer = f"edx.submit.{options.user}", properties(options, "confirm", name)
            channel.basic_publish(exchange, "submit", b"", answer, mandatory=True)
        elif message.type == "withdrawn":  # expired or cancelled before you confirmed it: nobody counts on it any more
            name = message.correlation_id
            kept = Path(f"{name}.edxml")
            if re.fullmatch(r"[0-9a-f]{64}\.[A-Za-z0-9._-]{1,64}", name) and kept.exists():
                kept.rename(f"{name}.withdrawn")
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
