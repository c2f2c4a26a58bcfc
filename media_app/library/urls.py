"""Addresses of the library's API; its page is media_app.videos's."""

from media_app.library.api import LibraryViewSet
from vodplatform.base.api.routers import Router

router = Router()
router.register("api/v1/library", LibraryViewSet, basename="library")

urlpatterns = router.urls
