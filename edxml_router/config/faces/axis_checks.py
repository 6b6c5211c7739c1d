"""Checks across the settings of the national and provincial protocols."""

from __future__ import annotations

from collections.abc import Iterator

from edxml_router.config.faces.gateway import GatewaySettings
from edxml_router.config.mistake import REMARK, WRONG, Mistake
from edxml_router.config.peers import OfficeSettings
from edxml_router.config.settings import Sections
from edxml_router.core.agencies.code import AgencyCode
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

SECRET_LEAST = 8  # characters
FORMS = ("national", "provincial", "wso2")


def check(gateway: GatewaySettings | None, offices: tuple[OfficeSettings, ...]) -> Iterator[Mistake]:
    """Every mistake, in no particular order."""
    spoken = [name for name in FORMS if gateway is not None and getattr(gateway, name) is not None]
    yield from _paths(gateway, spoken)
    systems: dict[str, int] = {}
    for number, office in enumerate(offices):
        if office.system_id is None and office.secret_file is None:
            continue
        place = ("offices", number)
        both = ((*place, "system_id"), (*place, "secret_file"), (*place, "name"))
        if office.system_id is None or office.secret_file is None:
            detail = Detail("{office}: system_id and secret_file belong together", office=office.name)
            yield Mistake(WRONG, place, detail, both)
            continue
        first = systems.setdefault(office.system_id, number)
        if first != number:
            detail = Detail("{system} is the system id of {office} already", system=office.system_id,
                            office=offices[first].name)  # fmt: skip
            yield Mistake(WRONG, (*place, "system_id"), detail, (("offices", first, "name"),))
        if not spoken:
            detail = Detail(
                "{office}: its system id has no effect without gateway.national, gateway.provincial or gateway.wso2",
                office=office.name,
            )
            yield Mistake(REMARK, (*place, "system_id"), detail, (("gateway",),))
        if _is_foreign(office):
            detail = Detail("{office}: {system} is none of its agencies, so nothing can be sent for that one",
                            office=office.name, system=office.system_id)  # fmt: skip
            yield Mistake(REMARK, (*place, "system_id"), detail, ((*place, "agencies"),))
        yield from _secret(office, number)


def check_axis(sections: Sections) -> Iterator[Mistake]:
    """Of the axis above this node."""
    axis = sections.axis
    if axis is None:
        return
    if sections.parent is not None:
        detail = Detail("[axis] and [parent]: only one of them can have what nobody here serves")
        yield Mistake(WRONG, ("axis",), detail, (("parent",),))
    peers = [one.name for one in sections.offices] + [one.name for one in sections.children]
    if axis.name in (sections.node.name, *peers):
        yield Mistake(WRONG, ("axis", "name"), Detail("axis.name: {name} is already taken", name=axis.name))
    try:
        text = axis.secret_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return
    if len(text) < SECRET_LEAST:
        detail = Detail("{office}: at least {least} characters", office="axis", least=SECRET_LEAST)
        yield Mistake("EDX922", ("axis", "secret_file"), detail)


def _paths(gateway: GatewaySettings | None, spoken: list[str]) -> Iterator[Mistake]:
    paths: dict[str, str] = {"/v1": "the native interface"}
    for name in spoken:
        path = getattr(gateway, name).path
        taken = next((own for own in paths if path == own or f"{path}/".startswith(f"{own}/")
                      or f"{own}/".startswith(f"{path}/")), None)  # fmt: skip
        if taken is not None:
            detail = Detail("gateway.{name}.path: {path} is within {taken}, which is taken", name=name, path=path,
                            taken=taken)  # fmt: skip
            yield Mistake(WRONG, ("gateway", name, "path"), detail, (("gateway", name),))
        paths[path] = name


def _is_foreign(office: OfficeSettings) -> bool:
    """Whether its id is the code of an agency that it does not serve."""
    try:
        system = AgencyCode.parse(office.system_id or "")
        return system.is_government and system.known_as() not in {
            AgencyCode.parse(text).known_as() for text in office.agencies
        }
    except Refusal:
        return False


def _secret(office: OfficeSettings, number: int) -> Iterator[Mistake]:
    """An empty secret would be known to everybody. That a file cannot be read is said elsewhere."""
    try:
        text = office.secret_file.read_text(encoding="utf-8").strip() if office.secret_file else ""
    except (OSError, ValueError):
        return
    if len(text) < SECRET_LEAST:
        detail = Detail("{office}: at least {least} characters", office=office.name, least=SECRET_LEAST)
        yield Mistake("EDX922", ("offices", number, "secret_file"), detail)
