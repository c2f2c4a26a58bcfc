"""The requests of measurement R8: each API call, page, admin list and socket.

Each is sent in a minimal form, and as large or complex as the program accepts.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bench import heavy_bodies as heavy
from bench import large_objects
from bench.request_meter import Answer, Meter, Request, Send, ask

if TYPE_CHECKING:
    from vodplatform.accounts.models import User

BASE = "/api/sessions/multi-vod"
ATTEMPTS = 4  # maximum attempts to find the largest accepted body; each attempt omits all fields refused so far
# Endings of API paths that change an object; each request to them gets a new object.
CHANGES = ("/cancel", "/pause", "/resume", "/retry", "/complete", "/archive", "/unarchive", "/restore", "/apply")
SIGNS = {"": "a", " of ligatures": heavy.LIGATURE, " of marks": heavy.MARK}
SEARCHES = {
    "words": " ".join("abcdefghij" * 10), "wildcards": "%_" * 100, "ligatures": heavy.LIGATURE * 200,
    "brackets": "([" * 100,
}  # fmt: skip
FORM_FIELDS = {"name": "a.mp4", "title": "A title", "analysis_type": "highlights"}
# A pattern and a title for which a backtracking regex engine doubles its work with each letter of the title.
PATTERN, PATTERN_TITLE = "(a+)+$", "a" * 25 + "!"
MANY_WORDS = 2_000
# Maximum number of imports that fill the comparison before its events are read. Each import adds 17 events of 70 kB;
# all imports together add 47 MB.
IMPORTS = 40


@dataclass(slots=True)
class People:
    owner: User
    key: str
    admin_key: str
    cookie: str
    admin_cookie: str


class Walk:
    """The sender of all requests. ids: ids of large objects, as returned by :func:`bench.large_objects.fill`."""

    def __init__(self, meter: Meter, people: People, ids: Mapping[str, dict[str, str]]) -> None:
        self.meter, self.people, self.ids = meter, people, ids
        self.address = meter.program.address

    # Sending

    def send(self, name: str, variant: str, make: Callable[[], Request] | Request) -> Answer:
        """Measure a request. make: the request, or a function that returns one for a newly created object."""
        made: Callable[[], Request] = make if callable(make) else lambda: make
        is_write = made().is_write if not callable(make) else True

        def ready() -> Send:
            request = made()
            return lambda: ask(self.address, request)

        return self.meter.run(name, variant, ready, is_write=is_write)

    def signed(self, request: Request, key: str = "") -> Request:
        headers = {"Authorization": f"Token {key or self.people.key}", **request.headers}
        return Request(request.method, request.path, request.body, headers)

    def in_browser(self, path: str, cookie: str = "", fields: Mapping[str, str] | None = None) -> Request:
        headers = {"Cookie": f"sessionid={cookie or self.people.cookie}; csrftoken={'c' * 32}", "Accept": "text/html"}
        if fields is None:
            return Request("GET", path, headers=headers)
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": "c" * 32}
        return Request("POST", path, urlencode(fields).encode(), headers | form)

    # The API

    def operations(self) -> None:
        from tests.contract import places

        # Deletions come last, because they delete the large objects.
        for method, path in sorted(places.operations(), key=lambda one: (one[0] == "delete", one[1])):
            operation = places.document()["paths"][path][method]
            name = f"{method.upper()} {path}"
            content = operation.get("requestBody", {}).get("content", {})
            key = self._plain(name, method, path, content)
            self._queries(name, method, path, operation, key)
            if "application/json" in content:
                self._bodies(name, method, path, content["application/json"]["schema"], key)

    def _plain(self, name: str, method: str, path: str, content: Mapping[str, Any]) -> str:
        for key in (self.people.key, self.people.admin_key):
            answer = self.send(name, "plain", self._making(method, path, content, key))
            if answer.status != 403:
                break
            self.meter.results.pop()
        return key

    def _making(self, method: str, path: str, content: Mapping[str, Any], key: str) -> Callable[[], Request] | Request:
        from tests.contract import places

        def make() -> Request:
            where = self.where(method, path)
            if content and "application/json" not in content:
                body, kind = heavy.form([(n, "", v.encode()) for n, v in FORM_FIELDS.items()]
                                        + [("file", "a.mp4", b"some bytes")])  # fmt: skip
            else:
                given = places.body(method, path, self.people.owner)
                body, kind = (b"" if given is None else json.dumps(given).encode()), "application/json"
            headers = {"Content-Type": kind} if body else {}
            return self.signed(Request(method.upper(), where, body, headers), key)

        return make if method != "get" else make()

    def where(self, method: str, path: str) -> str:
        from tests.contract import places
        from tests.support import factories

        names = places.names_in(path)
        if not names:
            return path
        is_last = method == "delete" or path.endswith(CHANGES)
        kind = large_objects.ids_of(path)
        if path == f"{BASE}/{{session_id}}" and is_last:
            import random

            return f"{BASE}/{large_objects.large_session(self.people.owner, random.Random(1)).session_id}"
        if path.startswith("/api/v1/jobs/"):
            state = next((one for end, one in places.JOB_STATES.items() if path.endswith(end)), "completed")
            return places.filled(path, {"job_id": str(factories.make_job(self.people.owner, state).pk)})
        ids = self.ids.get(kind, {})
        if is_last or not set(names) <= set(ids):
            return places.address(path, self.people.owner)
        return places.filled(path, {name: ids[name] for name in names})

    def _queries(self, name: str, method: str, path: str, operation: Mapping[str, Any], key: str) -> None:
        parameters = [one for one in operation.get("parameters", []) if one["in"] == "query"]
        if not parameters or method != "get":
            return
        for (variant, words), offset in itertools.product(SEARCHES.items(), (0, 4_000)):
            query = {one["name"]: parameter(one, words, offset) for one in parameters}
            query = {name: value for name, value in query.items() if value is not None}
            if (offset and not {"offset", "page"} & set(query)) or (variant != "words" and "search" not in query):
                continue
            where = f"{self.where(method, path)}?{urlencode(query)}"
            shown = f"query of {variant}" + (", far" if offset else "")
            self.send(name, shown, self.signed(Request("GET", where), key))

    def _bodies(self, name: str, method: str, path: str, schema: Mapping[str, Any], key: str) -> None:
        from tests.contract import places

        document = places.document()
        fields = heavy.resolved(schema, document)
        for variant, sign in SIGNS.items():
            plain = places.body(method, path, self.people.owner)
            if not isinstance(plain, dict) or not fields.get("properties"):
                return
            large = heavy.heaviest(fields, document, sign)
            for attempt in range(ATTEMPTS):
                value = {**plain, **large}
                body = json.dumps(value, ensure_ascii=False).encode()

                def make(body: bytes = body) -> Request:
                    kind = {"Content-Type": "application/json"}
                    return self.signed(Request(method.upper(), self.where(method, path), body, kind), key)

                answer = self.send(name, f"{len(body) // 1000} kB{variant}", make)
                refused = refused_fields(answer) & set(large)
                if answer.status != 400 or not refused or attempt == ATTEMPTS - 1:
                    break
                large = {field: part for field, part in large.items() if field not in refused}

    def parsers(self) -> None:
        from tests.contract import places

        for method, path in places.one_of_each_kind():
            name, where = f"{method.upper()} {path}", self.where(method, path)
            for variant, headers in heavy.hard_headers().items():
                self.send(name, f"header {variant}", self.signed(Request(method.upper(), where, b"", headers)))
            for variant, query in heavy.hard_queries().items():
                self.send(name, f"query {variant}", self.signed(Request(method.upper(), f"{where}?{query}")))
            if method not in ("post", "put", "patch"):
                continue
            for variant, body in heavy.hard_json().items():
                kind = {"Content-Type": "application/json"}
                self.send(name, f"JSON of {variant}", self.signed(Request(method.upper(), where, body, kind)))
            for variant, (body, content_type) in heavy.hard_forms().items():
                kind = {"Content-Type": content_type}
                self.send(name, f"form of {variant}", self.signed(Request(method.upper(), where, body, kind)))

    def files(self) -> None:
        from tests.contract import places
        from tests.support.factories import make_session

        imports = {"csv": heavy.hard_tables(), "otio": heavy.hard_timelines(), "json": heavy.hard_json()}
        for ending, bodies in imports.items():
            for variant, content in bodies.items():

                def make(content: bytes = content, ending: str = ending) -> Request:
                    where = f"{BASE}/{make_session(self.people.owner).session_id}/events/import"
                    body, kind = heavy.form([("file", f"a.{ending}", content)])
                    return self.signed(Request("POST", where, body, {"Content-Type": kind}))

                self.send(f"POST {BASE}/{{session_id}}/events/import", f"{ending}: {variant}", make)
        for kind, (variant, content) in itertools.product(("captions", "chapters"), heavy.hard_captions().items()):
            given = places.body("post", places.TEXT_TRACKS, self.people.owner) | {"kind": kind, "content": content}
            body = json.dumps(given, ensure_ascii=False).encode()
            request = Request("POST", places.TEXT_TRACKS, body, {"Content-Type": "application/json"})
            self.send(f"POST {places.TEXT_TRACKS}", f"{kind}: {variant}", self.signed(request))
        self._tus()

    def _tus(self) -> None:
        name, version = "POST /api/v1/uploads/tus/", {"Tus-Resumable": "1.0.0"}
        pairs = ",".join(f"name{number} {'YWFh' * 60}" for number in range(60))
        joined = "final;" + " ".join(["/api/v1/uploads/tus/00000000-0000-0000-0000-000000000001"] * 900)
        for variant, headers in {
            "metadata": {"Upload-Length": "10", "Upload-Metadata": pairs[:16_000]},
            "digits": {"Upload-Length": "9" * 60_000},
            "concatenation": {"Upload-Concat": joined},
        }.items():
            self.send(name, variant, self.signed(Request("POST", "/api/v1/uploads/tus/", b"", headers | version)))

    # Pages

    def pages(self) -> None:
        from tests.contract import test_page_roles as taught

        flat = {name: value for ids in self.ids.values() for name, value in ids.items()}
        ids = {
            **flat, **self.ids["session"], "video_id": self.ids["library"]["video_id"],
            "hidden_id": self.ids["catalogue"]["video_id"], "pro_id": self.ids["pro"]["job_id"],
            "analysis_id": self.ids["analysis"]["session_id"], "merge_id": self.ids["merge"]["merge_id"],
        }  # fmt: skip
        long = "search=" + quote(SEARCHES["words"]) + "&q=" + quote("a " * 1_000) + "&page=200&show=failed"
        for route, (kind, queries) in taught.PAGES.items():
            if kind == taught.DOOR:
                continue
            cookie = self.people.admin_cookie if kind == taught.MODERATED else self.people.cookie
            for query in ["", *queries, f"?{long}"]:
                where = taught.address(route, query, ids)
                shown = "plain" if not query else query if query in queries else "long query"
                self.send(f"page /{route}", shown, self.in_browser(where, cookie))
        self._forms()

    def _forms(self) -> None:
        long, marks = "a" * 500_000, "a" + heavy.MARK * 300_000
        session = self.ids["session"]["session_id"]
        for path, fields in {
            "/login": ("username", "password"), "/signup": ("username", "password1", "password2", "email"),
            "/login/lost": ("email",), "/account/password": ("old_password", "new_password1", "new_password2"),
            f"/compare/{session}/name": ("name",), f"/compare/{session}/password": ("password",),
            f"/r/{'a' * 40}": ("password",), "/compare/sample": ("name",),
            f"/challenges/{self.ids['challenge']['challenge_id']}/guess": ("statement_index",),
        }.items():  # fmt: skip
            for variant, text in (("plain", "some words"), ("500 kB", long), ("marks", marks)):
                signed = self.people.cookie if path.startswith(("/compare", "/account")) else "none"
                request = self.in_browser(path, signed, dict.fromkeys(fields, text))
                self.send(f"form {re.sub(r'[0-9a-f-]{30,}|a{40}', '…', path)}", variant, request)

    def admin(self) -> None:
        from django.contrib import admin
        from django.urls import reverse

        cookie = self.people.admin_cookie
        for model, shown in admin.site._registry.items():
            label = f"{model._meta.app_label}_{model._meta.model_name}"
            where = reverse(f"admin:{label}_changelist")
            texts = [
                field.name for field in model._meta.fields if field.get_internal_type() in ("CharField", "TextField")
            ]
            lists = {
                "plain": "", "search": "?q=" + quote("a b " * 50), "search of wildcards": "?q=" + quote("%_" * 100),
                f"search of {MANY_WORDS} words": "?q=" + quote("a " * MANY_WORDS),
                "ordered by all": "?o=" + ".".join(str(number + 1) for number in range(len(shown.list_display))),
                "last page": "?p=99", "all at once": "?all=",
                "lookups": "?" + "&".join(f"{name}__icontains=a" for name in texts[:1]),
                "many values": "?" + urlencode({"id__in": ",".join(["1"] * 5_000)}),
            }  # fmt: skip
            for variant, query in lists.items():
                self.send(f"admin list of {model.__name__}", variant, self.in_browser(where + query, cookie))
            row = model._default_manager.first()
            for page in ("change", "history", "delete"):
                if row is not None:
                    where_of_row = reverse(f"admin:{label}_{page}", args=[row.pk])
                    self.send(f"admin {page} of {model.__name__}", "plain", self.in_browser(where_of_row, cookie))
            self.send(f"admin add of {model.__name__}", "plain", self.in_browser(reverse(f"admin:{label}_add"), cookie))
        for variant, query in {"words": "a " * 1_000, "one letter": "a"}.items():
            self.send("admin search", variant, self.in_browser(f"/admin/search/?s={quote(query)}", cookie))

    # Sockets

    def sockets(self) -> None:
        session, video = self.ids["session"]["session_id"], self.ids["catalogue"]["video_id"]
        following = [json.dumps({"type": "following", "following": bool(n % 2)}) for n in range(900)]
        messages: dict[str, list[str | bytes]] = {
            "opened": [], "900 following": list(following), "1 MB of text": ['{"type": "' + "a" * 10**6 + '"}'],
            "deep JSON": ["[" * 60_000 + "]" * 60_000], "digits": ["9" * 60_000], "60 kB of bytes": [b"\x00" * 60_000],
        }  # fmt: skip
        for path in (f"/ws/sessions/{session}/", "/ws/jobs/", f"/ws/jobs/{self.ids['session']['job_id']}/",
                     "/ws/videos/", f"/ws/videos/{video}/?editing=1", "/ws/none/"):  # fmt: skip
            for variant, said in messages.items():
                self.meter.run(
                    f"socket {re.sub(r'(comp-)?[0-9a-f-]{20,}', '…', path)}", variant,
                    lambda path=path, said=said: lambda: self._speak(path, said), is_write=True,
                )  # fmt: skip

    def _speak(self, path: str, messages: list[str | bytes]) -> Answer:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        size = 0
        try:
            headers = {"Authorization": f"Token {self.people.key}"}
            with connect(
                self.address.replace("http", "ws", 1) + path, additional_headers=headers, max_size=None, proxy=None
            ) as client:
                for message in messages:
                    client.send(message)
                client.ping().wait(1)
                while True:
                    size += len(client.recv(timeout=0.05))
        except (TimeoutError, WebSocketException, OSError):
            return Answer(101, size)

    # Known attacks

    def known(self) -> None:
        from tests.support.factories import make_session, make_video

        owner, session = self.people.owner, self.ids["session"]["session_id"]
        cookie = self.people.admin_cookie

        def wide(kilobytes: int) -> Callable[[], Request]:
            content = heavy.hard_tables(kilobytes * 1000)["many columns, short rows"]

            def make() -> Request:
                body, kind = heavy.form([("file", "a.csv", content)])
                where = f"{BASE}/{make_session(owner).session_id}/events/import"
                return self.signed(Request("POST", where, body, {"Content-Type": kind}))

            return make

        self.send("A1 events/import", "100 kB of CSV, many columns", wide(100))
        stroke = {"tool": "text", "color": "#ff0000", "width": 1, "points": [[0, 0]], "text": "a" * 60_000}
        event = {"kind": "kill", "global_time": 5, "drawing": {"strokes": [stroke]}}
        kind = {"Content-Type": "application/json"}
        body = json.dumps(event).encode()
        where = f"{BASE}/{make_session(owner).session_id}/events"
        self.send("A2 events", "a stroke of 60 kB", self.signed(Request("POST", where, body, kind)))
        for ending in ("events?limit=1", "events", "timeline.otio", "events.csv", "events.json"):
            self.send("A6 10 000 events", ending, self.signed(Request("GET", f"{BASE}/{session}/{ending}")))
        make_video(owner, title=PATTERN_TITLE)
        for variant, query in {
            "regex": {"title__regex": PATTERN},
            "a broken regex": {"title__regex": "("},
            f"{MANY_WORDS} words": {"q": "a " * MANY_WORDS},
        }.items():
            self.send(
                "A4 /admin/catalog/video/",
                variant,
                self.in_browser(f"/admin/catalog/video/?{urlencode(query)}", cookie),
            )
        self._replies()
        track = {"kind": "captions", "language": "en", "label": "", "video_id": self.ids["library"]["video_id"],
                 "content": heavy.hard_captions()["digits of a reference"]}  # fmt: skip
        self.send(
            "A9 text track",
            "digits",
            self.signed(Request("POST", "/api/v1/text-tracks", json.dumps(track).encode(), kind)),
        )
        self.send("A14 sample", "made", self.in_browser("/compare/sample", "", {"name": "a"}))

    def _replies(self) -> None:
        from sessions_app.comparison.models import EventReply
        from tests.support.factories import make_reply, make_session

        owner = self.people.owner
        event = make_reply(make_session(owner)).event
        body = {"event": event, "created_by": owner, "created_by_name": owner.username}
        EventReply.objects.bulk_create(EventReply(body="a" * 9_000, **body) for _ in range(21))
        where = f"{BASE}/{event.session_id}/events/{event.pk}/replies"
        numbers = itertools.count()

        def make() -> Request:
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"reply-{next(numbers)}"}
            return self.signed(Request("POST", where, b'{"body": "a"}', headers))

        self.send("A5 reply with an Idempotency-Key", "1 letter", make)

    def large_events(self) -> None:
        from tests.support.factories import make_session

        session = make_session(self.people.owner).session_id
        points = [[0.12345678901234566, 0.9876543210987654]] * 1_450
        stroke = {"tool": "pen", "color": "#ff0000", "width": 1, "points": points}
        event = {"kind": "kill", "global_time": 5, "body": "a" * 10_000, "drawing": {"strokes": [stroke]}}
        few = json.dumps([event] * 17, separators=(",", ":")).encode()
        kind = {"Content-Type": "application/json"}
        fill = self.signed(Request("POST", f"{BASE}/{session}/events/import", few, kind))
        self.send("A3 events/import", f"{len(few) // 1000} kB", fill)
        for _ in range(IMPORTS):
            if ask(self.address, fill).status != 201:
                break
        read = self.signed(Request("GET", f"{BASE}/{session}/events"))
        self.send("A3 events", "one call", read)

        def together() -> Answer:
            answers: list[Answer] = []
            threads = [threading.Thread(target=lambda: answers.append(ask(self.address, read))) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return Answer(max(one.status for one in answers), sum(one.size for one in answers))

        self.meter.run("A3 events", "eight calls at once", lambda: together, is_write=True)
        copy = self.signed(Request("POST", f"{BASE}/{session}/duplicate", b"{}", kind))
        self.send("A3 duplicate", "2 bytes", copy)


def parameter(one: Mapping[str, Any], words: str, offset: int) -> Any:
    name, schema = one["name"], one["schema"]
    if name in ("offset", "page"):
        return offset // 100 if name == "page" and offset else offset or None
    if name == "search":
        return words[: schema.get("maxLength", 200)]
    # Omit filters, because a filtered list is less work for the server.
    return schema.get("maximum") if name == "limit" else {"joined": "true", "archived": "all"}.get(name)


def refused_fields(answer: Answer) -> set[str]:
    try:
        return {name.partition(".")[0] for name in json.loads(answer.body).get("errors", {})}
    except (ValueError, AttributeError):
        return set()
