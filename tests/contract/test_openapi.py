"""The OpenAPI document: every API route is in it, every operation tells its error body, and answers fit it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from tests.contract import places
from tests.support.api import BASE, Api
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_alignment, make_job, make_rendition, make_session
from vodplatform.accounts.models import User

# Routes that are documents or bytes rather than calls.
APART = {"api/schema", "api/docs", "metrics"}
# Other names of calls that are in it.
ALIASES = {
    f"{prefix}{name}"
    for prefix in ("", "functions/v1/")
    for name in (
        "videos", "videos-update/<uuid:video_id>", "videos-delete/<uuid:video_id>", "videos-upload", "sync"
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return places.document()


def api_views(resolver: URLResolver | None = None, prefix: str = "") -> dict[str, Any]:
    """Every view of REST framework by its route."""
    found: dict[str, Any] = {}
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found |= api_views(pattern, route)
        elif isinstance(pattern, URLPattern) and issubclass(getattr(pattern.callback, "cls", object), APIView):
            found[route] = pattern.callback
    return found


def test_every_call_is_in_the_document(document: dict[str, Any]) -> None:
    every = set(api_views())
    assert every >= ALIASES
    routes = [route for route in every if route not in APART | ALIASES]
    assert len(routes) == len(document["paths"])
    assert all(not path.endswith("/") for path in document["paths"])


def test_every_operation_has_a_name_and_an_error_body(document: dict[str, Any]) -> None:
    names = []
    for item in document["paths"].values():
        for operation in item.values():
            names.append(operation["operationId"])
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}
    assert len(names) == len(set(names)) > 20


def check(value: Any, schema: dict[str, Any], document: dict[str, Any], where: str) -> None:
    """The part of JSON Schema that the document uses, as far as shapes go."""
    if value is None and schema.get("nullable"):
        return
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("allOf", []):
        check(value, part, document, where)
    if "oneOf" in schema:
        return
    if value is None:
        assert "type" not in schema, f"{where} is null"
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": int | float}
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), f"{where}: {value!r} is no {schema['type']}"
    if "enum" in schema:
        assert value in schema["enum"], where
    if isinstance(value, dict) and "properties" in schema:
        missing = set(schema.get("required", [])) - set(value)
        assert not missing, f"{where} lacks {missing}"
        unknown = set(value) - set(schema["properties"])
        assert not unknown, f"{where} has {unknown} that the document does not know"
        for name, part in value.items():
            check(part, schema["properties"][name], document, f"{where}.{name}")
    if isinstance(value, list):
        for number, part in enumerate(value):
            check(part, schema.get("items", {}), document, f"{where}[{number}]")


@pytest.mark.django_db
def test_answers_have_the_shape_that_the_document_says(document: dict[str, Any], api: Api, owner: User) -> None:
    session = make_session(owner)
    base = f"{BASE}/{session.session_id}"
    alignment = make_alignment(session)
    job = make_job(owner, "failed", error={"type": "x", "message": "y"})
    session_path = f"{BASE}/{{session_id}}"
    calls = [
        ("put", f"{session_path}/offsets", f"{base}/offsets", {"offsets": {"vod-2": 5}, "source": "manual"}),
        ("put", f"{session_path}/global-seek", f"{base}/global-seek", {"timestamp": 5}),
        ("put", f"{session_path}/playback", f"{base}/playback", {"state": "playing"}),
        ("post", f"{session_path}/alignments/{{job_id}}/apply", f"{base}/alignments/{alignment.job_id}/apply", {}),
        ("patch", session_path, base, {"name": "New"}),
        ("get", session_path, base, None),
        ("get", f"{session_path}/offset-history", f"{base}/offset-history", None),
        ("get", f"{session_path}/alignments/{{job_id}}", f"{base}/alignments/{alignment.job_id}", None),
        ("get", f"{BASE}/list", f"{BASE}/list", None),
        ("get", "/api/v1/jobs", "/api/v1/jobs", None),
        ("get", "/api/v1/jobs/{job_id}", f"/api/v1/jobs/{job.pk}", None),
        ("get", "/api/v1/me", "/api/v1/me", None),
        ("get", "/api/auth/tokens", "/api/auth/tokens", None),
        ("delete", session_path, base, None),
    ]
    check_all(calls, document, api)


@pytest.mark.django_db
def test_the_catalogues_answers_too(document: dict[str, Any], admin_api: Api, admin_person: User) -> None:
    video = make_catalogue_video(admin_person, tags=["a"])
    make_rendition(video, "poster")
    path, url = "/api/v1/videos/{video_id}", f"/api/v1/videos/{video.pk}"
    operation = {
        "operation_type": "add_tag", "operation_data": {"value": "b"}, "timestamp": 1_700_000_000,
        "vector_clock": {str(admin_person.pk): 1},
    }  # fmt: skip
    calls = [
        ("get", "/api/v1/videos", "/api/v1/videos", None),
        ("post", "/api/v1/videos", "/api/v1/videos", {"title": "New"}),
        ("get", path, url, None),
        ("put", path, url, {"title": "New"}),
        ("patch", path, url, {"is_hidden": True}),
        ("post", f"{path}/sync", f"{url}/sync", {"operations": [operation]}),
        ("get", f"{path}/sync", f"{url}/sync", None),
        ("post", f"{path}/reports", f"{url}/reports", {"reason": "spam"}),
        ("delete", path, url, None),
        ("post", f"{path}/restore", f"{url}/restore", None),
    ]
    check_all(calls, document, admin_api)


def check_all(calls: list[tuple[str, str, str, Any]], document: dict[str, Any], api: Api) -> None:
    """Make the calls one after the other, and hold each answer against the document."""
    for method, path, url, body in calls:
        response = api.send(method.upper(), url, body)
        responses = document["paths"][path][method]["responses"]
        assert str(response.status_code) in responses, (method, path, response.status_code, response.content)
        schema = responses[str(response.status_code)]["content"]["application/json"]["schema"]
        check(response.json(), schema, document, f"{method} {path}")
