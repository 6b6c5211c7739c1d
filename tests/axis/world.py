"""A node whose two offices connect in the axis's ways, with its gateway in a thread of the tests.

    with AxisWorld(folder) as world:
        world.sdk("vp").send(world.letter())

``vp`` serves H53 and knows agencies by their old codes, ``so`` serves H01.151 and does not.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from tests.axis.sdk import SdkClient
from tests.gateway.world import World

SYSTEMS = {"vp": "000.00.00.H53", "so": "H01.151"}
SECRETS = {"vp": "bí mật của văn phòng tỉnh", "so": "bí mật của xã, dài hơn một chút"}


class AxisWorld(World):
    """See the module. ``plain``: without TLS."""

    def __init__(self, folder: Path, gateway: str = "", *, rest: str = "", plain: bool = False) -> None:
        self.plain = plain
        for name, secret in SECRETS.items():
            path = folder / f"{name}.secret"
            path.write_text(secret, encoding="utf-8")
            path.chmod(0o600)
        super().__init__(folder, gateway, rest=rest)

    def _toml(self, gateway: str, rest: str) -> str:
        text = super()._toml(gateway, rest)
        for name, system in SYSTEMS.items():
            own = f'name = "{name}"\n'
            exception = 'unsigned = { until = 2099-12-31, reason = "phần mềm chưa ký số" }\n' if name == "so" else ""
            text = text.replace(own, f'{own}system_id = "{system}"\nsecret_file = "{name}.secret"\n{exception}', 1)
        if self.plain:
            for setting in ("certificate", "key", "client_anchors"):
                lines = [line for line in text.splitlines() if not line.startswith(f'{setting} = "pki/')]
                text = "\n".join(line for line in lines if not line.startswith("certificate_name"))
            text = text.replace("processes = 1", "processes = 1\nplain = true")
        return text.replace("[trust]", "[gateway.national]\n[gateway.provincial]\n[gateway.wso2]\n[trust]", 1)

    def sdk(self, office: str, **changed: Any) -> SdkClient:
        """A client object of an office."""
        tls: ssl.SSLContext | None = None if self.plain else self.tls()
        fields = {"system": SYSTEMS[office], "secret": SECRETS[office], "tls": tls, **changed}
        return SdkClient("127.0.0.1", self.port, "/vxp", **fields)
