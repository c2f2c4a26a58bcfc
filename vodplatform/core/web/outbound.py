"""Requests to URLs that third parties choose, protected against server-side request forgery.

The connection goes to a checked IP address, without a second lookup of the name (DNS rebinding). Proxies, cookies and
certificates of the environment are ignored. Error messages name only the host, because URLs may contain keys.
"""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

import certifi
import httpcore

if TYPE_CHECKING:
    # Importing httpx takes a tenth of a process's start-up time, so functions import it when they need it.
    import httpx

MAX_URL_LETTERS = 4096
HOST = re.compile(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")
BLOCK = 64 * 1024
AGENT = "vodplatform"
REDIRECTS = (301, 302, 303, 307, 308)
# headers that are still sent after a redirect to another origin
KEPT_ELSEWHERE = frozenset({"accept", "content-type", "user-agent"})

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in text.split())


# Private networks (RFC 1918, 4193), loopback, carrier-grade NAT (RFC 6598). Allowed only with ``allow_private``.
NEIGHBOURS = _networks("10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 100.64.0.0/10 ::1/128 fc00::/7")
# Addresses of clouds' metadata services that are not link-local. They are never allowed.
METADATA = _networks("100.100.100.200/32 168.63.129.16/32 fd00:ec2::/32 fd20:ce::254/128")
# Networks that IANA reserves for special purposes, without those in NEIGHBOURS. Requests to these networks are never
# allowed. The same holds for IPv6 addresses outside GLOBAL_IPV6, because all public IPv6 addresses are inside it.
SPECIAL = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24"
    " 224.0.0.0/4 240.0.0.0/4 2001::/23 2001:db8::/32 3fff::/20"
)
GLOBAL_IPV6 = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
SIX_TO_FOUR = IPv6Network("2002::/16")
COMPATIBLE = IPv6Network("::/96")
ISATAP = (0x00005EFE, 0x02005EFE)
PRIVATE = "a private"


class OutboundError(Exception):
    """Error: a request got no usable answer. The message contains at most the URL's host."""


class Refused(OutboundError):
    """Error: the URL or its answer is not allowed. Retrying does not help."""


class Unreachable(OutboundError):
    """Error: the host is unknown, does not answer, or broke the connection."""


class TooSlow(OutboundError):
    pass


class TooBig(OutboundError):
    pass


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of one request.

    - allow_private: whether private, loopback and carrier-grade NAT addresses are allowed.
    - connect_seconds: maximum time to connect to each address.
    - max_bytes: maximum size of the body, before and after decompression.
    - redirects: maximum number of redirects to follow. With 0, a redirect is returned as the answer.
    """

    allow_private: bool = False
    seconds: float = 30.0
    connect_seconds: float = 5.0
    max_bytes: int = 1024**2
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request. ``body`` is decompressed. It is empty if the body was written to a file."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    rules: Rules = Rules(),
    into: BinaryIO | None = None,
) -> Answer:
    """Send a request and return the complete answer, whatever the answer's status.

    ``into`` is a file for the answer's body. Raises :class:`Refused`, :class:`Unreachable`, :class:`TooSlow` or
    :class:`TooBig`.
    """
    deadline = _Deadline(rules.seconds)
    target = check_url(url)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    for left in range(rules.redirects, -1, -1):
        answer = _exchange(_request(method, target, sent, content), rules, deadline, into)
        where = answer.headers.get("location")
        if answer.status not in REDIRECTS or where is None or rules.redirects == 0:
            return answer
        if left == 0:
            break
        target, before = _joined(target, where), target
        if _origin(target) != _origin(before):
            sent = {name: value for name, value in sent.items() if name in KEPT_ELSEWHERE}
        if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
            method, content = "GET", b""
            sent.pop("content-type", None)
    raise Refused(f"{target.host} redirects too many times.")


def check_url(url: str) -> httpx.URL:
    """Parse an http or https URL without user and password. Raises :class:`Refused`."""
    import httpx

    # Control characters, spaces and backslashes can disguise the host, because parsers disagree about them.
    if len(url) > MAX_URL_LETTERS or any(letter <= " " or letter in "\\\x7f" for letter in url):
        raise Refused("This is not a valid address: it is too long or contains invalid characters.")
    try:
        parsed: httpx.URL | None = httpx.URL(url)
        plain = urlsplit(url)
        with_user = "@" in plain.netloc
    except (httpx.InvalidURL, ValueError, UnicodeError):
        parsed = None
    port = None if parsed is None else parsed.port
    if parsed is None or HOST.fullmatch(parsed.raw_host) is None or not (port is None or 0 < port < 65536):
        raise Refused("This is not a valid address. Write it as https://host/path.")
    if parsed.scheme not in ("http", "https"):
        raise Refused("Only http:// and https:// addresses are allowed.")
    if with_user or parsed.userinfo:
        raise Refused("Addresses with a user name or password are not allowed; enter the key separately.")
    return parsed.copy_with(fragment=None)


def why_refused(address: str, *, allow_private: bool = False) -> str | None:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "an unreadable"
    judged: list[Address] = [ip]
    if isinstance(ip, IPv6Address):
        inner, is_all = _embedded(ip)
        # Check an IPv6 address and the IPv4 address inside it. If the IPv6 address only wraps the IPv4 address, as
        # ``::ffff:192.0.2.1`` does, check only the IPv4 address.
        judged = [inner] if inner is not None and is_all else [ip, *([inner] if inner is not None else [])]
    kinds = [_kind(found) for found in judged]
    refused = [kind for kind in kinds if kind is not None and not (allow_private and kind == PRIVATE)]
    return refused[0] if refused else None


def _kind(ip: Address) -> str | None:
    if any(ip in network for network in METADATA):
        return "a metadata"
    if any(ip in network for network in NEIGHBOURS):
        return PRIVATE
    if any(ip in network for network in SPECIAL) or (isinstance(ip, IPv6Address) and ip not in GLOBAL_IPV6):
        return "a reserved"
    return None


def _embedded(ip: IPv6Address) -> tuple[IPv4Address | None, bool]:
    """Return the IPv4 address inside ``ip`` or None, and whether ``ip`` only wraps the IPv4 address.

    Recognised forms: mapped and compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214).
    """
    number = int(ip)
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped, True
    if ip in NAT64 or (ip in COMPATIBLE and number > 1):
        return IPv4Address(number & 0xFFFFFFFF), True
    if ip in SIX_TO_FOUR:
        return IPv4Address(number >> 80 & 0xFFFFFFFF), True
    if number >> 32 & 0xFFFFFFFF in ISATAP:
        return IPv4Address(number & 0xFFFFFFFF), False
    return None, False


def _joined(before: httpx.URL, where: str) -> httpx.URL:
    import httpx

    try:
        found = str(before.join(where))
    except (httpx.InvalidURL, ValueError, UnicodeError):
        found = ""
    target = check_url(found)
    if before.scheme == "https" and target.scheme != "https":
        raise Refused(f"{before.host} redirects to an unencrypted address.")
    return target


def _origin(url: httpx.URL) -> httpcore.Origin:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin


def _request(method: str, target: httpx.URL, headers: Mapping[str, str], content: bytes) -> httpx.Request:
    import httpx

    # Ask for no compression: compressed answers could unpack to an enormous size.
    always = {"accept-encoding": "identity", "connection": "close"}
    try:
        merged = {"user-agent": AGENT, "accept": "*/*", **headers, **always}
        return httpx.Request(method, target, content=content or None, headers=merged)
    except (ValueError, TypeError):
        pass
    raise _unwritable(target.host)


def _exchange(request: httpx.Request, rules: Rules, deadline: _Deadline, into: BinaryIO | None) -> Answer:
    import httpx

    host = request.url.host
    url = httpcore.URL(
        scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
    )
    failure: OutboundError
    try:
        with (
            httpcore.HTTPConnection(
                url.origin, ssl_context=_trust(), network_backend=_Guarded(host, rules, deadline)
            ) as connection,
            connection.stream(
                request.method, url, headers=request.headers.raw, content=request.content or None,
                extensions={"sni_hostname": host.rstrip(".")},
            ) as response,
        ):  # fmt: skip
            found = httpx.Headers(response.headers)
            if rules.redirects and response.status in REDIRECTS:
                return Answer(response.status, found, b"")
            kept = BytesIO()
            for block in _body(host, response.iter_stream(), found, rules.max_bytes):
                deadline.left(host)
                (into or kept).write(block)
            return Answer(response.status, found, kept.getvalue())
    except httpcore.LocalProtocolError:
        failure = _unwritable(host)
    except httpcore.ProtocolError:
        failure = Unreachable(f"{host} did not send a complete HTTP response.")
    except (httpcore.NetworkError, httpcore.TimeoutException):
        failure = Unreachable(f"The connection to {host} was lost.")
    raise failure  # raised outside the except block, so that the error does not reference the request


def _unwritable(host: str) -> Refused:
    return Refused(
        f"The request to {host} cannot be sent: a header or the address contains characters that are not allowed."
    )


def _body(host: str, blocks: Iterable[bytes], headers: httpx.Headers, most: int) -> Iterator[bytes]:
    too_big = TooBig(f"The response from {host} is larger than {most} bytes.")
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and (len(announced) > 18 or int(announced) > most):
        raise too_big
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip"):
        raise Refused(f"The response from {host} has an unsupported content encoding.")
    counted = _counted(blocks, most, too_big)
    yield from _counted(_unzipped(host, counted), most, too_big) if "gzip" in packing else counted


def _counted(blocks: Iterable[bytes], most: int, too_big: TooBig) -> Iterator[bytes]:
    total = 0
    for block in blocks:
        total += len(block)
        if total > most:
            raise too_big
        yield block


def _unzipped(host: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    is_wrong = False
    for block in blocks:
        rest = block
        while not unpacker.eof:
            try:
                unpacked = unpacker.decompress(rest, BLOCK)
            except zlib.error:
                is_wrong = True
                break
            rest = unpacker.unconsumed_tail
            yield unpacked
            if len(unpacked) < BLOCK and not rest:
                break
        if is_wrong:
            break
    if is_wrong or not unpacker.eof:
        raise Unreachable(f"The compressed response from {host} is damaged or incomplete.")


@cache
def _trust() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds

    def left(self, host: str) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.over(host)
        return left

    def over(self, host: str) -> TooSlow:
        return TooSlow(f"{host} did not answer within {self._seconds:g} s.")


class _Guarded(httpcore.NetworkBackend):
    def __init__(self, host: str, rules: Rules, deadline: _Deadline) -> None:
        self._host = host
        self._rules = rules
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = _looked_up(self._host, host, port, self._deadline)
        # Refuse the name if any address is forbidden: honest names do not mix allowed and forbidden ones.
        for _, address in found:
            kind = why_refused(address[0], allow_private=self._rules.allow_private)
            if kind is not None:
                raise Refused(f"{self._host} resolves to {kind} address, which is not allowed.")
        for family, address in found:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(min(self._rules.connect_seconds, self._deadline.left(self._host)))
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:
                connection.close()
                continue
            except BaseException:
                connection.close()
                raise
            return _Stream(connection, self._host, self._deadline)
        self._deadline.left(self._host)
        raise Unreachable(f"{self._host} cannot be reached.")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise Refused("Local sockets are not allowed.")

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, self._deadline.left(self._host)))


def _looked_up(shown: str, host: str, port: int, deadline: _Deadline) -> list[tuple[int, Any]]:
    """Return (family, address) of each IP address of a host name.

    The system's lookup has no timeout, so it runs in a thread that may be abandoned.
    """
    answers: queue.SimpleQueue[list[tuple[int, Any]] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(family, address) for family, _, _, _, address in rows])
        except (OSError, UnicodeError):
            answers.put(None)

    threading.Thread(target=look_up, daemon=True, name="lookup").start()
    try:
        found = answers.get(timeout=deadline.left(shown))
    except queue.Empty:
        found = []
        is_over = True
    else:
        is_over = False
    if is_over:
        raise deadline.over(shown)
    if not found:
        raise Unreachable(f"The host {shown} was not found.")
    return found


class _Stream(httpcore.NetworkStream):
    def __init__(self, connection: socket.socket, host: str, deadline: _Deadline) -> None:
        self._socket = connection
        self._host = host
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._deadline.left(self._host))
        try:
            return self._socket.recv(min(max_bytes, BLOCK))
        except TimeoutError as exc:
            raise self._deadline.over(self._host) from exc
        except OSError as exc:
            raise httpcore.ReadError(str(exc)) from exc

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            self._socket.settimeout(self._deadline.left(self._host))
            try:
                rest = rest[self._socket.send(rest[:BLOCK]) :]
            except TimeoutError as exc:
                raise self._deadline.over(self._host) from exc
            except OSError as exc:
                raise httpcore.WriteError(str(exc)) from exc

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(self._deadline.left(self._host))
        try:
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as exc:
            self.close()
            raise Refused(f"The certificate of {self._host} is not trusted.") from exc
        except TimeoutError as exc:
            self.close()
            raise self._deadline.over(self._host) from exc
        except (OSError, ValueError) as exc:
            self.close()
            raise Unreachable(f"A secure connection to {self._host} could not be established.") from exc
        return _Stream(secured, self._host, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None
