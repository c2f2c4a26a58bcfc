"""``make cluster-check``: all of the product over two web hosts and two worker hosts, and what happens when they go.

The web hosts are asked in turn, so that whatever one host kept for itself would be missing at the other.
"""

import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.sync.client import connect

from tests.cluster.load import (
    JOBS_SECONDS,
    Load,
    analyse,
    check_nothing_is_wrong,
    is_analysed,
    phone_of,
    work_while_hosts_change,
)
from tests.cluster.topology import ACCOUNT, BY_TLS, PASSWORD, Cluster, may_set_apart, running_cluster
from tests.prosync.conftest import URL as PRO
from tests.prosync.conftest import make_footage, segment
from tests.support.clips import render_clip
from tests.support.merges import begin, check_segments, make_alike, paths_of
from tests.support.pro_jobs import give_a_plan
from tests.support.program import BASE, PROJECT_ROOT, Truth
from tests.support.senders import Sender, long_video
from tests.support.waiting import wait_until

MIB = 1024**2
AWAY_SECONDS = float(os.environ.get("VOD_AWAY_SECONDS", "10"))
CLOCK_SECONDS, ALERT_SECONDS = 300.0, 600.0
# The outage, and before it alerts that have to end.
pytestmark = pytest.mark.timeout(600 + ALERT_SECONDS + 2 * AWAY_SECONDS)
OUTAGES = (
    "postgresql", "pgbouncer", "redis", "bucket", "web-2", "work-2", "web-2 - servers", "work-2 - servers",
    "work-2 / disk",
)  # fmt: skip
as_root = pytest.mark.skipif(not may_set_apart(), reason="only root cuts networks, fills disks and sets clocks apart")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The cluster of all tests."""
    with running_cluster() as found:
        yield found


@pytest.fixture
def senders(cluster: Cluster) -> tuple[Sender, Sender]:
    """A client of each web host."""
    return cluster.sender_at("web-1"), cluster.sender_at("web-2")


def wait_for_job(sender: Sender, job: str, *, ends_as: str = "completed") -> None:
    """Until a job has ended, and well."""

    def has_ended() -> bool:
        found = sender.ask("GET", f"/api/v1/jobs/{job}").json()
        assert found["status"] in ("queued", "processing", "waiting", ends_as), found
        return bool(found["status"] == ends_as)

    wait_until(has_ended, JOBS_SECONDS, f"the end of job {job}")


def send(sender: Sender, path: Path) -> dict[str, Any]:
    """A video of the library once it has been taken in."""
    with path.open("rb") as file:
        answer = sender.ask("POST", "/api/v1/library", files={"file": (path.name, file)})
    assert answer.status_code in (201, 202), answer.text
    video = answer.json().get("video", answer.json())
    wait_for_job(sender, video["job_id"])
    found: dict[str, Any] = sender.ask("GET", f"/api/v1/library/{video['id']}").json()
    assert found["status"] == "ready"
    return found


def compare(first: Sender, second: Sender, truth: Truth) -> str:
    """A comparison, made at one host of videos that were sent to both; its address."""
    vods = [
        {"vod_id": path.stem, "name": path.stem, "video_id": send(sender, path)["id"]}
        for sender, path in ((first, truth.a), (second, truth.b))
    ]
    answer = first.ask("POST", BASE, json={"vods": vods})
    assert answer.status_code == 201, answer.text
    return f"{BASE}/{answer.json()['session']['session_id']}"


def test_one_sign_in_holds_at_each_host(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.address, verify=cluster.sender().trusted, trust_env=False) as browser:
        browser.get("/login")
        form = {"username": ACCOUNT, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post("/login", data=form, headers={"Referer": cluster.address})
        assert answer.status_code == 302, answer.text
        # Whoever is not signed in is sent to the page that asks for a name.
        assert [browser.get("/account").status_code for _ in range(4)] == [200] * 4


def test_upload_over_two_hosts_played_from_s3(cluster: Cluster, senders: tuple[Sender, Sender], tmp_path: Path) -> None:
    """An upload continues at the other host and is played from the bucket."""
    content, chunk = long_video(tmp_path / "match.mp4", 17 * MIB + 99).read_bytes(), 5 * MIB
    upload = senders[0].begin_chunks(len(content), chunk)
    for number in range(-(-len(content) // chunk)):
        piece = content[number * chunk : (number + 1) * chunk]
        assert senders[number % 2].send_chunk(upload, number, piece).status_code == 200
    answer = senders[1].complete(upload)
    assert answer.status_code == 200, answer.text
    video = senders[0].ask("GET", f"/api/v1/library/{answer.headers['x-resource-id']}").json()
    wait_for_job(senders[0], video["job_id"])
    offset, tus = 0, senders[1].begin_tus(len(content))
    for sender, end in zip(itertools.cycle(senders), (6 * MIB, 7 * MIB + 1, len(content)), strict=False):
        answer = sender.patch(tus, offset, content[offset:end])
        assert answer.status_code == 204, answer.text
        offset = end
    address = senders[0].ask("GET", f"/api/v1/library/{video['id']}").json()["video_url"]
    with httpx.Client(verify=cluster.sender().trusted, trust_env=False, timeout=30) as player:
        for _ in senders:
            sent_on = player.get(cluster.address + address)
            assert (sent_on.status_code, sent_on.headers["location"].startswith(cluster.bucket.direct)) == (302, True)
            part = player.get(sent_on.headers["location"], headers={"Range": "bytes=1000-1999"})
            assert (part.status_code, part.content) == (206, content[1000:2000])
            other = (
                sent_on.headers["location"].replace("match", "other").replace("X-Amz-Signature=", "X-Amz-Signature=0")
            )
            assert player.get(other).status_code == 403


def test_upload_to_and_hls_from_the_bucket(cluster: Cluster, senders: tuple[Sender, Sender], tmp_path: Path) -> None:
    """A file is sent straight to the bucket, and its HLS is played from there."""
    content = long_video(tmp_path / "straight.mp4", 11 * MIB + 7).read_bytes()
    body = {"filename": "straight.mp4", "size": len(content), "direct": True, "chunk_size": 5 * MIB}
    begun = senders[0].ask("POST", "/api/v1/uploads", json=body).json()
    at, size = f"/api/v1/uploads/{begun['session_id']}", begun["chunk_size"]
    with httpx.Client(verify=cluster.sender().trusted, trust_env=False, timeout=30) as http:
        for number in range(begun["total_chunks"]):
            asked = senders[number % 2].ask("POST", f"{at}/addresses", json={"chunk_numbers": [number]})
            [chunk] = asked.json()["chunks"]
            assert chunk["url"].startswith(cluster.bucket.direct)
            piece = content[number * size : (number + 1) * size]
            assert http.put(chunk["url"], content=piece + b"x", headers={"Content-Type": ""}).status_code == 403
            assert http.put(chunk["url"], content=piece, headers={"Content-Type": ""}).status_code == 200
        answer = senders[1].ask("POST", f"{at}/complete", json={})
        assert answer.status_code == 200, answer.text
        video = senders[0].ask("GET", f"/api/v1/library/{answer.headers['x-resource-id']}").json()
        wait_for_job(senders[0], video["job_id"])
        video = senders[1].ask("GET", f"/api/v1/library/{video['id']}").json()
        assert http.get(cluster.address + video["video_url"], follow_redirects=True).content == content
        master = cluster.address + video["hls_url"]
        rung = next(line for line in http.get(master).text.splitlines() if not line.startswith("#"))
        playlist = http.get(master.rsplit("/", 1)[0] + "/" + rung).text
        [media] = {line for line in playlist.splitlines() if not line.startswith("#")}
        assert media.startswith(cluster.bucket.direct)
        assert http.get(media, headers={"Range": "bytes=0-99"}).status_code == 206


def test_the_other_host_hears_of_an_alignment(cluster: Cluster, senders: tuple[Sender, Sender], truth: Truth) -> None:
    session = compare(*senders, truth)
    job = senders[0].ask("POST", f"{session}/align", json={"method": "auto"}).json()["job_id"]
    wait_for_job(senders[1], job)
    found = senders[1].ask("GET", f"{session}/alignments/{job}").json()["proposals"]
    offsets = {one["vod_id"]: one["offset"] for one in found}
    assert offsets[truth.b.stem] - offsets.get(truth.a.stem, 0.0) == pytest.approx(truth.offset, abs=truth.bound)
    port, path = cluster.hosts["web-1"].port, session.rpartition("/")[2]
    with connect(
        f"ws://127.0.0.1:{port}/ws/sessions/{path}/",
        additional_headers={"Authorization": f"Token {cluster.place.key}", **BY_TLS},
    ) as socket:
        first = json.loads(socket.recv(timeout=20))
        assert senders[1].ask("PUT", f"{session}/global-seek", json={"timestamp": 3}).status_code == 200
        heard = json.loads(socket.recv(timeout=20))
    assert heard["revision"] > first["revision"]
    assert heard["session"]["global_time"] == pytest.approx(3)


def test_an_analysis_has_results_at_each_host(senders: tuple[Sender, Sender], tmp_path: Path) -> None:
    session = analyse(senders[0], render_clip(tmp_path / "match.mp4", seconds=20.0))
    wait_until(lambda: is_analysed(senders[1], session), JOBS_SECONDS, "the analysis")
    first, second = (sender.ask("GET", f"/api/v1/video/results/{session}").json() for sender in senders)
    assert first["data"]["segments"] == second["data"]["segments"] != []


def test_clips_from_a_bad_line_are_merged_over_both_hosts(cluster: Cluster, tmp_path: Path) -> None:
    phone, clips = phone_of(cluster), make_alike(tmp_path)
    begun = begin(phone, clips)
    phone.send(begun, paths_of(clips))
    ids = phone.complete(begun)
    state = wait_until(lambda: phone.ended(begun["merge_session_id"]), JOBS_SECONDS, "the merge")
    assert state is not None
    assert state["overall_status"] == "completed", state
    challenge = phone.challenge(ids, state["merged_video"])
    found = phone.segments(challenge["id"])
    played = cluster.sender().ask("GET", f"/api/v1/media/optimized/{found['video_file_id']}?prefer_signed=true").json()
    path = tmp_path / "merged.mp4"
    path.write_bytes(_fetch(cluster, played["streaming_url"]))
    check_segments(path, found["segments"], clips)


def test_speech_is_replaced(cluster: Cluster, tmp_path: Path) -> None:
    place = replace(cluster.place)
    give_a_plan(place)
    footage = make_footage(tmp_path)
    files = {"video": (footage / "talk.mp4").open("rb"), "audio_files": (footage / "line.wav").open("rb")}
    sender, other = cluster.sender_at("web-1", place.key), cluster.sender_at("web-2", place.key)
    answer = sender.ask("POST", PRO, files=files, data={"segments": json.dumps([segment(1, 3)])})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    wait_for_job(other, job)
    state = other.ask("GET", f"/api/v1/sync/pro-job/{job}/status").json()
    assert [one["status"] for one in state["segments_data"]] == ["completed"]
    assert len(_fetch(cluster, state["result_url"])) > 10_000


def _fetch(cluster: Cluster, address: str) -> bytes:
    """What is at an address that the program gave."""
    with httpx.Client(verify=cluster.sender().trusted, trust_env=False, timeout=60, follow_redirects=True) as player:
        answer = player.get(address if address.startswith("http") else cluster.address + address)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_lost_hosts_work_is_continued(cluster: Cluster, senders: tuple[Sender, Sender], truth: Truth) -> None:
    session = compare(*senders, truth)
    job = senders[0].ask("POST", f"{session}/align", json={"method": "auto"}).json()["job_id"]

    def worker() -> str:
        rows = cluster.place.query("SELECT worker FROM video_jobs WHERE id = ? AND status = 'processing'", UUID(job))
        return str(rows[0][0]).partition(":")[0] if rows else ""

    victim = cluster.hosts[wait_until(worker, 30, "a host that works")]
    victim.kill()
    began = time.monotonic()
    try:
        wait_for_job(senders[1], job)
    finally:
        victim.start()
    names = cluster.place.events(job)
    assert names == ["queued", "processing", "crashed", "processing", "completed"], (names, "ended before the kill?")
    print(f"{victim.name} was killed; the job was done {time.monotonic() - began:.0f} s later")


def test_hosts_are_restarted_in_turn_while_people_work(cluster: Cluster, tmp_path: Path) -> None:
    work_while_hosts_change(cluster, tmp_path, lambda host: None)


@pytest.mark.parametrize("part", [pytest.param(one, marks=as_root if " " in one else ()) for one in OUTAGES])
def test_what_is_away_loses_nothing(cluster: Cluster, tmp_path: Path, part: str) -> None:
    wait_until(lambda: not cluster.alerts(time.time() - 1, time.time()), ALERT_SECONDS, "no alert")
    with Load(cluster, tmp_path, patience=AWAY_SECONDS + 80.0, rest=max(2.0, AWAY_SECONDS / 60)) as load:
        load.wait_for_more(2)
        began, sent = time.time(), len(load.sent)
        with cluster.without(part):
            time.sleep(AWAY_SECONDS)
            taken = len(load.sent) - sent
        ended = time.monotonic()
        load.wait_for_more(3)
        healed = time.monotonic() - ended
    load.judge(repeats=None)
    print(
        f"{part} was away for {AWAY_SECONDS:g} s: {taken} videos were sent meanwhile, the third one after it"
        f" {healed:.0f} s later, all were ready {time.monotonic() - ended:.0f} s later; {load.told()}; "
        f"alerts: {', '.join(cluster.alerts(began, time.time())) or 'none'}"
    )


@as_root
def test_clocks_may_differ(cluster: Cluster, senders: tuple[Sender, Sender], truth: Truth, tmp_path: Path) -> None:
    """Clocks that differ by five minutes harm nothing."""
    changed = {"web-2": CLOCK_SECONDS, "work-2": -CLOCK_SECONDS}
    for name, clock in changed.items():
        cluster.hosts[name].stop()
        cluster.hosts[name].start(clock)
    began = time.time()
    try:
        with Load(cluster, tmp_path) as load:
            load.wait_for_more(12)
        load.judge()
        test_one_sign_in_holds_at_each_host(cluster)
        test_the_other_host_hears_of_an_alignment(cluster, senders, truth)
        video = senders[0].ask("GET", f"/api/v1/library/{load.sent[0]}").json()["video_url"]
        for _ in senders:  # each is asked once
            assert len(_fetch(cluster, video)) > 10_000
        wait_until(lambda: cluster.present() == set(cluster.hosts), 60, "all hosts")
    finally:
        for name in changed:
            cluster.hosts[name].stop()
            cluster.hosts[name].start()
    print(f"clocks apart: {load.told()}; alerts: {', '.join(cluster.alerts(began, time.time())) or 'none'}")


def test_each_alert_fires_where_it_must_and_not_beside_it() -> None:
    rules = PROJECT_ROOT / "deploy" / "alerts.test.yaml"
    tried = subprocess.run(["promtool", "test", "rules", str(rules)], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_nothing_is_left_wrong(cluster: Cluster) -> None:
    check_nothing_is_wrong(cluster)
