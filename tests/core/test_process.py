"""Children: what they say is heard, and they end for certain — on stop, on time, on memory, with all they started."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.waiting import wait_until
from vodplatform.core.processes import process
from vodplatform.core.processes.process import PROJECT_ROOT, ChildError, Finished, Limits, run_child

pytestmark = pytest.mark.pure
QUICK = Limits(wall_seconds=60)
BUSY_SECONDS = 20
LATE_SECONDS = 2


def python(code: str, **options: Any) -> Finished:
    return run_child([sys.executable, "-c", code], **{"limits": QUICK, **options})


def failed(code: str, **options: Any) -> ChildError:
    with pytest.raises(ChildError) as caught:
        python(code, **options)
    return caught.value


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has, too: nobody of ours reaps an orphan)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestTalking:
    def test_json_objects_are_messages_in_their_order(self) -> None:
        heard: list[dict[str, Any]] = []
        done = python("import json\nfor n in range(5): print(json.dumps({'n': n}))", on_message=heard.append)
        assert done.messages == heard == [{"n": n} for n in range(5)]

    def test_everything_else_on_standard_output_is_let_go(self) -> None:
        noise = "print('noise'); print('[1]'); print('7'); print('{'); print(); print('[' * 200_000)"
        assert python(f"{noise}; print('{{\"a\": 1}}', end='')").messages == [{"a": 1}]
        code = "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n{\"a\": 1}\\n'); sys.stderr.buffer.write(b'\\xff!')"
        done = python(code)
        assert (done.messages, "!" in done.stderr) == ([{"a": 1}], True)

    def test_messages_come_while_it_runs_and_need_not_be_kept(self) -> None:
        moments: list[float] = []
        code = "import time; print('{}', flush=True); time.sleep(0.6); print('{}')"
        done = python(code, on_message=lambda _: moments.append(time.monotonic()), keeps=lambda _: False)
        assert moments[1] - moments[0] > 0.3
        assert done.messages == []

    def test_messages_may_be_many_and_long(self) -> None:
        code = "import json\nfor n in range(20000): print(json.dumps({'n': n, 'fill': 'x' * 100}))"
        done = python(f"{code}\nprint(json.dumps({{'a': 'x' * 2_000_000}}))")
        assert (len(done.messages), len(done.messages[-1]["a"])) == (20_001, 2_000_000)

    @pytest.mark.parametrize(
        "line", ["'x' * 100_000", "json.dumps({'a': 'x' * 100_000}) + chr(10)"], ids=["one line", "many"]
    )
    def test_nobody_is_flooded(self, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "MAX_SAID_BYTES", 1 << 20)
        heard: list[dict[str, str]] = []
        error = failed(f"import json, sys\nwhile True: sys.stdout.write({line})", on_message=heard.append)
        assert sum(len(message["a"]) for message in heard) <= 1 << 20
        assert error.kind == ChildError.CRASHED
        assert "wrote too much output" in str(error)

    def test_a_message_of_too_many_parts_is_not_built(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "MAX_SAID_PARTS", 1000)
        assert "wrote too much output" in str(failed("print('{\"a\":[' + '{},' * 1000 + '{}]}')"))
        assert len(python("print('{\"a\":[' + '{},' * 400 + '{}]}')").messages[0]["a"]) == 401

    def test_standard_error_never_blocks_it_and_its_end_is_kept(self) -> None:
        done = python("import sys\nfor n in range(100_000): print('line', n, file=sys.stderr)")
        assert "line 99999" in done.stderr
        assert len(done.stderr) < 100_000

    def test_it_reads_what_it_is_given_and_need_not(self) -> None:
        given = os.urandom(3_000_000)
        code = 'import sys, hashlib; print(\'{"sum": "%s"}\' % hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
        assert python(code, stdin=given).messages == [{"sum": hashlib.sha256(given).hexdigest()}]
        assert python(code).messages == [{"sum": hashlib.sha256(b"").hexdigest()}]
        assert python("print('{}')", stdin=given).messages == [{}]


class TestSurroundings:
    def test_the_environment_is_clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "never to be seen by a child")
        monkeypatch.setenv("DATABASE_URL", "postgres://user:password@host/name")
        code = "import os, json; print(json.dumps(dict(os.environ)))"
        found = python(code, limits=Limits(threads=3), extra_env={"EXTRA": "1"}).messages[0]
        assert "SECRET_KEY" not in found
        assert "DATABASE_URL" not in found
        assert (found["EXTRA"], found["OMP_NUM_THREADS"], found["MALLOC_ARENA_MAX"]) == ("1", "3", "2")
        assert found["PYTHONPATH"] == str(PROJECT_ROOT)

    def test_it_has_a_session_limits_and_signals_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "NICENESS", 5)
        code = """
import json, os, resource as r, signal as s
limits = [r.getrlimit(r.RLIMIT_DATA)[0], r.getrlimit(r.RLIMIT_CORE)[0]]
leads = os.getsid(0) == os.getpid() == os.getpgid(0)
print(json.dumps({"limits": limits, "leads": leads, "term": s.getsignal(s.SIGTERM) == s.SIG_DFL, "nice": os.nice(0)}))
"""
        found = python(code, limits=Limits(data_bytes=1 << 30)).messages
        assert found == [{"limits": [1 << 30, 0], "leads": True, "term": True, "nice": os.nice(0) + 5}]

    def test_no_descriptor_of_ours_is_open_in_it(self) -> None:
        with open("/dev/null") as file:
            os.set_inheritable(file.fileno(), False)
            code = "import os, json; print(json.dumps({'open': sorted(map(int, os.listdir('/proc/self/fd')))}))"
            found = python(code).messages[0]["open"]
        assert found[:3] == [0, 1, 2]
        assert len(found) <= 4  # and the folder that is being listed

    def test_no_process_is_left(self) -> None:
        # The run's own servers, such as S3's, are children of this process too.
        before = set(psutil.Process().children(recursive=True))
        python("print('{}')")
        assert set(psutil.Process().children(recursive=True)) <= before


class TestEndingBadly:
    def test_an_exit_code_is_told_with_its_last_words_and_a_signal_by_its_name(self) -> None:
        error = failed("import sys; print('{\"a\": 1}'); sys.exit('last words')")
        assert (error.kind, error.returncode) == (ChildError.CRASHED, 1)
        assert "last words" in error.stderr
        assert "exit code 1" in str(error)
        error = failed("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        assert (error.kind, error.returncode) == (ChildError.CRASHED, -11)
        assert "SIGSEGV" in str(error)

    def test_a_program_that_is_not_there_is_a_crash_with_its_name(self) -> None:
        with pytest.raises(ChildError) as caught:
            run_child(["/nowhere/program"], limits=QUICK)
        assert "/nowhere/program" in caught.value.stderr

    def test_what_goes_wrong_in_the_callers_callback_ends_the_child(self) -> None:
        pids: list[int] = []

        def refuse(message: dict[str, Any]) -> None:
            pids.append(message["pid"])
            raise KeyError("the caller's own fault")

        with pytest.raises(KeyError):
            python(TestEnding.SLEEPS, on_message=refuse)
        assert gone(pids[0])


class TestEnding:
    SLEEPS = "import os, time; print('{\"pid\": %d}' % os.getpid(), flush=True); time.sleep(60)"

    @pytest.mark.parametrize("code", [
        "import time; time.sleep(60)", "import os, time; os.close(1); os.close(2); time.sleep(60)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "while True: pass",
        "while True: print('{}', flush=True)", "import sys\nwhile True: print('x' * 1000, file=sys.stderr)",
    ], ids=["asleep", "silent", "deaf", "busy", "chatty", "noisy"])  # fmt: skip
    def test_the_wall_clock_ends_whatever_it_does(self, code: str) -> None:
        began = time.monotonic()
        error = failed(code, limits=Limits(wall_seconds=0.5), keeps=lambda message: False)
        assert error.kind == ChildError.TIMEOUT
        assert time.monotonic() - began < BUSY_SECONDS

    @pytest.mark.parametrize("act", ["time.sleep(60)", "[print('{\"n\": 1}') for n in iter(int, 1)]"])
    def test_stop_kills_it_within_a_second_whether_it_is_silent_or_writes_without_end(self, act: str) -> None:
        pids: list[int] = []
        stopped_at: list[float] = []

        def should_stop() -> str | None:
            if not pids:
                return None
            stopped_at.append(time.monotonic())
            return "The job was cancelled."

        code = f"import os, time; print('{{\"pid\": %d}}' % os.getpid(), flush=True); {act}"
        error = failed(
            code, on_message=lambda m: "pid" in m and pids.append(m["pid"]), should_stop=should_stop,
            keeps=lambda message: False,
        )  # fmt: skip
        assert time.monotonic() - stopped_at[0] < 1 + LATE_SECONDS
        assert (error.kind, str(error)) == (ChildError.STOPPED, "The job was cancelled.")
        assert gone(pids[0])

    def test_its_memory_and_that_of_what_it_started_is_measured_and_bounded(self) -> None:
        code = "import time; x = bytearray(100_000_000); time.sleep(1.2)"
        assert python(code).peak_memory_bytes > 90_000_000
        grow = "import time\nkept = []\nfor n in range(100): kept.append(bytearray(20_000_000)); time.sleep(0.05)"
        for act in (grow, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grow!r}])"):
            error = failed(act, limits=Limits(wall_seconds=40, memory_bytes=150 * 1024**2))
            assert error.kind == ChildError.MEMORY
            assert "150 MiB" in str(error)

    @pytest.mark.parametrize("end", ["time.sleep(60)", "pass"], ids=["killed", "ended by itself"])
    @pytest.mark.parametrize("own_session", ["", ", start_new_session=True, stdin=-3, stdout=-3, stderr=-3"])
    def test_what_it_started_in_a_session_of_its_own_is_killed_too(self, end: str, own_session: str) -> None:
        code = f"""
import json, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]{own_session})
print(json.dumps({{"pid": inner.pid}}), flush=True)
{end}
"""
        pids: list[int] = []
        began = time.monotonic()
        try:
            python(code, limits=Limits(wall_seconds=1.5), on_message=lambda m: pids.append(m["pid"]))
        except ChildError as exc:
            assert exc.kind == ChildError.TIMEOUT
        assert time.monotonic() - began < BUSY_SECONDS
        wait_until(lambda: gone(pids[0]))

    @contextmanager
    def parent_of(self, code: str, said: str) -> Iterator[psutil.Popen]:
        """A process that starts a child with this code, and prints this part of each of its messages."""
        parent = f"""
import sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from vodplatform.core.processes.process import run_child
run_child([sys.executable, "-c", {code!r}], on_message=lambda m: print(m[{said!r}], flush=True))
"""
        with psutil.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def test_it_dies_with_the_process_that_started_it(self) -> None:
        with self.parent_of(self.SLEEPS, "pid") as process:
            pid = int(process.stdout.readline())
            process.kill()
            wait_until(lambda: gone(pid), 5)

    def test_what_is_said_while_the_parent_stands_still_is_heard(self) -> None:
        # A stopped process's wait for the pipes ends without a look at them when it goes on.
        waits = "import json, signal; signal.pthread_sigmask(signal.SIG_BLOCK, go := {signal.SIGUSR1})"
        code = f"{waits}; print(json.dumps({{'n': 1}}), flush=True); signal.sigwait(go); print(json.dumps({{'n': 2}}))"
        with self.parent_of(code, "n") as process:
            assert process.stdout.readline() == "1\n"
            [child] = process.children()
            process.suspend()
            child.send_signal(signal.SIGUSR1)
            wait_until(lambda: gone(child.pid))
            process.resume()
            assert process.stdout.read() == "2\n"


def test_every_package_above_a_child_is_empty() -> None:
    apps = ("vodplatform", "vodplatform/core", "media_app", "media_app/av", "sessions_app", "sessions_app/comparison")
    for name in apps:
        assert Path(PROJECT_ROOT, name, "__init__.py").read_text() == "", name
