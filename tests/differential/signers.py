"""Signers that are not ours, as their makers' documentation shows them: the JDK and the program xmlsec1.

Each writes its own Signature into a plain message and the whole message anew, in its own spelling. python-xmlsec,
whose signatures are set into messages byte for byte, is in ``letters``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edxml_router.core.trust.certificate import write_pem
from tests import certificates
from tests.attacks.signature import craft
from tests.attacks.signature.craft import WHOLE
from tests.differential.letters import Signing, place
from tests.differential.verifiers import SIGNED_PARTS
from tests.fixtures import DSIG, NS


def by_jdk(folder: Path, messages: Sequence[tuple[bytes, Signing]]) -> list[bytes]:
    """``javax.xml.crypto.dsig``; plain messages with the attribute ``Id`` where parts are to be signed. One run."""
    arguments: list[str] = []
    files = []
    for number, (plain, how) in enumerate(messages):
        assert (b"Id=" in plain) == (how.uris != WHOLE)
        assert how.of_info == how.of_content
        key, chain = _files(folder, how.kind)
        before, after = folder / f"{number}.plain.xml", folder / f"{number}.xml"
        before.write_bytes(plain)
        arguments += [str(key), str(chain), how.method, how.of_info, how.digest, how.prefix.rstrip(":") or "-"]
        arguments += [str(before), str(after)]
        files.append(after)
    subprocess.run(["java", Path(__file__).with_name("Sign.java"), *arguments], check=True)
    return [file.read_bytes() for file in files]


def by_xmlsec1(folder: Path, plain: bytes, how: Signing) -> bytes:
    """The program, which fills in a template; the certificates as well."""
    names = [craft.ENVELOPED] if how.uris == WHOLE else []
    transforms = "".join(f'<Transform Algorithm="{name}"/>' for name in (*names, how.of_content))
    references = "".join(
        f'<Reference URI="{uri}"><Transforms>{transforms}</Transforms><DigestMethod Algorithm="{how.digest}"/>'
        "<DigestValue/></Reference>"
        for uri in how.uris
    )
    template = (
        f'<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{how.of_info}"/>'
        f'<SignatureMethod Algorithm="{how.method}"/>{references}</SignedInfo><SignatureValue/>'
        "<KeyInfo><X509Data/></KeyInfo></Signature>"
    )
    before, after = folder / "template.xml", folder / "signed.xml"
    before.write_bytes(place(plain, template))
    secret = certificates.key(how.kind, "H53.02").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key, *shown = [folder / name for name in ("key.pem", "leaf.pem", "issuing.pem")]
    key.write_bytes(secret)
    for file, certificate in zip(shown, certificates.chain("H53.02", how.kind), strict=True):
        file.write_bytes(write_pem([certificate]))
    ids = [part for name in SIGNED_PARTS for part in ("--id-attr:Id", f"{NS}:{name}")]
    credentials = ",".join(str(file) for file in (key, *shown))
    command = ["xmlsec1", "--sign", *ids, "--privkey-pem", credentials, "--output", str(after), str(before)]
    subprocess.run(command, check=True, capture_output=True)
    return after.read_bytes()


def _files(folder: Path, kind: str) -> tuple[Path, Path]:
    key, chain = folder / f"{kind}.key.der", folder / f"{kind}.chain.pem"
    secret = certificates.key(kind, "H53.02")
    key.write_bytes(secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    chain.write_bytes(write_pem(certificates.chain("H53.02", kind)))
    return key, chain
