"""Tokens and the signed-in user over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import cast
from uuid import UUID

from django.contrib.auth import authenticate
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vodplatform.accounts.models import ApiToken, Scope, User
from vodplatform.accounts.serializers import (
    ApiTokenSerializer,
    TokenCreatedSerializer,
    TokenRequestSerializer,
    UserSerializer,
)
from vodplatform.base.errors import DomainError


class TokenView(APIView):
    """Exchange a name and a password for a token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_token_create", request=TokenRequestSerializer, responses={200: TokenCreatedSerializer}
    )
    def post(self, request: Request) -> Response:
        form = TokenRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        user = authenticate(request, username=data["username"], password=data["password"])
        if user is None:
            raise DomainError("bad_credentials")
        scopes = data.get("scopes")
        if scopes and Scope.ADMIN in scopes and not user.is_admin:
            raise DomainError("forbidden", "Only an admin's token can have the scope 'admin'.")
        lifetime = timedelta(seconds=data["expires_in"]) if data.get("expires_in") else None
        row, key = ApiToken.issue(user, name=data["name"], scopes=scopes, lifetime=lifetime)
        return Response(TokenCreatedSerializer({"token": key, "expiry": row.expires_at, "user": user}).data)


class TokenListView(APIView):
    """The caller's own tokens, newest first, without their keys."""

    @extend_schema(operation_id="auth_tokens_list", responses={200: ApiTokenSerializer(many=True)})
    def get(self, request: Request) -> Response:
        tokens = ApiToken.objects.filter(user=cast(User, request.user), revoked_at__isnull=True)
        return Response(ApiTokenSerializer(tokens, many=True).data)


class TokenDetailView(APIView):
    """Revoke one token."""

    @extend_schema(operation_id="auth_tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        own = ApiToken.objects.filter(user=cast(User, request.user), pk=token_id, revoked_at__isnull=True)
        if not own.update(revoked_at=timezone.now()):
            raise DomainError("not_found")
        return Response(status=204)


class MeView(APIView):
    """The signed-in user."""

    @extend_schema(operation_id="me", responses={200: UserSerializer})
    def get(self, request: Request) -> Response:
        return Response(UserSerializer(cast(User, request.user)).data)
