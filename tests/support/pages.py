"""The HTML of a page, for tests that look for words in it."""

import re
from typing import Any


def html_of(response: Any) -> str:
    """Return the HTML of an answer with one space for each run of whitespace, and none before the end of a tag."""
    return re.sub(r" (?=>)", "", " ".join(response.content.decode().split()))
