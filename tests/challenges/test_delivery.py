"""The merged video's bytes: for its owner, for players while the challenge is published, and for nobody after that."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from media_app.videos.models import Video
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge
from tests.challenges.conftest import CHALLENGES, MERGES
from tests.support.factories import make_challenge, make_key, make_merge, make_rendition
from tests.support.sockets import ask as ask_rows
from tests.support.streams import ask
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


@dataclass(frozen=True)
class Shown:
    """A draft with a real video and poster. keys: the token of each person."""

    challenge: Challenge
    content: bytes
    keys: dict[str, str]

    @property
    def stream(self) -> str:
        return f"/api/v1/media/stream/{self.challenge.merge_id}"

    @property
    def optimized(self) -> str:
        return f"/api/v1/media/optimized/{self.challenge.merge_id}"

    async def told(self, who: str) -> dict[str, Any]:
        body: dict[str, Any] = (await ask("GET", f"{CHALLENGES}/{self.challenge.pk}", key=self.keys[who])).json()
        return body


@pytest.fixture
def shown(owner: User, other: User, moderator: User, admin_person: User, clip_files: dict[str, bytes]) -> Shown:
    content = clip_files["large"]
    merge = make_merge(owner, status="completed", content=content)
    poster = make_rendition(Video.objects.get(pk=merge.pk), "poster")
    default_storage.save(poster.key_of("image"), ContentFile(b"\xff\xd8\xff\xe0 a picture"))
    people = {"owner": owner, "player": other, "moderator": moderator, "admin": admin_person}
    keys = {name: make_key(person) for name, person in people.items()} | {"nobody": ""}
    return Shown(make_challenge(owner, merge=merge), content, keys)


async def statuses(shown: Shown, path: str) -> dict[str, int]:
    return {who: (await ask("GET", path, key=key)).status for who, key in shown.keys.items()}


class TestById:
    async def test_a_draft_is_its_owners_and_admins_and_a_published_one_everybodys(self, shown: Shown) -> None:
        for allowed in (404, 200):
            if allowed == 200:
                await ask_rows(challenges.publish, shown.challenge)
            wanted = {"owner": 200, "player": allowed, "moderator": allowed, "admin": 200, "nobody": 401}
            assert await statuses(shown, shown.stream) == wanted
            assert await statuses(shown, shown.optimized) == wanted
        assert (await ask("GET", shown.stream, key=shown.keys["owner"])).content == shown.content

    @pytest.mark.parametrize("by", ["owner", "admin"])
    async def test_deleted_it_is_for_nobody_but_whose_merge_it_is(
        self, shown: Shown, owner: User, admin_person: User, by: str
    ) -> None:
        """An administrator deletes the merge too."""
        await ask_rows(challenges.publish, shown.challenge)
        address = (await shown.told("player"))["stream_url"]
        await ask_rows(challenges.delete, shown.challenge, owner if by == "owner" else admin_person)
        theirs = 200 if by == "owner" else 404
        wanted = {"owner": theirs, "player": 404, "moderator": 404, "admin": theirs, "nobody": 401}
        assert await statuses(shown, shown.stream) == wanted
        assert (await ask("GET", address)).status in (403, 404)

    async def test_it_is_in_no_library_and_cannot_be_changed_or_deleted_there(self, shown: Shown, other: User) -> None:
        await ask_rows(challenges.publish, shown.challenge)
        for who in ("owner", "player"):
            key = shown.keys[who]
            assert (await ask("GET", "/api/v1/library", key=key)).json()["videos"] == []
            for method in ("GET", "DELETE"):
                answer = await ask(method, f"/api/v1/library/{shown.challenge.merge_id}", key=key)
                assert answer.status == 404
        assert await ask_rows(Video.objects.exists)


async def test_the_name_under_which_it_is_saved_tells_no_clips(shown: Shown) -> None:
    await ask_rows(challenges.publish, shown.challenge)
    answer = await ask("GET", f"{shown.stream}?download=1", key=shown.keys["player"])
    assert "statement" not in answer.headers["content-disposition"]


class TestSignedAddresses:
    async def addresses(self, shown: Shown, who: str) -> list[str]:
        body = await shown.told(who)
        optimized = (await ask("GET", f"{shown.optimized}?prefer_signed=true", key=shown.keys[who])).json()
        return [body["stream_url"], body["poster_url"], optimized["streaming_url"]]

    async def found(self, addresses: list[str]) -> list[int]:
        return [(await ask("GET", address)).status for address in addresses]

    @pytest.mark.parametrize("way", ["unpublish", "withhold"])
    async def test_taken_back_players_end_and_the_owners_stay(self, shown: Shown, moderator: User, way: str) -> None:
        merge = f"{MERGES}/merge-session/{shown.challenge.merge_id}/status"
        told = (await ask("GET", merge, key=shown.keys["owner"])).json()["merged_video"]["merged_video_url"]
        owners = [*await self.addresses(shown, "owner"), told]
        assert await self.found(owners) == [200] * 4
        await ask_rows(challenges.publish, shown.challenge)
        players = await self.addresses(shown, "player")
        assert await self.found(players + owners) == [200] * 7
        if way == "unpublish":
            await ask_rows(challenges.unpublish, shown.challenge)
        else:
            await ask_rows(lambda: challenges.withhold(shown.challenge.pk, moderator, reason="x"))
        assert await self.found(players) == [404] * 3
        assert await self.found(owners) == [200] * 4
        assert await self.found(await self.addresses(shown, "owner")) == [200] * 3
        by_id = {"owner": 200, "player": 404, "admin": 200, "nobody": 401}
        for path in (shown.stream, shown.optimized):
            statuses_now = await statuses(shown, path)
            assert {who: statuses_now[who] for who in by_id} == by_id

    async def test_a_deleted_merge_takes_its_addresses_along(self, shown: Shown, owner: User) -> None:
        merge = await ask_rows(lambda: make_merge(owner, status="completed", content=shown.content))
        path = f"{MERGES}/merge-session/{merge.pk}/status"
        address = (await ask("GET", path, key=shown.keys["owner"])).json()["merged_video"]["merged_video_url"]
        assert (await ask("GET", address)).content == shown.content
        await ask_rows(merges.delete, merge, owner)
        assert (await ask("GET", address)).status == 404
