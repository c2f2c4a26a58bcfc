"""Base class of the API's viewsets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db.models import Model
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, Throttled
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from vodplatform.accounts.models import Scope, User
from vodplatform.accounts.services import client_address
from vodplatform.core.api.fields import validate_query
from vodplatform.core.api.fixed import as_json, check_fixed, has_value
from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import BY_METHOD, count_request, network_of

M = TypeVar("M", bound=Model)


class FieldlessMetadata(SimpleMetadata):
    """Metadata for OPTIONS requests, without the fields that the OpenAPI document describes."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}


class CanReadCatalogue(BasePermission):
    """Permission to read without sign-in while the catalogue is public.

    Views also list IsAuthenticatedOrReadOnly, from which the OpenAPI generator learns that sign-in is optional.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.PUBLIC_CATALOG or bool(request.user.is_authenticated)


class ApiViewSet(GenericViewSet[M]):
    """Base class of API viewsets. ``get_queryset`` returns the rows visible to the caller."""

    metadata_class = FieldlessMetadata
    missing = "not_found"  # error type if the object does not exist
    throttle_scope: str | None = BY_METHOD
    token_scope: Scope | None = None  # scope that a token needs; None means read or write, by the HTTP method

    @property
    def user(self) -> User:
        """The caller. Use it only in views that require sign-in."""
        return cast(User, self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the caller. Requests without a valid sign-in count towards the limit of their network."""
        try:
            super().initial(request, *args, **kwargs)
        except (NotAuthenticated, AuthenticationFailed, DomainError) as exc:
            is_refused = not isinstance(exc, DomainError) or exc.type.status == HTTPStatus.UNAUTHORIZED
            if is_refused and (wait := count_request("read", network_of(client_address(request._request)))):
                raise Throttled(wait) from exc
            raise

    def get_object(self) -> M:
        key = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        found = self.get_queryset().filter(**{self.lookup_field: key}).first()
        if found is None:
            raise DomainError(self.missing)
        return found

    def get_object_to_change(self) -> M:
        found = self.get_object()
        if not found.can_change(self.user):  # type: ignore[attr-defined]
            raise DomainError("forbidden")
        return found

    def read_body(self, form: type[Serializer[Any]]) -> dict[str, Any]:
        filled = form(data=self.request.data)
        filled.is_valid(raise_exception=True)
        return cast(dict[str, Any], filled.validated_data)

    def read_change(
        self, form: type[Serializer[Any]], answers: Callable[[], Iterable[Mapping[str, Any]]], *,
        alternatives: Sequence[str] = (), **options: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Validate the body of a PATCH or PUT by the serializer ``form``, and return the validated fields.

        - answers: function that returns the object as each serializer of the API shows it. It is called only if the
        body has read-only fields or all ``alternatives``.
        - alternatives: mutually exclusive fields. If the body has all of them, unchanged ones are ignored.

        Raise ``ValidationError``, or ``invalid`` if a read-only field in the body differs from its current value.
        """
        data = self.request.data
        filled = form(data=data, **options)
        if type(data) is dict:
            others = {name: value for name, value in data.items() if name not in filled.fields}
            are_all_sent = bool(alternatives) and all(name in data for name in alternatives)
            if others or are_all_sent:
                shown = [as_json(answer) for answer in answers()]
                check_fixed(others, shown)
                if are_all_sent:
                    same = {name for name in alternatives if has_value(data[name], name, shown)}
                    filled = form(data={name: data[name] for name in data if name not in same}, **options)
        filled.is_valid(raise_exception=True)
        return cast(dict[str, Any], filled.validated_data)

    def read_query(self, form: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the validated query parameters; an empty parameter counts as missing."""
        return validate_query(form, self.request.query_params)
