"""The OpenAPI document: every API route is in it, and every operation tells its error body."""

from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from tests.contract.places import document

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


def test_every_call_is_in_the_document() -> None:
    every = set(api_views())
    assert every >= ALIASES
    routes = [route for route in every if route not in APART | ALIASES]
    paths = document()["paths"]
    assert len(routes) == len(paths)
    assert all(not path.endswith("/") for path in paths)


def test_every_operation_has_a_name_and_an_error_body() -> None:
    names = []
    for item in document()["paths"].values():
        for operation in item.values():
            names.append(operation["operationId"])
            schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}
    assert len(names) == len(set(names)) > 20
