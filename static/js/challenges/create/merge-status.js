// Observer of one merge. It listens to messages about the merge's job, and also polls the merge's status.

import { ApiError } from "../../base/api.js";
import { watchJobs } from "../../base/job-updates.js";
import { readMerge } from "./api.js";

const ASK = 2000; // ms between two polls of a merge's status while the WebSocket is closed
const ASK_WHILE_LIVE = 15_000; // ms between two polls of a merge's status while the WebSocket is open
const RUNNING = new Set(["queued", "processing", "waiting", "paused"]);

export class Follower {
  /** @type {ReturnType<typeof watchJobs>|null} */ #live = null;
  #isLive = false;
  #job = "";
  #readAt = 0;
  #isReading = false;
  #ended = false;

  /**
   * @param {string} id
   * @param {object} hears
   * @param {(merge: import("./api.js").Merge) => void} hears.onStatus
   * @param {(percent: number, message: string) => void} hears.onProgress
   * @param {() => void} hears.onGone Runs if the merge does not exist for this user (404).
   */
  constructor(id, hears) {
    this.id = id;
    this.hears = hears;
    this.timer = window.setInterval(() => {
      if (performance.now() - this.#readAt >= (this.#isLive ? ASK_WHILE_LIVE : ASK)) this.read();
    }, 500);
    this.read();
  }

  end() {
    this.#ended = true;
    clearInterval(this.timer);
    this.#live?.close();
  }

  async read() {
    if (this.#isReading || this.#ended) return;
    this.#isReading = true;
    try {
      const merge = await readMerge(this.id);
      if (this.#ended) return;
      if (merge.job_id && merge.job_id !== this.#job) this.#watch(merge.job_id);
      this.hears.onStatus(merge);
    } catch (error) {
      // Ignore other errors: banners report a lost network or session, and the next poll tries again.
      if (!this.#ended && error instanceof ApiError && error.status === 404) this.hears.onGone();
    } finally {
      this.#isReading = false;
      this.#readAt = performance.now();
    }
  }

  /** @param {string} job */
  #watch(job) {
    this.#live?.close();
    this.#job = job;
    this.#isLive = false;
    this.#live = watchJobs({
      id: job,
      onJob: ({ status, progress, message }) => {
        if (RUNNING.has(status)) this.hears.onProgress(progress, message);
        else this.read();
      },
      onState: (state) => (this.#isLive = state === "live"),
    });
  }
}
