"""Checks of new user names: look-alikes, reserved names, mixed scripts."""

from __future__ import annotations

import re
import unicodedata

from vodplatform.accounts.confusables import LOOKALIKES, LOOKALIKES_IN_ASCII

# Invisible characters (Unicode's Default_Ignorable_Code_Point).
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
MAX_LETTERS = 450  # maximum number of characters of a name that are compared
# Names that users cannot choose: roles, mailboxes (RFC 2142) and groups of people.
RESERVED = frozenset({
    "abuse", "admin", "administrator", "all", "anonymous", "everybody", "everyone", "guest", "help", "here", "info",
    "mod", "hostmaster", "moderation", "moderator", "moderators", "nobody", "null", "official", "operator", "owner",
    "postmaster", "root", "security", "staff", "superuser", "support", "system", "team", "vod", "vodplatform",
    "vodsync", "webmaster",
})  # fmt: skip
_PROTOTYPES = str.maketrans(
    {sign: seen_as for seen_as, signs in LOOKALIKES.items() for sign in signs}
    | LOOKALIKES_IN_ASCII
    | str.maketrans("\u4e00\u30fc", "--")
)
SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "
# Scripts that names may mix with Latin letters ("Highly Restrictive", Unicode Technical Standard 39, 5.2).
LATIN_COMPATIBLE_SCRIPTS = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_ONE_STROKE = str.maketrans("1l|", "iii")  # characters that are read as "i" when a name is compared with reserved names


def skeleton(name: str) -> str:
    """Return the skeleton of ``name``; names with equal skeletons look alike.

    The skeleton follows Unicode Technical Standard 39, section 4, but ignores case and punctuation at both ends.
    """
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", name[:MAX_LETTERS]))
    shown = "".join(map(_without_small_capital, plain)).translate(_PROTOTYPES)
    return _trimmed(unicodedata.normalize("NFKC", shown.casefold()))[:MAX_LETTERS]


def skeletons(name: str) -> set[str]:
    return {skeleton(name), skeleton(name.casefold())}


def is_reserved(name: str) -> bool:
    plain = "".join(sign for sign in INVISIBLE.sub("", name) if sign.isalnum())
    return any(found.translate(_ONE_STROKE) in _RESERVED for found in skeletons(plain))


def mixes_scripts(name: str) -> bool:
    """Return whether ``name`` mixes scripts that must not be mixed, such as Latin and Cyrillic."""
    scripts = {
        re.split("[ -]", unicodedata.name(sign, ""))[0] for sign in name if sign.isalnum() and not sign.isascii()
    }
    if any(sign.isascii() and sign.isalpha() for sign in name):
        scripts.add("LATIN")
    return len(scripts) > 1 and not scripts <= LATIN_COMPATIBLE_SCRIPTS


def _without_small_capital(sign: str) -> str:
    found = unicodedata.name(sign, "")
    return found.removeprefix(SMALL_CAPITAL).lower() if found.startswith(SMALL_CAPITAL) else sign


def ends_plainly(name: str) -> bool:
    return name == _trimmed(name) != ""


def _trimmed(name: str) -> str:
    begin, end = 0, len(name)
    while begin < end and not name[begin].isalnum():
        begin += 1
    while end > begin and not name[end - 1].isalnum():
        end -= 1
    return name[begin:end]


_RESERVED = frozenset(skeleton(name).translate(_ONE_STROKE) for name in RESERVED)
