"""Requests that are wrong as bytes, at every operation: odd headers, addresses, methods and bodies. Never a 5xx.

What reads a request before a view's own code does is the same for many operations: `make test` sends everything to one
of each kind, `make test-all` to all. Wrong values in a good request are test_schemathesis.py's.
"""

import json
import os
from collections.abc import Container, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
from django.db import transaction
from django.test import Client
from hypothesis import strategies as st
from pytest_check import check
from rest_framework import serializers

from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import (
    address,
    document,
    filled,
    methods_of,
    one_of_each_kind,
    operations,
    places,
    takes_queries,
)
from tests.contract.wire import PROTECTIVE, Answer, Headers, ask, checked
from tests.support.api import BAD_BODIES, BASE
from tests.support.factories import make_key, make_session
from vodplatform.accounts.models import Role, Subscription, Tier, User
from vodplatform.core.errors import MAX_ERRORS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection", "steps_kind")]
SEARCHES = os.environ.get("HYPOTHESIS_PROFILE") == "search"
# Return one operation of each kind, and one with query parameters and ids in its address.
KINDS = [*one_of_each_kind(), ("get", f"{BASE}/{{session_id}}/events")]


def or_exhaustive(found: Sequence[Any], chosen: Container[Any]) -> list[Any]:
    """The parameters of a test, those outside of ``chosen`` for `make test-all` alone."""
    return [pytest.param(one, marks=[] if one in chosen else [pytest.mark.exhaustive]) for one in found]


every_operation = pytest.mark.parametrize("operation", or_exhaustive(operations(), KINDS), ids="-".join)
JSON = (b"content-type", b"application/json")

ODD_HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "Accept HTML": [(b"accept", b"text/html,application/xhtml+xml")],
    "Accept nothing": [(b"accept", b"*/*;q=0")],
    "Accept garbage": [(b"accept", b"\xff/;q=\x00,,;/")],
    "a long Accept": [(b"accept", b"a/b," * 5000)],
    "a format in the query of the framework": [(b"accept", b"application/json; indent=1000000")],
    "Authorization empty": [(b"authorization", b"")],
    "Authorization without a key": [(b"authorization", b"Token")],
    "Authorization with three parts": [(b"authorization", b"Token a b")],
    "Authorization not ASCII": [(b"authorization", b"Token \xff\xfe")],
    "Authorization with NUL": [(b"authorization", b"Token a\x00b")],
    "a long token": [(b"authorization", b"Token " + b"a" * 60_000)],
    "a long JWT": [(b"authorization", b"Bearer " + b"a." * 30_000)],
    "a JWT of nothing": [(b"authorization", b"Bearer ..")],
    "a JWT of lists": [(b"authorization", b"Bearer W10.W10.W10")],
    "Basic": [(b"authorization", b"Basic YTpi")],
    "Digest": [(b"authorization", b'Digest username="a"')],
    "cookies not ASCII": [(b"cookie", b"sessionid=\xff\xfe; csrftoken=\xff")],
    "a session with NUL": [(b"cookie", b"sessionid=a\x00b")],
    "a session with quotes": [(b"cookie", b"sessionid=\"a' OR 1=1 --\"")],
    "a long session": [(b"cookie", b"sessionid=" + b"a" * 60_000)],
    "ten thousand cookies": [(b"cookie", b"a=b;" * 10_000)],
    "many headers": [(b"x-%d" % number, b"a") for number in range(2000)],
    "a long header": [(b"x-long", b"a" * 60_000)],
    "an odd name": [(b"x-\xff", b"a"), (b"", b"a"), (b"x_y", b"\x00")],
    "a length that is not a number": [(b"content-length", b"ten")],
    "a negative length": [(b"content-length", b"-1")],
    "a long length": [(b"content-length", b"9" * 5000)],
    "two lengths": [(b"content-length", b"2"), (b"content-length", b"3")],
    "a coding": [(b"content-encoding", b"gzip"), (b"transfer-encoding", b"gzip, chunked")],
    "ranges": [(b"range", b"bytes=0-0,-1"), (b"if-range", b"\xff")],
    "conditions": [(b"if-none-match", b"*"), (b"if-modified-since", b"never"), (b"if-match", b'"a"')],
    "Expect": [(b"expect", b"200-ok")],
    "another host behind a proxy": [(b"x-forwarded-host", b"evil.example"), (b"x-forwarded-for", b"\xff, 1.2.3.4")],
    "another method": [(b"x-http-method-override", b"DELETE"), (b"x-method-override", b"DELETE")],
    "an odd language": [(b"accept-language", b"xx;q=\xff"), (b"accept-encoding", b"*;q=0")],
    "an odd request id": [(b"x-request-id", b"<script>\xff\x00")],
    "an odd Origin": [(b"origin", b"null"), (b"referer", b"http://[::1")],
    "an odd key": [(b"idempotency-key", b"\xff\x00")],
    "a long key": [(b"idempotency-key", b"k" * 256)],
    "an empty key": [(b"idempotency-key", b"")],
}  # fmt: skip
CONTENT_TYPES = [
    b"", b"text/plain", b"text/html", b"application/xml", b"application/x-www-form-urlencoded", b"multipart/form-data",
    b"multipart/form-data; boundary=\xff", b"multipart/form-data; boundary=" + b"a" * 300,
    b"multipart/mixed; boundary=a",
    b"application/json; charset=utf-16", b"application/json; charset=\xff", b"application/json; charset=none",
    b"application/json;;;=", b"application/json, text/plain", b"APPLICATION/JSON", b"application/*", b"*/*", b"json",
    b"application/json\x00", b"/", b"a" * 60_000,
]  # fmt: skip
NO_BODY = (
    "/archive", "/unarchive", "/leave", "/seen",
    "/cancel", "/retry", "/pause", "/resume", "/ws-ticket", "/complete", "/chunk", "/restore", "/cancel/{session_id}",
    "publish", "/webhooks/syncso",
)  # fmt: skip
ODD_QUERIES = [
    b"limit=1&limit=2", b"limit=&offset=", b"limit=%00", b"limit=%ff", b"limit=1%", b"limit[]=1",
    b"limit=1e1", b"limit=" + b"9" * 5000, b"offset=2147483648", b"offset=9223372036854775808", b"limit=%D9%A1",
    b"offset=-0", b"kind=" + b"a" * 60_000, b"kind=%00", b"status=%ED%A0%80", b"created_by=%00&search=%00&vod_id=%00",
    b"created_by=%ED%A0%80&search=%ED%A0%80&vod_id=%ED%A0%80", b"a=1&" * 2000, b"&&&===", b"%", b"format=html",
    b"format=api", b"_method=DELETE", b"ticket=a&sig=b", b"?" * 100,
]  # fmt: skip
ODD_ENDINGS = [
    b"%00", b"%FF", b"%C3%28", b"%ED%A0%80", b"%2F", b"%2e%2e", b"//", b"/.", b"/..", b";a=b", b".json", b"%0D%0AA:b",
    b"%E2%80%AE", b"%", b"%zz", b"%u0041", b"\\", b"<script>", b"'", b" ", b"/" * 2000, b"a" * 60_000,
]  # fmt: skip
ODD_METHODS = [
    "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "PROPFIND", "QUERY", "", " ", "A" * 5000, "GET\r\n",
    "\u00dc", "__init__", "dispatch", "http_method_not_allowed",
]  # fmt: skip

HEADER_NAMES = [
    b"accept", b"authorization", b"cookie", b"content-type", b"idempotency-key", b"x-request-id", b"origin", b"range",
    b"x-csrftoken", b"if-none-match", b"accept-language",
]  # fmt: skip
# A server passes on no control characters, and an address in ASCII alone.
HEADER_VALUES = st.binary(max_size=60).map(lambda value: value.translate(None, bytes(range(32)) + b"\x7f"))
QUERIES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60) | st.dictionaries(
    st.sampled_from(["limit", "offset", "kind", "status", "vod_id", "created_by", "search"]), st.text(max_size=20)
).map(lambda pairs: urlencode(pairs, errors="surrogatepass"))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=10), parts, max_size=3),
    max_leaves=6,
)
BODIES = st.binary(max_size=100) | VALUES.map(lambda value: json.dumps(value).encode())


@pytest.fixture
def key(owner: User) -> tuple[bytes, bytes]:
    """The owner's token as a header; a moderator's with a plan, whom doors let through to what he sends."""
    owner.role = Role.MODERATOR
    owner.save()
    Subscription.objects.create(user=owner, tier=Tier.PRO)
    return b"authorization", f"Token {make_key(owner)}".encode()


def tried(method: str, url: bytes | str, headers: Headers = (), body: bytes | Sequence[bytes] = b"") -> Answer:
    """The checked answer; what it has done is undone."""
    with transaction.atomic():
        answer = checked(ask(method, url, headers, body))
        transaction.set_rollback(True)
    return answer


@every_operation
def test_odd_headers(operation: tuple[str, str], owner: User, key: tuple[bytes, bytes]) -> None:
    method, path = operation
    url = address(path, owner)
    for name, odd in ODD_HEADERS.items():
        signed_in = [] if b"authorization" in {name for name, _ in odd} else [key]
        with check(name):
            tried(method.upper(), url, [*odd, JSON, *signed_in], b"{}")
    for kind in CONTENT_TYPES:
        for body in (b"{}", b"--a\r\n\r\n\xff")[: 1 if method == "get" else 2]:
            with check(f"{kind[:60]!r} {body!r}"):
                tried(method.upper(), url, [key, (b"content-type", kind)], body)
    if set(document()["paths"][path][method].get("requestBody", {}).get("content", ())) == {"application/json"}:
        answer = tried(method.upper(), url, [key, (b"content-type", b"application/x-www-form-urlencoded")], b"a=b")
        assert answer.type == "unsupported_media_type" or path.endswith(NO_BODY)


@every_operation
def test_odd_addresses(operation: tuple[str, str], owner: User, key: tuple[bytes, bytes]) -> None:
    method, path = operation
    names = places(path, owner)
    url = filled(path, names).encode()
    before, _, after = url.rpartition(b"/")
    odd = [url + ending for ending in ODD_ENDINGS] + [before + b"/" + ending + b"/" + after for ending in ODD_ENDINGS]
    for name in names:
        first, last = filled(path, names | {name: "\n"}).encode().split(b"\n")
        odd += [first + ending + last for ending in ODD_ENDINGS]
    queries = ODD_QUERIES if method == "get" and takes_queries(path) else [b"&".join(ODD_QUERIES)]
    for where in [*odd, *(url + b"?" + query for query in queries)]:
        with check(str(where[:120])):
            tried(method.upper(), where, [key, JSON], b"{}")


@every_operation
def test_odd_methods(operation: tuple[str, str], owner: User, key: tuple[bytes, bytes]) -> None:
    _, path = operation
    url = address(path, owner)
    named = {method.upper() for method in methods_of(path)}
    for other in (*{"GET", "POST", "PUT", "PATCH", "DELETE"} - named, *ODD_METHODS):
        with check(other[:20]):
            answer = tried(other, url, [key, JSON], b"{}")
            if other == "OPTIONS":
                assert answer.status == 200
            elif other == "HEAD" and "GET" in named:
                assert answer.status == tried("GET", url, [key, JSON], b"{}").status in (200, 400)
            else:
                assert answer.status == 405
                assert named <= set(answer.headers["allow"].split(", "))


@every_operation
def test_odd_bodies(operation: tuple[str, str], owner: User, key: tuple[bytes, bytes]) -> None:
    method, path = operation
    url = address(path, owner)
    takes_one = method in ("post", "put", "patch") and not path.endswith(NO_BODY)
    large = b'{"a": "' + b"a" * (3 * 1024 * 1024) + b'"}'
    for name, body in BAD_BODIES.items() if takes_one else list(BAD_BODIES.items())[:3]:
        with check(name):
            answer = tried(method.upper(), url, [key, JSON], body)
            assert answer.status == 400 or not takes_one
    with check("large"):
        answer = tried(method.upper(), url, [key, JSON], large)
        assert answer.type == "too_large" or not takes_one
    for bodies in (large * 2, [large] * 2):
        with check(f"very large, as {type(bodies)}"):
            assert tried(method.upper(), url, [key, JSON], bodies).type == "too_large"


@pytest.mark.parametrize(("method", "path"), operations() if SEARCHES else one_of_each_kind(), ids=lambda part: part)
@hypothesis.settings(max_examples=300 if SEARCHES else 10, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(query=QUERIES, body=BODIES, name=st.sampled_from(HEADER_NAMES), value=HEADER_VALUES)
def test_random_bytes(
    method: str, path: str, owner: User, key: tuple[bytes, bytes], query: str, body: bytes, name: bytes, value: bytes
) -> None:
    with transaction.atomic():
        tried(method.upper(), f"{address(path, owner)}?{query}", [(name, value), key, JSON], body)
        transaction.set_rollback(True)


def test_another_method_in_a_header_is_not_obeyed(owner: User, key: tuple[bytes, bytes]) -> None:
    session = make_session(owner)
    for name in (b"x-http-method-override", b"x-method-override", b"x-http-method", b"_method"):
        for method, status in (("GET", 200), ("POST", 405)):
            answer = checked(ask(method, f"{BASE}/{session.session_id}?_method=DELETE", [key, (name, b"DELETE")]))
            assert answer.status == status
    assert ComparisonSession.objects.filter(pk=session.pk).exists()


def test_an_unknown_host_is_refused_in_the_one_body(settings: Any, key: tuple[bytes, bytes]) -> None:
    settings.ALLOWED_HOSTS = ["a.b"]
    for host in (b"evil.example", b"", b"a.b:x", b"a.b@evil.example", b"\xff", b"a" * 5000):
        answer = checked(ask("GET", "/api/v1/me", [key, (b"accept", b"text/html")], host=host))
        assert (answer.status, answer.type) == (400, "bad_request")


# Pages, documents and doors: people's browsers may be sent there with anything in the address.
OTHERS = [
    "/", "/health", "/health/live", "/health/ready", "/metrics",
    "/api/schema", "/api/docs", "/api/docs/errors", "/help", "/api", "/api/none", "/login", "/logout",
    "/signup", "/account", "/account/password", "/jobs", "/compare", "/compare/none", "/api/v1/media/made/a.jpg",
    "/analysis", "/analysis/none", "/challenges", "/challenges/new", "/challenges/none", "/admin/", "/admin/login/",
    "/admin/logout/", "/admin/password_change/", "/admin/jobs/job/", "/admin/search/",
    "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/accounts/user/none/change/", "/admin/autocomplete/",
    "/admin/jsi18n/", "/admin/r/1/1/", "/static/css/base/base.css", "/static/none", "/api/v1/media/stream/a",
    "/api/v1/media/hls/a/b/master.m3u8", "/api/v1/media/hls/a/b/c/media.mp4", "/api/v1/media/renditions/a/b/c.jpg",
]  # fmt: skip
FORMS = {
    "NUL": b"username=a%00&password=a%00&password1=%00&password2=%00&old_password=%00&next=%00",
    "no UTF-8": b"username=%ff&password=%ff&password1=%ff&password2=%ff&old_password=%ff&next=%ff",
    "half a pair": b"username=%ED%A0%80&password=%ED%A0%80&full_name=%ED%A0%80",
    "bytes": b"\xff\x00\xfe",
    "many fields": b"a=1&" * 5000,
    "a long name": b"username=" + b"a" * 200_000 + b"&password=a",
    "twice": b"username=a&username=b&password=a&password=b",
    "elsewhere": b"username=a&password=a&next=//evil.example",
    "JSON": b'{"username": "a"}',
    "an action": b"action=cancel_jobs&_selected_action=none&_selected_action=%00&index=x",
}
FORM_KINDS = [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=a", b"application/json"]
CSRF = "c" * 32
CSRF_PAIR = [(b"cookie", f"csrftoken={CSRF}".encode()), (b"x-csrftoken", CSRF.encode())]


@pytest.fixture
def staff(admin_person: User) -> list[tuple[bytes, bytes]]:
    client = Client()
    client.force_login(admin_person)
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"
    return [(b"cookie", cookies.encode()), (b"x-csrftoken", CSRF.encode())]


def met(method: str, url: bytes | str, headers: Headers, body: bytes = b"") -> Answer:
    """The answer of an address that is no call of the API; what it has done is undone."""
    with transaction.atomic():
        answer = ask(method, url, headers, body)
        transaction.set_rollback(True)
    # The health check of a busy machine may answer 503.
    assert answer.status < 500 or (b"/health" in os.fsencode(url) and answer.status == 503), answer
    for name in PROTECTIVE:
        assert answer.headers.get(name), (name, answer)
    if "html" in answer.headers.get("content-type", ""):
        path = url if isinstance(url, str) else url.decode("latin-1")
        assert path.startswith("/api/docs") or not path.startswith("/api"), answer
    return answer


# Return one address of each kind.
OTHER_KINDS = ("/", "/health", "/api/docs", "/login", "/compare", "/static/none")
TAKE_FORMS = {
    "/login", "/logout", "/signup", "/account", "/account/password", "/account/sessions", "/admin/login/",
    "/admin/logout/", "/admin/password_change/", "/admin/jobs/job/", "/admin/accounts/user/add/",
    "/admin/accounts/user/none/change/",
}  # fmt: skip
HTML = (b"accept", b"text/html")


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("path", or_exhaustive(OTHERS, OTHER_KINDS))
def test_other_addresses_stand_anything(path: str, staff: list[tuple[bytes, bytes]]) -> None:
    who = [] if path in ("/login", "/signup", "/admin/login/") else staff
    for name, odd in ODD_HEADERS.items():
        names = {name for name, _ in odd}
        with check(name):
            met("GET", path, [*odd, *(header for header in who if header[0] not in names)])
    for query in [*ODD_QUERIES, b"next=//evil.example", b"page=x", b"page=-1", b"q=%00", b"o=x&p=x", b"id=x&part=rows"]:
        with check(str(query[:60])):
            answer = met("GET", path.encode() + b"?" + query, [HTML, *who])
            assert "evil" not in answer.headers.get("location", "").partition("?")[0]
    for method in ODD_METHODS:
        with check(method[:20]):
            met(method, path, [HTML, *who])
    for kind in FORM_KINDS:
        post_forms(path, staff, kind)


def post_forms(path: str, staff: list[tuple[bytes, bytes]], kind: bytes) -> None:
    who = CSRF_PAIR if path in ("/login", "/signup", "/admin/login/") else staff
    for name, body in FORMS.items():
        with check(f"{path} {kind!r} {name}"):
            answer = met("POST", path, [HTML, *who, (b"content-type", kind)], body)
            assert "evil" not in answer.headers.get("location", "").partition("?")[0]


def test_forms_stand_anything(staff: list[tuple[bytes, bytes]]) -> None:
    for path in sorted(TAKE_FORMS):
        post_forms(path, staff, FORM_KINDS[0])


# Bodies with far too many parts; the framework's own fields would try each and name each in the answer.
MANY = 20_000
MAX_LOOKED_AT = 1000
PARTS: list[Any] = [1, "a", {}, None]


def schema_of(method: str, path: str) -> dict[str, Any]:
    """The schema of an operation's JSON body; nothing where it takes none."""
    body = document()["paths"][path][method].get("requestBody", {})
    found = body.get("content", {}).get("application/json", {}).get("schema", {})
    return followed(found)


def followed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, where another is named in its place."""
    for whole in ("allOf", "oneOf", "anyOf"):
        if whole in schema:
            return followed(schema[whole][0])
    if name := schema.get("$ref"):
        return followed(document()["components"]["schemas"][name.rsplit("/", 1)[1]])
    return schema


def bodies(schema: dict[str, Any], depth: int = 0) -> Iterator[Any]:
    """Bodies in each of which one list or object has too many parts."""
    if schema.get("type") == "array":
        yield from ([part] * MANY for part in PARTS)
        yield from ([body] for body in bodies(followed(schema["items"]), depth + 1))
    elif "properties" in schema and depth < 4:
        for name, inner in schema["properties"].items():
            yield from ({name: body} for body in bodies(followed(inner), depth + 1))
    elif schema.get("type") == "object" or "additionalProperties" in schema:
        yield {str(number): 1 for number in range(MANY)}


def sentences(detail: Any) -> int:
    if isinstance(detail, dict | list):
        return sum(map(sentences, detail.values() if isinstance(detail, dict) else detail))
    return 1


WITH_PARTS = [one for one in operations() if next(bodies(schema_of(*one)), None) is not None]
assert len(WITH_PARTS) > 8


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of parts that the framework validated, for each validation."""
    found: list[int] = []
    fields = (
        (serializers.ListField, "run_child_validation"), (serializers.DictField, "run_child_validation"),
        (serializers.ListSerializer, "run_child_validation"),
    )  # fmt: skip
    for kind, name in fields:
        usual = getattr(kind, name)

        def count(self: Any, data: Any, usual: Any = usual) -> Any:
            found.append(len(data) if isinstance(data, list | dict) else 1)
            return usual(self, data)

        monkeypatch.setattr(kind, name, count)
    return found


@pytest.mark.parametrize(("method", "path"), WITH_PARTS, ids=lambda part: part)
def test_too_many_parts(method: str, path: str, owner: User, key: tuple[bytes, bytes], looked_at: list[int]) -> None:
    url = address(path, owner)
    for body in bodies(schema_of(method, path)):
        looked_at.clear()
        sent = json.dumps(body).encode()
        with check(sent[:80]):
            answer = tried(method.upper(), url, [JSON, key], sent)
            assert max(looked_at, default=0) <= MAX_LOOKED_AT and len(looked_at) <= MAX_LOOKED_AT
            told = json.loads(answer.body) if answer.status >= 400 else {}
            assert sentences(told.get("errors", [])) <= MAX_ERRORS
