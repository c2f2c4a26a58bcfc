"""multipart/form-data as bytes, written by hand so that a test decides on every one of them."""

from collections.abc import Sequence

BOUNDARY = "7d91bcd0f3a24c5e"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
# (name, content) of a field, (name, content, filename) of a file
Part = tuple[str, str] | tuple[str, bytes, str]


def form_of(parts: Sequence[Part]) -> bytes:
    return b"".join(part_of(part) for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def part_of(part: Part) -> bytes:
    """One part, with the boundary before it."""
    name, content, *filename = part
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename:
        head += f'; filename="{filename[0]}"\r\nContent-Type: video/mp4'
    body = content.encode() if isinstance(content, str) else content
    return head.encode() + b"\r\n\r\n" + body + b"\r\n"
