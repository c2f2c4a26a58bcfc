from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.authentication import get_authorization_header
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from sessions_app.comparison import serializers as s
from sessions_app.comparison.access import redact_for_grant, viewer_of
from sessions_app.comparison.models import Access, ComparisonSession, LinkVisitor, SessionRole, Viewer
from vodplatform.accounts.authentication import BrowserAuthentication
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.errors import DomainError

TAG = "Comparison sessions"


class ComparisonViewSet(ApiViewSet[ComparisonSession]):
    """Base viewset of comparisons: checks the feature switch and the caller's access to the session."""

    missing = "session_not_found"
    lookup_url_kwarg = "session_id"
    lookup_value_converter = "str"
    access = Access(SessionRole.OWNER)  # access of the caller; OWNER while a session is created

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not settings.MULTI_VOD_ENABLED:
            raise DomainError("feature_disabled")

    def perform_authentication(self, request: Request) -> None:
        """Identify the account if it has access, otherwise the visitor of a share link."""
        super().perform_authentication(request)
        if "session_id" not in self.kwargs or get_authorization_header(request):
            return
        viewer = viewer_of(request.user, request.COOKIES, self.kwargs["session_id"])
        if isinstance(viewer, LinkVisitor):
            if request.method not in SAFE_METHODS:
                BrowserAuthentication().enforce_csrf(request)
            request.user = viewer  # type: ignore[assignment]  # REST framework accepts any object here

    def check_permissions(self, request: Request) -> None:
        if not isinstance(self.viewer, LinkVisitor):
            super().check_permissions(request)

    def read_session_change(
        self, form: type[Serializer[Any]], session: ComparisonSession, vod_id: str | None = None
    ) -> dict[str, Any]:
        def answers() -> list[dict[str, Any]]:
            shown = redact_for_grant(s.SessionSerializer.show(s.SessionSnapshot.of(session)), self.access.grant)
            return [shown] if vod_id is None else [vod for vod in shown["vods"] if vod["vod_id"] == vod_id]

        return self.read_change(form, answers)

    @property
    def viewer(self) -> Viewer:
        return cast(Viewer, self.request.user)

    def get_queryset(self) -> QuerySet[ComparisonSession]:
        return ComparisonSession.objects.visible_to(self.viewer).at_database_time()

    def get_object(self) -> ComparisonSession:
        found = super().get_object()
        access = found.access_of(self.viewer)
        if access is None:
            raise DomainError(self.missing)
        self.access = access
        return found

    def get_object_to_change(self) -> ComparisonSession:
        found = self.get_object()
        if not self.access.can_edit:
            raise DomainError("forbidden")
        return found

    def get_object_to_own(self) -> ComparisonSession:
        found = self.get_object()
        if not self.access.is_owner:
            raise DomainError("forbidden")
        return found

    def answer(self, shown: dict[str, Any], status: int = 200) -> Response:
        return Response({"ok": True, "session": redact_for_grant(shown, self.access.grant)}, status=status)
