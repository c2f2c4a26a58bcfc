"""Runs a command as `manage.py` would, in this process: starting another one takes longer than most of the work."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """Runs the module's ``COMMAND`` with these words; its exit code and both of its outputs."""
    name: str = request.module.COMMAND

    def call(*words: str | Path) -> tuple[int, str, str]:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command = load_command_class(str(get_commands()[name]), name)  # keeps the outputs of now
            try:
                command.run_from_argv(["manage.py", name, *map(str, words)])
            except SystemExit as exc:
                code = int(exc.code or 0)
        return code, out.getvalue(), err.getvalue()

    return call
