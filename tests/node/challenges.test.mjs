// How a challenge's clips are sent: in pieces of what size, and how long it waits after a failure.

import assert from "node:assert/strict";
import test from "node:test";

import { chooseChunkSize, chooseWait } from "./js/challenges/create/chunk-size.js";

const KIB = 2 ** 10;
const MIB = 2 ** 20;

/** Bytes of a piece on such a network. */
function pieces({ speed = 0, kind = "", downlink = 0, largest = MIB } = {}) {
  return chooseChunkSize({ speed, kind, downlink }, largest, { least: 64 * KIB, most: 64 * MIB });
}

test("pieces are as large as the network is fast", () => {
  assert.equal(pieces({ kind: "2g" }), 256 * KIB);
  assert.equal(pieces({ kind: "slow-2g" }), 256 * KIB);
  assert.equal(pieces({ kind: "3g" }), 512 * KIB);
  assert.equal(pieces(), MIB);
  assert.equal(pieces({ kind: "4g", downlink: 1 }), MIB);
  assert.equal(pieces({ kind: "4g", downlink: 10 }), 4 * MIB);
});

test("what was measured tells more than what the browser guesses", () => {
  assert.equal(pieces({ speed: 300_000, kind: "4g", downlink: 10 }), 512 * KIB);
  assert.equal(pieces({ speed: 10_000, kind: "4g" }), 256 * KIB);
  assert.equal(pieces({ speed: 1e9 }), 4 * MIB);
});

test("the largest file that a plan takes has not too many pieces", () => {
  const largest = 20 * 1024 * MIB;
  assert.ok(largest / pieces({ kind: "2g", largest }) <= 25_000);
});

test("each wait is longer than the one before, and the server is heard", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 9].map((failures) => chooseWait(failures, null, 0.5)),
    [1000, 2000, 4000, 8000, 30_000],
  );
  assert.deepEqual(
    [0, 1].map((chance) => chooseWait(1, 7, chance)),
    [7000, 8400],
  );
});
