"""The table of keyboard shortcuts: the script of each page binds them, and handles no other letter."""

import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from vodplatform.core.web.shortcuts import COMPARISON, SHORTCUTS, WATCH, Shortcut
from vodplatform.settings.variables import PROJECT_ROOT

pytestmark = pytest.mark.pure
SCRIPTS = Path(PROJECT_ROOT, "static", "js")
TEMPLATES = Path(PROJECT_ROOT, "templates")
HELP = "base/keys.js"  # binds "?" on each page with a list of shortcuts
RESULT = "analysis/result-player.js"
# The scripts that bind the shortcuts of each page.
BINDERS = {
    "lists": ["base/infinite-list.js"],
    "watch": ["watch/controls.js", HELP],
    "comparison": ["comparison/shortcuts.js", HELP],
    "highlights": ["analysis/highlights.js", RESULT, HELP],
    "reel": ["analysis/reel-page.js", RESULT, HELP],
    "workout": [RESULT, HELP],
    "challenge": ["challenges/shortcuts.js", HELP],
    "pro": ["prosync/page.js", HELP],
    "moderation": ["moderation/page.js", HELP],
}
BOUND = re.compile(r'\bbind\(\s*"([\w-]+)"')
# Comparisons with one character other than Space, which also presses buttons: `key === "k"`, `isKey(event, "k")`.
COMPARED = re.compile(r'(?:\bkey(?:\.toLowerCase\(\))? [!=]== |\bisKey\(\w+, )"([^" ])"')
# Folders of scripts whose pages have several lists of shortcuts, or lists with another name.
FOLDERS = {
    "analysis": ("highlights", "reel", "workout"),
    "challenges": ("challenge",),
    "prosync": ("pro",),
    "base": ("watch",),
}
DIALOGS = {
    "watch": "videos/watch", "comparison": "comparison/session", "reel": "analysis/reel", "pro": "prosync/index",
    "challenge": "challenges/challenge", "lists": "library/index",
}  # fmt: skip


@pytest.mark.parametrize("page", SHORTCUTS)
def test_each_shortcut_is_bound_once_by_the_script_of_its_page(page: str) -> None:
    bound = Counter(name for script in BINDERS[page] for name in BOUND.findall((SCRIPTS / script).read_text()))
    assert bound == Counter(shortcut.name for shortcut in SHORTCUTS[page] if shortcut.name)


def test_no_other_script_binds_a_shortcut() -> None:
    binders = {SCRIPTS / script for scripts in BINDERS.values() for script in scripts}
    found = {path for path in SCRIPTS.rglob("*.js") if BOUND.search(path.read_text())}
    assert found == binders | {SCRIPTS / "help/page.js"}


def test_no_script_compares_a_pressed_key_with_an_unlisted_character() -> None:
    compared = 0
    for path in SCRIPTS.rglob("*.js"):
        folder = path.relative_to(SCRIPTS).parts[0]
        pages = FOLDERS.get(folder, (folder,))
        listed = {press for page in pages for one in SHORTCUTS.get(page, ()) for press in one.presses}
        for key in COMPARED.findall(path.read_text()):
            compared += 1
            assert {key, f"Ctrl+{key}"} & listed, f"{path.name} handles {key}"
    assert compared >= 6


@pytest.mark.parametrize("page", SHORTCUTS)
def test_no_key_of_a_page_has_two_meanings(page: str) -> None:
    presses = Counter(press for one in SHORTCUTS[page] if one.name for press in one.presses)
    assert max(presses.values()) == 1


@pytest.mark.parametrize(("page", "template"), DIALOGS.items())
def test_the_keys_beside_buttons_are_listed(page: str, template: str) -> None:
    listed = {key for one in SHORTCUTS[page] for key in one.kbd} | {"Shift"}
    shown = re.findall(r"<kbd[^>]*>([^<{]+)</kbd>", (TEMPLATES / f"{template}.html").read_text())
    assert set(shown) <= listed


def test_displayed_keys_become_key_presses() -> None:
    presses = {one.name: one.presses for one in COMPARISON + WATCH}
    assert presses["toggle"] == ["Space", "k"]
    assert presses["redo"] == ["Ctrl+Shift+z", "Ctrl+y"]
    assert presses["nudge"] == ["[", "]", "{", "}"]
    assert presses["zoom"] == ["+", "-", "="]
    assert presses["share"] == list("0123456789")
    assert presses["volume"] == ["ArrowUp", "ArrowDown"]
    assert Shortcut("", "← Ctrl →", "").presses == ["ArrowLeft", "Ctrl+ArrowRight"]


def test_the_help_page_lists_each_shortcut_of_each_page() -> None:
    page = render_to_string("help.html")
    for name, shortcuts in SHORTCUTS.items():
        section = page.partition(f'id="{name}"')[2].partition("</section>")[0]
        lines = [
            (unescape(re.sub(r"<.*?>", "", keys)).split(), unescape(label))
            for keys, label in re.findall(r"<tr data-presses.*?<td>(.*?)</td>\s*<td>(.*?)</td>", section, re.S)
        ]
        assert lines == [(one.kbd, one.label) for one in shortcuts]
