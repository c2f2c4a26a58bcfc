"""The table of keyboard shortcuts. The pages' scripts, their shortcut dialogs and the help page read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# Names of `KeyboardEvent.key` whose displayed text is different.
EVENT_KEYS = {"←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown", "−": "-"}
DIGIT_RANGE = re.compile(r"(\d) – (\d)")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A line of a page's list of shortcuts.

    - name: how the page's script refers to the shortcut; empty if the focused element handles the keys.
    - keys: displayed keys, separated by spaces. "Ctrl" and "Shift" belong to the key that follows.
    - more: further keys with the same effect, which only the label mentions.
    - buttons: maps the CSS selector of each equivalent button to the keys in its tooltip.
    """

    name: str
    keys: str
    label: str
    more: str = ""
    buttons: dict[str, str] = field(default_factory=dict)

    @property
    def kbd(self) -> list[str]:
        return self.keys.split()

    @property
    def presses(self) -> list[str]:
        """Key presses in the notation of `static/js/base/keys.js`, such as "k", "Space", "1" and "Ctrl+Shift+z"."""
        found, modifiers = [], ""
        for key in DIGIT_RANGE.sub(_list_digits, f"{self.keys} {self.more}").split():
            if key in ("Ctrl", "Shift"):
                modifiers += f"{key}+"
                continue
            found.append(modifiers + (EVENT_KEYS.get(key) or (key.lower() if len(key) == 1 else key)))
            modifiers = ""
        return found

    def as_json(self) -> dict[str, Any]:
        shown = {"name": self.name, "keys": self.kbd, "label": self.label}
        return shown | {"presses": self.presses, "buttons": self.buttons}


def _list_digits(found: re.Match[str]) -> str:
    return " ".join(str(digit) for digit in range(int(found[1]), int(found[2]) + 1))


def _acts(**keys: str) -> dict[str, str]:
    """Return the keys in the tooltips of buttons, by CSS selector of the button.

    The names of the arguments are values of the attribute ``data-act``, with ``_`` instead of ``-``.
    """
    return {f"[data-act={act.replace('_', '-')}]": key for act, key in keys.items()}


PLAY = Shortcut("toggle", "Space K", "Play or pause", buttons=_acts(toggle="Space"))
MUTE = Shortcut("mute", "M", "Mute or unmute", buttons=_acts(mute="M"))
FULLSCREEN = Shortcut("fullscreen", "F", "Full screen", buttons=_acts(fullscreen="F"))
HELP = Shortcut("help", "?", "Keyboard shortcuts", buttons=_acts(help="?"))
SEGMENT_STEP = Shortcut("step", "← →", "Previous or next segment")

COMPARISON = (
    Shortcut("toggle", "Space K", "Play or pause", buttons=_acts(toggle="K or Space")),
    Shortcut("speed", "J L", "Slower, faster", buttons={"[data-speeds]": "J slower, L faster"}),
    Shortcut(
        "frame", ", .", "Go one frame back or forward in the video that you used last",
        buttons=_acts(frame_back=",", frame_on="."),
    ),
    Shortcut(
        "jump", "← →", "1 s back or forward; Shift: 5 s; Ctrl: 0.1 s", "Ctrl ← Ctrl →",
        buttons={"[data-lanes]": "← →"},
    ),
    Shortcut("ends", "Home End", "Go to the start or the end", buttons=_acts(start="Home", end="End")),
    Shortcut("mark", "M", "Mark this moment and name it", buttons=_acts(mark="M")),
    Shortcut("comment", "C", "Comment on this moment", buttons=_acts(comment="C")),
    Shortcut("event", "N P", "Next event, previous event", buttons=_acts(next_event="N", previous_event="P")),
    Shortcut("draw", "E", "Draw on the frame", buttons=_acts(sketch="E")),
    Shortcut("undo", "Ctrl Z", "Undo the last change to an event or an offset", buttons=_acts(undo="Ctrl Z")),
    Shortcut("redo", "Ctrl Shift Z", "Redo (also Ctrl Y)", "Ctrl Y", buttons=_acts(redo="Ctrl Shift Z")),
    Shortcut(
        "nudge", "[ ]", "Move the video that you used last one frame earlier or later; Shift: 10 frames", "{ }",
        buttons=_acts(earlier="[", later="]"),
    ),
    Shortcut("loop", "I O", "Set the start or end of the loop", buttons=_acts(loop_in="I", loop_out="O")),
    Shortcut("loop-clear", "\\", "Clear loop", buttons=_acts(loop_clear="\\")),
    Shortcut(
        "solo", "1 2 3", "Hear only A, B or C",
        buttons={f"[data-letter={letter}] [data-act=solo]": str(at) for at, letter in enumerate("ABC", 1)},
    ),
    Shortcut("mute", "0", "Mute or unmute", buttons=_acts(mute="0")),
    Shortcut("layout", "G", "Next layout", buttons={"[data-layouts]": "G next"}),
    Shortcut(
        "blend", "W B D", "Wipe, overlay, difference; press again to return to the grid",
        buttons={
            f"[data-modes] [value={mode}]": key for key, mode in (("W", "wipe"), ("B", "overlay"), ("D", "difference"))
        },
    ),
    Shortcut(
        "zoom", "+ − =", "Zoom in, zoom out, fit; the mouse wheel and pinching also zoom",
        buttons={".zoom": "+ to zoom in, − to zoom out, = to fit"},
    ),
    Shortcut("side", "T", "Hide or show the side panel", buttons=_acts(side="T")),
    FULLSCREEN,
    Shortcut("save", "S", "Save the frames as pictures", buttons=_acts(save="S")),
    HELP,
)  # fmt: skip

WATCH = (
    PLAY,
    Shortcut("jump", "J L", "Back or forward 10 s"),
    Shortcut("step", "← →", "Back or forward 5 s; Shift: 1 s"),
    Shortcut("frame", ", .", "Previous or next frame", buttons=_acts(frame_back=",", frame_on=".")),
    Shortcut("share", "0 – 9", "Jump to 0 % – 90 %"),
    Shortcut("ends", "Home End", "Jump to start or end"),
    Shortcut("speed", "< >", "Play slower or faster"),
    Shortcut("volume", "↑ ↓", "Volume up or down"),
    MUTE,
    Shortcut("captions", "C", "Turn captions on or off", buttons=_acts(captions="C")),
    Shortcut("qualities", "Q", "Choose quality and speed", buttons=_acts(qualities="Q")),
    Shortcut("picture-in-picture", "P", "Picture-in-picture", buttons=_acts(picture_in_picture="P")),
    Shortcut("theatre", "T", "Theatre mode", buttons=_acts(theatre="T")),
    FULLSCREEN,
    HELP,
)

HIGHLIGHTS = (
    PLAY,
    SEGMENT_STEP,
    Shortcut("play-highlight", "1 – 9", "Play highlight 1 to 9"),
    Shortcut("switch", "S", "Switch between the reel and the source video"),
    MUTE,
    FULLSCREEN,
    HELP,
)

REEL = (
    PLAY,
    SEGMENT_STEP,
    Shortcut("in", "I", "Set the start of the moment at the playhead", buttons=_acts(**{"in": "I"})),
    Shortcut("out", "O", "Set the end of the moment at the playhead", buttons=_acts(out="O")),
    Shortcut("split", "S", "Split the moment at the playhead", buttons=_acts(split="S")),
    Shortcut("previous", "P", "Previous moment", buttons=_acts(prev="P")),
    Shortcut("next", "N", "Next moment", buttons=_acts(next="N")),
    Shortcut("back", ",", "One frame back", buttons=_acts(back=",")),
    Shortcut("forward", ".", "One frame forward", buttons=_acts(forward=".")),
    Shortcut("undo", "Ctrl Z", "Undo", buttons=_acts(undo="Ctrl Z")),
    Shortcut("redo", "Ctrl Shift Z", "Redo (also Ctrl Y)", "Ctrl Y", buttons=_acts(redo="Ctrl Shift Z")),
    MUTE,
    FULLSCREEN,
    Shortcut("", "← →", "Move the focused moment or edge by one frame; Shift: 1 s"),
    Shortcut("", "Alt ↑ ↓", "Move the focused moment of the list up or down"),
    Shortcut("", "Delete", "Remove the focused moment"),
    Shortcut("", "Escape", "Cancel a drag"),
    HELP,
)

WORKOUT = (PLAY, Shortcut("step", "← →", "Previous or next repetition"), MUTE, FULLSCREEN, HELP)

CHALLENGE = (
    Shortcut("statement", "1 – 9 0", "Play the statement with this number (0 plays statement 10)"),
    PLAY,
    Shortcut("step", "← →", "Previous or next statement"),
    Shortcut("replay", "R", "Replay the statement"),
    Shortcut("guess", "G", "Go to the statements"),
    MUTE,
    FULLSCREEN,
    HELP,
)

PRO = (
    Shortcut("toggle", "Space K", "Play or pause"),
    Shortcut("jump", "← →", "Back or forward 5 s"),
    Shortcut("frame", ", .", "Back or forward 0.04 s"),
    Shortcut("edge", "[ ]", "Go to the previous or next segment edge"),
    Shortcut("add", "S", "Add a segment at the playhead"),
    Shortcut("", "← →", "Move the focused segment; Shift: by 1 s; Ctrl: move only its end"),
    Shortcut("delete", "Delete", "Delete the segment"),
    Shortcut("loop", "L", "Loop the segment"),
    Shortcut("view", "B D W A", "Switch view: before, side by side, wipe or after"),
    HELP,
)

MODERATION = (
    Shortcut("next", "J", "Next report"),
    Shortcut("previous", "K", "Previous report"),
    Shortcut("toggle", "Space", "Play or pause"),
    Shortcut("reason", "R", "Enter a reason"),
    Shortcut("dismiss", "D", "Dismiss: no violation", buttons={"[data-do=dismiss]": "D"}),
    Shortcut(
        "settle", "S", "Resolve: the problem is fixed; the content stays public", buttons={"[data-do=settle]": "S"}
    ),
    Shortcut("take_down", "X", "Take down", buttons={"[data-do=take_down]": "X"}),
    HELP,
)

LISTS = (Shortcut("search", "/", "Search"),)

# By the name that templates give to the tags of `vodplatform.core.templatetags.shortcuts`.
SHORTCUTS: dict[str, tuple[Shortcut, ...]] = {
    "lists": LISTS,
    "watch": WATCH,
    "comparison": COMPARISON,
    "highlights": HIGHLIGHTS,
    "reel": REEL,
    "workout": WORKOUT,
    "challenge": CHALLENGE,
    "pro": PRO,
    "moderation": MODERATION,
}
