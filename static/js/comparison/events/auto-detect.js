// The dialog that starts the automatic detection of events.

import { openView, panelDialogView } from "../../base/dialog.js";
import { formatCount } from "../../base/format.js";
import { JobProgress, explainEnd } from "../../base/job-progress.js";
import { errorView, showToast } from "../../base/notice.js";
import { html } from "../../base/view.js";

/** Kinds of events that can be detected, each with API name, label and description. */
const FINDABLE = [
  ["highlights", "Highlights", "Moments that stand out in sound and motion"],
  ["sound_peaks", "Sound peaks", "Moments far louder than the sound before and after"],
  ["shots", "Shots", "Cuts, fades and dissolves. Every frame is checked, so this search takes the longest"],
];

export class Finding {
  /** @param {HTMLElement} holder @param {import("./panel.js").EventsPanel} panel */
  constructor(holder, panel) {
    this.panel = panel;
    this.progress = new JobProgress(holder, "Finding events");
  }

  open() {
    /** @type {import("../../base/view.js").View} */ let problem = null;
    let isSending = false;
    const { vods, letterOf } = this.panel;
    const start = async (/** @type {Event & {currentTarget: HTMLFormElement}} */ event) => {
      event.preventDefault();
      const data = new FormData(event.currentTarget);
      const [kinds, vodIds] = ["kinds", "vods"].map((name) => data.getAll(name).map(String));
      isSending = kinds.length > 0 && vodIds.length > 0;
      if (!isSending)
        problem = html`<p class="field-error" role="alert">Choose at least one kind of event and one video.</p>`;
      dialog.draw();
      if (!isSending) return;
      try {
        const { job_id: job } = await this.panel.api.detect(kinds, vodIds);
        dialog.close();
        this.#follow(job);
      } catch (error) {
        isSending = false;
        problem = errorView("The search could not be started.", error);
        dialog.draw();
      }
    };

    const dialog = openView(() =>
      panelDialogView(
        "Find events",
        "",
        html`<form class="pad col" @submit=${start}>
          <fieldset class="col">
            <legend>Find</legend>
            ${FINDABLE.map(([name, label, note]) => choiceView("kinds", name, label, note))}
          </fieldset>
          <fieldset class="col">
            <legend>Videos</legend>
            ${vods.map(({ vod_id: id, name }) => choiceView("vods", id, `${letterOf(id)} ${name}`))}
          </fieldset>
          <p class="text-small faint">
            Results of earlier searches are replaced. Events that people created, changed or replied to are kept.
          </p>
          <div>${problem}</div>
          <div class="row end"><button class="btn primary" ?disabled=${isSending}>Find</button></div>
        </form>`,
      ),
    );
  }

  /** @param {string} job */
  async #follow(job) {
    const ended = await this.progress.follow(job);
    if (ended.status !== "completed") return showToast(`No events were changed. ${explainEnd(ended)}`, "warn");
    const counts = /** @type {number[]} */ (Object.values(ended.result.found));
    const sum = counts.reduce((total, count) => total + count, 0);
    showToast(`${formatCount(sum, "event")} found.`);
    this.panel.store.load();
  }
}

/** @param {string} name @param {string} value @param {string} label @param {string} [note] */
const choiceView = (name, value, label, note) => html`
  <label class="check">
    <input type="checkbox" name=${name} value=${value} checked />
    <span class="col">${label}${note ? html`<span class="text-small faint">${note}</span>` : null}</span>
  </label>`;
