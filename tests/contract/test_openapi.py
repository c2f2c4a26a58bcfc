"""The OpenAPI document: every API route is in it, every operation tells its error body, and answers fit it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.views import APIView

from tests.support.api import BASE, Api
from tests.support.factories import make_alignment, make_job, make_session
from vodplatform.accounts.models import User

# Routes that are documents or bytes rather than calls.
APART = {"api/schema", "api/docs"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-any-return]


def api_routes(resolver: URLResolver, prefix: str = "") -> list[str]:
    """Every route that a REST framework view answers."""
    found: list[str] = []
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += api_routes(pattern, route)
        elif isinstance(pattern, URLPattern) and issubclass(getattr(pattern.callback, "cls", object), APIView):
            found.append(route)
    return found


def test_every_call_is_in_the_document(document: dict[str, Any]) -> None:
    routes = [route for route in api_routes(get_resolver()) if route not in APART]
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
    for method, path, url, body in calls:
        response = api.send(method.upper(), url, body)
        responses = document["paths"][path][method]["responses"]
        assert str(response.status_code) in responses, (method, path, response.status_code, response.content)
        schema = responses[str(response.status_code)]["content"]["application/json"]["schema"]
        check(response.json(), schema, document, f"{method} {path}")
