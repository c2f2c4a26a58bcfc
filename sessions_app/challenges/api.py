from __future__ import annotations

import functools
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.videos.serializers import MessageSerializer
from sessions_app.challenges import challenges, merges
from sessions_app.challenges import serializers as s
from sessions_app.challenges.models import Challenge, ChallengeQuerySet, MergeSession, MergeSessionQuerySet
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.fields import ListQuerySerializer, page_of, page_slice
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.api.parsers import StrictJSONParser
from vodplatform.core.errors import DomainError


@extend_schema(tags=["Merges"])
class MergeViewSet(ApiViewSet[MergeSession]):
    """Merges of several clips into one video."""

    missing = "merge_not_found"
    lookup_url_kwarg = "merge_id"

    def get_queryset(self) -> MergeSessionQuerySet:
        return MergeSession.objects.visible_to(self.user).with_state()

    def answer(self) -> Response:
        return Response(s.MergeSerializer.show(self.get_object()))

    @idempotent
    @extend_schema(
        operation_id="merges_initiate",
        summary="Start a merge",
        request=s.NewMergeSerializer,
        responses={201: s.BegunMergeSerializer},
    )
    @action(
        detail=False, methods=["post"], url_path="upload-for-merge/initiate",
        parser_classes=[StrictJSONParser, MultiPartParser, FormParser],
    )  # fmt: skip
    def initiate(self, request: Request) -> Response:
        """Start a merge. Each clip gets an upload; when all are complete, the merge is queued."""
        form = s.NewMergeSerializer(data=s.plain_fields(request.data))
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        options: dict[str, Any] = {
            "title": asked.get("challenge_title") or "",
            "level_loudness": asked["level_loudness"],
            "priority": s.PRIORITIES[asked["priority"]],
        }
        if "media_file_ids" in asked:
            ids = asked["media_file_ids"]
            durations = asked.get("video_durations") or [0.0] * len(ids)
            session = merges.begin_with_uploads(self.user, ids, durations, **options)
        else:
            lists = (asked[name] for name in s.LISTS[:4])
            clips = [
                {"filename": name, "size": size, "duration": duration, "mime_type": mime_type}
                for name, size, duration, mime_type in zip(*lists, strict=True)
            ]
            session = merges.start_merge(self.user, clips, chunk_size=asked["chunk_size"], **options)
        return Response(s.BegunMergeSerializer.show(self.get_queryset().get(pk=session.pk)), status=201)

    @extend_schema(
        operation_id="merges_list",
        summary="List your merges",
        parameters=[ListQuerySerializer],
        responses={200: s.MergeListSerializer},
    )
    @action(detail=False, url_path="merge-sessions")
    def own(self, request: Request) -> Response:
        """List the caller's merges, newest first. Only the status of a single merge has chunk numbers."""
        query = self.read_query(ListQuerySerializer)
        rows = MergeSession.objects.filter(owner=self.user)
        shown = [s.ListedMergeSerializer.show(session) for session in rows.with_state()[page_slice(query)]]
        return Response({"merge_sessions": shown, "pagination": page_of(query, rows.count())})

    @extend_schema(operation_id="merges_delete", summary="Delete a merge", responses={200: MessageSerializer})
    @action(detail=False, methods=["delete"], url_path="merge-session/<uuid:merge_id>")
    def delete_one(self, request: Request, merge_id: UUID) -> Response:
        """Delete a merge and its video. A challenge that uses it must be deleted first."""
        merges.delete(self.get_object(), self.user)
        return Response({"message": "Merge deleted"})

    @extend_schema(operation_id="merges_status", summary="Get the state of a merge", responses={200: s.MergeSerializer})
    @action(detail=False, url_path="merge-session/<uuid:merge_id>/status")
    def status(self, request: Request, merge_id: UUID) -> Response:
        """Get the state of a merge: uploads, progress and result."""
        return self.answer()

    @extend_schema(
        operation_id="merges_retry", summary="Retry a failed merge", request=None, responses={200: s.MergeSerializer}
    )
    @action(detail=False, methods=["post"], url_path="merge-session/<uuid:merge_id>/retry")
    def retry(self, request: Request, merge_id: UUID) -> Response:
        """Retry a merge with high priority, if it failed for a temporary reason."""
        merges.retry(self.get_object())
        return self.answer()

    @extend_schema(
        operation_id="merges_cancel", summary="Cancel a merge", request=None, responses={200: s.MergeSerializer}
    )
    @action(detail=False, methods=["post"], url_path="merge-session/<uuid:merge_id>/cancel")
    def cancel(self, request: Request, merge_id: UUID) -> Response:
        """Cancel a merge and delete its clips."""
        merges.cancel(self.get_object())
        return self.answer()


@extend_schema(tags=["Challenges"])
class ChallengeViewSet(ApiViewSet[Challenge]):
    """Challenges: two truths and a lie, in one video."""

    missing = "challenge_not_found"
    lookup_url_kwarg = "challenge_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> ChallengeQuerySet:
        return Challenge.objects.visible_to(self.user).shown_to(self.user)

    def answer(self) -> Response:
        return Response(s.ChallengeSerializer.show_all([self.get_object()], self.user)[0])

    @extend_schema(
        operation_id="challenges_list",
        summary="List challenges",
        parameters=[s.ChallengeQuerySerializer],
        responses={200: s.ChallengeListSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the published challenges and the caller's own, newest first."""
        query = self.read_query(s.ChallengeQuerySerializer)
        rows = Challenge.objects.published() | Challenge.objects.filter(owner=self.user)
        if query["mine"]:
            rows = rows.filter(owner=self.user)
        if query["unplayed"]:
            rows = rows.published().exclude(owner=self.user).exclude(guesses__player=self.user)
        if "status" in query:
            rows = rows.in_status(query["status"])
        if "search" in query:
            rows = rows.filter(title__icontains=query["search"])
        return Response(
            {
                "challenges": s.ChallengeSerializer.show_all([*rows.shown_to(self.user)[page_slice(query)]], self.user),
                "pagination": page_of(query, rows.count()),
                "score": challenges.score_of(self.user),
            }
        )

    @extend_schema(
        operation_id="challenges_make",
        summary="Create a challenge",
        request=s.NewChallengeSerializer,
        responses={201: s.ChallengeSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Create a challenge from a completed merge. It stays a draft until it is published."""
        made = challenges.create(self.user, self.read_body(s.NewChallengeSerializer))
        return Response(s.ChallengeSerializer.show_all([self.get_queryset().get(pk=made.pk)], self.user)[0], status=201)

    @extend_schema(operation_id="challenges_get", summary="Get a challenge", responses={200: s.ChallengeSerializer})
    def retrieve(self, request: Request, challenge_id: UUID) -> Response:
        """Get a challenge with its statements."""
        return self.answer()

    @extend_schema(
        operation_id="challenges_edit",
        summary="Change a challenge",
        request=s.ChallengeChangesSerializer,
        responses={200: s.ChallengeSerializer},
    )
    def partial_update(self, request: Request, challenge_id: UUID) -> Response:
        """Change the title, the statements, or which of them is the lie."""
        found = self.get_object_to_change()
        answers = functools.partial(s.ChallengeSerializer.show_all, [found], self.user)
        challenges.edit(found, self.read_change(s.ChallengeChangesSerializer, answers))
        return self.answer()

    @extend_schema(operation_id="challenges_delete", summary="Delete a challenge", responses={200: MessageSerializer})
    def destroy(self, request: Request, challenge_id: UUID) -> Response:
        """Delete a challenge for all users."""
        challenges.delete(self.get_object_to_change(), self.user)
        return Response({"message": "Challenge deleted"})

    @extend_schema(
        operation_id="challenges_publish",
        summary="Publish a challenge",
        request=None,
        responses={200: s.ChallengeSerializer},
    )
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, challenge_id: UUID) -> Response:
        """Publish a challenge for all users. Only its owner and admins may do so."""
        challenges.publish(self.get_object_to_change())
        return self.answer()

    @extend_schema(
        operation_id="challenges_unpublish",
        summary="Unpublish a challenge",
        request=None,
        responses={200: s.ChallengeSerializer},
    )
    @action(detail=True, methods=["post"])
    def unpublish(self, request: Request, challenge_id: UUID) -> Response:
        """Unpublish a challenge. If a moderator unpublishes it, its owner cannot publish it again."""
        found = self.get_object()
        if found.owner_id == self.user.pk:
            challenges.unpublish(found)
        elif self.user.is_moderator:
            challenges.withhold(found.pk, self.user, reason="Taken down through the API.", is_told=False)
        else:
            raise DomainError("forbidden")
        return self.answer()

    @extend_schema(
        operation_id="challenges_segments",
        summary="List the segments of a challenge",
        responses={200: s.MergeSegmentsSerializer},
    )
    @action(detail=True)
    def segments(self, request: Request, challenge_id: UUID) -> Response:
        """List the start and end of each statement in the video, in seconds."""
        return Response(s.MergeSegmentsSerializer.show(self.get_object().merge))

    @idempotent
    @extend_schema(
        operation_id="challenges_guess",
        summary="Guess the lie",
        request=s.NewGuessSerializer,
        responses={200: s.GuessSerializer},
    )
    @action(detail=True, methods=["post"])
    def guesses(self, request: Request, challenge_id: UUID) -> Response:
        """Guess which statement is the lie. Each account guesses once."""
        found = self.get_object()
        guess = challenges.guess(found, self.user, self.read_body(s.NewGuessSerializer)["statement_index"])
        return Response({"correct": guess.is_correct, "lie_statement_index": guess.challenge.lie_index})

    @idempotent
    @extend_schema(
        operation_id="challenges_report",
        summary="Report a challenge",
        request=s.NewChallengeReportSerializer,
        responses={201: s.ChallengeReportSerializer},
    )
    @action(detail=True, methods=["post"])
    def reports(self, request: Request, challenge_id: UUID) -> Response:
        """Report a challenge to the moderators."""
        found = self.get_object()
        made = challenges.report(found, self.user, self.read_body(s.NewChallengeReportSerializer)["reason"])
        return Response({"report_id": str(made.pk), "message": "A moderator will review your report."}, status=201)
