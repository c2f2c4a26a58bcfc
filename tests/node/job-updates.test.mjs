// Job updates: all subscribers share one socket, and a subscriber to an old job gets it from the API.

import assert from "node:assert/strict";
import test from "node:test";

/** @type {Socket[]} */ const sockets = [];
/** @type {Map<string, (response: object) => void>} */ const requests = new Map();

class Socket {
  constructor(address) {
    this.address = address;
    sockets.push(this);
  }

  close() {
    this.isClosed = true;
  }
}

Object.assign(globalThis, {
  window: Object.assign(new EventTarget(), { setTimeout, setInterval }),
  document: { querySelector: () => null, querySelectorAll: () => [] },
  location: { protocol: "https:", host: "here" },
  WebSocket: Socket,
  fetch: (url) => new Promise((resolve) => requests.set(url, resolve)),
});
const { watchJobs } = await import("./js/base/job-updates.js");

const send = (message) => sockets.at(-1).onmessage({ data: JSON.stringify(message) });
const sendList = (...jobs) => send({ type: "jobs", revision: Date.now(), jobs, total: jobs.length });
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function answer(id, status, body) {
  requests.get(`/api/v1/jobs/${id}`)(Response.json(body, { status }));
  requests.delete(`/api/v1/jobs/${id}`);
  await settle();
  await settle();
}

test("all subscribers share one socket, which closes after the last of them", () => {
  const before = sockets.length;
  const first = watchJobs({ onJob: () => {} });
  const second = watchJobs({ onJob: () => {} });
  assert.deepEqual(
    sockets.slice(before).map(({ address }) => address),
    ["wss://here/ws/jobs/"],
  );
  first.close();
  assert.ok(!sockets.at(-1).isClosed);
  second.close();
  assert.ok(sockets.at(-1).isClosed);
});

test("a subscriber to one job receives only this job", () => {
  const heard = [];
  const { close } = watchJobs({ id: "a", onJob: (job) => heard.push(job.progress), onGone: (id) => heard.push(id) });
  sendList({ id: "a", progress: 1 }, { id: "b", progress: 2 });
  send({ type: "job", revision: 2, job: { id: "b", progress: 3 } });
  send({ type: "job", revision: 2, job: { id: "a", progress: 4 } });
  send({ type: "gone", id: "b" });
  send({ type: "gone", id: "a" });
  assert.deepEqual(heard, [1, 4, "a"]);
  assert.equal(requests.size, 0);
  close();
});

test("a subscriber to all jobs receives the list after its jobs, and the revisions", () => {
  const heard = [];
  const onJob = ({ id }, revision) => heard.push([id, revision]);
  const { close } = watchJobs({ onJob, onList: ({ total }) => heard.push(total) });
  sendList({ id: "a" }, { id: "b" });
  send({ type: "job", revision: 7, job: { id: "a" } });
  assert.deepEqual(heard, [["a", undefined], ["b", undefined], 2, ["a", 7]]);
  close();
});

test("a job that is not among the newest is read from the API", async () => {
  const heard = [];
  const { close } = watchJobs({ id: "old", onJob: (job) => heard.push(job.status) });
  sendList({ id: "a" });
  await answer("old", 200, { id: "old", status: "completed" });
  assert.deepEqual(heard, ["completed"]);
  close();
});

test("a message that arrives during the request replaces the response", async () => {
  const heard = [];
  const { close } = watchJobs({ id: "old", onJob: (job) => heard.push(job.status) });
  sendList({ id: "a" });
  send({ type: "job", revision: 2, job: { id: "old", status: "completed" } });
  await answer("old", 200, { id: "old", status: "processing" });
  assert.deepEqual(heard, ["completed"]);
  close();
});

test("a job that the API does not know is reported as gone, but not after the subscriber has left", async () => {
  const heard = [];
  const onGone = (id) => heard.push(id);
  const staying = watchJobs({ id: "old", onJob: () => {}, onGone });
  const leaving = watchJobs({ id: "other", onJob: () => {}, onGone });
  sendList({ id: "a" });
  leaving.close();
  await answer("old", 404, { error: { type: "job_not_found", message: "" } });
  await answer("other", 404, { error: { type: "job_not_found", message: "" } });
  assert.deepEqual(heard, ["old"]);
  staying.close();
});

test("a subscriber that comes later reads its job at once", async () => {
  const heard = [];
  const first = watchJobs({ onJob: () => {} });
  sendList({ id: "a" });
  const later = watchJobs({ id: "a", onJob: (job) => heard.push(job.status), onState: (state) => heard.push(state) });
  await answer("a", 200, { id: "a", status: "queued" });
  assert.deepEqual(heard, ["live", "queued"]);
  first.close();
  later.close();
});
