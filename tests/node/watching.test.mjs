// What the page of one video computes: preview pictures, the outline of the sound, and where somebody left off.

import assert from "node:assert/strict";
import test from "node:test";

import { Sprite, parseSprite } from "./js/base/sprite.js";
import { makeOutline } from "./js/base/waveform.js";
import { Place } from "./js/videos/playback-memory.js";

const SHEET = `WEBVTT

00:00:00.000 --> 00:00:02.500
sprite.jpg#xywh=0,0,160,90

00:02.500 --> 01:00:00.000
sprite.jpg#xywh=160,0,160,90
`;

test("a sprite sheet says which piece belongs to which time", () => {
  const { image, cues } = parseSprite(SHEET);
  assert.equal(image, "sprite.jpg");
  assert.deepEqual(cues[1], { from: 2.5, to: 3600, x: 160, y: 0, width: 160, height: 90 });
  assert.deepEqual(
    [0, 2.4, 2.5, 9999].map((time) => new Sprite(null, cues).at(time).x),
    [0, 0, 160, 160],
  );
});

test("a file that is no sheet has no picture", () => {
  for (const text of ["", "WEBVTT\n\n00:00.000 --> 00:01.000\nWords", "<html>"])
    assert.equal(parseSprite(text).cues.length, 0);
});

test("the last twenty sheets are kept", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (address) => {
    assert.match(address, /^\/sheets\/\d+\.vtt$/);
    asked.push(address.split("/").at(-1));
    return new Response(SHEET);
  });
  globalThis.location = { href: "http://localhost/login" };
  globalThis.Image = class {
    async decode() {
      assert.equal(this.src, "http://localhost/sheets/sprite.jpg");
    }
  };
  t.after(() => {
    delete globalThis.location;
    delete globalThis.Image;
  });
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  for (const n of [...numbers, 0, 20, 0, 1]) await Sprite.load(`/sheets/${n}.vtt`);
  // The one used again stayed for the new one, and the one that was not went.
  assert.deepEqual(
    asked,
    [...numbers, 20, 1].map((n) => `${n}.vtt`),
  );
});

test("an outline is one closed shape and silence a line", () => {
  assert.equal(makeOutline([-128, 127, 0, 0], 128), "M0 0.4L1 49.5L1 50.5L0 100.0Z");
});

test("a place is gone back to unless it is at either end", (t) => {
  const stored = new Map();
  globalThis.localStorage = {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => stored.set(name, String(value)),
  };
  t.after(() => delete globalThis.localStorage);
  const left = (id, at) => {
    const place = new Place(id);
    place.note(at, 100);
    place.keep();
    return new Place(id).of(100);
  };
  assert.deepEqual(
    [42.5, 3, 97, 95].map((at) => left("a", at)),
    [42.5, null, null, 95],
  );
  new Place("unseen").keep();
  for (let n = 0; n < 210; n += 1) left(`v${n}`, 50);
  const kept = Object.keys(JSON.parse(stored.get("vod-places")));
  assert.deepEqual([kept.length, kept.includes("v9"), kept.includes("v10")], [200, false, true]);
});
