"""Replicas of catalogue videos over HTTP against the running program, their calls lost, cut and doubled on the way:
whatever comes when, everybody ends with the same bytes."""

from __future__ import annotations

import http.client
import json
import random
import secrets
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from media_app.catalogue.operations import microseconds, moment
from media_app.videos.crdt import Document, Operation, OperationType
from tests.support.lossy import CUT, LOST, PASSED, TWICE, UNANSWERED, lossy
from tests.support.node import modules
from tests.support.node import program as node_program
from tests.support.places import ON_POSTGRESQL, REDIS_DATABASE, SHARED_REDIS, database_url, on_server
from tests.support.program import Place, Program, manage, redis_database
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where one program for all of these tests lives: each has videos of its own."""
    environment = {}
    database = f"vod_crash_{secrets.token_hex(4)}"
    if ON_POSTGRESQL:
        on_server(f"CREATE DATABASE {database}")
        environment["DATABASE_URL"] = database_url(database)
    if SHARED_REDIS:
        environment["REDIS_URL"] = redis_database(SHARED_REDIS, REDIS_DATABASE)
        redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
    try:
        yield Place(tmp_path_factory.mktemp("sync") / "data", environment, "")
    finally:
        if ON_POSTGRESQL:
            on_server(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture(scope="module")
def people(place: Place) -> dict[str, Person]:
    environment = place.environment | {"VOD_DATA_DIR": str(place.data_dir)}

    def run(*words: str) -> str:
        answer = manage(*words, environment=environment)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    run("migrate", "--verbosity", "0")
    return {
        name: Person(json.loads(run("create_account", name, "--role", role))["id"], run("create_token", name))
        for name, role in ROLES.items()
    }


@pytest.fixture(scope="module")
def program(place: Place, people: People) -> Iterator[Program]:
    running = Program(place)
    try:
        yield running.start()
    finally:
        running.end()


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
    made: str = call(program.address, who, "POST", VIDEOS, MADE_WITH)["id"]
    return made


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


def compact(document: Document) -> str:
    return json.dumps(document.to_json(), ensure_ascii=False, separators=(",", ":"))


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


@pytest.mark.exhaustive
def test_three_people_who_write_at_once_are_told_the_same(program: Program, people: People) -> None:
    """Live: each sends what he has written since, hears of the others, and is cut off in between."""
    rng = random.Random(5)
    writers = [people[name] for name in "abc"]
    video = new_video(program, writers[0])
    path = f"{VIDEOS}/{video}/sync"
    documents = [Document.begin(MADE_WITH["tags"]) for _ in writers]
    unsent: list[list[Operation]] = [[], [], []]
    since = ["", "", ""]
    with lossy(program.address, 5) as proxy:
        for _ in range(60):
            turn = rng.randrange(3)
            who, document = writers[turn], documents[turn]
            if rng.random() < 0.6:
                kind, value = invented(rng)
                clock = document.clock
                at = 1_700_000_000_000_000 + rng.randint(0, 3)
                operation = Operation(kind, value, at, who.id, {**clock, who.id: clock.get(who.id, 0) + 1})
                document.apply(operation)
                unsent[turn].append(operation)
                continue
            if unsent[turn]:
                call(proxy.url, who, "POST", path, {"operations": [sent(one) for one in unsent[turn]]})
                unsent[turn] = []
            answer = call(proxy.url, who, "GET", f"{path}?since={since[turn]}".replace("+", "%2B"))
            since[turn] = answer["server_time"]
            for row in answer["operations"]:
                document.apply(told(row))
        for turn, who in enumerate(writers):
            call(proxy.url, who, "POST", path, {"operations": [sent(one) for one in unsent[turn]]})
        for turn, who in enumerate(writers):
            for row in call(proxy.url, who, "GET", f"{path}?since={since[turn]}".replace("+", "%2B"))["operations"]:
                documents[turn].apply(told(row))
    answer = call(program.address, writers[0], "GET", path)
    assert len({compact(document) for document in [*documents, merged(answer)]}) == 1
    shown = documents[0].values({**MADE_WITH, "is_featured": False})
    assert {name: answer["video"][name] for name in shown} == {**shown, "category": shown["category"] or None}
    writer = documents[0].greatest
    assert writer
    assert answer["video"]["last_modified_by"] == writer.actor


# The reference client under node


class Clients:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [node_program("node"), "sync.js"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            encoding="utf-8",
        )  # fmt: skip

    def ask(self, **words: Any) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "node has ended"
        found: dict[str, Any] = json.loads(line)
        return found

    def make(self, name: str, who: Person, video: str, address: str, *, locks: bool = True, **more: Any) -> None:
        headers = {"Authorization": f"Token {who.key}"}
        options = {"videoId": video, "actor": who.id, "base": address, "headers": headers, "poll": 3_600_000}
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

    def events(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [detail for one, detail in self.read(name)["events"] if one == kind]


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Clients]:
    found = Clients(modules(tmp_path / "node", "sync.js"))
    try:
        yield found
    finally:
        assert found.process.stdin
        assert found.process.stdout
        found.process.stdin.close()
        found.process.wait(30)
        found.process.stdout.close()


def check_against_the_server(found: list[dict[str, Any]], program: Program, who: Person, video: str) -> dict[str, Any]:
    """All clients show what the server shows and what the Python merges to; returns the server's answer."""
    answer: dict[str, Any] = call(program.address, who, "GET", f"{VIDEOS}/{video}/sync")
    document = merged(answer)
    shown = document.values(answer["base"])
    for one in found:
        assert one["document"] == compact(document)
        assert one["values"] == shown
    assert {name: answer["video"][name] for name in shown} == {**shown, "category": shown["category"] or None}
    assert answer["server_version"] == document.version
    return answer


@pytest.mark.exhaustive
@pytest.mark.parametrize("locks", [True, False])
def test_three_clients_converge_when_offline(program: Program, people: People, clients: Clients, locks: bool) -> None:
    rng = random.Random(11)
    writers = {name: people[name] for name in "abc"}
    video = new_video(program, writers["a"])
    fields: dict[str, Callable[[], Any]] = {
        "title": lambda: f"Title {rng.randint(0, 99)}", "description": lambda: f"Line\n{rng.randint(0, 99)}",
        "category": lambda: rng.choice(["Training", "Sparring", ""]), "is_featured": lambda: rng.random() < 0.5,
        "tags": lambda: rng.sample(TAGS, rng.randint(0, 4)),
    }  # fmt: skip
    with lossy(program.address, 11) as proxy:
        for name, who in writers.items():
            clients.begin(name, who, video, proxy.url, locks=locks)
        wait_until(lambda: all(clients.read(name)["values"]["title"] for name in writers), SECONDS, "all to be loaded")
        for step in range(60):
            name = rng.choice(list(writers))
            if rng.random() < 0.2:
                clients.offline(name, rng.random() < 0.5)
                clients.do(name, "retry")
            elif rng.random() < 0.1:
                # The page is gone, with what was unsent; a new one finds it in the profile.
                clients.do(name, "stop")
                clients.begin(name, writers[name], video, proxy.url, locks=locks)
            else:
                field = rng.choice(list(fields))
                assert "error" not in clients.do(name, "edit", field, fields[field]()), step
        for name in writers:
            clients.offline(name, False)
        found = clients.synced(*writers)
        assert proxy.met[UNANSWERED]
        assert proxy.met[CUT]
    answer = check_against_the_server(found, program, writers["a"], video)
    assert {row["writer_id"] for row in answer["operations"]} == {who.id for who in writers.values()}
    replicas = {row["actor_id"] for row in answer["operations"]}
    assert len(replicas) == 3 if locks else len(replicas) >= 3


def test_at_most_a_thousand_operations_per_call_none_twice(program: Program, people: People, clients: Clients) -> None:
    who = people["a"]
    video = new_video(program, who)
    with lossy(program.address, 3) as proxy:
        proxy.heal()
        clients.begin("a", who, video, proxy.url)
        clients.synced("a")
        clients.offline("a", True)
        for number in range(1205):
            clients.do("a", "edit", "title", f"Title {number}")
        assert clients.read("a")["pending"] == 1205
        clients.offline("a", False)
        proxy.only(UNANSWERED, "POST")  # the server takes them, and nobody says so
        assert clients.do("a", "sync")["error"]["type"] == "offline"
        # It tries again by itself, and may have learned meanwhile that the first thousand arrived.
        assert call(program.address, who, "GET", f"{VIDEOS}/{video}")["version"] in (1001, 1206)
        proxy.heal()
        found = clients.synced("a")
        sizes = [len(json.loads(body)["operations"]) for body in proxy.bodies]
        assert max(sizes) == 1000
    answer = check_against_the_server(found, program, who, video)
    assert (answer["server_version"], answer["video"]["title"]) == (1206, "Title 1204")


def test_what_a_writer_has_not_seen_stays_beside_the_new(program: Program, people: People, clients: Clients) -> None:
    video = new_video(program, people["a"])
    for name in "abc":
        clients.begin(name, people[name], video, program.address)
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
    # Somebody else has looked at what is shown, and leaves the other as it is, until he has looked at that as well.
    for about, left in (({}, ["Four", "Two"]), ({"seen": ["Four", "Two"]}, ["Four"])):
        clients.synced("c", "b", "a")
        clients.do("c", "edit", "title", "Four", about)
        found = clients.synced("c", "b", "a")
        assert [one["value"] for one in clients.do("a", "writes", "title")["value"]] == left
    check_against_the_server(found, program, people["a"], video)


def test_who_wrote_the_same_field_is_told(program: Program, people: People, clients: Clients) -> None:
    a, b = people["a"], people["b"]
    video = new_video(program, a)
    for name, who in (("a", a), ("b", b)):
        clients.begin(name, who, video, program.address)
    clients.synced("a", "b")
    clients.offline("b", True)
    clients.do("a", "edit", "title", "Mine")
    clients.do("a", "edit", "category", "Only mine")
    clients.do("a", "removeTag", "mma")
    clients.synced("a")
    clients.do("b", "edit", "title", "Theirs")
    clients.do("b", "edit", "tags", ["first", "mma", "new"])
    clients.offline("b", False)
    found = clients.synced("b", "a")
    assert [one["values"]["title"] for one in found] == ["Theirs", "Theirs"]
    heard = {name: clients.events(name, "conflict") for name in ("a", "b")}
    titles = {name: [one for one in events if one["field"] == "title"] for name, events in heard.items()}
    parts = {name: [(one["mine"], one["theirs"], one["shown"]) for one in events] for name, events in titles.items()}
    assert parts == {"a": [("Mine", "Theirs", "Theirs")], "b": [("Theirs", "Mine", "Theirs")]}
    tags = [one for one in heard["a"] if one["field"] == "tags"]
    assert [(one["mine"], one["theirs"]) for one in tags] == [
        ({"tag": "mma", "did": "removed"}, {"tag": "mma", "did": "added"})
    ]
    assert {one["field"] for one in heard["a"] + heard["b"]} == {"title", "tags"}
    # Whoever writes now has seen both: that settles it, and nobody is told again.
    clients.do("a", "edit", "title", "Settled")
    clients.synced("a", "b")
    assert len(clients.events("b", "conflict")) == len(heard["b"])
    assert clients.read("b")["values"]["title"] == "Settled"


def test_a_copied_profile_writes_on_under_another_name(program: Program, people: People, clients: Clients) -> None:
    """Two machines with the same replica: what one of them did is not lost, and nobody's counters are mixed up."""
    who = people["a"]
    video = new_video(program, who)
    clients.begin("one", who, video, program.address)
    clients.do("one", "edit", "title", "Before")
    clients.synced("one")
    clients.ask(copy="one", to="two")
    clients.make("two", who, video, program.address)
    clients.offline("two", True)
    clients.do("two", "start")
    assert clients.read("two")["actor"] == clients.read("one")["actor"]
    clients.do("one", "edit", "title", "One's")
    clients.do("two", "edit", "title", "Two's")
    clients.do("two", "edit", "category", "Two's")
    clients.synced("one")
    clients.offline("two", False)
    found = clients.synced("two", "one")
    assert clients.read("two")["actor"] != clients.read("one")["actor"]
    answer = check_against_the_server(found, program, who, video)
    values = [row["operation_data"]["value"] for row in answer["operations"]]
    assert sorted(values) == ["Before", "One's", "Two's", "Two's"]
    clients.do("one", "edit", "title", "On")
    assert check_against_the_server(clients.synced("one", "two"), program, who, video)["video"]["title"] == "On"


def test_a_copied_profile_whose_page_closes_before_it_has_another_name_loses_nothing(
    program: Program, people: People, clients: Clients
) -> None:
    who = people["a"]
    video = new_video(program, who)
    clients.begin("one", who, video, program.address)
    clients.synced("one")
    clients.ask(copy="one", to="two")
    clients.make("two", who, video, program.address)
    clients.offline("two", True)
    clients.do("two", "start")
    clients.do("one", "edit", "title", "One's")
    clients.synced("one")
    clients.do("two", "edit", "title", "Two's")
    # It hears that its counter is taken, and no more.
    clients.ask(calls="two", left=1)
    clients.offline("two", False)
    assert clients.do("two", "sync")["error"]["type"] == "offline"
    clients.do("two", "stop")
    clients.begin("three", who, video, program.address, store="two")
    found = clients.synced("three", "one")
    answer = check_against_the_server(found, program, who, video)
    assert sorted(row["operation_data"]["value"] for row in answer["operations"]) == ["One's", "Two's"]


def test_an_actor_that_a_page_left_comes_with_its_edits(program: Program, people: People, clients: Clients) -> None:
    """The next name of one page is that of another that ends meanwhile, and whose counters somebody else has used."""
    who = people["a"]
    video = new_video(program, who)
    for name in ("one", "tab"):
        clients.begin(name, who, video, program.address, store="here")
    clients.synced("one", "tab")
    clients.ask(copy="here", to="there")
    for name, twin in (("far one", "one"), ("far tab", "tab")):
        clients.begin(name, who, video, program.address, store="there")
        assert clients.read(name)["actor"] == clients.read(twin)["actor"]
    for name in ("one", "tab"):
        clients.offline(name, True)
    for name in ("one", "tab", "far one", "far tab"):
        clients.do(name, "edit", "title", f"Of {name}")
    clients.synced("far one", "far tab")
    # It hears that its own name is taken, asks for all before it takes another, and gets no further.
    clients.ask(ends="one", page="tab", left=1)
    clients.ask(calls="one", left=2)
    clients.offline("one", False)
    assert clients.do("one", "sync")["error"]["type"] == "offline"
    clients.ask(calls="one", left=1_000)
    found = clients.synced("one", "far one")
    answer = check_against_the_server(found, program, who, video)
    values = [row["operation_data"]["value"] for row in answer["operations"]]
    assert sorted(values) == ["Of far one", "Of far tab", "Of one", "Of tab"]


def test_what_the_server_refuses_is_taken_back_and_the_rest_arrives(
    program: Program, people: People, clients: Clients
) -> None:
    who = people["a"]
    video = new_video(program, who)
    clients.begin("a", who, video, program.address)
    clients.synced("a")
    clients.offline("a", True)
    clients.do("a", "edit", "title", "x" * 1000)
    clients.do("a", "edit", "category", "Training")
    assert clients.read("a")["values"]["title"] == "x" * 1000
    clients.offline("a", False)
    found = clients.synced("a")
    assert (found[0]["values"]["title"], found[0]["values"]["category"]) == ("As made", "Training")
    assert [one["operation"]["value"] for one in clients.events("a", "refused")] == ["x" * 1000]
    check_against_the_server(found, program, who, video)


def test_a_clock_that_is_hours_ahead_does_not_stop_the_sync(program: Program, people: People, clients: Clients) -> None:
    who = people["a"]
    video = new_video(program, who)
    clients.make("a", who, video, program.address, ahead=7_200_000)
    clients.offline("a", True)
    clients.do("a", "start")
    clients.do("a", "edit", "title", "From the future")
    clients.offline("a", False)
    found = clients.synced("a")
    assert found[0]["values"]["title"] == "From the future"
    assert clients.events("a", "refused") == []
    check_against_the_server(found, program, who, video)


def test_who_may_not_edit_keeps_his_words_and_is_told_why(program: Program, people: People, clients: Clients) -> None:
    mod, reader = people["a"], people["reader"]
    video = new_video(program, mod)
    clients.begin("reader", reader, video, program.address)
    assert clients.do("reader", "sync")["error"]["status"] == 404  # without a file it is not shown to him
    assert clients.read("reader")["state"] == "refused"
    stranger = Person(mod.id, "none")
    clients.begin("stranger", stranger, video, program.address)
    assert clients.do("stranger", "sync")["error"]["status"] == 401


def test_unsent_edits_are_kept_while_another_is_signed_in(program: Program, people: People, clients: Clients) -> None:
    """The page stays open while another tab signs out and somebody else in: the cookie is his, the words are not."""
    a, b = people["a"], people["b"]
    video = new_video(program, a)
    clients.begin("a", a, video, program.address)
    clients.synced("a")
    clients.ask(sign="a", headers={"Authorization": f"Token {b.key}"})
    clients.do("a", "edit", "title", "Of a")
    assert clients.do("a", "sync")["error"]["type"] == "other_account"
    found = clients.read("a")
    assert (found["state"], found["pending"], found["values"]["title"]) == ("refused", 1, "Of a")
    assert clients.events("a", "refused") == []
    assert call(program.address, a, "GET", f"{VIDEOS}/{video}")["version"] == 1
    clients.ask(sign="a", headers={"Authorization": f"Token {a.key}"})
    answer = check_against_the_server(clients.synced("a"), program, a, video)
    assert (answer["video"]["title"], answer["video"]["last_modified_by"]) == ("Of a", a.id)


@pytest.mark.parametrize("since", ["the beginning", "later"])
def test_a_browser_with_a_full_store_sends(program: Program, people: People, clients: Clients, since: str) -> None:
    who = people["a"]
    video = new_video(program, who)
    clients.make("a", who, video, program.address)
    if since == "the beginning":
        clients.ask(full="a", **{"is": True})
    assert "error" not in clients.do("a", "start")
    clients.synced("a")
    clients.ask(full="a", **{"is": True})
    # It is said that it would not outlive the page.
    assert clients.do("a", "edit", "title", "Sent")["error"]["type"] == "not_kept"
    answer = check_against_the_server(clients.synced("a"), program, who, video)
    assert answer["video"]["title"] == "Sent"
    assert not [detail for detail in clients.events("a", "state") if detail["error"]]


@pytest.mark.parametrize("is_counted_as_before", [True, False])
def test_a_server_that_was_restored_from_a_backup_is_believed(
    program: Program, people: People, clients: Clients, is_counted_as_before: bool
) -> None:
    """After later edits the restored server may reach the same version and clock with other operations."""
    who = people["a"]
    before, after = new_video(program, who), new_video(program, who)
    clients.begin("a", who, before, program.address)
    for number in range(1 if is_counted_as_before else 3):
        call(program.address, who, "PUT", f"{VIDEOS}/{before}", {"title": f"Forgotten {number}"})
    assert clients.synced("a")[0]["values"]["title"].startswith("Forgotten")
    call(program.address, who, "PUT", f"{VIDEOS}/{after}", {"category": "In the backup"})
    if not is_counted_as_before:
        clients.offline("a", True)
        clients.do("a", "edit", "description", "Unsent, and it has seen what is forgotten")
    clients.ask(restored="a", video=after)
    clients.offline("a", False)
    found = clients.synced("a")
    assert clients.events("a", "refused") == []
    answer = check_against_the_server(found, program, who, after)
    assert (answer["video"]["title"], answer["video"]["category"]) == ("As made", "In the backup")
    unsent = "First" if is_counted_as_before else "Unsent, and it has seen what is forgotten"
    assert answer["video"]["description"] == unsent


def test_typing_during_a_sync_is_reported_as_no_fault(program: Program, people: People, clients: Clients) -> None:
    who = people["a"]
    video = new_video(program, who)
    clients.begin("a", who, video, program.address)
    clients.synced("a")
    titles = [f"Title {number}" for number in range(20)]
    clients.ask(type="a", values=titles)
    found = clients.synced("a")
    assert not [detail for detail in clients.events("a", "state") if detail["error"]]
    assert check_against_the_server(found, program, who, video)["video"]["title"] == titles[-1]


@pytest.mark.parametrize("locks", [True, False])
def test_a_conflict_with_a_closed_page_is_shown(
    program: Program, people: People, clients: Clients, locks: bool
) -> None:
    who, other = people["a"], people["b"]
    video = new_video(program, who)
    clients.begin("one", who, video, program.address, store="profile", locks=locks)
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
    clients.begin("two", who, video, program.address, store="profile", locks=locks)
    clients.synced("two")
    heard = [(one["field"], one["mine"], one["theirs"], one["shown"]) for one in clients.events("two", "conflict")]
    assert heard == [
        ("title", "Written offline", "Meanwhile", "Written offline"),
        ("tags", {"tag": "mma", "did": "removed"}, {"tag": "mma", "did": "added"}, ["first", "mma"]),
    ]
    clients.synced("two")
    assert len(clients.events("two", "conflict")) == 2


def test_a_long_history_is_read_in_parts(program: Program, people: People, clients: Clients) -> None:
    who = people["a"]
    video = new_video(program, who)
    for first in range(1, 6001, 1000):
        told = [
            {"type": "update_title", "value": f"Title {number}", "timestamp": number, "vector_clock": {who.id: number}}
            for number in range(first, first + 1000)
        ]
        call(program.address, who, "POST", f"{VIDEOS}/{video}/sync", {"operations": told})
    with lossy(program.address, 5) as proxy:
        proxy.heal()
        clients.begin("a", who, video, proxy.url)
        check_against_the_server(clients.synced("a"), program, who, video)
        assert clients.events("a", "conflict") == []
