"""Addresses of the library's API; its page is media_app.videos's."""

from media_app.library.api import LibraryViewSet
from media_app.library.text_tracks import TextTrackViewSet
from vodplatform.base.api.routers import Router

router = Router()
router.register("api/v1/library", LibraryViewSet, basename="library")
router.register("api/v1/text-tracks", TextTrackViewSet, basename="text-track")

urlpatterns = router.urls
