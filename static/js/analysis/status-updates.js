// Live updates of analyses from two sources: messages of their jobs, and status requests. The estimated time left is
// taken only from status requests.

import { ApiError } from "../base/api.js";
import { watchJobs } from "../base/job-updates.js";
import { isLive, getState } from "./labels.js";
import { readSession } from "./api.js";

/**
 * @typedef {import("./api.js").Session} Session
 * @typedef {object} FollowOptions
 * @property {() => Session[]} sessions Returns the analyses that the page shows.
 * @property {(session: Session) => void} onChange Receives each changed analysis.
 * @property {(id: string) => void} onGone Receives the id of each deleted analysis.
 * @property {(job: any) => void} [onUnknown] Receives each job whose analysis the page does not show.
 */

const JOB_KINDS = new Set(["highlights", "workout"]);
// Delay of a status request in ms. If a message says in this time that the analysis was deleted, no request is sent.
const SETTLES = 120;
const ASK = 5000; // ms between status requests for a running analysis
const AFTER_ALL = 60_000; // ms between status requests for an expired analysis

export class Follower {
  /** Running status requests by analysis id. @type {Map<string, {again: boolean, request: AbortController}>} */
  #reading = new Map();
  /** Ids of analyses whose last status request failed. @type {Set<string>} */ #unread = new Set();
  /** Timers of delayed status requests by analysis id. @type {Map<string, number>} */ #due = new Map();
  /** Ids of analyses being deleted, for which no status is requested. @type {Set<string>} */ #leaving = new Set();
  /** Times of the last requests or answers by analysis id, in ms of performance.now(). @type {Map<string, number>} */
  #readAt = new Map();

  /** @param {FollowOptions} options */
  constructor(options) {
    this.options = options;
    watchJobs({ onJob: (job) => this.#change(job), onGone: (id) => this.#remove(id) });
    setInterval(() => this.#askForTimes(), 1000);
    const askAgain = () => {
      const live = options.sessions().filter(isLive);
      for (const id of new Set([...this.#unread, ...live.map((one) => one.sessionId)])) this.ask(id);
    };
    for (const event of ["online", "signedin"]) window.addEventListener(event, askAgain);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#askForTimes());
  }

  /** Return the estimated seconds until an analysis ends; null if unknown. @param {Session} session */
  left(session) {
    const { sessionId, eta_seconds } = session;
    if (getState(session) !== "processing" || typeof eta_seconds !== "number") return null;
    return Math.max(0, eta_seconds - (performance.now() - (this.#readAt.get(sessionId) ?? performance.now())) / 1000);
  }

  /** Record that the status of these analyses has just been read. @param {Session[]} sessions */
  had(sessions) {
    for (const { sessionId } of sessions) this.#readAt.set(sessionId, performance.now());
  }

  /**
   * Delete an analysis, and meanwhile send no status requests for it.
   * @param {string} id @param {() => Promise<unknown>} remove
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

  /** @param {string} id */
  async ask(id) {
    if (this.#leaving.has(id)) return;
    const before = this.#reading.get(id);
    if (before) {
      before.again = true; // send another request after this one
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

  /** @param {string} job */
  #remove(job) {
    const session = this.#find((one) => one.job_id === job);
    if (!session) return;
    // When a job is deleted, its analysis is deleted with it, unless the analysis has expired. An expired analysis
    // remains, so request its state.
    if (isExpired(session)) return void this.ask(session.sessionId);
    clearTimeout(this.#due.get(session.sessionId));
    this.options.onGone(session.sessionId);
  }

  /** @param {any} job */
  #change(job) {
    if (!JOB_KINDS.has(job.kind)) return;
    const session = this.#find((one) => one.job_id === job.id);
    if (!session) return this.options.onUnknown?.(job);
    // Messages of a job do not contain its result, so read the analysis.
    if (job.status !== getState(session)) {
      if (session.status === "expired") return;
      const { sessionId } = session;
      clearTimeout(this.#due.get(sessionId));
      const ask = () => {
        this.#due.delete(sessionId);
        if (this.#find((one) => one.sessionId === sessionId)) this.ask(sessionId);
      };
      return void this.#due.set(sessionId, window.setTimeout(ask, SETTLES));
    }
    const progress = Math.max(session.progress, job.progress);
    if (progress !== session.progress || job.message !== session.message)
      this.options.onChange({ ...session, progress, message: job.message || session.message });
  }

  #askForTimes() {
    if (document.visibilityState !== "visible" || !navigator.onLine) return;
    for (const session of this.options.sessions()) {
      const age = performance.now() - (this.#readAt.get(session.sessionId) ?? -Infinity);
      const hasEnded = session.status !== "expired" && isExpired(session);
      if ((getState(session) === "processing" && age > ASK) || (hasEnded && age > AFTER_ALL)) {
        this.#readAt.set(session.sessionId, performance.now());
        this.ask(session.sessionId);
      }
    }
  }
}

/** @param {Session} session */
function isExpired({ expires_at }) {
  return expires_at !== null && Date.parse(expires_at) <= Date.now();
}
