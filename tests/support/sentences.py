"""What a command says that does not do what it was told."""


def one_sentence(text: str) -> str:
    """The message of a command that refused. Raises AssertionError when it is more than a line, or a traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]
