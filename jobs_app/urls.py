from django.urls import path

from jobs_app import pages
from jobs_app.api import JobViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/jobs", JobViewSet, basename="job")

urlpatterns = [*router.urls, path("jobs", pages.index, name="jobs")]
