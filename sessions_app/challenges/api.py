"""Merges and challenges over the API (contract section 5): parse, permit, call, answer."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_app.library.serializers import MessageSerializer
from sessions_app.challenges import challenges, merges, presentation
from sessions_app.challenges import serializers as s
from sessions_app.challenges.models import Challenge, MergeSession
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import ListQuerySerializer, asked, page_of, window
from vodplatform.base.idempotency import idempotent
from vodplatform.base.parsers import StrictJSONParser


class OwnView(APIView):
    """What all of these share: the caller."""

    @property
    def user(self) -> User:
        return cast(User, self.request.user)


class MergesView(OwnView):
    """What the calls on one merge share."""

    def find(self, merge_id: UUID) -> MergeSession:
        """The merge, 404 when the caller may not see it."""
        found = MergeSession.objects.visible_to(self.user).with_state().filter(pk=merge_id).first()
        if found is None:
            raise DomainError("merge_not_found")
        return found

    def answer(self, merge_id: UUID) -> Response:
        """As it is now."""
        return Response(presentation.present(self.find(merge_id)))


class InitiateView(MergesView):
    """Begin a merge: an upload for each clip. It is queued by itself when all of them have come."""

    parser_classes = [StrictJSONParser, MultiPartParser, FormParser]

    @extend_schema(
        operation_id="merges_initiate", request=s.NewMergeSerializer, responses={201: s.BegunMergeSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
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
            session = merges.begin_with(self.user, ids, durations, **options)
        else:
            lists = (asked[name] for name in s.LISTS[:4])
            clips = [
                {"filename": name, "size": size, "duration": duration, "mime_type": mime_type}
                for name, size, duration, mime_type in zip(*lists, strict=True)
            ]
            session = merges.begin(self.user, clips, chunk_size=asked["chunk_size"], **options)
        return Response(presentation.begun(self.find(session.pk)), status=201)


class MergeListView(MergesView):
    """The caller's own merges, newest first."""

    @extend_schema(operation_id="merges_list", parameters=[ListQuerySerializer], responses={200: s.MergeListSerializer})
    def get(self, request: Request) -> Response:
        query = asked(ListQuerySerializer, request.query_params)
        rows = MergeSession.objects.filter(owner=self.user)
        shown = [presentation.present(session) for session in rows.with_state()[window(query)]]
        return Response({"merge_sessions": shown, "pagination": page_of(query, rows.count())})


class MergeView(MergesView):
    """One merge, to be deleted with its video; a challenge that shows it is deleted first."""

    @extend_schema(operation_id="merges_delete", responses={200: MessageSerializer})
    def delete(self, request: Request, merge_id: UUID) -> Response:
        merges.delete(self.find(merge_id), self.user)
        return Response({"message": "Merge deleted"})


class MergeStatusView(MergesView):
    """Where a merge is."""

    @extend_schema(operation_id="merges_status", responses={200: s.MergeSerializer})
    def get(self, request: Request, merge_id: UUID) -> Response:
        return self.answer(merge_id)


class MergeRetryView(MergesView):
    """Run a merge again that failed for a passing reason, before others."""

    @extend_schema(operation_id="merges_retry", request=None, responses={200: s.MergeSerializer})
    def post(self, request: Request, merge_id: UUID) -> Response:
        merges.retry(self.find(merge_id))
        return self.answer(merge_id)


class MergeCancelView(MergesView):
    """Give a merge up with its clips."""

    @extend_schema(operation_id="merges_cancel", request=None, responses={200: s.MergeSerializer})
    def post(self, request: Request, merge_id: UUID) -> Response:
        merges.cancel(self.find(merge_id))
        return self.answer(merge_id)


class ChallengesView(OwnView):
    """What the calls on one challenge share."""

    def find(self, challenge_id: UUID, *, change: bool = False) -> Challenge:
        """The challenge, 404 when the caller may not see it, 403 when he may not change it."""
        rows = Challenge.objects.visible_to(self.user).shown_to(self.user)
        found = rows.filter(pk=challenge_id).first()
        if found is None:
            raise DomainError("challenge_not_found")
        if change and not found.can_change(self.user):
            raise DomainError("forbidden")
        return found

    def answer(self, challenge_id: UUID, status: int = 200) -> Response:
        """As it is now."""
        return Response(presentation.show([self.find(challenge_id)], self.user)[0], status=status)


class ChallengeListView(ChallengesView):
    """Challenges: those that everybody may play, and one's own; newest first."""

    @extend_schema(
        operation_id="challenges_list",
        parameters=[s.ChallengeQuerySerializer],
        responses={200: s.ChallengeListSerializer},
    )
    def get(self, request: Request) -> Response:
        query = asked(s.ChallengeQuerySerializer, request.query_params)
        rows = Challenge.objects.published() | Challenge.objects.filter(owner=self.user)
        if query["mine"]:
            rows = rows.filter(owner=self.user)
        if query["unplayed"]:
            rows = rows.published().exclude(owner=self.user).exclude(guesses__player=self.user)
        if "status" in query:
            rows = rows.in_status(query["status"])
        if "search" in query:
            rows = rows.filter(title__icontains=query["search"])
        page = list(rows.shown_to(self.user)[window(query)])
        return Response(
            {
                "challenges": presentation.show(page, self.user),
                "pagination": page_of(query, rows.count()),
                "score": challenges.score_of(self.user),
            }
        )

    @extend_schema(
        operation_id="challenges_make", request=s.NewChallengeSerializer, responses={201: s.ChallengeSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = s.NewChallengeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self.answer(challenges.make(self.user, form.validated_data).pk, 201)


class ChallengeDetailView(ChallengesView):
    """One challenge."""

    @extend_schema(operation_id="challenges_get", responses={200: s.ChallengeSerializer})
    def get(self, request: Request, challenge_id: UUID) -> Response:
        return self.answer(challenge_id)

    @extend_schema(
        operation_id="challenges_edit",
        request=s.ChallengeChangesSerializer,
        responses={200: s.ChallengeSerializer},
    )
    def patch(self, request: Request, challenge_id: UUID) -> Response:
        found = self.find(challenge_id, change=True)
        form = s.ChallengeChangesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        challenges.edit(found, form.validated_data)
        return self.answer(challenge_id)

    @extend_schema(operation_id="challenges_delete", responses={200: MessageSerializer})
    def delete(self, request: Request, challenge_id: UUID) -> Response:
        challenges.delete(self.find(challenge_id, change=True), self.user)
        return Response({"message": "Challenge deleted"})


class PublishView(ChallengesView):
    """Let everybody play it; its owner does."""

    @extend_schema(operation_id="challenges_publish", request=None, responses={200: s.ChallengeSerializer})
    def post(self, request: Request, challenge_id: UUID) -> Response:
        challenges.publish(self.find(challenge_id, change=True))
        return self.answer(challenge_id)


class UnpublishView(ChallengesView):
    """Make it a draft again; a moderator who does takes it down for good."""

    @extend_schema(operation_id="challenges_unpublish", request=None, responses={200: s.ChallengeSerializer})
    def post(self, request: Request, challenge_id: UUID) -> Response:
        found = self.find(challenge_id)
        if found.owner_id == self.user.pk:
            challenges.unpublish(found)
        elif self.user.is_moderator:
            challenges.withhold(found.pk, self.user, reason="Over the API.")
        else:
            raise DomainError("forbidden")
        return self.answer(challenge_id)


class SegmentsView(ChallengesView):
    """Where each statement begins and ends."""

    @extend_schema(operation_id="challenges_segments", responses={200: s.SegmentsSerializer})
    def get(self, request: Request, challenge_id: UUID) -> Response:
        merge = self.find(challenge_id).merge
        video_id = str(merge.video_id) if merge.video_id else None
        return Response({"video_file_id": video_id, "segments": presentation.segments_of(merge)})


class GuessesView(ChallengesView):
    """Say which statement is the lie; once."""

    @extend_schema(operation_id="challenges_guess", request=s.NewGuessSerializer, responses={200: s.GuessSerializer})
    @idempotent
    def post(self, request: Request, challenge_id: UUID) -> Response:
        found = self.find(challenge_id)
        form = s.NewGuessSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        guess = challenges.guess(found, self.user, form.validated_data["statement_index"])
        return Response({"correct": guess.is_correct, "lie_statement_index": guess.challenge.lie_index})


class ReportsView(ChallengesView):
    """Tell the moderators of a challenge."""

    @extend_schema(
        operation_id="challenges_report",
        request=s.NewChallengeReportSerializer,
        responses={201: s.ChallengeReportSerializer},
    )
    @idempotent
    def post(self, request: Request, challenge_id: UUID) -> Response:
        found = self.find(challenge_id)
        form = s.NewChallengeReportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = challenges.report(found, self.user, form.validated_data["reason"])
        return Response({"report_id": str(made.pk), "message": "A moderator will look at it."}, status=201)
