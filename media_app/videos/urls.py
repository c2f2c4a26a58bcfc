"""Addresses of the pages of one's own videos."""

from django.urls import path

from media_app.videos import pages

urlpatterns = [
    path("library", pages.library, name="library"),
    path("upload", pages.upload, name="upload"),
    path("watch/<uuid:video_id>", pages.watch, name="watch"),
]
