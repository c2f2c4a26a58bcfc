"""An upgrade without a pause: hosts of the previous release and of this one on one database and one bucket."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.places import ACCOUNT, PASSWORD, new_database, prepare, programs
from tests.support.program import Place, Program, Truth, manage
from tests.support.releases import LAST_RELEASE, unpack_release
from tests.support.s3 import Bucket
from tests.support.senders import Sender, long_video
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.postgresql]
JOB_SECONDS = 90.0
Hosts = tuple[Program, Callable[[], Program]]


@pytest.fixture
def hosts(template: Place, truth: Truth, s3: Bucket, tmp_path: Path) -> Iterator[Hosts]:
    """A host of the previous release that runs alone, and what starts one of this release beside it."""
    previous = unpack_release(LAST_RELEASE, tmp_path / "tree")
    with new_database() as url, programs() as make:
        environment = {
            **template.environment, **s3.environment, "DATABASE_URL": url,
            "SECRET_KEY": "one-key-for-the-hosts-of-both-releases",
        }  # fmt: skip
        key = prepare(tmp_path / "previous", environment, ACCOUNT, PASSWORD, previous)
        old = make(Place(tmp_path / "previous", environment, key))
        old.tree = previous
        yield old.start(), lambda: make(Place(tmp_path / "this", environment, key)).start()


def upload(host: Program, content: bytes) -> str:
    """Send a video to a host; its id."""
    sender = Sender(host.address, host.place.key)
    number = sender.begin_chunks(len(content), len(content))
    assert sender.send_chunk(number, 0, content).status_code == 200
    answer = sender.complete(number)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-resource-id"]


def wait_for_jobs(host: Program, count: int) -> None:
    """Until ``count`` jobs and more are done. No job has failed, and nobody took another's worker for dead."""

    def are_done() -> bool:
        rows = host.place.query("SELECT kind, status, crashes, error FROM video_jobs")
        assert not [row for row in rows if row[1] == "failed" or row[2]], rows
        return len(rows) >= count and all(row[1] == "completed" for row in rows)

    wait_until(are_done, JOB_SECONDS, f"{count} jobs done")


def play(host: Program, video: str) -> bytes:
    """What a host gives of a video."""
    shown = host.call("GET", f"/api/v1/library/{video}")
    assert shown["status"] == "ready"
    return Sender(host.address, host.place.key).fetch(shown["video_url"])


def test_hosts_of_two_releases_work_side_by_side(hosts: Hosts, truth: Truth, tmp_path: Path) -> None:
    old, start_new = hosts
    contents = [long_video(tmp_path / f"{number}.mp4", 400_000, number).read_bytes() for number in range(4)]
    videos = [upload(old, contents[0])]
    wait_for_jobs(old, 1)

    # The database is this release's, and every host is still the previous one's: each row that it adds is taken.
    variables = old.place.environment | {"VOD_DATA_DIR": str(tmp_path / "this")}
    migrated = manage("migrate", "--verbosity", "0", environment=variables)
    assert migrated.returncode == 0, migrated.stderr
    videos.append(upload(old, contents[1]))
    old.align(old.compare(truth), "timer_ocr")
    wait_for_jobs(old, 3)

    # Both take requests and jobs.
    new = start_new()
    videos += [upload(old, contents[2]), upload(new, contents[3])]
    for host in (old, new):
        host.align(host.compare(truth), "timer_ocr")
    wait_for_jobs(new, 7)
    for host in (old, new):
        assert [play(host, video) for video in videos] == contents

    # The previous release is stopped with work before it, which this one does.
    old.align(old.compare(truth), "timer_ocr")
    assert old.interrupt() == 0
    wait_for_jobs(new, 8)
    assert [play(new, video) for video in videos] == contents
    checked = manage("doctor", environment=new.place.environment | {"VOD_DATA_DIR": str(new.place.data_dir)})
    assert checked.returncode == 0, checked.stdout
