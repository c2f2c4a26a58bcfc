"""Signing in over the API: tokens, JSON Web Tokens, tickets for WebSockets."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vodplatform.accounts import jwt, services, tickets
from vodplatform.accounts.credentials import Credential
from vodplatform.accounts.models import ApiToken, Scope, User
from vodplatform.accounts.serializers import (
    ApiTokenSerializer,
    CredentialsSerializer,
    JwtPairSerializer,
    JwtRefreshSerializer,
    OwnTokenCreatedSerializer,
    TokenCreatedSerializer,
    TokenFieldsSerializer,
    TokenRequestSerializer,
    WsTicketSerializer,
)
from vodplatform.base.errors import DomainError
from vodplatform.base.parsers import SmallJSONParser


def _lifetime(data: dict[str, Any]) -> timedelta | None:
    return timedelta(seconds=data["expires_in"]) if data.get("expires_in") else None


class TokenView(APIView):
    """Exchange a name and a password for a token."""

    authentication_classes = ()
    parser_classes = (SmallJSONParser,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_token_create", request=TokenRequestSerializer, responses={200: TokenCreatedSerializer}
    )
    def post(self, request: Request) -> Response:
        form = TokenRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        user = services.check_credentials(request._request, data["username"], data["password"])
        scopes = services.chosen_scopes(user, data.get("scopes"))
        row, key = services.issue_token(user, name=data["name"], scopes=scopes, lifetime=_lifetime(data))
        return Response(TokenCreatedSerializer({"token": key, "expiry": row.expires_at, "user": user}).data)


class TokenListView(APIView):
    """The caller's own tokens."""

    @extend_schema(operation_id="auth_tokens_list", responses={200: ApiTokenSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Newest first, without their keys; expired ones too, revoked ones not."""
        tokens = _own_tokens(request)
        return Response(ApiTokenSerializer(tokens, many=True).data)

    @extend_schema(
        operation_id="auth_tokens_create", request=TokenFieldsSerializer, responses={201: OwnTokenCreatedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make another token, with no more scopes than the caller has signed in with."""
        form = TokenFieldsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        user = cast(User, request.user)
        scopes = services.chosen_scopes(user, data.get("scopes"))
        row, key = services.issue_token(user, name=data["name"], scopes=scopes, lifetime=_lifetime(data))
        answer = {"id": row.pk, "token": key, "expiry": row.expires_at, "name": row.name, "scopes": row.scopes}
        return Response(OwnTokenCreatedSerializer(answer).data, status=201)


class TokenDetailView(APIView):
    """One of the caller's tokens."""

    @extend_schema(operation_id="auth_tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke it: it signs in no more."""
        if not services.revoke_tokens(_own_tokens(request).filter(pk=token_id), by=cast(User, request.user)):
            raise DomainError("not_found")
        return Response(status=204)


class JwtView(APIView):
    """Exchange a name and a password for a pair of JSON Web Tokens."""

    authentication_classes = ()
    parser_classes = (SmallJSONParser,)
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="auth_jwt_create", request=CredentialsSerializer, responses={200: JwtPairSerializer})
    def post(self, request: Request) -> Response:
        form = CredentialsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        user = services.check_credentials(request._request, data["username"], data["password"])
        pair = services.issue_jwt(user, services.chosen_scopes(user, data.get("scopes")))
        return Response(JwtPairSerializer(asdict(pair)).data)


class JwtRefreshView(APIView):
    """Exchange a refresh token for a new pair; each can be used once."""

    authentication_classes = ()
    parser_classes = (SmallJSONParser,)
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="auth_jwt_refresh", request=JwtRefreshSerializer, responses={200: JwtPairSerializer})
    def post(self, request: Request) -> Response:
        form = JwtRefreshSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            pair = jwt.renew(form.validated_data["refresh"])
        except jwt.InvalidJwt as exc:
            raise DomainError(
                "token_invalid", "The refresh token is not valid, expired or used; sign in again."
            ) from exc
        return Response(JwtPairSerializer(asdict(pair)).data)


class WsTicketView(APIView):
    """A ticket that opens one WebSocket within a minute, as whoever asks for it."""

    token_scope = Scope.READ  # it lets in to watch, no more

    @extend_schema(operation_id="auth_ws_ticket", request=None, responses={200: WsTicketSerializer})
    def post(self, request: Request) -> Response:
        ticket, expires_at = tickets.issue(cast(User, request.user), cast(Credential, request.auth))
        return Response(WsTicketSerializer({"ticket": ticket, "expires_at": expires_at}).data)


def _own_tokens(request: Request) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=cast(User, request.user), revoked_at__isnull=True)
