"""The catalogue's addresses: the canonical ones, and those that its first clients know."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from media_app.catalogue import api, files_api

BASE = "api/v1/videos"
# Other names of the same, at the root and as if there were functions behind them; the schema has none of them.
PREFIXES = ("", "functions/v1/")


def _alias(view: type[APIView], name: str, *methods: str) -> list[URLPattern]:
    answer = view.as_view(schema=None, http_method_names=[*methods, "head", "options"])
    return [path(f"{prefix}{name}", answer) for prefix in PREFIXES]


urlpatterns = [
    path(BASE, api.VideoListView.as_view()),
    path(f"{BASE}/<uuid:video_id>", api.VideoDetailView.as_view()),
    path(f"{BASE}/<uuid:video_id>/restore", api.VideoRestoreView.as_view()),
    path(f"{BASE}/<uuid:video_id>/reports", api.VideoReportsView.as_view()),
    path(f"{BASE}/<uuid:video_id>/sync", api.VideoSyncView.as_view()),
    path(f"{BASE}/<uuid:video_id>/file", files_api.VideoFileView.as_view()),
    path(f"{BASE}/<uuid:video_id>/ready", files_api.VideoReadyView.as_view()),
    *_alias(api.VideoListView, "videos", "get", "post"),
    *_alias(api.VideoDetailView, "videos-update/<uuid:video_id>", "get", "put"),
    *_alias(api.VideoDetailView, "videos-delete/<uuid:video_id>", "delete"),
    *_alias(api.VideoSyncView, "sync", "get", "post"),
    *_alias(files_api.VideosUploadView, "videos-upload", "post", "put"),
]
