"""Fixture ``shared``: one running program for all tests of a module, replaced if a test has left it damaged."""

from collections.abc import Callable, Generator, Iterator

import psutil
import pytest

from tests.support.places import SHARED_REDIS, places, programs
from tests.support.program import Place, Program
from tests.support.waiting import wait_until

HEALS_SECONDS = 30.0
HAS_FAILED = pytest.StashKey[bool]()
Prepare = Callable[[Place], None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record in which module a test has failed, because a failed test may leave the program in any state."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None:
        module.stash[HAS_FAILED] = True
    return report


def is_stopped(process: psutil.Process) -> bool:
    """Return whether a process is suspended by SIGSTOP, from which it does not recover."""
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def is_whole(program: Program) -> bool:
    """Return whether the web process, a worker and Redis are alive, and no job is unfinished."""
    live = "SELECT count(*) FROM video_jobs WHERE status IN ('queued', 'processing', 'waiting')"
    return bool(
        program.worker()
        and (SHARED_REDIS or program.redis())
        and program.lives()
        and program.place.query(live) == [(0,)]
    )


def has_ended(program: Program) -> bool:
    return program.process is None or program.process.poll() is not None


def why_not(program: Program) -> str:
    """Give a program time to recover; return why it is not usable, or an empty text if it is."""
    if any(map(is_stopped, program.descendants())):
        return "has a process that is stopped"
    try:
        # Also wait for a killed program to exit.
        wait_until(lambda: has_ended(program) or is_whole(program), HEALS_SECONDS, "a program that is whole")
    except AssertionError as exc:
        return str(exc)
    return "was ended" if has_ended(program) else ""


class Shared:
    """Program of a test module, started on first use and replaced when it is no longer usable.

    prepare: function that prepares each place before its program starts.
    """

    def __init__(
        self, module: pytest.Module, new_place: Callable[[], Place], new_program: Callable[[Place], Program],
        prepare: Prepare,
    ) -> None:  # fmt: skip
        self._module, self._new_place, self._new_program, self._prepare = module, new_place, new_program, prepare
        self._program: Program | None = None

    def whole(self) -> Program:
        """Return a usable program. It may contain data of earlier tests."""
        if self._program is not None:
            has_failed = self._module.stash.get(HAS_FAILED, False)
            if why := "may be in any state after a failed test" if has_failed else why_not(self._program):
                print(f"starting a new program on a new place; the previous one: {why}")
                self.end()
        if self._program is None:
            self._module.stash[HAS_FAILED] = False
            place = self._new_place()
            self._prepare(place)
            self._program = self._new_program(place)
            self._program.start()
        return self._program

    def end(self) -> None:
        """Kill the program. The next call of :meth:`whole` starts a new one."""
        if self._program is not None:
            self._program.end()
        self._program = None


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    """Provide the function that prepares a place before its program starts. Modules override this fixture."""
    return lambda place: None


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest, template: Place, tmp_path_factory: pytest.TempPathFactory, prepare: Prepare
) -> Iterator[Shared]:
    """Provide the module's shared program."""
    with places(template, tmp_path_factory.mktemp("shared")) as new_place, programs() as new_program:
        yield Shared(request.node, new_place, new_program, prepare)
