"""URLs of the API and pages of merges and challenges. The clips' uploads have URLs in media_app."""

from django.urls import path

from sessions_app.challenges import pages
from sessions_app.challenges.api import ChallengeViewSet, MergeViewSet
from vodplatform.core.api.routers import Router

router = Router()
router.register("api/v1/challenge-videos", MergeViewSet, basename="merge")
router.register("api/v1/challenges", ChallengeViewSet, basename="challenge")

urlpatterns = [
    *router.urls,
    path("challenges", pages.index, name="challenges"),
    path("challenges/new", pages.new, name="challenges-new"),
    path("challenges/<uuid:challenge_id>", pages.challenge, name="challenge"),
    path("challenges/<uuid:challenge_id>/guess", pages.guess, name="challenge-guess"),
]
