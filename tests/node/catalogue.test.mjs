// The catalogue's pages: what a change means for what is shown, and what they say in words.

import assert from "node:assert/strict";
import test from "node:test";

import { classifyChange, formatViews } from "./js/catalogue/list-matching.js";
import { SharedText, findEdit, hashText } from "./js/catalogue/shared-text.js";
import { describeAudience, describeSaved } from "./js/catalogue/labels.js";
import { numbers } from "./random.mjs";

const ANY = { search: "", category: "", status: "", featured: false };

function video(fields = {}) {
  return {
    title: "Café",
    category: null,
    tags: [],
    description: "",
    status: "ready",
    is_featured: false,
    is_hidden: false,
    deleted_at: null,
    updated_at: "2026-01-02T00:00:00Z",
    ...fields,
  };
}

const gone = video({ deleted_at: "2026-01-02T00:00:00Z" });
const older = video({ updated_at: "2026-01-01T00:00:00Z" });

for (const [name, changed, query, shown, expected] of [
  ["a new one", video(), ANY, null, "offer"],
  ["one that the search finds", video(), { ...ANY, search: "CAFE" }, null, "offer"],
  ["one that the search does not find", video(), { ...ANY, search: "tea" }, null, "remove"],
  ["one that is not featured", video(), { ...ANY, featured: true }, null, "remove"],
  [
    "one that is shown and no longer featured",
    video(),
    { ...ANY, featured: true },
    video({ is_featured: true }),
    "draw",
  ],
  ["one older than what is shown", older, ANY, video(), "none"],
  ["a deleted one", gone, ANY, video(), "remove"],
  ["a deleted one where those are asked for", gone, { ...ANY, status: "deleted" }, null, "offer"],
  ["one that is deleted no more where those are asked for", video(), { ...ANY, status: "deleted" }, gone, "remove"],
  ["a hidden one where those are asked for", video({ is_hidden: true }), { ...ANY, status: "hidden" }, null, "offer"],
  ["a ready one where failed ones are asked for", video(), { ...ANY, status: "failed" }, null, "remove"],
  ["one that may be seen no more", null, ANY, video(), "remove"],
]) {
  test(`what a change means depends on what is shown: ${name}`, () =>
    assert.equal(classifyChange({ new: changed, old: shown }, query, shown), expected));
}

test("views are told as people say them", () => {
  assert.deepEqual([0, 1, 2, 1234, 18_234, 2_000_000].map(formatViews), [
    "no views yet",
    "1 view",
    "2 views",
    "1,234 views",
    "18.2K views",
    "2M views",
  ]);
});

for (const [state, pending, words, kept = "yes"] of [
  ["offline", 3, "Saving changes in this browser", "soon"],
  ["offline", 3, "3 changes not saved; keep this page open", "no"],
  ["sending", 1, "Syncing", "soon"],
  ["synced", 0, "Saved"],
  ["pending", 2, "Syncing"],
  ["sending", 1, "Syncing"],
  ["offline", 0, "No connection; changes are stored in this browser"],
  ["offline", 1, "No connection; 1 change not sent yet"],
  ["offline", 3, "No connection; 3 changes not sent yet"],
  ["refused", 2, "2 changes could not be sent"],
]) {
  test(`how far it has come is told in words: ${state}, ${pending}, stored: ${kept}`, () =>
    assert.equal(describeSaved(state, pending, kept).words, words));
}

test("who sees a video is told in words", () => {
  const cases = [{}, { is_hidden: true }, { status: "processing" }, { deleted_at: "2026-01-01" }];
  const told = cases.map((fields) => describeAudience(video({ error: null, ...fields })).words);
  assert.deepEqual(told, ["Shown", "Hidden", "Processing", "Deleted"]);
});

// Texts that several write at once

/** @param {SharedText} text */
const written = (text) => ({ value: text.value, state: text.state });

test("what two have made of one text is merged alike by both, and what was never changed stays once", () => {
  const [one, other] = [SharedText.of({ value: "Round 7" }), SharedText.of({ value: "Round 7" })];
  one.write("The end of Round 7");
  other.write("Round 7, on Ascent");
  const [ones, others] = [written(one), written(other)];
  assert.ok(one.merge(others));
  assert.ok(other.merge(ones));
  assert.equal(one.value, "The end of Round 7, on Ascent");
  assert.equal(other.value, one.value);
  assert.equal(SharedText.of(written(one)).value, one.value);
});

test("a text that nobody has touched is what others have made of it", () => {
  const one = SharedText.of({ value: "Round 7" });
  const other = SharedText.of({ value: "Round 7" });
  other.write("Round 8");
  assert.ok(one.merge(written(other)));
  assert.equal(one.value, "Round 8");
});

for (const [name, other] of [
  ["of another beginning", written(SharedText.of({ value: "Round 8" }))],
  ["without a state", { value: "Round 8" }],
  ["whose state has another text", { value: "Round 8", state: SharedText.of({ value: "Round 9" }).state }],
  ["whose state is nonsense", { value: "Round 8", state: "1.AAAA" }],
  ["whose state is no base64", { value: "Round 8", state: "1.%" }],
])
  test(`one ${name} is not merged`, () => {
    const one = SharedText.of({ value: "Round 7" });
    one.write("Round 7!");
    const before = one.state;
    assert.equal(one.merge(other), false);
    assert.deepEqual([one.value, one.state], ["Round 7!", before]);
  });

test("one that would be too long is not merged", () => {
  const [one, other] = [SharedText.of({ value: "ab" }), SharedText.of({ value: "ab" })];
  one.write("ab1");
  other.write("2ab");
  assert.equal(one.merge(written(other), 3), false);
  assert.equal(one.value, "ab1");
  assert.ok(one.merge(written(other), 4));
});

test("a change is of whole characters", () => {
  assert.deepEqual(findEdit("a😀b", "a😁b"), { start: 1, removed: 2, added: "😁" });
  // The same second half: U+1F600 and U+1FA00.
  assert.deepEqual(findEdit("\u{1f600}", "\u{1fa00}"), { start: 0, removed: 2, added: "\u{1fa00}" });
  assert.deepEqual(findEdit("aaa", "aaaa"), { start: 3, removed: 0, added: "a" });
  assert.deepEqual(findEdit("abc", ""), { start: 0, removed: 3, added: "" });
  const text = SharedText.of({ value: "a😀b" });
  text.write("a😁b");
  assert.equal(SharedText.of(written(text)).value, "a😁b");
});

test("a place is found again after others have written before it", () => {
  const [one, other] = [SharedText.of({ value: "abcd" }), SharedText.of({ value: "abcd" })];
  other.write("12abcd");
  const places = one.hold(0, 2, 4);
  one.merge(written(other));
  assert.deepEqual(places(), [0, 4, 6]);
});

test("a state that has grown too long begins anew", () => {
  const text = SharedText.of({ value: "" });
  const random = numbers(3);
  // Letters that come one by one, anywhere, make as many pieces.
  for (let count = 0; count < 9000; count += 1) {
    const { value } = text;
    const at = Math.floor(random() * (value.length + 1));
    text.write(`${value.slice(0, at)}${String.fromCharCode(97 + (count % 26))}${value.slice(at)}`);
  }
  assert.equal(text.value.length, 9000);
  const state = text.state;
  assert.ok(state.length < 100_000);
  assert.ok(state.startsWith(`${hashText(text.value)}.`));
  assert.equal(SharedText.of({ value: text.value, state }).value, text.value);
});

test("three who write and hear of each other at random come to one text with every letter", () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = numbers(seed);
    const pick = (/** @type {number} */ count) => Math.floor(random() * count);
    const texts = Array.from({ length: 3 }, () => SharedText.of({ value: "begun" }));
    const letters = [];
    for (let step = 0; step < 60; step += 1) {
      const text = texts[pick(3)];
      if (random() < 0.6) {
        const letter = `<${step}>`;
        letters.push(letter);
        const at = pick(text.value.length + 1);
        text.write(text.value.slice(0, at) + letter + text.value.slice(at));
      } else assert.ok(text.merge(written(texts[pick(3)])));
    }
    for (let round = 0; round < 2; round += 1)
      for (const one of texts) for (const other of texts) assert.ok(one.merge(written(other)));
    assert.deepEqual([texts[1].value, texts[2].value], [texts[0].value, texts[0].value]);
    // A later letter may stand within an earlier one.
    for (const letter of [...letters.join("")]) assert.ok(texts[0].value.includes(letter));
    assert.equal(texts[0].value.length, "begun".length + letters.join("").length);
  }
});
