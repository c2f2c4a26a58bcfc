"""The program's guards, each with the test that fails when it is removed.

``make guards`` removes each in a copy of the tree, as many at once as there are cores, and runs its test, which has to
fail. A test of the suite holds that each text still stands where the list says, and that docs/design/0008-guards.md
shows this list.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.support.services import environment as services_environment

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # for one test
CAUGHT = "caught"
# The last of them would have each run make again what pytest keeps of the tests' assertions.
LEFT_UNSET = ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "data", ".cache", ".*_cache", ".coverage*")


@dataclass(frozen=True, slots=True)
class Guard:
    """name: what it keeps. file, text, without: where it stands, and the text that removes it.

    test: the node that fails without it. postgresql: only there, where SQLite's transactions exclude each other.
    """

    name: str
    file: str
    text: str
    without: str
    test: str
    postgresql: bool = False


GUARDS = [
    Guard(
        "a worker is not ended for handlers that wait for a database", "jobs_app/keeper.py",
        "            passed /= 60", "            pass",
        "tests/jobs/test_review.py::TestLeases::"
        "test_a_handler_that_hears_nothing_ends_its_worker_only_where_the_database_answers", postgresql=True,
    ),
    Guard(
        "a web process that is to end serves for a while and says so", "vodplatform/base/web/server.py",
        "        if sig == signal.SIGTERM and self.drain_seconds and not drain.has_begun():", "        if False:",
        "tests/base/test_health.py::TestReady::test_one_that_is_to_end_is_not_and_ends_a_while_later",
    ),
    Guard(
        "only proxies that a web process is told of are believed", "vodplatform/base/web/server.py",
        "proxy_headers=bool(trusted_proxies)", "proxy_headers=True",
        "tests/commands/test_web_command.py::test_only_proxies_that_it_is_told_of_are_believed",
    ),
    Guard(
        "systemd is told once a web process listens", "vodplatform/base/web/server.py",
        '            tell_systemd("READY=1")', "            pass",
        "tests/commands/test_web_command.py::test_systemd_is_told_when_it_listens_that_it_lives_and_that_it_ends",
    ),
    Guard(
        "a bucket that was never reached is gone round", "static/js/uploads/direct.js",
        "this.taken === 0 && this.unreached >= ENOUGH_TRIES", "false",
        "tests/test_javascript.py::test_a_file_of_node_passes",
    ),
    Guard(
        "text tracks are read by who sees their video", "media_app/library/text_tracks.py",
        "        return TextTrack.objects.filter(video__in=videos).select_related",
        "        return TextTrack.objects.select_related",
        "tests/library/test_text_tracks.py::"
        "test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them",
    ),
    Guard(
        "text tracks are stored by who may change their video", "media_app/library/text_tracks.py",
        "        if not video.can_change(self.user):", "        if False:",
        "tests/library/test_text_tracks.py::"
        "test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them",
    ),
    Guard(
        "text tracks are deleted by who may change their video", "media_app/library/text_tracks.py",
        "        if not track.video.can_change(self.user):", "        if False:",
        "tests/library/test_text_tracks.py::"
        "test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them",
    ),
    Guard(
        "a text track has so many cues", "media_app/videos/text_tracks.py",
        "    if len(cues) > MAX_CUES:", "    if False:",
        "tests/library/test_text_tracks.py::test_a_video_has_so_many_text_tracks_and_a_track_so_many_cues",
    ),
    Guard(
        "pictures of people are for who has signed in", "vodplatform/me.py",
        '    if not request.user.is_authenticated:\n        return error_response("unauthenticated")\n    found =',
        "    found =",
        "tests/accounts/test_me.py::TestChanging::"
        "test_a_picture_is_kept_here_made_small_and_shown_to_whom_is_signed_in",
    ),
    Guard(
        "why a challenge was taken down is told its owner alone", "sessions_app/challenges/serializers.py",
        "(shown.challenge.withheld_because or None) if shown.is_own else None",
        "shown.challenge.withheld_because or None",
        "tests/challenges/test_challenges.py::TestDelete::test_its_owner_alone_is_told_why_it_was_withheld",
    ),
    Guard(
        "another's runs are not found by their video", "sessions_app/prosync/models.py",
        "files = self.filter(pk=job_id)", "files = ProJob.objects.filter(pk=job_id)",
        "tests/prosync/test_process.py::TestOthers::test_runs_of_the_very_same_video_are_found",
    ),
    Guard(
        "a browser session is ended by its own account alone", "vodplatform/accounts/browser_sessions.py",
        'BrowserSession.objects.filter(user=user, expire_date__gt=Now()).values_list("session_key", flat=True)',
        'BrowserSession.objects.filter(expire_date__gt=Now()).values_list("session_key", flat=True)',
        "tests/accounts/test_browser_sessions.py::test_nobody_ends_what_is_not_theirs",
    ),
    Guard(
        "a session that ended is not taken over again", "vodplatform/accounts/browser_sessions.py",
        "            FormerSession.objects.filter(pk=key).delete()\n        super()",
        "            pass\n        super()",
        "tests/accounts/test_browser_sessions.py::test_what_ends_here_is_not_taken_over_again",
    ),
    Guard(
        "the administration shows no key of a session", "vodplatform/accounts/models.py",
        'return f"a browser of {self.user_id}" if self.user_id else "a browser"', "return self.session_key",
        "tests/accounts/test_browser_sessions.py::test_the_administration_shows_no_key",
    ),
    Guard(
        "the key of a browser session is not shown", "vodplatform/accounts/browser_sessions.py",
        "    return hashlib.sha256(key.encode()).hexdigest()[:32]\n", "    return key\n",
        "tests/accounts/test_browser_sessions.py::test_the_list_has_each_browser_and_the_own_one_first",
    ),
    Guard(
        "only who may edit is told who edits", "media_app/catalogue/consumers.py",
        "asked and isinstance(user, User) and user.is_moderator else", "asked and isinstance(user, User) else",
        "tests/catalogue/test_sockets.py::TestWhoEdits::"
        "test_those_who_edit_are_told_of_each_other_and_nobody_else_is",
    ),
    Guard(
        "who is no moderator any more is told of editors no more", "media_app/catalogue/consumers.py",
        "        if self._is_there and not self.name:", "        if False:",
        "tests/catalogue/test_sockets.py::TestWhoEdits::test_who_is_no_moderator_any_more_has_left",
    ),
    Guard(
        "the demo signs in nobody who is signed in already", "vodplatform/home.py",
        "not settings.DEMO_ACCOUNT or request.user.is_authenticated or", "not settings.DEMO_ACCOUNT or",
        "tests/test_home.py::test_the_demo_leaves_somebody_else_s_sign_in_alone",
    ),
    Guard(
        "only moderators open the queue of reports", "vodplatform/moderation.py",
        "    if not user.is_moderator:\n        raise Http404\n", "",
        "tests/test_moderation.py::test_who_is_no_moderator_finds_no_such_page",
    ),
    Guard(
        "a moderator decides about what the catalogue has alone", "vodplatform/moderation.py",
        "{VIDEO: Video.objects.in_catalogue(user), ", "{VIDEO: Video.objects.all(), ",
        "tests/test_moderation.py::test_what_nobody_reported_or_no_moderator_may_see_is_not_decided_about",
    ),
    Guard(
        "of two moderators the first decides", "vodplatform/moderation.py",
        "if not thing.reports.select_for_update().filter(settled_at=None).exists():", "if False:",
        "tests/test_moderation.py::test_of_two_moderators_the_first_decides",
    ),
    Guard(
        "without an account one plays what its owner opened alone", "sessions_app/challenges/guests.py",
        ".filter(pk=challenge_id, guests_may_play=True)", ".filter(pk=challenge_id)",
        "tests/challenges/test_guests.py::test_what_is_not_open_to_guests_asks_them_to_sign_in",
    ),
    Guard(
        "who a guest is, is signed", "sessions_app/challenges/guests.py",
        'signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)',
        'request.COOKIES.get(COOKIE, "")',
        "tests/challenges/test_guests.py::"
        "test_a_browser_is_the_same_at_every_challenge_and_another_ones_cookie_cannot_be_made",
    ),
    Guard(
        "guests of one network have a limit", "sessions_app/challenges/guests.py",
        'if wait := hit("guest_guess", network_of(address)):', "if wait := 0:",
        "tests/challenges/test_guests.py::test_a_network_has_a_limit",
    ),
    Guard(
        "a video that one's comparisons show is not deleted unasked", "media_app/videos/services.py",
        "by=None if leave_gaps else by)", "by=None)",
        "tests/comparison/test_gaps.py::test_ones_own_session_is_named_by_its_id",
    ),
    Guard(
        "a link makes no sample comparison", "sessions_app/comparison/pages.py",
        "@require_POST\n@login_required\ndef make_sample", "@login_required\ndef make_sample",
        "tests/comparison/test_samples.py::test_a_link_does_not_make_one",
    ),
    Guard(
        "an archived comparison is read-only", "sessions_app/comparison/services.py",
        "    if locked.archived_at is not None and not even_archived:\n", "    if False:\n",
        "tests/comparison/test_lifecycle.py::TestArchiving::test_nothing_of_it_can_be_changed",
    ),
    Guard(
        "a comparison has so many events", "sessions_app/comparison/events.py",
        "+ len(rows) > MAX_EVENTS:", "+ len(rows) > 10**9:",
        "tests/comparison/test_events.py::TestMarking::test_a_session_has_so_many",
    ),
    Guard(
        "a drawing has 64 kilobytes at most", "sessions_app/comparison/event_serializers.py",
        "        if len(json.dumps(data, separators=(\",\", \":\"))) > MAX_DRAWING_BYTES:\n", "        if False:\n",
        "tests/comparison/test_events.py::TestMarking::test_a_drawing_has_64_kilobytes_at_most",
    ),
    Guard(
        "no file leaves the folder that it is restored into", "vodplatform/archive.py",
        "                if not path.resolve().is_relative_to(root.resolve()):\n", "                if False:\n",
        "tests/commands/test_backup.py::test_an_archive_cannot_write_outside_of_the_media_folder",
    ),
    Guard(
        "a message for many sockets is decoded once", "vodplatform/base/web/layers.py",
        "lru_cache(KEPT_MESSAGES)(super().deserialize)", "super().deserialize",
        "tests/base/test_layers.py::test_a_message_is_decoded_once_for_all",
    ),
    Guard(
        "a message for many sockets is encoded once", "vodplatform/accounts/realtime.py",
        "        _encoded.append((content, text))\n", "",
        "tests/comparison/test_websocket.py::TestClock::test_a_message_for_many_is_encoded_once",
    ),
    Guard(
        "a session's viewers share its clock message", "sessions_app/comparison/consumers.py",
        "            _clocks[self.route[\"session_id\"]] = now, clock\n", "",
        "tests/comparison/test_websocket.py::TestClock::"
        "test_viewers_of_one_process_are_sent_one_message_without_what_the_page_keeps",
    ),
    Guard(
        "a body without a length waits in a file", "vodplatform/base/web/bodies.py",
        "SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)", "SpooledTemporaryFile()",
        "tests/base/test_bodies.py::test_one_without_its_length_is_not_kept_in_memory",
    ),
    Guard(
        "a list of merges spells out no chunks", "sessions_app/challenges/serializers.py",
        "    uploads = ListedClipSerializer(", "    uploads = ClipSerializer(",
        "tests/challenges/test_merge_sessions.py::test_the_list_has_no_numbers_of_chunks",
    ),
    Guard(
        "an answer of operations has an end in bytes", "media_app/catalogue/services.py",
        "filter(sent__gt=MAX_SENT_BYTES)[:1]", "filter(sent__gt=MAX_SENT_BYTES)[:0]",
        "tests/catalogue/test_sync.py::TestState::test_an_answer_ends_after_so_many_bytes_and_misses_nothing",
    ),
    Guard(
        "a history of offsets has an end", "sessions_app/comparison/api.py",
        "query.get(\"limit\", MAX_CHANGES)", "query.get(\"limit\", 10**9)",
        "tests/comparison/test_offset_history.py::test_an_answer_has_an_end_and_says_how_many_there_are",
    ),
    Guard(
        "sessions are locked before the jobs of a video", "media_app/videos/services.py",
        "    video_locking.send(Video, video_id=video_id)\n", "",
        "tests/comparison/test_races.py::"
        "test_deleting_a_video_while_sessions_that_show_it_are_aligned_does_not_deadlock",
        postgresql=True,
    ),
    Guard(
        "a child keeps its parent and its orphans", "vodplatform/base/processes/exec_shim.py",
        "            (EQUAL, prctl, \"prctl\", None),\n", "",
        "tests/base/test_confinement.py::TestGroup::test_nobody_leaves_who_looks_after_it",
    ),
    Guard(
        "a child has few descriptors", "vodplatform/base/processes/process.py",
        "FEW_FILES = \",nofile=512\"", "FEW_FILES = \"\"",
        "tests/base/test_confinement.py::TestGroup::test_so_many_files_are_open_at_once",
    ),
    Guard(
        "a message of too many parts is not built", "vodplatform/base/processes/process.py",
        "        if len(line) > MAX_SAID_PARTS and", "        if False and",
        "tests/base/test_process.py::TestTalking::test_a_message_of_too_many_parts_is_not_built",
    ),
    Guard(
        "the work of each clip is known before it is merged", "sessions_app/challenges/actors.py",
        "        _look(context, clip, path)\n", "",
        "tests/challenges/test_merge_jobs.py::TestMediaAtFault::test_clips_that_nobody_looked_at_are_looked_at_by_the_merge",
    ),
    Guard(
        "few uploads of an owner are looked at at once", "media_app/uploads/services.py",
        "        if _looking[owner_id] >= MAX_LOOKED_AT:\n", "        if False:\n",
        "tests/uploads/test_services.py::test_few_uploads_of_an_owner_are_looked_at_at_once",
    ),
    Guard(
        "the database is free while an answer is read", "vodplatform/base/web/handlers.py",
        "            release_connection()\n", "            pass\n",
        "tests/base/test_handlers.py::test_the_database_is_free_before_the_answer_is_read",
    ),
    Guard(
        "who takes nothing of an answer is ended", "vodplatform/base/web/protocol.py",
        "            self._watch_reader()\n\n    def resume", "            pass\n\n    def resume",
        "tests/base/test_protocol.py::test_a_client_that_takes_nothing_of_its_answer_is_ended_unless_it_plays",
    ),
    Guard(
        "errors repeat what was sent in part", "vodplatform/base/errors.py",
        "    return text if len(text) <= MAX_SENTENCE else", "    return text if True else",
        "tests/base/test_errors.py::test_what_was_sent_is_repeated_in_part",
    ),
    Guard(
        "parts that took no room need it as a whole", "media_app/uploads/services.py",
        "            check_room(user, uncounted)\n", "            pass\n",
        "tests/uploads/test_tus_concatenation.py::test_parts_whose_purpose_takes_no_room_need_it_as_a_whole",
    ),
    Guard(
        "a video keeps only so many tags", "media_app/catalogue/services.py",
        "        if document.tags.kept > most:\n", "        if False:\n",
        "tests/catalogue/test_sync.py::TestRefusals::test_a_video_keeps_only_so_many_tags",
    ),
    Guard(
        "a socket's place is given back by whom it was taken", "vodplatform/accounts/realtime.py",
        "        place, self.place = self.place, \"\"\n", "        place, self.place = self.watcher, \"\"\n",
        "tests/comparison/test_websocket.py::TestHowMany::test_a_place_is_given_back_by_whom_it_was_taken",
    ),
    Guard(
        "odd pixels hide no work", "media_app/av/probe.py",
        "MIN_RATIO, MAX_RATIO = Fraction(1, 3), Fraction(3)",
        "MIN_RATIO, MAX_RATIO = Fraction(1, 20), Fraction(20)",
        "tests/av/test_probe.py::test_pixels_that_are_no_screens_are_square",
    ),
    Guard(
        "a child changes no file's mode, owner or times", "vodplatform/base/processes/exec_shim.py",
        "        90, 91, 268, 452, 92, 93, 94, 260, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199, 463, 466,\n", "",
        "tests/base/test_confinement.py::TestFilesOfOthers",
    ),
    Guard(
        "a child lowers no limit of another process", "vodplatform/base/processes/exec_shim.py",
        "(EQUAL, 0, \"allow\", \"refuse\")]", "(EQUAL, 0, \"allow\", \"allow\")]",
        "tests/base/test_confinement.py::TestOthers::test_no_limit_of_another_process_is_lowered",
    ),
    Guard(
        "a child sends nothing to a socket's path", "vodplatform/base/processes/exec_shim.py",
        "(EQUAL, STREAM, \"allow\", \"refuse\")", "(EQUAL, STREAM, \"allow\", \"allow\")",
        "tests/base/test_confinement.py::TestOthers::test_nothing_is_sent_to_a_path",
    ),
    Guard(
        "a child uses no protocol that gets past Landlock", "vodplatform/base/processes/exec_shim.py",
        "(EQUAL, PROTOCOLS[-1], \"kind\", \"refuse\")", "(EQUAL, PROTOCOLS[-1], \"kind\", \"kind\")",
        "tests/base/test_confinement.py::TestNetwork::test_nor_by_another_way",
    ),
    Guard(
        "an account has so many sockets", "vodplatform/accounts/realtime.py",
        "        if open_sockets[self.watcher] >= settings.SOCKETS_AT_ONCE:\n", "        if False:\n",
        "tests/comparison/test_websocket.py::TestHowMany::test_an_account_has_so_many_at_once",
    ),
    Guard(
        "a crowded server opens no socket", "vodplatform/base/web/protocol.py",
        "        if self._is_crowded():\n            self._turn_away(",
        "        if False:\n            self._turn_away(",
        "tests/base/test_protocol.py::TestCrowds::test_nor_is_a_socket_opened",
    ),
    Guard(
        "a session's clock rests at its end", "sessions_app/comparison/consumers.py",
        "            if now - moved_at > REST_SECONDS:\n", "            if False:\n",
        "tests/comparison/test_websocket.py::test_the_clock_rests_when_all_have_ended",
    ),
    Guard(
        "clips are copied one at a time for each sender", "sessions_app/challenges/receiving.py",
        "        waiting_room.turn(str(upload.owner_id)),\n", "",
        "tests/challenges/test_clips.py::test_clips_of_one_sender_are_copied_one_at_a_time",
    ),
    Guard(
        "a child reads the files that it was given alone", "vodplatform/base/processes/ranged.py",
        "if index >= len(self._sizes) or length > MOST_BLOCKS * BLOCK_BYTES:", "if length > MOST_BLOCKS * BLOCK_BYTES:",
        "tests/base/test_ranged.py::test_what_was_not_given_is_refused",
    ),
    Guard(
        "workers leave the disk its reserve", "media_app/videos/services.py",
        "    room.check_disk(video.file_size)\n", "",
        "tests/videos/test_reading.py::test_a_full_disk_takes_no_copies",
    ),
    Guard(
        "a child does not read its files again and again", "vodplatform/base/processes/ranged.py",
        " if self.count <= most else None", "",
        "tests/base/test_ranged.py::test_who_reads_in_circles_is_stopped",
    ),
    Guard(
        "a bucket that does not answer is not the video's fault", "media_app/videos/reading.py",
        "            if server.error is not None:\n                raise server.error from exc\n", "",
        "tests/videos/test_reading.py::test_a_bucket_that_does_not_answer_is_not_the_videos_fault",
    ),
    Guard(
        "those who wait for an analysis keep no upload waiting", "sessions_app/analysis/waiting.py",
        ", pool=looking)", ")",
        "tests/analysis/test_upload.py::test_those_who_wait_keep_no_upload_waiting",
    ),
    Guard(
        "a keyed body of too many parts is not built", "vodplatform/base/api/idempotency.py",
        "raw if has_too_many_parts(raw) else _canonical", "_canonical",
        "tests/base/test_idempotency.py::test_a_body_of_too_many_parts_is_not_built",
    ),
    Guard(
        "a list in a form has a length", "sessions_app/challenges/serializers.py",
        "        if len(value) > MAX_LIST_CHARACTERS:\n", "        if False:\n",
        "tests/challenges/test_initiate.py::test_a_list_that_is_too_long_is_not_built",
    ),
    Guard(
        "a body in tiny pieces ends", "vodplatform/base/web/protocol.py",
        "        if self._pieces > MAX_SMALL_PIECES and", "        if False and",
        "tests/base/test_protocol.py::test_a_body_in_thousands_of_tiny_pieces_is_refused",
    ),
    Guard(
        "trailers have a limit", "vodplatform/base/web/protocol.py",
        "        if self._trailer_bytes > MAX_HEAD_BYTES:\n", "        if False:\n",
        "tests/base/test_protocol.py::test_trailers_are_not_kept_and_have_a_limit",
    ),
    Guard(
        "requests without waiting have a limit", "vodplatform/base/web/protocol.py",
        "        if len(self.pipeline) >= MAX_PIPELINED:\n", "        if False:\n",
        "tests/base/test_protocol.py::test_requests_sent_without_end_and_without_waiting_end_the_connection",
    ),
    Guard(
        "frames of a socket have a limit", "vodplatform/base/web/protocol.py",
        "        if self._frames < 0:\n", "        if False:\n",
        "tests/base/test_protocol.py::test_a_socket_that_sends_frames_without_end_is_ended",
    ),
    Guard(
        "one caller has only so many waiting for a child", "vodplatform/base/processes/waiting_room.py",
        "            if waiting > MAX_WAITING_OF_ONE:\n", "            if False:\n",
        "tests/base/test_waiting_room.py::test_one_caller_has_only_so_many_waiting",
    ),
    Guard(
        "only so many wait for a child", "vodplatform/base/processes/waiting_room.py",
        "                if len(self._line) >= MAX_WAITING:\n", "                if False:\n",
        "tests/base/test_waiting_room.py::test_all_callers_together_have_only_so_many_waiting",
    ),
    Guard(
        "who waits for a child keeps no connection", "vodplatform/base/processes/waiting_room.py",
        "        release_connection()  # for the wait, and for the child\n", "",
        "tests/base/test_waiting_room.py::test_who_waits_for_a_child_keeps_no_connection_to_the_database",
        postgresql=True,
    ),
    Guard(
        "a request that asks S3 keeps no connection to the database", "media_app/store/files.py",
        "        release_connection()\n", "        pass\n",
        "tests/store/test_faults.py::test_a_request_that_waits_for_the_store_keeps_no_connection_to_the_database",
        postgresql=True,
    ),
    Guard(
        "how a description came to be has an end in bytes", "media_app/catalogue/operations.py",
        " or len(state) > MAX_STATE or ", " or ",
        "tests/catalogue/test_sync.py::TestRefusals::test_one_bad_operation_refuses_all",
    ),
    Guard(
        "home shows a person's own videos alone", "vodplatform/home.py",
        "    videos = Video.objects.private().filter(owner=user, deleted_at=None)\n",
        "    videos = Video.objects.private().filter(deleted_at=None)\n",
        "tests/test_home.py::test_what_others_have_is_not_shown",
    ),
    Guard(
        "home tells of a person's own jobs alone", "jobs_app/pages.py",
        "_timed(Job.objects.filter(owner=user, status__in=LIVE))", "_timed(Job.objects.filter(status__in=LIVE))",
        "tests/test_home.py::test_what_runs_is_shown_and_can_be_asked_for_alone",
    ),
    Guard(
        "an account names only so many replicas", "media_app/catalogue/services.py",
        "        if len(writers) > MAX_REPLICAS or len(named - writers) > MAX_SILENT_REPLICAS:\n",
        "        if False:\n",
        "tests/catalogue/test_sync.py::TestRefusals::test_an_account_names_only_so_many_replicas",
    ),
    Guard(
        "a backup holds the files of its moment", "vodplatform/archive.py",
        "media = _hold_media(folder)", "media = Path(settings.MEDIA_ROOT)",
        "tests/commands/test_backup.py::test_what_is_deleted_while_a_backup_runs_is_in_it",
    ),
    Guard(
        "a web process that ends keeps what had come", "vodplatform/base/web/server.py",
        "        self._captured_signals.clear()\n", "",
        "tests/crash/test_uploads_survive.py::test_patch_that_is_cut_keeps_every_byte_that_had_arrived",
    ),
    Guard(
        "the job looks at the type that nobody has seen", "media_app/videos/taking_in.py",
        "        _check_type(path, upload)\n", "        pass\n",
        "tests/uploads/test_direct.py::test_the_job_looks_at_the_first_bytes_of_what_went_past_the_program",
    ),
    Guard(
        "no sentinel is lost between threads", "vodplatform/base/redis_pool.py",
        "        own = copy.copy(self)\n        own.sentinels = list(self.sentinels)\n", "        own = self\n",
        "tests/base/test_sentinel.py::test_no_sentinel_is_lost_where_two_threads_find_another_away",
    ),
    Guard(
        "restoring files may take long", "vodplatform/archive.py",
        " " * 24 + 'cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")', " " * 24 + "pass",
        "tests/commands/test_backup.py::test_files_may_take_as_long_as_they_take_to_be_restored",
        postgresql=True,
    ),
    Guard(
        "a backup keeps microseconds", "vodplatform/archive.py",
        ", cls=ExactEncoder)", ")",
        "tests/commands/test_backup.py::test_an_instant_keeps_its_microseconds",
    ),
    Guard(
        "a pro job's files are copied in their sender's turn", "sessions_app/prosync/receiving.py",
        "        waiting_room.turn(str(user.pk)),\n", "",
        "tests/prosync/test_receiving.py::test_files_are_copied_and_looked_at_in_their_senders_turn",
    ),
    Guard(
        "a clip that is over has no numbers of chunks", "sessions_app/challenges/serializers.py",
        "        if clip.upload and clip.state in UPLOAD_LIVE:\n", "        if clip.upload:\n",
        "tests/challenges/test_merge_sessions.py::test_what_is_over_has_no_numbers_of_chunks",
    ),
    Guard(
        "the sweep of uploads begins with the oldest", "media_app/uploads/sweep.py",
        ".order_by(\"expires_at\", \"pk\")", "",
        "tests/uploads/test_services.py::TestExpiry::test_whoever_makes_many_keeps_it_from_nobody",
    ),
    Guard(
        "an upload whose time is over takes no room", "media_app/uploads/models.py",
        "Q(status__in=LIVE, expires_at__gt=Now())", "Q(status__in=LIVE)",
        "tests/uploads/test_services.py::TestExpiry::test_what_is_over_takes_no_room_while_the_sweep_has_not_come",
    ),
    Guard(
        "the row of an upload on S3 stays as long as its job", "media_app/uploads/sweep.py",
        "    old = old.exclude(job_may_need & Q(taken_up=True) & ~Q(multipart_id=\"\"))\n", "",
        "tests/uploads/test_services.py::TestExpiry::test_a_row_that_its_job_may_need_again_stays_as_long_as_the_job",
    ),
    Guard(
        "jobs that sessions show keep the purge from no other", "jobs_app/upkeep.py",
        "            old = old.filter(**{f\"{relation.name}__isnull\": True})\n", "            pass\n",
        "tests/jobs/test_upkeep.py::TestPurge::test_those_that_sessions_show_keep_it_from_no_other",
    ),
    Guard(
        "sound that repeats is no place", "sessions_app/comparison/alignment/sound/align.py",
        "    if rival is not None:", "    if False:",
        "tests/comparison/alignment/test_by_sound.py::TestRefusal::test_a_loop_and_little_else",
    ),
    Guard(
        "a recording that jumps has no one offset", "sessions_app/comparison/alignment/sound/align.py",
        "    if jump is not None:", "    if False:",
        "tests/comparison/alignment/test_by_sound.py::TestRefusal::test_a_recording_that_jumps_and_where",
    ),
    Guard(
        "the same music over two events is no match", "sessions_app/comparison/alignment/sound/align.py",
        "    if best.share < MIN_SHARE or len(apart) >= max(LEAST_APART, PART_APART * len(best.windows)):",
        "    if False:",
        "tests/comparison/alignment/test_by_sound.py::TestRefusal::test_one_track_over_two_matches",
    ),
    Guard(
        "a session keeps so many alignments", "sessions_app/comparison/alignments.py",
        "    _drop_old_alignments(session)\n    #", "    #",
        "tests/comparison/test_align.py::test_a_session_keeps_so_many_alignments",
    ),
    Guard(
        "what was made of a folder's file is shown while its owner may use the folder", "media_app/delivery/sources.py",
        "        _check_folder(row.video)\n", "",
        "tests/delivery/test_renditions.py::test_what_was_made_of_a_folders_file_is_shown_while_its_owner_may_use_the_folder",
    ),
    Guard(
        "a sign-up is confirmed with its password", "vodplatform/accounts/forms.py",
        "        if not check_password(password, self.row.password):\n", "        if False:\n",
        "tests/accounts/test_confirmation.py::test_who_has_the_mailbox_and_did_not_sign_up_confirms_nothing",
    ),
    Guard(
        "what is known of an account goes to its own address", "vodplatform/accounts/confirmation.py",
        "send(known.email, ", "send(email, ",
        "tests/accounts/test_confirmation.py::test_what_is_known_of_an_account_goes_to_its_own_address",
    ),
    Guard(
        "an address is sent few e-mails", "vodplatform/accounts/confirmation.py",
        "    if not throttles.may_be_sent(email):\n", "    if False:\n",
        "tests/accounts/test_confirmation.py::test_nobody_is_sent_more_than_a_few",
    ),
    Guard(
        "a form that is refused counts", "media_app/uploads/multipart.py", "admit, counts=True)", "admit)",
        "tests/uploads/test_multipart.py::TestLimits::test_one_that_is_refused_counts_too_and_leaves_no_row",
    ),
    Guard(
        "comparisons have an end", "sessions_app/comparison/services.py",
        "    if ComparisonSession.objects.filter(owner=owner).count() >= limit:\n", "    if False:\n",
        "tests/comparison/test_create.py::test_an_account_has_as_many_as_its_plan_allows",
    ),
    Guard(
        "health writes to the database", "vodplatform/base/web/health.py",
        "            if now - self._fails_since >= LOCKED_SECONDS:\n                raise\n", "",
        "tests/base/test_health.py::TestLocked::test_what_cannot_be_written_for_long_is_down_and_heals",
    ),
    Guard(
        "a child reads what it was given alone", "vodplatform/base/processes/exec_shim.py",
        "        restrict_files(rules)\n", "",
        "tests/base/test_confinement.py::TestFiles",
    ),
    Guard(
        "opening the link of a sign-up makes no account", "vodplatform/accounts/pages.py",
        "    if form.is_valid():\n        try:\n            state,", "    if True:\n        try:\n            state,",
        "tests/accounts/test_confirmation.py::test_the_link_makes_the_account_once",
    ),
    Guard(
        "tokens made at once are counted one after the other", "vodplatform/accounts/services.py",
        "    _locked(user.pk)  # of several", "    pass  # of several",
        "tests/test_attacks.py::TestGrowth::test_tokens_made_at_once_are_no_more",
        postgresql=True,
    ),
    Guard(
        "one e-mail address makes one account", "vodplatform/accounts/confirmation.py",
        "            rows.delete()\n", "            PendingSignUp.objects.filter(digest=row.digest).delete()\n",
        "tests/accounts/test_confirmation.py::test_one_address_makes_one_account",
    ),
    Guard(
        "no link that a child left is followed", "vodplatform/base/files/child_files.py",
        "    if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:\n", "    if False:\n",
        "tests/base/test_child_files.py::test_whatever_else_is_there_is_not_taken",
    ),
    Guard(
        "what a child starts stays its descendant", "vodplatform/base/processes/exec_shim.py",
        "    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)\n", "",
        "tests/base/test_confinement.py::TestGroup::test_who_loses_its_parent_is_ended_with_it_and_counted_until_then",
    ),
    Guard(
        "a child makes no namespace", "vodplatform/base/processes/exec_shim.py",
        "(HAS_BIT, NAMESPACES, \"refuse\", \"allow\")", "(HAS_BIT, 0, \"refuse\", \"allow\")",
        "tests/base/test_confinement.py::TestGroup::test_no_namespace_is_made",
    ),
    Guard(
        "a child that says too much is ended", "vodplatform/base/processes/process.py",
        "if kept_bytes > MAX_SAID_BYTES:", "if kept_bytes > MAX_SAID_BYTES << 6:",
        "tests/base/test_process.py::TestTalking::test_nobody_is_flooded",
    ),
    Guard(
        "a child has no network", "vodplatform/base/processes/exec_shim.py",
        "        restrict_calls(has_network=any(name == \"connect\" for name, _ in rules))\n", "",
        "tests/base/test_confinement.py::TestNetwork",
    ),
    Guard(
        "half of a lane is for others", "jobs_app/admission.py",
        "max(1, lanes.places_of(lane) // 2)", "lanes.places_of(lane)",
        "tests/jobs/test_giving_way.py::TestShare",
    ),
    Guard(
        "the first job of a lane needs no free place", "jobs_app/runner.py",
        " and self._lanes[lane] > 0", "",
        "tests/jobs/test_review.py::TestRoom::test_long_jobs_of_one_lane_never_keep_another_waiting",
    ),
    Guard(
        "a worker keeps to its number of jobs", "jobs_app/runner.py",
        "self._running >= self.max_jobs and", "False and",
        "tests/jobs/test_review.py::TestRoom::test_long_jobs_of_one_lane_never_keep_another_waiting",
    ),
    Guard(
        "load balancers ask by address", "vodplatform/settings/base.py",
        '    "vodplatform.base.web.middleware.HealthMiddleware",\n', "",
        "tests/base/test_health.py::TestReady::test_load_balancers_ask_by_address",
    ),
    Guard(
        "Enter in a reason takes the decision that asked for it", "static/js/moderation/page.js",
        "  if (waiting) decide(waiting);\n  else ", "  ",
        "tests/browser/test_moderation_page.py::test_a_moderator_works_through_the_queue_by_keys",
    ),
    Guard(
        "a master does not wait for a worker that is killed", "jobs_app/management/commands/worker.py",
        ' "--worker-fork-timeout", str(BOOT_MILLISECONDS),', "",
        "tests/jobs/test_worker_command.py::test_it_takes_all_queues_with_a_thread_for_each_job_that_they_allow",
    ),
    Guard(
        "a worker wakes only queues that it takes", "jobs_app/upkeep.py", " if queues is None or lane in queues]", "]",
        "tests/jobs/test_running.py::test_a_worker_sends_again_only_for_queues_that_it_takes",
    ),
    Guard(
        "a file without a picture is refused while its sender waits", "media_app/videos/receiving.py",
        "    if fault is not None:\n", "    if False:\n",
        "tests/analysis/test_upload.py::test_what_can_be_seen_to_be_of_no_use_is_refused_at_once",
    ),
    Guard(
        "a long job lets others have their turn", "jobs_app/keeper.py",
        "            (context.gives_way.set if token in giving else context.gives_way.clear)()\n", "            pass\n",
        "tests/jobs/test_giving_way.py::TestHow::test_a_child_is_ended_when_it_has_said_a_checkpoint",
    ),
    Guard(
        "who gave way comes after who waits", "jobs_app/leases.py",
        "turn=turn,\n            message=\"Goes", "message=\"Goes",
        "tests/jobs/test_giving_way.py::TestHow",
    ),
    Guard(
        "what is too much work is not encoded", "media_app/videos/actors.py",
        "if rungs and budget.refusal(context.owner, video):", "if False:",
        "tests/videos/test_ingest.py::test_one_that_is_more_work_than_the_plan_allows_is_played_and_not_encoded",
    ),
    Guard(
        "what is too much work is not analysed", "sessions_app/analysis/actors.py",
        "    check_budget(context, facts)\n", "",
        "tests/analysis/test_upload.py::TestWaiting::"
        "test_a_video_that_is_more_work_than_the_plan_allows_is_not_begun",
    ),
    Guard(
        "clips looked at side by side have a budget", "sessions_app/challenges/actors.py",
        "    if merges.gigapixels_of(session.clips.all()) > limits_of(context.owner)[\"max_video_gigapixels\"]:\n",
        "    if False:\n",
        "tests/challenges/test_merge_jobs.py::TestMediaAtFault::"
        "test_clips_that_were_looked_at_side_by_side_are_no_more_work_than_the_plan_allows",
    ),
    Guard(
        "clips together have a budget", "sessions_app/challenges/receiving.py",
        ", beside=merges.gigapixels_beside(upload)", "",
        "tests/challenges/test_clips.py::TestLooking::"
        "test_clips_that_are_together_more_work_than_the_plan_allows_are_refused",
    ),
    Guard(
        "a storage that hangs is not waited for again at once", "vodplatform/base/files/storage.py",
        "    silence.check()\n", "",
        "tests/store/test_faults.py::test_after_one_that_got_no_answer_nothing_else_waits",
    ),
    Guard(
        "whoever moves to another audience misses nothing", "vodplatform/accounts/realtime.py",
        "await asyncio.sleep(OVERLAP_SECONDS)", "pass",
        "tests/catalogue/test_sockets.py::TestLookingAgain::"
        "test_a_message_sent_while_somebody_changes_audience_is_not_missed",
    ),
    Guard(
        "who reads a video for long gives way", "vodplatform/base/processes/waiting_room.py",
        "if self._line and time.monotonic() > begun + GIVE_WAY_SECONDS:", "if False:",
        "tests/base/test_waiting_room.py::test_who_takes_long_gives_way_to_who_waits_and_only_then",
    ),
    Guard(
        "nothing is read for a client that has gone", "vodplatform/base/web/handlers.py",
        "                gone.set()\n", "                pass\n",
        "tests/base/test_handlers.py::test_a_view_is_told_that_its_client_has_gone",
    ),
    Guard(
        "no job begins where there is little room", "jobs_app/runner.py", " or not disk.has_room()", "",
        "tests/jobs/test_little_room.py::test_jobs_wait_while_there_is_little_room",
    ),
    Guard(
        "a full disk gives the kept file up", "vodplatform/base/files/disk.py", "            path.unlink()\n",
        "            pass\n",
        "tests/base/test_disk.py::test_a_file_is_kept_and_given_up_when_the_disk_is_full_and_taken_back_later",
    ),
    Guard(
        "nginx lets every upload pass", "deploy/nginx.conf", "video/upload|challenge", "challenge",
        "tests/delivery/test_nginx.py::TestUploads::test_every_address_that_takes_files_takes_more_than_four_mib",
    ),
    Guard(
        "nginx waits for an analysis", "deploy/nginx.conf", "        proxy_read_timeout 24h;\n", "",
        "tests/delivery/test_nginx.py::TestUploads::test_whoever_asks_for_an_analysis_waits_for_it",
    ),
    Guard(
        "an admin may always delete a video", "sessions_app/comparison/services.py",
        "    if by is not None and not by.is_admin:\n", "    if by is not None:\n",
        "tests/comparison/test_gaps.py::test_an_admin_is_not_stopped_by_a_session_of_his_own",
    ),
    Guard(
        "a session of others stands in nobody's way", "sessions_app/comparison/services.py",
        "if session.owner_id == by.pk]", "]",
        "tests/comparison/test_gaps.py::test_whose_video_it_is_may_delete_it_and_the_session_of_others_keeps_its_clock",
    ),
    Guard(
        "a copy of the database is told from it", "vodplatform/base/files/installation.py",
        "if row.database != _database():",
        "if False:",
        "tests/base/test_installation.py::test_who_has_another_database_or_store_is_refused",
    ),
    Guard(
        "another kind of store is told from the right one", "vodplatform/base/files/installation.py",
        "if row.store != _store():",
        "if False:",
        "tests/base/test_installation.py::test_who_has_another_database_or_store_is_refused",
    ),
    Guard(
        "a store without a mark is not the right one", "vodplatform/base/files/installation.py",
        "    if mark is None:\n        raise WrongInstallation(",
        "    if False:\n        raise WrongInstallation(",
        "tests/base/test_installation.py::test_who_has_another_database_or_store_is_refused",
    ),
    Guard(
        "a store with another mark is not the right one", "vodplatform/base/files/installation.py",
        "if mark != str(row.pk):",
        "if False:",
        "tests/base/test_installation.py::test_a_fresh_database_is_refused_beside_a_store_of_others",
    ),
    Guard(
        "a second store is not marked", "vodplatform/base/files/installation.py",
        "        if not Installation.objects.select_for_update().filter(pk=row.pk, is_marked=False).exists():\n",
        "        if False:\n",
        "tests/base/test_installation.py::test_another_host_does_not_mark_a_second_store_while_the_first_is_being_marked",
    ),
    Guard(
        "a host has the installation's key", "vodplatform/base/files/installation.py",
        "if not any(constant_time_compare(row.key, _digest(key, row.pk)) for key in _keys()):",
        "if False:",
        "tests/base/test_installation.py::test_a_host_with_another_key_does_not_begin",
    ),
    Guard(
        "a process of another installation ends", "vodplatform/base/files/installation.py",
        "        os.kill(os.getpid(), signal.SIGTERM)\n",
        "        pass\n",
        "tests/base/test_installation.py::TestProcesses::test_one_that_is_refused_twice_in_a_row_ends",
    ),
    Guard(
        "health knows a store of others", "vodplatform/base/web/health.py",
        "    installation.raise_if_wrong()\n",
        "",
        "tests/base/test_installation.py::TestProcesses::test_the_storage_of_others_is_down_for_health",
    ),
    Guard(
        "expire deletes nothing of others", "vodplatform/management/commands/expire.py",
        "            installation.check()\n",
        "            pass\n",
        "tests/base/test_installation.py::TestCommands::test_those_that_delete_refuse_in_a_copy",
    ),
    Guard(
        "doctor mends nothing of others", "vodplatform/management/commands/doctor.py",
        "            installation.check()\n",
        "",
        "tests/base/test_installation.py::TestCommands::test_those_that_delete_refuse_in_a_copy",
    ),
    Guard(
        "a web process of others does not come up", "vodplatform/asgi.py",
        "    installation.begin_process()\n",
        "",
        "tests/program/test_two_installations.py::test_a_host_with_other_files_or_another_key_does_not_come_up",
        postgresql=True,
    ),
    Guard(
        "a worker of others does not come up", "jobs_app/worker.py",
        "    installation.begin_process()\n",
        "    pass\n",
        "tests/program/test_two_installations.py::test_a_host_with_other_files_or_another_key_does_not_come_up",
        postgresql=True,
    ),
    Guard(
        "a backup takes over no store unasked", "vodplatform/management/commands/restore.py",
        "                installation.register_process()\n",
        "                pass\n",
        "tests/program/test_two_installations.py::test_a_backup_takes_the_bucket_over_only_on_purpose",
        postgresql=True,
    ),
    Guard(
        "a sweep sees twice", "vodplatform/base/records/unreferenced.py",
        " and at - since >= hours",
        "",
        "tests/base/test_installation.py::TestUnreferenced::test_what_is_seen_again_a_day_later_may_go",
    ),
    Guard(
        "what is referenced again is forgotten by the sweep", "vodplatform/base/records/unreferenced.py",
        "        noted.filter(key__in=over[start : start + BATCH]).delete()\n",
        "        pass\n",
        "tests/base/test_installation.py::TestUnreferenced::test_what_was_referenced_in_between_begins_anew",
    ),
    Guard(
        "doctor asks where many files are out of sight", "vodplatform/management/commands/doctor.py",
        "if not is_sure and (found := upkeep.many_lost()):",
        "if found := '':",
        "tests/commands/test_care.py::test_doctor_fix_asks_first_where_many_files_are_out_of_sight",
    ),
    Guard(
        "the files of a lost rendition are not swept", "media_app/videos/services.py",
        "Rendition.with_lost.values_list(\"folder\", flat=True)",
        "Rendition.objects.values_list(\"folder\", flat=True)",
        "tests/videos/test_upkeep.py::TestLostRenditions::test_one_whose_files_are_back_is_shown_again_and_its_files_stay_meanwhile",
    ),
    Guard(
        "a lost rendition is shown nowhere", "media_app/videos/models.py",
        "super().get_queryset().filter(lost_at=None)",
        "super().get_queryset()",
        "tests/videos/test_upkeep.py::TestLostRenditions::test_one_is_shown_no_more_and_made_again",
    ),
    Guard(
        "a new password ends the tokens where that is ticked", "vodplatform/accounts/pages.py",
        "                revoke_tokens(left, by=form.user)\n", "                pass\n",
        "tests/accounts/test_pages.py::TestPassword::test_other_sessions_and_jwts_end_and_tokens_as_one_chooses",
    ),
    Guard(
        "a worker takes only kinds that it knows", "jobs_app/leases.py",
        "return Job.objects.claimable(lane).filter(kind__in=registry())", "return Job.objects.claimable(lane)",
        "tests/jobs/test_releases.py::TestTheFormer::test_a_job_of_a_new_kind_waits_for_who_knows_it",
    ),
    Guard(
        "a worker judges only kinds that it knows", "jobs_app/upkeep.py",
        "[job for job in Job.objects.lease_expired() if job.kind in registry()]", "list(Job.objects.lease_expired())",
        "tests/jobs/test_releases.py::TestTheFormer::test_the_dead_worker_of_a_new_kind_is_judged_by_who_knows_it",
    ),
    Guard(
        "a job outlasts a storage that is away", "jobs_app/runner.py",
        "partial(_write_with_retry, leases.wait_for_storage, lease, exc.type.name, STORAGE_AWAY_MESSAGE)",
        "partial(_write_with_retry, leases.retry_later, lease, exc.type.name, STORAGE_AWAY_MESSAGE)",
        "tests/jobs/test_outputs_faults.py::TestRunning::test_a_kind_that_stores_waits_until_the_storage_is_back",
    ),
    Guard(
        "no job is taken while the storage is away", "jobs_app/runner.py",
        "if not outage.is_over() or", "if False or",
        "tests/jobs/test_outputs_faults.py::TestRunning::test_nothing_else_is_taken_meanwhile_and_all_goes_on_by_itself",
    ),
    Guard(
        "one process migrates at a time", "vodplatform/management/commands/migrate.py",
        "            fcntl.flock(file, fcntl.LOCK_EX)\n", "            pass\n",
        "tests/test_migrations.py::test_several_that_begin_at_once_migrate_once",
    ),
    Guard(
        "one host migrates at a time", "vodplatform/management/commands/migrate.py",
        "while own.execute(\"SELECT NOT pg_try_advisory_xact_lock(%s)\", [LOCK]).fetchone() == (True,):", "if False:",
        "tests/test_migrations.py::test_several_hosts_that_begin_at_once_migrate_once",
        postgresql=True,
    ),
    Guard(
        "who migrates for long keeps the lock", "vodplatform/management/commands/migrate.py",
        "        own.execute(\"SET LOCAL idle_in_transaction_session_timeout = 0\")\n", "",
        "tests/test_migrations.py::"
        "test_who_stands_still_in_a_transaction_is_ended_but_not_who_keeps_others_from_migrating",
        postgresql=True,
    ),
    Guard(
        "players are sent to the public address of the S3 server", "media_app/store/bucket.py",
        "            return self._public.url(", "            return super().url(",
        "tests/store/test_presigned.py::test_players_are_sent_to_the_public_address_of_the_server",
    ),
    Guard(
        "nobody is sent to a release that the database is behind", "vodplatform/base/web/health.py",
        "            if database_is_current():\n", "            if True:\n",
        "tests/base/test_health.py::TestReady::test_before_its_migrations_have_run_it_is_not",
    ),
    Guard(
        "a finger that scrolls draws no timer box", "static/js/base/roi.js",
        "if (type === \"pointercancel\") this.box = was;\n      else if", "if",
        "tests/browser/comparison/test_stage.py::test_a_finger_scrolls_the_alignment_page_over_its_picture",
    ),
    Guard(
        "the data folder is closed to others, whatever it was", "vodplatform/settings/environment.py",
        "        if is_open(path) and not", "        if False and not",
        "tests/base/test_environment.py::TestSecrets::"
        "test_one_that_was_made_for_others_too_is_closed_with_what_is_secret_in_it",
    ),
    Guard(
        "an address makes so many accounts an hour", "vodplatform/accounts/forms.py",
        "            self._count_account()\n", "            pass\n",
        "tests/accounts/test_pages.py::TestSigningUp::test_an_address_makes_so_many_accounts_an_hour",
    ),
    Guard(
        "a host that only serves cleans its own folder", "vodplatform/asgi.py",
        "    host.begin()\n", "    pass\n",
        "tests/test_host.py::test_a_host_that_only_serves_cleans_its_own_too",
    ),
    Guard(
        "a run of combining marks has an end", "vodplatform/base/text.py",
        "        if run <= MAX_MARKS:\n", "        if True:\n",
        "tests/base/test_text.py::test_of_a_run_of_marks_the_first_stay",
    ),
    Guard(
        "a text's length is asked before it is looked at", "media_app/videos/words.py",
        "    if len(value) > most:\n        raise InvalidText(sentence)\n    if \"", "    if \"",
        "tests/base/test_text.py::test_length_is_asked_before_the_text_is_looked_at",
    ),
    Guard(
        "a list's length is asked before its parts", "vodplatform/base/api/fields.py",
        "if isinstance(data, list | tuple) and len(data) > self.most:", "if False:",
        "tests/contract/test_large_bodies.py::test_too_many_parts_are_refused_unseen",
    ),
    Guard(
        "an object's names are counted before its parts", "vodplatform/base/api/fields.py",
        "if isinstance(data, Mapping) and len(data) > self.most:", "if False:",
        "tests/contract/test_large_bodies.py::test_too_many_parts_are_refused_unseen",
    ),
    Guard(
        "an answer names twenty errors at most", "vodplatform/base/errors.py",
        "_first(detail, [MAX_ERRORS])", "_first(detail, [10**9])",
        "tests/base/test_errors.py::test_of_many_errors_the_first_are_told_and_how_many_there_were",
    ),
    Guard(
        "a socket that never reads is ended", "vodplatform/base/web/protocol.py",
        "self._unread = self.loop.call_later(self.unread_seconds, self._give_up)", "pass",
        "tests/base/test_protocol.py::test_a_socket_that_never_reads_is_ended",
    ),
    Guard(
        "what waits for a socket has a bound", "vodplatform/base/web/layers.py",
        "        if self.qsize() >= MAX_WAITING:", "        if False:",
        "tests/base/test_layers.py::test_of_more_than_may_wait_only_those_behind_are_kept",
    ),
    Guard(
        "a request has its time", "vodplatform/base/web/protocol.py",
        "self._late = None if seconds is None else self.loop.call_later(seconds, self._too_late, seconds)",
        "self._late = None",
        "tests/base/test_protocol.py::TestTime::test_what_does_not_come_is_not_waited_for",
    ),
    Guard(
        "connections leave descriptors for health", "vodplatform/base/web/protocol.py",
        "            app = turn_away\n", "            pass\n",
        "tests/base/test_protocol.py::TestCrowds::test_past_half_of_the_descriptors_health_alone_is_served",
    ),
    Guard(
        "connections leave descriptors for the program", "vodplatform/base/web/protocol.py",
        "            transport.abort()\n        else:", "            pass\n        else:",
        "tests/base/test_protocol.py::TestCrowds::test_past_all_of_them_a_connection_is_ended_at_once",
    ),
    Guard(
        "the schema is not made again for each who asks", "vodplatform/urls.py",
        "path(\"api/schema\", SchemaView.as_view()", "path(\"api/schema\", SchemaView.__base__.as_view()",
        "tests/base/test_request_log.py::TestDocuments::test_the_schema_is_the_committed_one_and_is_not_made_anew",
    ),
    Guard(
        "who works on a video may see it at that moment", "media_app/videos/services.py",
        "    check_watchable([video], viewer)\n", "",
        "tests/videos/test_reading.py::test_who_may_not_see_it_is_told_that_it_is_gone",
    ),
    Guard(
        "who has a video read may see it at that moment", "media_app/videos/reading.py",
        "    check_watchable(videos, viewer)\n", "",
        "tests/videos/test_reading.py::test_who_may_not_see_it_is_told_that_it_is_gone",
    ),
    Guard(
        "who is shown what a video gave may see it at that moment", "media_app/videos/services.py",
        "    if viewer is None:\n", "    if True:\n",
        "tests/comparison/test_timer_preview.py::test_a_catalogue_video_that_is_shown_no_more_is_not_read_any_more",
    ),
    Guard(
        "an upload that is gone is given up", "media_app/store/files.py",
        "if exc.response[\"ResponseMetadata\"][\"HTTPStatusCode\"] != HTTPStatus.NOT_FOUND or", "if True or",
        "tests/store/test_faults.py::test_giving_up_or_deleting_what_is_gone_is_done",
    ),
    Guard(
        "a wrong bucket is no file that is gone", "media_app/store/files.py",
        " or _code(exc) == NO_BUCKET:", ":",
        "tests/store/test_faults.py::test_a_wrong_bucket_is_not_taken_for_a_file_that_is_gone",
    ),
    Guard(
        "a pro job is for its owner and admins", "sessions_app/prosync/models.py",
        "return self if user.is_admin else self.filter(owner=user)", "return self",
        "tests/prosync/test_process.py::TestOthers::test_a_stranger_sees_none_of_it",
    ),
    Guard(
        "a plan without pro segments has none", "sessions_app/prosync/services.py",
        "    if not most:\n", "    if False:\n",
        "tests/prosync/test_process.py::TestPlans::test_the_free_plan_has_none",
    ),
    Guard(
        "a plan has its number of segments", "sessions_app/prosync/api.py",
        "if len(wanted) > most:", "if False:",
        "tests/prosync/test_process.py::TestPlans::test_a_plan_has_its_number_of_segments",
    ),
    Guard(
        "a webhook is signed by the provider", "sessions_app/prosync/engines/syncso.py",
        "if not secret or not any(matches):", "if False:",
        "tests/prosync/test_provider_job.py::TestWebhook::test_a_call_that_is_not_the_providers_is_refused",
    ),
    Guard(
        "a webhook is not believed without a secret", "sessions_app/prosync/engines/syncso.py",
        "if not secret or not any(matches):", "if not any(matches):",
        "tests/prosync/test_provider_job.py::TestWebhook::test_without_a_secret_nobody_is_believed",
    ),
    Guard(
        "an old webhook is refused", "sessions_app/prosync/engines/syncso.py",
        "if abs(now - sent_at) > TOLERANCE_SECONDS:", "if False:",
        "tests/prosync/test_provider_job.py::TestWebhook::test_a_call_that_is_not_the_providers_is_refused",
    ),
    Guard(
        "a webhook counts once", "sessions_app/prosync/services.py",
        "notified_at__lt=sent_at", "notified_at__gte=0",
        "tests/prosync/test_provider_job.py::TestWebhook::test_the_same_call_again_is_refused",
    ),
    Guard(
        "what the provider is asked stands in the row before", "sessions_app/prosync/engines/provider.py",
        "found = provider.find(name)", "found = None",
        "tests/prosync/test_provider_job.py::TestTheWay::test_a_provider_that_forgets_keys_is_searched",
    ),
    Guard(
        "a generation that is left while it is asked for is stopped", "sessions_app/prosync/engines/provider.py",
        "        _stop_if_left(row, generation_id)\n", "",
        "tests/prosync/test_provider_job.py::TestLeaving::test_one_that_was_left_while_it_was_asked_for_is_stopped",
    ),
    Guard(
        "the provider's result is whole", "sessions_app/prosync/engines/provider.py",
        'if facts["truncated"]:', "if False:",
        "tests/prosync/test_provider_job.py::TestResult::test_one_that_ends_too_early_without_a_word_is_fetched_again",
    ),
    Guard(
        "the provider's result is scanned", "sessions_app/prosync/engines/provider.py",
        "    scan_file(work.context, path)\n", "",
        "tests/prosync/test_provider_job.py::TestResult::test_an_infected_one_is_not_shown",
    ),
    Guard(
        "an attempt leaves the folder of the one after it", "jobs_app/scratch.py",
        "if token not in held]", "if token]",
        "tests/jobs/test_running.py::test_who_comes_too_late_leaves_the_folder_of_the_attempt_after_it",
    ),
    Guard(
        "the provider's result lies on no private address", "sessions_app/prosync/engines/syncso.py",
        "max_bytes=max_file_bytes, redirects=MAX_REDIRECTS)",
        "max_bytes=max_file_bytes, redirects=MAX_REDIRECTS, allow_private=True)",
        "tests/prosync/test_syncso_client.py::TestDownload::test_one_on_a_private_address_is_refused",
    ),
    Guard(
        "the API's key follows no redirect", "sessions_app/prosync/engines/syncso.py",
        "self._rules = replace(rules, redirects=0)", "self._rules = replace(rules, redirects=3)",
        "tests/prosync/test_syncso_client.py::TestMeaning::test_a_redirect_takes_the_key_nowhere",
    ),
    Guard(
        "the lie is told to owners and to who has guessed", "sessions_app/challenges/models.py",
        "return self.owner_id == user.pk or self.own_guess is not None", "return True",
        "tests/challenges/test_lie.py::TestSameBytes::test_one_row_with_another_lie_in_it",
    ),
    Guard(
        "no list in the admin can be asked for the lie", "sessions_app/challenges/admin.py",
        'return not lookup.startswith("lie_index") and super()', "return super()",
        "tests/challenges/test_moderators_play_too.py::test_a_list_cannot_be_asked_for_it",
    ),
    Guard(
        "a draft is its owner's", "sessions_app/challenges/models.py",
        "seen = Q(owner=user) | PUBLISHED", "seen = Q()",
        "tests/challenges/test_challenges.py::TestWhoSees::test_each_as_the_contract_has_it",
    ),
    Guard(
        "a merge is for its owner and admins", "sessions_app/challenges/models.py",
        "return self if user.is_admin else self.filter(owner=user)", "return self",
        "tests/challenges/test_merge_sessions.py::TestWhoMay::test_its_owner_and_admins_see_it",
    ),
    Guard(
        "statements are the maker's own clips", "sessions_app/challenges/challenges.py",
        "MergeClip.objects.filter(pk__in=ids, session__owner=user)", "MergeClip.objects.filter(pk__in=ids)",
        "tests/challenges/test_challenges.py::TestMake::test_an_admin_makes_none_of_somebody_elses_merge",
    ),
    Guard(
        "players' addresses end with the publishing", "media_app/delivery/addresses.py",
        "return video.place == Place.SESSION", "return False",
        "tests/challenges/test_delivery.py::TestSignedAddresses::test_those_of_players_end_with_it_and_the_owners_stay",
    ),
    Guard(
        "an analysis is for its owner and admins", "sessions_app/analysis/models.py",
        "return self if user.is_admin else self.filter(owner=user)", "return self",
        "tests/analysis/test_sessions.py::TestStatus::test_nobody_else_sees_it_but_admins",
    ),
    Guard(
        "a name that was just left comes with its words", "static/js/catalogue/sync-client.js",
        "if (this.#outbox.waiting.some((one) => this.#document.has(one.actor, counterOf(one))))", "if (false)",
        "tests/catalogue/test_sync_convergence.py::test_a_name_that_a_page_has_just_left_comes_with_its_words",
    ),
    Guard(
        "one reel is cut at a time", "sessions_app/analysis/services.py",
        "if row.reel_job is not None and row.reel_job.is_live:", "if False:",
        "tests/analysis/test_reels.py::TestAsking::test_there_is_one_at_a_time_and_one_that_fails_changes_nothing",
    ),
    Guard(
        "a reel's job goes with its analysis", "sessions_app/analysis/services.py",
        "for job in (row.job, row.reel_job) if", "for job in (row.job,) if",
        "tests/analysis/test_reels.py::TestAsking::test_the_session_takes_it_along",
    ),
    Guard(
        "only videos of one's own library are analysed", "sessions_app/analysis/api.py",
        "Video.objects.private().filter(owner=self.user, pk=key)", "Video.objects.private().filter(pk=key)",
        "tests/analysis/test_upload.py::TestOfTheLibrary"
        "::test_not_one_of_somebody_else_nor_one_that_is_not_there",
    ),
    Guard(
        "no cell of a table is a formula", "vodplatform/base/api/tables.py",
        "isinstance(cell, str) and cell.startswith((*FORMULA, MARK))", "False",
        "tests/analysis/test_sessions.py::TestResults::test_as_a_table_no_cell_is_a_formula",
    ),
    Guard(
        "nothing is sent to addresses inside", "vodplatform/base/web/outbound.py",
        "            if kind is not None:\n                raise Refused(f\"{self._host} leads",
        "            if False:\n                raise Refused(f\"{self._host} leads",
        "tests/base/test_outbound.py::TestRedirects::test_one_to_the_inside_is_refused",
    ),
    Guard(
        "keys stay behind where a redirect leads elsewhere", "vodplatform/base/web/outbound.py",
        "if name in KEPT_ELSEWHERE}", "}",
        "tests/base/test_outbound.py::TestRedirects"
        "::test_a_followed_one_leaves_keys_behind_when_it_leads_elsewhere",
    ),
    Guard(
        "a packed answer is unpacked piece by piece", "vodplatform/base/web/outbound.py",
        "unpacker.decompress(rest, BLOCK)", "unpacker.decompress(rest)",
        "tests/base/test_outbound.py::TestLimits::test_a_bomb_is_put_out_before_it_fills_the_memory",
    ),
    Guard(
        "the model's address is not a private one unless allowed", "sessions_app/analysis/pipelines/vision.py",
        "outbound.Rules(self._may_be_private,", "outbound.Rules(True,",
        "tests/analysis/test_vision.py::TestGuard::test_a_private_address_is_not_asked_unless_allowed",
    ),
    Guard(
        "an analysis that came to nothing leaves no file", "sessions_app/analysis/actors.py",
        "        services.ended(job)\n", "        pass\n",
        "tests/analysis/test_sessions.py::TestCancel::test_whoever_cancels_the_job_cancels_the_session",
    ),
    Guard(
        "a caller that hangs up has his analysis cancelled", "sessions_app/analysis/waiting.py",
        "                await run_shielded(_cancel, session_id)\n", "",
        "tests/analysis/test_upload.py::TestWaiting::test_a_caller_that_hangs_up_cancels_the_job",
    ),
    Guard(
        "files of sessions take of their owner's room", "sessions_app/analysis/receiving.py",
        "        return session_bytes(user_id)\n", "        return 0\n",
        "tests/analysis/test_sessions.py::test_files_of_sessions_take_of_the_owners_room",
    ),
    Guard(
        "what an analysis asks for is checked before a byte is sent by tus", "sessions_app/analysis/receiving.py",
        "    def begin(self, user", "    def not_begin(self, user",
        "tests/analysis/test_upload.py::TestUpload"
        "::test_by_tus_wrong_parameters_are_refused_before_a_byte_is_sent",
    ),
    Guard(
        "a worker writes only under its lease", "jobs_app/leases.py",
        "filter(pk=self.job_id, lease_token=self.token, status=JobStatus.PROCESSING)", "filter(pk=self.job_id)",
        "tests/jobs/test_services.py::TestLease::test_who_lost_the_lease_writes_nothing",
    ),
    Guard(
        "the lane's lock around count and claim", "jobs_app/leases.py",
        "        _lock(CLAIM_LOCK, lane.encode())\n", "",
        "tests/jobs/test_services.py::TestClaim::test_nobody_claims_between_another_ones_count_and_claim", True,
    ),
    Guard(
        "IMMEDIATE transactions on SQLite", "vodplatform/settings/environment.py",
        '"transaction_mode": "IMMEDIATE"', '"transaction_mode": "DEFERRED"',
        "tests/jobs/test_services.py::TestClaim::test_eight_workers_never_run_more_than_the_lane_allows",
    ),
    Guard(
        "the lane's limit", "jobs_app/leases.py",
        ">= lanes.limit_of(lane):", ">= 10**9:",
        "tests/jobs/test_services.py::TestClaim::test_a_full_lane_gives_nothing_and_another_lane_does",
    ),
    Guard(
        "each host brings its share of a lane", "jobs_app/lanes.py",
        " * max(1, known.hosts[lane])", "",
        "tests/jobs/test_review.py::TestLimits::test_the_settings_are_for_each_host_until_admins_set_one_for_all",
    ),
    Guard(
        "the owner's lock over all lanes", "jobs_app/leases.py",
        "            if not _try_lock(OWNER_LOCK, job.owner_id.bytes):\n", "            if False:\n",
        "tests/jobs/test_turns.py::test_claims_in_two_lanes_at_once_never_exceed_the_owners_limit", True,
    ),
    Guard(
        "the tier's limit of running jobs", "jobs_app/leases.py",
        "            return job\n        full.add(job.owner_id)\n", "            return job\n        return job\n",
        "tests/jobs/test_turns.py::TestPlaces::test_the_limit_holds_over_all_lanes",
    ),
    Guard(
        "only admitted jobs are claimed", "jobs_app/models.py",
        "status=JobStatus.QUEUED, admitted=True)", "status=JobStatus.QUEUED)",
        "tests/jobs/test_services.py::TestClaim::test_there_may_be_none",
    ),
    Guard(
        "users in turn", "jobs_app/models.py", 'order_by("-priority", "turn", ', 'order_by("-priority", ',
        "tests/jobs/test_turns.py::TestTurns::test_users_take_turns",
    ),
    Guard(
        "a worker without renewals stops by itself", "jobs_app/context.py",
        "if time.monotonic() - self.renewed_at > settings.JOB_LEASE_SECONDS:", "if False:",
        "tests/jobs/test_running.py::TestKeeping::test_a_worker_that_cannot_renew_stops_by_itself",
    ),
    Guard(
        "nobody is taken over before all could renew", "jobs_app/sweeping.py",
        "        if keeper.is_database_stable():\n", "        if True:\n",
        "tests/jobs/test_review.py::TestLeases::test_after_trouble_nobody_is_taken_over_before_all_could_renew",
    ),
    Guard(
        "an owner's places are counted by one at a time", "jobs_app/admission.py",
        '"SELECT pg_advisory_xact_lock(%s, %s)"', '"SELECT %s, %s"',
        "tests/jobs/test_review.py::TestPlaces::test_an_enqueue_beside_the_last_ends_is_let_in", True,
    ),
    Guard(
        "a retry only of what has ended", "jobs_app/services.py", "pk=job.pk, status__in=RETRYABLE)", "pk=job.pk)",
        "tests/jobs/test_review.py::TestRetry::test_who_read_the_job_before_it_changed_changes_nothing",
    ),
    Guard(
        "a lease is taken over only when it has run out", "jobs_app/upkeep.py",
        "            if is_over:\n", "            if True:\n",
        "tests/jobs/test_upkeep.py::TestReaping::test_a_lease_renewed_meanwhile_is_not_taken_away",
    ),
    Guard(
        "who waited for the database takes no lease", "jobs_app/upkeep.py",
        "            if time.monotonic() - began > settings.JOB_RENEW_SECONDS / 2:\n                break\n", "",
        "tests/jobs/test_upkeep.py::TestReaping::test_who_had_to_wait_for_the_database_lets_the_living_go_first",
    ),
    Guard(
        "a restore sets nothing to now", "vodplatform/archive.py", "raw=True)", "raw=False)",
        "tests/commands/test_backup.py::test_a_restored_program_has_the_same_rows_and_files",
    ),
    Guard(
        "a backup keeps each row once", "vodplatform/archive.py", "if not model._meta.proxy and", "if",
        "tests/commands/test_backup.py::test_a_restored_program_has_the_same_rows_and_files",
    ),
    Guard(
        "alone after two crashes", "jobs_app/leases.py",
        "        if job.runs_alone and not is_alone:\n            raise NeedsOwnProcess\n", "",
        "tests/jobs/test_alone.py::test_two_crashes_make_it_so",
    ),
    Guard(
        "an end to crashing", "jobs_app/leases.py", "if job.crashes + 1 >= job.max_attempts:", "if False:",
        "tests/jobs/test_services.py::TestCrashes::test_after_as_many_attempts_as_it_has_it_fails_with_the_reason",
    ),
    Guard(
        "an end to waiting", "jobs_app/leases.py", "if lease.rows().filter(deadline__lte=Now()).exists():", "if False:",
        "tests/jobs/test_waiting.py::TestWaiting::test_after_its_deadline_it_asks_once_more_and_fails",
    ),
    Guard(
        "an end to automatic retries", "jobs_app/leases.py",
        "if kind is None or job.retries >= kind.max_retries:", "if kind is None:",
        "tests/jobs/test_waiting.py::TestRetries::test_after_its_last_retry_it_fails_with_the_reason",
    ),
    Guard(
        "a call between two waits is kept", "jobs_app/leases.py",
        'run_at = Coalesce(F("run_at"), Least', 'run_at = Coalesce(F("finished_at"), Least',
        "tests/jobs/test_waiting.py::TestWaiting::test_a_call_while_it_still_runs_is_not_lost",
    ),
    Guard(
        "a live job's outputs are not swept", "jobs_app/outputs.py",
        "if job is not None and job.status in LIVE:", "if False:",
        "tests/jobs/test_upkeep.py::TestOutputs::test_a_live_jobs_outputs_are_left_alone",
    ),
    Guard(
        "strays of a child are killed", "vodplatform/base/processes/process.py", "        kill_strays(mark)\n", "",
        "tests/base/test_process.py::TestEnding::test_what_it_started_in_a_session_of_its_own_is_killed_too",
    ),
    Guard(
        "jobs are their owner's", "jobs_app/models.py",
        "return self if user.is_admin else self.filter(owner=user)", "return self",
        "tests/jobs/test_api.py::TestOne::test_somebody_elses_is_not_found",
    ),
    Guard(
        "comparisons are their owner's", "sessions_app/comparison/models.py",
        'return self.filter(Q(owner=user) | Exists(SessionShare.objects.filter(session=OuterRef("pk"), user=user)))',
        "return self",
        "tests/contract/test_roles.py::test_lists_hold_nothing_of_somebody_elses",
    ),
    Guard(
        "a comparison is changed by who may edit it", "sessions_app/comparison/api.py",
        "if not self.access.can_edit:", "if False:",
        "tests/contract/test_roles.py::test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes",
    ),
    Guard(
        "a comparison is shared, archived and deleted by its owner", "sessions_app/comparison/api.py",
        "if not self.access.is_owner:", "if False:",
        "tests/contract/test_roles.py::test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes",
    ),
    Guard(
        "who only watches writes nothing", "sessions_app/comparison/events.py",
        "if not change.access.can_comment:", "if False:",
        "tests/contract/test_roles.py::test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes",
    ),
    Guard(
        "who may comment makes comments only", "sessions_app/comparison/events.py",
        'if not access.can_edit and values.get("kind", COMMENT) != COMMENT:', "if False:",
        "tests/comparison/test_shares.py::TestRights::test_each_may_what_the_contract_says",
    ),
    Guard(
        "what somebody wrote is changed by them or by who may edit", "sessions_app/comparison/events.py",
        "if not access.can_edit and not _is_author(row, by):", "if False:",
        "tests/comparison/test_shares.py::TestRights::test_an_author_changes_their_own_comment_and_no_other",
    ),
    Guard(
        "a guest is not told where the owner keeps the files", "sessions_app/comparison/sharing.py",
        '"path": None,', "",
        "tests/comparison/test_shares.py::TestRights::test_where_the_owner_keeps_the_files_is_not_told",
    ),
    Guard(
        "a guest's addresses end with the share", "sessions_app/comparison/consumers.py",
        "if self.access is None or not self.access.grant:", "if True:",
        "tests/comparison/test_shares.py::TestWatching::test_changes_and_clock_come_with_addresses_that_end",
    ),
    Guard(
        "a share that is withdrawn closes sockets at once", "sessions_app/comparison/sharing.py",
        "_find(locked, share_id).delete()\n        publish_recheck_on_commit(group_name(locked.pk))",
        "_find(locked, share_id).delete()",
        "tests/comparison/test_shares.py::TestWatching::test_withdrawn_a_socket_closes_at_once",
    ),
    Guard(
        "a share opens what its comparison shows, and nothing else", "sessions_app/comparison/sharing.py",
        ", session__vods__video=video_id", "",
        "tests/comparison/test_shares.py::TestRights::test_only_what_the_share_is_for_is_opened_by_it",
    ),
    Guard(
        "what was found is written for who may edit", "sessions_app/comparison/detection.py",
        "if not change.access.can_edit:", "if False:",
        "tests/comparison/test_detection.py::TestWriting::test_who_may_no_more_edit_has_nothing_written",
    ),
    Guard(
        "what people changed or answered is not replaced by what is found", "sessions_app/comparison/detection.py",
        'former.filter(updated_at=F("created_at"), replies=None)', "former",
        "tests/comparison/test_detection.py::TestWriting"
        "::test_run_again_it_replaces_its_own_and_nothing_that_people_did",
    ),
    Guard(
        "a job's large file is opened by the signature that is for it", "media_app/delivery/sources.py",
        'until = signing.verify(request.parts["token"], OUTPUT, key)', "until = 1e12",
        "tests/delivery/test_outputs.py::test_the_signature_is_for_one_file_until_its_end",
    ),
    Guard(
        "an export is no more work than the plan allows", "sessions_app/comparison/exports.py",
        "budget.check(by, facts)", "pass",
        "tests/comparison/test_exports.py::TestAsking::test_more_than_the_plan_allows_is_refused",
    ),
    Guard(
        "an export lasts four hours at most", "sessions_app/comparison/exports.py",
        "if seconds > MAX_SECONDS:", "if False:",
        "tests/comparison/test_exports.py::TestAsking::test_four_hours_and_no_more",
    ),
    Guard(
        "a look for events is no more work than the plan allows", "sessions_app/comparison/detection.py",
        "budget.check(by, vod.video)", "pass",
        "tests/comparison/test_detection.py::TestAsking::test_more_than_the_plan_allows_is_refused",
    ),
    Guard(
        "a link opens nothing once it is over or its owner has left", "sessions_app/comparison/models.py",
        "return self.filter(expires_at__gt=Now(), session__owner__is_active=True)", "return self.all()",
        "tests/comparison/test_links.py::TestOpening::test_what_has_ended_opens_nothing_and_closes_what_was_open",
    ),
    Guard(
        "a link's password is asked for before anything is shown", "sessions_app/comparison/links.py",
        "return opened.visitor if opened and opened.is_unlocked else user", "return opened.visitor if opened else user",
        "tests/comparison/test_links.py::TestPassword::test_it_is_asked_for_before_anything_is_shown",
    ),
    Guard(
        "the password of one link opens no other", "sessions_app/comparison/links.py",
        "if before is not None and before.link.pk == link.pk:", "if before is not None:",
        "tests/comparison/test_links.py::TestPassword::test_the_password_of_one_link_opens_no_other",
    ),
    Guard(
        "passwords of links are tried so often from a network", "sessions_app/comparison/links.py",
        'hit("link_password_address", network_of(address)) or ', "",
        "tests/comparison/test_links.py::TestPassword::test_attempts_are_counted",
    ),
    Guard(
        "passwords of one link are tried so often from anywhere", "sessions_app/comparison/links.py",
        ' or hit("link_password", link_id)', "",
        "tests/comparison/test_links.py::TestPassword::test_attempts_are_counted",
    ),
    Guard(
        "a link's cookie is for its own comparison", "sessions_app/comparison/links.py",
        ", session_id=session_id).first()", ").first()",
        "tests/comparison/test_links.py::TestVisiting::test_a_cookie_that_is_not_ours_opens_nothing",
    ),
    Guard(
        "a visitor writes with the page's token alone", "sessions_app/comparison/api.py",
        "BrowserAuthentication().enforce_csrf(request)", "pass",
        "tests/comparison/test_links.py::TestVisiting::test_writing_needs_the_pages_token",
    ),
    Guard(
        "another site's page cannot watch by a visitor's cookie", "sessions_app/comparison/consumers.py",
        " if same_origin(headers) else {}", "",
        "tests/comparison/test_links.py::TestWatching::test_another_sites_page_may_not_use_the_cookie",
    ),
    Guard(
        "a link that is withdrawn closes sockets at once", "sessions_app/comparison/links.py",
        "        publish_recheck_on_commit(group_name(locked.pk))", "        pass",
        "tests/comparison/test_links.py::TestWatching::test_withdrawn_a_socket_closes_at_once",
    ),
    Guard(
        "a link opens what its comparison shows, and nothing else", "sessions_app/comparison/links.py",
        ", session__vods__video=video_id", "",
        "tests/comparison/test_links.py::TestOpening::test_only_what_the_link_is_for_is_opened_by_its_grant",
    ),
    Guard(
        "all visitors of a comparison together write so much", "sessions_app/comparison/events.py",
        "filter(visitor_id__isnull=False).count()", "filter(visitor_id=by.visitor_id).count()",
        "tests/comparison/test_links.py::TestVisiting::test_all_visitors_together_write_so_much_at_most",
    ),
    Guard(
        "a timeline that is nested too deeply is refused", "sessions_app/comparison/otio_files.py",
        "check_json(timeline)", "pass",
        "tests/comparison/test_otio.py::test_a_timeline_that_is_nested_too_deeply_is_refused",
    ),
    Guard(
        "a visitor of a link learns nobody's name", "sessions_app/comparison/api.py",
        " or isinstance(self.viewer, LinkVisitor):\n            raise", ":\n            raise",
        "tests/comparison/test_mentions.py::test_a_visitor_names_people_and_learns_no_names",
    ),
    Guard(
        "only who may see a comparison is named in it", "sessions_app/comparison/mentions.py",
        "Q(pk=session.owner_id) | Q(pk__in=shared), is_active=True", "is_active=True",
        "tests/comparison/test_mentions.py::test_nobody_names_themselves_nor_who_sees_nothing_of_it",
    ),
    Guard(
        "a file of events names nobody anew", "sessions_app/comparison/events.py",
        "if origin == EventOrigin.MANUAL:", "if True:",
        "tests/comparison/test_mentions.py::test_what_a_file_brings_names_nobody_anew",
    ),
    Guard(
        "a reel counts by what is made of it", "sessions_app/comparison/exports.py",
        "seconds = sum(until - since for since, until in parts) if parts else", "seconds =",
        "tests/comparison/test_exports.py::TestReels::test_the_plan_counts_what_is_made",
    ),
    Guard(
        "a reel has no more parts than one may have", "sessions_app/comparison/exports.py",
        "if len(parts) > MAX_PARTS:", "if False:",
        "tests/comparison/test_exports.py::TestReels::test_it_has_so_many_parts",
    ),
    Guard(
        "what an editor began before it was withdrawn is not written", "sessions_app/comparison/services.py",
        "if not by_itself and not access_to(locked, by).can_edit:", "if False:",
        "tests/comparison/test_shares.py::TestRights::test_what_was_begun_before_the_withdrawal_is_not_written",
    ),
    Guard(
        "a socket that was cut off leaves nothing behind", "vodplatform/accounts/realtime.py",
        "                    self.let_go()", "                    pass",
        "tests/comparison/test_shares.py::TestPresence::test_who_is_cut_off_in_the_middle_of_a_message_has_gone",
    ),
    Guard(
        "an address that ends with a grant is opened while that holds", "media_app/delivery/sources.py",
        "if self.grant and not grants.holds(self.grant, video.pk):", "if False:",
        "tests/delivery/test_grants.py::test_it_opens_while_the_grant_holds_and_only_what_it_is_for",
    ),
    Guard(
        "a grant is part of what is signed", "media_app/delivery/sources.py",
        "signed_name(key, grant=grant)), grant=grant)", "signed_name(key)), grant=grant)",
        "tests/delivery/test_grants.py::test_neither_the_grant_nor_its_absence_can_be_written_by_hand",
    ),
    Guard(
        "bytes that are under way end with their grant", "media_app/delivery/door.py",
        "async with _while_granted(found):", "async with nullcontext():",
        "tests/delivery/test_grants.py::test_one_who_stands_still_is_cut_off_too",
    ),
    Guard(
        "nginx is given nothing that ends with a grant", "media_app/delivery/sources.py",
        "if hands_over and accel.is_on():", "if accel.is_on():",
        "tests/delivery/test_grants.py::test_a_reader_is_sent_nowhere_else",
    ),
    Guard(
        "videos are their owner's", "media_app/videos/models.py",
        "return self.filter(Q(owner=user, place=Place.LIBRARY) | catalogue_rule(user))", "return self",
        "tests/comparison/test_create.py::TestVideoIds::test_another_users_video_is_refused_as_an_unknown_one",
    ),
    Guard(
        "a key is inserted before its effect", "vodplatform/base/api/idempotency.py",
        "        if key is None or not request.user.is_authenticated:\n", "        if True:\n",
        "tests/base/test_idempotency.py::TestAtOnce::test_two_requests_with_one_key_at_once_create_one_session",
    ),
    Guard(
        "an effect rolls back when its request has lost its record", "vodplatform/base/api/idempotency.py",
        "    if not _owned_record(current).update(sealed=True):\n",
        "    if _owned_record(current).update(sealed=True) < 0:\n",
        "tests/base/test_idempotency.py::TestCrashes::test_the_effect_of_a_request_that_lost_its_record_rolls_back",
    ),
    Guard(
        "a WebSocket's cookie counts only from our own pages", "vodplatform/accounts/credentials.py",
        "    if is_websocket and not authorization_of(headers) and not same_origin(headers):\n        return None\n",
        "",
        "tests/comparison/test_websocket.py::TestSessionCookie::test_it_does_not_from_another_sites_page",
    ),
    Guard(
        "a socket answers only to our own names", "vodplatform/accounts/credentials.py",
        "    known = validate_host(host, settings.ALLOWED_HOSTS)\n", "    known = True\n",
        "tests/accounts/test_tickets.py::TestHosts::test_another_is_closed_with_4401",
    ),
    Guard(
        "a token's scopes", "vodplatform/accounts/authentication.py",
        "        if not includes(found[1].scopes, needed):\n            raise ScopeRequired(needed)\n", "",
        "tests/accounts/test_tokens.py::TestUsing::test_its_scopes_say_what_it_may",
    ),
    Guard(
        "an admin's token without the scope admin is no admin's", "vodplatform/accounts/credentials.py",
        "user.without_admin_scope = not includes(credential.scopes, Scope.ADMIN)", "user.without_admin_scope = False",
        "tests/accounts/test_tokens.py::test_an_admin_s_token_without_the_admin_scope_sees_its_own_things_only",
    ),
    Guard(
        "a ticket works once", "vodplatform/accounts/tickets.py",
        "if row is None or rows.delete()[0] != 1:", "if row is None:",
        "tests/accounts/test_tickets.py::TestOpening::test_a_second_socket_is_closed_with_4401",
    ),
    Guard(
        "a ticket works for a minute", "vodplatform/accounts/tickets.py",
        "rows.filter(expires_at__gt=Now()).first()", "rows.first()",
        "tests/accounts/test_tickets.py::TestOpening::test_a_late_one_is_closed_with_4401",
    ),
    Guard(
        "a body has a limit", "vodplatform/base/web/bodies.py",
        "                if received > limit:\n", "                if False:\n",
        "tests/base/test_bodies.py::test_a_longer_one_in_chunks_is_refused_as_soon_as_it_is_too_long",
    ),
    Guard(
        "a request's head has a limit", "vodplatform/base/web/protocol.py",
        "if self._head > MAX_HEAD_BYTES and", "if False and",
        "tests/base/test_protocol.py::test_a_head_without_end_is_refused_before_it_fills_the_memory",
    ),
    Guard(
        "a body without its length is read", "vodplatform/base/web/bodies.py",
        'if b"content-length" in headers:', "if True:",
        "tests/base/test_bodies.py::test_one_that_comes_without_its_length_gets_it",
    ),
    Guard(
        "a signature names one file and purpose", "vodplatform/base/web/signing.py",
        "hmac.compare_digest(mac, _mac(purpose, name, expires, secret)) for", "True for",
        "tests/base/test_signing.py::test_it_names_one_file_and_one_purpose",
    ),
    Guard(
        "a signature ends", "vodplatform/base/web/signing.py", "    if moment > expires:\n", "    if False:\n",
        "tests/base/test_signing.py::test_a_token_lives_as_long_as_it_says_and_not_much_longer",
    ),
    Guard(
        "bytes of two files never end up in one", "media_app/delivery/sending.py",
        "if not chunk or file.has_changed():", "if not chunk:",
        "tests/delivery/test_stream.py::TestHangingUp::test_a_file_that_is_written_over_breaks_the_connection",
    ),
    Guard(
        "reading stops when the player goes", "media_app/delivery/sending.py",
        "asyncio.ensure_future(_wait_for_disconnect(receive))", "asyncio.ensure_future(asyncio.Event().wait())",
        "tests/delivery/test_stream.py::TestHangingUp::test_reading_stops_when_the_player_goes",
    ),
    Guard(
        "readers that stand still keep one small piece", "vodplatform/base/web/protocol.py",
        "        transport.set_write_buffer_limits(high=0)\n", "",
        "tests/delivery/test_sending.py::TestSlowReaders::test_a_hundred_take_next_to_nothing",
    ),
    Guard(
        "pieces become smaller the more wait", "media_app/delivery/sending.py",
        "ALL_WAITING_BYTES // (_waiting + 1)", "ALL_WAITING_BYTES",
        "tests/delivery/test_sending.py::TestSlowReaders::test_a_hundred_take_next_to_nothing",
    ),
    Guard(
        "a link put into a path is not followed", "media_app/delivery/sources.py",
        "if not stat.S_ISREG(found.st_mode) or not expected:", "if not stat.S_ISREG(found.st_mode):",
        "tests/delivery/test_renditions.py::TestFiles::test_a_link_out_of_the_store_is_not_followed",
    ),
    Guard(
        "nginx is named files of our folders alone", "media_app/delivery/accel.py",
        "if not library_roots.is_inside(name, folders):", "if False:",
        "tests/delivery/test_nginx.py::TestPermission::test_a_folder_that_nginx_is_not_told_of_has_no_address",
    ),
    Guard(
        "nginx is handed the path that was looked at, not where a link leads", "media_app/delivery/accel.py",
        "name = Path(os.path.normpath(path))", "name = Path(os.path.realpath(path))",
        "tests/delivery/test_nginx.py::TestPermission::"
        "test_what_is_put_there_before_nginx_is_told_opens_nothing_of_another_group",
    ),
    Guard(
        "what a scanner found is not handed out", "media_app/delivery/gate.py", "if MALWARE in (reason, job_error):",
        "if False:", "tests/delivery/test_gate.py::TestWithoutAScanner::test_what_is_not_known_to_be_bad_is_given",
    ),
    Guard(
        "what waits for the scanner is not handed out", "media_app/delivery/gate.py",
        "settings.CLAMD is None and store.is_local()", "store.is_local()",
        "tests/delivery/test_gate.py::TestWithAScanner::test_what_waits_for_it_is_not_ready",
    ),
    Guard(
        "what the scanner has not passed is not handed out", "media_app/delivery/gate.py",
        "return Use.SAVE if settings.CLAMD is None or reason in AFTER_SCAN else Use.NEVER", "return Use.SAVE",
        "tests/delivery/test_gate.py::TestWithAScanner::test_what_it_has_not_passed_never_is",
    ),
    Guard(
        "a bucket has an address only for what is in it", "media_app/delivery/gate.py",
        "settings.CLAMD is None and store.is_local()", "settings.CLAMD is None",
        "tests/delivery/test_gate.py::TestOnS3::test_nothing_has_an_address_before_its_parts_are_joined",
    ),
    Guard(
        "device choice asks what the stream door asks", "media_app/delivery/services.py",
        "if use_of(video) != Use.PLAY:", "if False:",
        "tests/delivery/test_gate.py::TestOnS3::test_no_address_of_the_bucket_leads_past_the_scanner",
    ),
    Guard(
        "an address for everybody ends when its video is hidden", "media_app/delivery/sources.py",
        "if is_restricted(video) and not self.opens_restricted:", "if False:",
        "tests/delivery/test_catalogue.py::TestSigned::test_what_was_made_for_everybody_ends_when_it_is_hidden",
    ),
    Guard(
        "a session opens nothing that is hidden", "media_app/delivery/addresses.py",
        "not as_shown and is_restricted(video)", "is_restricted(video)",
        "tests/delivery/test_catalogue.py::TestSigned::test_a_session_that_shows_it_is_no_way_around",
    ),
    Guard(
        "a deleted video opens to nobody", "media_app/delivery/sources.py",
        "Video.objects.get(pk=video_id, status__in=WATCHABLE, deleted_at=None)",
        "Video.objects.get(pk=video_id, status__in=WATCHABLE)",
        "tests/delivery/test_catalogue.py::TestSigned::test_a_deleted_one_opens_to_nobody_until_it_is_restored",
    ),
    Guard(
        "a disk that is away holds up no other", "media_app/delivery/waiting.py",
        'return f"library-{number}"', 'return "library"',
        "tests/delivery/test_waiting.py::test_it_holds_up_no_other_disk",
    ),
    Guard(
        "who stands still before a bucket holds one piece", "media_app/delivery/sending.py",
        "            await _drained(send)\n            if hung_up.done():\n                return\n"
        "            chunk = await reader.next_chunk()",
        "            chunk = await reader.next_chunk()",
        "tests/delivery/test_sending.py::TestStalledReadersOfABucket::"
        "test_one_holds_no_more_than_the_piece_that_it_was_given",
    ),
    Guard(
        "a view is counted once", "media_app/videos/viewing.py",
        "filter(video_id=video_id, is_counted=False).update", "filter(video_id=video_id).update",
        "tests/videos/test_viewing.py::TestRollingUp::test_views_that_come_meanwhile_are_counted_once",
    ),
    Guard(
        "the byte doors ask for the token's scope", "vodplatform/accounts/authentication.py",
        "    _require_scope(found, Scope.READ)\n", "",
        "tests/delivery/test_stream.py::TestSignIn::test_a_token_that_may_not_read_is_refused",
    ),
    Guard(
        "what failed is given back as bytes, to be saved", "media_app/delivery/sources.py",
        "names.PLAIN_TYPE if failed else names.media_type(video.mime_type)", "names.media_type(video.mime_type)",
        "tests/delivery/test_stream.py::TestStates::test_one_that_failed_is_given_back_and_never_played",
    ),
    Guard(
        "a ladder's addresses are signed, each of them", "media_app/delivery/sources.py",
        '_Signed.of(request.parts["token"], HLS, video_id)', "_Signed(2**40, True)",
        "tests/delivery/test_hls.py::TestSignature::test_each_address_needs_it",
    ),
    Guard(
        "a ladder ends with its video", "media_app/delivery/sources.py",
        "Video.objects.get(pk=video_id, status__in=WATCHABLE, deleted_at=None)", "Video.objects.get(pk=video_id)",
        "tests/delivery/test_hls.py::TestSignature::test_it_opens_no_longer_than_the_video_is_there",
    ),
    Guard(
        "renditions are signed, each of them", "media_app/delivery/sources.py",
        '_Signed.of(request.parts["token"], RENDITION, rendition_id, request.grant)', "_Signed(2**40, True)",
        "tests/delivery/test_renditions.py::TestSignature::test_another_ones_is_not_found",
    ),
    Guard(
        "no rung is taller than the source", "media_app/delivery/sources.py",
        "or not video.height or row.height <= video.height", "or True",
        "tests/delivery/test_hls.py::TestMaster::test_none_is_taller_than_the_source",
    ),
    Guard(
        "a video is never sent as a page", "media_app/delivery/names.py",
        "return claimed if _MEDIA_TYPE.fullmatch(claimed) else PLAIN_TYPE", "return claimed",
        "tests/delivery/test_names.py::test_a_video_is_sent_as_a_video_or_as_bytes",
    ),
    Guard(
        "a bucket that hangs holds up nobody else", "media_app/delivery/sources.py",
        "return _pending(load, waiting.MEDIA if store.is_local() else waiting.BUCKET)", "return load()",
        "tests/delivery/test_s3.py::TestFaults::test_one_that_hangs_holds_up_nobody_else",
    ),
    Guard(
        "a title puts nothing into a header", "media_app/delivery/names.py",
        'return " " if unicodedata.category(letter)[0] in "CZ" else letter', "return letter",
        "tests/delivery/test_names.py::test_any_title_is_one_harmless_header",
    ),
    Guard(
        "rows that are never changed", "vodplatform/base/records/append_only.py",
        "BEFORE UPDATE ON {table} \"\n                f\"BEGIN",
        "BEFORE UPDATE ON {table} \"\n                f\"WHEN 0 BEGIN",
        "tests/jobs/test_services.py::TestLease::test_events_are_never_changed",
    ),
    Guard(
        "only clamd's own OK makes a file clean", "media_app/uploads/scan.py",
        '    if not space or word != "FOUND":\n        raise ScannerDown(f"clamd answers {answer!r}.")\n',
        '    if word != "FOUND":\n        return None\n',
        "tests/uploads/test_scan.py::TestNotWell::test_only_its_own_words_make_a_file_clean",
    ),
    Guard(
        "what clamd has not read for its size is not clean", "media_app/uploads/scan.py",
        "        if size > MAX_FILE_BYTES:\n", "        if False:\n",
        "tests/uploads/test_scan.py::TestLimits::test_two_gibibytes_are_never_clean",
    ),
    Guard(
        "an import follows no link out of its folder", "media_app/videos/importing.py",
        "is_video and real.is_relative_to(folder) and", "is_video and",
        "tests/commands/test_import_videos.py::TestWalking::test_links_that_lead_out_are_left_out_and_others_are_the_file",
    ),
    Guard(
        "an import asks the owner's plan", "media_app/videos/importing.py",
        "        room.check_room(owner, size)\n", "",
        "tests/commands/test_import_videos.py::TestLimits::test_the_plan_binds_all_together",
    ),
    Guard(
        "doctor deletes nothing that is an hour young", "media_app/videos/upkeep.py",
        " for file in store.files(prefix) if file.modified < over]", " for file in store.files(prefix)]",
        "tests/videos/test_upkeep.py::TestLeftovers::test_what_was_written_to_within_the_hour_stays",
    ),
    Guard(
        "doctor deletes nothing where the database knows nothing", "media_app/videos/upkeep.py",
        "    if not Video.objects.filter(source=VideoSource.STORED).exists():\n", "    if False:\n",
        "tests/videos/test_upkeep.py::TestLeftovers::test_a_database_that_knows_nothing_deletes_nothing",
    ),
    Guard(
        "parts of a running attempt are nobody's leftovers", "media_app/videos/upkeep.py",
        "_Known.now([item.key for item in begun])", "_Known.now([])",
        "tests/videos/test_upkeep.py::TestUnfinishedOnS3::test_those_of_a_running_attempt_are_left_alone",
    ),
    Guard(
        "a file is kept until another has taken its place", "media_app/videos/taking_in.py",
        '    if not context.params.get("previous"):\n', "    if True:\n",
        "tests/videos/test_replacing.py::test_one_that_cannot_be_taken_in_leaves_the_former_as_it_was_and_says_why",
    ),
    Guard(
        "no job is begun for a video that is gone", "media_app/videos/actors.py",
        "        with context.holding():\n            enqueue(", "        if True:\n            enqueue(",
        "tests/videos/test_ingest_faults.py::TestDeletedMeanwhile::test_no_job_is_begun_for_a_video_that_is_gone",
    ),
    Guard(
        "a finding outlives its job", "media_app/videos/actors.py",
        "        error_type=why.type, error_message=str(why), updated_at=Now(),\n", "        updated_at=Now(),\n",
        "tests/videos/test_scanned_ingest.py::test_a_video_with_a_finding_is_not",
    ),
    Guard(
        "doctor does not believe an empty store", "media_app/videos/upkeep.py",
        "    if any(video.source == VideoSource.STORED for video in lost) and not any(", "    if False and not any(",
        "tests/videos/test_upkeep.py::TestLostVideos::test_an_empty_store_is_not_believed",
    ),
    Guard(
        "S3 that breaks off is not an end of a file", "vodplatform/base/files/storage.py",
        "        if not isinstance(exc, _of_s3()):\n            raise\n",
        "        if isinstance(exc, _of_s3()):\n            return\n",
        "tests/store/test_faults.py::TestInTheMiddle::test_a_read_that_breaks_off_is_not_an_end",
    ),
    Guard(
        "an upload moves under its lock alone", "media_app/uploads/sinks.py",
        "Upload.objects.filter(pk=self.upload_id, lock_token=self.token)", "Upload.objects.filter(pk=self.upload_id)",
        "tests/uploads/test_tus_bytes.py::TestStopped::test_who_lost_the_lock_is_told_so_and_moves_nothing",
    ),
    Guard(
        "the file of a stopped writer is left to it", "media_app/uploads/sinks.py",
        "        if not _locked(self._descriptor):\n", "        if False:\n",
        "tests/uploads/test_tus_bytes.py::TestStopped::test_a_write_that_was_on_its_way_harms_nobody",
    ),
    Guard(
        "nobody writes after the lock has run out", "media_app/uploads/sinks.py",
        "        if self.lock.is_near_its_end():\n            raise LockLost\n", "",
        "tests/uploads/test_tus_bytes.py::TestStopped::test_after_a_long_stop_nothing_is_written",
    ),
    Guard(
        "a part of S3 has a number of its own", "media_app/uploads/sinks.py",
        "        self.lock.renew(part_number=self.upload.part_number)\n", "        self.lock.renew()\n",
        "tests/uploads/test_s3.py::TestTakenOver::test_a_part_that_arrives_late_harms_nobody",
    ),
    Guard(
        "nothing of a PATCH counts before its checksum", "media_app/uploads/tus.py",
        "                ending.keeps = digest is None and not _has_lost(exc)\n",
        "                ending.keeps = not _has_lost(exc)\n",
        "tests/uploads/test_tus_bytes.py::TestChecksum::test_of_bytes_that_do_not_fit_nothing_is_kept",
    ),
    Guard(
        "what came whole is finished by whoever asks", "media_app/uploads/tus.py",
        "        return services.complete(upload) if upload.offset == upload.size else upload\n",
        "        return upload\n",
        "tests/uploads/test_tus_headers.py::TestHead::"
        "test_what_came_whole_while_nobody_was_left_to_finish_it_is_finished",
    ),
    Guard(
        "no more bytes than were announced", "media_app/uploads/sinks.py",
        "        if self.received + len(data) > self.upload.size:\n", "        if False:\n",
        "tests/uploads/test_tus_headers.py::TestPatch::"
        "test_more_than_announced_is_413_when_it_comes_without_its_length",
    ),
    Guard(
        "what is no video is refused by its first bytes", "media_app/uploads/sinks.py",
        "        elif purpose.checks_type_early and not self.upload.is_partial:\n            raise purpose.refusal()\n",
        "",
        "tests/uploads/test_tus_headers.py::TestCreationWithUpload::"
        "test_what_is_no_video_is_415_and_the_upload_is_over",
    ),
    Guard(
        "an address at the bucket takes exactly its bytes", "media_app/store/bucket.py",
        ', "ContentLength": length}', "}",
        "tests/uploads/test_direct.py::TestSigning::test_an_address_takes_exactly_its_bytes_for_an_hour",
    ),
    Guard(
        "a part of another length is no chunk", "media_app/uploads/direct.py",
        " and part.size == upload.length_of(part.number - 1)", "",
        "tests/uploads/test_direct.py::TestArriving::test_a_chunk_of_another_length_does_not_count",
    ),
    Guard(
        "addresses at the bucket are the owner's alone", "media_app/uploads/api.py",
        "        upload = services.require_live(self.get_object())\n        if upload.front != UploadFront.DIRECT",
        "        upload = Upload.objects.get(pk=upload_id)\n        if upload.front != UploadFront.DIRECT",
        "tests/uploads/test_direct.py::TestBeginning::test_others_have_no_addresses",
    ),
    Guard(
        "an address at the bucket ends with its upload", "media_app/uploads/direct.py",
        "min(ADDRESS_SECONDS, int((upload.expires_at - now).total_seconds()))", "ADDRESS_SECONDS",
        "tests/uploads/test_direct.py::TestSigning::test_it_ends_with_the_upload",
    ),
    Guard(
        "a part that was changed after all had come is not joined", "media_app/store/files.py",
        "            if _code(exc) == _OTHER_PART:\n                raise FileNotFoundError(key) from exc\n", "",
        "tests/uploads/test_direct.py::TestCompleting::test_a_chunk_changed_before_the_parts_are_joined_is_found_out",
    ),
    Guard(
        "other bytes under a chunk's number are a conflict", "media_app/uploads/services.py",
        "    if there not in (None, sha256):\n", "    if False:\n",
        "tests/uploads/test_chunks.py::TestWrong::test_other_bytes_under_the_same_number",
    ),
    Guard(
        "uploads are their owner's", "media_app/uploads/models.py",
        "return self.none() if isinstance(user, AnonymousUser) else self.filter(owner=user)", "return self",
        "tests/uploads/test_tus_headers.py::TestWhoMay::test_somebody_elses_is_answered_as_one_that_nobody_has",
    ),
    Guard(
        "room is reserved by one upload of a user at a time", "media_app/uploads/room.py",
        "    lock(user)\n    if Upload", "    if Upload",
        "tests/uploads/test_tus_bytes.py::TestTwoAtOnce::"
        "test_of_many_that_begin_at_once_no_more_are_let_in_than_there_is_room_for", True,
    ),
    Guard(
        "bytes that nobody was told of are cut off", "media_app/uploads/sinks.py",
        "            os.ftruncate(self._gathering.fileno(), self._gathered)\n", "",
        "tests/uploads/test_s3.py::TestTus::test_a_full_disk_is_503_and_what_fitted_stays",
    ),
    Guard(
        "bytes with a checksum gather no further than others", "media_app/uploads/sinks.py",
        "                if self._is_full():\n                    self._flush()\n", "                pass\n",
        "tests/uploads/test_tus_bytes.py::TestChecksum::test_the_disk_works_ahead_and_nothing_counts",
    ),
    Guard(
        "a chunk's file is its thread's alone", "media_app/uploads/chunks.py",
        "        body = await run_shielded(_keep, arriving, number, checksum)\n",
        "        try:\n            body = await run_shielded(_keep, arriving, number, checksum)\n"
        "        finally:\n            arriving.close()\n",
        "tests/uploads/test_chunks.py::TestTheServerStops::"
        "test_a_chunk_that_becomes_durable_then_keeps_its_file",
    ),
    Guard(
        "only so many chunks of a user arrive at a time", "media_app/uploads/chunks.py",
        "    if _arriving[user] >= MAX_AT_ONCE:\n", "    if False:\n",
        "tests/uploads/test_chunks.py::TestRoom::test_only_so_many_come_at_a_time",
    ),
    Guard(
        "chunks leave the disk its reserve", "media_app/uploads/chunks.py",
        "        room.check_disk(self._most())\n", "",
        "tests/uploads/test_chunks.py::TestRoom::test_a_disk_that_is_nearly_full_takes_none",
    ),
    Guard(
        "what could not be deleted is not forgotten", "media_app/uploads/sweep.py",
        "    _delete_left()\n", "",
        "tests/uploads/test_s3.py::TestIll::test_what_could_not_be_deleted_is_when_it_is_well_again",
    ),
    Guard(
        "a join that breaks leaves nothing open on S3", "media_app/uploads/joining.py",
        "            store.abort_multipart(key, upload)\n", "            pass\n",
        "tests/uploads/test_s3.py::TestTus::test_a_join_that_breaks_leaves_nothing_open",
    ),
    Guard(
        "a creation that is sent again makes no second upload", "media_app/uploads/tus.py",
        '        if (key := headers.get("idempotency-key")) is None:\n',
        '        key = headers.get("idempotency-key", "")\n        if True:\n',
        "tests/uploads/test_tus_headers.py::TestCreationAgain::test_it_is_the_same_upload",
    ),
    Guard(
        "a form whose answer is known needs no room", "media_app/uploads/multipart.py",
        "        if _is_again(exchange, user):\n", "        if False:\n",
        "tests/uploads/test_multipart.py::TestIdempotency::test_the_same_again_needs_no_room",
    ),
    Guard(
        "a token needs the scope to write at the byte doors", "vodplatform/accounts/authentication.py",
        "    if not includes(found[1].scopes, needed):\n        raise DomainError(",
        "    if False:\n        raise DomainError(",
        "tests/uploads/test_tus_headers.py::TestWhoMay::test_a_token_needs_the_scope_to_write",
    ),
    Guard(
        "another's private video has no page", "media_app/videos/pages.py",
        "Video.objects.visible_to(user).filter(pk=video_id)", "Video.objects.filter(pk=video_id)",
        "tests/videos/test_watch.py::test_a_private_video_is_nobody_elses",
    ),
    Guard(
        "a browser needs its protection token at the byte doors", "vodplatform/accounts/authentication.py",
        "found[1].kind == Kind.SESSION and _is_forged(scope)", "False",
        "tests/uploads/test_tus_headers.py::TestWhoMay::test_a_browser_needs_its_protection_token",
    ),
    Guard(
        "the bytes of a form's file are part of its key's content", "vodplatform/base/api/idempotency.py",
        '        parts.append(_canonical({name: file["sha256"] for name, file in taken.items()}))\n', "        pass\n",
        "tests/uploads/test_multipart.py::TestIdempotency::test_other_content_is_a_conflict",
    ),
    Guard(
        "what a view does not complete is given up", "media_app/uploads/multipart.py",
        "            await run_shielded(_give_up, [upload.pk for upload in state.files.values()])\n",
        "            pass\n",
        "tests/uploads/test_multipart.py::TestRefused::test_fields_that_cannot_be",
    ),
    Guard(
        "ffmpeg dies with the child", "media_app/av/ffmpeg.py",
        '[sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", *argv]', "list(argv)",
        "tests/av/test_ingest.py::TestNothingOutlivesIt::test_ffmpeg_dies_with_the_child",
    ),
    Guard(
        "ffmpeg's environment", "media_app/av/ffmpeg.py",
        "{name: os.environ[name] for name in names if name in os.environ}", "dict(os.environ)",
        "tests/av/test_ingest.py::TestNothingOutlivesIt::test_ffmpeg_sees_path_and_home_alone",
    ),
    Guard(
        "a stream that a full disk cut short is not a rendition", "media_app/av/hls.py",
        "    if (folder / MEDIA).stat().st_size != ", "    if False and (folder / MEDIA).stat().st_size != ",
        "tests/av/test_ingest.py::TestDiskTrouble::test_a_full_disk_is_an_error_and_no_fault_of_the_video",
    ),
    Guard(
        "a playlist names its own file alone", "media_app/av/hls.py", " or named != {MEDIA}", "",
        "tests/av/test_hls.py::test_a_playlist_names_nothing_but_its_own_file",
    ),
    Guard(
        "tags of a recording stay in the original", "media_app/av/ffmpeg.py",
        'WITHOUT_TAGS = {"map_metadata": "-1", "map_chapters": "-1"}', "WITHOUT_TAGS: dict[str, str] = {}",
        "tests/av/test_hls.py::test_tags_of_the_recording_do_not_come_along",
    ),
    Guard(
        "ffmpeg opens nothing but media", "media_app/av/ffmpeg.py", '    "format_whitelist": FORMATS,\n', "",
        "tests/av/test_ingest.py::TestFilesThatNameOthers::test_ffmpeg_does_not_play_what_a_script_names",
    ),
    Guard(
        "a claimed size takes no memory while a file is opened", "media_app/av/container.py",
        'mode="r", options=DECODER_OPTIONS, ', 'mode="r", ',
        "tests/av/test_ingest.py::TestBadMedia::test_opening_a_picture_bomb_takes_no_memory",
    ),
    Guard(
        "a claimed length has an end", "media_app/av/probe.py",
        "if duration > limits.max_seconds", "if False",
        "tests/av/test_ingest.py::TestBadMedia::test_a_claim_to_last_for_years_is_refused",
    ),
    Guard(
        "a picture's size is known before it is decoded", "media_app/av/thumbnail.py",
        "    if width * height > MAX_PIXELS or max(width, height) > MAX_PICTURE_SIDE:\n", "    if False:\n",
        "tests/av/test_thumbnail.py::test_a_bomb_is_refused_before_a_decoder_sees_it",
    ),
    Guard(
        "what is on its way for a video is not deleted with its former file", "media_app/videos/services.py",
        "            if key not in kept:\n", "            if key != location:\n",
        "tests/videos/test_replacing.py::test_what_is_on_its_way_for_the_same_video_stays",
    ),
    Guard(
        "once a new file is in, nothing goes back to the former", "media_app/videos/actors.py",
        'if name != "previous"}', "}",
        "tests/videos/test_replacing.py::test_once_it_is_taken_in_there_is_no_way_back_whatever_becomes_of_the_rest",
    ),
    Guard(
        "a catalogue that is closed to strangers has no page for them", "media_app/catalogue/pages.py",
        "if not user.is_authenticated and not settings.PUBLIC_CATALOG:", "if False:",
        "tests/contract/test_page_roles.py::test_a_catalogue_that_is_not_open_to_all_asks_who_is_there",
    ),
    Guard(
        "only moderators open the page where a catalogue video is edited", "media_app/catalogue/pages.py",
        "if not video.can_change(user):", "if False:",
        "tests/contract/test_page_roles.py::test_who_sees_a_catalogue_video_but_may_not_change_it_is_told_so",
    ),
    Guard(
        "what one may not see of the catalogue has no page to edit it", "media_app/catalogue/pages.py",
        "video = Video.objects.in_catalogue(user).filter(pk=video_id).first()",
        "video = Video.objects.filter(pk=video_id).first()",
        "tests/contract/test_page_roles.py::test_nobody_sees_what_is_another_ones",
    ),
    Guard(
        "the catalogue's door takes its own kinds alone", "media_app/uploads/purposes.py",
        "return not self.mime_types or mime_type in self.mime_types", "return True",
        "tests/catalogue/test_upload.py::TestRefused::test_other_containers",
    ),
    Guard(
        "who is no moderator sends no file, before a byte is read", "media_app/uploads/multipart.py",
        "        purpose_of(part.purpose).admit(user, given)\n", "        pass\n",
        "tests/catalogue/test_upload.py::TestRefused::test_users_before_a_byte_is_read",
    ),
    Guard(
        "what nobody has scanned is not made ready by hand", "media_app/catalogue/receiving.py",
        'if scan.is_configured() and not (upload and upload.metadata.get("scanned")):', "if False:",
        "tests/catalogue/test_ready.py::TestScanned::test_what_waits_for_the_scanner_may_not",
    ),
    Guard(
        "a moderator's form does not overwrite a newer edit unseen", "media_app/catalogue/admin.py",
        'version=form.cleaned_data["version"]', "version=None",
        "tests/catalogue/test_admin.py::TestEdit::test_one_that_comes_in_the_very_moment_is_told_too",
    ),
    Guard(
        "a form writes what was changed in it, not what it was opened with", "media_app/catalogue/admin.py",
        "self.fields[name].show_hidden_initial = True", "pass",
        "tests/catalogue/test_admin.py::TestEdit::test_what_somebody_else_hid_meanwhile_stays_hidden",
    ),
    Guard(
        "moderators see the catalogue's reports of what is not deleted", "media_app/catalogue/admin.py",
        "return rows.filter(video__in=Video.objects.in_catalogue(request_user(request)))", "return rows",
        "tests/catalogue/test_admin.py::TestReports::test_those_of_deleted_videos_are_for_admins",
    ),
    Guard(
        "who shows a wrong key is no stranger to a socket", "vodplatform/accounts/realtime.py",
        "if has_shown_something or not known_host(headers)", "if not known_host(headers)",
        "tests/catalogue/test_sockets.py::TestWhoIsLetIn::test_a_wrong_key_makes_nobody_a_stranger",
    ),
    Guard(
        "a page of an unknown host is no stranger to a socket", "vodplatform/accounts/realtime.py",
        "if has_shown_something or not known_host(headers)", "if has_shown_something",
        "tests/catalogue/test_sockets.py::TestWhoIsLetIn::test_a_page_of_an_unknown_host_is_closed_with_4401",
    ),
    Guard(
        "a catalogue's watcher is told of the past only what he saw", "media_app/catalogue/realtime.py",
        "old.fields if old and audience in old.audiences else None", "old.fields if old else None",
        "tests/catalogue/test_sockets.py::TestWhatIsTold::test_each_audience_hears_what_it_may_see",
    ),
    Guard(
        "a catalogue's watcher is told only what he sees", "media_app/catalogue/realtime.py",
        "new.fields if new and audience in new.audiences else None", "new.fields if new else None",
        "tests/catalogue/test_sockets.py::TestWhatIsTold::test_each_audience_hears_what_it_may_see",
    ),
    Guard(
        "a catalogue's watcher is moved when his role is another", "vodplatform/accounts/realtime.py",
        "        await self._follow(found[0])\n        if found[1] is not None and found[1][",
        "        if found[1] is not None and found[1][",
        "tests/catalogue/test_sockets.py::TestLookingAgain::"
        "test_who_is_no_moderator_any_more_hears_no_more_of_what_is_hidden",
    ),
    Guard(
        "an operation counts once", "media_app/videos/crdt.py",
        "        if (operation.actor, operation.counter) in self.dots:\n            return False\n", "",
        "tests/videos/test_crdt.py::test_an_operation_that_comes_twice_counts_once",
    ),
]  # fmt: skip


def table() -> str:
    """docs/design/0008-guards.md."""
    lines = [
        f"| {guard.name} | `{guard.file}` | `{guard.test}`{' on PostgreSQL' * guard.postgresql} |" for guard in GUARDS
    ]
    return HEAD + "\n".join(lines) + "\n"


HEAD = """# 8. Guards and the tests that fail without them

Made by `python -m tests.support.guards --table`. `make guards` removes each in a copy of the tree and runs its test,
which has to fail. What requests have of their own stands in 0007 too.

| guard | where | fails without it |
| --- | --- | --- |
"""


@contextmanager
def without(guard: Guard, root: Path) -> Iterator[None]:
    """The copy at ``root`` has no such guard while the block runs."""
    path = root / guard.file
    source = path.read_text()
    assert source.count(guard.text) == 1, f"{guard.name}: its text stands {source.count(guard.text)} times"
    path.write_text(source.replace(guard.text, guard.without))
    try:
        yield
    finally:
        path.write_text(source)


def outcome_without(guard: Guard, root: Path) -> str:
    """``caught`` where its test fails in the copy, ``NOT CAUGHT`` where it passes, else ``UNCLEAR`` and its words."""
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_UNSET}
    if guard.postgresql:
        environment |= dict(pair.split("=", 1) for pair in services_environment().split())
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", guard.test], cwd=root, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return CAUGHT  # without some guards what they end goes on for ever
    if done.returncode == 0:
        return "NOT CAUGHT"
    if done.returncode == 1 and re.search(r"^\d+ failed", done.stdout, re.MULTILINE):
        return CAUGHT
    # Nothing collected, an error before the test, a signal: that proves nothing.
    return f"UNCLEAR, {done.returncode}: {done.stdout[-3000:]}"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="print docs/design/0008-guards.md")
    parser.add_argument("only", nargs="*", help="parts of the names of the guards to try")
    options = parser.parse_args(words)
    if options.table:
        print(table(), end="")
        return 0
    on_services = bool(services_environment())
    chosen = [guard for guard in GUARDS if not options.only or any(word in guard.name for word in options.only)]
    for guard in chosen:
        if guard.postgresql and not on_services:
            print(f"left out, no PostgreSQL here: {guard.name}", flush=True)
    chosen = [guard for guard in chosen if on_services or not guard.postgresql]
    copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
    one_database = threading.Lock()

    def outcome(guard: Guard) -> str:
        root = copies.get()
        try:
            with without(guard, root), one_database if guard.postgresql else nullcontext():
                return outcome_without(guard, root)
        finally:
            copies.put(root)

    useless = 0
    at_once = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="guards-") as folder, ThreadPoolExecutor(at_once) as pool:
        for number in range(at_once):
            copies.put(Path(shutil.copytree(PROJECT_ROOT, Path(folder) / str(number), ignore=LEFT_OUT)))
        for guard, found in zip(chosen, pool.map(outcome, chosen), strict=True):
            useless += found != CAUGHT
            print(f"{guard.name}: {found}", flush=True)
    print(f"{len(chosen) - useless} of {len(chosen)} guards are caught")
    return 1 if useless else 0


if __name__ == "__main__":
    sys.exit(main())
