"""deploy/nginx.conf before the program: local files by X-Accel-Redirect, bodies as they come, JSON from nginx too."""

import asyncio
import json
import os
import re
import socket
import ssl
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_check import check

from media_app.streaming import x_accel
from media_app.uploads.protocols import chunks, multipart, tus
from media_app.videos.media_urls import stream_url
from media_app.videos.models import Video, VideoSource
from tests.conftest import Library
from tests.streaming import answers
from tests.streaming.made import RANGES, SIZE
from tests.support import nginx
from tests.support.factories import make_key, make_video
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core.errors import ERROR_TYPES

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = [
    "plain.mp4", "two words.mp4", "per%20cent%2F.mp4", "a?b=c&d#e.mp4", "new\nline.mp4", "naïve Ünïcode 🎮.mp4",
    "..dots...mp4", "quote\"'`.mp4", "semi;colon,comma.mp4", "back\\slash.mp4", "%00%0d%0a.mp4", "+plus+.mp4",
    "\x01\x7f.mp4", "x" * 240 + ".mp4",
]  # fmt: skip


@pytest.fixture
def front(tmp_path: Path, library: Library, settings: Any) -> Iterator[nginx.Nginx]:
    """nginx before the program, which lets it send the files."""
    settings.X_ACCEL_PREFIX = "/_media/"
    media = Path(django_settings.MEDIA_ROOT)
    media.mkdir(parents=True, exist_ok=True)
    with nginx.served(application) as port, nginx.running(tmp_path / "n", port, media, library.crew) as running:
        yield running


@pytest.fixture
def client(front: nginx.Nginx) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=front.url, timeout=10) as client:
        yield client


@pytest.fixture
def signed(owner: User, path: Path) -> str:
    return stream_url(make_video(owner, location=str(path), file_size=SIZE))


def refused(response: httpx.Response, type: str) -> None:
    """The one body, though nginx says it."""
    answers.refused(response, ERROR_TYPES[type].status, type)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-request-id"]
    assert response.json()["error"]


class TestFiles:
    def test_headers_and_bytes_come_from_the_same_file(self, client: httpx.Client, signed: str, path: Path) -> None:
        content, whole = path.read_bytes(), client.get(signed)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["server"] == "nginx"
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["cache-control"] == "private, max-age=3600"
        assert whole.headers["accept-ranges"] == "bytes"
        assert "x-accel-redirect" not in whole.headers
        for header, start, stop in RANGES:
            response = client.get(signed, headers={"Range": header})
            assert (response.status_code, response.content) == (206, content[start:stop])
            assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        for headers, status in (({}, 200), ({"Range": "bytes=0-9"}, 206)):
            got, head = client.get(signed, headers=headers), client.head(signed, headers=headers)
            assert (head.status_code, head.content) == (status, b"")
            for name in ("content-length", "etag", "last-modified", "content-type", "accept-ranges"):
                assert head.headers.get(name) == got.headers.get(name)
        response = client.get(signed, headers={"Range": "bytes=0-1,5-6"})
        assert (response.status_code, response.content) == (200, content)
        response = client.get(signed, headers={"Range": f"bytes={SIZE}-"})
        refused(response, "range_not_satisfiable")
        assert response.headers["content-range"] == f"bytes */{SIZE}"
        for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
            assert client.get(signed, headers={header: whole.headers[name]}).status_code == 304
        for known in (whole.headers["etag"], whole.headers["last-modified"]):
            response = client.get(signed, headers={"Range": "bytes=0-9", "If-Range": known})
            assert (response.status_code, response.content) == (206, content[:10])
        for unknown in ('"other"', formatdate(0, usegmt=True)):
            response = client.get(signed, headers={"Range": "bytes=0-9", "If-Range": unknown})
            assert (response.status_code, len(response.content)) == (200, SIZE)
        refused(client.get(signed, headers={"If-Match": '"other"'}), "precondition_failed")
        os.truncate(path, 200_000_000)  # more than would pass the program in time
        with client.stream("GET", signed) as response:
            assert response.headers["content-length"] == "200000000"

    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_any_name(self, client: httpx.Client, owner: User, library: Library, name: str) -> None:
        (library.crew / name).write_bytes(name.encode())
        video = make_video(owner, location=str(library.crew / name), title=name)
        response = client.get(stream_url(video) + "&download=1")
        assert (response.status_code, response.content) == (200, name.encode())
        assert response.headers["content-disposition"].startswith('attachment; filename="')

    def test_a_stored_file(self, client: httpx.Client, owner: User, settings: Any) -> None:
        key = default_storage.save(f"videos/{uuid.uuid4()}/a b.mp4", ContentFile(b"stored bytes"))
        video = make_video(owner, source=VideoSource.STORED, location=key)
        assert client.get(stream_url(video), headers={"Range": "bytes=-5"}).content == b"bytes"
        settings.X_ACCEL_PREFIX = ""  # the program sends the bytes
        response = client.get(stream_url(video), headers={"Range": "bytes=-5"})
        assert (response.status_code, response.content, response.headers["etag"].count("-")) == (206, b"bytes", 1)

    def test_it_can_never_act_as_a_page(self, client: httpx.Client, owner: User, library: Library) -> None:
        page = library.crew / "page.html"
        page.write_text("<script>alert(1)</script>")
        video = make_video(owner, location=str(page), mime_type="text/html")
        response = client.get(stream_url(video), headers={"X-Request-ID": "mine-1"})
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in response.headers["content-security-policy"]
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["x-request-id"] == "mine-1"
        assert all(len(response.headers.get_list(name)) == 1 for name in response.headers)


class TestPermission:
    def test_without_a_signature_or_a_sign_in_it_is_401(
        self, client: httpx.Client, signed: str, path: Path, owner: User, library: Library, settings: Any
    ) -> None:
        address = signed.partition("?")[0]
        refused(client.get(address, headers={"X-Accel-Redirect": x_accel.internal_address(path)}), "unauthenticated")
        headers = {"Authorization": f"Token {make_key(owner)}"}
        assert client.get(address, headers=headers).status_code == 200
        refused(client.get(signed[:-1] + ("A" if signed[-1] != "A" else "B")), "not_found")
        settings.LIBRARY_ROOTS = [(library.outside, frozenset({"crew"}))]  # a folder that nginx does not serve
        video = make_video(owner, location=str(library.outside / "plain.mp4"))
        refused(client.get(stream_url(video)), "not_found")
        Video.objects.all().delete()
        refused(client.get(signed), "not_found")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_the_internal_location_is_closed(self, client: httpx.Client, path: Path, signed: str, method: str) -> None:
        inside = x_accel.internal_address(path)
        assert client.get(signed).status_code == 200
        for address in (
            inside, inside.replace("/_media/", "//_media//"), "/api/../.." + inside, inside.replace("_", "%5f"),
            "/_media/", "/_media/etc/passwd", inside + "?sig=1", inside + "/",
        ):  # fmt: skip
            response = client.request(method, address)
            assert response.status_code == 404, address
            assert path.read_bytes()[:100] not in response.content
            if method == "GET":
                assert response.json()["type"] == "not_found"

    @pytest.mark.parametrize("is_link", [True, False])
    def test_a_file_that_goes_between_the_two_is_404_and_a_link_in_its_place_is_not_followed(
        self, client: httpx.Client, signed: str, path: Path, library: Library, monkeypatch: pytest.MonkeyPatch,
        is_link: bool,
    ) -> None:  # fmt: skip
        take = x_accel.internal_address

        def too_late(found: Path) -> str:
            address = take(found)
            path.unlink()
            if is_link:
                path.symlink_to(library.outside / "plain.mp4")
            return address

        monkeypatch.setattr(x_accel, "internal_address", too_late)
        refused(client.get(signed), "not_found")

    @pytest.mark.parametrize("what", ["file", "folder"])
    def test_what_is_put_there_before_nginx_is_told_opens_nothing_of_another_group(
        self, what: str, client: httpx.Client, owner: User, library: Library, settings: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        """Two groups' folders under one location of nginx: the permission was looked at for one of them."""
        ours, theirs = library.crew / "ours", library.crew / "theirs"
        for folder, content in ((ours, b"ours"), (theirs, b"theirs")):
            (folder / "deeper").mkdir(parents=True)
            (folder / "deeper" / "a.mp4").write_bytes(content)
        settings.LIBRARY_ROOTS = [(ours, frozenset({"crew"})), (theirs, frozenset({"others"}))]
        video = make_video(owner, location=str(ours / "deeper" / "a.mp4"))
        assert client.get(stream_url(video)).content == b"ours"
        take = x_accel.internal_address

        def swapped(found: Path) -> str:
            (ours / "deeper").rename(ours / "moved")
            if what == "folder":
                (ours / "deeper").symlink_to(theirs / "deeper")
            else:
                (ours / "deeper").mkdir()
                (ours / "deeper" / "a.mp4").symlink_to(theirs / "deeper" / "a.mp4")
            return take(found)

        monkeypatch.setattr(x_accel, "internal_address", swapped)
        refused(client.get(stream_url(video)), "not_found")


class Recorder:
    """An ASGI app that notes the headers of requests, how many bytes came, and whether a body came to its end."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.received = 0
        self.ended = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.headers.update({name.decode(): value.decode() for name, value in scope["headers"]})
        while True:
            message = await receive()
            if message["type"] != "http.request":
                break
            self.received += len(message.get("body", b""))
            if not message.get("more_body"):
                self.ended = True
                break
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@contextmanager
def before(app: Any, folder: Path, **options: Any) -> Iterator[nginx.Nginx]:
    """nginx before an ASGI app."""
    with nginx.served(app) as port, nginx.running(folder / "n", port, folder / "m", folder / "r", **options) as running:
        yield running


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[tuple[nginx.Nginx, Recorder]]:
    recorder = Recorder()
    with before(recorder, tmp_path) as running:
        yield running, recorder


class TestBodies:
    @pytest.mark.parametrize("path", [
        "/api/v1/uploads/tus/1", "/api/v1/uploads/tus/", "/api/v1/library", "/api/v1/uploads/7/chunk",
        "/api/v1/challenge-videos/upload/7/chunk", "/videos-upload", "/videos-upload/",
        "/functions/v1/videos-upload", "/api/v1/videos/7/file", "/api/v1/videos/7/thumbnail",
    ])  # fmt: skip
    def test_an_upload_is_passed_on_as_it_comes(self, path: str, recorded: tuple[nginx.Nginx, Recorder]) -> None:
        front, recorder = recorded
        with socket.create_connection(("127.0.0.1", front.port)) as connection:
            head = f"PATCH {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 30000000\r\n\r\n"
            connection.sendall(head.encode() + bytes(300_000))
            wait_until(lambda: recorder.received >= 300_000)
            assert not recorder.ended
        wait_until(lambda: recorder.received == 300_000)

    def test_a_large_one_is_whole_and_elsewhere_is_refused(self, recorded: tuple[nginx.Nginx, Recorder]) -> None:
        front, recorder = recorded
        for path in ("/api/v1/me", "/api/v1/videos", "/account/sign-in", "/api/v1/media/x"):
            refused(httpx.post(f"{front.url}{path}", content=bytes(4 * 1024**2 + 1)), "too_large")
        assert recorder.received == 0
        response = httpx.patch(f"{front.url}/api/v1/uploads/tus/1?sig=secret", content=bytes(60_000_000), timeout=30)
        assert (response.status_code, recorder.received, recorder.ended) == (204, 60_000_000, True)
        assert "secret" not in logged(front)


class Sender:
    """An ASGI app that sends much, and notes how much it got rid of."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        length = [(b"content-length", b"200000000")]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for _ in range(2000):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": self.sent < 199_900_000})
            self.sent += 100_000


def test_bytes_on_their_way_out_are_not_gathered(tmp_path: Path) -> None:
    """A player that reads slowly costs nginx neither memory nor disk; the program waits with the rest."""
    sender = Sender()
    with before(sender, tmp_path) as front, socket.create_connection(("127.0.0.1", front.port), timeout=10) as player:
        player.sendall(b"GET /api/v1/media/stream/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert player.recv(1000)
        figures: deque[int] = deque(maxlen=60)

        def stands_still() -> bool:
            figures.append(sender.sent)
            return figures.count(figures[-1]) == 60

        wait_until(stands_still)
        assert 0 < sender.sent < 60_000_000
        assert not [file for file in (front.folder / "proxy").rglob("*") if file.is_file()]


def test_with_its_certificate_it_speaks_tls_and_says_so(tmp_path: Path) -> None:
    """The program is told the truth about who asks and how, whatever the caller claims."""
    told, pem = Recorder(), nginx.certificate(tmp_path)
    claims = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "8.8.8.8", "Host": "vod.example.org"}
    with before(told, tmp_path, pem=pem) as front:
        response = httpx.get(f"{front.url}/api/v1/me", headers=claims, verify=ssl.create_default_context(cafile=pem))
    assert response.status_code == 204
    names = ("x-forwarded-proto", "x-forwarded-for", "host")
    assert [told.headers[name] for name in names] == ["https", "127.0.0.1", "vod.example.org"]


def test_behind_a_load_balancer_each_client_keeps_its_address(tmp_path: Path) -> None:
    told = Recorder()
    trusts = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; real_ip_recursive on;"
    assert f"# {trusts}" in nginx.SHIPPED.read_text()
    with before(told, tmp_path, more=trusts) as front:
        httpx.get(f"{front.url}/api/v1/me", headers={"X-Forwarded-For": "8.8.8.8, 203.0.113.7"}, trust_env=False)
    assert told.headers["x-forwarded-for"] == "203.0.113.7"


def logged(front: nginx.Nginx) -> str:
    """All that nginx has written of requests; its settings, which stand beside it, are not."""
    files = [file for file in front.folder.rglob("*") if file.is_file() and file.suffix not in (".conf", ".pid")]
    assert front.folder / "site.log" in files
    return "".join(file.read_text(errors="replace") for file in files)


class TestFaults:
    def test_a_program_that_is_down_is_told_in_json_and_nothing_is_logged_of_addresses(self, tmp_path: Path) -> None:
        with nginx.running(tmp_path / "n", nginx.free_port(), tmp_path / "m", tmp_path / "r") as front:
            response = httpx.get(f"{front.url}/api/v1/media/stream/1?sig=secret")
            refused(response, "unavailable")
            assert response.headers["retry-after"] == "5"
            refused(httpx.get(f"{front.url}/api/v1/media/hls/secret/1/master.m3u8"), "unavailable")
            assert "secret" not in logged(front)

    def test_nor_of_a_file_that_cannot_be_opened(
        self, front: nginx.Nginx, client: httpx.Client, signed: str, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A socket put in the place of a video: to open it is a fault of the system, not one of those that are 404."""
        take = x_accel.internal_address
        with socket.socket(socket.AF_UNIX) as listening:

            def too_late(found: Path) -> str:
                address = take(found)
                path.unlink()
                listening.bind(str(path))
                return address

            monkeypatch.setattr(x_accel, "internal_address", too_late)
            response = client.get(signed)
        refused(response, "server_error")
        assert signed.partition("?sig=")[2] not in logged(front)

    @pytest.mark.parametrize(("line", "more", "type"), [
        ("TRACE / HTTP/1.1", "", "method_not_allowed"), ("GET / HTTP/3.0", "", "bad_request"),
        ("POST /api/v1/me HTTP/1.1", "Transfer-Encoding: gzip\r\n", "bad_request"),
        ("GET /" + "a" * 40_000 + " HTTP/1.1", "", "bad_request"),
        ("GET / HTTP/1.1", "Content-Length: x\r\n", "bad_request"),
    ], ids=["trace", "version", "encoding", "long", "length"])  # fmt: skip
    def test_nginxs_own_refusals(self, recorded: tuple[nginx.Nginx, Recorder], line: str, more: str, type: str) -> None:
        front, recorder = recorded
        with socket.create_connection(("127.0.0.1", front.port), timeout=5) as connection:
            connection.sendall(f"{line}\r\nHost: a\r\n{more}Connection: close\r\n\r\n".encode())
            answer = connection.makefile("rb").read()
        head, _, body = answer.partition(b"\r\n\r\n")
        status = ERROR_TYPES[type].status
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert b"Content-Type: application/json" in head
        told = json.loads(body)
        assert (told["ok"], told["code"], told["type"]) == (False, status, type)
        assert (b"Allow: GET, HEAD" in head) == (type == "method_not_allowed")
        assert not recorder.ended


class TestUploads:
    """Through the shipped site, to a program that only counts what comes and takes its time."""

    MIB_5 = 5 * 1024**2

    @pytest.fixture
    def counting(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
        shipped = nginx.SHIPPED.read_text()
        assert shipped.count("300s") == 2
        hasty = tmp_path / "hasty.conf"
        hasty.write_text(shipped.replace("300s", "1s"))
        monkeypatch.setattr(nginx, "SHIPPED", hasty)

        async def count(scope: Any, receive: Any, send: Any) -> None:
            total, more = 0, True
            while more:
                message = await receive()
                total, more = total + len(message.get("body", b"")), message.get("more_body", False)
            if b"late" in scope["query_string"]:
                await asyncio.sleep(2.5)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(total).encode()})

        with before(count, tmp_path) as running, httpx.Client(base_url=running.url, timeout=30) as client:
            yield client

    def test_every_address_that_takes_files_takes_more_than_four_mib(self, counting: httpx.Client) -> None:
        routes = [form.route for form in multipart.forms()] + [*tus.ADDRESSES, *chunks.ADDRESSES]
        assert len(routes) >= 12
        for route in routes:
            path = "/" + re.sub(r"<[^>]+>", str(uuid.uuid4()), route)
            for address in (path, f"{path}/"):
                answer = counting.post(address, content=bytes(self.MIB_5))
                with check(route):
                    assert (answer.status_code, answer.text) == (200, str(self.MIB_5))

    def test_whoever_asks_for_an_analysis_waits_for_it(self, counting: httpx.Client) -> None:
        assert counting.post("/analyze/highlights?late", content=b"1234").text == "4"
        refused(counting.post("/api/v1/jobs?late", content=b"1234"), "unavailable")
