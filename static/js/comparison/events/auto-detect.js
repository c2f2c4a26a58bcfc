// The dialog that starts the automatic detection of events.

import { openNamedDialog } from "../../base/dialog.js";
import { h } from "../../base/dom.js";
import { formatCount } from "../../base/format.js";
import { JobProgress, explainEnd } from "../../base/job-progress.js";
import { createErrorNote, showToast } from "../../base/notice.js";

/** Kinds of events that can be detected, each with API name, label and description. */
const FINDABLE = [
  ["highlights", "Highlights", "Moments that stand out in sound and motion"],
  ["sound_peaks", "Sound peaks", "Moments far louder than the sound before and after"],
  ["shots", "Shots", "Cuts, fades and dissolves. Every frame is checked, so this search takes the longest"],
];

export class Finding {
  /**
   * @param {HTMLElement} holder
   * @param {object} parts
   * @param {ReturnType<typeof import("../../base/api.js").eventsUrl>} parts.api
   * @param {any[]} parts.vods
   * @param {(id: string) => string} parts.letterOf
   * @param {() => void} parts.onFound
   */
  constructor(holder, { api, vods, letterOf, onFound }) {
    this.api = api;
    this.vods = vods;
    this.letterOf = letterOf;
    this.onFound = onFound;
    this.progress = new JobProgress(holder, "Finding events");
  }

  open() {
    const problem = h("div", {});
    const button = /** @type {HTMLButtonElement} */ (h("button", { class: "btn primary" }, "Find"));
    const form = h(
      "form",
      { class: "pad col", onsubmit: (/** @type {Event} */ event) => start(event) },
      h(
        "fieldset",
        { class: "col" },
        h("legend", {}, "Find"),
        ...FINDABLE.map(([name, label, note]) => createChoice("kinds", name, label, note)),
      ),
      h(
        "fieldset",
        { class: "col" },
        h("legend", {}, "Videos"),
        ...this.vods.map(({ vod_id: id, name }) => createChoice("vods", id, `${this.letterOf(id)} ${name}`)),
      ),
      h(
        "p",
        { class: "text-small faint" },
        "Results of earlier searches are replaced. Events that people created, changed or replied to are kept.",
      ),
      problem,
      h("div", { class: "row end" }, button),
    );
    const dialog = openNamedDialog("Find events", "", form);

    const start = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const data = new FormData(/** @type {HTMLFormElement} */ (form));
      const kinds = data.getAll("kinds").map(String);
      const vodIds = data.getAll("vods").map(String);
      if (!kinds.length || !vodIds.length)
        return problem.replaceChildren(
          h("p", { class: "field-error", role: "alert" }, "Choose at least one kind of event and one video."),
        );
      button.disabled = true;
      try {
        const { job_id: job } = await this.api.detect(kinds, vodIds);
        dialog.close();
        this.#follow(job);
      } catch (error) {
        button.disabled = false;
        problem.replaceChildren(createErrorNote("The search could not be started.", error));
      }
    };
  }

  /** @param {string} job */
  async #follow(job) {
    const ended = await this.progress.follow(job);
    if (ended.status !== "completed") return showToast(`No events were changed. ${explainEnd(ended)}`, "warn");
    const counts = /** @type {number[]} */ (Object.values(ended.result.found));
    showToast(
      `${formatCount(
        counts.reduce((sum, count) => sum + count, 0),
        "event",
      )} found.`,
    );
    this.onFound();
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} label
 * @param {string} [note]
 */
const createChoice = (name, value, label, note = "") =>
  h(
    "label",
    { class: "check" },
    h("input", { type: "checkbox", name, value, checked: true }),
    h("span", { class: "col" }, label, note ? h("span", { class: "text-small faint" }, note) : ""),
  );
