"""Who is on the test axis: two nodes, two offices that makers may be, and one that answers by itself.

``van-thu`` is an office of Tây Ninh, ``bo-noi-vu`` and ``tu-dong`` are offices of the node above. So what goes between
the two offices of the maker, and to the one that answers, takes a hop between nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edxml_router.demo.servers import HOST, free_port
from edxml_router.demo.tree import NodePlan

PARENT: Final = "quoc-gia"
CHILD: Final = "tay-ninh"
ANSWERING: Final = "tu-dong"
ANSWERING_AGENCY: Final = "G22"
REQUESTS: Final = 600  # a minute: a loop without a pause is told so
WINDOW: Final = "1h"  # for the time stamps of the SDK's calls


@dataclass(frozen=True, slots=True)
class TrialOffice:
    """An office that a maker's system may be. ``port`` is of the door that it connects to."""

    name: str
    node: str
    agency: str
    system_id: str
    secret: str
    port: int

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def certificate(self) -> str:
        """The name of the certificate by which it may log in."""
        return f"client-{self.name}"


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Where things listen on loopback: the gateways by their nodes, and what passes the calls of webhooks on."""

    gateways: dict[str, int]
    hooks: int


def trial_offices(secrets: dict[str, str]) -> dict[str, TrialOffice]:
    """The maker's offices, by name."""
    rows = (("van-thu", CHILD, "H53", "000.00.00.H53"), ("bo-noi-vu", PARENT, "G09", "000.00.00.G09"))
    return {
        name: TrialOffice(name, node, agency, system, secrets[name], free_port()) for name, node, agency, system in rows
    }


def node_plans(offices: dict[str, TrialOffice], ports: GatewayPorts, hooked: bool) -> tuple[NodePlan, ...]:
    """The nodes. ``hooked``: the office van-thu is called when something has come."""
    van_thu, bo_noi_vu = offices["van-thu"], offices["bo-noi-vu"]
    hook = f'webhook = "http://{HOST}:{ports.hooks}/"\n' if hooked else ""
    unsigned = 'until = 2099-12-31\nreason = "test axis: software that does not sign yet"\n'
    second = (
        f'[[offices]]\nname = "{bo_noi_vu.name}"\nagencies = ["{bo_noi_vu.agency}"]\n'
        f"{_access(bo_noi_vu)}[offices.unsigned]\n{unsigned}"
    )
    above = f'[parent.unsigned]\n{unsigned}senders = ["{bo_noi_vu.agency}"]\n'
    return (
        NodePlan(
            PARENT,
            "Trục thử nghiệm",
            (ANSWERING_AGENCY,),
            office_name=ANSWERING,
            further=second + _further(ports.gateways[PARENT], ANSWERING_AGENCY, bo_noi_vu.agency),
        ),
        NodePlan(
            CHILD,
            "Tỉnh thử nghiệm",
            (van_thu.agency,),
            PARENT,
            (van_thu.agency,),
            office_name=van_thu.name,
            office_settings=_access(van_thu) + hook,
            further=above + _further(ports.gateways[CHILD], van_thu.agency),
        ),
    )


def _access(office: TrialOffice) -> str:
    return (
        f'certificate_name = "{office.certificate}"\n'
        f'system_id = "{office.system_id}"\n'
        f'secret_file = "../pki/{office.name}.secret"\n'
    )


def _further(port: int, *agencies: str) -> str:
    """The gateway stands behind the door, which ends TLS and names the client's certificate, as a proxy would."""
    seals = "".join(
        f'[[seals]]\nagency = "{code}"\nkey = "../pki/{code}.key.pem"\ncertificate = "../pki/{code}.cert.pem"\n'
        for code in agencies
    )
    return f"""{seals}
[gateway]
listen = ["{HOST}:{port}"]
plain = true
proxies = ["{HOST}"]
client_anchors = "../pki/clients.pem"
processes = 1
requests = {REQUESTS}
[gateway.national]
window = "{WINDOW}"
[gateway.provincial]
[gateway.wso2]
[webhooks]
keys = ["../pki/webhook.key"]
networks = ["127.0.0.0/8", "::1/128"]
"""
