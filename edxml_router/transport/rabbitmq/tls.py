"""TLS towards a broker: the authorities and revocation lists its certificate is checked by, and our own certificate.

    make = Tls(ca, certificate, key, crls).context      # for RabbitSettings.tls: asked before each connection

The files are read each time, so that what was renewed holds from the next connection on. Raises Refusal EDX902 for a
file that cannot be used, and then nothing is connected.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edxml_router.core.problems import Refusal
from edxml_router.core.trust.containers import pem_block
from edxml_router.core.trust.revocation_list import read_lists
from edxml_router.core.wording import in_words


@dataclass(frozen=True, slots=True)
class Tls:
    """The files (PEM; lists also in DER).

    With ``crls``, each certificate of the broker's chain must be good by a current list of its authority: a list that
    is missing or has expired is no better than one that names the certificate.
    """

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    crls: Sequence[Path] = ()

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or later, with the broker's chain, host name and standing checked, and our certificate shown."""
        what = "tls_ca"
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.ca))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                what = "tls_certificate, tls_key"
                context.load_cert_chain(self.certificate, self.key)
            what = "tls_crls"
            self._load_lists(context)
        except (OSError, ssl.SSLError) as error:
            raise Refusal("EDX902", where=f"hub.{what}", detail=in_words(error)) from error
        return context

    def _load_lists(self, context: ssl.SSLContext) -> None:
        """Through a file with nothing else in it: a certificate among the lists would become an authority."""
        if not self.crls:
            return
        with tempfile.NamedTemporaryFile(prefix="edxml-router-", suffix=".crl.pem") as file:
            for path in self.crls:
                for each in read_lists([path.read_bytes()], str(path)):
                    file.write(pem_block(b"X509 CRL", each.data))
            file.flush()
            context.load_verify_locations(cafile=file.name)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
