"""Addresses of the API of merges and challenges; the uploads of clips are media_app's."""

from django.urls import path

from sessions_app.challenges import api

MERGES = "api/v1/challenge-videos"
CHALLENGES = "api/v1/challenges"

urlpatterns = [
    path(f"{MERGES}/upload-for-merge/initiate", api.InitiateView.as_view()),
    path(f"{MERGES}/merge-sessions", api.MergeListView.as_view()),
    path(f"{MERGES}/merge-session/<uuid:merge_id>", api.MergeView.as_view()),
    path(f"{MERGES}/merge-session/<uuid:merge_id>/status", api.MergeStatusView.as_view()),
    path(f"{MERGES}/merge-session/<uuid:merge_id>/retry", api.MergeRetryView.as_view()),
    path(f"{MERGES}/merge-session/<uuid:merge_id>/cancel", api.MergeCancelView.as_view()),
    path(CHALLENGES, api.ChallengeListView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>", api.ChallengeDetailView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>/publish", api.PublishView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>/unpublish", api.UnpublishView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>/segments", api.SegmentsView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>/guesses", api.GuessesView.as_view()),
    path(f"{CHALLENGES}/<uuid:challenge_id>/reports", api.ReportsView.as_view()),
]
