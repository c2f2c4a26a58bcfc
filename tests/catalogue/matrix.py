"""Who may do what in the catalogue, as a table: every call × every role × every state of a video.

``python -m tests.catalogue.matrix > docs/reference/roles.md`` writes it for people; test_roles.py tries each cell.
"""

from dataclasses import dataclass, field
from typing import Any

ROLES = ["closed", "anonymous", "user", "moderator", "admin"]
STATES = ["shown", "hidden", "deleted"]
HEADINGS = {
    "closed": "not signed in, `VOD_PUBLIC_CATALOG=0`", "anonymous": "not signed in", "user": "user",
    "moderator": "moderator", "admin": "admin",
}  # fmt: skip
EXPLAINED = {200: "yes", 201: "yes", 400: "yes", 401: "401", 403: "403", 404: "404", 409: "409"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. answers: the status for each role, for each state of the video (one for all where it has none).

    path: after ``/api/v1/videos``; ``{id}`` is the video. aliases: the same by its first clients' names. query: what an
    alias has in its address. 400 stands for a form that the caller may send and that lacks its file here.
    """

    name: str
    method: str
    path: str
    answers: dict[str, tuple[int, ...]]
    body: dict[str, Any] | None = None
    aliases: tuple[str, ...] = ()
    alias_body: dict[str, Any] = field(default_factory=dict)


def _rows(closed: object, anonymous: object, user: object, moderator: object, admin: object) -> dict[str, Any]:
    given = dict(zip(ROLES, (closed, anonymous, user, moderator, admin), strict=True))
    return {role: answer if isinstance(answer, tuple) else (answer,) * 3 for role, answer in given.items()}


# 401 comes before anything else; what somebody may not see is 404 whatever he asks of it.
READ = _rows(401, (200, 404, 404), (200, 404, 404), (200, 200, 404), 200)
CHANGE = _rows(401, 401, (403, 404, 404), (200, 200, 404), (200, 200, 409))
REMOVE = _rows(401, 401, (403, 404, 404), (403, 403, 404), 200)
OPERATION = {
    "operation_type": "add_tag", "operation_data": {"value": "new"}, "timestamp": 1_700_000_000,
    "vector_clock": {"{me}": 1},
}  # fmt: skip
IN_BODY = {"video_id": "{id}"}
CALLS = [
    Call("list", "GET", "", _rows(401, 200, 200, 200, 200), aliases=("videos",)),
    Call("list deleted videos (empty except for admins)", "GET", "?status=deleted", _rows(401, 200, 200, 200, 200),
         aliases=("videos?status=deleted",)),
    Call("create", "POST", "", _rows(401, 401, 403, 201, 201), {"title": "New"}, aliases=("videos",)),
    Call("read", "GET", "/{id}", READ, aliases=("videos-update/{id}",)),
    Call("edit", "PUT", "/{id}", CHANGE, {"title": "Changed"}, aliases=("videos-update/{id}",)),
    Call("edit some fields", "PATCH", "/{id}", CHANGE, {"title": "Changed"}),
    Call("hide", "PUT", "/{id}", CHANGE, {"is_hidden": True}, aliases=("videos-update/{id}",)),
    Call("read the video (moderators and admins also get the operations)", "GET", "/{id}/sync", READ,
         aliases=("sync?video_id={id}",)),
    Call("send a sync request without operations", "POST", "/{id}/sync",
         _rows(401, 401, (200, 404, 404), (200, 200, 404), 200), {}, aliases=("sync",), alias_body=IN_BODY),
    Call("send a sync request with operations", "POST", "/{id}/sync", CHANGE, {"operations": [OPERATION]},
         aliases=("sync",), alias_body=IN_BODY),
    Call("upload a file", "POST", "/{id}/file",
         _rows(401, 401, (403, 404, 404), (400, 400, 404), (400, 400, 409)), {}),
    Call("mark as ready, with the client's processing results", "PUT", "/{id}/ready", CHANGE, {},
         aliases=("videos-upload",), alias_body={"videoId": "{id}"}),
    Call("read the processing results that a client has sent", "GET", "/{id}/ready",
         _rows(401, 401, (403, 404, 404), (200, 200, 404), 200)),
    Call("report", "POST", "/{id}/reports",
         _rows(401, 401, (201, 404, 404), (201, 201, 404), (201, 201, 409)), {"reason": "spam"}),
    Call("delete", "DELETE", "/{id}", REMOVE, aliases=("videos-delete/{id}",)),
    Call("delete finally", "DELETE", "/{id}?hard=true", REMOVE, aliases=("videos-delete/{id}?hard=true",)),
    Call("restore", "POST", "/{id}/restore", REMOVE),
]  # fmt: skip


HEAD = """# Roles in the catalogue

The command `python -m tests.catalogue.matrix` prints this page, and `tests/catalogue/test_roles.py` tests every cell.

Each cell contains the answer to the call: “yes” if the user may make the call, otherwise the status code of the error.
The first answer in a cell is for a video that is neither hidden nor deleted. If the answer for a hidden or deleted
video is different, it follows after the word “hidden” or “deleted”. A video without a file counts as hidden.

A token needs the scope `read` for GET requests, and `write` for all others. If an admin's token does not have the scope
`admin`, requests with this token have a moderator's rights.

"""


def table() -> str:
    """The document."""
    rows = [["call", *(HEADINGS[role] for role in ROLES)], ["---"] * (len(ROLES) + 1)]
    for call in CALLS:
        cells = [_cell([EXPLAINED[status] for status in call.answers[role]]) for role in ROLES]
        rows.append([f"{call.name}: `{call.method} /api/v1/videos{call.path}`", *cells])
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(answers: list[str]) -> str:
    """The answers for a shown, a hidden and a deleted video, those that are alike told once."""
    shown, hidden, deleted = answers
    if shown == hidden:
        return shown if deleted == shown else f"{shown}; deleted: {deleted}"
    return (
        f"{shown}; hidden, deleted: {hidden}" if hidden == deleted else f"{shown}; hidden: {hidden}; deleted: {deleted}"
    )


if __name__ == "__main__":
    print(table(), end="")
