"""What ``rabbitmqctl import_definitions`` takes, so that one child or office can use a hub: user, permissions, queues.

    json.dumps(definitions("/", "h53-31", Role.CHILD, password, salt))

Importing adds to what the broker has, and may be repeated. The queues are those that the owner declares itself, with
the same arguments: whoever comes first, the other finds them as it wants them. The password stands in it as a salted
digest only. Without a password the user can log in by certificate alone.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from edxml_router.transport import topology
from edxml_router.transport.topology import HubRole


def definitions(
    vhost: str, name: str, role: HubRole, password: str | None, salt: bytes
) -> dict[str, list[dict[str, Any]]]:
    """For the child or office ``name``; ``salt`` is four bytes of chance."""
    children, offices = ([name], []) if role is HubRole.CHILD else ([], [name])
    queues = topology.queues(children, offices)
    place = {"vhost": vhost}
    bound = {"destination_type": "queue", "arguments": {}}
    exchange = {"type": "direct", "durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    return {
        "vhosts": [{"name": vhost}],
        "users": [user(name, password, salt)],
        "permissions": [place | topology.permissions(name, role, name)._asdict()],
        "exchanges": [place | exchange | {"name": each} for each in topology.exchanges(children, offices)],
        "queues": [
            place | {"name": each.name, "durable": True, "auto_delete": False, "arguments": dict(each.arguments)}
            for each in queues
        ],
        "bindings": [
            place | bound | {"source": each.exchange, "destination": each.name, "routing_key": each.key}
            for each in queues
        ],
    }


def user(name: str, password: str | None, salt: bytes) -> dict[str, Any]:
    """A user without tags. RabbitMQ's own form: base64 of the salt and the SHA-256 of salt and password."""
    digest = base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode() if password else ""
    return {"name": name, "password_hash": digest, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}
