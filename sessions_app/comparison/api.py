"""REST API of comparisons (contract.md, section 1)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from uuid import UUID

from django.db.models import Count, Q
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.videos import library_roots
from sessions_app.comparison import serializers as s
from sessions_app.comparison import services
from sessions_app.comparison.alignment import services as alignments
from sessions_app.comparison.duplicating import duplicate_session
from sessions_app.comparison.events.mentions import mentionable_users
from sessions_app.comparison.models import Access, ComparisonSession, LinkVisitor, SessionRole
from sessions_app.comparison.sharing import services as sharing
from sessions_app.comparison.viewsets import TAG, ComparisonViewSet
from vodplatform.core.api import idempotency
from vodplatform.core.api.fields import page_slice
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError

UNUSABLE_SHOWN = 20
MAX_CHANGES = 1_000  # maximum number of offset changes in a response, unless the request has a ``limit``


@extend_schema(tags=[TAG])
class ComparisonSessionViewSet(ComparisonViewSet):
    """Comparisons of 2 or 3 VODs on a shared clock."""

    def answer_again(self, made: dict[str, str]) -> Response:
        self.kwargs.update(made)
        return self.retrieve(self.request, **made)

    @extend_schema(
        operation_id="comparison_create",
        summary="Create a comparison",
        request=s.NewSessionSerializer,
        responses={201: s.SessionAnswerSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Compare 2 or 3 VODs."""
        data = self.read_body(s.NewSessionSerializer)
        vods = [services.NewVod(**vod) for vod in data["vods"]]
        session = services.create_session(self.user, vods, name=data["name"], description=data["description"])
        idempotency.remember(session_id=session.pk)
        return self.answer(s.SessionSerializer.show(s.SessionSnapshot.of(session)), status=201)

    @extend_schema(
        operation_id="comparison_list",
        summary="List comparisons",
        parameters=[s.SessionListQuerySerializer],
        responses={200: s.SessionListSerializer},
    )
    @action(detail=False, url_path="list")
    def all(self, request: Request) -> Response:
        """List the sessions that the caller may see, newest first. ``created_by`` is a user's id or name."""
        query = self.read_query(s.SessionListQuerySerializer)
        sessions = ComparisonSession.objects.visible_to(self.user).with_role(self.user).with_mentions(self.user)
        if "created_by" in query:
            who = Q(owner__username=query["created_by"])
            with contextlib.suppress(ValueError):
                who |= Q(owner_id=UUID(query["created_by"]))
            sessions = sessions.filter(who)
        sessions = sessions.found_by(query.get("search", ""))
        if query["archived"] != "all":
            sessions = sessions.filter(archived_at__isnull=query["archived"] == "false")
        # Django ignores the default order in a query with GROUP BY, so set the order here.
        counted = (
            sessions.select_related("owner").annotate(vod_count=Count("vods")).order_by("-created_at", "-session_id")
        )
        page = [s.ListedSessionSerializer.show(row) for row in counted[page_slice(query)]]
        return Response({"ok": True, "sessions": page, "total": sessions.count()})

    @extend_schema(
        operation_id="comparison_get", summary="Get a comparison", responses={200: s.SessionAnswerSerializer}
    )
    def retrieve(self, request: Request, session_id: str) -> Response:
        """Get a comparison with its VODs, offsets and state."""
        return self.answer(s.SessionSerializer.show(s.SessionSnapshot.of(self.get_object())))

    @extend_schema(
        operation_id="comparison_patch",
        summary="Change a comparison",
        request=s.SessionChangeSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    def partial_update(self, request: Request, session_id: str) -> Response:
        """Change the name, description, synchronisation settings or stored page state."""
        session = self.get_object_to_change()
        return self.answer(
            services.update_session(session, self.user, self.read_session_change(s.SessionChangeSerializer, session))
        )

    @extend_schema(operation_id="comparison_delete", summary="Delete a comparison", responses={200: s.OkSerializer})
    def destroy(self, request: Request, session_id: str) -> Response:
        """Delete a comparison. Its videos are kept."""
        services.delete_session(self.get_object_to_own())
        return Response({"ok": True})

    @idempotent
    @extend_schema(
        operation_id="comparison_duplicate",
        summary="Copy a comparison",
        request=s.DuplicateSerializer,
        responses={201: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, session_id: str) -> Response:
        """Copy a comparison with its VODs, offsets and events. The copy belongs to the caller."""
        session = self.get_object_to_change()
        copy = duplicate_session(session, self.user, self.read_body(s.DuplicateSerializer)["name"])
        self.access = Access(SessionRole.OWNER)
        idempotency.remember(session_id=copy.pk)
        return self.answer(s.SessionSerializer.show(s.SessionSnapshot.of(copy)), status=201)

    @extend_schema(
        operation_id="comparison_people",
        summary="List the people who can see a comparison",
        responses={200: s.MentionablePeopleSerializer},
    )
    @action(detail=True)
    def people(self, request: Request, session_id: str) -> Response:
        """List the accounts that can be mentioned with `@`. Requires an account with permission to comment."""
        session = self.get_object()
        if not self.access.can_comment or isinstance(self.viewer, LinkVisitor):
            raise DomainError("forbidden")
        people = [s.PersonSerializer.show(user) for user in mentionable_users(session)]
        return Response({"ok": True, "people": people})

    @extend_schema(
        operation_id="comparison_leave",
        summary="Leave a comparison",
        request=None,
        responses={200: s.OkSerializer},
    )
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, session_id: str) -> Response:
        """Give up the access to a comparison that another account has shared with the caller."""
        session = self.get_object()
        if isinstance(self.viewer, LinkVisitor):
            raise DomainError("forbidden")
        sharing.leave(session, self.viewer)
        return Response({"ok": True})

    @extend_schema(
        operation_id="comparison_archive",
        summary="Archive a comparison",
        request=None,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, session_id: str) -> Response:
        """Archive a comparison: it disappears from the list, and cannot be changed until it is restored."""
        return self.answer(services.set_archived(self.get_object_to_own(), self.user, True))

    @extend_schema(
        operation_id="comparison_unarchive",
        summary="Restore an archived comparison",
        request=None,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, session_id: str) -> Response:
        """Restore an archived comparison to the list."""
        return self.answer(services.set_archived(self.get_object_to_own(), self.user, False))

    @extend_schema(
        operation_id="comparison_global_seek",
        summary="Seek all VODs",
        request=s.GlobalSeekSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["put"], url_path="global-seek", throttle_scope="clock")
    def global_seek(self, request: Request, session_id: str) -> Response:
        """Move all VODs to the same time of the shared clock."""
        session = self.get_object_to_change()
        values = self.read_session_change(s.GlobalSeekSerializer, session)
        return self.answer(services.seek_all(session, self.user, values["timestamp"]))

    @extend_schema(
        operation_id="comparison_vod_seek",
        summary="Seek one VOD",
        request=s.SeekSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["put"], url_path="vods/<str:vod_id>/seek", throttle_scope="clock")
    def vod_seek(self, request: Request, session_id: str, vod_id: str) -> Response:
        """Move one VOD to a time on its own timeline."""
        session = self.get_object_to_change()
        timestamp = self.read_session_change(s.SeekSerializer, session, vod_id)["timestamp"]
        return self.answer(services.seek_vod(session, self.user, vod_id, timestamp))

    @extend_schema(
        operation_id="comparison_playback",
        summary="Play or pause all VODs",
        request=s.PlaybackSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["put"], throttle_scope="clock")
    def playback(self, request: Request, session_id: str) -> Response:
        """Play or pause all VODs."""
        session = self.get_object_to_change()
        data = self.read_session_change(s.PlaybackSerializer, session)
        return self.answer(services.set_playback(session, self.user, data["state"], data.get("rate"), data.get("at")))

    @extend_schema(
        operation_id="comparison_vod_playback",
        summary="Play or pause one VOD",
        request=s.VodPlaybackSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["put"], url_path="vods/<str:vod_id>/playback", throttle_scope="clock")
    def vod_playback(self, request: Request, session_id: str, vod_id: str) -> Response:
        """Play or pause one VOD. The session must be in independent mode (``sync_mode``)."""
        session = self.get_object_to_change()
        return self.answer(
            services.set_vod_playback(
                session, self.user, vod_id, self.read_session_change(s.VodPlaybackSerializer, session, vod_id)
            )
        )

    @extend_schema(
        operation_id="comparison_offsets",
        summary="Set the offsets",
        request=s.OffsetsSerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=True, methods=["put"])
    def offsets(self, request: Request, session_id: str) -> Response:
        """Set offsets and drifts. If one is invalid, none is set."""
        session = self.get_object_to_change()
        data = self.read_session_change(s.OffsetsSerializer, session)
        changed = services.set_offsets(
            session,
            self.user,
            data.get("offsets", {}),
            data["source"],
            data["confidence"],
            drifts=data.get("drifts", {}),
            anchors=data.get("anchors", {}),
        )
        return self.answer(changed)

    @extend_schema(
        operation_id="comparison_offset_history",
        summary="Get the offset history",
        parameters=[s.HistoryQuerySerializer],
        responses={200: s.OffsetHistorySerializer},
    )
    @action(detail=True, url_path="offset-history")
    def offset_history(self, request: Request, session_id: str) -> Response:
        """List the offset changes, most recent first."""
        session = self.get_object()
        query = self.read_query(s.HistoryQuerySerializer)
        rows = session.offset_changes.select_related("vod")
        if "vod_id" in query:
            if not session.vods.filter(vod_id=query["vod_id"]).exists():
                raise DomainError("unknown_vod", vod_id=query["vod_id"])
            rows = rows.filter(vod__vod_id=query["vod_id"])
        stop = query["offset"] + query.get("limit", MAX_CHANGES)
        history = [s.OffsetChangeSerializer.show(row) for row in rows[query["offset"] : stop]]
        return Response({"ok": True, "history": history, "total": rows.count()})

    @idempotent
    @extend_schema(
        operation_id="comparison_align",
        summary="Find the offsets",
        request=s.AlignSerializer,
        responses={202: s.JobStartedSerializer},
    )
    @action(detail=True, methods=["post"])
    def align(self, request: Request, session_id: str) -> Response:
        """Find the offsets in a background job: by the in-game timer, by sound, or by both."""
        session = self.get_object_to_change()
        data = self.read_body(s.AlignSerializer)
        job = alignments.start_alignment(session, data["method"], data["roi"], data["game"])
        return Response({"ok": True, "job_id": str(job.pk)}, status=202)

    @extend_schema(
        operation_id="comparison_timer_preview",
        summary="Preview the timer readings in a box",
        request=s.PreviewSerializer,
        responses={200: s.PreviewAnswerSerializer},
    )
    @action(detail=True, methods=["post"], url_path="timer-preview")
    def timer_preview(self, request: Request, session_id: str) -> Response:
        """Read the timer at some moments of each VOD, without starting a job."""
        session = self.get_object_to_change()
        data = self.read_body(s.PreviewSerializer)
        readings = alignments.preview_timer(session, self.user, data["roi"], data["times"])
        return Response({"ok": True, "readings": readings})


@extend_schema(tags=[TAG])
class AlignmentViewSet(ComparisonViewSet):
    """The alignments of a session, each addressed by its job's id."""

    @extend_schema(
        operation_id="comparison_alignment",
        summary="Get the state of an alignment",
        responses={200: s.AlignmentSerializer},
    )
    @action(detail=False, url_path="<uuid:job_id>")
    def one(self, request: Request, session_id: str, job_id: UUID) -> Response:
        """Get an alignment's progress and proposals."""
        session = self.get_object()
        alignment = alignments.find_alignment(session, job_id)
        shown = s.AlignmentSerializer.show(s.AlignmentView(alignment, list(session.vods.all())))
        return Response(shown if self.access.can_edit else s.without_evidence(shown))

    @extend_schema(
        operation_id="comparison_alignment_apply",
        summary="Apply proposed offsets",
        request=s.ApplySerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    @action(detail=False, methods=["post"], url_path="<uuid:job_id>/apply")
    def apply(self, request: Request, session_id: str, job_id: UUID) -> Response:
        """Set the offsets that an alignment proposes."""
        session = self.get_object_to_change()
        vod_ids = self.read_body(s.ApplySerializer).get("vod_ids")
        return self.answer(alignments.apply_alignment(session, self.user, job_id, vod_ids))


@extend_schema(tags=[TAG])
class LibraryFileViewSet(ComparisonViewSet):
    """The video files in the caller's library folders."""

    @extend_schema(
        operation_id="comparison_library_files",
        summary="List the video files in your library folders",
        parameters=[s.FilesQuerySerializer],
        responses={200: s.LibraryFilesSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the files in the caller's library folders, sorted by name; ``search`` filters by words.

        ``unusable`` lists files and folders that must be renamed, because their names are not UTF-8.
        """
        query = self.read_query(s.FilesQuerySerializer)
        words = query["search"].lower().split()
        unusable: list[str] = []
        paths = [
            path
            for path in library_roots.video_files(library_roots.roots_of(self.user), unusable.append)
            if not words or all(word in path.rpartition("/")[2].lower() for word in words)
        ]
        files = []
        for path in map(Path, paths[page_slice(query)]):
            with contextlib.suppress(OSError):
                files.append({"path": str(path), "name": path.name, "size": path.stat().st_size})
        return Response({"ok": True, "files": files, "total": len(paths), "unusable": unusable[:UNUSABLE_SHOWN]})
