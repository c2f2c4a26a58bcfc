"""Addresses of the comparison API."""

from django.urls import path, re_path

from sessions_app.comparison import api

BASE = "api/sessions/multi-vod"

urlpatterns = [
    path("api/sessions/library-files", api.LibraryFilesView.as_view()),
    path(BASE, api.SessionCreateView.as_view()),
    path(f"{BASE}/list", api.SessionListView.as_view()),
    path(f"{BASE}/<str:session_id>", api.SessionView.as_view()),
    path(f"{BASE}/<str:session_id>/global-seek", api.GlobalSeekView.as_view()),
    re_path(rf"^{BASE}/(?P<session_id>[^/]+)/vods/(?P<vod_id>[^/]+)/seek$", api.VodSeekView.as_view()),
    path(f"{BASE}/<str:session_id>/playback", api.PlaybackView.as_view()),
    path(f"{BASE}/<str:session_id>/offsets", api.OffsetsView.as_view()),
    path(f"{BASE}/<str:session_id>/offset-history", api.OffsetHistoryView.as_view()),
    path(f"{BASE}/<str:session_id>/align", api.AlignView.as_view()),
    path(f"{BASE}/<str:session_id>/alignments/<uuid:job_id>", api.AlignmentView.as_view()),
    path(f"{BASE}/<str:session_id>/alignments/<uuid:job_id>/apply", api.ApplyView.as_view()),
    path(f"{BASE}/<str:session_id>/timer-preview", api.TimerPreviewView.as_view()),
]
