from django.urls import path

from sessions_app.analysis import pages
from sessions_app.analysis.api import AnalysisViewSet, SynchronousAnalysisViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/video", AnalysisViewSet, basename="analysis")
router.register("analyze", SynchronousAnalysisViewSet, basename="analyze")

urlpatterns = [
    *router.urls,
    path("analysis", pages.index, name="analysis"),
    path("analysis/<uuid:session_id>", pages.session, name="analysis-session"),
    path("analysis/<uuid:session_id>/reel", pages.reel, name="analysis-reel"),
]
