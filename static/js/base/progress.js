import { formatTimeLeft, formatPercent } from "./format.js";

/** The progress of one job, which falls only if the job starts a new attempt, not if messages arrive out of order. */
export class Furthest {
  #attempt = -1;
  #progress = 0;

  /**
   * @param {{progress: number, attempt?: number, status?: string}} job
   * @returns {number}
   */
  of({ progress, attempt = this.#attempt, status = "" }) {
    if (attempt > this.#attempt) this.#progress = 0;
    this.#attempt = Math.max(this.#attempt, attempt);
    this.#progress = status === "completed" ? 100 : Math.max(this.#progress, progress);
    return this.#progress;
  }
}

/**
 * Describe a job's progress, such as `40 % · 30 s left`.
 * @param {number} progress
 * @param {number|null} [left]
 * @returns {string}
 */
export function describeProgress(progress, left = null) {
  const done = formatPercent(progress);
  return left === null || progress >= 100 ? done : `${done} · ${formatTimeLeft(left)}`;
}
