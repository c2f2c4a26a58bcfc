from django.urls import path

from sessions_app.comparison import pages
from sessions_app.comparison.api import AlignmentViewSet, ComparisonSessionViewSet, LibraryFileViewSet
from sessions_app.comparison.events.api import EventFileViewSet, EventViewSet
from sessions_app.comparison.export.api import ExportViewSet
from sessions_app.comparison.sharing import link_pages
from sessions_app.comparison.sharing.api import LinkViewSet, ShareViewSet
from vodplatform.core.api.routers import Router

SESSIONS = "api/sessions/multi-vod"

router = Router()
router.register("api/sessions/library-files", LibraryFileViewSet, basename="library-file")
router.register(SESSIONS, ComparisonSessionViewSet, basename="comparison")
router.register(SESSIONS, EventFileViewSet, basename="event-file")
router.register(SESSIONS, ExportViewSet, basename="export")
router.register(f"{SESSIONS}/<str:session_id>/events", EventViewSet, basename="event")
router.register(f"{SESSIONS}/<str:session_id>/shares", ShareViewSet, basename="share")
router.register(f"{SESSIONS}/<str:session_id>/links", LinkViewSet, basename="link")
router.register(f"{SESSIONS}/<str:session_id>/alignments", AlignmentViewSet, basename="alignment")

urlpatterns = [
    *router.urls,
    path("compare", pages.index, name="compare"),
    path("compare/sample", pages.make_sample, name="compare-sample"),
    path("compare/<str:session_id>", pages.session, name="compare-session"),
    path("compare/<str:session_id>/password", link_pages.give_password),
    path("compare/<str:session_id>/name", link_pages.set_visitor_name),
    path("r/<str:token>", link_pages.open_link),
]
