// Keeps analyses up to date: their jobs' messages as they come, and while one is worked on a question every few seconds,
// for the estimate of the time left is in the status alone. What is shown of them the pages know.

import { ApiError, jobs } from "../base/api.js";
import { LiveChannel } from "../base/live.js";
import { isLive, stateOf } from "./words.js";
import { readSession } from "./api.js";

/**
 * @typedef {import("./api.js").Session} Session
 *
 * @typedef {object} FollowOptions
 * @property {() => Session[]} sessions those that are shown
 * @property {(session: Session) => void} onChange one of them is another now
 * @property {(id: string) => void} onGone it has been deleted
 * @property {(job: any) => void} [onUnknown] an analysis that is none of them
 * @property {(state: import("../base/live.js").LiveState) => void} [onState]
 */

/** The kinds of jobs that analyses are. */
const JOB_KINDS = new Set(["highlights", "workout"]);
const SETTLES = 120; // ms: a job that is cancelled may be gone with all of it in the next message
const ASK = 5000; // ms between two questions for the time left
const AFTER_ALL = 60_000; // ms between two questions whether what should have run out has
const NEWEST = 100;
const SIGNED_OUT = 4401;

export class Follower {
  /** @type {Map<string, {again: boolean, request: AbortController}>} what is being read, and whether it has changed meanwhile */ #reading =
    new Map();
  /** @type {Set<string>} what could not be read: read when there is a network or a session again */ #unread =
    new Set();
  /** @type {Map<string, number>} timers of what is asked in a moment */ #due = new Map();
  /** @type {Set<string>} what is being deleted: to ask for it would only find that it is gone */ #leaving = new Set();
  /** @type {Map<string, number>} when the status of each was last had, milliseconds as performance.now() */ #readAt =
    new Map();

  /** @param {FollowOptions} options */
  constructor(options) {
    this.options = options;
    this.live = new LiveChannel("/ws/jobs/", {
      onMessage: (message) => this.#receive(message),
      snapshot: () => jobs(NEWEST),
      onSnapshot: (snapshot) => snapshot.jobs.forEach((/** @type {any} */ job) => this.#change(job)),
      onState: (state) => options.onState?.(state),
      subject: (message) => message.job?.id ?? message.id ?? "",
      final: new Set([SIGNED_OUT]),
    });
    setInterval(() => this.#askForTimes(), 1000);
    for (const event of ["online", "signedin"]) window.addEventListener(event, () => this.#askAgain());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#askForTimes());
  }

  /**
   * Seconds that are left of the work on one; null while nobody can tell.
   * @param {Session} session
   */
  left(session) {
    const { sessionId, eta_seconds } = session;
    if (stateOf(session) !== "processing" || typeof eta_seconds !== "number") return null;
    return Math.max(0, eta_seconds - (performance.now() - (this.#readAt.get(sessionId) ?? performance.now())) / 1000);
  }

  /** Note that the status of these has just been had. @param {Session[]} sessions */
  had(sessions) {
    for (const { sessionId } of sessions) this.#readAt.set(sessionId, performance.now());
  }

  /**
   * Delete one; nothing is asked of it meanwhile.
   * @param {string} id
   * @param {() => Promise<unknown>} remove
   */
  async remove(id, remove) {
    this.#leaving.add(id);
    this.#reading.get(id)?.request.abort();
    clearTimeout(this.#due.get(id));
    try {
      await remove();
    } finally {
      this.#leaving.delete(id);
    }
  }

  /** @param {string} id read its status again */
  async ask(id) {
    if (this.#leaving.has(id)) return;
    const before = this.#reading.get(id);
    if (before) {
      before.again = true;
      return;
    }
    const reading = { again: false, request: new AbortController() };
    this.#reading.set(id, reading);
    this.#unread.delete(id);
    try {
      const session = await readSession(id, reading.request.signal);
      this.had([session]);
      if (this.#find((one) => one.sessionId === id)) this.options.onChange(session);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.options.onGone(id);
      else if (!reading.request.signal.aborted) this.#unread.add(id);
    }
    this.#reading.delete(id);
    if (reading.again) this.ask(id);
  }

  /** @param {(session: Session) => boolean} fits */
  #find(fits) {
    return this.options.sessions().find(fits);
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === "jobs") message.jobs.forEach((/** @type {any} */ job) => this.#change(job));
    else if (message.type === "job") this.#change(message.job);
    else if (message.type === "gone") {
      const session = this.#find((one) => one.job_id === message.id);
      // Its job goes with what it made when its time is over; before that only with all of it.
      if (session && hasRunOut(session)) this.ask(session.sessionId);
      else if (session) {
        clearTimeout(this.#due.get(session.sessionId));
        this.options.onGone(session.sessionId);
      }
    }
  }

  /** @param {any} job */
  #change(job) {
    if (!JOB_KINDS.has(job.kind)) return;
    const session = this.#find((one) => one.job_id === job.id);
    if (!session) return this.options.onUnknown?.(job);
    // What it has become, and what it made, its own status tells.
    if (job.status !== stateOf(session)) {
      if (session.status !== "expired") this.#askSoon(session.sessionId);
      return;
    }
    const progress = Math.max(session.progress, job.progress);
    if (progress !== session.progress || job.message !== session.message)
      this.options.onChange({ ...session, progress, message: job.message || session.message });
  }

  /** @param {string} id */
  #askSoon(id) {
    clearTimeout(this.#due.get(id));
    this.#due.set(
      id,
      window.setTimeout(() => {
        this.#due.delete(id);
        if (this.#find((one) => one.sessionId === id)) this.ask(id);
      }, SETTLES),
    );
  }

  #askForTimes() {
    if (document.visibilityState !== "visible" || !navigator.onLine) return;
    for (const session of this.options.sessions()) {
      const age = performance.now() - (this.#readAt.get(session.sessionId) ?? -Infinity);
      const hasEnded = session.status !== "expired" && hasRunOut(session);
      if ((stateOf(session) === "processing" && age > ASK) || (hasEnded && age > AFTER_ALL)) {
        this.#readAt.set(session.sessionId, performance.now());
        this.ask(session.sessionId);
      }
    }
  }

  #askAgain() {
    const ids = new Set([
      ...this.#unread,
      ...this.options
        .sessions()
        .filter(isLive)
        .map((one) => one.sessionId),
    ]);
    for (const id of ids) this.ask(id);
  }
}

/** @param {Session} session */
function hasRunOut({ expires_at }) {
  return expires_at !== null && Date.parse(expires_at) <= Date.now();
}
