"""View of the OpenAPI document in the repository."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from http import HTTPStatus

import yaml
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from vodplatform.core.errors import DomainError


@lru_cache
def read_schema(format: str) -> tuple[bytes, str]:
    """Return the content of docs/openapi.yaml in the format ``yaml`` or ``json``, and an ETag."""
    content = (settings.BASE_DIR / "docs" / "openapi.yaml").read_bytes()
    if format == "json":
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content = json.dumps(yaml.load(content, loader)).encode()  # noqa: S506 - both loaders are safe
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


class SchemaView(SpectacularAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        renderer = request.accepted_renderer
        content, etag = read_schema(renderer.format)
        answer = HttpResponse(content, content_type=renderer.media_type)
        answer["ETag"], answer["Content-Disposition"] = etag, f'inline; filename="openapi.{renderer.format}"'
        found = get_conditional_response(request._request, etag=etag, response=answer)
        assert found is not None
        if found.status_code == HTTPStatus.PRECONDITION_FAILED:
            raise DomainError("precondition_failed", "The API schema has changed. Load the schema again.")
        return found
