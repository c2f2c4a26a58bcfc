"""The way out: to no address that was not checked, no further than allowed, and it ends in its time."""

import contextlib
import gzip
import io
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support import nginx
from vodplatform.core.web import outbound
from vodplatform.core.web.outbound import Refused, Rules, TooBig, TooSlow, Unreachable, check_url, send, why_refused

pytestmark = pytest.mark.pure
HERE = Rules(allow_private=True, seconds=20)
SOON = Rules(allow_private=True, seconds=0.4)
FOLLOWING = Rules(allow_private=True, redirects=1)
LATE_SECONDS = 5  # an end within this is an end by the limit, also on a busy machine
PUBLIC = "93.184.215.14"
SECRET = "sk-very-secret"


class Server:
    """A server on loopback that says the same bytes to everybody, or lets a function talk; keeps what was asked."""

    def __init__(self, say: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self.say = say
        self.context = context
        self.asked: list[bytes] = []
        self.names: list[str | None] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(LATE_SECONDS)
                if self.context is not None:
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.serve(secured)
                else:
                    self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request and not request.startswith(b"\x16"):  # a TLS handshake has no such end
            request += connection.recv(65536) or b"\r\n\r\n"
        self.asked.append(request)
        if callable(self.say):
            self.say(connection)
        else:
            connection.sendall(self.say)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LATE_SECONDS * 2)
        assert not self.thread.is_alive()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def start(say: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Server:
            server = Server(say, context)
            stack.callback(server.close)
            return server

        yield start


def reply(body: bytes = b"hello", status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return (f"HTTP/1.1 {status}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode() + body


class Names:
    """Stands in for the system's resolver: what each name means, one answer after the other; the last one stays."""

    def __init__(self, patch: pytest.MonkeyPatch, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): rows for name, rows in answers.items()}
        self.asked: list[str] = []
        self.real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        self.asked.append(name)
        if name not in self.answers:
            return self.real(host, port, *rest, **options)
        rows = self.answers[name]
        found = rows.pop(0) if len(rows) > 1 else rows[0]
        return [row for address in found for row in self.real(address, port, *rest, **options)]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Addresses to which a connection was tried; none comes about."""
    found: list[Any] = []

    class Closed(socket.socket):
        def connect(self, address: Any) -> None:
            found.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(outbound.socket, "socket", Closed)
    return found


class TestAddresses:
    @pytest.mark.parametrize("address", [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.255.0.3", "100.64.0.1",
        "100.127.255.255", "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
        "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1",
        "::10.0.0.1", "2600::5efe:10.0.0.1", "2600::200:5efe:192.168.0.1",
    ])  # fmt: skip
    def test_neighbours_are_refused_unless_allowed(self, address: str) -> None:
        assert why_refused(address) == "a private"
        assert why_refused(address, allow_private=True) is None

    @pytest.mark.parametrize("address", [
        "0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254", "192.0.0.192", "192.0.2.1", "192.88.99.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "100.100.100.200", "168.63.129.16", "::", "fe80::1", "fe80::1%eth0", "febf::1",
        "fec0::1", "ff02::1", "ff0e::1", "fd00:ec2::254", "fd20:ce::254", "100::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1", "5f00::1", "4000::1", "64:ff9b:1::a00:1",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "::ffff:0.0.0.0",
        "2600::5efe:169.254.169.254", "fc00::5efe:169.254.169.254", "fe80::5efe:8.8.8.8", "nonsense", "",
    ])  # fmt: skip
    def test_what_is_no_host_is_always_refused(self, address: str) -> None:
        assert why_refused(address)
        assert why_refused(address, allow_private=True)

    @pytest.mark.parametrize("address", [
        "8.8.8.8", "1.1.1.1", PUBLIC, "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.0.1.1",
        "198.17.255.255", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2002:808:808::1", "2600::5efe:8.8.8.8",
    ])  # fmt: skip
    def test_public_hosts_are_not(self, address: str) -> None:
        assert why_refused(address) is None

    @pytest.mark.parametrize("host", [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "127.1",
        "127.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[0:0:0:0:0:0:0:1]", "0", "0.0.0.0", "[::]", "localhost.", "127.0.0.1.", "%6c%6f%63%61lhost", "①②⑦.⓪.⓪.①",
        "169.254.169.254", "[fe80::1]", "0xa9fea9fe", "2852039166",
    ])  # fmt: skip
    def test_no_spelling_of_an_address_inside_is_connected_to(self, host: str, tried: list[Any]) -> None:
        with pytest.raises((Refused, Unreachable)):
            send("GET", f"http://{host}/")
        assert tried == []

    @pytest.mark.parametrize("url", [
        "file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "data:text/plain,hi", "//example.com/",
        "example.com", "/path", "", "http://", "http:///x", "https://:443/", "http://example.com:99999/",
        "http://example.com:port/", "http://example.com:0/", "http://%6c%6f/", "http://[::1/", "http://exa mple.com/",
        "http://example.com/\r\nHost: inside", "http://example.com\\@inside/", "\thttp://example.com/",
        "http://example.com/\x00", "unix:///run/x.sock", "http://" + "a" * 5000, "javascript:alert(1)",
    ])  # fmt: skip
    def test_what_is_no_address_for_us_is_refused_with_a_sentence(self, url: str) -> None:
        with pytest.raises(Refused, match=r"\.$"):
            check_url(url)

    @pytest.mark.parametrize("who", ["user:pass@", "user@", ":pass@", "@", "example.com:80@"])
    def test_an_address_with_a_user_is_refused_and_not_repeated(self, who: str, tried: list[Any]) -> None:
        with pytest.raises(Refused) as caught:
            send("GET", f"http://{who}127.0.0.1/")
        assert "pass@" not in str(caught.value)
        assert tried == []


class TestLookups:
    def test_a_name_is_looked_up_once_a_request(self, monkeypatch: pytest.MonkeyPatch, tried: list[Any]) -> None:
        names = Names(monkeypatch, rebind_example=[[PUBLIC], ["127.0.0.1"]])
        with pytest.raises(Unreachable):
            send("GET", "http://rebind.example/")
        assert names.asked.count("rebind.example") == 1
        with pytest.raises(Refused, match="private address"):
            send("GET", "http://rebind.example/")
        assert tried == [(PUBLIC, 80)]

    @pytest.mark.parametrize("mixture", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"]])
    def test_one_inside_is_enough(self, mixture: list[str], monkeypatch: pytest.MonkeyPatch, tried: list[Any]) -> None:
        Names(monkeypatch, mixed_example=[mixture])
        with pytest.raises(Refused):
            send("GET", "http://mixed.example/")
        assert tried == []

    def test_every_address_of_a_name_is_tried(self, monkeypatch: pytest.MonkeyPatch, tried: list[Any]) -> None:
        Names(monkeypatch, two_example=[[PUBLIC, "8.8.8.8"]])
        with pytest.raises(Unreachable, match=r"two\.example cannot be reached"):
            send("GET", "https://two.example/")
        assert tried == [(PUBLIC, 443), ("8.8.8.8", 443)]
        with pytest.raises(Unreachable, match=r"The host nowhere\.invalid was not found"):
            send("GET", "http://nowhere.invalid/")

    def test_a_lookup_that_hangs_ends_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(LATE_SECONDS * 4) and [])
        began = time.monotonic()
        with pytest.raises(TooSlow):
            send("GET", "http://slow.example/", rules=SOON)
        over.set()
        assert time.monotonic() - began < LATE_SECONDS


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class TestRequests:
    def test_what_was_asked_arrives_and_what_was_answered_comes_back(self, serve: Serve) -> None:
        server = serve(reply(b'{"a": 1}', "503 Busy", X_Thing="yes"))
        url = f"{server.url}/v1/things?x=1#part"
        answer = send("POST", url, headers={"X-Key": "k"}, content=b"body", rules=HERE)
        assert (answer.status, answer.body, answer.headers["x-thing"]) == (503, b'{"a": 1}', "yes")
        (request,) = server.asked
        assert request.startswith(b"POST /v1/things?x=1 HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in request
        assert b"x-key: k\r\n" in request.lower()
        assert b"content-length: 4\r\n" in request.lower()

    def test_proxies_of_the_environment_are_unused(self, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy, server = serve(reply(b"proxy")), serve(reply(b"direct"))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert send("GET", server.url, rules=HERE).body == b"direct"
        assert proxy.asked == []

    @pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\0b", "ключ"])
    def test_a_header_cannot_bring_another_one(self, value: str, serve: Serve) -> None:
        server = serve(reply())
        with pytest.raises(Refused):
            send("GET", server.url, headers={"X-Key": value}, rules=HERE)
        assert all(b"X-Other" not in request for request in server.asked)

    @pytest.mark.parametrize(
        "say", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", reset]
    )
    def test_half_an_answer_is_none(self, say: bytes | Callable[[socket.socket], None], serve: Serve) -> None:
        with pytest.raises(Unreachable):
            send("GET", serve(say).url, rules=HERE)


class TestRedirects:
    def test_none_is_followed_unasked(self, serve: Serve) -> None:
        inside = serve(reply(b"secrets"))
        answer = send("GET", serve(reply(b"", "302 Found", Location=inside.url)).url, rules=HERE)
        assert (answer.status, answer.headers["location"]) == (302, inside.url)
        assert inside.asked == []

    @pytest.mark.parametrize(
        "where", ["http://127.0.0.1:9/", "http://169.254.169.254/latest", "http://[::1]/", "http://2130706433/"]
    )
    def test_one_to_the_inside_is_refused(self, where: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
        server = serve(reply(b"", "302 Found", Location=where))
        first = iter([None])
        monkeypatch.setattr(outbound, "why_refused", lambda *args, **kw: next(first, why_refused(*args, **kw)))
        with pytest.raises(Refused, match="address, which is not allowed"):
            send("GET", server.url, rules=Rules(redirects=3))
        assert len(server.asked) == 1

    def test_a_followed_one_leaves_keys_behind_when_it_leads_elsewhere(self, serve: Serve) -> None:
        there = serve(reply(b"there"))
        here = serve(reply(b"", "307 Again", Location=f"{there.url}/x"))
        headers = {"Authorization": SECRET, "X-Api-Key": SECRET, "Accept": "text/plain"}
        answer = send("POST", here.url, headers=headers, content=b"body", rules=FOLLOWING)
        assert answer.body == b"there"
        assert SECRET.encode() in here.asked[0]
        assert SECRET.encode() not in there.asked[0]
        assert there.asked[0].startswith(b"POST /x ")
        assert b"text/plain" in there.asked[0]

    def test_one_on_the_same_host_keeps_them(self, serve: Serve) -> None:
        answers = iter([reply(b"", "303 See", Location="/done"), reply(b"done")])
        server = serve(lambda connection: connection.sendall(next(answers)))
        assert send("POST", server.url, headers={"X-Key": "k"}, content=b"b", rules=FOLLOWING).body == b"done"
        assert server.asked[1].startswith(b"GET /done ")
        assert b"x-key: k" in server.asked[1].lower()
        assert b"content-length" not in server.asked[1].lower()

    def test_a_circle_and_what_is_no_address_are_refused(self, serve: Serve) -> None:
        server = serve(reply(b"", "302 Found", Location="/"))
        with pytest.raises(Refused, match="redirects too many times"):
            send("GET", server.url, rules=Rules(allow_private=True, redirects=4))
        assert len(server.asked) == 5
        for where in ("file:///etc/passwd", "http://u:p@127.0.0.1/", "ftp://127.0.0.1/", "http://[/"):
            with pytest.raises(Refused):
                send("GET", serve(reply(b"", "302 Found", Location=where)).url, rules=FOLLOWING)

    def test_encryption_is_not_given_up_on_the_way(self) -> None:
        with pytest.raises(Refused, match="unencrypted"):
            outbound._joined(check_url("https://a.example/"), "http://a.example/")


def endlessly(piece: bytes, head: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Says ``head`` and then ``piece`` until the other side hangs up."""

    def say(connection: socket.socket) -> None:
        connection.sendall(head)
        never = threading.Event()
        while not never.wait(pause):
            connection.sendall(piece)

    return say


class TestLimits:
    SMALL = Rules(allow_private=True, seconds=20, max_bytes=100_000)

    def test_an_announced_size_is_believed_at_once(self, serve: Serve) -> None:
        url, file = serve(reply(b"x" * 100_000)).url, io.BytesIO()
        assert len(send("GET", url, rules=self.SMALL).body) == 100_000
        assert send("GET", url, rules=self.SMALL, into=file).body == b""
        assert file.getvalue() == b"x" * 100_000
        with pytest.raises(TooBig):
            send("GET", serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n").url, rules=self.SMALL)

    @pytest.mark.parametrize(("piece", "head"), [
        (b"x" * 4096, b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"1000\r\n" + b"x" * 4096 + b"\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ])  # fmt: skip
    def test_one_without_an_end_is_cut_off(self, piece: bytes, head: bytes, serve: Serve) -> None:
        file = io.BytesIO()
        for into in (None, file):
            with pytest.raises(TooBig):
                send("GET", serve(endlessly(piece, head)).url, rules=self.SMALL, into=into)
        assert len(file.getvalue()) <= 100_000

    def test_headers_without_an_end_are_cut_off(self, serve: Serve) -> None:
        with pytest.raises(Unreachable):
            send("GET", serve(endlessly(b"X-More: " + b"x" * 4096 + b"\r\n", b"HTTP/1.1 200 OK\r\n")).url, rules=HERE)

    def test_a_packed_answer_is_unpacked(self, serve: Serve) -> None:
        server = serve(reply(gzip.compress(b"hello" * 1000), Content_Encoding="gzip"))
        assert send("GET", server.url, rules=self.SMALL).body == b"hello" * 1000
        assert b"accept-encoding: identity" in server.asked[0].lower()
        for packing in ("deflate", "br", "zstd", "gzip, gzip", "nonsense"):
            with pytest.raises(Refused):
                send("GET", serve(reply(server.say, Content_Encoding=packing)).url, rules=self.SMALL)
        for body in (b"not gzip", gzip.compress(b"x" * 5000, mtime=0)[:-9], b""):
            with pytest.raises(Unreachable):
                send("GET", serve(reply(body, Content_Encoding="gzip")).url, rules=self.SMALL)

    def test_a_bomb_is_put_out_before_it_fills_the_memory(self, serve: Serve) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(bytes(1024**2)) for _ in range(256)) + packer.flush()
        server = serve(reply(bomb, Content_Encoding="gzip"))
        code = (
            "import sys\n"
            # Not ru_maxrss: that begins with what the process was forked from.
            "most = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
            "from vodplatform.core.web.outbound import Rules, TooBig, send\n"
            "rules = Rules(allow_private=True, max_bytes=2 * 1024**2)\n"
            "before = most()\n"
            "try: send('GET', sys.argv[1], rules=rules)\n"
            "except TooBig: print(most() - before)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, server.url], capture_output=True, text=True, timeout=60, check=True
        )
        assert int(done.stdout) < 32 * 1024  # KiB

    @pytest.mark.parametrize(("piece", "head"), [
        (b"x", b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"1\r\nx\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    ], ids=["body", "chunks", "headers", "interim answers"])  # fmt: skip
    def test_a_slow_drip_ends_in_time(self, piece: bytes, head: bytes, serve: Serve) -> None:
        began = time.monotonic()
        with pytest.raises(TooSlow, match=r"within 0\.4 s"):
            send("GET", serve(endlessly(piece, head, 0.02)).url, rules=SOON)
        assert time.monotonic() - began < LATE_SECONDS

    def test_one_who_says_nothing_or_does_not_read_is_left_in_time(self, serve: Serve) -> None:
        with pytest.raises(TooSlow):
            send("GET", serve(lambda connection: connection.recv(1)).url, rules=SOON)
        with pytest.raises(TooSlow):
            send("POST", serve(lambda c: threading.Event().wait(1)).url, content=bytes(32 * 1024**2), rules=SOON)

    def test_one_who_answers_before_all_was_sent_is_heard(self, serve: Serve) -> None:
        server = serve(reply(b"enough", "413 Too Large"))
        assert send("POST", server.url, content=bytes(50_000), rules=HERE).status == 413


def test_neither_logs_nor_errors_hold_keys(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    urls = [
        serve(reply()).url, serve(b"half").url, serve(endlessly(b"x", b"HTTP/1.1 200 OK\r\n\r\n", 0.02)).url,
        f"http://u:{SECRET}@127.0.0.1", "http://127.0.0.1:9", "http://nowhere.invalid",
    ]  # fmt: skip
    said = []
    for url in urls:
        for rules in (SOON, Rules(seconds=1)):
            try:
                headers = {"Authorization": f"Bearer {SECRET}"}
                said.append(repr(send("POST", f"{url}/{SECRET}?k={SECRET}", headers=headers, rules=rules)))
            except outbound.OutboundError as exc:
                error: BaseException | None = exc
                while error is not None:
                    said.append(repr(error))
                    error = error.__cause__ or error.__context__
    assert len(said) >= 12
    assert all(SECRET not in text for text in said)
    assert SECRET not in caplog.text


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nginx.certificate(tmp_path_factory.mktemp("tls"), x509.DNSName("model.example"))


class TestEncryption:
    @pytest.fixture
    def server(self, serve: Serve, certificate: Path) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = serve(reply(b"encrypted"), context)
        context.sni_callback = lambda _, name, __: server.names.append(name)  # type: ignore[assignment]
        return server

    @pytest.fixture(autouse=True)
    def names(self, monkeypatch: pytest.MonkeyPatch) -> Names:
        return Names(monkeypatch, model_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])

    def test_the_certificate_is_checked_for_the_name_that_was_written(
        self, server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound, "_trust", lambda: ssl.create_default_context(cafile=str(certificate)))
        answer = send("GET", f"https://model.example:{server.port}/", rules=HERE)
        assert answer.body == b"encrypted"
        assert server.names == ["model.example"]
        assert f"Host: model.example:{server.port}\r\n".encode() in server.asked[0]

        for host in ("other.example", "127.0.0.1"):
            with pytest.raises(Refused, match="not trusted"):
                send("GET", f"https://{host}:{server.port}/", rules=HERE)
        assert len(server.asked) == 1

    def test_one_that_nobody_vouches_for_is_not_believed(self, server: Server) -> None:
        with pytest.raises(Refused, match="not trusted"):
            send("GET", f"https://model.example:{server.port}/", rules=HERE)

    def test_no_encryption_where_it_was_asked_for_is_unreachable_or_too_slow(self, serve: Serve) -> None:
        with pytest.raises(Unreachable, match="secure connection"):
            send("GET", f"https://model.example:{serve(endlessly(b'x', b'x')).port}/", rules=HERE)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TooSlow):
            send("GET", f"https://model.example:{silent.getsockname()[1]}/", rules=SOON)
