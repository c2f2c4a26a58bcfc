"""Error messages of commands."""


def one_sentence(text: str) -> str:
    """Return the error message in a command's output. Raises AssertionError unless the output is exactly one line."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]
