"""The seals that an operator has put into the node: ``[[seals]]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from edxml_router.config.values import About, Code, File, Key, SettingsTable


@dataclass(frozen=True, slots=True, kw_only=True)
class SealSettings(SettingsTable):
    """A key with which the node signs what it writes for an agency (`edxml-router letter`, and drafts over HTTP). Every
    use is journalled. Without one the office signs in a second step.
    """

    agency: Annotated[Code, About("The agency that it signs for; one of an office of this node.", '"H53.31"')]
    key: Annotated[
        Key,
        About(
            'Its private key: a file (PEM, mode 0600), or one in a token: "pkcs11:…", as node.key.', '"h53-31.key.pem"'
        ),
    ]
    certificate: Annotated[File, About("Its certificate, then any intermediates (PEM).", '"h53-31.cert.pem"')]
