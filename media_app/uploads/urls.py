"""Django URLs of uploads; vodplatform/asgi.py mounts the raw ASGI endpoints."""

from media_app.uploads.api import ClipUploadViewSet, OneUploadViewSet, UploadViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/uploads", UploadViewSet, basename="upload")
router.register("api/v1/uploads", OneUploadViewSet, basename="one-upload")
router.register("api/v1/challenge-videos/upload", ClipUploadViewSet, basename="clip-upload")

urlpatterns = router.urls
