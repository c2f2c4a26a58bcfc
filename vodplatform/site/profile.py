"""The signed-in user's profile, plan and usage."""

from __future__ import annotations

import base64
import secrets
import tempfile
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs_app.models import Job, JobStatus
from media_app.catalogue import thumbnails
from media_app.uploads import quota
from media_app.uploads import services as uploads
from vodplatform.accounts import plans
from vodplatform.accounts.browser_sessions import browsers_of
from vodplatform.accounts.models import ApiToken, ProfilePicture, User, plain_text
from vodplatform.accounts.serializers import UserSerializer
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import StrictCharField
from vodplatform.core.errors import error_response
from vodplatform.core.formatting import limit_size, size
from vodplatform.core.records import audit

ACTIVE = (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.WAITING)
MAX_PICTURE_CHARACTERS = 1_000_000
_http_url = URLValidator(schemes=["http", "https"])


def usage_of(user: User) -> dict[str, int]:
    """Return bytes in storage (with unfinished uploads), number of active jobs, and uploads since midnight UTC."""
    return {
        "storage_bytes": quota.storage_bytes(user.pk),
        "jobs_active": Job.objects.filter(owner=user, status__in=ACTIVE).count(),
        "uploads_today": uploads.uploads_today(user.pk),
    }


class UsageSerializer(serializers.Serializer[dict[str, int]]):
    """The user's current use of the plan's limits."""

    storage_bytes = serializers.IntegerField()
    jobs_active = serializers.IntegerField()
    uploads_today = serializers.IntegerField()


class MeSerializer(UserSerializer):
    """The signed-in user, with limits and usage."""

    usage = UsageSerializer(read_only=True)

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "usage"]

    def to_representation(self, instance: User) -> dict[str, Any]:
        return {**super().to_representation(instance), "usage": usage_of(instance)}


class PictureField(StrictCharField):
    """A file in base64."""

    default_error_messages = {"base64": "This is not valid base64. Send the file in base64."}

    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]
        text = super().to_internal_value(data)
        if len(text) > MAX_PICTURE_CHARACTERS:
            self.fail("max_length", max_length=MAX_PICTURE_CHARACTERS)
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            self.fail("base64")


class ProfileSerializer(serializers.Serializer[dict[str, Any]]):
    """The profile fields that users can change."""

    full_name = StrictCharField(max_length=150, allow_blank=True, required=False, validators=[plain_text])
    avatar_url = StrictCharField(
        max_length=500,
        allow_blank=True,
        allow_null=True,
        required=False,
        help_text="URL of the picture (http or https); null for none. In responses also the URL of a stored `picture`.",
    )

    picture = PictureField(
        max_length=MAX_PICTURE_CHARACTERS, allow_null=True, required=False,
        help_text="A JPEG, PNG or WebP file in base64, stored on this server and shown to other users; null for none.",
    )  # fmt: skip

    def validate_avatar_url(self, value: str | None) -> str:
        if value and value != self.context.get("own_picture"):
            try:
                _http_url(value)
                plain_text(value)
            except ValidationError as exc:
                raise serializers.ValidationError(exc.messages) from exc
        return value or ""


@extend_schema(tags=["Account"])
class MeViewSet(ApiViewSet[User]):
    @extend_schema(operation_id="me", summary="Get your account", responses={200: MeSerializer})
    def retrieve(self, request: Request) -> Response:
        """Return profile, plan, limits and usage."""
        return Response(MeSerializer(self.user).data)

    @extend_schema(
        operation_id="me_update",
        summary="Change your account",
        request=ProfileSerializer,
        responses={200: MeSerializer},
    )
    def partial_update(self, request: Request) -> Response:
        """Change the name or the picture. A ``picture`` is stored on the server and sets ``avatar_url``."""
        user = self.user
        given = self.read_change(
            ProfileSerializer, lambda: [MeSerializer(user).data], context={"own_picture": user.own_picture}
        )
        if user.own_picture and given.get("avatar_url") == user.own_picture:
            del given["avatar_url"]
        changed = sorted(given)
        picture = _rendered(given["picture"], user) if given.get("picture") else None
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if {"picture", "avatar_url"} & set(given):
                ProfilePicture.objects.filter(user=user).delete()
                given.setdefault("avatar_url", "")
            if picture:
                ProfilePicture.objects.create(user=user, **picture)
                # Each new picture gets a new URL, because browsers cache pictures.
                given["avatar_url"] = f"{reverse('picture', args=[user.pk])}?v={secrets.token_hex(4)}"
            given.pop("picture", None)
            for name, value in given.items():
                setattr(user, name, value)
            if given:
                user.save(update_fields=list(given))
                audit.record("profile.changed", actor=user, target=user, fields=changed)
        return Response(MeSerializer(user).data)


def _rendered(content: bytes, user: User) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="picture-", dir=quota.scratch_folder()) as folder:
        source = Path(folder) / "picture"
        source.write_bytes(content)
        path, made = thumbnails.render(source, Path(folder), caller=str(user.pk))
        return {"content": path.read_bytes(), "mime_type": made["mime_type"]}


@require_safe
def picture(request: HttpRequest, user_id: UUID) -> HttpResponse:
    if not request.user.is_authenticated:
        return error_response("unauthenticated")
    found = ProfilePicture.objects.filter(user=user_id).first()
    if found is None:
        return error_response("not_found")
    answer = HttpResponse(bytes(found.content), content_type=found.mime_type)
    answer["Cache-Control"] = "private, max-age=31536000, immutable"
    return answer


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    plan, usage = plans.plan_of(user), usage_of(user)
    most = plans.limits_of_tier(plan["tier"])
    context = {
        "profile": user,
        "tokens": ApiToken.objects.filter(user=user, revoked_at__isnull=True).with_expiry_state(),
        "browsers": browsers_of(user, request.session.session_key),
        "plan": plan,
        "limits": most,
        "usage": usage,
        "sizes": {
            "storage": size(usage["storage_bytes"]),
            "max_storage": limit_size(most["max_storage_bytes"]),
            "max_upload": limit_size(most["max_upload_bytes"]),
        },
    }
    return render(request, "accounts/index.html", context)
