// Retries of requests that failed temporarily. The wait for a retry ends early when the network returns, the user signs
// in, or the user presses a retry button.

import { ApiError } from "../../base/api.js";
import { chooseWait } from "./chunk-size.js";

/** @typedef {"network"|"server"|"session"} Lack */

/** Types of errors that a retry can resolve. */
const PASSING = new Set(["checksum_mismatch", "idempotency_running", "upload_locked"]);
/** `ask` throws this error if `stop` was called before the request succeeded, or if the request is no longer wanted. */
export class Stopped extends Error {}

export class Patience extends EventTarget {
  /** For each waiting request, a function that ends the wait. @type {Set<() => void>} */ #waiting = new Set();
  /** Reason and end time of each wait for a retry. @type {Map<object, {lack: Lack, at: number}>} */ #lacks = new Map();
  paused = false;
  #stopped = false;
  #ends = new AbortController();

  constructor() {
    super();
    const { signal } = this.#ends;
    window.addEventListener("offline", () => this.#tell(), { signal });
    window.addEventListener("online", () => this.now(), { signal });
    window.addEventListener("signedin", () => this.now(), { signal });
  }

  /**
   * Reason and time (`at`) of the next retry; null if there is nothing to wait for. `at` is in ms since 1970, or 0 if
   * the retry waits for an event, such as a sign-in.
   * @returns {{lack: Lack, at: number}|null}
   */
  get lack() {
    if (!this.paused && !navigator.onLine) return { lack: "network", at: 0 };
    const all = [...this.#lacks.values()];
    all.sort((a, b) => (a.at || Infinity) - (b.at || Infinity));
    return all.find(({ lack }) => lack === "session") ?? all[0] ?? null;
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused;
    if (!paused) this.now();
    this.#tell();
  }

  /** Retry all waiting requests now. */
  now() {
    for (const wake of [...this.#waiting]) wake();
    this.#tell();
  }

  /** End all waits and retries permanently; every request then throws `Stopped`. */
  stop() {
    this.#stopped = true;
    this.#ends.abort();
    this.now();
  }

  /**
   * Run a request with retries.
   * @template T
   * @param {() => Promise<T>} ask
   * @param {() => boolean} [isWanted] Runs before each try. If it returns false, `ask` throws `Stopped`.
   * @returns {Promise<T>}
   * @throws {ApiError} The request failed, and a retry would not help.
   */
  async ask(ask, isWanted = () => true) {
    const who = {};
    for (let tries = 1; ; tries += 1) {
      await this.#mayGo();
      if (!isWanted()) throw new Stopped();
      try {
        const answer = await ask();
        this.#clear(who);
        return answer;
      } catch (error) {
        this.#clear(who);
        if (this.#stopped) throw new Stopped();
        if (this.paused || (!navigator.onLine && error instanceof ApiError && error.status === 0)) continue;
        const lack = findRetryReason(error);
        if (!lack || (PASSING.has(/** @type {ApiError} */ (error).type) && tries > 8)) throw error;
        const wait = lack === "session" ? 0 : chooseWait(tries, /** @type {ApiError} */ (error).retryAfter);
        this.#lacks.set(who, { lack, at: wait && Date.now() + wait });
        this.#tell();
        await this.#wait(wait);
        this.#clear(who);
      }
    }
  }

  async #mayGo() {
    while (!this.#stopped && (this.paused || !navigator.onLine)) await this.#wait(0);
    if (this.#stopped) throw new Stopped();
  }

  /** @param {number} length Time to wait in milliseconds; 0 to wait for an event. @returns {Promise<void>} */
  #wait(length) {
    return new Promise((resolve) => {
      if (this.#stopped) return resolve();
      const timer = length ? window.setTimeout(() => wake(), length) : 0;
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  /** @param {object} who */
  #clear(who) {
    if (this.#lacks.delete(who)) this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Return the reason to retry; null if a retry would not help. @param {unknown} error @returns {Lack|null} */
function findRetryReason(error) {
  if (!(error instanceof ApiError)) return null;
  if (error.status === 0) return "network";
  if (error.status === 401) return "session";
  return error.status === 429 || error.status >= 500 || PASSING.has(error.type) ? "server" : null;
}
