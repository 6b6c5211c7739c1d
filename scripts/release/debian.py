"""The Debian package: the wheel with its locked dependencies in a virtual environment of its own, and a service.

    .venv/bin/python scripts/release/debian.py WHEEL LOCK SBOM FOLDER

Needs dpkg-deb, and the Python that the package will run on (/usr/bin/python3): the libraries are built for its version.
Nothing is fetched at an installation. SOURCE_DATE_EPOCH is the time of everything in it: the same input makes the same
package. DEBFULLNAME and DEBEMAIL name who answers for it.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from importlib.metadata import version
from pathlib import Path
from typing import Final

from edxml_router.services.node.installing import ServiceWishes, install, plan_service

ROOT: Final = Path(__file__).resolve().parents[2]
NAME: Final = "edxml-router"
VERSION: Final = f"{version(NAME)}-1"
MAINTAINER: Final = f"{os.environ.get('DEBFULLNAME', NAME)} <{os.environ.get('DEBEMAIL', 'edxml-router@example.vn')}>"
PYTHON: Final = Path("/usr/bin/python3")
HOME: Final = Path("usr/lib") / NAME
SCRIPTS: Final = ("postinst", "prerm", "postrm")
# Where packages have what `edxml-router service` writes for an administrator, whose files count before these.
PLACES: Final = {
    "etc/systemd/system": "usr/lib/systemd/system",
    "etc/sysusers.d": "usr/lib/sysusers.d",
    "etc/tmpfiles.d": "usr/lib/tmpfiles.d",
}
SHELLS: Final = {
    "bash": f"usr/share/bash-completion/completions/{NAME}",
    "zsh": f"usr/share/zsh/vendor-completions/_{NAME}",
    "fish": f"usr/share/fish/vendor_completions.d/{NAME}.fish",
}
DESCRIPTION: Final = """message router for electronic documents between agencies (edXML)
 A node of a tree of exchange nodes: it checks the structure, the signature and
 the authority of electronic documents (edXML, QCVN 102:2016), passes them on
 byte for byte, delivers them to the e-offices of the agencies that it serves,
 and tells the sender of the outcome for each recipient. Every change stands in
 a journal that others can verify.
 .
 The libraries that it needs come with it, in the versions that it was tested
 with; edxml-router.cdx.json among its documents names them (CycloneDX).
"""


def told(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def environment(tree: Path, wheel: Path, lock: Path) -> None:
    """The virtual environment, without pip and without whatever its libraries have as commands."""
    home = tree / HOME
    number = told(PYTHON, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])")
    minor = number.rpartition(".")[0]
    libraries = home / "lib" / f"python{minor}" / "site-packages"
    libraries.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "--python", str(PYTHON)]
    into = ["install", "--no-compile", "--no-warn-conflicts", "--target", str(libraries)]
    # PIP_USER and the like are of whoever builds; hashes are asked of everything but our own wheel.
    subprocess.run([*pip, *into, "--only-binary=:all:", "--require-hashes", "--requirement", lock], check=True)
    by_name = ["--no-deps", "--no-index", "--find-links", str(wheel.parent), f"{NAME}=={version(NAME)}"]
    subprocess.run([*pip, *into, *by_name], check=True, env=os.environ | {"PIP_FIND_LINKS": ""})
    shutil.rmtree(libraries / "bin", ignore_errors=True)
    for record in libraries.glob("*.dist-info/RECORD"):  # in an order of their own, and naming what was taken out
        lines = record.read_text(encoding="utf-8").splitlines()
        record.write_text("".join(f"{one}\n" for one in sorted(lines) if "../bin/" not in one), encoding="utf-8")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {number}\n", encoding="utf-8"
    )
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(f"../../../bin/python{minor}")
    command = home / "bin" / NAME
    command.write_text(
        f"#!/{HOME}/bin/python3\nimport sys\n\nfrom edxml_router.cli.main import main\n\nsys.exit(main())\n",
        encoding="utf-8",
    )
    command.chmod(0o755)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin" / NAME).symlink_to(f"../lib/{NAME}/bin/{NAME}")


def service(tree: Path) -> None:
    """The files that systemd reads, as `edxml-router service` writes them."""
    wishes = ServiceWishes(Path("/usr/bin") / NAME, Path("/etc") / NAME / "node.toml", root=tree)
    install(plan_service(wishes))
    for place, packaged in PLACES.items():
        (tree / packaged).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).rename(tree / packaged)
    shutil.rmtree(tree / "etc")


def documents(tree: Path, sbom: Path, lock: Path) -> None:
    folder = tree / "usr/share/doc" / NAME
    (folder / "examples").mkdir(parents=True)
    shutil.copy(sbom, folder / f"{NAME}.cdx.json")
    shutil.copy(lock, folder / "requirements.lock")
    shutil.copy(ROOT / "config" / "node.example.toml", folder / "examples")
    shutil.copy(ROOT / "scripts" / "release" / "debian" / "copyright", folder)
    moment = formatdate(int(os.environ["SOURCE_DATE_EPOCH"]))
    entry = f"{NAME} ({VERSION}) stable; urgency=medium\n\n  * See changelog.gz.\n\n -- {MAINTAINER}  {moment}\n"
    texts = {"changelog.gz": (ROOT / "CHANGELOG.md").read_bytes(), "changelog.Debian.gz": entry.encode()}
    for name, text in texts.items():
        with gzip.GzipFile(folder / name, "wb", 9, mtime=0) as file:
            file.write(text)
    overrides = tree / "usr/share/lintian/overrides"
    overrides.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "release" / "debian" / "lintian-overrides", overrides / NAME)


def manuals(tree: Path) -> None:
    """Pages for man in both languages, and what shells complete by."""
    command = Path(sys.executable).with_name(NAME)
    for language, place in (("en", "usr/share/man/man1"), ("vi", "usr/share/man/vi/man1")):
        folder = tree / place
        told(command, "--lang", language, "manual", folder)
        for page in sorted(folder.iterdir()):
            with gzip.GzipFile(f"{page}.gz", "wb", 9, mtime=0) as file:
                file.write(page.read_bytes())
            page.unlink()
    for shell, place in SHELLS.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_text(told(command, "completion", shell) + "\n", encoding="utf-8")


def control(tree: Path) -> None:
    folder = tree / "DEBIAN"
    folder.mkdir()
    major, minor = map(int, told(PYTHON, "-c", "import sys; print(*sys.version_info[:2])").split())
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    fields = {
        "Package": NAME,
        "Version": VERSION,
        "Architecture": told("dpkg", "--print-architecture"),
        "Maintainer": MAINTAINER,
        "Installed-Size": str(size // 1024),
        "Depends": f"python3 (>= {major}.{minor}), python3 (<< {major}.{minor + 1}), libc6 (>= 2.34), "
        "systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles",
        "Recommends": "systemd",
        "Suggests": "postgresql, rabbitmq-server, openssl",
        "Section": "net",
        "Priority": "optional",
        "Description": DESCRIPTION.rstrip("\n"),
    }
    (folder / "control").write_text("".join(f"{name}: {text}\n" for name, text in fields.items()), encoding="utf-8")
    for name in SCRIPTS:
        shutil.copy(ROOT / "scripts" / "release" / "debian" / name, folder)
        (folder / name).chmod(0o755)
    sums = [
        f"{told('md5sum', path).split()[0]}  {path.relative_to(tree)}\n"
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink() and folder not in path.parents
    ]
    (folder / "md5sums").write_text("".join(sums), encoding="utf-8")


def settle(tree: Path, seconds: int) -> None:
    """One time, and modes that do not depend on who builds."""
    for path in [*tree.rglob("*"), tree]:
        if not path.is_symlink():
            runs = path.is_dir() or (path.stat().st_mode & 0o100 and path.suffix != ".so")
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)


def main() -> int:
    wheel, lock, sbom, folder = (Path(one).resolve() for one in sys.argv[1:])
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        tree.mkdir()
        environment(tree, wheel, lock)
        service(tree)
        documents(tree, sbom, lock)
        manuals(tree)
        control(tree)
        settle(tree, int(os.environ["SOURCE_DATE_EPOCH"]))
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", tree, folder], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
