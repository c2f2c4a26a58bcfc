// Drafts are kept in the browser by person and place, and sent once.

import assert from "node:assert/strict";
import test from "node:test";

import { Drafts, getText, isSendKey, keepTypedText } from "./js/base/drafts.js";

let failure = "";

/** A browser's storage that fails while `failure` is set. */
function storage() {
  const items = {};
  const calls = {
    getItem: (name) => items[name] ?? null,
    setItem: (name, text) => Object.assign(items, { [name]: text }),
    removeItem: (name) => delete items[name],
  };
  const guarded = (call) => ({
    value: (...given) => {
      if (failure) throw new Error(failure);
      return call(...given);
    },
  });
  return Object.defineProperties(
    items,
    Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, guarded(call)])),
  );
}

test.beforeEach(() => {
  failure = "";
  globalThis.localStorage = storage();
  globalThis.window = new EventTarget();
});

/** Attempts to send a draft, which fail where an error is given, and the keys that they were made with. */
function attempts(drafts, key) {
  const keys = [];
  const attempt = (body, error) =>
    drafts.send(key, body, async (sent, attemptKey) => {
      keys.push(attemptKey);
      if (error) throw error;
      return sent;
    });
  return { keys, attempt };
}

test("an Enter that ends a composition sends nothing, also in Safari, which ends it before", () => {
  const key = (more) => isSendKey({ key: "Enter", shiftKey: false, altKey: false, keyCode: 13, ...more });
  assert.deepEqual([key(), key({ isComposing: true }), key({ keyCode: 229 })], [true, false, false]);
});

test("a drawing's text is that of its strokes", () => {
  assert.equal(getText({ text: "", strokes: [{ tool: "box" }, { text: "Push" }, { text: "here" }] }), "Push\nhere");
});

test("a field shows what is typed into it in another tab", () => {
  globalThis.document = { body: { dataset: { userId: "anna" } } };
  const tabs = [0, 1].map(() => Object.assign(new EventTarget(), { value: "saved" }));
  const forget = tabs.map((field) => keepTypedText("name", { name: field }));
  const type = (number, value) => {
    tabs[number].value = value;
    tabs[number].dispatchEvent(new Event("input"));
    window.dispatchEvent(Object.assign(new Event("storage"), { key: "vod-draft/anna/name/name" }));
  };
  type(0, "first");
  assert.equal(tabs[1].value, "first");
  type(1, "first and second");
  assert.equal(tabs[0].value, "first and second");
  forget[1]();
  assert.deepEqual(Object.keys(localStorage), []);
});

test("a field shows what another tab has saved, and not an older value", () => {
  globalThis.document = { body: { dataset: { userId: "anna" } } };
  const items = {};
  const told = []; // the values of the storage events that other tabs get
  globalThis.localStorage = Object.defineProperties(items, {
    getItem: { value: (name) => items[name] ?? null },
    setItem: { value: (name, text) => told.push(text) && Object.assign(items, { [name]: text }) },
    removeItem: { value: (name) => told.push(null) && delete items[name] },
  });
  const tabs = [0, 1].map(() => Object.assign(new EventTarget(), { value: "old" }));
  const [forget] = tabs.map((field) => keepTypedText("video/1", { title: field }));
  for (const [isSaved, shown] of [
    [false, "old"],
    [true, "new"],
  ]) {
    tabs[0].value = "new";
    tabs[0].dispatchEvent(new Event("input"));
    forget(isSaved);
    for (const newValue of told.splice(0))
      window.dispatchEvent(Object.assign(new Event("storage"), { key: "vod-draft/anna/video/1/title", newValue }));
    assert.equal(tabs[1].value, shown);
  }
});

const DAY = 24 * 3600 * 1000;

test("a draft is kept for its person and place until it is discarded", () => {
  new Drafts("anna", "comparison/1").set("e/reply", { text: "half a" });
  assert.deepEqual(new Drafts("anna", "comparison/1").get("e/reply"), { text: "half a" });
  for (const [person, place] of [
    ["ben", "comparison/1"],
    ["anna", "comparison/10"],
  ])
    assert.deepEqual(new Drafts(person, place).all, []);
  new Drafts("anna", "comparison/1").set("e/reply", undefined);
  assert.deepEqual(Object.keys(localStorage), []);
});

test("drafts older than 30 days are removed, and entries that are not drafts are ignored", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 100 * DAY });
  new Drafts("anna", "a").set("old", "old");
  context.mock.timers.tick(29 * DAY);
  new Drafts("anna", "b").set("new", "new");
  assert.equal(Object.keys(localStorage).length, 2);
  context.mock.timers.tick(2 * DAY);
  localStorage["vod-draft/anna/b/broken"] = "{";
  assert.deepEqual(
    new Drafts("anna", "b").all.map(([key]) => key),
    ["new"],
  );
  assert.deepEqual(Object.keys(localStorage), ["vod-draft/anna/b/new"]);
});

test("without storage a draft lasts as long as the page, and the browser asks before leaving it", () => {
  const drafts = new Drafts("anna", "a");
  const asks = () => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
  failure = "full";
  drafts.set("e", "words");
  assert.equal(drafts.get("e"), "words");
  assert.ok(asks());
  failure = "";
  drafts.set("e", "words");
  assert.ok(!asks());
  delete globalThis.localStorage;
  new Drafts("anna", "a").set("e", "words");
});

test("a repeated attempt has the same key while the text is the same and there was no answer", async () => {
  const drafts = new Drafts("anna", "a");
  const { keys, attempt } = attempts(drafts, "e");
  drafts.set("e", "words");
  await assert.rejects(attempt("words", { status: 0 }));
  await assert.rejects(attempt("words", { status: 503 }));
  drafts.set("e", "other words");
  await assert.rejects(attempt("other words", { status: 400 }));
  await assert.rejects(attempt("other words", { status: 409, type: "idempotency_running" }));
  assert.equal(drafts.get("e"), "other words");
  await attempt("other words");
  const [a, b, c, d, e] = keys;
  assert.equal(a, b);
  assert.equal(d, e);
  assert.equal(new Set([a, c, d]).size, 3);
  assert.deepEqual(drafts.all, []);
});

test("text sent after a lost answer replaces the result of that attempt", async () => {
  const made = new Map();
  let isCut = true;
  const attempt = async (body) => {
    const drafts = new Drafts("anna", "a"); // the page after a reload
    drafts.set("e", body);
    const send = async (words, key, isCancelled) => {
      if (isCancelled && !made.has(key)) throw { status: 409, type: "idempotency_cancelled" };
      if (words !== "Never arrives") made.set(key, words);
      if (isCut) throw new Error("The answer is lost.");
      return key;
    };
    await drafts.send("e", body, send, async (key) => made.delete(key));
    return drafts.all;
  };
  await assert.rejects(attempt("Never arrives"));
  await assert.rejects(attempt("Nice"));
  await assert.rejects(attempt("Nice play"));
  await assert.rejects(attempt("Nice play"));
  isCut = false;
  assert.deepEqual(await attempt("Nice play, Ben"), []);
  assert.deepEqual([...made.values()], ["Nice play, Ben"]);
});

test("what is typed while a text is sent stays a draft", async () => {
  const drafts = new Drafts("anna", "a");
  drafts.set("e", { text: "Nice" });
  await drafts.send("e", "Nice", async () => drafts.set("e", { text: "Nice play" }));
  assert.deepEqual(drafts.get("e"), { text: "Nice play" });
  assert.equal(drafts.all[0][1].sent, undefined);
});

test("text that was sent, emptied and typed again is sent with the same key", async () => {
  const drafts = new Drafts("anna", "comparison/1");
  const { keys, attempt } = attempts(drafts, "e/reply");
  await assert.rejects(attempt("Look.", { status: 0 })); // also without a draft
  drafts.set("e/reply", { text: "Look." });
  drafts.set("e/reply", undefined);
  drafts.set("e/reply", { text: "Look." });
  assert.equal(await attempt("Look."), "Look.");
  assert.equal(keys[0], keys[1]);
  drafts.set("e/reply", { text: "Look." });
  await attempt("Look.");
  assert.notEqual(keys[1], keys[2]); // a new text, since the former was answered
  assert.deepEqual(drafts.all, []);
});
