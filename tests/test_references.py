"""The check of references finds each kind that leads nowhere, and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import references

THING = '''"""Things, beside :class:`jobs_app.part.Part`."""
from django.core.management import call_command

LIMIT = 3

class Base:
    def __init__(self):
        self.size: int = LIMIT

class Thing(Base):
    """With :attr:`size` and :meth:`grow`."""

    def grow(self):
        pass
'''
GOOD = (
    "`make lint`", "See docs/guide.md.", "`thing.py` and `jobs_app/thing.py`", "`python manage.py load`",
    "`manage.py migrate`", "[guide](docs/guide.md#part)", "deploy/vod@.service and deploy/vod*", "make it so",
    "As manage.py does.", "https://example.org/docs/none",
)  # fmt: skip
BAD = (
    "`make lnt`", "See docs/none.md.", "`none.py`", "`python manage.py lod`", "[guide](docs/none.md)",
    "tests/none/", "deploy/other*", "```\nmake nothing\n```",
)  # fmt: skip
KNOWN = (
    ":func:`helper`", ":data:`LIMIT`", ":meth:`Thing.grow`", ":attr:`Thing.size`", ":class:`ValueError`",
    ":mod:`jobs_app.thing`", ":func:`jobs_app.part.Part.turn`", ":class:`pathlib.Path`", ":func:`call_command`",
    ":meth:`Path.read_text`",
)  # fmt: skip
UNKNOWN = (
    ":func:`help_me`", ":meth:`Thing.shrink`", ":meth:`grow`", ":mod:`jobs_app.none`",
    ":func:`jobs_app.part.Part.none`", ":class:`Part`", ":class:`pathlib.Pth`", ":meth:`Path.read_txt`",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of a few files in place of this one."""
    files = {
        "Makefile": "lint: ## Checks\n", "docs/guide.md": "# Guide\n", "deploy/vod@.service": "",
        "jobs_app/__init__.py": "", "jobs_app/thing.py": THING, "jobs_app/management/commands/load.py": "",
        "jobs_app/part.py": "class Part:\n    def turn(self):\n        pass\n", "tests/__init__.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    caches = (references.module, references.exists, references.endings, references.commands, references.targets)
    monkeypatch.setattr(references, "ROOT", tmp_path)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()


def faults(project: Path, name: str, text: str) -> list[str]:
    (project / name).write_text(text)
    return list(references.faults_of(project / name))


@pytest.mark.parametrize("text", GOOD)
def test_what_exists_is_let_be_in_documents(project: Path, text: str) -> None:
    assert faults(project, "README.md", f"# Title\n\n{text}\n") == []


@pytest.mark.parametrize("text", BAD)
def test_what_does_not_exist_is_found_in_documents(project: Path, text: str) -> None:
    (fault,) = faults(project, "README.md", f"# Title\n\n{text}\n")
    assert fault.startswith(f"README.md:{4 if 'nothing' in text else 3}: ")


def code(role: str) -> str:
    return f'from pathlib import Path\n{THING}\n\ndef helper():\n    """First line.\n\n    As {role}.\n    """\n'


@pytest.mark.parametrize("role", KNOWN)
def test_what_exists_is_let_be_in_docstrings(project: Path, role: str) -> None:
    assert faults(project, "jobs_app/user.py", code(role)) == []


@pytest.mark.parametrize("role", UNKNOWN)
def test_what_does_not_exist_is_found_in_docstrings_and_comments(project: Path, role: str) -> None:
    line = code(role).partition("As :")[0].count("\n") + 1
    assert faults(project, "jobs_app/user.py", code(role)) == [f"jobs_app/user.py:{line}: {role}"]
    assert faults(project, "jobs_app/user.py", f"# {role}\n") == [f"jobs_app/user.py:1: {role}"]


def test_the_check_fails_where_something_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert references.main() == 0
    (project / "docs" / "guide.md").write_text("See docs/none.md.\n")
    assert references.main() == 1
    assert "docs/guide.md:1: docs/none.md\nReferences that lead nowhere: 1" in capsys.readouterr().out
