"""Whose signatures count, and how they are checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator

from edxml_router.config.values import About, Duration, File, SettingsTable, read_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspSettings(SettingsTable):
    """A responder (OCSP), asked in the background about the certificates of one authority."""

    url: Annotated[str, About("Its address (http, https); answers are signed.", '"http://ocsp.ca.example.vn"')]
    issuer: Annotated[File, About("Certificate of the authority (PEM, DER or PKCS#7).", '"issuing.cert.pem"')]
    responder: Annotated[
        File | None,
        About("Certificate of the responder (PEM), if the authority did not issue it.", '"ocsp.cert.pem"'),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings(SettingsTable):
    """Whose signatures count."""

    anchors: Annotated[File | None, About("Certificates of trusted authorities.", '"anchors.pem"')] = None
    intermediates: Annotated[
        File | None, About("Intermediate certificates (PEM, DER or PKCS#7).", '"intermediates.pem"')
    ] = None
    crls: Annotated[tuple[File, ...], About("Revocation lists (PEM, DER or PKCS#7).", '["issuing.crl.pem"]')] = ()
    crl_urls: Annotated[
        tuple[str, ...],
        About(
            "Addresses of revocation lists (http, https, file), fetched in the background. Their authorities are "
            "among the anchors and intermediates.",
            '["http://ca.example.vn/issuing.crl"]',
        ),
    ] = ()
    crl_interval: Annotated[Duration, About("How often they are fetched, and responders asked.")] = timedelta(hours=1)
    crl_grace: Annotated[
        timedelta,
        BeforeValidator(read_duration),
        About(
            "How long a list or an answer still serves after its date, marked crl-stale or ocsp-stale; then envelopes "
            "wait (EDX314)."
        ),
    ] = timedelta(days=1)
    crl_required: Annotated[
        Literal["auto", "always", "never"],
        About(
            "Whether a certificate of which no list and no responder tells must wait (EDX314): "
            '"auto" means once one is named.'
        ),
    ] = "auto"
    node_anchors: Annotated[
        File | None, About("Authorities of nodes: by them outcomes of far nodes are proven.", '"nodes-ca.pem"')
    ] = None
    bindings: Annotated[
        File | None,
        About("Keys bound to agencies (CSV, see `trust`); without it bindings.csv in the data folder.", '"trust.csv"'),
    ] = None
    ocsp: tuple[OcspSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureSettings(SettingsTable):
    """How signatures are checked."""

    engine: Annotated[
        Literal["signxml", "stream", "both"],
        About(
            'Who checks them: "signxml" (the reference), "stream" (faster), or "both", which must agree (EDX317). '
            "Above 3 MB or 25,000 elements it is always stream."
        ),
    ] = "signxml"
