"""The bill of materials of an installation, as CycloneDX 1.6 in JSON, checked against its schema.

    python scripts/release/sbom.py CLOSURE SECONDS FILE

Runs in the environment of scripts/packaging.lock. CLOSURE is what closure.py has written, SECONDS the moment it is of
(SOURCE_DATE_EPOCH): the same input makes the same file.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SPACE = uuid.UUID("6f0f2d0e-3a3c-5d5e-9d55-6d1f6f3e9c11")  # of serial numbers, chosen once


def component(one: dict[str, Any], kind: ComponentType) -> Component:
    url = PackageURL("pypi", name=one["name"], version=one["version"])
    made = Component(name=one["name"], version=one["version"], type=kind, purl=url, bom_ref=str(url))
    made.description = one["about"] or None
    factory = LicenseFactory()
    if one["expression"]:
        made.licenses = [factory.make_from_string(one["expression"])]
    else:
        made.licenses = [factory.make_with_name(name) for name in one["licences"]]
    return made


def bill(closure: list[dict[str, Any]], moment: datetime) -> Bom:
    project, *others = closure
    bom = Bom(serial_number=uuid.uuid5(SPACE, json.dumps(closure, sort_keys=True)))
    bom.metadata.timestamp = moment
    bom.metadata.component = root = component(project, ComponentType.APPLICATION)
    by_name = {one["name"]: component(one, ComponentType.LIBRARY) for one in others}
    bom.components = by_name.values()
    for one in closure:
        needed = [by_name[name] for name in one["needs"]]
        bom.register_dependency(root if one is project else by_name[one["name"]], needed)
    return bom


def main() -> int:
    closure, seconds, file = sys.argv[1:]
    made = bill(json.loads(Path(closure).read_text(encoding="utf-8")), datetime.fromtimestamp(int(seconds), UTC))
    text = JsonV1Dot6(made).output_as_string(indent=1)
    if (wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        print(wrong, file=sys.stderr)
        return 1
    Path(file).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
