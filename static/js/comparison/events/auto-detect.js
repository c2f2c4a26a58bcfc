// The dialog that starts the automatic detection of events.

import { showNamed } from "../../base/dialog.js";
import { h } from "../../base/dom.js";
import { counted } from "../../base/format.js";
import { JobProgress, reasonOf } from "../../base/job-progress.js";
import { errorNote, toast } from "../../base/notice.js";

/** Kinds of events that can be detected, each with API name, label and description. */
const FINDABLE = [
  ["highlights", "Highlights", "Moments that stand out in sound and motion"],
  ["sound_peaks", "Sound peaks", "Moments far louder than their surroundings"],
  ["shots", "Shots", "Cuts, fades and dissolves. Every frame is checked, so this takes longest"],
];

export class Finding {
  /**
   * @param {HTMLElement} holder
   * @param {object} parts
   * @param {ReturnType<typeof import("../../base/api.js").eventsApi>} parts.api
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
        ...FINDABLE.map(([name, label, note]) => choice("kinds", name, label, note)),
      ),
      h(
        "fieldset",
        { class: "col" },
        h("legend", {}, "Videos"),
        ...this.vods.map(({ vod_id: id, name }) => choice("vods", id, `${this.letterOf(id)} ${name}`)),
      ),
      h(
        "p",
        { class: "text-small faint" },
        "Earlier results are replaced. Events that people created, changed or replied to stay.",
      ),
      problem,
      h("div", { class: "row end" }, button),
    );
    const dialog = showNamed("Find events", "", form);

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
        problem.replaceChildren(errorNote("The search could not be started.", error));
      }
    };
  }

  /** @param {string} job */
  async #follow(job) {
    const ended = await this.progress.follow(job);
    if (ended.status !== "completed") return toast(`No events were changed. ${reasonOf(ended)}`, "warn");
    const counts = /** @type {number[]} */ (Object.values(ended.result.found));
    toast(
      `${counted(
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
const choice = (name, value, label, note = "") =>
  h(
    "label",
    { class: "check" },
    h("input", { type: "checkbox", name, value, checked: true }),
    h("span", { class: "col" }, label, note ? h("span", { class: "text-small faint" }, note) : ""),
  );
