"""The API for shares and links of a comparison (contract.md, section 1.1)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.comparison.models import SessionShare
from sessions_app.comparison.serializers import OkSerializer
from sessions_app.comparison.sharing import links
from sessions_app.comparison.sharing import serializers as s
from sessions_app.comparison.sharing import services as sharing
from sessions_app.comparison.viewsets import TAG, ComparisonViewSet
from vodplatform.core.api.idempotency import idempotent


@extend_schema(tags=[TAG])
class ShareViewSet(ComparisonViewSet):
    """Accounts with access to a comparison."""

    def answer_share(self, row: SessionShare, status: int = 200) -> Response:
        return Response({"ok": True, "share": s.ShareSerializer.show(row)}, status=status)

    @extend_schema(
        operation_id="shares_list",
        summary="List the accounts that a comparison is shared with",
        responses={200: s.ShareListSerializer},
    )
    def list(self, request: Request, session_id: str) -> Response:
        """List the accounts that a comparison is shared with, in order of invitation."""
        rows = self.get_object_to_own().shares.select_related("user")
        return Response({"ok": True, "shares": [s.ShareSerializer.show(row) for row in rows]})

    @idempotent
    @extend_schema(
        operation_id="shares_create",
        summary="Share a comparison",
        request=s.NewShareSerializer,
        responses={201: s.ShareAnswerSerializer},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Share a comparison with an account. An existing share gets the new role."""
        session = self.get_object_to_own()
        return self.answer_share(sharing.create_share(session, self.read_body(s.NewShareSerializer)), 201)

    @extend_schema(
        operation_id="shares_change",
        summary="Change a share",
        request=s.ShareChangeSerializer,
        responses={200: s.ShareAnswerSerializer},
    )
    @action(detail=False, methods=["patch"], url_path="<uuid:share_id>")
    def change(self, request: Request, session_id: str, share_id: UUID) -> Response:
        """Change the role of an invited account, or whether it can comment."""
        session = self.get_object_to_own()
        shares = session.shares.select_related("user").filter(pk=share_id)
        values = self.read_change(s.ShareChangeSerializer, lambda: map(s.ShareSerializer.show, shares))
        return self.answer_share(sharing.change_share(session, share_id, values))

    @extend_schema(operation_id="shares_delete", summary="Withdraw a share", responses={200: OkSerializer})
    @change.mapping.delete
    def delete_one(self, request: Request, session_id: str, share_id: UUID) -> Response:
        """Withdraw access. Pages and sockets close at once, downloads within seconds."""
        sharing.delete_share(self.get_object_to_own(), share_id)
        return Response({"ok": True})


@extend_schema(tags=[TAG])
class LinkViewSet(ComparisonViewSet):
    """Links that give access without an account."""

    @extend_schema(
        operation_id="links_list", summary="List the links to a comparison", responses={200: s.LinkListSerializer}
    )
    def list(self, request: Request, session_id: str) -> Response:
        """List the links that have not expired, in order of creation, without their addresses."""
        rows = self.get_object_to_own().links.open()
        return Response({"ok": True, "links": [s.LinkSerializer.show(row) for row in rows]})

    # Do not support Idempotency-Key, because it would store this answer, which contains the link's secret.
    @extend_schema(
        operation_id="links_create",
        summary="Create a link to a comparison",
        request=s.NewLinkSerializer,
        responses={201: s.MadeLinkAnswerSerializer},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Create a link for visitors without an account. Only this answer contains its address."""
        session = self.get_object_to_own()
        site = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
        link = links.create_link(session, self.user, self.read_body(s.NewLinkSerializer), site)
        return Response({"ok": True, "link": s.MadeLinkSerializer.show(link)}, status=201)

    @extend_schema(operation_id="links_delete", summary="Withdraw a link", responses={200: OkSerializer})
    @action(detail=False, methods=["delete"], url_path="<uuid:link_id>")
    def delete_one(self, request: Request, session_id: str, link_id: UUID) -> Response:
        """Withdraw access. Pages and sockets close at once, downloads within seconds."""
        links.delete_link(self.get_object_to_own(), self.user, link_id)
        return Response({"ok": True})
