"""What an owner has and where it stands in an address: for the walks over every route and role."""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from jobs_app.kinds import registry
from jobs_app.models import JobStatus
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload, UploadProtocol
from media_app.videos.models import Video, VideoSource
from sessions_app.analysis.models import AnalysisSession
from tests.support import factories
from tests.support.api import BASE, Api
from tests.support.catalogue import make_catalogue_video
from vodplatform.accounts import jwt
from vodplatform.accounts.models import ApiToken, User

METHODS = {"get", "post", "put", "patch", "delete"}
# In which state a job is for the call on it to be carried out.
JOB_STATES = {"/cancel": "queued", "/pause": "queued", "/resume": "paused", "/retry": "failed"}
ROI = {"vod_id": "vod-1", "time": 1.5, "x": 0.1, "y": 0.1, "width": 0.5, "height": 0.25}
# A body with which the owner's call is carried out, by method and the end of the path; none needs none.
BODIES: dict[tuple[str, str], Any] = {
    ("patch", "/{session_id}"): {"name": "Changed"},
    ("patch", "/me"): {"full_name": "Changed"},
    ("put", "/global-seek"): {"timestamp": 5},
    ("put", "/seek"): {"timestamp": 5},
    ("put", "/{vod_id}/playback"): {"state": "playing"},
    ("put", "/playback"): {"state": "playing"},
    ("put", "/offsets"): {"offsets": {"vod-2": 5}, "source": "manual"},
    ("post", "/api/auth/tokens"): {"name": "statistics", "scopes": ["read"], "expires_in": 2_592_000},
    ("post", "/jobs/clear"): {"until": "2026-11-20T12:00:00Z"},
    ("post", "/jobs/seen"): {"until": "2026-11-20T12:00:00Z"},
    ("post", "/align"): {"method": "timer_ocr"},
    ("post", "/apply"): {"vod_ids": ["vod-2"]},
    ("post", "/duplicate"): {"name": "Round 7, second look"},
    ("post", "/links"): {"expires_in": 604_800, "can_comment": True},
    ("put", "/{video_id}/ready"): {"duration": 12.5},
    ("post", "/{video_id}/sync"): {"client_vector_clock": {}, "operations": []},
    ("post", "/timer-preview"): {"roi": ROI},
    ("post", "/detect"): {"kinds": ["shots"]},
    ("post", "/export"): {"layout": "single", "start": 0, "end": 5, "audio": "none"},
    ("post", "/events"): {"kind": "kill", "global_time": 5},
    ("patch", "/{event_id}"): {"label": "Changed"},
    ("post", "/replies"): {"body": "Because."},
    ("post", "/shares"): {"username": "other", "role": "viewer"},
    ("patch", "/{share_id}"): {"can_comment": True},
    ("post", "/import"): [{"kind": "kill", "global_time": 5}],
    ("patch", "/{video_id}"): {"title": "Changed"},
    ("post", "/renditions"): {"kind": "proxy"},
    ("post", "/api/v1/uploads"): {"filename": "a.mp4", "size": 10},
    ("post", "/addresses"): {"chunk_numbers": [0]},
    ("post", "/analytics/upload"): {"session_id": "0b1e", "bytes": 1000, "seconds": 0.5},
    ("post", "/api/v1/videos"): {"title": "New"},
    ("put", "/{video_id}"): {"title": "Changed"},
    ("post", "/reports"): {"reason": "spam"},
    ("post", "/upload-for-merge/initiate"): {
        "video_count": 2,
        "video_filenames": ["a.mp4", "b.mp4"],
        "video_file_sizes": [10, 10],
        "video_durations": [1.0, 2.0],
        "video_mime_types": ["video/mp4", "video/mp4"],
    },
    ("patch", "/{challenge_id}"): {"title": "Changed"},
    ("post", "/guesses"): {"statement_index": 0},
    ("post", "/keep/{session_id}"): {"keep": True},
    ("post", "/reel/{session_id}"): {
        "moments": [{"start_time": 2, "end_time": 4.5, "title": "Round 2", "transition": "fade"}],
        "order": "given",
    },
}
CATALOGUE = "/api/v1/videos"
# Of one's own videos or of the catalogue's: tests/videos/test_text_tracks.py has who may do what.
TEXT_TRACKS = "/api/v1/text-tracks"
ANALYSIS = "/api/v1/video"
CHALLENGES = "/api/v1/challenges"


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The OpenAPI document, computed once for a process. Whoever changes it changes a copy."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def operations() -> list[tuple[str, str]]:
    """(method, path) of every operation of the API."""
    paths = document()["paths"]
    return [(method, path) for path, item in sorted(paths.items()) for method in item if method in METHODS]


def methods_of(path: str) -> set[str]:
    return set(document()["paths"][path]) & METHODS


def takes_queries(path: str) -> bool:
    """Whether the document names parameters of a query there."""
    item = document()["paths"][path]
    return any(one["in"] == "query" for method in methods_of(path) for one in item[method].get("parameters", []))


def kind_of(method: str, path: str) -> tuple[object, ...]:
    """What reads a request before the view's own code does: operations of one kind differ in that code alone."""
    view: Any = resolve(re.sub(r"\{\w+\}", str(uuid.UUID(int=1)), path)).func
    takes_body = method in ("post", "put", "patch")
    classes = ("authentication_classes", "parser_classes", "renderer_classes")
    return (*(tuple(view.initkwargs.get(name, getattr(view.cls, name))) for name in classes), takes_body)


def one_of_each_kind() -> list[tuple[str, str]]:
    return list({kind_of(method, path): (method, path) for method, path in reversed(operations())}.values())


def is_of_catalogue(path: str) -> bool:
    """Whether a path is about everybody's videos rather than one's own things."""
    return path.startswith((CATALOGUE, TEXT_TRACKS))


def owned_operations() -> list[tuple[str, str]]:
    return [(method, path) for method, path in operations() if not is_of_catalogue(path)]


def stored_video(owner: User, **fields: Any) -> Video:
    """A video of some bytes that are there."""
    location = default_storage.save("contract.mp4", ContentFile(b"some bytes"))
    return factories.make_video(owner, source=VideoSource.STORED, location=location, **fields)


def chunked_upload(owner: User, *, is_whole: bool = False) -> Upload:
    """An upload of one chunk, which may have come."""
    upload = uploads.begin_upload(
        owner, front=UploadProtocol.CHUNKS, purpose="library", filename="a.mp4", size=10, chunk_size=65_536
    )
    if is_whole:
        key = default_storage.save(f"uploads/{upload.pk}/0", ContentFile(b"some bytes"))
        uploads.store_chunk_row(upload, 0, 10, hashlib.sha256(b"some bytes").hexdigest(), key)
    return upload


@contextmanager
def with_steps_kind() -> Iterator[None]:
    """The kind ``test.steps``, which keeps checkpoints, beside the program's own while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "JOB_KINDS", [*settings.JOB_KINDS, "tests.jobs.kinds.steps"])
        patch.setattr(settings, "JOB_LANES", {**settings.JOB_LANES, "test": 2})
        registry.cache_clear()
        yield
    registry.cache_clear()


def names_in(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def places(path: str, owner: User) -> dict[str, str]:
    """A thing of the owner's for each place in a path; a new kind of place has to be taught here."""
    names = names_in(path)
    found: dict[str, object] = {}
    if is_of_analysis(path):
        found = {"session_id": analysis(owner, path).pk}
    elif "session_id" in names:
        session = factories.make_session(owner)
        reply = factories.make_reply(session)
        found = {
            "session_id": session.session_id, "vod_id": "vod-1", "job_id": factories.make_alignment(session).job_id,
            "event_id": reply.event_id, "reply_id": reply.pk, "share_id": factories.make_share(session).pk,
            "link_id": factories.make_link(session).pk,
        }  # fmt: skip
    elif "/sync/pro-job/" in path:
        found = {"job_id": factories.make_pro_job(owner, status="completed").pk}
    elif "job_id" in names:
        status = next((status for end, status in JOB_STATES.items() if path.endswith(end)), "completed")
        found = {"job_id": factories.make_job(owner, status, kind="test.steps", lane="test").pk}
    elif "track_id" in names:
        found = {"track_id": factories.make_text_track(stored_video(owner)).pk}
    elif "video_id" in names and is_of_catalogue(path):
        location = default_storage.save("contract.mp4", ContentFile(b"some bytes"))
        found = {"video_id": make_catalogue_video(owner, location=location).pk}
    elif "video_id" in names:
        found = {"video_id": stored_video(owner).pk}
    elif "upload_id" in names:
        found = {"upload_id": chunked_upload(owner, is_whole=path.endswith("/complete")).pk}
    elif "merge_id" in names:
        states = {"/cancel": "queued", "/retry": "failed"}
        status = next((status for end, status in states.items() if path.endswith(end)), "completed")
        found = {"merge_id": factories.make_merge(owner, count=2, status=status).pk}
    elif "challenge_id" in names:
        merge = factories.make_merge(owner, count=2, status="completed")
        found = {"challenge_id": factories.make_challenge(owner, merge=merge).pk}
    elif "token_id" in names:
        found = {"token_id": ApiToken.issue(owner, name="another")[0].pk}
    assert set(names) <= set(found), f"teach this what {names} of {path} are"
    return {name: str(found[name]) for name in names}


def is_of_analysis(path: str) -> bool:
    return path.startswith(f"{ANALYSIS}/") and "{session_id}" in path


def analysis(owner: User, path: str) -> AnalysisSession:
    """One in which state the call on it is carried out: completed, but where it is to be cancelled."""
    if path.endswith("/cancel/{session_id}"):
        return factories.make_analysis(owner)
    # One of a video of the library can be kept; the others have a file of their own.
    video = factories.make_video(owner) if path.endswith("/keep/{session_id}") else None
    return factories.make_analysis(owner, status=JobStatus.COMPLETED, video=video)


def unknown(names: dict[str, str]) -> dict[str, str]:
    """As many that nobody has, of the same shape."""
    is_comparison = names.get("session_id", "").startswith("comp-")
    like: dict[str, Callable[[], str]] = {
        "session_id": lambda: f"comp-{uuid.uuid4().hex[:24]}" if is_comparison else str(uuid.uuid4()),
        "vod_id": lambda: "vod-1",
    }
    return {name: like.get(name, lambda: str(uuid.uuid4()))() for name in names}


def filled(path: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def address(path: str, owner: User) -> str:
    """The path with a thing of the owner's in each place."""
    return filled(path, places(path, owner))


def body(method: str, path: str, owner: User) -> Any:
    if method not in ("post", "put", "patch"):
        return None
    if (method, path) == ("post", CHALLENGES):
        clips = factories.make_merge(owner, count=2, status="completed").clips.order_by("index")
        statements = [{"media_file_id": str(clip.pk)} for clip in clips]
        return {"title": "New", "statements": statements, "lie_statement_index": 1}
    if (method, path) == ("post", TEXT_TRACKS):
        return {
            "video_id": str(stored_video(owner).pk), "kind": "captions", "language": "en", "label": "English",
            "content": "WEBVTT\n\n00:01.000 --> 00:02.500\nRotate now\n",
        }  # fmt: skip
    if (method, path) == ("post", BASE):
        videos = [str(stored_video(owner).pk) for _ in range(2)]
        return {"vods": [{"vod_id": f"vod-{number}", "video_id": pk} for number, pk in enumerate(videos)]}
    return next((value for (verb, end), value in BODIES.items() if method == verb and path.endswith(end)), {})


def with_token(*scopes: str) -> Callable[[User], Api]:
    return lambda user: Api(factories.make_key(user, scopes=list(scopes)))


def with_jwt(*scopes: str) -> Callable[[User], Api]:
    def sign_in(user: User) -> Api:
        api = Api()
        api.headers = {"Authorization": f"Bearer {jwt.issue(user, scopes).access}"}
        return api

    return sign_in


def with_session(*, csrf: bool) -> Callable[[User], Api]:
    def sign_in(user: User) -> Api:
        api = Api()
        api.client.force_login(user)
        if csrf:
            api.client.cookies["csrftoken"] = "c" * 32
            api.headers = {"X-CSRFToken": "c" * 32}
        return api

    return sign_in


# Each way to sign in to the API, by what it is called here.
WAYS: dict[str, Callable[[User], Api]] = {
    "token without scopes": with_token(), "token read": with_token("read"), "token write": with_token("read", "write"),
    "token admin": with_token("read", "write", "admin"), "jwt read": with_jwt("read"),
    "jwt write": with_jwt("read", "write"), "jwt admin": with_jwt("admin"), "session": with_session(csrf=True),
    "session without CSRF": with_session(csrf=False),
}  # fmt: skip


def is_admins(way: str) -> bool:
    """Return whether this way to sign in gives an administrator the scope `admin`."""
    return way.endswith(" admin") or way.startswith("session")


def browser(user: User | None) -> Client:
    """A browser, signed in or not, that asks for pages."""
    client = Client(headers={"Accept": "text/html"}, raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


def page_of(response: HttpResponse) -> tuple[int, str]:
    """Status and text of an answer, without its CSRF tokens and its request id."""
    text = response.content.decode().replace(response["X-Request-ID"], "")
    return response.status_code, re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text)
