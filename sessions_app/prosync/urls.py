"""Addresses of the API of pro jobs."""

from django.urls import path

from sessions_app.prosync import api

SYNC = "api/v1/sync"

urlpatterns = [
    path(f"{SYNC}/pro-sync-process", api.ProcessView.as_view()),
    path(f"{SYNC}/pro-jobs", api.ProListView.as_view()),
    path(f"{SYNC}/pro-job/<uuid:job_id>", api.ProJobView.as_view()),
    path(f"{SYNC}/pro-job/<uuid:job_id>/status", api.ProStatusView.as_view()),
    path(f"{SYNC}/webhooks/syncso", api.WebhookView.as_view()),
]
