"""Counting in several processes: one scrape adds them up, the dead count once, and a full disk ends nobody."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
COUNT = """
import sys
from vodplatform.core import metrics
metrics.JOB_OUTCOMES.labels("kind", "completed").inc(int(sys.argv[1]))
metrics.JOB_SECONDS.labels("kind").observe(7.0)
metrics.SOCKETS_OPEN.inc(3)
print("counted", flush=True)
sys.stdin.read()
"""
SHOW = """
import sys
from prometheus_client.exposition import generate_latest
from vodplatform.core import metrics
class All:
    def collect(self):
        return metrics.collect()
for line in sys.stdin:
    print(generate_latest(All()).decode() + "# END", flush=True)
"""


Count = Callable[[int], subprocess.Popen[str]]


def start(code: str, folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PROMETHEUS_MULTIPROC_DIR": str(folder)},
    )  # fmt: skip


def scrape(folder: Path, scraper: subprocess.Popen[str] | None = None) -> dict[str, float]:
    """Samples by name and label values, as ``scraper`` or a process that starts now sees them."""
    process = scraper or start(SHOW, folder)
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    text = "".join(iter(process.stdout.readline, "# END\n"))
    if process is not scraper:
        process.communicate()
    return {
        " ".join([s.name, *s.labels.values()]): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }


@pytest.fixture
def count(tmp_path: Path) -> Iterator[Count]:
    """Starts a process that has counted and lives until it is ended, at the latest with the test."""
    started = []

    def run(number: int) -> subprocess.Popen[str]:
        process = start(COUNT, tmp_path, str(number))
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "counted\n"
        return process

    yield run
    for process in started:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def test_processes_are_added_up(tmp_path: Path, count: Count) -> None:
    first, _ = count(2), count(5)
    found = scrape(tmp_path)
    assert found["vod_job_outcomes_total kind completed"] == 7
    assert found["vod_job_seconds_count kind"] == 2
    assert found["vod_job_seconds_bucket kind 5.0"] == 0
    assert found["vod_job_seconds_bucket kind 10.0"] == 2
    assert found["vod_sockets_open"] == 6
    assert found["vod_publish_failures_total"] == 0
    for path in tmp_path.glob(f"*_{first.pid}.db"):  # room is really taken
        assert path.stat().st_blocks * 512 >= path.stat().st_size


def test_counters_of_the_dead_stay_and_gauges_go(tmp_path: Path, count: Count) -> None:
    _, dead = count(2), count(5)
    with start(SHOW, tmp_path) as scraper:
        assert scrape(tmp_path, scraper)["vod_sockets_open"] == 6
        end(dead)
        for who in (scraper, scraper, None):  # putting it away again and again must not count it again
            found = scrape(tmp_path, who)
            assert found["vod_job_outcomes_total kind completed"] == 7
            assert found["vod_job_seconds_sum kind"] == 14
            assert found["vod_sockets_open"] == 3
        assert not list(tmp_path.glob(f"*_{dead.pid}.db"))


def test_processes_that_die_again_and_again_leave_no_heap_of_files(tmp_path: Path, count: Count) -> None:
    for _ in range(4):
        end(count(1))
    count(1)  # without a scrape, each process that starts deletes old files
    assert len(list(tmp_path.glob("*.db"))) <= 5
    assert scrape(tmp_path)["vod_job_outcomes_total kind completed"] == 5


def test_another_process_with_a_dead_ones_number_is_not_it(tmp_path: Path, count: Count) -> None:
    dead, _ = count(5), count(0)
    end(dead)
    for path in tmp_path.glob(f"*_{dead.pid}.db"):
        later = path.rename(path.with_name(path.name.replace(str(dead.pid), str(os.getpid()))))
        os.utime(later, (1, 1))
    found = scrape(tmp_path)
    assert found["vod_sockets_open"] == 3
    assert found["vod_job_outcomes_total kind completed"] == 5


def test_a_torn_file_is_left_out_and_counted(tmp_path: Path, count: Count) -> None:
    count(2)
    torn = tmp_path / f"counter_{os.getpid()}.db"
    torn.write_bytes(b"\xff\x00\x00\x00" + b"\x07" * 300)
    found = scrape(tmp_path)
    assert found["vod_job_outcomes_total kind completed"] == 2
    assert found["vod_scrape_errors_total files"] >= 1


def test_without_room_on_the_disk_a_process_counts_for_itself_and_lives(tmp_path: Path) -> None:
    # No file may grow beyond 4 KiB, as on a full disk: setting room aside fails.
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    process = start(full + COUNT, tmp_path, "5")
    out, errors = process.communicate("", timeout=120)
    assert (process.returncode, out) == (0, "counted\n"), errors
    assert "vod_job_outcomes_total kind completed" not in scrape(tmp_path)
