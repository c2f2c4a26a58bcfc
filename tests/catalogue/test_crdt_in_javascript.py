"""static/js/catalogue/crdt.js merges as media_app/catalogue/crdt.py does: from the same operations, the same bytes."""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media_app.catalogue.crdt import Document, Operation
from tests.catalogue.test_crdt import FIRST_TAGS, MADE_WITH, TAGS, T, histories, inventions, merged, op, text_of
from tests.support.catalogue import compact
from tests.support.node import Ask, answering, modules

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def in_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    with answering(modules(tmp_path_factory.mktemp("node"), "crdt.js"), "crdt.js") as ask:
        yield ask


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(histories(), inventions()), st.randoms(use_true_random=False))
def test_both_merge_to_the_same_bytes(in_node: Ask, operations: list[Operation], rng: random.Random) -> None:
    count = rng.randint(1, 3)
    pieces = [[one for one in operations if rng.random() < 0.7] for _ in range(count)]
    joins = [(rng.randrange(count), rng.randrange(count)) for _ in range(rng.randint(0, 4))]
    joins += [(0, other) for other in range(count)]
    told = {"base": MADE_WITH, "tags": FIRST_TAGS, "pieces": [[asdict(one) for one in some] for some in pieces],
            "joins": joins}  # fmt: skip
    documents = [merged(some) for some in pieces]
    for into, other in joins:
        documents[into].join(Document.from_json(json.loads(text_of(documents[other]))))
    found = in_node(told)
    assert found["text"] == compact(documents[0])
    assert found["values"] == documents[0].values(MADE_WITH)
    assert (found["version"], found["clock"]) == (documents[0].version, documents[0].clock)


def test_names_that_javascript_treats_in_its_own_way_are_names_like_others(in_node: Ask) -> None:
    names = ["__proto__", "constructor", "10", "9", "1e3", "", "toString", "\ue000", "\U0001f600", "\uffff", "a\u2028"]
    operations = [op(T.ADD_TAG, name, actor, 1) for name, actor in zip(names, [*names[:5], *"fghijk"], strict=True)]
    operations += [op(T.UPDATE_TITLE, '\x7f\x1f\u2029\\"/', actor, 2) for actor in ("\ue000", "\U0001f600")]
    operations += [op(T.REMOVE_TAG, "__proto__", "10", 2), op(T.SET_TAGS, list(TAGS), "__proto__", 7, at=2**53 - 1)]
    told = {"base": MADE_WITH, "tags": FIRST_TAGS, "pieces": [[asdict(one) for one in operations]], "joins": [(0, 0)]}
    found = in_node(told)
    assert found["text"] == compact(merged(operations))
    assert found["values"] == merged(operations).values(MADE_WITH)
