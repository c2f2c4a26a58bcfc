// Files on their way to the server: which of those dropped can be read, how fast they go, and what is left.

import assert from "node:assert/strict";
import { File } from "node:buffer";
import test from "node:test";

import { readDropped } from "./js/uploads/file-picker.js";
import { formatTimeLeft } from "./js/base/format.js";
import { Speed } from "./js/uploads/transfer-speed.js";
import { assertMatches, near } from "./near.mjs";

const MIB = 2 ** 20;

test("speed is that of the last seconds", () => {
  const speedOf = (samples) => {
    const speed = new Speed();
    for (const [at, bytes] of samples) speed.note(bytes, at);
    return speed.value;
  };
  const steady = Array.from({ length: 20 }, (_, second) => [second * 1000, second * 5 * MIB]);
  assertMatches(speedOf(steady), near(5 * MIB));
  const slower = Array.from({ length: 8 }, (_, second) => [20_000 + second * 1000, 100 * MIB + second * MIB]);
  assertMatches(speedOf([...steady, ...slower]), near(MIB));
  assert.equal(speedOf([[0, 0]]), 0);
  // What has to be sent again is no speed.
  assert.equal(speedOf([...steady, [20_000, 0]]), 0);
});

test("what is left is told in the unit that fits", () => {
  assert.deepEqual([0.2, 30, 240, 7800].map(formatTimeLeft), [
    "1 s left",
    "30 s left",
    "4 min left",
    "2 h 10 min left",
  ]);
});

test("what cannot be read of what was dropped is named and costs none of the rest", async () => {
  const file = (name) => new File(["1"], name);
  const lost = () => {
    throw new DOMException("gone", "NotFoundError");
  };
  const handles = [
    { kind: "file", name: "moved.mp4", getFile: async () => lost() },
    { kind: "directory", name: "locked", values: () => lost() },
    { kind: "file", name: "good.mp4", getFile: async () => file("good.mp4") },
  ];
  const folder = {
    kind: "directory",
    name: "scrim",
    async *values() {
      yield* handles;
    },
  };
  const items = [
    { kind: "file", getAsFile: () => null, getAsFileSystemHandle: async () => folder },
    { kind: "file", getAsFile: () => null, webkitGetAsEntry: () => ({ name: "gone.mp4", isDirectory: false }) },
    { kind: "file", getAsFile: () => file("last.mp4") },
  ];
  const names = [];
  const found = await readDropped({ items }, (name) => names.push(name));
  assert.deepEqual(
    found.map((one) => one.file.name),
    ["good.mp4", "last.mp4"],
  );
  assert.deepEqual(names, ["moved.mp4", "locked", "gone.mp4"]);
});
