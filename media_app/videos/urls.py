from django.urls import path

from media_app.videos import pages
from media_app.videos.api import LibraryViewSet
from media_app.videos.text_track_api import TextTrackViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/library", LibraryViewSet, basename="library")
router.register("api/v1/text-tracks", TextTrackViewSet, basename="text-track")

urlpatterns = [
    *router.urls,
    path("library", pages.library, name="library"),
    path("upload", pages.upload, name="upload"),
    path("watch/<uuid:video_id>", pages.watch, name="watch"),
]
