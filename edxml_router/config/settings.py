"""The settings of a node as immutable values; each field documents itself, once.

The texts in ``About`` make docs/settings.md and the commented file that ``edxml-router init`` writes. Values
are checked by pydantic while a file is loaded (:func:`edxml_router.config.load`); what concerns several
settings at once is in :mod:`edxml_router.config.checks`. Secrets are never here, only the files holding them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from edxml_router.config.faces.axis import AxisSettings
from edxml_router.config.faces.gateway import GatewaySettings
from edxml_router.config.faces.seals import SealSettings
from edxml_router.config.hubs import Hub, understood
from edxml_router.config.peers import ChildSettings, HubSettings, OfficeSettings, ParentSettings, WebhookSettings
from edxml_router.config.sections.alerts import AlertSettings, MailSettings
from edxml_router.config.sections.console import ConsoleSettings
from edxml_router.config.sections.keeping import JournalSettings, StoreSettings
from edxml_router.config.sections.metrics import MetricsSettings
from edxml_router.config.sections.retention import RetentionSettings
from edxml_router.config.sections.trust import SignatureSettings, TrustSettings
from edxml_router.config.values import (
    INLINE,
    MIB,
    About,
    Count,
    Duration,
    File,
    Key,
    Name,
    SettingsTable,
    Size,
    Workers,
    read_duration,
)
from edxml_router.core.delivery.terms import DeliveryTerms, IntakeLimits, Policy
from edxml_router.core.message.classification import DEGREES
from edxml_router.core.problems import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings(SettingsTable):
    """This node."""

    name: Annotated[Name, About("Name of this node among its neighbours: a-z, 0-9, hyphen, underscore.", '"h53"')]
    formerly: Annotated[
        tuple[Name, ...], About("Names that this node had before: its database goes on under the new one.", '["xa-cu"]')
    ] = ()
    title: Annotated[str, About("The name for people; `config show` shows it.")] = ""
    data: Annotated[
        File,
        Field(validate_default=True),
        About("Folder of this node's own data (journal, large bodies, quarantined input)."),
    ] = Path("data")
    workers: Annotated[
        Workers,
        About(
            'Worker processes; 0 means one per processor core. "inline": the whole node is one process, for one that '
            "mostly waits: half of the memory, and one core."
        ),
    ] = 0
    key: Annotated[
        Key | None,
        About(
            "Private key that signs this node's receipts: a file (PEM, mode 0600), or one in a token (PKCS#11) by its "
            'address: "pkcs11:token=…;object=…?module-path=…&pin-source=…".',
            '"node.key.pem"',
        ),
    ] = None
    certificate: Annotated[File | None, About("Certificate of that key (PEM).", '"node.cert.pem"')] = None

    @property
    def inline(self) -> bool:
        """Whether the whole node is one process."""
        return self.workers == INLINE

    @property
    def worker_count(self) -> int:
        """How many workers there are on this machine."""
        return 1 if isinstance(self.workers, str) else self.workers or os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AgenciesSettings(SettingsTable):
    """Agency codes."""

    catalogue: Annotated[File | None, About("Folder; without it the one in the package.", '"agency_codes"')] = None
    extra: Annotated[tuple[File, ...], About("Further folders of its form; later ones stand.", '["local_codes"]')] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSettings(SettingsTable, IntakeLimits):
    """Upper bounds (EDX1xx, EDX2xx, EDX407, EDX413, EDX604)."""

    max_bytes: Annotated[Size, About("Largest envelope.")] = 64 * MIB
    max_depth: Annotated[Count, About("Most levels of nested elements.")] = 24
    max_elements: Annotated[Count, About("Most elements.")] = 130_000
    max_attributes: Annotated[Count, About("Most attributes and namespace declarations.")] = 40_000
    max_attributes_per_element: Annotated[Count, About("Most attributes of one element.")] = 64
    max_text: Annotated[Size, About("Longest text outside the attachments.")] = 64 * 1024
    max_attachments: Annotated[Count, About("Most attachments of one envelope.")] = 200
    max_attachment_bytes: Annotated[Size, About("Largest attachment, decoded.")] = 48 * MIB
    max_recipients: Annotated[Count, About("Most recipients of one envelope.")] = 10_000
    max_name: Annotated[Count, About("Longest file name of an attachment, in characters.")] = 255
    judging_time: Annotated[
        Duration,
        About(
            "Most processor time to judge one envelope, and a second more for each 16 MiB of it; what takes longer is "
            "quarantined (EDX113). Raise it on a slow machine."
        ),
    ] = timedelta(seconds=1)
    quarantine_bytes: Annotated[
        Size, About("Space for refused input that is kept for the operator; each peer has a share of it.")
    ] = 1024 * MIB
    noted_hourly: Annotated[
        Count,
        About("Journal entries an hour about refused and odd input of one peer; what is more is counted (EDX413)."),
    ] = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings(SettingsTable, Policy):
    """What this node accepts, regardless of who brings it."""

    classified: Annotated[
        tuple[str, ...], About("Markings of state secrets; what carries one is refused unread (EDX405).")
    ] = DEGREES
    max_age: Annotated[
        timedelta,
        BeforeValidator(read_duration),
        About('Oldest time stamp of a fresh submission (EDX408); "0s" means any.'),
    ] = timedelta()
    max_ahead: Annotated[
        timedelta,
        BeforeValidator(read_duration),
        About('How far in the future a time stamp may lie (EDX408); "0s" means any.'),
    ] = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings(SettingsTable, DeliveryTerms):
    """Times and sizes of the delivery."""

    lifetime: Annotated[Duration, About("A delivery not completed by then expires (EDX802).")] = timedelta(days=30)
    lease: Annotated[Duration, About("How long a worker holds a delivery before another may take it.")] = timedelta(
        seconds=60
    )
    retry_first: Annotated[Duration, About("Wait after the first failed attempt; doubles each time.")] = timedelta(
        seconds=5
    )
    retry_ceiling: Annotated[Duration, About("Longest wait between attempts.")] = timedelta(hours=1)
    receipt_timeout: Annotated[
        Duration, About("The next node is asked about what it has not accepted by then; the pauses grow.")
    ] = timedelta(minutes=5)
    inquiry_interval: Annotated[
        Duration, About("Longest pause between such questions, and the pause for what it accepted and has not ended.")
    ] = timedelta(hours=6)
    expiry_grace: Annotated[
        Duration, About("How far past its lifetime a delivery that was accepted further on is waited for.")
    ] = timedelta(days=14)
    batch: Annotated[Count, Field(ge=2, le=1000), About("Envelopes per transaction at most.")] = 100
    chunk_bytes: Annotated[
        Size, Field(ge=1024, le=15 * MIB), About("Larger bodies travel between nodes in pieces of this size.")
    ] = 4 * MIB
    mailbox_bytes: Annotated[
        Size,
        About(
            "Most mail that waits in one mailbox of a neighbour or office on a hub. What is more waits at this node "
            "(EDX614), so that one that is away does not fill the hub for the others."
        ),
    ] = 256 * MIB
    require_proof: Annotated[
        bool, Field(strict=True), About("Let only a proven outcome end what an office here sent (EDX326).")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings(SettingsTable):
    """The log on standard error."""

    format: Annotated[
        Literal["auto", "json", "pretty"], About('"json", "pretty", or "auto": pretty on a terminal only.')
    ] = "auto"
    level: Annotated[Literal["debug", "info", "warning", "error"], About('"debug", "info", "warning" or "error".')] = (
        "info"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections(SettingsTable):
    """The sections of the file."""

    node: Annotated[NodeSettings, About("This node.", '{ name = "h53" }')]
    store: StoreSettings = field(default_factory=StoreSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    hub: HubSettings | None = None
    parent: ParentSettings | None = None
    children: tuple[ChildSettings, ...] = ()
    offices: tuple[OfficeSettings, ...] = ()
    gateway: GatewaySettings | None = None
    console: ConsoleSettings | None = None
    seals: tuple[SealSettings, ...] = ()
    axis: AxisSettings | None = None
    trust: TrustSettings = field(default_factory=TrustSettings)
    signature: SignatureSettings = field(default_factory=SignatureSettings)
    agencies: AgenciesSettings = AgenciesSettings()
    limits: LimitsSettings = LimitsSettings()
    policy: PolicySettings = PolicySettings()
    delivery: DeliverySettings = DeliverySettings()
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    mail: MailSettings | None = None
    alerts: AlertSettings = field(default_factory=AlertSettings)
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    @property
    def origin(self) -> str:
        """The name of this node's log."""
        return self.journal.origin or f"edxml-router/{self.node.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a node was told, with its defaults filled in.

    ``path`` is the file it came from. ``given`` are the settings that the file names (``node.name``,
    ``offices.0.attach``); all others are defaults. ``remarks`` are warnings: legal, but perhaps not meant.
    """

    path: Path
    node: NodeSettings
    store: StoreSettings
    journal: JournalSettings
    retention: RetentionSettings
    hub: HubSettings | None
    parent: ParentSettings | None
    children: tuple[ChildSettings, ...]
    offices: tuple[OfficeSettings, ...]
    gateway: GatewaySettings | None
    console: ConsoleSettings | None
    seals: tuple[SealSettings, ...]
    axis: AxisSettings | None
    trust: TrustSettings
    signature: SignatureSettings
    agencies: AgenciesSettings
    limits: LimitsSettings
    policy: PolicySettings
    delivery: DeliverySettings
    webhooks: WebhookSettings
    mail: MailSettings | None
    alerts: AlertSettings
    log: LogSettings
    metrics: MetricsSettings
    given: frozenset[str] = frozenset()
    remarks: tuple[Finding, ...] = ()

    @property
    def hubs(self) -> dict[str, Hub]:
        """The hubs of this node: its own ("hub"), its parent's ("parent")."""
        written = {"hub": self.hub, "parent": self.parent.hub if self.parent else None}
        return {name: understood(hub, self.node.name) for name, hub in written.items() if hub is not None}

    @property
    def database_url(self) -> str:
        """The journal's database; a file of SQLite is looked for beside the configuration."""
        if self.store.url is None:
            return f"sqlite:///{self.node.data / 'journal.db'}"
        scheme, separator, name = self.store.url.partition(":///")
        if scheme.startswith("sqlite") and separator and name:
            return f"{scheme}:///{self.path.absolute().parent / name}"
        return self.store.url

    @property
    def origin(self) -> str:
        """The name of this node's log."""
        return self.journal.origin or f"edxml-router/{self.node.name}"

    @property
    def bindings(self) -> Path:
        """The table of keys and agencies; unless it is named, it need not be there."""
        return self.trust.bindings or self.node.data / "bindings.csv"

    @property
    def kept_lists(self) -> Path:
        """The folder of the revocation lists that were fetched."""
        return self.node.data / "crls"

    @property
    def kept_answers(self) -> Path:
        """The folder of what responders have answered, and of what they are still to be asked."""
        return self.node.data / "ocsp"

    def as_table(self) -> Iterator[tuple[str, Any, bool]]:
        """Every setting in effect: (``node.workers``, value, whether the file gives it)."""
        for section in fields(Sections):
            yield from self._rows(section.name, getattr(self, section.name))

    def _rows(self, name: str, value: Any) -> Iterator[tuple[str, Any, bool]]:
        if isinstance(value, SettingsTable):
            for field in fields(value):  # type: ignore[arg-type]  # every Table is a dataclass
                yield from self._rows(f"{name}.{field.name}", getattr(value, field.name))
        elif isinstance(value, tuple) and value and isinstance(value[0], SettingsTable):
            for number, item in enumerate(value):
                yield from self._rows(f"{name}.{number}", item)
        else:
            yield name, value, name in self.given
