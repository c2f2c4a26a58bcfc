// The list of the user's merges that have not become challenges yet.

import { requireElement, setText } from "../base/dom.js";
import { formatCount, formatPercent } from "../base/format.js";
import { watchJobs } from "../base/job-updates.js";
import { html, iconView, mount, repeat } from "../base/view.js";
import { listMerges } from "./api.js";

/** @typedef {import("./api.js").Merge} Merge */

const MOST = 50;
const ASK = 5000; // ms between two refreshes while clips upload, because the server sends no messages about uploads
const SETTLES = 300; // ms after the last message about a job until the list is refreshed
const COMING = new Set(["initiated", "uploading"]);
/**
 * Icon, colour, label and link text for each status of a listed merge.
 * @type {Record<string, {icon: string, tone: string, word: string, act: string}>}
 */
const STATES = {
  initiated: { icon: "upload", tone: "", word: "Waiting for clips", act: "Continue" },
  uploading: { icon: "upload", tone: "run", word: "Uploading clips", act: "Continue" },
  queued: { icon: "clock", tone: "", word: "Queued", act: "Open" },
  processing: { icon: "run", tone: "run", word: "Merging", act: "Open" },
  completed: { icon: "check", tone: "ok", word: "Ready to publish", act: "Finish" },
  failed: { icon: "alert", tone: "bad", word: "Failed", act: "Show options" },
};

export class Merges {
  /** Merges, newest first. @type {Merge[]} */ #merges = [];
  #timer = 0;

  /**
   * @param {HTMLElement} panel
   * @param {() => void} onMade Runs when a merge has left the list, for example because it became a challenge.
   */
  constructor(panel, onMade) {
    this.panel = panel;
    this.onMade = onMade;
    this.drawList = mount(requireElement("[data-merges-list]", panel));
    watchJobs({ onJob: (job) => this.#onJob(job), onGone: (id) => this.#find(id) && this.#refreshIn(SETTLES) });
    for (const event of ["online", "signedin"]) window.addEventListener(event, () => this.refresh());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.refresh());
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.#timer);
    try {
      const { merge_sessions } = await listMerges(MOST);
      const merges = merge_sessions.filter((merge) => merge.overall_status in STATES && !merge.challenge_id);
      const ids = new Set(merges.map((merge) => merge.merge_session_id));
      const isMade = this.#merges.some((merge) => !ids.has(merge.merge_session_id));
      this.#merges = merges;
      this.#draw();
      if (isMade) this.onMade();
    } catch {
      // Ignore the error and keep the old merges: the page's list of challenges reports the error.
    }
    const isComing = this.#merges.some((merge) => COMING.has(merge.overall_status));
    if (isComing && document.visibilityState === "visible") this.#refreshIn(ASK);
  }

  /** @param {number} wait Delay in milliseconds. */
  #refreshIn(wait) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.refresh(), wait);
  }

  /** @param {string} job */
  #find(job) {
    return this.#merges.find((merge) => merge.job_id === job);
  }

  /** @param {any} job */
  #onJob(job) {
    const merge = this.#find(job.id);
    if (job.kind !== "merge" && !merge) return;
    // The message contains a running merge's progress, so no refresh is needed.
    if (merge?.overall_status === "processing" && job.status === "processing") {
      merge.progress = Math.max(merge.progress, 50 + job.progress / 2);
      this.#draw();
    } else if (!merge || ["queued", "processing"].includes(merge.overall_status)) this.#refreshIn(SETTLES);
  }

  #draw() {
    this.drawList(repeat(this.#merges, (merge) => merge.merge_session_id, rowView));
    this.panel.hidden = this.#merges.length === 0;
    const waiting = this.#merges.filter((merge) => merge.overall_status === "completed").length;
    setText(
      requireElement("[data-merges-words]", this.panel),
      waiting ? `${formatCount(waiting, "challenge")} ready to publish` : "",
    );
  }
}

/** @param {Merge} merge */
function rowView({ merge_session_id, title, overall_status, progress, uploads, error_message }) {
  const { icon, tone, word, act } = STATES[overall_status];
  const name = title || uploads.map(({ filename }) => filename).join(", ") || "Untitled";
  const isFailed = overall_status === "failed";
  const isRunning = !isFailed && overall_status !== "completed";
  return html`
    <li class="upload-row merge" data-merge=${merge_session_id}>
      <div class="name">
        <h3 class="truncate" dir="auto" title=${name}>${name}</h3>
        <span class="text-small faint">${formatCount(uploads.length, "clip")}</span>
      </div>
      <div class="upload-progress">
        ${
          isRunning
            ? html`<progress class="bar" max="100" .value=${progress} aria-label="Progress of ${name}"></progress>`
            : null
        }
        <div class="row words">
          <span class="status ${tone}">${iconView(icon, icon === "run" ? "spin" : "")}${word}</span>
          ${isRunning ? html`<span class="mono text-small muted" data-percent>${formatPercent(progress)}</span>` : null}
        </div>
        ${isFailed && error_message ? html`<p class="text-small muted anywhere">${error_message}</p>` : null}
      </div>
      <div class="row acts">
        <a class="btn" href="/challenges/new?merge=${encodeURIComponent(merge_session_id)}"
          aria-label="${act}: ${name}">${act}</a>
      </div>
    </li>`;
}
