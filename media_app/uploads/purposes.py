"""The registry of what follows a finished upload: ``settings.UPLOAD_PURPOSES`` lists the dotted paths.

``manage.py jobs --kinds`` has its twin for jobs; the two are the only hooks by which the upper floors are reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from media_app.av.sniff import Kind
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError

if TYPE_CHECKING:
    from media_app.uploads.models import Upload


def _anything(user: User, metadata: Mapping[str, Any]) -> dict[str, Any]:
    return dict(metadata)


def _anybody(user: User, given: Mapping[str, str]) -> None:
    """Whoever may write at all."""


def _of_its_own(upload: Upload) -> UUID | None:
    return None


def _no_bytes(user_id: UUID) -> int:
    return 0


def _nothing_to_see(upload: Upload) -> None:
    """What it holds is found out later."""


def _nothing_around(resource_id: UUID) -> AbstractContextManager[Any]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Purpose:
    """What uploads of one purpose are for.

    begin: checks who may, and what was said of the file (the metadata), and gives what of it is kept; raises
    ``DomainError``. key_of: where the whole will be, another key each time it is asked. finish: called in the
    transaction that completes an upload, makes what it becomes under ``resource_id``. resource_of: the id of that
    where it is there before; None where it is new. stored_bytes: what a user's finished files of this kind take.
    max_bytes: a limit of this purpose's own beside the tier's; None for none. counts: whether its files take of the
    room that the tier gives.

    A form says of its file what it says only when all of it has come: ``begin`` is the view's to call then. admit:
    whether the user may send one at all, given the parts of the form's address; raises ``DomainError``.

    families, mime_types: what the first bytes have to tell; no types stand for all of the families. refusal: how
    anything else is refused. looks_early: whether that is done once they have come, and ends the upload; else
    ``finish`` sees to it, by a ``mime_type`` that is empty. inspect: called once all bytes are there, before the
    upload is completed and outside of any transaction; raises ``DomainError``, and may have ended the upload then.

    takes_up: whether what an upload becomes answers for its bytes from then on; else they stay the upload's, which
    may still be given up and has its time. cancel: does the giving up where more goes with it, by :func:`end`.

    changing: stands around every write of what a finished upload became, by its id.
    """

    name: str
    label: str
    key_of: Callable[[Upload], str]
    finish: Callable[[Upload], None]
    begin: Callable[[User, Mapping[str, Any]], dict[str, Any]] = _anything
    admit: Callable[[User, Mapping[str, str]], None] = _anybody
    resource_of: Callable[[Upload], UUID | None] = _of_its_own
    stored_bytes: Callable[[UUID], int] = _no_bytes
    max_bytes: Callable[[], int | None] = lambda: None
    counts: bool = True
    families: frozenset[str] = frozenset({"video"})
    mime_types: frozenset[str] = frozenset()
    refusal: Callable[[], DomainError] = lambda: DomainError("not_a_video")
    looks_early: bool = True
    inspect: Callable[[Upload], None] = _nothing_to_see
    takes_up: bool = True
    cancel: Callable[[Upload], None] | None = None
    changing: Callable[[UUID], AbstractContextManager[Any]] = _nothing_around

    def takes(self, kind: Kind | None) -> bool:
        """Whether files of this kind are taken. kind: as :func:`media_app.av.sniff.sniff` tells it."""
        return kind is not None and kind.family in self.families and self.takes_type(kind.mime_type)

    def takes_type(self, mime_type: str) -> bool:
        """The same for the type of a file of the right family."""
        return not self.mime_types or mime_type in self.mime_types


@cache
def registry() -> dict[str, Purpose]:
    """Every purpose by its name."""
    found: list[Purpose] = [import_string(path) for path in settings.UPLOAD_PURPOSES]
    return {purpose.name: purpose for purpose in found}


def purpose_of(name: str) -> Purpose:
    """The purpose with this name. Raises ``invalid`` (400)."""
    try:
        return registry()[name]
    except KeyError as exc:
        known = ", ".join(sorted(registry()))
        raise DomainError("invalid", errors={"purpose": [f"Unknown purpose; one of: {known}."]}) from exc
