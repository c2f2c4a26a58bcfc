"""Sign-in endpoints of the API."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from vodplatform.accounts import jwt, services, tickets
from vodplatform.accounts.credentials import Credential
from vodplatform.accounts.models import ApiToken, Scope
from vodplatform.accounts.serializers import (
    ApiTokenSerializer,
    CredentialsSerializer,
    JwtPairSerializer,
    JwtRefreshSerializer,
    NewTokenSerializer,
    OwnTokenCreatedSerializer,
    TokenCreatedSerializer,
    TokenFieldsSerializer,
    WsTicketSerializer,
)
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.parsers import SmallJSONParser
from vodplatform.core.errors import DomainError

TAG = "Signing in"


def _lifetime(data: dict[str, Any]) -> timedelta | None:
    return timedelta(seconds=data["expires_in"]) if data.get("expires_in") else None


@extend_schema(tags=[TAG])
class SignInViewSet(ApiViewSet[ApiToken]):
    authentication_classes = ()
    parser_classes = (SmallJSONParser,)
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="auth_token_create",
        summary="Sign in to get an API token",
        request=NewTokenSerializer,
        responses={200: TokenCreatedSerializer},
    )
    @action(detail=False, methods=["post"])
    def token(self, request: Request) -> Response:
        """Exchange a user name and password for an API token."""
        data = self.read_body(NewTokenSerializer)
        user = services.check_credentials(request._request, data["username"], data["password"])
        scopes = services.chosen_scopes(user, data.get("scopes"))
        row, key = services.issue_token(user, name=data["name"], scopes=scopes, lifetime=_lifetime(data))
        return Response(TokenCreatedSerializer({"token": key, "expiry": row.expires_at, "user": user}).data)

    @extend_schema(
        operation_id="auth_jwt_create",
        summary="Sign in to get a JSON Web Token",
        request=CredentialsSerializer,
        responses={200: JwtPairSerializer},
    )
    @action(detail=False, methods=["post"])
    def jwt(self, request: Request) -> Response:
        """Exchange a user name and password for two JSON Web Tokens."""
        data = self.read_body(CredentialsSerializer)
        user = services.check_credentials(request._request, data["username"], data["password"])
        pair = services.issue_jwt(user, services.chosen_scopes(user, data.get("scopes")))
        return Response(JwtPairSerializer(asdict(pair)).data)

    @extend_schema(
        operation_id="auth_jwt_refresh",
        summary="Renew a JSON Web Token",
        request=JwtRefreshSerializer,
        responses={200: JwtPairSerializer},
    )
    @action(detail=False, methods=["post"], url_path="jwt/refresh")
    def refresh_jwt(self, request: Request) -> Response:
        """Exchange a refresh token, which works once, for a new pair of tokens."""
        data = self.read_body(JwtRefreshSerializer)
        try:
            pair = jwt.renew(data["refresh"])
        except jwt.InvalidJwt as exc:
            raise DomainError(
                "token_invalid", "The refresh token is invalid, expired or already used. Sign in again."
            ) from exc
        return Response(JwtPairSerializer(asdict(pair)).data)


@extend_schema(tags=[TAG])
class TokenViewSet(ApiViewSet[ApiToken]):
    lookup_url_kwarg = "token_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=self.user, revoked_at__isnull=True)

    @extend_schema(
        operation_id="auth_tokens_list", summary="List your API tokens", responses={200: ApiTokenSerializer(many=True)}
    )
    def list(self, request: Request) -> Response:
        """List the caller's tokens, including expired ones, newest first. Their keys are not shown."""
        return Response(ApiTokenSerializer(self.get_queryset(), many=True).data)

    @extend_schema(
        operation_id="auth_tokens_create",
        summary="Create an API token",
        request=TokenFieldsSerializer,
        responses={201: OwnTokenCreatedSerializer},
    )
    def create(self, request: Request) -> Response:
        """Create a token with at most the scopes of the caller's credential."""
        data = self.read_body(TokenFieldsSerializer)
        scopes = services.chosen_scopes(self.user, data.get("scopes"))
        row, key = services.issue_token(self.user, name=data["name"], scopes=scopes, lifetime=_lifetime(data))
        answer = {"id": row.pk, "token": key, "expiry": row.expires_at, "name": row.name, "scopes": row.scopes}
        return Response(OwnTokenCreatedSerializer(answer).data, status=201)

    @extend_schema(operation_id="auth_tokens_revoke", summary="Revoke an API token", responses={204: None})
    def destroy(self, request: Request, token_id: str) -> Response:
        """Revoke a token, which then no longer works."""
        if not services.revoke_tokens(self.get_queryset().filter(pk=token_id), by=self.user):
            raise DomainError("not_found")
        return Response(status=204)


@extend_schema(tags=[TAG])
class TicketViewSet(ApiViewSet[ApiToken]):
    token_scope = Scope.READ

    @extend_schema(
        operation_id="auth_ws_ticket",
        summary="Get a WebSocket ticket",
        request=None,
        responses={200: WsTicketSerializer},
    )
    def create(self, request: Request) -> Response:
        """Return a ticket that opens one WebSocket within a minute."""
        ticket, expires_at = tickets.issue(self.user, cast(Credential, request.auth))
        return Response(WsTicketSerializer({"ticket": ticket, "expires_at": expires_at}).data)
