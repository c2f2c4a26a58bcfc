// What tus-js-client is answered in place of the tus door where a file goes straight to the bucket.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { DirectStack, mayGoDirect, choosePartSize } from "./js/uploads/direct-upload.js";

const PIECE = 10;
const SIZE = 25;
const AT = "/api/v1/uploads/tus/u1";
/** @type {{method: string, url: string, body: any}[]} */ let asked;
/** @type {Record<string, {status?: number, body?: any, headers?: Record<string, string>}>} by method and address */ let answers;
/** @type {number[]} */ let puts;
let bucketSays = 200;

beforeEach(() => {
  asked = [];
  puts = [];
  bucketSays = 200;
  answers = {
    "POST /api/v1/uploads": { status: 201, body: { session_id: "u1", expires_at: "2030-01-01T00:00:00Z" } },
    "POST /api/v1/uploads/u1/addresses": {
      body: { chunks: [0, 1, 2].map((chunk_number) => ({ chunk_number, url: `https://bucket/${chunk_number}` })) },
    },
    "POST /api/v1/uploads/u1/complete": { body: {}, headers: { "X-Resource-Id": "v1" } },
  };
  Object.assign(globalThis, {
    location: { href: "https://site/upload" },
    document: { body: { dataset: { s3Cors: "" } }, cookie: "" },
    fetch: async (/** @type {string} */ url, /** @type {any} */ { method, body }) => {
      asked.push({ method, url, body: body && JSON.parse(body) });
      const { status = 200, body: said, headers } = answers[`${method} ${url}`];
      return new Response(JSON.stringify(said), { status, headers });
    },
    XMLHttpRequest: class {
      upload = {};
      status = bucketSays;
      open(/** @type {string} */ _, /** @type {string} */ url) {
        puts.push(Number(url.at(-1)));
      }
      send() {
        const { onload, onerror } = /** @type {any} */ (this);
        (bucketSays ? onload : onerror)();
      }
      abort() {}
    },
  });
});

const stack = () => new DirectStack({ size: SIZE, piece: PIECE, begin: () => ({ filename: "a.mp4" }) });

/** Send the first request of tus-js-client for an upload that was begun before. */
const resume = (on = stack()) => on.createRequest("HEAD", AT).send();

/** @param {string} status @param {number[]} remaining */
function stands(status, ...remaining) {
  answers["GET /api/v1/uploads/u1/status"] = { body: { status, remaining_chunks: remaining } };
}

/** @param {DirectStack} on @param {number} offset @param {number} length */
function send(on, offset, length) {
  const request = on.createRequest("PATCH", AT);
  request.setHeader("Upload-Offset", `${offset}`);
  return request.send(new Blob(["x".repeat(length)]));
}

test("pieces are as large as usual, and of a file with too many of them larger", () => {
  assert.equal(choosePartSize(100, PIECE), PIECE);
  assert.equal(choosePartSize(200_001, PIECE), 21);
});

test("only what the API's direct uploads know is sent by them", () => {
  assert.ok(mayGoDirect({ purpose: "catalogue", video_id: "v" }));
  assert.ok(!mayGoDirect({ purpose: "analysis", source: "s" }));
  delete document.body.dataset.s3Cors;
  assert.ok(!mayGoDirect({ purpose: "library" }));
});

test("it begins with what is said of the file, and is found where the tus door would have it", async () => {
  const answer = await stack().createRequest("POST", "/api/v1/uploads/tus/").send();
  assert.deepEqual(asked[0].body, { filename: "a.mp4", size: SIZE, chunk_size: PIECE, direct: true });
  assert.deepEqual([answer.getStatus(), answer.getHeader("Location")], [201, AT]);
});

test("addresses are asked for once for many pieces, and the last piece completes it", async () => {
  const on = stack();
  assert.equal((await send(on, 0, 10)).getHeader("Upload-Offset"), "10");
  assert.equal((await send(on, 10, 10)).getStatus(), 204);
  const last = await send(on, 20, 5);
  assert.equal(last.getHeader("Upload-Offset"), "25");
  assert.equal(last.getHeader("X-Resource-Id"), "v1");
  assert.deepEqual(puts, [0, 1, 2]);
  assert.deepEqual(
    asked.map(({ url }) => url.split("/").pop()),
    ["addresses", "complete"],
  );
});

test("an address that is over, or cannot be reached, is a passing fault, and others are asked for", async () => {
  const on = stack();
  await send(on, 0, 10);
  bucketSays = 403;
  assert.equal((await send(on, 10, 10)).getStatus(), 503);
  bucketSays = 200;
  assert.equal((await send(on, 10, 10)).getStatus(), 204);
  assert.equal(asked.filter(({ url }) => url.endsWith("addresses")).length, 2);
  bucketSays = 0;
  await assert.rejects(send(on, 20, 5));
  bucketSays = 200;
  assert.equal((await send(on, 20, 5)).getHeader("Upload-Offset"), "25");
  assert.equal(asked.filter(({ url }) => url.endsWith("addresses")).length, 3);
});

test("a bucket that was never reached is not there for this browser", async () => {
  const on = stack();
  bucketSays = 0;
  for (const isShutOut of [false, false, true]) {
    await assert.rejects(send(on, 0, 10));
    assert.equal(on.isShutOut, isShutOut);
  }
});

test("one that says nothing is not there either", async () => {
  const on = stack();
  globalThis.XMLHttpRequest.prototype.send = () => {};
  for (let time = 0; time < 3; time += 1) {
    send(on, 0, 10);
    await new Promise((resolve) => setTimeout(resolve, 5));
    on.giveUp();
    on.giveUp();
  }
  assert.ok(on.isShutOut);
  assert.equal(on.unreached, 3);
});

test("one that has taken a piece, before the page was opened or since, or answers, is", async () => {
  const resumed = stack();
  stands("uploading", 2);
  await resume(resumed);
  bucketSays = 0;
  for (let time = 0; time < 5; time += 1) await assert.rejects(send(resumed, 20, 5));
  assert.ok(!resumed.isShutOut);
  const on = stack();
  for (const says of [0, 0, 403, 0, 0]) {
    bucketSays = says;
    await send(on, 0, 10).catch(() => {});
  }
  assert.ok(!on.isShutOut);
  bucketSays = 200;
  await send(on, 0, 10);
  bucketSays = 0;
  for (let time = 0; time < 5; time += 1) await assert.rejects(send(on, 10, 10));
  assert.ok(!on.isShutOut);
});

test("what the API refuses is told as the tus door would", async () => {
  answers["POST /api/v1/uploads/u1/addresses"] = { status: 410, body: { type: "upload_expired" } };
  assert.equal((await send(stack(), 0, 10)).getStatus(), 410);
});

test("a piece that did not last is sent again", async () => {
  answers["POST /api/v1/uploads/u1/complete"] = { status: 409, body: { type: "chunk_missing" } };
  const answer = await send(stack(), 20, 5);
  assert.deepEqual([answer.getStatus(), JSON.parse(answer.getBody())], [409, { type: "upload_conflict" }]);
});

test("it goes on at the first piece that is missing", async () => {
  stands("uploading", 2, 1);
  assert.equal((await resume()).getHeader("Upload-Offset"), "10");
});

test("one that is all there is completed, or asked for again where its last piece did not last", async () => {
  stands("uploading");
  const answer = await resume();
  assert.deepEqual([answer.getHeader("Upload-Offset"), answer.getHeader("X-Resource-Id")], ["25", "v1"]);
  answers["POST /api/v1/uploads/u1/complete"] = { status: 409, body: { type: "chunk_missing" } };
  assert.equal((await resume()).getStatus(), 423);
});

test("one that has ended says so as the tus door would", async () => {
  for (const [status, code] of Object.entries({ completed: 409, failed: 409, expired: 410, cancelled: 404 })) {
    stands(status);
    assert.equal((await resume()).getStatus(), code);
  }
});
