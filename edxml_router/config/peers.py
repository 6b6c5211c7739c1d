"""The settings of those who connect, and of the hubs they connect to: parent, children, offices.

A part of :mod:`edxml_router.config.settings`, with the same conventions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from edxml_router.config.values import (
    MIB,
    About,
    Code,
    File,
    Files,
    LogKeys,
    MailAddress,
    Name,
    SettingsTable,
    Size,
    read_size,
)
from edxml_router.core.delivery.terms import Quota, UnsignedException


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings(SettingsTable):
    """A hub: the broker, or the folder, that holds mailboxes."""

    kind: Annotated[
        Literal["local", "rabbitmq"], About('"local" (a folder on this machine) or "rabbitmq".', '"rabbitmq"')
    ]
    path: Annotated[File | None, About('Folder of the mailboxes (kind = "local").', '"hub"')] = None
    host: Annotated[str | None, About('Broker\'s host name (kind = "rabbitmq").', '"mq.example.vn"')] = None
    port: Annotated[
        int | None, Field(ge=1, le=65535), About("Port; without it 5671 with TLS, 5672 without.", "5671")
    ] = None
    vhost: Annotated[str, About("Virtual host of the broker.")] = "/"
    user: Annotated[str | None, About("User; without it the node's name.", '"h53"')] = None
    password_file: Annotated[File | None, About("File with the user's password (mode 0600).", '"hub.password"')] = None
    tls_ca: Annotated[
        File | None, About("Certificates of the broker's authority (PEM); turns TLS on.", '"hub-ca.pem"')
    ] = None
    tls_crls: Annotated[
        tuple[File, ...],
        About(
            "Revocation lists of every authority in the broker's chain (PEM or DER); with them, a broker that is "
            "revoked is not trusted, nor any once a list has expired (EDX707).",
            '["root.crl.pem", "issuing.crl.pem"]',
        ),
    ] = ()
    tls_certificate: Annotated[File | None, About("This node's client certificate (PEM).", '"node.cert.pem"')] = None
    tls_key: Annotated[File | None, About("Its private key (PEM, mode 0600).", '"node.key.pem"')] = None
    login: Annotated[
        Literal["password", "certificate"],
        About('"password", or "certificate": the client certificate\'s common name is the user.'),
    ] = "password"
    server_name: Annotated[
        str | None, About("Name in the broker's certificate, where it is not the host.", '"mq.example.vn"')
    ] = None
    max_message_bytes: Annotated[
        Size | None,
        Field(ge=8 * MIB, le=512 * MIB),
        About(
            "Largest message that the hub carries; without it 16 MiB for a broker (its max_message_size), 127 MiB for "
            'a folder. Larger letters go to nodes in pieces; offices with attach = "amqp" do not get them (EDX414).',
            '"64 MiB"',
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedSettings(SettingsTable, UnsignedException):
    """A named, dated exception: envelopes without an XML signature are taken. Every use is journalled."""

    until: Annotated[date, Field(strict=True), About("Last day on which it holds.", "2027-06-30")]
    reason: Annotated[str, Field(min_length=1), About("Why, for the auditor.", '"e-office without XML signatures"')]
    senders: Annotated[tuple[Code, ...], About("Only these agencies; empty: all that this peer may send for.")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings(SettingsTable, Quota):
    """How much a peer may bring within a minute; the rest is put off (EDX406). 0 means no limit."""

    messages: Annotated[int, Field(strict=True, ge=0), About("Envelopes a minute.", "600")] = 0
    bytes: Annotated[int, BeforeValidator(read_size), Field(ge=0), About("Bytes a minute.", '"256 MiB"')] = 0
    recipients: Annotated[int, Field(strict=True, ge=0), About("Recipients a minute.", "20000")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentSettings(SettingsTable):
    """The node above this one."""

    name: Annotated[Name, About("The parent's node name.", '"national"')]
    formerly: Annotated[
        tuple[Name, ...],
        About("Names that it had before: what is open under them goes on under the new one.", '["quoc-gia-cu"]'),
    ] = ()
    certificate: Annotated[
        Files,
        About(
            "The parent's certificate, to check its receipts (PEM). While it is renewed, a list of the old and "
            "the new one: the receipts of each count.",
            '"national.cert.pem"',
        ),
    ] = ()
    authority: Annotated[
        File | None,
        About(
            "Certificate of an authority (PEM): what it issued in the parent's name checks receipts too, so that a "
            "renewal needs no change here.",
            '"nodes-ca.cert.pem"',
        ),
    ] = None
    certificate_name: Annotated[
        str | None,
        About("Common name in such a certificate, where it is not the parent's node name.", '"national.example.vn"'),
    ] = None
    unsigned_receipts: Annotated[
        bool,
        Field(strict=True),
        About(
            "Let the parent's receipts count although nothing says whose they are (neither certificate nor authority): "
            "whoever writes into the link's mailbox then ends deliveries. For a trial only."
        ),
    ] = False
    log_keys: Annotated[
        LogKeys,
        About(
            "Verifier keys of the parent's journal, as `edxml-router journal key` shows them there: its checkpoints "
            "are cosigned here, and its cosignatures count. While it changes its key, the old and the new one.",
            '["edxml-router/national+677033e4+AT86cQRutEcyzXZJHxwIUpWDRuscVff3s8UEbX5Wdp9B"]',
        ),
    ] = ()
    hub: Annotated[HubSettings, About("The parent's hub, which this node dials.", '{ kind = "local", path = "hub" }')]
    unsigned: Annotated[UnsignedSettings | None, About("Exception for unsigned envelopes.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSettings(SettingsTable):
    """A node below this one; its broker user on this node's hub has the same name."""

    name: Annotated[Name, About("The child's node name.", '"h53-31"')]
    formerly: Annotated[
        tuple[Name, ...],
        About("Names that it had before: what is open under them goes on under the new one.", '["h53-30"]'),
    ] = ()
    prefixes: Annotated[tuple[Code, ...], About("Agencies at or below these codes live there.", '["H53.31"]')] = ()
    codes: Annotated[tuple[Code, ...], About("Single agencies that live there.", '["000.22.31.H53"]')] = ()
    certificate: Annotated[
        Files,
        About(
            "The child's certificate, to check its receipts (PEM). While it is renewed, a list of the old and "
            "the new one: the receipts of each count.",
            '"h53-31.cert.pem"',
        ),
    ] = ()
    authority: Annotated[
        File | None,
        About(
            "Certificate of an authority (PEM): what it issued in the child's name checks receipts too, so that a "
            "renewal needs no change here.",
            '"nodes-ca.cert.pem"',
        ),
    ] = None
    certificate_name: Annotated[
        str | None,
        About("Common name in such a certificate, where it is not the child's node name.", '"h53-31.example.vn"'),
    ] = None
    unsigned_receipts: Annotated[
        bool,
        Field(strict=True),
        About(
            "Let the child's receipts count although nothing says whose they are (neither certificate nor authority): "
            "whoever writes into the link's mailbox then ends deliveries. For a trial only."
        ),
    ] = False
    log_keys: Annotated[
        LogKeys,
        About(
            "Verifier keys of the child's journal, as `edxml-router journal key` shows them there: its checkpoints "
            "are cosigned here, and its cosignatures count. While it changes its key, the old and the new one.",
            '["edxml-router/h53-31+56f2ce45+AZdvgYd5KBI9SPRTUNUoCOeY06cLHSu6IqI0TYiEOPGA"]',
        ),
    ] = ()
    quota: Annotated[QuotaSettings, About("What it may bring within a minute.")] = QuotaSettings()
    unsigned: Annotated[UnsignedSettings | None, About("Exception for unsigned envelopes.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeSettings(SettingsTable):
    """An e-office system that connects to this node."""

    name: Annotated[Name, About("Name of the system, and of its broker user.", '"so-yte"')]
    formerly: Annotated[
        tuple[Name, ...],
        About("Names that it had before: what is open under them goes on under the new one.", '["so-yte-cu"]'),
    ] = ()
    agencies: Annotated[
        tuple[Code, ...], Field(min_length=1), About("The agencies it sends and receives for.", '["H53.31"]')
    ]
    attach: Annotated[
        Literal["pull", "amqp", "folder"],
        About(
            '"pull": it fetches with the command line or over HTTP; "amqp": it has an inbox queue on this node\'s hub; '
            '"folder": its letters are files in a folder.'
        ),
    ] = "pull"
    chunks: Annotated[
        bool,
        Field(strict=True),
        About(
            "Its software puts letters together that come in chunks (docs/protocol.md); without it, what is larger "
            'than a message of the hub is refused for it (attach = "amqp", EDX414).'
        ),
    ] = False
    folder: Annotated[
        File | None,
        About('Its folder (attach = "folder"), with outbox, inbox and the like in it.', '"/srv/edxml/xa-an-thanh"'),
    ] = None
    certificate: Annotated[
        Files,
        About(
            "Certificates by which it logs in at the gateway (PEM); a renewed one with the same key counts too.",
            '"so-yte.cert.pem"',
        ),
    ] = ()
    certificate_name: Annotated[
        str | None,
        Field(min_length=1),
        About(
            "Common name in certificates by which it logs in: what an authority of gateway.client_anchors issued in "
            "this name.",
            '"so-yte.example.vn"',
        ),
    ] = None
    webhook: Annotated[
        str | None,
        About(
            "Address that is called when something has come for it, so that it need not ask again and again.",
            '"https://eoffice.example.vn/edxml"',
        ),
    ] = None
    email: Annotated[
        MailAddress | None,
        About(
            "Official mailbox of its agency: a message there says that letters lie in its inbox, and nothing of what "
            "is in them (needs [mail]).",
            '"vanthu@xaanthanh.tayninh.gov.vn"',
        ),
    ] = None
    system_id: Annotated[
        str | None,
        Field(min_length=1, max_length=100, pattern=r"^[!-~]+$"),
        About(
            "Its id in the ways of the national axis ([gateway.national] and others), mostly the code of its agency. "
            "Lists have codes in the form that this one has.",
            '"000.00.00.H57"',
        ),
    ] = None
    secret_file: Annotated[
        File | None, About("File with the secret that it shares with this node (mode 0600).", '"so-yte.secret"')
    ] = None
    quota: Annotated[QuotaSettings, About("What it may bring within a minute.")] = QuotaSettings()
    unsigned: Annotated[UnsignedSettings | None, About("Exception for unsigned envelopes.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(SettingsTable):
    """How the systems of offices are called (`offices.webhook`)."""

    keys: Annotated[
        Files,
        About(
            "Ed25519 keys that sign the calls (PEM, mode 0600; `edxml-router webhook key FILE` makes one). With two, "
            "each call has both signatures, so that receivers can change from one to the other.",
            '["webhook.key"]',
        ),
    ] = ()
    networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        About("Networks that may be called although they are not public, and without TLS.", '["10.20.0.0/16"]'),
    ] = ()
    ca: Annotated[
        File | None, About("Authorities of receivers' certificates besides the machine's (PEM).", '"receivers-ca.pem"')
    ] = None
