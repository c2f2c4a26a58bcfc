"""The examples of the API's document: each is sent as it stands there, and is answered in the shape that stands there.

``make examples`` replaces those that no longer fit; without docs/api-examples.json it writes all of them. Ids, times,
keys and signatures have fixed values in the examples.
"""

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from pytest_check import check

from jobs_app.runner import run_queue
from media_app.catalogue import services as catalogue
from media_app.uploads import services as uploads
from sessions_app.comparison.models import SyncMode
from sessions_app.prosync.models import ProJob
from tests.comparison.test_align import stand_in
from tests.conftest import Library
from tests.contract import places
from tests.contract.places import address, is_of_catalogue, operations
from tests.prosync.conftest import make_footage, parts_of, segment
from tests.support.api import BASE, Api
from tests.support.factories import (
    PASSWORD,
    make_challenge,
    make_key,
    make_merge,
    make_pro_job,
    make_session,
    make_share,
    make_text_track,
    make_user,
    make_video,
)
from tests.support.footage import convert
from tests.support.lip_sync_provider import SECRET, signed
from tests.support.s3 import Bucket, storage_of
from tests.support.sockets import ask as ask_rows
from tests.support.streams import Answer, ask
from tests.uploads.forms import FORM, Part, form_of
from vodplatform.accounts import jwt
from vodplatform.accounts.models import User
from vodplatform.core.api.schema import EXAMPLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("steps_kind")]
PREVIEW = "comparison_timer_preview"
ADDRESSES = "uploads_addresses"
READINGS = """
readings = [{"vod_id": vod, "time": 3.5, "text": "1:23", "value": 83.0, "confidence": 0.97, "crop": f"{vod}-0.jpg"}
            for vod in ("vod-1", "vod-2")]
for reading in readings:
    pathlib.Path(request["crop_dir"], reading["crop"]).write_bytes(b"crop")
print(json.dumps({"result": {"readings": readings}}))
"""
MADE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<=comp-)[0-9a-f]{24}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
SECONDS = 1_764_158_400.0  # 2025-11-26, 12:00 UTC
YEARS_AGO = 1e9  # what is greater is no duration but an instant
SIGNED = re.compile(r"\?[^\"\s]*(?:sig|token|grant|expires)=[^\"\s]*")
SECRETS = {"token", "access", "refresh", "ticket", "key"}


def identifier(path: str, method: str) -> str:
    found: str = places.document()["paths"][path][method]["operationId"]
    return found


def timeless(value: Any, name: str = "", ids: dict[str, str] | None = None) -> Any:
    """The same, with values of their own in the place of what is made anew in each run."""
    ids = {} if ids is None else ids
    if isinstance(value, dict):
        return {timeless(key, "", ids): timeless(one, key, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [timeless(one, name, ids) for one in value]
    if isinstance(value, float) and value > YEARS_AGO:
        return SECONDS
    if not isinstance(value, str):
        return value
    if name in SECRETS and not value.isalpha():
        return "…"
    text = INSTANT.sub("2025-11-26T12:00:00Z", SIGNED.sub("?…", value))
    return MADE.sub(lambda found: ids.setdefault(found[0], numbered(found[0], len(ids) + 1)), text)


def numbered(made: str, number: int) -> str:
    """An id of the same length that says the how manieth it is."""
    digits = f"{number:x}" * len(made)
    return "".join(digits[at] if sign != "-" else sign for at, sign in enumerate(made))


def shape(value: Any) -> Any:
    """What a value is made of: nothing is said of the rest of a list, nor of what is null or empty."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if value is None else float if is_number else type(value)


def fits(found: Any, example: Any) -> bool:
    """Whether two shapes can be of one answer."""
    if found is None or example is None:
        return True
    if isinstance(found, dict) and isinstance(example, dict):
        return found.keys() == example.keys() and all(fits(found[key], example[key]) for key in found)
    if isinstance(found, list) and isinstance(example, list):
        return fits(found[0], example[0])
    return bool(found == example)


# Calls for which the walk over all routes has nothing that they can be carried out on.


def guessed(owner: User, other: User) -> tuple[User, str, Any]:
    merge = make_merge(other, count=3, status="completed")
    challenge = make_challenge(other, merge=merge, is_published=True)
    return owner, f"/api/v1/challenges/{challenge.pk}/guesses", {"statement_index": 0}


def reported(owner: User, other: User) -> tuple[User, str, Any]:
    person, url, _ = guessed(owner, other)
    return person, url.replace("/guesses", "/reports"), {"reason": "spam", "text": "It sells something."}


def everything(owner: User) -> None:
    """One of each thing that a list may have."""
    for path in ("/{session_id}", "/api/v1/video/status/{session_id}", "/sync/pro-job/{job_id}", "/{job_id}",
                 "/{video_id}", "/{upload_id}", "/{challenge_id}", f"{places.CATALOGUE}/{{video_id}}"):  # fmt: skip
        places.places(path, owner)


def signed_in(owner: User, other: User, by: str) -> tuple[User, str, Any]:
    return owner, f"/api/auth/{by}", {"username": owner.username, "password": PASSWORD}


def invited(owner: User, other: User) -> tuple[User, str, Any]:
    session = make_session(owner)
    make_share(session, other)
    return other, f"{BASE}/{session.pk}/leave", None


PREPARED: dict[str, Callable[[User, User], tuple[User, str, Any]]] = {
    "comparison_leave": invited, "challenges_guess": guessed, "challenges_report": reported,
    "comparison_vod_playback": lambda owner, other: (
        owner, f"{BASE}/{make_session(owner, sync_mode=SyncMode.INDEPENDENT).pk}/vods/vod-1/playback",
        {"state": "playing"},
    ),
    "auth_token_create": partial(signed_in, by="token"), "auth_jwt_create": partial(signed_in, by="jwt"),
    "auth_jwt_refresh": lambda owner, other: (
        owner, "/api/auth/jwt/refresh", {"refresh": jwt.issue(owner, ["read"]).refresh}
    ),
    "text_tracks_list": lambda owner, other: (
        owner, f"{places.TEXT_TRACKS}?video_id={make_text_track(make_video(owner)).video_id}", None
    ),
}  # fmt: skip


# Calls that send a file in a form, and the one that is signed: whose key, where to, and the parts or the body.

Sent = tuple[str, str, "list[Part] | bytes"]


def sends_to_library(footage: Path) -> Sent:
    video = (footage / "talk.mp4").read_bytes()
    parts: list[Part] = [("title", "Round 7"), ("tags", "final"), ("file", video, "round-7.mp4")]
    return make_key(make_user("sender")), "/api/v1/library", parts


def sends_to_catalogue(footage: Path) -> Sent:
    person = make_user("sender", role="moderator")
    video = catalogue.create(person, {"title": "The final"})
    return make_key(person), f"/api/v1/videos/{video.pk}/file", [
        ("video", (footage / "talk.mp4").read_bytes(), "final.mp4")
    ]  # fmt: skip


def sends_to_analysis(footage: Path) -> Sent:
    parts: list[Part] = [
        ("analysis_type", "highlights"), ("params", '{"target_duration": 30}'),
        ("file", (footage / "talk.mp4").read_bytes(), "round-7.mp4"),
    ]  # fmt: skip
    return make_key(make_user("sender")), "/api/v1/video/upload", parts


def waits_for_highlights(footage: Path) -> Sent:
    parts: list[Part] = [
        ("segment_length", "5"), ("target_duration", "6"),
        ("video", moving(footage / "match.mp4", "if(between(t,11,14),50*sin(9*t),0)").read_bytes(), "round-7.mp4"),
    ]  # fmt: skip
    return make_key(make_user("sender")), "/analyze/highlights", parts


def waits_for_workout(footage: Path) -> Sent:
    squats = moving(footage / "squats.mp4", "50*sin(PI*t)").read_bytes()
    return make_key(make_user("sender")), "/analyze/workout", [("video", squats, "squats.mp4")]


def moving(path: Path, height: str) -> Path:
    """Twenty seconds of a square that moves, loud in the middle. height: pixels from its place, as of ``t``."""
    ground, square = "color=gray:s=320x180:r=15:d=20", "color=white:s=80x60:r=15:d=20"
    scene = f"{ground}[ground];{square}[square];[ground][square]overlay=120:60+'{height}'"
    sound = "aevalsrc='0.004*(random(0)-0.5)+if(between(t,11,14),0.6*sin(2*PI*900*t),0)':s=32000:d=20"
    return convert(None, path, "-f", "lavfi", "-i", scene, "-f", "lavfi", "-i", sound, "-c:a", "aac")


def sends_pro_job(footage: Path) -> Sent:
    parts = parts_of(footage, segment(), audio_ref_ids=["audio-1"], name="Round 7")
    return make_key(make_user("sender", tier="pro")), "/api/v1/sync/pro-sync-process", parts


def sends_chunk(footage: Path, base: str = "/api/v1/uploads") -> Sent:
    person, content = make_user("sender"), (footage / "talk.mp4").read_bytes()
    upload = uploads.begin_upload(
        person, front="chunks", purpose="library", filename="round-7.mp4", size=len(content) + 2**20, chunk_size=2**20,
        metadata={},
    )  # fmt: skip
    chunk = (content + bytes(2**20))[: 2**20]
    return make_key(person), f"{base}/{upload.pk}/chunk", [("chunk_number", "0"), ("chunk", chunk, "blob")]


def notices(footage: Path) -> Sent:
    row = make_pro_job(make_user("sender", tier="pro"), engine="syncso", status="waiting", attempt=1)
    ProJob.objects.filter(pk=row.pk).update(generation_id="gen-1")
    body = b'{"id": "gen-1", "status": "COMPLETED", "outputUrl": "https://cdn.example/x.mp4"}'
    return "", "/api/v1/sync/webhooks/syncso", body


FORMS: dict[str, Callable[[Path], Sent]] = {
    "library_upload": sends_to_library, "videos_file": sends_to_catalogue, "analysis_upload": sends_to_analysis,
    "pro_sync_process": sends_pro_job, "uploads_chunk": sends_chunk,
    "challenge_uploads_chunk": partial(sends_chunk, base="/api/v1/challenge-videos/upload"),
    "pro_sync_webhook": notices,
    "analyze_highlights": waits_for_highlights, "analyze_workout": waits_for_workout,
}  # fmt: skip


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_footage(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def written() -> Iterator[dict[str, Any]]:
    """The examples; changes are saved if VOD_WRITE_EXAMPLES is set."""
    path = Path(settings.BASE_DIR) / EXAMPLES
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    yield found
    if os.environ.get("VOD_WRITE_EXAMPLES"):
        known = {identifier(path, method) for method, path in operations()}
        kept = {name: found[name] for name in sorted(found) if name in known}
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def example_of(content: Any, response: HttpResponse) -> dict[str, Any]:
    """What the document shows of a call that was made."""
    assert response.status_code in (200, 201, 202, 204), response.content
    made: dict[str, Any] = {"status": response.status_code}
    if content:
        made["request"] = timeless(content)
    if response.content:
        is_json = response["Content-Type"].startswith("application/json")
        made["answer"] = timeless(response.json() if is_json else response.content.decode())  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method, path in operations() if identifier(path, method) not in {*FORMS, PREVIEW, ADDRESSES}],
    ids=lambda part: part,
)
def test_example(method: str, path: str, owner: User, other: User, admin_person: User, written: dict[str, Any]) -> None:
    name = identifier(path, method)
    if name in PREPARED:
        person, url, content = PREPARED[name](owner, other)
    else:
        person = admin_person if is_of_catalogue(path) else owner
        if method == "get" and "{" not in path:
            everything(owner)
        url, content = address(path, owner), places.body(method, path, owner)
    response = Api(make_key(person, scopes=["read", "write", "admin"])).send(method.upper(), url, content)
    compare(written, name, example_of(content, response))


@pytest.mark.usefixtures("media")
def test_box_preview(owner: User, library: Library, monkeypatch: pytest.MonkeyPatch, written: dict[str, Any]) -> None:
    stand_in(monkeypatch, READINGS)
    videos = [make_video(owner, duration=5, location=str(library.crew / name)) for name in ("plain.mp4", "other.mp4")]
    content = {"roi": {"vod_id": "vod-1", "time": 3.5, "x": 0.4, "y": 0.02, "width": 0.2, "height": 0.08}}
    url = f"{BASE}/{make_session(owner, videos=videos).pk}/timer-preview"
    compare(written, PREVIEW, example_of(content, Api(make_key(owner)).post(url, content)))


def test_bucket_address_example(owner: User, s3_storage: Bucket, settings: Any, written: dict[str, Any]) -> None:
    public = {"AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.com"}
    settings.STORAGES = {**settings.STORAGES, "default": storage_of(s3_storage.environment | public)}
    upload = uploads.begin_upload(owner, front="direct", purpose="library", filename="round-7.mp4", size=40 << 20)
    content = {"chunk_numbers": [0, 2]}
    made = example_of(content, Api(make_key(owner)).post(f"/api/v1/uploads/{upload.pk}/addresses", content))
    for chunk in made["answer"]["chunks"]:
        chunk["url"] = chunk["url"].replace(s3_storage.name, "bucket")
    compare(written, ADDRESSES, made)


OUTDATED = "docs/api-examples.json does not match the program: run `make examples` and look at the difference"


def compare(written: dict[str, Any], name: str, made: dict[str, Any]) -> None:
    """Expect the request and the shape of the answer that the example shows; with VOD_WRITE_EXAMPLES, replace it."""
    example = written.get(name, {})
    is_same = (
        example != {}
        and (made["status"], made.get("request")) == (example["status"], example.get("request"))
        and fits(shape(made.get("answer")), shape(example.get("answer")))
    )
    if os.environ.get("VOD_WRITE_EXAMPLES") and not is_same:
        written[name] = made
        return
    assert is_same, (name, OUTDATED, made, example)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("media")
@pytest.mark.parametrize("name", FORMS)
async def test_file_example(name: str, footage: Path, settings: Any, written: dict[str, Any]) -> None:
    settings.SYNCSO = {**settings.SYNCSO, "webhook_secret": SECRET}
    key, url, parts = await ask_rows(FORMS[name], footage)
    if isinstance(parts, bytes):
        headers = {"Content-Type": "application/json", "Sync-Signature": signed(parts)}
        answer = await ask("POST", url, headers, parts)
        request = json.loads(parts)
    else:
        answer = await carried_out(ask("POST", url, FORM, form_of(parts), key=key))
        request = {part[0]: part[1] if len(part) == 2 else f"(bytes of {part[2]})" for part in parts}
    assert answer.status in (200, 201, 202), answer.content
    made = {"status": answer.status, "request": timeless(request), "answer": timeless(answer.json())}
    compare(written, name, made)


async def carried_out(call: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer of a call that may wait for an analysis, which is carried out meanwhile."""
    task = asyncio.ensure_future(call)
    while not task.done():
        await ask_rows(run_queue, "analysis")
        await asyncio.sleep(0.02)
    return await task


def test_every_operation_has_an_example_and_a_description(written: dict[str, Any]) -> None:
    assert set(written) == {identifier(path, method) for method, path in operations()}, OUTDATED
    for method, path in operations():
        operation = places.document()["paths"][path][method]
        with check(operation["operationId"]):
            assert operation["summary"]
            assert len(operation["description"].split()) > 2
            if operation.get("requestBody"):
                assert any("example" in body for body in operation["requestBody"]["content"].values())
