"""What every viewset of the API stands on: the caller, the object as the caller may use it, and what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db.models import Model
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from vodplatform.accounts.models import Scope, User
from vodplatform.core.api.fields import validate_query
from vodplatform.core.api.fixed import as_json, check_fixed, has_value
from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import BY_METHOD

M = TypeVar("M", bound=Model)


class Description(SimpleMetadata):
    """What OPTIONS answers: name, description and kinds of bodies. The fields stand in the OpenAPI document."""

    def determine_actions(self, request: Request, view: APIView) -> dict[str, Any]:
        return {}


class MayReadAtAll(BasePermission):
    """Strangers read where the catalogue is public; beside the usual class, which the document is made of."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.PUBLIC_CATALOG or bool(request.user.is_authenticated)


class ApiViewSet(GenericViewSet[M]):
    """The calls on one kind of resource.

    ``get_queryset`` gives what the caller may see. An object outside of it is answered with 404 ``missing``, one that
    the caller may see and not change with 403 ``forbidden`` where the call changes it.
    """

    metadata_class = Description
    missing = "not_found"  # the type of the error that says that there is no such object
    throttle_scope: str | None = BY_METHOD
    token_scope: Scope | None = None  # what a token needs; None: by the method

    @property
    def user(self) -> User:
        """Who calls; of views that need it, always signed in."""
        return cast(User, self.request.user)

    def get_object(self) -> M:
        """The object that the address names. Raises ``DomainError`` of the type ``missing``."""
        key = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        found = self.get_queryset().filter(**{self.lookup_field: key}).first()
        if found is None:
            raise DomainError(self.missing)
        return found

    def get_object_to_change(self) -> M:
        """The same for a call that changes it. Raises ``forbidden`` where the caller may not."""
        found = self.get_object()
        if not found.can_change(self.user):  # type: ignore[attr-defined]
            raise DomainError("forbidden")
        return found

    def read_body(self, form: type[Serializer[Any]]) -> dict[str, Any]:
        """The body as ``form`` has it. Raises REST framework's ``ValidationError``."""
        filled = form(data=self.request.data)
        filled.is_valid(raise_exception=True)
        return cast(dict[str, Any], filled.validated_data)

    def read_change(
        self, form: type[Serializer[Any]], answers: Callable[[], Iterable[Mapping[str, Any]]], *,
        alternatives: Sequence[str] = (), **options: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the body of a PATCH or PUT, validated by ``form``.

        answers: returns the object in each form in which the API answers it; called only if the body has fields that
        the form does not take. alternatives: fields of which the form takes one; if all are sent, fields with their
        current value are left out. options: arguments of ``form``. Raises REST framework's ``ValidationError``, and
        ``invalid`` for a field that cannot be changed and was sent with a new value.
        """
        data = self.request.data
        filled = form(data=data, **options)
        if type(data) is dict:  # JSON, whose values have types
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
        """The address's parameters as ``form`` has them; an empty one counts as not given."""
        return validate_query(form, self.request.query_params)
