"""schemathesis over the whole OpenAPI document.

Every operation gets random requests (fuzzing), valid and not, from somebody who may call it; in `make test-all` more of
them, the edges of its schema (the coverage phase), and each eighth from the other roles too: who may do what is
test_roles.py's. Each case begins with the same rows: what it does is rolled back. The same cases in every run, unless
HYPOTHESIS_PROFILE=search looks further.
"""

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.db.models.functions import Now
from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    use_after_free,
)

from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.videos.models import TextTrack
from sessions_app.challenges.models import MergeSession
from sessions_app.comparison.models import Alignment, ComparisonSession, EventReply, OffsetSource
from tests.contract import places
from tests.contract.places import is_of_analysis, is_of_catalogue
from tests.contract.wire import Answer, checked
from tests.support import factories
from tests.support.api import BASE
from tests.support.catalogue import make_catalogue_video
from vodplatform.accounts import jwt
from vodplatform.accounts.models import ApiToken, Role, User

SEARCHES = os.environ.get("HYPOTHESIS_PROFILE") == "search"

ROLES = ["anonymous", "user", "admin"]
OTHERS_EACH = 1 if SEARCHES else 8

MINE, THEIRS, NOBODYS = "comp-mine", "comp-theirs", "comp-nobodys"
JOBS = {UUID(int=number): status for number, status in enumerate(
    ["queued", "processing", "paused", "waiting", "failed", "cancelled", "completed"], start=100
)}  # fmt: skip
ALIGNMENT, THEIR_JOB, MY_VIDEO, THEIR_VIDEO, MY_TOKEN, THEIR_TOKEN, UNKNOWN, THEIR_UPLOAD = (
    UUID(int=number) for number in range(1, 9)
)
# Uploads in chunks: one that has begun, one whose only chunk is there, one that has been given up.
BEGUN, WHOLE, GIVEN_UP = (UUID(int=number) for number in range(200, 203))
# Of the catalogue: each of another kind, and what they are.
CATALOGUE = {UUID(int=number): fields for number, fields in enumerate(
    [{"tags": ["a"], "category": "Training"}, {"is_hidden": True}, {"deleted_at": Now()}, {"status": "uploading"}],
    start=300,
)}  # fmt: skip
MY_ANALYSIS, RUNNING_ANALYSIS, THEIR_ANALYSIS, LIBRARY_ANALYSIS = (UUID(int=number) for number in range(400, 404))
CLIPS_COMING, MERGING, NOT_MERGED, MERGED, SPARE, THEIR_MERGE = (UUID(int=number) for number in range(500, 506))
MY_CHALLENGE, THEIR_CHALLENGE = UUID(int=510), UUID(int=511)
MY_PRO, THEIR_PRO = UUID(int=600), UUID(int=601)
MY_EVENT, MY_REPLY, MY_SHARE, MY_LINK, MY_TRACK, THEIR_TRACK = (UUID(int=number) for number in range(700, 706))
PLACES: dict[str, list[object]] = {
    "merge_id": [CLIPS_COMING, MERGING, NOT_MERGED, MERGED, THEIR_MERGE, UNKNOWN],
    "challenge_id": [MY_CHALLENGE, THEIR_CHALLENGE, UNKNOWN], "session_id": [MINE, THEIRS, NOBODYS],
    "vod_id": ["vod-1", "vod-9"], "job_id": [*JOBS, ALIGNMENT, THEIR_JOB, MY_PRO, THEIR_PRO, UNKNOWN],
    "token_id": [MY_TOKEN, THEIR_TOKEN, UNKNOWN], "video_id": [MY_VIDEO, THEIR_VIDEO, UNKNOWN],
    "event_id": [MY_EVENT, UNKNOWN], "reply_id": [MY_REPLY, UNKNOWN], "share_id": [MY_SHARE, UNKNOWN],
    "link_id": [MY_LINK, UNKNOWN], "upload_id": [BEGUN, WHOLE, GIVEN_UP, THEIR_UPLOAD, UNKNOWN],
    "track_id": [MY_TRACK, THEIR_TRACK, UNKNOWN],
}  # fmt: skip
# Its file comes by the door before Django, which is not there behind WSGI: tests/uploads/test_multipart.py.
BY_A_DOOR = [
    "library_upload", "videos_file", "analysis_upload", "analyze_highlights", "analyze_workout", "pro_sync_process",
]  # fmt: skip
# Files, whatever ``Accept`` says: tests/analysis/test_sessions.py, tests/comparison/test_events.py,
# tests/videos/test_text_tracks.py.
TABLES = ["analysis_table", "events_csv", "events_json", "timeline_otio", "text_tracks_file"]
VODS = ["vod-1", "vod-2", "vod-9"]
# Reads real video for seconds, wants the bytes that belong under a number, or a bucket: their own tests do that.
NEVER_DONE = ["/timer-preview]", "/chunk]", "/addresses]", "/webhooks/syncso]", "/leave]"]

# A request that fits the document is refused with `invalid` for these fields alone: what they must not be is more
# than a schema can say.
CHANGED = {
    "title": "one line", "tags": "at most 50, short", "category": "one line", "version": "one that has been",
    "vector_clock": "actors with a name", "non_field_errors": "something to change",
}  # fmt: skip
PLACED = {
    "time": "within the VOD, and given where there is one", "global_time": "given where there is no VOD",
    "end": "after the time and within the VOD", "drawing": "strokes of points in the frame", "base": "a valid drawing",
}  # fmt: skip
MEANT = {
    "comparison_create": {"vods": "a VOD has either `path` or `video_id`"},
    "comparison_offsets": {
        "confidence": "required unless `source` is `manual`",
        **dict.fromkeys(["offsets", "drifts", "anchors"], "of three VODs at most"),
    },
    "comparison_align": {"roi": "the box ends inside the frame and the VOD"},
    "comparison_export": {
        "end": "after the start and within the last VOD",
        "vod_ids": "each once, as many as the layout needs",
        "audio": "a VOD with sound",
        "height": "not so much that nobody could play it",
    },
    "comparison_global_seek": {"timestamp": "on the timeline"},
    "comparison_playback": {"at": "on the timeline"},
    "events_list": {"cursor": "one that a page named"},
    "events_create": PLACED,
    "events_change": PLACED,
    "events_import": {**PLACED, "file": "a table or a list of events", "events": "a list"},
    "comparison_timer_preview": {"roi": "the box ends inside the frame and the VOD", "times": "lists of numbers"},
    "analysis_reel": {"moments": "half a second each at least, without overlaps, within the video"},
    "auth_token_create": {"name": "no control characters"},
    "auth_tokens_create": {"name": "no control characters"},
    "text_tracks_list": {"video_id": "not empty"},
    "text_tracks_store": {"content": "WebVTT or SubRip"},
    "library_render": {"time": "of a poster, and of nothing else", "kind": "one that the video needs"},
    "library_change": {"title": "one line", "tags": "at most 50, short", "non_field_errors": "something to change"},
    "uploads_begin": {
        "filename": "no control characters",
        "title": "one line",
        "tags": "at most 50, short",
        "sha256": "64 digits",
        "chunk_size": "not more than a hundred thousand of them",
        "purpose": "one that is registered",
        "direct": "where files are in a bucket",
    },
    "merges_initiate": {
        **dict.fromkeys(
            ["video_filenames", "video_file_sizes", "video_durations", "video_mime_types"], "one for each video"
        ),
        "media_file_ids": "clips of one's own, one for each video",
        "chunk_size": "not smaller than 64 KiB",
        "challenge_title": "no control characters",
    },
    "challenges_make": {
        "title": "no control characters",
        "statements": "all clips of a merge",
        "lie_statement_index": "one of them",
        "merged_video_metadata": "that of the merge",
        "is_merged_video": "true",
    },
    "challenges_edit": {
        "title": "no control characters",
        "texts": "one for each",
        "lie_statement_index": "one of them",
    },
    "challenges_guess": {"statement_index": "one that there is"},
    "challenges_report": {"reason": "no control characters"},
    "videos_create": {"title": "one line", "tags": "at most 50, short", "category": "one line"},
    "videos_change": CHANGED,
    "videos_patch": CHANGED,
    "videos_sync": {
        "operations": "of one's own, and of what has come",
        "client_vector_clock": "not far ahead in one's own",
        "video_id": "that of the address",
    },
    "videos_sync_state": {"since": "an instant"},
    "videos_ready": {"videoId": "that of the address", "processingResults": "at most 64 KiB"},
    "me_update": {
        "avatar_url": "an address of http or https",
        "full_name": "no control characters",
        "picture": "base64",
    },
}


def taught() -> dict[str, Any]:
    """The document with those rows in it as the values there are, and no field in an answer that it does not name."""
    document = json.loads(json.dumps(places.document()))
    for path, item in document["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    assert parameter["name"] in PLACES, f"teach this test what {parameter['name']} of {path} is"
                    values = PLACES[parameter["name"]]
                    if "{session_id}" in path and parameter["name"] == "job_id":
                        values = [ALIGNMENT, THEIR_JOB, UNKNOWN]
                    if is_of_analysis(path):
                        values = [MY_ANALYSIS, RUNNING_ANALYSIS, LIBRARY_ANALYSIS, THEIR_ANALYSIS, UNKNOWN]
                    if parameter["name"] == "video_id" and is_of_catalogue(path):
                        values = [*CATALOGUE, MY_VIDEO, UNKNOWN]
                    parameter["schema"]["enum"] = [str(value) for value in values]
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if not name.endswith("Request") and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    for name in ("CredentialsRequest", "NewTokenRequest"):
        schemas[name]["properties"]["username"]["enum"] = ["mine", "nobody"]
        schemas[name]["properties"]["password"]["enum"] = [factories.PASSWORD, "wrong"]
    # Paths into library folders have their own tests, which probe real files.
    vod = schemas["NewVodRequest"]
    del vod["properties"]["path"]
    vod["required"].append("video_id")
    schemas["NewSessionRequest"]["properties"]["vods"] |= {"minItems": 2, "maxItems": 3}
    vod["properties"]["video_id"]["enum"] = [str(MY_VIDEO), str(THEIR_VIDEO), str(UNKNOWN)]
    offsets = schemas["OffsetsRequest"]["properties"]["offsets"]
    offsets["properties"] = {vod_id: copy.deepcopy(offsets["additionalProperties"]) for vod_id in VODS}
    schemas["RoiRequest"]["properties"]["vod_id"]["enum"] = VODS
    schemas["ApplyRequest"]["properties"]["vod_ids"]["items"]["enum"] = VODS
    schemas["NewSessionRequest"]["properties"]["vods"]["example"] = [
        {"vod_id": vod_id, "video_id": str(MY_VIDEO)} for vod_id in VODS
    ]
    begun = schemas["NewUploadRequest"]["properties"]
    begun["size"]["example"], begun["chunk_size"]["example"], begun["purpose"]["example"] = 1000, 65_536, "library"
    for name, value in {"time": 1.5, "x": 0.1, "y": 0.1, "width": 0.5, "height": 0.25}.items():
        schemas["RoiRequest"]["properties"][name]["example"] = value
    link_sessions(document["paths"])
    return document


def link_sessions(paths: dict[str, Any]) -> None:
    """Say that a listed session is what the calls on a session take; of jobs and tokens schemathesis sees it itself."""
    listed = {"session_id": "$response.body#/sessions/0/session_id"}
    paths[f"{BASE}/list"]["get"]["responses"]["200"]["links"] = {
        operation["operationId"]: {"operationId": operation["operationId"], "parameters": listed}
        for path, item in paths.items()
        for operation in item.values()
        if path.startswith(f"{BASE}/{{session_id}}") and "{job_id}" not in path
    }


def loaded(examples: int, *, has_edges: bool) -> Any:
    """The schema as schemathesis tries it, against the program behind WSGI."""
    generation = {"max-examples": 300 if SEARCHES else examples, "allow-x00": False}
    phases = {"coverage": {"enabled": has_edges, "generate-duplicate-query-parameters": True}}
    seed = {} if SEARCHES else {"seed": 1}
    config = schemathesis.Config.from_dict({"generation": generation, "phases": phases, **seed})
    found = schemathesis.openapi.from_dict(taught(), config=config)
    found.app = get_wsgi_application()
    return found.exclude(operation_id=[*BY_A_DOOR, *TABLES])


few, many = loaded(4, has_edges=False), loaded(8, has_edges=True)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, dict[str, str]]]:
    """What each role signs in with; with it come the rows named above, made once: every test rolls back to them."""
    with django_db_blocker.unblock(), transaction.atomic():
        with places.with_steps_kind():
            found = make_world()
        yield found
        transaction.set_rollback(True)


@pytest.fixture
def headers(world: dict[str, dict[str, str]], one_connection: None, steps_kind: None) -> dict[str, dict[str, str]]:
    """The same, in a test."""
    return world


def make_world() -> dict[str, dict[str, str]]:
    mine, theirs = factories.make_user("mine"), factories.make_user("theirs")
    admin = factories.make_user("root", role=Role.ADMIN)
    session = factories.make_session(mine, session_id=MINE)
    factories.make_session(theirs, session_id=THEIRS)
    for user, video_id, token_id in ((mine, MY_VIDEO, MY_TOKEN), (theirs, THEIR_VIDEO, THEIR_TOKEN)):
        track = factories.make_text_track(places.stored_video(user, pk=video_id))
        TextTrack.objects.filter(pk=track.pk).update(id=MY_TRACK if user is mine else THEIR_TRACK)
        ApiToken.objects.filter(pk=ApiToken.issue(user)[0].pk).update(id=token_id)
    for upload_id, owner in ((BEGUN, mine), (WHOLE, mine), (GIVEN_UP, mine), (THEIR_UPLOAD, theirs)):
        Upload.objects.filter(pk=places.chunked_upload(owner).pk).update(id=upload_id)
    key = default_storage.save(f"uploads/{WHOLE}/000000", ContentFile(b"0123456789"))
    uploads.store_chunk_row(Upload.objects.get(pk=WHOLE), 0, 10, hashlib.sha256(b"0123456789").hexdigest(), key)
    uploads.cancel(Upload.objects.get(pk=GIVEN_UP))
    factories.make_share(session, pk=MY_SHARE)
    factories.make_link(session, pk=MY_LINK)
    reply = factories.make_reply(session, pk=MY_EVENT)
    EventReply.objects.filter(pk=reply.pk).update(id=MY_REPLY)
    for job_id, status in JOBS.items():
        factories.make_job(mine, status, pk=job_id, kind="test.steps", lane="test")
    timeout = {"type": "timeout", "message": "Processing took too long."}
    factories.make_job(theirs, "failed", pk=THEIR_JOB, error=timeout)
    result = {"reference": "vod-1", "proposals": [factories.proposal("vod-2", -50.0)], "refused": []}
    job = factories.make_job(mine, "completed", pk=ALIGNMENT, result=result)
    Alignment.objects.create(session=session, job=job, method=OffsetSource.TIMER_OCR)
    for video_id, fields in CATALOGUE.items():
        location = default_storage.save("contract.mp4", ContentFile(b"never read"))
        make_catalogue_video(admin, pk=video_id, location=location, **fields)
    factories.make_analysis(mine, pk=MY_ANALYSIS, status="completed")
    factories.make_analysis(mine, pk=RUNNING_ANALYSIS)
    factories.make_analysis(theirs, pk=THEIR_ANALYSIS)
    factories.make_analysis(mine, pk=LIBRARY_ANALYSIS, status="completed", video=factories.make_video(mine))
    factories.make_pro_job(mine, pk=MY_PRO, status="completed")
    factories.make_pro_job(theirs, pk=THEIR_PRO)
    factories.make_merge(mine, pk=CLIPS_COMING)
    factories.make_merge(mine, pk=MERGING, status="processing", started_at=Now())
    factories.make_merge(mine, pk=NOT_MERGED, status="failed", error={"type": "disk_full", "message": "Full."})
    factories.make_merge(mine, pk=SPARE, status="completed")
    for owner, merge_id, challenge_id in ((mine, MERGED, MY_CHALLENGE), (theirs, THEIR_MERGE, THEIR_CHALLENGE)):
        merge = factories.make_merge(owner, pk=merge_id, status="completed")
        factories.make_challenge(owner, merge=merge, pk=challenge_id, is_published=owner is theirs)
    keys = {"user": factories.make_key(mine), "admin": factories.make_key(admin)}
    return {"anonymous": {}, **{role: {"Authorization": f"Token {key}"} for role, key in keys.items()}}


@dataclass
class Sent:
    """What an operation was sent in one test. cases: how many. statuses: the answers to who may call it."""

    cases: int = 0
    statuses: set[int] = field(default_factory=set)


@pytest.fixture
def so_far(request: pytest.FixtureRequest) -> Iterator[Sent]:
    """Collect the answers. In the exhaustive walk at least one call of the allowed caller must succeed."""
    found = Sent()
    yield found
    if (
        request.node.get_closest_marker("exhaustive")
        and found.statuses
        and not any(path in request.node.name for path in NEVER_DONE)
    ):
        assert any(status < 300 for status in found.statuses), found.statuses


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def answers_as_agreed(ctx: CheckContext, response: Response, case: Case) -> None:
    """What section 0 says of every answer."""
    told = {name: values[0] for name, values in response.headers.items()}
    checked(Answer(response.status_code, told, response.content))
    assert response.content or response.status_code == 204
    if response.status_code < 400 and response.request.method != "OPTIONS":
        assert str(response.status_code) in case.operation.responses.status_codes


def is_meant(case: Case, response: Response) -> bool:
    """Whether a refusal of what fits the document is about its meaning, which the document cannot tell."""
    body = response.json()
    if body["type"] == "invalid":
        # A text of blanks alone is an empty one.
        fields = {name for name, errors in body["errors"].items() if errors != ["This field may not be blank."]}
        fields = {name for name in fields if not name.isdigit()}  # a line of a list
        return fields <= set(MEANT.get(case.operation.definition.raw["operationId"], ()))
    return body["type"] not in ("parse_error", "bad_request")


def check(case: Case, response: Response, sent: dict[str, Any], recorder: Any = None) -> None:
    """Every check of schemathesis and ours.

    recorder: of calls in a row. There a field that was made wrong may have got its value from an earlier answer since,
    and be right again: what has to be refused is told of single calls alone.
    """
    # A plan's limits are no part of the document.
    meant = response.status_code == 413 or (response.status_code == 400 and is_meant(case, response))
    excluded = [*([positive_data_acceptance] if meant else []), *([negative_data_rejection] if recorder else [])]
    excluded.append(ignored_auth)
    # An upload that has been given up can still be asked how it stands.
    if case.operation.path.endswith("/{upload_id}/status"):
        excluded.append(use_after_free)
    case.validate_response(
        response, headers=sent["headers"], transport_kwargs=sent, recorder=recorder,
        additional_checks=[answers_as_agreed], excluded_checks=excluded,
    )  # fmt: skip


def fill_in(case: Case) -> None:
    """Give a call what the document cannot tell how to make up."""
    name = case.operation.definition.raw["operationId"]
    if name == "auth_jwt_refresh":
        case.body["refresh"] = jwt.issue(User.objects.get(username="mine"), ["read"]).refresh
    elif name in ("merges_initiate", "events_create", "events_import", "comparison_export"):
        case.media_type = "application/json"
        case.body = copy.deepcopy(places.body("post", case.operation.path, User.objects.get(username="mine")))
    elif name == "events_delete_reply":
        case.path_parameters = {"session_id": MINE, "event_id": str(MY_EVENT), "reply_id": str(MY_REPLY)}
    elif name == "text_tracks_list":
        case.query = {"video_id": str(MY_VIDEO)}
    elif name == "text_tracks_store":
        case.body = {
            "video_id": str(next(iter(CATALOGUE))), "kind": "captions", "language": "sl",
            "content": "WEBVTT\n\n00:01.000 --> 00:02.000\nZdaj\n",
        }  # fmt: skip
    elif name == "shares_create":
        case.body = {"username": "theirs", "role": "viewer"}
    elif name == "comparison_vod_playback":
        ComparisonSession.objects.filter(pk=MINE).update(sync_mode="independent")
    elif name == "analysis_keep":
        case.path_parameters, case.body = {"session_id": str(LIBRARY_ANALYSIS)}, {"keep": True}
    elif name == "analysis_reel":
        case.path_parameters = {"session_id": str(MY_ANALYSIS)}
        case.body = {"moments": [{"start_time": 2, "end_time": 4.5}]}
    elif name == "challenges_make":
        clips = MergeSession.objects.get(pk=SPARE).clips.order_by("index")
        statements = [{"media_file_id": str(clip.pk), "text": "So it was."} for clip in clips]
        case.body = {"title": "Three things", "statements": statements, "lie_statement_index": 2}
    elif name == "challenges_edit":
        case.path_parameters = {"challenge_id": str(MY_CHALLENGE)}
        case.body = {"title": "Others", "texts": ["a", "b", "c"], "lie_statement_index": 0}


@few.parametrize()
@hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck))
def test_every_operation(case: Case, headers: dict[str, dict[str, str]], so_far: Sent) -> None:
    call(case, headers, so_far)


@pytest.mark.exhaustive
@many.parametrize()
@hypothesis.settings(suppress_health_check=list(hypothesis.HealthCheck))
def test_every_operation_at_its_edges(case: Case, headers: dict[str, dict[str, str]], so_far: Sent) -> None:
    call(case, headers, so_far, ROLES if so_far.cases % OTHERS_EACH == OTHERS_EACH - 1 else ())


def call(case: Case, headers: dict[str, dict[str, str]], so_far: Sent, others: Sequence[str] = ()) -> None:
    """Call an operation with a permitted role, or with each of ``others``."""
    who_may = "admin" if is_of_catalogue(case.operation.path) else "user"
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    is_filled_in = is_valid and not so_far.statuses & {200, 201}
    so_far.cases += 1
    for role in others or [who_may]:
        sent = {"headers": headers[role]}
        with undone():
            if is_filled_in:
                fill_in(case)
            response = case.call(**sent)
            if role == who_may and response.request.method == case.operation.method.upper():
                so_far.statuses.add(response.status_code)
            check(case, response, sent)


@pytest.mark.parametrize("role", ["user", pytest.param("admin", marks=pytest.mark.exhaustive)])
def test_calls_in_a_row(role: str, headers: dict[str, dict[str, str]]) -> None:
    """Each takes what one before it has answered: what is made is there, what is deleted is gone."""
    trails = []

    class Calls(many.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.trail: list[str] = []
            self.block = undone()
            self.block.__enter__()

        def teardown(self) -> None:
            self.block.__exit__(None, None, None)
            trails.append(self.trail)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": headers[role]}

        def after_call(self, response: Response, case: Case) -> None:
            super().after_call(response, case)
            if response.status_code < 300:
                self.trail.append(case.operation.label)

        def validate_response(self, response: Response, case: Case, *args: Any, **sent: Any) -> None:
            check(case, response, sent, self.recorder)

    Calls.run(
        settings=hypothesis.settings(
            max_examples=200 if SEARCHES else 20, stateful_step_count=8, derandomize=not SEARCHES,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
    )  # fmt: skip
    assert max(map(len, trails)) > 3
