"""Debian's nginx on loopback as a proxy for web processes, with deploy/nginx.conf adapted to test ports and folders."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.http_servers import serving_app
from tests.support.waiting import wait_until
from vodplatform.core.processes.process import SHIM

PROJECT_ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = x509.IPAddress(ip_address("127.0.0.1"))
SHIPPED = PROJECT_ROOT / "deploy" / "nginx.conf"
# nginx runs as one process, so that killing it leaves no process behind. It runs as the user who runs the tests.
MAIN = """
{user}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/access.log;
    include {folder}/site.conf;
    {more}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx. url: without trailing slash."""

    url: str
    port: int
    pid: int
    folder: Path

    @property
    def errors(self) -> str:
        """Content of the error log."""
        return (self.folder / "error.log").read_text(errors="replace")


def program() -> str:
    """Return the path of nginx. Debian installs it in /usr/sbin, which is not in every user's PATH."""
    found = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    assert found, "nginx is missing: make test installs Debian's nginx-light"
    return found


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site(port: int, upstreams: Sequence[int], folder: Path, media: Path, root: Path, pem: Path | None = None) -> str:
    """Return deploy/nginx.conf with other ports and folders.

    upstreams: ports of the web processes. folder: folder of the log. media, root: folders of files. pem: file with
    certificate and key; without it, nginx serves plain HTTP.
    """
    text = SHIPPED.read_text()
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port}{' ssl' if pem else ''};"),
        ("    ssl_certificate     /etc/ssl/vod.pem;\n", f"    ssl_certificate {pem};\n" if pem else ""),
        ("    ssl_certificate_key /etc/ssl/vod.key;\n", f"    ssl_certificate_key {pem};\n" if pem else ""),
        (
            "    server 127.0.0.1:8000 max_fails=0;\n",
            "".join(f"    server 127.0.0.1:{upstream} max_fails=0;\n" for upstream in upstreams),
        ),
        ("/var/log/nginx/vodplatform.log", str(folder / "site.log")),
        ("/var/lib/vodplatform/media", str(media)),
        ("/srv/vods", str(root)),
    ):
        assert old in text, f"{SHIPPED.name} has no {old!r} any more"
        text = text.replace(old, new)
    return text


def certificate(folder: Path, host: x509.GeneralName = LOOPBACK) -> Path:
    """Write a key and a self-signed certificate for ``host`` into one file; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vod.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .sign(key, SHA256())
    )  # fmt: skip
    path = folder / "vod.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


@contextmanager
def running(
    folder: Path, upstream: int | Sequence[int], media: Path, root: Path, *, more: str = "", pem: Path | None = None
) -> Iterator[Nginx]:
    """Run nginx during the block as a proxy for the web processes on the ports ``upstream``.

    media, root, pem: as in :func:`site`. more: additional configuration of the ``http`` block.
    """
    port = free_port()
    upstreams = [upstream] if isinstance(upstream, int) else upstream
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.conf").write_text(site(port, upstreams, folder, media, root, pem))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, more=more))
    argv = [program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with open(folder / "output.log", "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", *argv],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip

    def answers() -> bool:
        said = (folder / "error.log", folder / "output.log")
        assert process.poll() is None, "".join(path.read_text() for path in said if path.exists())
        return is_open(port)

    try:
        wait_until(answers)
        yield Nginx(f"{'https' if pem else 'http'}://127.0.0.1:{port}", port, process.pid, folder)
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    """Return whether a server listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def served(application: Any) -> Iterator[int]:
    """Serve an ASGI application with the program's HTTP protocol during the block; yield the port."""
    options = {"ws": "none", "access_log": False, "server_header": False, "timeout_graceful_shutdown": 2}
    with serving_app(application, http="vodplatform.core.web.protocol:HttpProtocol", **options) as (port, _):
        yield port
