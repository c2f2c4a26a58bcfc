// The list of the user's merges that have not become challenges yet.

import { listJobs } from "../base/api.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatCount, formatPercent } from "../base/format.js";
import { LiveChannel } from "../base/live-channel.js";
import { listMerges } from "./api.js";

/** @typedef {import("./api.js").Merge} Merge */

const MOST = 50;
const ASK = 5000; // ms between two refreshes while clips upload, because the server sends no messages about uploads
const SETTLES = 300; // ms after the last message about a job until the list is refreshed
const SIGNED_OUT = 4401;
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
  /** @type {Map<string, {merge: Merge, element: HTMLElement}>} */ #rows = new Map();
  #timer = 0;

  /**
   * @param {HTMLElement} panel
   * @param {{onState: (state: import("../base/live-channel.js").LiveState) => void, onMade: () => void}} on
   *   Callbacks. `onMade` runs when a merge has left the list, for example because it became a challenge.
   */
  constructor(panel, on) {
    this.panel = panel;
    this.on = on;
    this.list = requireElement("[data-merges-list]", panel);
    this.live = new LiveChannel("/ws/jobs/", {
      onMessage: (message) => {
        if (message.type === "jobs") message.jobs.forEach((/** @type {any} */ job) => this.#told(job));
        else if (message.type === "job") this.#told(message.job);
        else if (message.type === "gone" && this.#has(message.id)) this.#soon(SETTLES);
      },
      snapshot: () => listJobs(MOST),
      onSnapshot: (snapshot) => snapshot.jobs.forEach((/** @type {any} */ job) => this.#told(job)),
      onState: (state) => on.onState(state),
      subject: (message) => message.job?.id ?? message.id ?? "",
      final: new Set([SIGNED_OUT]),
    });
    for (const event of ["online", "signedin"]) window.addEventListener(event, () => this.refresh());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.refresh());
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.#timer);
    try {
      const { merge_sessions } = await listMerges(MOST);
      this.#draw(merge_sessions.filter((merge) => merge.overall_status in STATES && !merge.challenge_id));
    } catch {
      // Ignore the error and keep the old merges: the page's list of challenges reports the error.
    }
    const coming = [...this.#rows.values()].some(({ merge }) => COMING.has(merge.overall_status));
    if (coming && document.visibilityState === "visible") this.#soon(ASK);
  }

  /** @param {number} wait Delay in milliseconds. */
  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.refresh(), wait);
  }

  /** @param {string} job @returns {boolean} */
  #has(job) {
    return [...this.#rows.values()].some(({ merge }) => merge.job_id === job);
  }

  /** @param {any} job */
  #told(job) {
    if (job.kind !== "merge" && !this.#has(job.id)) return;
    const row = [...this.#rows.values()].find(({ merge }) => merge.job_id === job.id);
    // The message contains a running merge's progress, so no refresh is needed.
    if (row?.merge.overall_status === "processing" && job.status === "processing") {
      const bar = /** @type {HTMLProgressElement} */ (requireElement("progress", row.element));
      bar.value = Math.max(bar.value, 50 + job.progress / 2);
      setText(requireElement("[data-percent]", row.element), formatPercent(bar.value));
    } else if (!row || ["queued", "processing"].includes(row.merge.overall_status)) this.#soon(SETTLES);
  }

  /** @param {Merge[]} merges Merges, newest first. */
  #draw(merges) {
    const had = [...this.#rows.keys()];
    const focused = /** @type {HTMLElement|null} */ (document.activeElement)
      ?.closest("[data-merge]")
      ?.getAttribute("data-merge");
    this.#rows = new Map(
      merges.map((merge) => {
        const old = this.#rows.get(merge.merge_session_id);
        const same = old && JSON.stringify(toShown(old.merge)) === JSON.stringify(toShown(merge));
        return [merge.merge_session_id, same ? old : { merge, element: this.#row(merge) }];
      }),
    );
    const elements = [...this.#rows.values()].map((row) => row.element);
    if (
      elements.some((element, at) => this.list.children[at] !== element) ||
      this.list.children.length !== elements.length
    ) {
      this.list.replaceChildren(...elements);
      if (focused) /** @type {HTMLElement|null} */ (this.#rows.get(focused)?.element.querySelector("a"))?.focus();
    }
    this.panel.hidden = merges.length === 0;
    const waiting = merges.filter((merge) => merge.overall_status === "completed").length;
    setText(
      requireElement("[data-merges-words]", this.panel),
      waiting ? `${formatCount(waiting, "challenge")} ready to publish` : "",
    );
    if (had.some((id) => !this.#rows.has(id))) this.on.onMade();
  }

  /** @param {Merge} merge */
  #row(merge) {
    const { merge_session_id, overall_status, progress, uploads, error_message } = merge;
    const { icon: picture, tone, word, act } = STATES[overall_status];
    const title = merge.title || uploads.map((upload) => upload.filename).join(", ") || "Untitled";
    const runs = !["completed", "failed"].includes(overall_status);
    return h(
      "li",
      { class: "upload-row merge", data: { merge: merge_session_id } },
      h(
        "div",
        { class: "name" },
        h("h3", { class: "truncate", dir: "auto", title }, title),
        h("span", { class: "text-small faint" }, formatCount(uploads.length, "clip")),
      ),
      h(
        "div",
        { class: "upload-progress" },
        runs && h("progress", { class: "bar", max: "100", value: progress, "aria-label": `Progress of ${title}` }),
        h(
          "div",
          { class: "row words" },
          h("span", { class: `status ${tone}`.trim() }, icon(picture, picture === "run" ? "spin" : ""), word),
          runs && h("span", { class: "mono text-small muted", data: { percent: "" } }, formatPercent(progress)),
        ),
        overall_status === "failed" && error_message && h("p", { class: "text-small muted anywhere" }, error_message),
      ),
      h(
        "div",
        { class: "row acts" },
        h(
          "a",
          {
            class: "btn",
            href: `/challenges/new?merge=${encodeURIComponent(merge_session_id)}`,
            "aria-label": `${act}: ${title}`,
          },
          act,
        ),
      ),
    );
  }
}

/** @param {Merge} merge @returns */
function toShown({ title, overall_status, progress, error_message, uploads }) {
  return [title, overall_status, Math.round(progress), error_message, uploads.length];
}
