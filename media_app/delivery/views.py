"""Small files that jobs have made (evidence pictures), behind signed addresses."""

from __future__ import annotations

from pathlib import PurePosixPath

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from media_app.delivery.urls import MADE
from vodplatform.base import signing
from vodplatform.base.errors import error_response

CONTENT_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}
MAX_BYTES = 8 * 1024 * 1024


@csrf_exempt
def made_file(request: HttpRequest, key: str) -> HttpResponse:
    """A picture by its storage key; the signature is the permission."""
    if request.method not in ("GET", "HEAD"):
        return error_response("method_not_allowed", headers={"Allow": "GET, HEAD"})
    try:
        expires = signing.verify(request.GET.get("sig", ""), MADE, key)
    except signing.ExpiredSignature:
        return error_response("gone")
    except signing.BadSignature:
        return error_response("not_found")
    content_type = CONTENT_TYPES.get(PurePosixPath(key).suffix)
    try:
        if content_type is None:
            return error_response("not_found")
        with default_storage.open(key) as file:
            content = file.read(MAX_BYTES)
    except (OSError, SuspiciousFileOperation):
        return error_response("not_found")
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = "private, max-age=3600, immutable"
    response["X-Expires-At"] = str(expires)
    return response
