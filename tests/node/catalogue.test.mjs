// The catalogue's pages: what a change means for what is shown, and what they say in words.

import assert from "node:assert/strict";
import test from "node:test";

import { meaning, views } from "./js/catalogue/matching.js";
import { audience, savedLine } from "./js/catalogue/words.js";

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
  ["one that is shown and featured no more", video(), { ...ANY, featured: true }, video({ is_featured: true }), "draw"],
  ["one older than what is shown", older, ANY, video(), "none"],
  ["a deleted one", gone, ANY, video(), "remove"],
  ["a deleted one where those are asked for", gone, { ...ANY, status: "deleted" }, null, "offer"],
  ["one that is deleted no more where those are asked for", video(), { ...ANY, status: "deleted" }, gone, "remove"],
  ["a hidden one where those are asked for", video({ is_hidden: true }), { ...ANY, status: "hidden" }, null, "offer"],
  ["a ready one where failed ones are asked for", video(), { ...ANY, status: "failed" }, null, "remove"],
  ["one that may be seen no more", null, ANY, video(), "remove"],
]) {
  test(`what a change means depends on what is shown: ${name}`, () =>
    assert.equal(meaning({ new: changed, old: shown }, query, shown), expected));
}

test("views are told as people say them", () => {
  assert.deepEqual([0, 1, 2, 1234, 18_234, 2_000_000].map(views), [
    "no views yet",
    "1 view",
    "2 views",
    "1,234 views",
    "18.2K views",
    "2M views",
  ]);
});

for (const [state, pending, words] of [
  ["synced", 0, "Saved"],
  ["pending", 2, "Syncing"],
  ["sending", 1, "Syncing"],
  ["offline", 0, "No connection; what you change is kept here"],
  ["offline", 1, "1 change waits for the network"],
  ["offline", 3, "3 changes wait for the network"],
  ["refused", 2, "2 changes could not be sent"],
]) {
  test(`how far it has come is told in words: ${state}, ${pending}`, () =>
    assert.equal(savedLine(state, pending).words, words));
}

test("who sees a video is told in words", () => {
  const base = { status: "ready", is_hidden: false, deleted_at: null, error: null };
  const cases = [
    base,
    { ...base, is_hidden: true },
    { ...base, status: "processing" },
    { ...base, deleted_at: "2026-01-01" },
  ];
  assert.deepEqual(
    cases.map((one) => audience(one).words),
    ["Shown", "Hidden", "Processing", "Deleted"],
  );
});
