from django.urls import path

from sessions_app.prosync import pages
from sessions_app.prosync.api import ProJobViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/sync", ProJobViewSet, basename="pro-job")

urlpatterns = [*router.urls, path("pro", pages.index, name="pro")]
