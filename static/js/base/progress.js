// Job progress.

import { leftWords, percent } from "./format.js";

/** The progress of one job; never falls within an attempt, even if messages are out of order. */
export class Furthest {
  #attempt = -1;
  #progress = 0;

  /**
   * @param {{progress: number, attempt?: number, status?: string}} job
   * @returns {number} percent
   */
  of({ progress, attempt = this.#attempt, status = "" }) {
    if (attempt > this.#attempt) this.#progress = 0;
    this.#attempt = Math.max(this.#attempt, attempt);
    this.#progress = status === "completed" ? 100 : Math.max(this.#progress, progress);
    return this.#progress;
  }
}

/**
 * @param {number} progress percent
 * @param {number|null} [left] seconds; null if unknown
 * @returns {string} `40 % · 30 s left`
 */
export function progressWords(progress, left = null) {
  const done = percent(progress);
  return left === null || progress >= 100 ? done : `${done} · ${leftWords(left)}`;
}
