from django.urls import path

from media_app.streaming.api import OptimizedViewSet, UploadFiguresViewSet
from media_app.streaming.views import made_file
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/media/optimized", OptimizedViewSet, basename="optimized")
router.register("api/v1/analytics/upload", UploadFiguresViewSet, basename="upload-figures")

urlpatterns = [*router.urls, path("api/v1/media/made/<path:key>", made_file)]
