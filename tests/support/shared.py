"""The fixture ``shared``: one running program for the tests of a module, whole however the one before has left it."""

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
    """Note in which module a test has failed: nobody knows what it has left behind."""
    report = yield
    module = item.getparent(pytest.Module)
    if report.failed and module is not None:
        module.stash[HAS_FAILED] = True
    return report


def is_stopped(process: psutil.Process) -> bool:
    """Whether somebody has stopped it by a signal: of that nothing heals."""
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def is_whole(program: Program) -> bool:
    """Whether web process, worker and Redis live, and there is no job that runs or will."""
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
    """Why a program cannot be used any more, once it has had time to heal; nothing when it can."""
    if any(map(is_stopped, program.descendants())):
        return "has a process that is stopped"
    try:
        # One that was killed may need a moment to be gone.
        wait_until(lambda: has_ended(program) or is_whole(program), HEALS_SECONDS, "a program that is whole")
    except AssertionError as exc:
        return str(exc)
    return "was ended" if has_ended(program) else ""


class Shared:
    """The program of a module, started when it is first asked for, and another one when that cannot be used any more.

    prepare: what is done to each place before its program starts.
    """

    def __init__(
        self, module: pytest.Module, new_place: Callable[[], Place], new_program: Callable[[Place], Program],
        prepare: Prepare,
    ) -> None:  # fmt: skip
        self._module, self._new_place, self._new_program, self._prepare = module, new_place, new_program, prepare
        self._program: Program | None = None

    def whole(self) -> Program:
        """The program, whole, with the rows and files of the tests that have used it."""
        if self._program is not None:
            has_failed = self._module.stash.get(HAS_FAILED, False)
            if why := "may be in any state after a failed test" if has_failed else why_not(self._program):
                print(f"another program, on a new place, for the one before {why}")
                self.end()
        if self._program is None:
            self._module.stash[HAS_FAILED] = False
            place = self._new_place()
            self._prepare(place)
            self._program = self._new_program(place)
            self._program.start()
        return self._program

    def end(self) -> None:
        """Have none until somebody asks again."""
        if self._program is not None:
            self._program.end()
        self._program = None


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    """What a module does to a place before its program starts there, such as settings of its own."""
    return lambda place: None


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest, template: Place, tmp_path_factory: pytest.TempPathFactory, prepare: Prepare
) -> Iterator[Shared]:
    """What keeps the module's program."""
    with places(template, tmp_path_factory.mktemp("shared")) as new_place, programs() as new_program:
        yield Shared(request.node, new_place, new_program, prepare)
