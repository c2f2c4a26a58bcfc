// The words for what is known of a video, and the list of uploads that have not ended.

import assert from "node:assert/strict";
import test from "node:test";

import { formatPartOfBytes, formatDay, listLiveUploads, parseTags, formatPicture } from "./js/videos/api.js";
import { formatChapters, decodeText, parseChapters } from "./js/videos/text-tracks.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

test("how much of how much says the unit once", () => {
  assert.equal(formatPartOfBytes(1.3 * GIB, 2 * GIB), "1.3 of 2 GiB");
  assert.equal(formatPartOfBytes(412 * MIB, 2 * GIB), "412 MiB of 2 GiB");
  assert.equal(formatPartOfBytes(38.2 * GIB, 100 * GIB), "38.2 of 100 GiB");
});

test("a picture is named as people name it", () => {
  assert.equal(formatPicture({ width: 1920, height: 1080, fps: 60 }), "1080p60");
  assert.equal(formatPicture({ width: 1280, height: 720, fps: 29.97 }), "720p29.97");
  assert.equal(formatPicture({ width: 1280, height: 720, fps: 59.999 }), "720p60");
  assert.equal(formatPicture({ width: 1080, height: 1920, fps: 30 }), "1080×1920");
  assert.equal(formatPicture({ width: 0, height: 0, fps: 0 }), "");
});

test("a day is told as short as it is clear", () => {
  const times = ["2026-03-05T14:02", "2026-03-04T23:59", "2026-03-03T09:00", "2025-12-31T09:00"];
  const told = times.map((then) => formatDay(new Date(then), new Date("2026-03-05T14:30")));
  assert.deepEqual(told, ["Today, 14:02", "Yesterday", "3 Mar", "2025-12-31"]);
});

test("tags are parted by commas and each is there once", () => {
  const texts = [" ascent,scrim ,, ascent", "two  words", " , "];
  assert.deepEqual(texts.map(parseTags), [["ascent", "scrim"], ["two words"], []]);
});

test("more than a page of uploads is read to its end", async (t) => {
  const asked = [];
  t.mock.method(globalThis, "fetch", async (address) => {
    assert.match(address, /^\/api\/v1\/uploads\?/);
    asked.push(address);
    const offset = Number(address.split("offset=").at(-1));
    // One that began meanwhile has moved the second page on by one.
    const first = offset === 0 ? 0 : offset - 1;
    const uploads = [];
    for (let number = first; number < Math.min(230, first + 100); number += 1) uploads.push({ id: String(number) });
    return Response.json({ uploads, total: 231 });
  });
  const found = (await listLiveUploads()).map((upload) => upload.id);
  assert.deepEqual(
    found,
    Array.from({ length: 230 }, (_, number) => String(number)),
  );
  assert.equal(asked.length, 3);
});

test("chapters are read as people write them, and written as they are read", () => {
  const { content, problem } = parseChapters(
    "0:00 Warm-up\n\n[1:35] - First <half> & more\n1:02:03.25 – Second half",
    4000,
  );
  assert.equal(problem, "");
  assert.equal(
    content,
    "WEBVTT\n\n00:00:00.000 --> 00:01:35.000\nWarm-up\n\n00:01:35.000 --> 01:02:03.250\nFirst &lt;half&gt; &amp; more\n\n" +
      "01:02:03.250 --> 01:06:40.000\nSecond half\n",
  );
  const chapters = [
    { start: 0, text: "Warm-up" },
    { start: 95, text: "First half" },
    { start: 3723.25, text: "Second half" },
  ];
  assert.equal(formatChapters(chapters), "0:00 Warm-up\n1:35 First half\n1:02:03.25 Second half");
});

test("a line that is no chapter is named", () => {
  const wrong = {
    "Warm-up": "must begin with a time",
    "1. Warm-up": "must begin with a time",
    "0:05": "needs a name after the time",
    "5:00 Late": "after the end of the video",
  };
  for (const [line, sentence] of Object.entries(wrong))
    assert.ok(parseChapters(line, 60).problem.includes(sentence), line);
  assert.ok(parseChapters("0:10 B\n0:05 A", 60).problem.includes("“0:05 A” must be later than"));
});

test("a file of captions is read in the encodings that programs write", () => {
  const bytes = (...all) => new Uint8Array(all).buffer;
  assert.equal(decodeText(new TextEncoder().encode("Žito").buffer), "Žito");
  assert.equal(decodeText(bytes(0x63, 0x61, 0x66, 0xe9)), "café");
  assert.equal(decodeText(bytes(0xff, 0xfe, 0x41, 0x00)), "A");
});
