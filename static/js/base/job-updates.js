// Live updates of the jobs that the user may see. All subscribers of a page share one WebSocket.

import { ApiError, listJobs, readJob } from "./api.js";
import { LiveChannel } from "./live-channel.js";

const NEWEST = 100; // number of jobs that a poll requests
const SIGNED_OUT = 4401;

/**
 * @typedef {import("./live-channel.js").LiveState} LiveState
 * @typedef {object} Subscriber
 * @property {string} [id] The only job to receive; all jobs if omitted.
 * @property {(job: any, revision?: number) => void} onJob Receives jobs from messages, and from API responses, which
 * have no revision.
 * @property {(list: {jobs: any[], total: number}) => void} [onList] Receives each list of the newest jobs, after `onJob`.
 * @property {(id: string) => void} [onGone] Receives the ids of deleted jobs.
 * @property {(state: LiveState) => void} [onState]
 */

/** @type {Set<Subscriber>} */ const subscribers = new Set();
/** Subscribers whose job is being fetched from the API. @type {Set<Subscriber>} */ const waiting = new Set();
/** @type {LiveChannel|null} */ let channel = null;
/** @type {LiveState} */ let state = "connecting";

/**
 * Subscribe to job updates until `close` is called.
 * @param {Subscriber} subscriber
 */
export function watchJobs(subscriber) {
  subscribers.add(subscriber);
  if (channel) {
    subscriber.onState?.(state);
    if (state !== "connecting") readMissing(subscriber);
  } else connect();
  const close = () => {
    waiting.delete(subscriber);
    if (!subscribers.delete(subscriber) || subscribers.size) return;
    channel?.close();
    channel = null;
  };
  return { close };
}

function connect() {
  channel = new LiveChannel("/ws/jobs/", {
    onMessage: (message) => {
      if (message.type === "jobs") showList(message);
      else if (message.type === "job") showJob(message.job, message.revision);
      else if (message.type === "gone") for (const one of select(message.id)) one.onGone?.(message.id);
    },
    snapshot: () => listJobs(NEWEST),
    onSnapshot: showList,
    onState: showState,
    subject: (message) => message.job?.id ?? message.id ?? "",
    // Reconnect even after the close code 4404 (the server has no such socket): meanwhile, the page can poll the API.
    final: new Set([SIGNED_OUT]),
  });
}

/** Return the subscribers that follow a job. @param {string} id */
const select = (id) => [...subscribers].filter((one) => !one.id || one.id === id);

/** @param {any} job @param {number} [revision] */
function showJob(job, revision) {
  for (const one of select(job.id)) {
    waiting.delete(one); // ignore the response of a running request, which may be older
    one.onJob(job, revision);
  }
}

/** @param {{jobs: any[], total: number}} list */
function showList(list) {
  for (const job of list.jobs) showJob(job);
  for (const one of [...subscribers]) {
    one.onList?.(list);
    if (!list.jobs.some((job) => job.id === one.id)) readMissing(one);
  }
}

/** Read a subscriber's job, which is not among the newest jobs. @param {Subscriber} subscriber */
async function readMissing(subscriber) {
  const { id, onJob, onGone } = subscriber;
  if (!id) return;
  waiting.add(subscriber);
  try {
    const job = await readJob(id);
    if (waiting.delete(subscriber)) onJob(job);
  } catch (error) {
    // Ignore other errors: the next list causes another request.
    if (waiting.delete(subscriber) && error instanceof ApiError && error.status === 404) onGone?.(id);
  }
}

/** @param {LiveState} now */
function showState(now) {
  state = now;
  retry?.closest(".banner")?.toggleAttribute("hidden", now !== "polling");
  for (const one of [...subscribers]) one.onState?.(now);
}

// Some pages have a banner about stopped live updates.
const retry = document.querySelector("[data-live-retry]");
retry?.addEventListener("click", () => channel?.retry());
