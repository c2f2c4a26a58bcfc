"""Replicas of catalogue videos over HTTP against the running program, their calls lost, cut and doubled on the way:
whatever comes when, everybody ends with the same bytes."""

import http.client
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from media_app.catalogue.crdt import Document, Operation, OperationType
from media_app.catalogue.operations import microseconds, moment
from tests.support.catalogue import compact
from tests.support.lossy import CUT, LOST, PASSED, TWICE, UNANSWERED, lossy
from tests.support.node import Ask, answering, modules
from tests.support.places import places, programs
from tests.support.program import Place, Program, manage
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.crash, pytest.mark.services]
T = OperationType
TAGS = ["mma", "boxing", "Übung", "10", "9", "\U0001f94a", "__proto__"]
MADE_WITH = {"title": "As made", "description": "First", "category": "Combat Sports", "tags": ["mma", "first"]}
VIDEOS = "/api/v1/videos"
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. key: of an API token that may write."""

    id: str
    key: str


People = dict[str, Person]
ROLES = {"a": "moderator", "b": "moderator", "c": "admin", "reader": "user"}


@pytest.fixture(scope="module")
def place(template: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where one program for all of these tests lives: each has videos of its own."""
    with places(template, tmp_path_factory.mktemp("sync")) as make:
        yield make()


@pytest.fixture(scope="module")
def people(place: Place) -> dict[str, Person]:
    environment = place.environment | {"VOD_DATA_DIR": str(place.data_dir)}

    def run(*words: str) -> str:
        answer = manage(*words, environment=environment)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    return {
        name: Person(json.loads(run("create_account", name, "--role", role))["id"], run("create_token", name))
        for name, role in ROLES.items()
    }


@pytest.fixture(scope="module")
def program(place: Place, people: People) -> Iterator[Program]:
    with programs() as make:
        yield make(place).start()


@pytest.fixture
def who(people: People) -> Person:
    return people["a"]


@pytest.fixture
def video(program: Program, who: Person) -> str:
    return new_video(program, who)


def call(address: str, who: Person, method: str, path: str, body: Any = None) -> Any:
    """The JSON answer of one call, which is made again until one comes whole."""
    for _ in range(200):
        request = urllib.request.Request(
            address + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {who.key}", "Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as exc:
            raise AssertionError(f"{exc.code}: {exc.read().decode()}") from exc
        except (OSError, http.client.HTTPException):
            continue
    raise AssertionError("not one of 200 calls came back")


def new_video(program: Program, who: Person) -> str:
    return str(call(program.address, who, "POST", VIDEOS, MADE_WITH)["id"])


def sent(operation: Operation) -> dict[str, Any]:
    return {
        "operation_type": operation.type, "operation_data": {"value": operation.value}, "actor_id": operation.actor,
        "timestamp": moment(operation.timestamp).isoformat(), "vector_clock": operation.clock,
    }  # fmt: skip


def told(row: dict[str, Any]) -> Operation:
    when = datetime.fromisoformat(row["timestamp"])
    return Operation(
        T(row["operation_type"]), row["operation_data"]["value"], microseconds(when), row["actor_id"],
        row["vector_clock"],
    )  # fmt: skip


def merged(answer: dict[str, Any]) -> Document:
    """What a client makes of all that ``GET /sync`` tells."""
    document = Document.begin(answer["base"]["tags"])
    for row in answer["operations"]:
        document.apply(told(row))
    return document


def bytes_of(video: dict[str, Any]) -> str:
    """A video as it was sent, without what is another one's by its nature: id and instants of the row."""
    return json.dumps({name: value for name, value in video.items() if name not in ("id", "created_at", "updated_at")})


def invented(rng: random.Random) -> tuple[OperationType, Any]:
    kind = rng.choice(list(T))
    values: dict[OperationType, Callable[[], Any]] = {
        T.UPDATE_TITLE: lambda: f"Title {rng.randint(0, 9)}",
        T.UPDATE_DESCRIPTION: lambda: f"Line\n{rng.randint(0, 9)}",
        T.UPDATE_CATEGORY: lambda: rng.choice(["Training", "Sparring", ""]),
        T.UPDATE_FEATURED: lambda: rng.random() < 0.5,
        T.ADD_TAG: lambda: rng.choice(TAGS),
        T.REMOVE_TAG: lambda: rng.choice(TAGS),
        T.SET_TAGS: lambda: rng.sample(TAGS, rng.randint(0, 3)),
    }
    return kind, values[kind]()


def history(owner: Person, rng: random.Random, count: int) -> list[Operation]:
    """What three replicas of one person do, each offline but for now and then."""
    names = [f"{owner.id}{suffix}" for suffix in ("", ":phone", ":tablet")]
    documents = {name: Document.begin(MADE_WITH["tags"]) for name in names}
    done: list[Operation] = []
    while len(done) < count:
        name = rng.choice(names)
        if rng.random() < 0.2:
            documents[name].join(documents[rng.choice(names)])
            continue
        kind, value = invented(rng)
        clock = documents[name].clock
        at = 1_700_000_000_000_000 + rng.randint(0, 5) * 1_000_001
        operation = Operation(kind, value, at, name, {**clock, name: clock.get(name, 0) + 1})
        documents[name].apply(operation)
        done.append(operation)
    return done


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.exhaustive)])
def test_the_same_operations_in_any_order_give_the_same_video(program: Program, people: People, seed: int) -> None:
    """Each video gets them shuffled, in pieces, some of them twice, through a connection that loses what it can."""
    rng = random.Random(seed)
    owner = people["a"]
    operations = history(owner, rng, 60)
    expected = Document.begin(MADE_WITH["tags"])
    for operation in operations:
        expected.apply(operation)
    base = {**MADE_WITH, "is_featured": False}
    videos = []
    with lossy(program.address, seed) as proxy:
        for _ in range(3):
            video = new_video(program, owner)
            rest = [*operations, *rng.sample(operations, 20)]
            rng.shuffle(rest)
            while rest:
                some, rest = rest[: (size := rng.randint(1, 25))], rest[size:]
                call(proxy.url, owner, "POST", f"{VIDEOS}/{video}/sync", {"operations": [sent(one) for one in some]})
            videos.append(call(proxy.url, owner, "GET", f"{VIDEOS}/{video}"))
            answer = call(proxy.url, owner, "GET", f"/sync?video_id={video}")
            assert len(answer["operations"]) == len(operations)
            assert compact(merged(answer)) == compact(expected)
        assert all(proxy.met[fate] for fate in (PASSED, LOST, UNANSWERED, CUT, TWICE)), proxy.met
    for video in videos:
        shown = expected.values(base)
        assert {name: video[name] for name in shown} == {**shown, "category": shown["category"] or None}
        assert (video["version"], video["vector_clock"]) == (expected.version, expected.clock)
        assert video["last_modified_by"] == owner.id
    assert len({bytes_of(video) for video in videos}) == 1


# The reference client under node


class Clients:
    """Clients of one video: of its maker and at the program's own address, unless another is given."""

    def __init__(self, in_node: Ask, program: Program, who: Person, video: str) -> None:
        self.in_node, self.program, self.who, self.video = in_node, program, who, video

    def ask(self, **words: Any) -> dict[str, Any]:
        return self.in_node(words)

    def make(self, name: str, who: Person | None = None, address: str = "", *, locks: bool = True, **more: Any) -> None:
        who, address = who or self.who, address or self.program.address
        headers = {"Authorization": f"Token {who.key}"}
        options = {"videoId": self.video, "actor": who.id, "base": address, "headers": headers, "poll": 3_600_000}
        self.ask(make=name, options=options, locks=locks, **{"store": name, **more})

    def begin(self, name: str, *given: Any, **more: Any) -> None:
        self.make(name, *given, **more)
        self.do(name, "start")

    def do(self, client: str, method: str, *args: Any) -> dict[str, Any]:
        return self.ask(call=client, method=method, args=args)

    def offline(self, client: str, is_so: bool) -> None:
        self.ask(offline=client, **{"is": is_so})

    def read(self, client: str) -> dict[str, Any]:
        return self.ask(read=client)

    def synced(self, *names: str) -> list[dict[str, Any]]:
        """All of them when each has heard of all the others' edits."""

        def done() -> list[dict[str, Any]]:
            answers = [self.do(name, "sync") for name in names]
            found = [self.read(name) for name in names]
            settled = not any("error" in answer for answer in answers) and not any(one["pending"] for one in found)
            return found if settled and len({one["document"] for one in found}) == 1 else []

        return wait_until(done, SECONDS, f"{names} to agree")

    def check(self, *names: str, video: str = "") -> dict[str, Any]:
        """Once they agree, all show what the server shows and what the Python merges to; return the server's answer."""
        found = self.synced(*names)
        path = f"{VIDEOS}/{video or self.video}/sync"
        answer: dict[str, Any] = call(self.program.address, self.who, "GET", path)
        document = merged(answer)
        shown = document.values(answer["base"])
        for one in found:
            assert one["document"] == compact(document)
            assert one["values"] == shown
        assert {name: answer["video"][name] for name in shown} == {**shown, "category": shown["category"] or None}
        assert answer["server_version"] == document.version
        return answer

    def events(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [detail for one, detail in self.read(name)["events"] if one == kind]


@pytest.fixture
def clients(tmp_path: Path, program: Program, who: Person, video: str) -> Iterator[Clients]:
    with answering(modules(tmp_path / "node", "sync.js", "locks.mjs"), "sync.js") as in_node:
        yield Clients(in_node, program, who, video)


def test_a_thousand_operations_per_call_none_twice(program: Program, who: Person, video: str, clients: Clients) -> None:
    with lossy(program.address, 3) as proxy:
        proxy.heal()
        clients.begin("a", address=proxy.url)
        clients.synced("a")
        clients.offline("a", True)
        for number in range(1205):
            clients.do("a", "edit", "title", f"Title {number}")
        assert clients.read("a")["pending"] == 1205
        clients.offline("a", False)
        proxy.only(UNANSWERED, "POST")  # the server takes them, and nobody says so
        assert clients.do("a", "sync")["error"]["type"] == "offline"
        assert call(program.address, who, "GET", f"{VIDEOS}/{video}")["version"] in (1001, 1206)
        proxy.heal()
        answer = clients.check("a")
        sizes = [len(json.loads(body)["operations"]) for body in proxy.bodies]
        assert max(sizes) == 1000
    assert (answer["server_version"], answer["video"]["title"]) == (1206, "Title 1204")


def test_what_a_writer_has_not_seen_stays_beside_the_new(people: People, who: Person, clients: Clients) -> None:
    for name in "abc":
        clients.begin(name, people[name])
    clients.synced("a", "b")
    clients.do("a", "edit", "title", "One")
    clients.synced("a", "b")
    clients.do("b", "edit", "title", "Two")
    clients.synced("b", "a")
    # "Two" has come here, and its writer has it in his clock; who types has only looked at "One".
    clients.do("a", "edit", "title", "Three", {"seen": ["One"]})
    found = clients.synced("a", "b")
    assert {one["values"]["title"] for one in found} == {"Three"}
    for name in "ab":
        assert [one["value"] for one in clients.do(name, "writes", "title")["value"]] == ["Three", "Two"]
    (told,) = clients.events("b", "conflict")
    assert (told["mine"], told["theirs"]) == ("Two", "Three")
    for about, left in (({}, ["Four", "Two"]), ({"seen": ["Four", "Two"]}, ["Four"])):
        clients.synced("c", "b", "a")
        clients.do("c", "edit", "title", "Four", about)
        clients.check("c", "b", "a")
        assert [one["value"] for one in clients.do("a", "writes", "title")["value"]] == left


def test_a_copied_profile_writes_on_under_another_name(clients: Clients) -> None:
    """Two machines with the same replica: what one of them did is not lost, and nobody's counters are mixed up."""
    clients.begin("one")
    clients.do("one", "edit", "title", "Before")
    clients.synced("one")
    clients.ask(copy="one", to="two")
    clients.make("two")
    clients.offline("two", True)
    clients.do("two", "start")
    assert clients.read("two")["actor"] == clients.read("one")["actor"]
    clients.do("one", "edit", "title", "One's")
    clients.do("two", "edit", "title", "Two's")
    clients.do("two", "edit", "category", "Two's")
    clients.synced("one")
    clients.offline("two", False)
    answer = clients.check("two", "one")
    assert clients.read("two")["actor"] != clients.read("one")["actor"]
    values = [row["operation_data"]["value"] for row in answer["operations"]]
    assert sorted(values) == ["Before", "One's", "Two's", "Two's"]
    clients.do("one", "edit", "title", "On")
    assert clients.check("one", "two")["video"]["title"] == "On"


def test_a_copied_profile_whose_page_closes_before_it_has_another_name_loses_nothing(clients: Clients) -> None:
    clients.begin("one")
    clients.synced("one")
    clients.ask(copy="one", to="two")
    clients.make("two")
    clients.offline("two", True)
    clients.do("two", "start")
    clients.do("one", "edit", "title", "One's")
    clients.synced("one")
    clients.do("two", "edit", "title", "Two's")
    clients.ask(calls="two", left=1)
    clients.offline("two", False)
    assert clients.do("two", "sync")["error"]["type"] == "offline"
    clients.do("two", "stop")
    clients.begin("three", store="two")
    answer = clients.check("three", "one")
    assert sorted(row["operation_data"]["value"] for row in answer["operations"]) == ["One's", "Two's"]


def test_an_actor_that_a_page_left_comes_with_its_edits(clients: Clients) -> None:
    """The next name of one page is that of another that ends meanwhile, and whose counters somebody else has used."""
    for name in ("one", "tab"):
        clients.begin(name, store="here")
    clients.synced("one", "tab")
    clients.ask(copy="here", to="there")
    for name, twin in (("far one", "one"), ("far tab", "tab")):
        clients.begin(name, store="there")
        assert clients.read(name)["actor"] == clients.read(twin)["actor"]
    for name in ("one", "tab"):
        clients.offline(name, True)
    for name in ("one", "tab", "far one", "far tab"):
        clients.do(name, "edit", "title", f"Of {name}")
    clients.synced("far one", "far tab")
    clients.ask(ends="one", page="tab", left=1)
    clients.ask(calls="one", left=2)
    clients.offline("one", False)
    assert clients.do("one", "sync")["error"]["type"] == "offline"
    clients.ask(calls="one", left=1_000)
    answer = clients.check("one", "far one")
    values = [row["operation_data"]["value"] for row in answer["operations"]]
    assert sorted(values) == ["Of far one", "Of far tab", "Of one", "Of tab"]


def test_what_the_server_refuses_is_taken_back_and_the_rest_arrives(clients: Clients) -> None:
    clients.begin("a")
    clients.synced("a")
    clients.offline("a", True)
    clients.do("a", "edit", "title", "x" * 1000)
    clients.do("a", "edit", "category", "Training")
    assert clients.read("a")["values"]["title"] == "x" * 1000
    clients.offline("a", False)
    video = clients.check("a")["video"]
    assert (video["title"], video["category"]) == ("As made", "Training")
    assert [one["operation"]["value"] for one in clients.events("a", "refused")] == ["x" * 1000]


def test_who_may_not_edit_keeps_his_words_and_is_told_why(people: People, who: Person, clients: Clients) -> None:
    clients.begin("reader", people["reader"])
    assert clients.do("reader", "sync")["error"]["status"] == 404  # without a file it is not shown to him
    assert clients.read("reader")["state"] == "refused"
    clients.begin("stranger", Person(who.id, "none"))
    assert clients.do("stranger", "sync")["error"]["status"] == 401


def test_unsent_edits_are_kept(program: Program, people: People, who: Person, video: str, clients: Clients) -> None:
    """The page stays open while another tab signs out and somebody else in: the cookie is his, the words are not."""
    clients.begin("a")
    clients.synced("a")
    clients.ask(sign="a", headers={"Authorization": f"Token {people['b'].key}"})
    clients.do("a", "edit", "title", "Of a")
    assert clients.do("a", "sync")["error"]["type"] == "other_account"
    found = clients.read("a")
    assert (found["state"], found["pending"], found["values"]["title"]) == ("refused", 1, "Of a")
    assert clients.events("a", "refused") == []
    assert call(program.address, who, "GET", f"{VIDEOS}/{video}")["version"] == 1
    clients.ask(sign="a", headers={"Authorization": f"Token {who.key}"})
    answer = clients.check("a")
    assert (answer["video"]["title"], answer["video"]["last_modified_by"]) == ("Of a", who.id)


@pytest.mark.parametrize("since", ["the beginning", "later"])
def test_a_browser_with_a_full_store_sends(clients: Clients, since: str) -> None:
    clients.make("a")
    if since == "the beginning":
        clients.ask(full="a", **{"is": True})
    assert "error" not in clients.do("a", "start")
    clients.synced("a")
    clients.ask(full="a", **{"is": True})
    assert clients.do("a", "edit", "title", "Sent")["error"]["type"] == "not_kept"
    kept = [detail["kept"] for detail in clients.events("a", "state") if detail["pending"]]
    assert (kept[0], "no" in kept, "yes" in kept) == ("soon", True, False)
    answer = clients.check("a")
    assert answer["video"]["title"] == "Sent"
    assert not [detail for detail in clients.events("a", "state") if detail["error"]]


@pytest.mark.parametrize("is_counted_as_before", [True, False])
def test_a_server_that_was_restored_from_a_backup_is_believed(
    program: Program, who: Person, video: str, clients: Clients, is_counted_as_before: bool
) -> None:
    """After later edits the restored server may reach the same version and clock with other operations."""
    after = new_video(program, who)
    clients.begin("a")
    for number in range(1 if is_counted_as_before else 3):
        call(program.address, who, "PUT", f"{VIDEOS}/{video}", {"title": f"Forgotten {number}"})
    assert clients.synced("a")[0]["values"]["title"].startswith("Forgotten")
    call(program.address, who, "PUT", f"{VIDEOS}/{after}", {"category": "In the backup"})
    if not is_counted_as_before:
        clients.offline("a", True)
        clients.do("a", "edit", "description", "Unsent, and it has seen what is forgotten")
    clients.ask(restored="a", video=after)
    clients.offline("a", False)
    answer = clients.check("a", video=after)
    assert clients.events("a", "refused") == []
    assert (answer["video"]["title"], answer["video"]["category"]) == ("As made", "In the backup")
    unsent = "First" if is_counted_as_before else "Unsent, and it has seen what is forgotten"
    assert answer["video"]["description"] == unsent


def test_typing_during_a_sync_is_reported_as_no_fault(clients: Clients) -> None:
    clients.begin("a")
    clients.synced("a")
    titles = [f"Title {number}" for number in range(20)]
    clients.ask(type="a", values=titles)
    assert clients.check("a")["video"]["title"] == titles[-1]
    assert not [detail for detail in clients.events("a", "state") if detail["error"]]


@pytest.mark.parametrize("locks", [True, False])
def test_conflict_with_closed_page(program: Program, people: People, video: str, clients: Clients, locks: bool) -> None:
    other = people["b"]
    clients.begin("one", store="profile", locks=locks)
    clients.synced("one")
    clients.offline("one", True)
    clients.do("one", "edit", "title", "Written offline")
    clients.do("one", "removeTag", "mma")
    clients.do("one", "stop")
    operations = [
        {"type": kind, "value": value, "timestamp": 1_700_000_000, "vector_clock": {other.id: number}}
        for number, (kind, value) in enumerate([("update_title", "Meanwhile"), ("add_tag", "mma")], 1)
    ]
    call(program.address, other, "POST", f"{VIDEOS}/{video}/sync", {"operations": operations})
    clients.begin("two", store="profile", locks=locks)
    clients.synced("two")
    heard = [(one["field"], one["mine"], one["theirs"], one["shown"]) for one in clients.events("two", "conflict")]
    assert heard == [
        ("title", "Written offline", "Meanwhile", "Written offline"),
        ("tags", {"tag": "mma", "did": "removed"}, {"tag": "mma", "did": "added"}, ["first", "mma"]),
    ]
    clients.synced("two")
    assert len(clients.events("two", "conflict")) == 2


def test_a_long_history_is_read_in_parts(program: Program, who: Person, video: str, clients: Clients) -> None:
    for first in range(1, 6001, 1000):
        told = [
            {"type": "update_title", "value": f"Title {number}", "timestamp": number, "vector_clock": {who.id: number}}
            for number in range(first, first + 1000)
        ]
        call(program.address, who, "POST", f"{VIDEOS}/{video}/sync", {"operations": told})
    with lossy(program.address, 5) as proxy:
        proxy.heal()
        clients.begin("a", address=proxy.url)
        clients.check("a")
        assert clients.events("a", "conflict") == []
