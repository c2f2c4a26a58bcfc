"""Addresses of the analysis API."""

from django.urls import path

from sessions_app.analysis import api

BASE = "api/v1/video"

urlpatterns = [
    path(f"{BASE}/upload", api.UploadView.as_view()),
    path(f"{BASE}/sessions", api.SessionListView.as_view()),
    path(f"{BASE}/status/<str:session_id>", api.StatusView.as_view()),
    path(f"{BASE}/results/<str:session_id>.csv", api.TableView.as_view()),
    path(f"{BASE}/results/<str:session_id>", api.ResultsView.as_view()),
    path(f"{BASE}/cancel/<str:session_id>", api.CancelView.as_view()),
    path(f"{BASE}/cleanup/<str:session_id>", api.CleanupView.as_view()),
    path("analyze/highlights", api.AnalyzeHighlightsView.as_view()),
    path("analyze/workout", api.AnalyzeWorkoutView.as_view()),
]
