"""Chromium's own <video> seeks in a private file by its signed address, here and on S3."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response

from tests.browser.conftest import ACCOUNT, PASSWORD, OpenPage, Recording, sign_in
from tests.browser.recordings import SECONDS
from tests.support import s3
from tests.support.places import prepared
from tests.support.program import PROJECT_ROOT, Place, Program, clean_environment

pytestmark = pytest.mark.services
# Plays an address in a new <video>: what came of it, at once or after a jump to each of the moments.
PLAY = """async ([address, moments]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const said = (name) => new Promise((resolve) => video.addEventListener(name, () => resolve(name), {once: true}));
  const first = Promise.race([said('loadeddata'), said('error')]);
  video.src = address;
  if (await first === 'error') return {error: video.error.code};
  const times = [];
  for (const moment of moments) {
    const done = Promise.race([said('seeked'), said('error')]);
    video.currentTime = moment;
    if (await done === 'error') return {error: video.error.code};
    times.push(video.currentTime);
  }
  const found = {duration: video.duration, width: video.videoWidth, times, ready: video.readyState};
  video.remove();
  return found;
}"""
MOMENTS = [35.0, 2.0, 20.0]
# Puts a file into the store as somebody's video and prints its signed address and the address alone.
STORE = """
import sys, django; django.setup()
from pathlib import Path
from media_app.videos.models import Video, VideoSource
from media_app.delivery.addresses import STREAM_PREFIX, stream_url
from media_app.store import files as store
from tests.support.factories import make_video
from vodplatform.accounts.models import User
path = Path(sys.argv[2])
video = make_video(User.objects.get(username=sys.argv[1]), source=VideoSource.STORED, file_size=path.stat().st_size)
key = f"videos/{video.pk}/original.mp4"
store.put_file(key, path)
Video.objects.filter(pk=video.pk).update(location=key)
print(stream_url(video))
"""


def play(page: Page, address: str, moments: list[float] = MOMENTS) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(PLAY, [address, moments])
    return found


def expect_seeks(found: dict[str, Any]) -> None:
    """Fail unless it was played and every moment was reached."""
    assert found.get("error") is None
    assert found["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert found["times"] == pytest.approx(MOMENTS, abs=0.01)
    assert found["width"] > 0
    assert found["ready"] >= 2


def test_a_video_element_seeks_by_the_signed_address(open_page: OpenPage, comparison: dict[str, Any]) -> None:
    page = open_page("/compare")
    ranges: list[str] = []
    page.on("response", lambda answer: ranges.append(answer.headers.get("content-range", "")))
    expect_seeks(play(page, comparison["vods"][0]["stream_url"]))
    assert any(text.startswith("bytes ") for text in ranges)


@pytest.fixture
def far_program(tmp_path: Path, s3: s3.Bucket, recordings: list[Recording]) -> Iterator[tuple[Program, str]]:
    """The program with its files in a bucket, and the signed address of one of them."""
    with prepared(ACCOUNT, recordings[0].path.parent, PASSWORD) as template:
        place = Place(tmp_path / "d", {**template.environment, **s3.environment}, template.key)
        shutil.copytree(template.data_dir, place.data_dir)
        variables = {"VOD_DATA_DIR": str(place.data_dir), "DJANGO_SETTINGS_MODULE": "vodplatform.settings.embedded"}
        copy = tmp_path / "copy.mp4"
        shutil.copyfile(recordings[0].path, copy)
        done = subprocess.run(
            [sys.executable, "-c", STORE, ACCOUNT, str(copy)], cwd=PROJECT_ROOT, capture_output=True, text=True,
            check=True, env=clean_environment({**place.environment, **variables}), timeout=60,
        )  # fmt: skip
        program = Program(place)
        try:
            yield program.start(), done.stdout.strip()
        finally:
            program.end()


def test_a_video_is_played_from_a_bucket(far_program: tuple[Program, str], chromium: Browser, s3: s3.Bucket) -> None:
    """The pages' policy lets it; through us it plays as well."""
    program, signed = far_program
    answers: list[Response] = []

    def heard(answer: Response) -> None:
        answers.append(answer)

    with chromium.new_context(base_url=program.address) as context:
        page = context.new_page()
        sign_in(page, program)
        page.on("response", heard)
        expect_seeks(play(page, signed))
        assert {answer.status for answer in answers if answer.url.startswith(program.address + signed)} == {302}
        assert any(answer.url.startswith(s3.faults.url) and answer.status == 206 for answer in answers)
        answers.clear()
        expect_seeks(play(page, signed + "&proxy=1"))
        assert {answer.status for answer in answers} == {206}
        assert play(page, signed.partition("?")[0]).get("error") is None  # signed in
