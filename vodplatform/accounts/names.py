"""Checks of new user names: look-alikes of existing names, and names that seem to speak for the site."""

from __future__ import annotations

import re
import unicodedata

from vodplatform.accounts.lookalikes import LOOKALIKES, LOOKALIKES_IN_ASCII

# Characters that are not shown (Unicode's Default_Ignorable_Code_Point).
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
MAX_LETTERS = 450  # letters of a name that are compared
# Names of roles and of mailboxes (RFC 2142), and names that would mention all people in a text.
RESERVED = frozenset({
    "abuse", "admin", "administrator", "all", "anonymous", "everybody", "everyone", "guest", "help", "here", "info",
    "mod", "hostmaster", "moderation", "moderator", "moderators", "nobody", "null", "official", "operator", "owner",
    "postmaster", "root", "security", "staff", "superuser", "support", "system", "team", "vod", "vodplatform",
    "vodsync", "webmaster",
})  # fmt: skip
_PROTOTYPES = str.maketrans(
    {sign: seen_as for seen_as, signs in LOOKALIKES.items() for sign in signs} | LOOKALIKES_IN_ASCII
)


def skeleton(name: str) -> str:
    """Return the skeleton of ``name``. Two names with the same skeleton look alike.

    This is the skeleton of Unicode Technical Standard 39, section 4, for characters that look like ASCII. Case and
    signs at the ends are ignored too.
    """
    shown = INVISIBLE.sub("", unicodedata.normalize("NFKC", name[:MAX_LETTERS])).translate(_PROTOTYPES)
    return _trimmed(unicodedata.normalize("NFKC", shown.casefold()))[:MAX_LETTERS]


def skeletons(name: str) -> set[str]:
    """Return the skeletons of ``name`` and of its lower case."""
    return {skeleton(name), skeleton(name.casefold())}


def is_reserved(name: str) -> bool:
    """Return whether ``name`` looks like one of :data:`RESERVED`, also with signs between its letters."""
    plain = "".join(sign for sign in INVISIBLE.sub("", name) if sign.isalnum())
    return not _RESERVED.isdisjoint(skeletons(plain))


def ends_plainly(name: str) -> bool:
    """Return whether ``name`` begins and ends with a letter or a digit."""
    return name == _trimmed(name) != ""


def _trimmed(name: str) -> str:
    begin, end = 0, len(name)
    while begin < end and not name[begin].isalnum():
        begin += 1
    while end > begin and not name[end - 1].isalnum():
        end -= 1
    return name[begin:end]


_RESERVED = frozenset(map(skeleton, RESERVED))
