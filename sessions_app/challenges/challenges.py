"""Operations on challenges. Lock order: challenge, then merged video.

Log lines must not reveal which statement is the lie.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from jobs_app.models import JobStatus
from media_app.videos.models import UNLISTED, Video, VideoScope
from sessions_app.challenges import merges
from sessions_app.challenges.models import (
    MAX_REASON,
    MICROSECOND,
    Challenge,
    ChallengeReport,
    ChallengeStatus,
    Guess,
    Guest,
    MergeClip,
    MergeSession,
)
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit
from vodplatform.core.records.reports import reopen_last

# Maximum seconds by which a client's times may differ from measured times, due to rounding.
ROUNDING = 0.01
Said = Mapping[str, Any]


def create(user: User, asked: Said) -> Challenge:
    """Create a draft from a completed merge.

    asked: the validated request. Its ``merged_video_metadata`` is checked against the merge, but not stored. Raises
    ``invalid``, ``merge_unfinished``, ``challenge_exists``.
    """
    ids = [one["media_file_id"] for one in asked["statements"]]
    with transaction.atomic():
        idempotency.bind_to_transaction()
        clips = {clip.pk: clip for clip in MergeClip.objects.filter(pk__in=ids, session__owner=user)}
        unknown = [index for index, pk in enumerate(ids) if pk not in clips]
        if unknown:
            raise _invalid("statements", f"The clip of statement {unknown[0] + 1} does not exist or is not yours.")
        session_id = clips[ids[0]].session_id
        session = MergeSession.objects.select_for_update(of=("self",)).get(pk=session_id)
        own = list(MergeClip.objects.filter(session=session).order_by("index").values_list("pk", flat=True))
        if ids != own:
            raise _invalid(
                "statements", "Send every clip of one merge exactly once, in the order in which they were merged."
            )
        if asked["lie_statement_index"] >= len(own):
            raise _invalid("lie_statement_index", f"Must be from 0 to {len(own) - 1}.")
        job = session.job
        if session.completed_at is None or session.video is None or job is None or job.status != JobStatus.COMPLETED:
            raise DomainError("merge_unfinished")
        _compare(asked.get("merged_video_metadata") or {}, session, session.video)
        there = Challenge.objects.filter(merge=session).values_list("pk", flat=True).first()
        if there is not None:
            raise DomainError("challenge_exists", challenge_id=str(there))
        statements = [{"media_file_id": str(one["media_file_id"]), "text": one["text"]} for one in asked["statements"]]
        challenge = Challenge.objects.create(
            owner=user, merge=session, title=asked["title"], statements=statements,
            lie_index=asked["lie_statement_index"],
        )  # fmt: skip
        MergeSession.objects.filter(pk=session.pk).update(challenge_deleted_at=None)
        _rename_video(session, asked["title"])
    event("challenge.make", challenge=str(challenge.pk), statements=len(ids))
    return challenge


def _compare(said: Said, session: MergeSession, video: Video) -> None:
    name = "merged_video_metadata"
    if "video_file_id" in said and said["video_file_id"] != video.pk:
        raise _invalid(name, "`video_file_id` must be the id of this merge's video.")
    if "total_duration" in said and abs(said["total_duration"] - session.total_duration) > ROUNDING:
        raise _invalid(name, f"`total_duration` must be {session.total_duration}.")
    if "segments" not in said:
        return
    if len(said["segments"]) != len(session.segments):
        count = len(session.segments)
        raise _invalid(name, f"The merged video has {count} segments. Send exactly {count}.")
    for index, (one, true) in enumerate(zip(said["segments"], session.segments, strict=True)):
        moments = ((one["start_time"], true["start"]), (one["end_time"], true["end"]))
        wrong = one.get("statement_index", index) != index
        length = round(true["end"] - true["start"], MICROSECOND)
        wrong = wrong or abs(one.get("duration", length) - length) > ROUNDING
        if wrong or any(abs(given - measured) > ROUNDING for given, measured in moments):
            raise _invalid(
                name,
                f"Segment {index} does not match the merged video, where it starts at {true['start']} s and ends at "
                f"{true['end']} s.",
            )


def _invalid(field: str, sentence: str) -> DomainError:
    return DomainError("invalid", sentence, errors={field: [sentence]})


def _rename_video(merge: MergeSession, title: str) -> None:
    Video.objects.filter(merges=merge, place__in=UNLISTED).update(title=title, updated_at=Now())


def edit(challenge: Challenge, changes: Said) -> Challenge:
    """Change a draft. ``guests_may_play`` can change at any time.

    After the first guess, the statements and the lie are fixed. Raises ``invalid``, ``challenge_published``,
    ``challenge_played``.
    """
    with transaction.atomic():
        row = _locked(challenge.pk)
        of_a_draft = set(changes) - {"guests_may_play"}
        if of_a_draft and row.published_at is not None:
            raise DomainError("challenge_published")
        if of_a_draft - {"title"} and row.guesses.exists():
            raise DomainError("challenge_played")
        if "title" in changes:
            row.title = changes["title"]
            _rename_video(row.merge, row.title)
        if "texts" in changes:
            if len(changes["texts"]) != len(row.statements):
                raise _invalid("texts", f"Send {len(row.statements)} texts, one for each statement.")
            pairs = zip(row.statements, changes["texts"], strict=True)
            row.statements = [{**one, "text": text} for one, text in pairs]
        if "lie_statement_index" in changes:
            if changes["lie_statement_index"] >= len(row.statements):
                raise _invalid("lie_statement_index", f"Must be from 0 to {len(row.statements) - 1}.")
            row.lie_index = changes["lie_statement_index"]
        row.guests_may_play = changes.get("guests_may_play", row.guests_may_play)
        row.updated_at = Now()
        row.save(update_fields=["title", "statements", "lie_index", "guests_may_play", "updated_at"])
    return row


def publish(challenge: Challenge) -> None:
    """Publish a challenge. Raises ``challenge_withheld``, ``merge_unfinished``."""
    with transaction.atomic():
        row = _locked(challenge.pk)
        if row.withheld_at is not None:
            raise DomainError("challenge_withheld")
        if row.merge.video_id is None:
            raise DomainError("merge_unfinished", "The video of this challenge no longer exists.")
        if row.published_at is None:
            Challenge.objects.filter(pk=row.pk).update(published_at=Now(), updated_at=Now())
            _open(row, True)
            event("challenge.publish", challenge=str(row.pk))


def unpublish(challenge: Challenge) -> None:
    with transaction.atomic():
        row = _locked(challenge.pk)
        if row.published_at is not None:
            Challenge.objects.filter(pk=row.pk).update(published_at=None, updated_at=Now())
            _open(row, False)
            event("challenge.unpublish", challenge=str(row.pk))


def withhold(challenge_id: uuid.UUID, by: User, *, reason: str, is_told: bool = True) -> None:
    """Take a challenge down. Its owner still sees it, but cannot publish it.

    reason: text for the audit log; the owner sees it if ``is_told``. Raises ``challenge_not_found``.
    """
    with transaction.atomic():
        row = _locked(challenge_id)
        if row.withheld_at is None:
            Challenge.objects.filter(pk=row.pk).update(
                withheld_at=Now(),
                withheld_by=by,
                withheld_because=reason[:MAX_REASON] if is_told else "",
                updated_at=Now(),
            )
            _open(row, False)
            audit.record("challenge.withhold", actor=by, target=row, title=row.title, reason=reason)


def release(challenge_id: uuid.UUID, by: User, *, reason: str) -> None:
    """Undo `withhold`. Raises ``challenge_not_found``."""
    with transaction.atomic():
        row = _locked(challenge_id)
        if row.withheld_at is not None:
            Challenge.objects.filter(pk=row.pk).update(
                withheld_at=None, withheld_by=None, withheld_because="", updated_at=Now()
            )
            _open(row, row.published_at is not None)
            audit.record("challenge.release", actor=by, target=row, title=row.title, reason=reason)


def _open(row: Challenge, is_open: bool) -> None:
    """Set whether all users may watch the challenge's video, or only its owner.

    Closing the video revokes URLs that were signed while it was open.
    """
    place = VideoScope.OPEN if is_open else VideoScope.SESSION
    Video.objects.filter(merges=row.merge, place__in=UNLISTED).update(place=place, updated_at=Now())


def guess(challenge: Challenge, player: User | Guest, index: int) -> Guess:
    """Record a player's only guess in a challenge.

    Raises ``own_challenge``, ``challenge_not_found``, ``challenge_unpublished``, ``invalid``, ``already_guessed``.
    """
    if challenge.owner_id == player.pk:
        raise DomainError("own_challenge")
    with transaction.atomic():
        idempotency.bind_to_transaction()
        row = _locked(challenge.pk)
        is_barred = isinstance(player, Guest) and not row.guests_may_play
        if row.status != ChallengeStatus.PUBLISHED or is_barred:
            raise _unpublished_error(player)
        if index >= len(row.statements):
            raise _invalid("statement_index", f"Must be from 0 to {len(row.statements) - 1}.")
        by: dict[str, Any] = {"guest": player.guest_id} if isinstance(player, Guest) else {"player": player}
        there = Guess.objects.filter(challenge=row, **by).first()
        if there is not None:
            raise _already_guessed_error(there, row)
        try:
            with transaction.atomic():
                made = Guess.objects.create(
                    challenge=row, statement_index=index, is_correct=index == row.lie_index, **by
                )
        except IntegrityError as exc:
            raise _already_guessed_error(Guess.objects.get(challenge=row, **by), row) from exc
    event("challenge.guess", challenge=str(row.pk))
    return made


def _already_guessed_error(there: Guess, row: Challenge) -> DomainError:
    mine = {"statement_index": there.statement_index, "correct": there.is_correct}
    return DomainError("already_guessed", my_guess=mine, lie_statement_index=row.lie_index)


def _unpublished_error(user: User | Guest) -> DomainError:
    """Return the error for an unpublished challenge. It tells only moderators that the challenge exists."""
    return DomainError("challenge_unpublished" if user.is_moderator else "challenge_not_found")


def report(challenge: Challenge, by: User, reason: str) -> ChallengeReport:
    """Record a player's report of a challenge.

    Raises ``own_challenge``, ``challenge_not_found`` or ``challenge_unpublished``, ``already_reported``.
    """
    if challenge.owner_id == by.pk:
        raise DomainError("own_challenge")
    if challenge.status != ChallengeStatus.PUBLISHED:
        raise _unpublished_error(by)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        try:
            with transaction.atomic():
                made = ChallengeReport.objects.create(challenge=challenge, reporter=by, reason=reason)
        except IntegrityError as exc:
            raise DomainError("already_reported") from exc
        audit.record("challenge.report", actor=by, target=challenge, title=challenge.title)
    return made


def settle_report(report_id: uuid.UUID, by: User, *, reason: str) -> bool:
    """Settle a report; return False if it was already settled. Raises ``not_found``."""
    with transaction.atomic():
        found = ChallengeReport.objects.filter(pk=report_id).first()
        if found is None:
            raise DomainError("not_found")
        rows = ChallengeReport.objects.filter(pk=report_id, settled_at=None)
        if not rows.update(settled_at=Now(), settled_by=by, outcome=reason):
            return False
        audit.record("report.settled", actor=by, target=found, reason=reason, challenge=str(found.challenge_id))
    return True


def settle(challenge_id: uuid.UUID, by: User, *, reason: str) -> None:
    with transaction.atomic():
        open_reports = ChallengeReport.objects.filter(challenge=challenge_id, settled_at=None)
        found = list(open_reports.select_for_update())
        rows = ChallengeReport.objects.filter(pk__in=[report.pk for report in found])
        rows.update(settled_at=Now(), settled_by=by, outcome=reason)
        for report in found:
            audit.record("report.settled", actor=by, target=report, reason=reason, challenge=str(challenge_id))


def reopen(challenge_id: uuid.UUID, by: User, *, reason: str) -> None:
    """Reopen the reports that were closed last."""
    with transaction.atomic():
        challenge = _locked(challenge_id)
        if count := reopen_last(ChallengeReport.objects.filter(challenge=challenge)):
            audit.record("challenge.reports_reopened", actor=by, target=challenge, reason=reason, reports=count)


def delete(challenge: Challenge, by: User) -> None:
    """Delete a challenge with its guesses, its reports and its merge.

    If the owner deletes a challenge that was not taken down, the merge is kept for a while, for a new challenge.
    """
    with transaction.atomic():
        row = _locked(challenge.pk)
        merge_id = row.merge_id
        audit.record("challenge.delete", actor=by, target=row, title=row.title)
        row.delete()
        if by.pk == row.owner_id and row.withheld_at is None:
            merges.keep_without_challenge(merge_id)
        else:
            merges.remove_with_challenge(merge_id)


def score_of(user: User) -> dict[str, int]:
    mine = Guess.objects.filter(player=user)
    found: dict[str, int] = mine.aggregate(guesses=Count("pk"), correct=Count("pk", filter=Q(is_correct=True)))
    return found


def texts_of(statements: Sequence[Said]) -> list[str]:
    return [str(one["text"]) for one in statements]


def _locked(challenge_id: uuid.UUID) -> Challenge:
    rows = Challenge.objects.select_for_update(of=("self",)).select_related("merge")
    row = rows.filter(pk=challenge_id).first()
    if row is None:
        raise DomainError("challenge_not_found")
    return row
