"""Guards that protect data, money or privacy, each with a test that fails without the guard.

``make guards`` removes each guard in a copy of the tree and runs the guard's test, which must fail. It checks as many
guards at once as the machine has cores. ``make mutations`` changes other code at random.
"""

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
from typing import Any

from tests.support.services import environment as services_environment

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300  # timeout of one test
CAUGHT = "caught"
# Environment variables that the tests do not get. PYTHONDONTWRITEBYTECODE would keep pytest from caching the compiled
# tests.
LEFT_UNSET = ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "data", ".cache", ".*_cache", ".coverage*")


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: code that enforces a rule.

    - name: the rule.
    - text: the guard's code in ``file``. without: code that replaces it.
    - test: id of the test that fails without the guard.
    - postgresql: whether the test fails only on PostgreSQL, because SQLite never runs two write transactions at once.
    """

    file: str
    name: str
    text: str
    without: str
    test: str
    postgresql: bool = False


# Guards by file, each as (name, text, without, test), and True if the test needs PostgreSQL.
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "vodplatform/core/web/server.py": [
        ("a web process uses proxy headers only from the proxies that the operator has named",
         "proxy_headers=bool(trusted_proxies)", "proxy_headers=True",
         "tests/commands/test_web_command.py::test_only_proxies_that_it_is_told_of_are_believed"),
    ],
    "media_app/videos/text_track_api.py": [
        ("only users who may see a video can read its text tracks",
         "        return TextTrack.objects.filter(video__in=videos).select_related",
         "        return TextTrack.objects.select_related",
         "tests/videos/test_text_tracks.py::"
         "test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them"),
        ("only users who may change a video can store its text tracks",
         "        if not video.can_change(self.user):", "        if False:",
         "tests/videos/test_text_tracks.py::"
         "test_who_sees_the_video_sees_its_text_tracks_and_who_may_change_it_changes_them"),
    ],
    "sessions_app/prosync/models.py": [
        ("a user cannot find out whether one of their Pro jobs has the same video as the Pro job of another user",
         "files = self.filter(pk=job_id)", "files = ProJob.objects.filter(pk=job_id)",
         "tests/prosync/test_process.py::TestOthers::test_runs_of_the_very_same_video_are_found"),
        ("only the owner of a Pro job and admins can see the job",
         "return self if user.is_admin else self.filter(owner=user)", "return self",
         "tests/prosync/test_process.py::TestOthers::test_a_stranger_sees_none_of_it"),
    ],
    "vodplatform/accounts/browser_sessions.py": [
        ("a user can end only the browser sessions of their own account",
         'BrowserSession.objects.filter(user=user, expire_date__gt=Now()).values_list("session_key", flat=True)',
         'BrowserSession.objects.filter(expire_date__gt=Now()).values_list("session_key", flat=True)',
         "tests/accounts/test_browser_sessions.py::test_nobody_ends_what_is_not_theirs"),
    ],
    "vodplatform/site/moderation.py": [
        ("only moderators can open the queue of reports",
         "    if not user.is_moderator:\n        raise Http404\n", "",
         "tests/test_moderation.py::test_who_is_no_moderator_finds_no_such_page"),
    ],
    "sessions_app/challenges/guests.py": [
        ("a guest can play only challenges whose owner allows guests",
         ".filter(pk=challenge_id, guests_may_play=True)", ".filter(pk=challenge_id)",
         "tests/challenges/test_guests.py::test_what_is_not_open_to_guests_asks_them_to_sign_in"),
        ("a guest's id is stored in a signed cookie, so no browser can use the id of another guest",
         'signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)',
         'request.COOKIES.get(COOKIE, "")',
         "tests/challenges/test_guests.py::"
         "test_a_browser_is_the_same_at_every_challenge_and_another_ones_cookie_cannot_be_made"),
    ],
    "sessions_app/comparison/services.py": [
        ("an archived comparison cannot be changed",
         "    if locked.archived_at is not None and not even_archived:\n", "    if False:\n",
         "tests/comparison/test_lifecycle.py::TestArchiving::test_nothing_of_it_can_be_changed"),
        ("a change that an editor started before losing the right to edit is not written",
         "if not by_itself and (by is None or not access_to(locked, by).can_edit):", "if False:",
         "tests/comparison/test_shares.py::TestRights::test_what_was_begun_before_the_withdrawal_is_not_written"),
    ],
    "vodplatform/site/backup.py": [
        ("a restore writes no file outside the folder that it restores into",
         "                if not path.resolve().is_relative_to(root.resolve()):\n", "                if False:\n",
         "tests/commands/test_backup.py::test_an_archive_cannot_write_outside_of_the_media_folder"),
        ("a backup contains the files that exist when it starts, even if a file is deleted during the backup",
         "media = _hold_media(folder)", "media = Path(settings.MEDIA_ROOT)",
         "tests/commands/test_backup.py::test_what_is_deleted_while_a_backup_runs_is_in_it"),
        ("a restore keeps the stored times of rows and does not set them to the present time",
         "raw=True)", "raw=False)",
         "tests/commands/test_backup.py::test_a_restored_program_has_the_same_rows_and_files"),
    ],
    "vodplatform/accounts/forms.py": [
        ("a sign-up can be confirmed only with the password that was chosen at the sign-up",
         "        if not check_password(password, self.row.password):\n", "        if False:\n",
         "tests/accounts/test_confirmation.py::test_who_has_the_mailbox_and_did_not_sign_up_confirms_nothing"),
    ],
    "vodplatform/core/processes/sandbox.py": [
        ("a confined child process can read only the files that its caller named",
         "        restrict_files(rules)\n", "",
         "tests/core/test_confinement.py::TestFiles"),
        ("a confined child process cannot use the network",
         '        restrict_calls(has_network=any(name == "connect" for name, _ in rules))\n', "",
         "tests/core/test_confinement.py::TestNetwork"),
    ],
    "vodplatform/core/files/untrusted_files.py": [
        ("the server never follows a link that a child process left among its output files",
         "    if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:\n", "    if False:\n",
         "tests/core/test_untrusted_files.py::test_whatever_else_is_there_is_not_taken"),
    ],
    "vodplatform/core/files/installation.py": [
        ("an installation marks only one file store as its own, even if two hosts start at once",
         "        if not Installation.objects.select_for_update().filter(pk=row.pk, is_marked=False).exists():\n",
         "        if False:\n",
         "tests/core/test_installation.py::"
         "test_another_host_does_not_mark_a_second_store_while_the_first_is_being_marked"),
    ],
    "vodplatform/site/management/commands/doctor.py": [
        ("doctor changes nothing in the database or the file store of another installation",
         "            installation.check()\n", "",
         "tests/core/test_installation.py::TestCommands::test_those_that_delete_refuse_in_a_copy"),
    ],
    "vodplatform/site/management/commands/restore.py": [
        ("a restore takes over the file store of another installation only if the operator requests it",
         "                installation.register_process()\n", "                pass\n",
         "tests/program/test_two_installations.py::test_a_backup_takes_the_bucket_over_only_on_purpose", True),
    ],
    "vodplatform/core/records/unreferenced.py": [
        ("a sweep deletes an unreferenced file only if an earlier sweep also found it unreferenced",
         " and at - since >= hours", "",
         "tests/core/test_installation.py::TestUnreferenced::test_what_is_seen_again_a_day_later_may_go"),
    ],
    "sessions_app/prosync/services.py": [
        ("a user whose plan includes no Pro segments cannot start a Pro job",
         "    if not most:\n", "    if False:\n",
         "tests/prosync/test_process.py::TestPlans::test_the_free_plan_has_none"),
        ("a webhook call is accepted only once",
         "notified_at__lt=sent_at", "notified_at__gte=0",
         "tests/prosync/test_provider_job.py::TestWebhook::test_the_same_call_again_is_refused"),
    ],
    "sessions_app/prosync/api.py": [
        ("a Pro job cannot have more segments than the user's plan allows",
         "if len(wanted) > most:", "if False:",
         "tests/prosync/test_process.py::TestPlans::test_a_plan_has_its_number_of_segments"),
    ],
    "sessions_app/prosync/providers/syncso.py": [
        ("a webhook call is accepted only if it carries a valid signature of the provider",
         "if not secret or not any(matches):", "if False:",
         "tests/prosync/test_provider_job.py::TestWebhook::test_a_call_that_is_not_the_providers_is_refused"),
        ("the result of a provider is never downloaded from a private network address",
         "max_bytes=max_file_bytes, redirects=MAX_REDIRECTS)",
         "max_bytes=max_file_bytes, redirects=MAX_REDIRECTS, allow_private=True)",
         "tests/prosync/test_syncso_client.py::TestDownload::test_one_on_a_private_address_is_refused"),
    ],
    "sessions_app/prosync/providers/syncso_engine.py": [
        ("a Pro job orders a lip-synced video (a generation) again only after it has searched the provider for the "
         "earlier generation",
         "found = provider.find(name)", "found = None",
         "tests/prosync/test_provider_job.py::TestTheWay::test_a_provider_that_forgets_keys_is_searched"),
        ("a generation is stopped if its job was cancelled or deleted while the generation was requested",
         "        _cancel_if_job_stopped(row, generation_id)\n", "",
         "tests/prosync/test_provider_job.py::TestLeaving::test_one_that_was_left_while_it_was_asked_for_is_stopped"),
    ],
    "sessions_app/challenges/models.py": [
        ("only the owner of a challenge and players who have guessed can see which statement is false",
         "return self.owner_id == user.pk or self.own_guess is not None", "return True",
         "tests/challenges/test_lie.py::TestSameBytes::test_one_row_with_another_lie_in_it"),
        ("only the owner of a draft challenge can see the draft",
         "seen = Q(owner=user) | PUBLISHED", "seen = Q()",
         "tests/challenges/test_challenges.py::TestWhoSees::test_each_as_the_contract_has_it"),
        ("only the owner of a merge and admins can see the merge",
         "return self if user.is_admin else self.filter(owner=user)", "return self",
         "tests/contract/test_roles.py::test_an_owned_object_is_for_owner_and_admins"),
    ],
    "sessions_app/challenges/admin.py": [
        ("no filter of an admin list can reveal which statement of a challenge is false",
         'return not lookup.startswith("lie_index") and super()', "return super()",
         "tests/challenges/test_lie.py::TestSameBytes::test_one_row_with_another_lie_in_it"),
    ],
    "sessions_app/challenges/challenges.py": [
        ("a user can make a challenge only from clips of their own merge",
         "MergeClip.objects.filter(pk__in=ids, session__owner=user)", "MergeClip.objects.filter(pk__in=ids)",
         "tests/challenges/test_challenges.py::TestMake::test_an_admin_makes_none_of_somebody_elses_merge"),
    ],
    "sessions_app/analysis/models.py": [
        ("only the owner of an analysis and admins can see the analysis",
         "return self if user.is_admin else self.filter(owner=user)", "return self",
         "tests/analysis/test_sessions.py::TestStatus::test_nobody_else_sees_it_but_admins"),
    ],
    "vodplatform/core/api/csv_tables.py": [
        ("no cell of an exported table can run as a spreadsheet formula",
         "TO_MARK.sub(MARK, cell) if isinstance(cell, str) else cell", "cell",
         "tests/analysis/test_sessions.py::TestResults::test_as_a_table_no_cell_is_a_formula"),
    ],
    "vodplatform/core/web/outbound.py": [
        ("the server sends no request to a private network address",
         '            if kind is not None:\n                raise Refused(f"{self._host} resolves',
         '            if False:\n                raise Refused(f"{self._host} resolves',
         "tests/core/test_outbound.py::TestRedirects::test_one_to_the_inside_is_refused"),
    ],
    "jobs_app/leases.py": [
        ("a worker can write the row of a job only while the worker holds the job's lease",
         "filter(pk=self.job_id, lease_token=self.token, status=JobStatus.PROCESSING)", "filter(pk=self.job_id)",
         "tests/jobs/test_services.py::TestLease::test_who_lost_the_lease_writes_nothing"),
        ("while a worker counts the running jobs of a queue and claims the next job, no other worker claims a job "
         "of this queue",
         "        _lock(CLAIM_LOCK, lane.encode())\n", "",
         "tests/jobs/test_services.py::TestClaim::test_nobody_claims_between_another_ones_count_and_claim", True),
    ],
    "vodplatform/settings/environment.py": [
        ("SQLite transactions begin as IMMEDIATE, so that workers never run more jobs than a queue allows",
         '"transaction_mode": "IMMEDIATE"', '"transaction_mode": "DEFERRED"',
         "tests/jobs/test_turns.py::test_claims_in_two_lanes_at_once_never_exceed_the_owners_limit"),
    ],
    "jobs_app/maintenance.py": [
        ("a job is taken over from a worker only after the worker's lease has expired",
         "            if is_over:\n", "            if True:\n",
         "tests/jobs/test_maintenance.py::TestReaping::test_a_lease_renewed_meanwhile_is_not_taken_away"),
    ],
    "jobs_app/models.py": [
        ("only the owner of a job and admins can see the job",
         "return self if user.is_admin else self.filter(owner=user)", "return self",
         "tests/jobs/test_api.py::TestList::test_it_is_the_callers_newest_first"),
    ],
    "sessions_app/comparison/models.py": [
        ("only the owner of a comparison and users with a share can see the comparison",
         'return self.filter(Q(owner=user) | Exists(SessionShare.objects.filter(session=OuterRef("pk"), user=user)))',
         "return self",
         "tests/contract/test_roles.py::test_lists_hold_nothing_of_somebody_elses"),
        ("a link opens nothing after the link has expired or the owner's account has been closed",
         "return self.filter(expires_at__gt=Now(), session__owner__is_active=True)", "return self.all()",
         "tests/comparison/test_links.py::TestOpening::test_what_has_ended_opens_nothing_and_closes_what_was_open"),
    ],
    "sessions_app/comparison/viewsets.py": [
        ("only users who may edit a comparison can change the comparison",
         "if not self.access.can_edit:", "if False:",
         "tests/contract/test_roles.py::test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes"),
    ],
    "sessions_app/comparison/events/services.py": [
        ("only viewers who may comment on a comparison can write its events",
         "if not access.can_comment:", "if False:",
         "tests/contract/test_roles.py::test_a_comparison_is_for_whom_it_is_shared_with_as_far_as_that_goes"),
        ("the events of a comparison cannot grow beyond their size limit",
         "if total > max(before, limit):", "if False:",
         "tests/comparison/test_events.py::TestSize::test_a_session_and_a_plan_have_a_limit"),
    ],
    "sessions_app/comparison/access.py": [
        ("a guest of a comparison cannot see the paths of the owner's files",
         '"path": None,', "",
         "tests/comparison/test_shares.py::TestRights::test_where_the_owner_keeps_the_files_is_not_told"),
        ("a visitor of a link sees nothing of the comparison before entering the link's password",
         "return opened.visitor if opened and opened.is_unlocked else user",
         "return opened.visitor if opened else user",
         "tests/comparison/test_links.py::TestPassword::test_it_is_asked_for_before_anything_is_shown"),
    ],
    "sessions_app/comparison/consumers.py": [
        ("a guest receives only media addresses that become invalid when the share ends",
         "if access is None or not access.grant:", "if True:",
         "tests/comparison/test_shares.py::TestWatching::test_changes_and_clock_come_with_addresses_that_end"),
        ("a page of another site cannot open the WebSocket of a comparison with a visitor's cookie",
         " if is_same_origin(headers) else {}", "",
         "tests/comparison/test_links.py::TestWatching::test_another_sites_page_may_not_use_the_cookie"),
    ],
    "sessions_app/comparison/sharing/services.py": [
        ("a share opens only the videos of the shared comparison",
         ", session__vods__video=video_id", "",
         "tests/comparison/test_shares.py::TestRights::test_only_what_the_share_is_for_is_opened_by_it"),
    ],
    "sessions_app/comparison/export/services.py": [
        ("a user cannot start an export that exceeds the work limit of the user's plan",
         "work_limit.check(by, facts)", "pass",
         "tests/comparison/test_exports.py::TestReels::test_more_than_the_plan_allows_is_refused_by_what_is_made"),
    ],
    "sessions_app/comparison/sharing/links.py": [
        ("a link opens only the videos of its comparison",
         ", session__vods__video=video_id", "",
         "tests/comparison/test_links.py::TestOpening::test_only_what_the_link_is_for_is_opened_by_its_grant"),
    ],
    "sessions_app/comparison/api.py": [
        ("a visitor of a link cannot read the names of users",
         " or isinstance(self.viewer, LinkVisitor):\n            raise", ":\n            raise",
         "tests/comparison/test_mentions.py::test_a_visitor_names_people_and_learns_no_names"),
    ],
    "media_app/streaming/resolve.py": [
        ("a media address with a grant (`&grant=…`) opens only while the viewer has access to the comparison",
         "if self.grant and not grants.is_valid(self.grant, video.pk):", "if False:",
         "tests/streaming/test_grants.py::test_it_opens_while_the_grant_holds_and_only_what_it_is_for"),
        ("the public address of a video becomes invalid when the video is hidden",
         "if is_restricted(video) and not self.opens_restricted:", "if False:",
         "tests/streaming/test_catalogue.py::TestSigned::test_what_was_made_for_everybody_ends_when_it_is_hidden"),
        ("no address opens a deleted video",
         "Video.objects.get(pk=video_id, status__in=WATCHABLE, deleted_at=None)",
         "Video.objects.get(pk=video_id, status__in=WATCHABLE)",
         "tests/streaming/test_catalogue.py::TestSigned::test_a_deleted_one_opens_to_nobody_until_it_is_restored"),
    ],
    "media_app/streaming/asgi.py": [
        ("a running transfer of a video to a guest ends when the guest's grant ends",
         "async with _while_granted(found):", "async with nullcontext():",
         "tests/streaming/test_grants.py::test_one_who_stands_still_is_cut_off_too"),
    ],
    "media_app/videos/models.py": [
        ("a user can see only their own library videos and the catalogue videos that the user's role may see",
         "return self.filter(Q(owner=user) & IN_LIBRARY | catalogue_rule(user))", "return self",
         "tests/comparison/test_create.py::TestVideoIds::test_another_users_video_is_refused_as_an_unknown_one"),
        ("a video in the bin is shown nowhere outside the bin",
         "IN_LIBRARY = Q(place=VideoScope.LIBRARY, deleted_at=None)", "IN_LIBRARY = Q(place=VideoScope.LIBRARY)",
         "tests/videos/test_bin.py::test_in_the_bin_it_is_nowhere_else"),
    ],
    "vodplatform/core/api/fixed.py": [
        ("a request that tries to change a read-only field is refused",
         "    if fixed:\n", "    if False:\n",
         "tests/contract/test_fixed_fields.py::test_fields_that_cannot_be_changed_are_refused_by_name"),
    ],
    "vodplatform/accounts/names.py": [
        ("an account cannot have a reserved user name or a name that looks like a reserved name",
         "return any(found.translate(_ONE_STROKE) in _RESERVED for found in skeletons(plain))", "return False",
         "tests/accounts/test_names.py::test_roles_are_reserved"),
    ],
    "vodplatform/core/api/idempotency.py": [
        ("an Idempotency-Key is stored before the request has its effect, so two requests at once have one effect",
         "        if key is None or owner is None:\n", "        if True:\n",
         "tests/core/test_idempotency.py::TestAtOnce::test_two_requests_with_one_key_at_once_create_one_session"),
        ("the effect of a request rolls back if another request has taken over its idempotency record",
         "    if not _owned_record(current).update(sealed=True):\n",
         "    if _owned_record(current).update(sealed=True) < 0:\n",
         "tests/core/test_idempotency.py::TestCrashes::test_the_effect_of_a_request_that_lost_its_record_rolls_back"),
    ],
    "vodplatform/accounts/credentials.py": [
        ("a WebSocket accepts a session cookie only from pages of this site",
         "    if is_websocket and not authorization_of(headers) and not is_same_origin(headers):\n"
         "        return None\n", "",
         "tests/comparison/test_websocket.py::TestSessionCookie::test_it_does_not_from_another_sites_page"),
        ("a WebSocket connection is accepted only for a host name in ALLOWED_HOSTS",
         "    known = validate_host(host, settings.ALLOWED_HOSTS)\n", "    known = True\n",
         "tests/accounts/test_tickets.py::TestHosts::test_another_is_closed_with_4401"),
        ("an admin's token without the scope admin gives no admin rights",
         "user.without_admin_scope = not includes_scope(credential.scopes, Scope.ADMIN)",
         "user.without_admin_scope = False",
         "tests/accounts/test_tokens.py::test_an_admin_s_token_without_the_admin_scope_sees_its_own_things_only"),
    ],
    "vodplatform/accounts/authentication.py": [
        ("a token allows only the requests that its scopes include",
         "        if not includes_scope(found[1].scopes, needed):\n            raise ScopeRequired(needed)\n", "",
         "tests/accounts/test_tokens.py::TestUsing::test_its_scopes_say_what_it_may"),
        ("a token needs the scope write to send bytes to an upload endpoint",
         "    if not includes_scope(found[1].scopes, needed):\n        raise DomainError(",
         "    if False:\n        raise DomainError(",
         "tests/contract/test_door_roles.py::test_whoever_may_write_begins_uploads_of_their_own"),
        ("a browser session needs its CSRF token to send bytes to an upload endpoint",
         "found[1].kind == Kind.SESSION and _is_forged(scope)", "False",
         "tests/uploads/test_tus_headers.py::TestWhoMay::test_a_browser_needs_its_protection_token"),
    ],
    "vodplatform/accounts/tickets.py": [
        ("a WebSocket ticket can be used only once",
         "if row is None or rows.delete()[0] != 1:", "if row is None:",
         "tests/accounts/test_tickets.py::TestOpening::test_a_second_socket_is_closed_with_4401"),
    ],
    "vodplatform/core/web/signing.py": [
        ("a signed address is valid for only one file and one purpose",
         "hmac.compare_digest(mac, _mac(purpose, name, expires, secret)) for", "True for",
         "tests/core/test_signing.py::test_it_names_one_file_and_one_purpose"),
        ("a signed address is invalid after its expiry time",
         "    if moment > expires:\n", "    if False:\n",
         "tests/core/test_signing.py::test_a_token_lives_as_long_as_it_says_and_not_much_longer"),
    ],
    "media_app/streaming/x_accel.py": [
        ("the server lets nginx send only files inside the configured folders",
         "if not library_roots.is_inside(name, folders):", "if False:",
         "tests/streaming/test_media_urls.py::TestForNginx::test_a_folder_that_nginx_is_not_told_of_has_no_address"),
    ],
    "media_app/streaming/availability.py": [
        ("a file in which the virus scanner found malware is never sent",
         "if MALWARE in (reason, job_error):", "if False:",
         "tests/streaming/test_availability.py::TestWithoutAScanner::test_what_is_not_known_to_be_bad_is_given"),
    ],
    "media_app/streaming/names.py": [
        ("an uploaded file is sent as a video or as plain bytes, never as a web page",
         "return claimed if _MEDIA_TYPE.fullmatch(claimed) else PLAIN_TYPE", "return claimed",
         "tests/streaming/test_names.py::test_a_video_is_sent_as_a_video_or_as_bytes"),
    ],
    "vodplatform/core/records/append_only.py": [
        ("the rows of append-only tables cannot be updated",
         'BEFORE UPDATE ON {table} "\n                f"BEGIN',
         'BEFORE UPDATE ON {table} "\n                f"WHEN 0 BEGIN',
         "tests/jobs/test_services.py::TestLease::test_events_are_never_changed"),
    ],
    "media_app/uploads/scan.py": [
        ("a file counts as free of viruses only if clamd answers OK",
         '    if not space or word != "FOUND":\n        raise ScannerDown(f"clamd answers {answer!r}.")\n',
         '    if word != "FOUND":\n        return None\n',
         "tests/uploads/test_scan.py::TestNotWell::test_only_its_own_words_make_a_file_clean"),
    ],
    "media_app/videos/consistency.py": [
        ("doctor deletes no file that was written within the last hour",
         " for file in store.files(prefix) if file.modified < over]", " for file in store.files(prefix)]",
         "tests/videos/test_consistency.py::TestLeftovers::test_what_was_written_to_within_the_hour_stays"),
        ("doctor does not mark the videos as lost if the file store appears to be empty",
         "    if any(video.source == VideoSource.STORED for video in lost) and not any(", "    if False and not any(",
         "tests/videos/test_consistency.py::TestLostVideos::test_an_empty_store_is_not_believed"),
    ],
    "vodplatform/core/files/storage.py": [
        ("a read from S3 that breaks off is reported as an error and not as the end of the file",
         "        if not isinstance(exc, _of_s3()):\n            raise\n",
         "        if isinstance(exc, _of_s3()):\n            return\n",
         "tests/storage/test_faults.py::TestInTheMiddle::test_a_read_that_breaks_off_is_not_an_end"),
    ],
    "media_app/uploads/writers.py": [
        ("only the request that holds the lock of an upload can move the upload's offset",
         "Upload.objects.filter(pk=self.upload_id, lock_token=self.token)", "Upload.objects.filter(pk=self.upload_id)",
         "tests/uploads/test_tus_bytes.py::TestStopped::test_who_lost_the_lock_is_told_so_and_moves_nothing"),
        ("a request writes no bytes to an upload after the request's lock has expired",
         "        if self.lock.is_near_its_end():\n            raise LockLost\n", "",
         "tests/uploads/test_tus_bytes.py::TestStopped::test_after_a_long_stop_nothing_is_written"),
        ("an upload accepts no more bytes than its announced size",
         "        if self.received + len(data) > self.upload.size:\n", "        if False:\n",
         "tests/uploads/test_tus_headers.py::TestPatch::"
         "test_more_than_announced_is_413_when_it_comes_without_its_length"),
    ],
    "media_app/uploads/protocols/tus.py": [
        ("no byte of a PATCH with a checksum counts before the server has checked the checksum",
         "                ending.keeps = digest is None and not _has_lost(exc)\n",
         "                ending.keeps = not _has_lost(exc)\n",
         "tests/uploads/test_tus_bytes.py::TestChecksum::test_of_bytes_that_do_not_fit_nothing_is_kept"),
    ],
    "media_app/storage/files.py": [
        ("the server does not join a part of an upload that changed in the bucket after the server had listed the "
         "parts",
         "            if _code(exc) == _OTHER_PART:\n                raise FileNotFoundError(key) from exc\n", "",
         "tests/uploads/test_presigned.py::TestCompleting::"
         "test_a_chunk_changed_before_the_parts_are_joined_is_found_out"),
    ],
    "media_app/uploads/models.py": [
        ("only the owner of an upload can see the upload",
         "return self.none() if isinstance(user, AnonymousUser) else self.filter(owner=user)", "return self",
         "tests/contract/test_door_roles.py::test_an_upload_by_tus_is_its_owners_alone"),
    ],
    "media_app/uploads/quota.py": [
        ("uploads that a user starts at once cannot reserve more storage than the user's quota",
         "    lock_user(user)\n    # A partial", "    # A partial",
         "tests/uploads/test_tus_bytes.py::TestTwoAtOnce::test_of_many_at_once_no_more_begin_than_there_is_room", True),
    ],
    "media_app/videos/services.py": [
        ("replacing the file of a video does not delete bytes of uploads that are running for the video",
         "            if key not in kept:\n", "            if key != location:\n",
         "tests/videos/test_replacing.py::test_what_is_on_its_way_for_the_same_video_stays"),
    ],
    "media_app/catalogue/realtime.py": [
        ("a subscriber of the catalogue receives only the changes that the subscriber may see",
         "new.fields if new and audience in new.audiences else None", "new.fields if new else None",
         "tests/catalogue/test_sockets.py::TestWhatIsTold::test_each_audience_hears_what_it_may_see"),
    ],
    "media_app/catalogue/crdt.py": [
        ("an operation on a catalogue video takes effect only once, even if the server receives it twice",
         "        if (operation.actor, operation.counter) in self.dots:\n            return False\n", "",
         "tests/catalogue/test_crdt.py::test_an_operation_that_comes_twice_counts_once"),
    ],
}  # fmt: skip
GUARDS = [Guard(file, *row) for file, rows in ROWS.items() for row in rows]


def table() -> str:
    """Return the text of docs/design/0008-guards.md."""
    lines = [
        f"| {guard.name} | `{guard.file}` | `{guard.test}`{' on PostgreSQL' * guard.postgresql} |" for guard in GUARDS
    ]
    return HEAD + "\n".join(lines) + "\n"


HEAD = """# 8. Guards and the tests that fail without them

`python -m tests.support.guards --table` generates this page. `make guards` removes each guard in a copy of the tree and
runs the guard's test, which must fail. The table lists the guards that protect data, money or privacy. `make mutations`
changes other code at random, and checks that a test fails.

| rule that the guard keeps | file of the guard | test that fails without the guard |
| --- | --- | --- |
"""


@contextmanager
def without(guard: Guard, root: Path) -> Iterator[None]:
    """Remove the guard from the copy at ``root`` during the block."""
    path = root / guard.file
    source = path.read_text()
    assert source.count(guard.text) == 1, f"{guard.name}: its code occurs {source.count(guard.text)} times"
    path.write_text(source.replace(guard.text, guard.without))
    try:
        yield
    finally:
        path.write_text(source)


def outcome_without(guard: Guard, root: Path) -> str:
    """Run the guard's test in the copy.

    Return ``caught`` if it fails, ``NOT CAUGHT`` if it passes, else ``UNCLEAR`` with pytest's output.
    """
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_UNSET}
    if guard.postgresql:
        environment |= dict(pair.split("=", 1) for pair in services_environment().split())
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", guard.test], cwd=root, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return CAUGHT  # without some guards, a loop or a wait never ends
    if done.returncode == 0:
        return "NOT CAUGHT"
    if done.returncode == 1 and re.search(r"^\d+ failed", done.stdout, re.MULTILINE):
        return CAUGHT
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
            print(f"{guard.name}: skipped, because it needs PostgreSQL", flush=True)
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
