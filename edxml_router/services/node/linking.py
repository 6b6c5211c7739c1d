"""What a child node or an office needs to connect to a node's hub, as files.

    plan = plan_link(settings, "h53-31", agencies=["H53.31"])
    files, missing = write(plan, folder, pki)

Two folders are written: ``here/`` for this node and its broker, ``there/`` to be handed over. Nothing else is changed,
so that a person can look at it before it takes effect. Fails with EDX901 (no hub, a name that is taken), EDX902 and
EDX908 for files, and what issuing a certificate fails with.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from edxml_router.config import HubSettings, Settings
from edxml_router.config.values import Name
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.note import NoteSigner, VerifierKey
from edxml_router.credentials.ed25519_keys import make_ed25519_key
from edxml_router.credentials.identities import log_signer
from edxml_router.credentials.keys import write_new
from edxml_router.services import trial_authority
from edxml_router.services.naming import agency_code
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq.definitions import definitions
from edxml_router.transport.topology import HubRole

PASSWORD_BYTES = 32
PRIVATE = 0o600
_UNPROVEN = (
    "# Its receipts do not count (EDX411) until its certificate stands here, or an authority for it:",
    '# certificate = "{name}.cert.pem"',
)
_UNWITNESSED = (
    "# Nobody holds it to its journal until the verifier key stands here that `edxml-router journal key` shows there:",
    '# log_keys = ["…"]',
)


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """A link to be made. ``known``: this child or office is configured already."""

    settings: Settings
    hub: HubSettings
    name: str
    role: HubRole
    agencies: Sequence[str]
    codes: Sequence[str]
    host: str
    port: int | None
    by_certificate: bool
    known: bool
    serves: Sequence[str] = ()  # what a child's certificate names

    @property
    def somebody(self) -> bool:
        """Whether it is known who lives there."""
        return self.known or bool(self.agencies or self.codes)


class LinkResult(NamedTuple):
    """What was written, and what the link still lacks: "child_unproven" (the child's certificate is not named here),
    "own_unproven" (this node has none), "no_tls_key" (the other side needs one for TLS)."""

    files: Sequence[Path]
    missing: Sequence[str]


def plan_link(
    settings: Settings,
    name: str,
    *,
    office: bool = False,
    agencies: Sequence[str] = (),
    codes: Sequence[str] = (),
    host: str = "",
    port: int | None = None,
    by_certificate: bool = False,
    serves: Sequence[str] = (),
) -> LinkPlan:
    """A link for the child ``name``, or for an office that attaches over AMQP. ``agencies`` are a child's prefixes or
    an office's own, ``codes`` single ones of a child; ``host`` and ``port``: how the broker is reached from there, by
    default as from here.

    ``serves``: the agencies that a child's certificate is to name. By default its prefixes and codes, each alone: a
    child that could vouch for all below its prefixes could forge the outcomes of nodes below it.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise Refusal("EDX901", where="NAME", detail=Detail("a name has a-z, 0-9, hyphen and underscore")) from error
    hub = settings.hub
    if hub is None:
        raise Refusal("EDX901", where=str(settings.path), detail=Detail("a link needs a section [hub]"))
    if by_certificate and hub.tls_ca is None:
        raise Refusal("EDX901", where="hub.tls_ca", detail=Detail("a log-in by certificate needs TLS"))
    role = HubRole.OFFICE if office else HubRole.CHILD
    of_child = [] if office else serves or [*agencies, *codes]
    return LinkPlan(
        settings,
        hub,
        name,
        role,
        [agency_code(code).text for code in agencies],
        [agency_code(code).text for code in codes],
        host or hub.host or "",
        port or hub.port,
        by_certificate,
        _known(settings, name, role),
        trial_authority.served_names(of_child),
    )


def write(plan: LinkPlan, base: Path, pki: Path | None) -> LinkResult:
    """Write ``here/`` and ``there/`` below ``base``; ``pki``: the folder of a trial authority, which issues a
    certificate for the other side."""
    for each in (base, base / "here", base / "there"):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
        if each != base and any(each.iterdir()):  # before issuing a certificate in vain
            raise Refusal("EDX908", where=str(each), detail=Detail("the folder is not empty"))
    here, there = base / "here", base / "there"
    _write(plan, here, there, pki)
    return LinkResult(sorted(path for each in (here, there) for path in each.iterdir()), list(_missing(plan, pki)))


def _missing(plan: LinkPlan, pki: Path | None) -> Iterable[str]:
    """What this link still lacks. A known child has its section already."""
    settings, certified = plan.settings, pki is not None
    if plan.role is HubRole.CHILD:
        known = next((each for each in settings.children if each.name == plan.name), None)
        named = known is not None and (known.certificate or known.authority or known.unsigned_receipts)
        if not certified and not named:
            yield "child_unproven"
        if settings.node.certificate is None:
            yield "own_unproven"
    if plan.hub.tls_ca is not None and not certified:
        yield "no_tls_key"


def _known(settings: Settings, name: str, role: HubRole) -> bool:
    """Whether this child or office is configured already. A name that is used for something else is refused."""
    children, offices = ({each.name for each in kind} for kind in (settings.children, settings.offices))
    if name in (offices if role is HubRole.OFFICE else children):
        return True
    others = {settings.node.name, *children, *offices}
    if settings.parent is not None:
        others.add(settings.parent.name)
    if name in others:
        raise Refusal("EDX901", where=str(settings.path), detail=Detail("{name} is already taken", name=name))
    return False


def _write(plan: LinkPlan, here: Path, there: Path, pki: Path | None) -> None:
    settings, hub, name = plan.settings, plan.hub, plan.name
    child_log: VerifierKey | None = None
    if pki is not None:
        issued = trial_authority.issue_node(pki, name, datetime.now(UTC), serves=plan.serves)
        write_new(there / f"{name}.key.pem", issued.key.read_bytes(), mode=PRIVATE)
        if plan.role is HubRole.CHILD:
            child_log = NoteSigner(f"edxml-router/{name}", make_ed25519_key(there / f"{name}.log.key.pem")).verifier
        for each in (here, there):
            write_new(each / f"{name}.cert.pem", issued.certificate.read_bytes())
    if not plan.known:
        write_new(here / "node.toml.part", _text(_section(plan, here if pki is not None else None, child_log)))
    if hub.kind == "rabbitmq":
        password = None if plan.by_certificate else secrets.token_urlsafe(PASSWORD_BYTES)
        made = definitions(hub.vhost, name, plan.role, password, secrets.token_bytes(4))
        write_new(here / "definitions.json", json.dumps(made, indent=1).encode() + b"\n", mode=PRIVATE)
        if password is not None:
            write_new(there / f"{name}.password", password.encode() + b"\n", mode=PRIVATE)
    if hub.tls_ca is not None:
        write_new(there / "hub-ca.pem", hub.tls_ca.read_bytes())
    if settings.node.certificate is not None:
        write_new(there / f"{settings.node.name}.cert.pem", settings.node.certificate.read_bytes())
    write_new(there / "node.toml.part", _text(_connection(plan, child_log)))


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _section(plan: LinkPlan, certified: Path | None, child_log: VerifierKey | None) -> Iterable[str]:
    """For this node's configuration; ``certified`` is where the other side's certificate lies, ``child_log`` the key of
    its journal, where it was made here."""
    yield f"[[{'offices' if plan.role is HubRole.OFFICE else 'children'}]]"
    yield _set("name", plan.name)
    if plan.role is HubRole.OFFICE:
        yield _set("agencies", plan.agencies)
        yield _set("attach", "amqp")
        return
    yield _set("prefixes", plan.agencies)
    if plan.codes:
        yield _set("codes", plan.codes)
    if certified is not None:
        certificate = (certified / f"{plan.name}.cert.pem").absolute()
        yield _set("certificate", os.path.relpath(certificate, plan.settings.path.absolute().parent))
    else:
        yield from (line.format(name=plan.name) for line in _UNPROVEN)
    if child_log is not None:
        yield _set("log_keys", [child_log.text])
    else:
        yield from _UNWITNESSED


def _connection(plan: LinkPlan, child_log: VerifierKey | None) -> Iterable[str]:
    """For the other side's configuration; an office's program reads it in its own way."""
    settings, hub = plan.settings, plan.hub
    if child_log is not None:
        yield "[journal]"
        yield _set("key", f"{plan.name}.log.key.pem")
        yield ""
    if plan.role is HubRole.CHILD:
        yield "[parent]"
        yield _set("name", settings.node.name)
        if settings.node.certificate is not None:
            yield _set("certificate", f"{settings.node.name}.cert.pem")
        if own := log_signer(settings):
            yield _set("log_keys", [own.verifier.text])
        yield ""
        yield "[parent.hub]"
    else:
        exchange, key = topology.address(topology.submission(plan.name))
        yield "[office]"
        yield _set("exchange", exchange)
        yield _set("routing_key", key)
        yield _set("inbox", topology.inbox(plan.name))
        yield ""
        yield "[office.hub]"
    yield _set("kind", hub.kind)
    if hub.kind == "local":
        yield _set("path", str(hub.path))
        return
    yield _set("host", plan.host)
    if plan.port is not None:
        yield f"port = {plan.port}"
    yield _set("vhost", hub.vhost)
    yield _set("user", plan.name)
    if plan.by_certificate:
        yield _set("login", "certificate")
    else:
        yield _set("password_file", f"{plan.name}.password")
    if hub.tls_ca is not None:
        yield _set("tls_ca", "hub-ca.pem")
        yield _set("tls_certificate", f"{plan.name}.cert.pem")
        yield _set("tls_key", f"{plan.name}.key.pem")


def _set(key: str, value: str | Sequence[str]) -> str:
    return f"{key} = {json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)}"
