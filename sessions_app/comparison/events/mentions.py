"""``@`` mentions of users, stored until the user has seen the event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile
from uuid import UUID

from django.db.models import Q, QuerySet

from sessions_app.comparison.models import ComparisonSession, Mention, SessionEvent, Viewer
from vodplatform.accounts.models import User

MAX_NAME = 150
WORD = re.compile(r"(?<![\w.@+-])@([\w.@+-]+)")
END = re.compile(r"[.-](?!\w)")  # a dot or hyphen that may be punctuation after a name


def mentionable_users(session: ComparisonSession) -> QuerySet[User]:
    shared = User.objects.filter(comparison_shares__session=session).values("pk")
    return User.objects.filter(Q(pk=session.owner_id) | Q(pk__in=shared), is_active=True).order_by("username")


def named_in(text: str, people: Iterable[User]) -> list[User]:
    names = _names_in(text)
    return [user for user in people if user.username.lower() in names]


def _names_in(text: str) -> set[str]:
    found = set()
    for word in map(str.lower, WORD.findall(text)):
        # A dot or hyphen may belong to the name or end the sentence, so try both.
        ends = takewhile(lambda end: end <= MAX_NAME, (match.start() for match in END.finditer(word)))
        found |= {word, *(word[:end] for end in ends)}
    return found


def store_mentions(row: SessionEvent, by: Viewer, text: str, before: str = "") -> list[User]:
    """Store and return the users whom ``text`` mentions, but the previous text ``before`` does not.

    Authors (``by``) cannot mention themselves.
    """
    if "@" not in text:
        return []
    people = list(mentionable_users(row.session))
    known = set(named_in(before, people))
    named = [user for user in named_in(text, people) if user not in known and user.pk != by.pk]
    Mention.objects.bulk_create([Mention(event=row, user=user) for user in named], ignore_conflicts=True)
    return named


def delete_obsolete_mentions(row: SessionEvent) -> None:
    mentions = list(row.mentions.select_related("user"))
    if not mentions:
        return
    texts = [row.body, *row.replies.values_list("body", flat=True)]
    named = set().union(*map(_names_in, texts))
    gone = [mention.pk for mention in mentions if mention.user.username.lower() not in named]
    Mention.objects.filter(pk__in=gone).delete()


def mark_mentions_seen(row: SessionEvent, by: Viewer) -> None:
    if isinstance(by, User):
        Mention.objects.filter(event=row, user=by).delete()


def unseen_events(session: ComparisonSession, by: Viewer) -> list[UUID]:
    if not isinstance(by, User):
        return []
    return list(Mention.objects.filter(event__session=session, user=by).values_list("event_id", flat=True))
