// Events of a comparison: what is shown as one, narrowed and stepped through; how they look; drawings; taking back.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { eventsUrl } from "./js/base/api.js";
import { Edits } from "./js/comparison/events/undo.js";
import {
  filterEvents,
  countKinds,
  findLastBegun,
  makeEmptyFilters,
  listPeople,
} from "./js/comparison/events/filters.js";
import { groupEvents } from "./js/comparison/events/grouping.js";
import { toKind, getLook } from "./js/comparison/events/kinds.js";
import { findTypedName, findUnknownNames, splitMentions } from "./js/comparison/events/mentions.js";
import { EventStore } from "./js/comparison/events/store.js";
import { beginStroke, extendStroke, isWithinLimits, isVisible, makeOutline } from "./js/comparison/events/strokes.js";
import { assertMatches, near } from "./near.mjs";

test("page and server show the same events as one", () => {
  // tests/test_javascript.py writes the file: what the server makes of the same.
  const cases = JSON.parse(readFileSync(process.env.JOINING_CASES, "utf8"));
  assert.equal(cases.length, 200);
  assert.ok(cases.some(({ expected }) => expected.some(({ keys }) => keys.length === 3)));
  for (const { given, expected } of cases) {
    const marks = given.map((mark) => ({ ...mark, vodId: mark.vod_id, at: mark.global_time, isAlone: mark.is_alone }));
    assertMatches(
      groupEvents(marks).map(({ marks: together, at }) => ({ keys: together.map(({ key }) => key), at })),
      expected.map(({ keys, at }) => ({ keys, at: near(at, 1e-9) })),
    );
  }
});

test("a mention of nobody who can open the comparison is found, but not one that is being typed", () => {
  const find = (text, typed = null) => findUnknownNames(text, ["Anna", "ju.lia"], typed);
  assert.deepEqual(find("@anna. @ju.lia- a@b.c"), []);
  assert.deepEqual(find("@anna2 and @julia"), ["anna2", "julia"]);
  assert.deepEqual(find("@ju", "ju"), []);
  assert.deepEqual(find("@jx", "jx"), ["jx"]);
});

test("every kind has a name, a letter and a colour, and an unknown one always the same", () => {
  assert.deepEqual(getLook("kill"), { name: "Kill", letter: "K", tone: "bad", shape: "round" });
  assert.equal(getLook("smoke_grenade").name, "Smoke grenade");
  assert.equal(getLook("smoke_grenade").letter, "S");
  assert.deepEqual(getLook("constructor"), getLook("constructor"));
  assert.equal(getLook("_-").letter, "_");
});

for (const [typed, kind] of [
  ["Smoke grenade", "smoke_grenade"],
  ["  Été! ", "ete"],
  ["kill", "kill"],
  ["…", ""],
  ["x".repeat(60), "x".repeat(40)],
])
  test(`“${typed}” is the kind ${kind || "of nothing"}`, () => assert.equal(toKind(typed), kind));

const event = (id, more = {}) => ({
  event_id: id,
  kind: "kill",
  label: "",
  body: "",
  color: "",
  drawing: null,
  vod_id: "a",
  time: 1,
  end: null,
  origin: "manual",
  confidence: null,
  resolved: false,
  replies: [],
  created_by_name: "anna",
  created_at: 1,
  ...more,
});
const shown = (id, more) => ({ id, event: event(id, more), sources: [{ event: event(id, more) }], at: 1 });

test("filters narrow by kind, video, person and origin, and all of them at once", () => {
  const list = [
    shown("1"),
    shown("2", { kind: "round", vod_id: null }),
    shown("3", { created_by_name: "ben", replies: [{ created_by_name: "cleo" }] }),
    shown("4", { origin: "shots", created_by_name: "" }),
  ];
  const ids = (filters) => filterEvents(list, { ...makeEmptyFilters(), ...filters }).map(({ id }) => id);
  assert.deepEqual(ids({}), ["1", "2", "3", "4"]);
  assert.deepEqual(ids({ hiddenKinds: new Set(["kill"]) }), ["2"]);
  assert.deepEqual(ids({ vodId: "a" }), ["1", "3", "4"]);
  assert.deepEqual(ids({ person: "cleo" }), ["3"]);
  assert.deepEqual(ids({ origin: "found" }), ["4"]);
  assert.deepEqual(ids({ origin: "made", vodId: "a", person: "anna" }), ["1"]);
  assert.deepEqual(countKinds(list), [
    ["kill", 3],
    ["round", 1],
  ]);
  assert.deepEqual(listPeople(list), ["anna", "ben", "cleo"]);
});

test("the last event that has begun is found at, between and before events", () => {
  const list = [{ at: 1 }, { at: 2 }, { at: 2 }, { at: 5 }];
  assert.deepEqual(
    [0, 1, 1.5, 2, 4.9, 5, 9].map((T) => findLastBegun(list, T)),
    [-1, 0, 0, 2, 2, 3, 3],
  );
  assert.equal(findLastBegun([], 3), -1);
});

test("edits are taken back and done again in turn, and a new one forgets what was taken back", async () => {
  const edits = new Edits();
  const done = [];
  const add = (label) =>
    edits.add({ label, undo: async () => done.push(`-${label}`), redo: async () => done.push(`+${label}`) });
  add("a");
  add("b");
  assert.equal(await edits.undo(), "b");
  assert.equal(await edits.undo(), "a");
  assert.equal(await edits.undo(), null);
  assert.equal(await edits.redo(), "a");
  add("c");
  assert.equal(await edits.redo(), null);
  assert.deepEqual(edits.labels, { undo: "c", redo: null });
  assert.deepEqual(done, ["-b", "-a", "+a"]);
});

test("an edit that cannot be taken back is gone, but one that the server did not hear of stays", async () => {
  const edits = new Edits();
  let refusal = null;
  const undo = async () => {
    if (refusal) throw refusal;
  };
  for (const label of ["a", "b"]) edits.add({ label, undo, redo: async () => {} });
  refusal = new Error("gone");
  await assert.rejects(edits.undo(), /gone/);
  assert.deepEqual(edits.labels, { undo: "a", redo: null });
  for (const status of [0, 401, 503]) {
    refusal = { status };
    await assert.rejects(edits.undo());
  }
  refusal = null;
  assert.equal(await edits.undo(), "a");
});

const idsOf = (store) => [...store.all].map(({ event_id: id }) => id);

/** A server that keeps events, as little of one as the store asks for. */
function server(...events) {
  const rows = new Map(events.map((row) => [row.event_id, row]));
  let number = 0;
  return {
    rows,
    calls: [],
    list: async () => ({ events: [...rows.values()] }),
    async create({ global_time: at, ...values }) {
      const id = `new${++number}`;
      rows.set(id, event(id, { time: at, ...values, vod_id: values.vod_id ?? null }));
      return { event: rows.get(id) };
    },
    async change(id, values) {
      this.calls.push([id, values]);
      await this.before?.(id);
      rows.set(id, { ...rows.get(id), ...values });
      return { event: rows.get(id) };
    },
    async remove(id) {
      rows.delete(id);
    },
  };
}
const VODS = [
  { vod_id: "a", offset: 0, drift_ppm: 0, drift_anchor: 0, fps: 60 },
  { vod_id: "b", offset: 10, drift_ppm: 0, drift_anchor: 0, fps: 60 },
];

async function storeOf(...events) {
  const api = server(...events);
  const store = new EventStore(api, VODS);
  store.knows(1);
  await new Promise((resolve) => setTimeout(resolve));
  return { api, store };
}

test("events of two videos come together when an offset says so", async () => {
  const { store } = await storeOf(event("1", { time: 15 }), event("2", { vod_id: "b", time: 7 }));
  assert.equal(store.shown.length, 2);
  store.place("b", { offset: 8.1, driftPpm: 0, anchor: 0 });
  assert.deepEqual(
    store.shown.map(({ at, sources }) => [at, sources.length]),
    [[15.05, 2]],
  );
});

test("a deletion that is taken back makes the event again, and older edits still find it", async () => {
  const { api, store } = await storeOf(event("1", { label: "first", end: 2, resolved: true }));
  await store.change([{ id: "1", values: { label: "second" } }], "renamed");
  await store.remove([store.get("1")]);
  assert.equal(api.rows.size, 0);
  await store.edits.undo();
  const [again] = api.rows.values();
  assert.deepEqual([again.label, again.end, again.resolved], ["second", 2, true]);
  await store.edits.undo();
  assert.equal([...api.rows.values()][0].label, "first");
  assert.equal(store.get("1").label, "first");
});

test("what is taken back is the last that was begun, also while the server has not answered", async () => {
  const { api, store } = await storeOf(event("1", { label: "first" }));
  await store.change([{ id: "1", values: { label: "second" } }], "renamed");
  const going = store.remove([store.get("1")]);
  await Promise.all([going, store.edits.undo()]);
  assert.deepEqual(
    [...api.rows.values()].map(({ label }) => label),
    ["second"],
  );
});

test("a mark that others have answered is not taken back", async () => {
  const { api, store } = await storeOf();
  const made = await store.create({ global_time: 5, kind: "comment" });
  const answered = { ...made, replies: [{ reply_id: "r", created_by_name: "ben" }] };
  store.receive({ revision: 9, changed: [answered], deleted: [], complete: true });
  await assert.rejects(store.edits.undo(), /has replies/);
  assert.equal(api.rows.size, 1);
});

test("a change is shown at once, and what others wrote meanwhile is not written over by its answer", async () => {
  const { api, store } = await storeOf(event("1"));
  api.before = async () => {
    assert.equal(store.get("1").label, "mine");
    store.receive({ revision: 5, changed: [event("1", { label: "theirs" })], deleted: [], complete: true });
  };
  await store.change([{ id: "1", values: { label: "mine" } }], "renamed");
  assert.equal(store.get("1").label, "theirs");
});

test("a change that is refused is shown unchanged", async () => {
  const { api, store } = await storeOf(event("1", { label: "before" }));
  api.before = () => Promise.reject(new Error("refused"));
  await assert.rejects(store.change([{ id: "1", values: { label: "after" } }], "renamed"));
  assert.equal(store.get("1").label, "before");
  assert.equal(store.edits.labels.undo, null);
});

test("a message that says that there are more asks for the list", async () => {
  const { api, store } = await storeOf(event("1"));
  api.rows.set("2", event("2"));
  store.receive({ revision: 9, changed: [], deleted: [], complete: false });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(idsOf(store), ["1", "2"]);
});

test("what a message tells while the list is being read is not lost", async () => {
  const api = server(event("1"));
  const store = new EventStore(api, VODS);
  store.knows(1);
  store.receive({ revision: 2, changed: [event("2")], deleted: ["1"], complete: true });
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(idsOf(store), ["2"]);
});

test("a repeated attempt keeps the replies of others", async () => {
  const said = (id) => ({ reply_id: id, body: id, created_by_name: "anna" });
  const { api, store } = await storeOf(event("1", { replies: [said("lost"), said("newer")] }));
  api.reply = async () => ({ event: { ...api.rows.get("1"), replies: [said("lost")] } });
  await store.reply("1", "lost", "key");
  await store.takeBack(event("1"), { kind: "kill" });
  assert.deepEqual(
    store.get("1").replies.map((one) => one.reply_id),
    ["lost", "newer"],
  );
});

test("what another user wrote is kept by an undo and by a repeated attempt", async () => {
  const { api, store } = await storeOf(event("1", { label: "Fight" }));
  const made = await store.create({ kind: "kill", label: "Second" }, "key");
  const others = (id, values) => {
    const changed = { ...api.rows.get(id), ...values };
    api.rows.set(id, changed);
    store.receive({ revision: 50, changed: [changed], deleted: [], complete: true });
  };
  others(made.event_id, { body: "Ben's note" });
  await store.takeBack(made, { kind: "kill", label: "Second" });
  assert.equal(store.get(made.event_id).body, "Ben's note");
  await assert.rejects(store.edits.undo(), /has been changed, so undo cannot remove it/);
  assert.ok(store.get(made.event_id));

  await store.change([{ id: "1", values: { body: "Anna's note" } }], "wrote");
  others("1", { body: "Anna's note, and Ben's" });
  await assert.rejects(store.edits.undo(), /nothing was undone or redone/);
  assert.equal(store.get("1").body, "Anna's note, and Ben's");

  await store.change([{ id: "1", values: { label: "Dive" } }], "renamed");
  await store.edits.undo();
  assert.equal(store.get("1").label, "Fight");
  await store.edits.redo();
  assert.equal(store.get("1").label, "Dive");
});

/** Carry out the next request of this name, but lose its answer. */
function loseAnswer(api, name) {
  const call = api[name];
  api[name] = async function lose(...given) {
    api[name] = call;
    await call.apply(api, given);
    throw Object.assign(new Error("lost"), { status: 0 });
  };
}

test("an undo whose answer is lost is not reported as a change by another user", async () => {
  const { api, store } = await storeOf(event("1", { label: "first" }), event("2", { label: "first" }));
  const rename = ["1", "2"].map((id) => ({ id, values: { label: "second" } }));
  await store.change(rename, "renamed");
  loseAnswer(api, "change");
  await assert.rejects(store.edits.undo(), /lost/);
  store.receive({ revision: 9, changed: [api.rows.get("1")], deleted: [], complete: true });
  await store.edits.undo();
  assert.deepEqual([store.get("1").label, store.get("2").label], ["first", "first"]);
  await store.edits.redo();
  assert.deepEqual([store.get("1").label, store.get("2").label], ["second", "second"]);
});

test("a deletion and a change whose answers are lost can be undone", async () => {
  const { api, store } = await storeOf(event("1", { body: "A long note" }), event("2", { body: "Old" }));
  loseAnswer(api, "remove");
  await assert.rejects(store.remove([store.get("1")]), /lost/);
  assert.equal(store.edits.labels.undo, null);
  store.receive({ revision: 9, changed: [], deleted: ["1"], complete: true });
  await store.edits.undo();
  assert.deepEqual([...api.rows.values()].map(({ body }) => body).sort(), ["A long note", "Old"]);

  loseAnswer(api, "change");
  await assert.rejects(store.change([{ id: "2", values: { body: "New" } }], "wrote"), /lost/);
  store.receive({ revision: 10, changed: [api.rows.get("2")], deleted: [], complete: true });
  assert.equal(store.edits.labels.undo, "wrote");
  await store.edits.undo();
  assert.equal(api.rows.get("2").body, "Old");
});

test("if one of several changes fails, undo reverts those before it", async () => {
  const { api, store } = await storeOf(event("1", { label: "first" }), event("2", { label: "first" }));
  api.before = async (id) => {
    if (id === "2") throw Object.assign(new Error("busy"), { status: 503 });
  };
  const rename = ["1", "2"].map((id) => ({ id, values: { label: "second" } }));
  await assert.rejects(store.change(rename, "renamed"), /busy/);
  assert.equal(api.rows.get("1").label, "second");
  await store.edits.undo();
  assert.equal(api.rows.get("1").label, "first");
});

test("an undo or redo whose answer is lost creates no second event", async () => {
  const { api, store } = await storeOf(event("1"));
  const { create } = api;
  const sent = [];
  api.create = async (values, key) => {
    sent.push(key);
    if (sent.length % 2) throw Object.assign(new Error("lost"), { status: 0 });
    return create(values);
  };
  await store.remove([store.get("1")]);
  await assert.rejects(store.edits.undo(), /lost/);
  await store.edits.undo();
  await store.edits.redo();
  await assert.rejects(store.edits.undo(), /lost/);
  await store.edits.undo();
  assert.ok(sent[0] === sent[1] && sent[2] === sent[3] && sent[0] && sent[0] !== sent[2]);
});

test("a pen leaves out points that say nothing new, and stays within the frame", () => {
  let stroke = beginStroke("pen", "#ffd166", 6, 0.5, 0.5);
  stroke = extendStroke(stroke, 0.5001, 0.5);
  stroke = extendStroke(stroke, 0.6, 0.5);
  stroke = extendStroke(stroke, 1.4, -2);
  assert.deepEqual(stroke.points, [
    [0.5, 0.5],
    [0.6, 0.5],
    [1, 0],
  ]);
});

test("a shape has two points however far it is drawn", () => {
  let stroke = beginStroke("box", "#ffd166", 6, 0.1, 0.1);
  assert.equal(isVisible(stroke), false);
  for (let n = 0; n < 50; n += 1) stroke = extendStroke(stroke, n / 50, n / 100);
  assert.deepEqual(stroke.points, [
    [0.1, 0.1],
    [0.98, 0.49],
  ]);
  assert.equal(makeOutline(stroke, 500), "M100 50L980 50L980 245L100 245Z");
});

test("an ellipse lies within its two corners, and an arrow has its head at the second", () => {
  const of = (tool) => extendStroke(beginStroke(tool, "#ffffff", 6, 0.2, 0.2), 0.6, 0.4);
  assert.equal(makeOutline(of("ellipse"), 1000), "M200 300A200 100 0 1 0 600 300A200 100 0 1 0 200 300Z");
  assert.match(makeOutline(of("arrow"), 1000), /^M200 200L600 400L[\d. ]+L600 400L[\d. ]+$/);
});

test("a drawing that the server would refuse is known before it is sent", () => {
  const points = Array.from({ length: 1500 }, (_, n) => [n / 1500, 0.12345]);
  const long = { tool: "pen", color: "#ffffff", width: 6, points };
  assert.equal(isWithinLimits([long]), true);
  assert.equal(isWithinLimits([long, long, long]), false);
});

test("a name is a word behind an @", () => {
  const names = (text) =>
    splitMentions(text)
      .filter((part) => part.isName)
      .map((part) => part.text);
  assert.deepEqual(names("Look, @ann-lee. (@änn) mail@ann @@ann @ @b.o+b!"), ["@ann-lee", "@änn", "@@ann", "@b.o+b"]);
  for (const text of ["", "@", "no name", "@ann"])
    assert.equal(
      splitMentions(text)
        .map((part) => part.text)
        .join(""),
      text,
    );
  assert.deepEqual(["Why, @gu", "@", "mail@gu", "@gu ", "(@ann-l"].map(findTypedName), ["gu", "", null, null, "ann-l"]);
});

test("a list that is cut is read to its end, and what moved meanwhile is there once", async (t) => {
  /** @type {any} */
  const pages = {
    "": { events: [{ event_id: "a" }, { event_id: "b" }], next_cursor: "1.0_b", unseen: ["a"] },
    "1.0_b": { events: [{ event_id: "b" }, { event_id: "c" }], next_cursor: null, unseen: [] },
  };
  t.mock.method(globalThis, "fetch", async (/** @type {string} */ address) => {
    const query = new URL(address, "http://vod.test").searchParams;
    assert.equal(query.get("joined"), "false");
    return Response.json(pages[query.get("cursor") ?? ""]);
  });
  const { events, unseen } = await eventsUrl("comp-1").list();
  assert.deepEqual([events.map((/** @type {any} */ event) => event.event_id), unseen], [["a", "b", "c"], ["a"]]);
});
