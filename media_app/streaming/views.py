"""Views of small files made by jobs (evidence pictures), behind signed URLs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from media_app.storage import files as store
from media_app.streaming import names
from media_app.videos.media_urls import MADE
from vodplatform.core.errors import error_response
from vodplatform.core.web import signing

MAX_BYTES = 8 * 1024 * 1024


@csrf_exempt
def made_file(request: HttpRequest, key: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return error_response("method_not_allowed", headers={"Allow": "GET, HEAD"})
    try:
        expires = signing.verify(request.GET.get("sig", ""), MADE, key)
        content_type = names.made_type(key)
        if content_type is None:
            raise FileNotFoundError(key)
        content = b"".join(store.read_chunks(key, 0, MAX_BYTES))
    except signing.ExpiredSignature:
        return error_response("gone")
    except (signing.BadSignature, FileNotFoundError):
        return error_response("not_found")
    except store.StoreUnavailable as exc:
        return error_response(exc.type.name, exc.message, headers={"Retry-After": "5"})
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = "private, max-age=3600, immutable"
    response["X-Expires-At"] = str(expires)
    return response
