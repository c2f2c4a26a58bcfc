"""The addresses of uploads that Django answers; the doors before it are mounted in vodplatform/asgi.py."""

from django.urls import path

from media_app.uploads import api

urlpatterns = [
    path("api/v1/uploads", api.UploadListView.as_view()),
    *(
        path(f"{base}/<uuid:upload_id>{end}", api.named(view, prefix, name).as_view())
        for prefix, base in api.BASES.items()
        for end, (name, view) in api.PARTS.items()
    ),
]
