"""The files for containers say what docs/operations.md says of them; what is built from them is tried by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edxml_router.config import load
from edxml_router.credentials.ed25519_keys import make_ed25519_key

FOLDER = Path(__file__).resolve().parents[2] / "config" / "container"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_the_node_may_do_as_little_as_its_unit_lets_it(compose: dict[str, Any]) -> None:
    node = compose["services"]["node"]
    assert (node["read_only"], node["cap_drop"]) == (True, ["ALL"])
    assert node["security_opt"] == ["no-new-privileges:true"]
    assert {"data:/var/lib/edxml-router", "./node:/etc/edxml-router"} == set(node["volumes"])
    assert "readyz" in node["healthcheck"]["test"][-1]


def test_secrets_are_files_and_what_is_used_is_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert not re.search(r":latest$|^[^:]+$", service["image"]), name
        told = service.get("environment", {})
        assert not [one for one in told if re.search("PASS|SECRET|TOKEN", one) and not one.endswith("_FILE")]
        for one in service["secrets"]:
            assert (one if isinstance(one, str) else one["source"]) in compose["secrets"]
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or source == "./node" or (FOLDER / source).is_file()
    assert all(set(one) == {"file"} for one in compose["secrets"].values())


def test_the_image_runs_as_an_account_and_starts_what_the_unit_starts() -> None:
    text = (FOLDER / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 990:990$", text, re.MULTILINE)
    assert text.rindex("USER 990") < text.index("ENTRYPOINT")
    assert 'CMD ["--config", "/etc/edxml-router/node.toml", "serve"]' in text
    assert "chown -R 990:990 node" in (FOLDER / "compose.yaml").read_text(encoding="utf-8")


def test_its_configuration_is_one(compose: dict[str, Any], tmp_path: Path) -> None:
    text = (FOLDER / "node.toml").read_text(encoding="utf-8")
    secrets = set(compose["services"]["node"]["secrets"])
    assert set(re.findall(r'"/run/secrets/([\w.]+)"', text)) == secrets
    for name in secrets:
        (tmp_path / name).write_text("secret", encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "node.toml").write_text(text.replace("/run/secrets/", ""), encoding="utf-8")
    make_ed25519_key(tmp_path / "log.key.pem")
    settings = load(tmp_path / "node.toml")
    assert settings.node.data == Path("/var/lib/edxml-router")
    assert settings.metrics.listen == "127.0.0.1:9464"
    services = set(compose["services"])
    assert re.search(r"@(\w+)/", settings.database_url)[1] in services  # type: ignore[index]
    assert getattr(settings.hub, "host", "") in services
