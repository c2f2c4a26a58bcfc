"""Who else may see a comparison, over the API (contract section 1.1): for its owner alone."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.comparison import share_serializers as s
from sessions_app.comparison import sharing
from sessions_app.comparison.api import TAG, ComparisonViewSet
from sessions_app.comparison.models import SessionShare
from sessions_app.comparison.serializers import OkSerializer
from vodplatform.base.api.idempotency import idempotent


@extend_schema(tags=[TAG])
class ShareViewSet(ComparisonViewSet):
    """Accounts that were invited to a comparison."""

    def answer_share(self, row: SessionShare, status: int = 200) -> Response:
        """One of them."""
        return Response({"ok": True, "share": s.ShareSerializer.show(row)}, status=status)

    @extend_schema(operation_id="shares_list", responses={200: s.ShareListSerializer})
    def list(self, request: Request, session_id: str) -> Response:
        """In the order they were invited."""
        rows = self.get_object_to_own().shares.select_related("user")
        return Response({"ok": True, "shares": [s.ShareSerializer.show(row) for row in rows]})

    @idempotent
    @extend_schema(operation_id="shares_create", request=s.NewShareSerializer, responses={201: s.ShareAnswerSerializer})
    def create(self, request: Request, session_id: str) -> Response:
        """Invite an account; of one that is invited already, change what it may."""
        session = self.get_object_to_own()
        return self.answer_share(sharing.create_share(session, self.read_body(s.NewShareSerializer)), 201)

    @extend_schema(
        operation_id="shares_change", request=s.SharePatchSerializer, responses={200: s.ShareAnswerSerializer}
    )
    @action(detail=False, methods=["patch"], url_path="<uuid:share_id>")
    def change(self, request: Request, session_id: str, share_id: UUID) -> Response:
        """Change what an account may."""
        session = self.get_object_to_own()
        return self.answer_share(sharing.change_share(session, share_id, self.read_body(s.SharePatchSerializer)))

    @extend_schema(operation_id="shares_delete", responses={200: OkSerializer})
    @change.mapping.delete
    def delete_one(self, request: Request, session_id: str, share_id: UUID) -> Response:
        """Withdraw it: pages and sockets end at once, bytes that are being sent within seconds."""
        sharing.delete_share(self.get_object_to_own(), share_id)
        return Response({"ok": True})
