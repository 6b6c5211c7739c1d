"""The certificate of what the office sent, to be shown to whoever doubts it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from edxml_router.gateway.callers import AnyCaller, AtDesk
from edxml_router.gateway.native.openapi import problems
from edxml_router.services.certificates.issuing import CertificateOrder, issue_to

certificates = APIRouter(tags=["sent"])

Digest = Annotated[str, Path(pattern="^[0-9a-f]{8,64}$", description="SHA-256 of the envelope, or its beginning.")]
_TYPE: Final = "application/vnd.etsi.asic-e+zip"


@certificates.get(
    "/sent/{digest}/certificate",
    responses={
        200: {
            "description": "The certificate, a file of type .asice: `edxml-router certificate verify`, or the script "
            "of `edxml-router certificate script`, says what it proves.",
            "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems("EDX603", "EDX606", "EDX613", "EDX653", "EDX658", "EDX659", "EDX670"),
    },
    response_class=Response,
)
async def certify_sent(
    digest: Digest,
    caller: AnyCaller,
    desk: AtDesk,
    recipient: Annotated[str, Query(max_length=35, description="Only of the way to this agency.")] = "",
    letter: Annotated[bool, Query(description="Enclose the signed original.")] = False,
) -> Response:
    """Certify what became of an envelope that the office sent: signed by the node, verified without it.

    409 (EDX658) within a second after something happened to it, and where the node has no key.
    """
    order = CertificateOrder(digest, recipient, caller.office, with_letter=letter)
    data = await desk.certify(issue_to, desk.node, desk.settings, order)
    headers = {"content-disposition": f'attachment; filename="{digest[:16]}.asice"'}
    return Response(data, 200, headers, _TYPE)
