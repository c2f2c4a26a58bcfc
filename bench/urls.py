"""The program's addresses and one more, the least that a REST framework view can be: what calls are held against."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vodplatform.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class BareView(APIView):
    """Signed in like any other, and nothing asked of the database besides."""

    def get(self, request: Request) -> Response:
        return Response({"status": "processing", "progress": 50.0})


# Before the last, which takes what nobody else does.
urlpatterns = [path("bench/bare", BareView.as_view()), *urlpatterns]
