"""Entry point of ``manage.py``, ``python -m vodplatform`` and ``vodplatform``."""

from __future__ import annotations

import os
import sys

from vodplatform.version import version_text


def extract_data_dir(argv: list[str]) -> list[str]:
    """Move ``--data-dir DIR`` from ``argv`` into VOD_DATA_DIR; return the rest."""
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return [*rest, word, *words]
        if word == "--data-dir":
            value = next(words, None)
            if value is None:
                sys.exit("--data-dir needs a folder")
            os.environ["VOD_DATA_DIR"] = value
        elif word.startswith("--data-dir="):
            os.environ["VOD_DATA_DIR"] = word.partition("=")[2]
        else:
            rest.append(word)
    return rest


def main() -> None:
    """Run a command. A wrong setting exits with its message instead of a traceback."""
    if sys.argv[1:] in (["--version"], ["version"]):
        print(version_text())  # noqa: T201
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.embedded")
    argv = extract_data_dir(sys.argv)
    if argv[0].endswith("__main__.py"):
        argv[0] = "python -m vodplatform"
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("This Python has no Django. Run `make` to see how to set up the project.")
    from vodplatform.settings.environment import SettingsError

    try:
        execute_from_command_line(argv)
    except SettingsError as exc:
        sys.exit(f"manage.py: {exc}")


if __name__ == "__main__":
    main()
