"""The program's URLs, and the bare baseline view."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vodplatform.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class BareView(APIView):
    """A REST framework view that only authenticates: the baseline for the cost of API calls."""

    def get(self, request: Request) -> Response:
        return Response({"status": "processing", "progress": 50.0})


# Insert the bare view before the last pattern, which matches every path.
urlpatterns = [path("bench/bare", BareView.as_view()), *urlpatterns]
