"""HTML of pages, for tests that search it for text."""

import re
from typing import Any


def html_of(response: Any) -> str:
    """Return a response's HTML with whitespace collapsed to single spaces, and without whitespace before ``>``."""
    return re.sub(r" (?=>)", "", " ".join(response.content.decode().split()))
