import { cancelJob, readJob } from "./api.js";
import { watchJobs } from "./job-updates.js";
import { explainError, showToast } from "./notice.js";
import { Furthest, describeProgress } from "./progress.js";
import { html, iconView, mount } from "./view.js";

const ENDED = new Set(["completed", "failed", "cancelled", "expired"]);
const CHECK = 5000; // ms between status requests, in case the broker loses messages while it restarts

/** @typedef {{id: string, status: string, progress: number, seconds_left?: number|null, attempt?: number, message: string, result: any, error: any}} Job */

/** The progress of one background job, with a cancel button. */
export class JobProgress {
  /** @type {ReturnType<typeof watchJobs>|null} */ #live = null;
  #check = 0;
  #job = "";
  #furthest = new Furthest();
  /** @type {(job: Job) => void} */ #ended = () => {};

  /**
   * @param {HTMLElement} holder
   * @param {string} label
   */
  constructor(holder, label) {
    this.label = label;
    this.holder = holder;
    this.draw = mount(holder);
  }

  get isRunning() {
    return this.#job !== "";
  }

  /**
   * Show a job's progress. Resolve with the job once the job has ended.
   * @param {string} job
   * @returns {Promise<Job>}
   */
  follow(job) {
    this.#stop();
    this.#job = job;
    this.#furthest = new Furthest();
    this.#show({ status: "queued", progress: 0, message: "" });
    return new Promise((resolve) => {
      this.#ended = resolve;
      const look = () =>
        readJob(job).then(
          (now) => this.#hear(job, now),
          () => {}, // ignore the error: the next request retries
        );
      this.#live = watchJobs({ id: job, onJob: (now) => this.#hear(job, now) });
      this.#check = window.setInterval(look, CHECK);
    });
  }

  /**
   * @param {string} job
   * @param {Job} now
   */
  #hear(job, now) {
    if (job !== this.#job) return;
    if (!ENDED.has(now.status)) return this.#show(now);
    this.#stop();
    this.draw(null);
    this.#ended(now);
  }

  /** @param {Pick<Job, "status"|"progress"|"seconds_left"|"attempt"|"message">} job */
  #show(job) {
    const progress = this.#furthest.of(job);
    const { label } = this;
    const cancel = () => cancelJob(this.#job).catch((error) => showToast(explainError(error), "bad"));
    this.draw(html`
      <div class="job-progress">
        <span class="status run">
          ${iconView("run", "spin")}
          <span class="truncate">${job.message || (job.status === "queued" ? "Waiting to start" : label)}</span>
        </span>
        <progress class="bar spacer" max="100" .value=${progress} aria-label=${label}></progress>
        <span class="mono text-small">${describeProgress(progress, job.seconds_left)}</span>
        <button class="btn icon-only quiet" type="button" aria-label="Cancel: ${label}" title="Cancel" @click=${cancel}>
          ${iconView("x")}
        </button>
      </div>`);
  }

  #stop() {
    this.#live?.close();
    this.#live = null;
    clearInterval(this.#check);
    this.#job = "";
  }
}

/** @param {Job} job */
export const explainEnd = (job) =>
  job.status === "cancelled" ? "The job was cancelled." : (job.error?.message ?? "The job did not finish. Try again.");
