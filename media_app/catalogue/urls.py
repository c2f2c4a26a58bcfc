from typing import Any, cast

from django.urls import URLPattern, path

from media_app.catalogue import pages
from media_app.catalogue.api import CatalogueViewSet, VideoViewSet
from media_app.catalogue.files_api import VideoFileViewSet
from vodplatform.core.api.routers import Router

# URL prefixes of the oldest clients; the API schema omits these URLs.
PREFIXES = ("", "functions/v1/")


def _alias(viewset: type[CatalogueViewSet], name: str, **actions: str) -> list[URLPattern]:
    view = viewset.as_view(cast(dict[str, Any], actions), schema=None)
    return [path(f"{prefix}{name}", view) for prefix in PREFIXES]


router = Router()
router.register("api/v1/videos", VideoViewSet, basename="video")
router.register("api/v1/videos", VideoFileViewSet, basename="video-file")

aliases = [
    *_alias(VideoViewSet, "videos", get="list", post="create"),
    *_alias(VideoViewSet, "videos-update/<uuid:video_id>", get="retrieve", put="update"),
    *_alias(VideoViewSet, "videos-delete/<uuid:video_id>", delete="destroy"),
    *_alias(VideoViewSet, "sync", get="sync_state", post="sync"),
    *_alias(VideoFileViewSet, "videos-upload", post="file", put="ready"),
]

urlpatterns = [
    *router.urls,
    *aliases,
    path("catalogue", pages.catalogue, name="catalogue"),
    path("catalogue/<uuid:video_id>/edit", pages.edit, name="catalogue-edit"),
]
