// The list of the newest dubbing runs.

import { h, icon, requireElement } from "../base/dom.js";
import { formatCount, formatWhen } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";
import { listJobs } from "./api.js";
import { STATES } from "./status-text.js";

const SHOWN = 10;

export class Runs {
  #shown = SHOWN;

  /**
   * @param {HTMLElement} panel
   * @param {{onOpen: (id: string) => void}} options
   */
  constructor(panel, options) {
    this.panel = panel;
    this.options = options;
    requireElement("[data-more]", panel).addEventListener("click", () => {
      this.#shown += SHOWN;
      this.load();
    });
  }

  async load() {
    const list = requireElement("[data-run-list]", this.panel);
    try {
      const { pro_jobs, pagination } = await listJobs(Math.min(100, this.#shown), 0);
      this.panel.hidden = pagination.total === 0;
      requireElement("footer", this.panel).hidden = pagination.total <= pro_jobs.length || pro_jobs.length >= 100;
      list.replaceChildren(...pro_jobs.map((job) => this.#row(job)));
    } catch (error) {
      this.panel.hidden = false;
      requireElement("footer", this.panel).hidden = true;
      list.replaceChildren(
        h(
          "li",
          { class: "pad" },
          createErrorNote("Your runs could not be loaded.", error, () => this.load()),
        ),
      );
    }
  }

  /** @param {import("./api.js").ProJob} job */
  #row(job) {
    const [sign, tone, word] = STATES[job.status];
    const count = job.segments_data.length;
    return h(
      "li",
      { class: "row one" },
      h(
        "a",
        {
          class: "truncate spacer",
          href: `/pro?job=${job.job_id}`,
          title: job.name,
          dir: "auto",
          onclick: (/** @type {MouseEvent} */ event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            this.options.onOpen(job.job_id);
          },
        },
        job.name,
      ),
      h("span", { class: "text-small faint" }, formatCount(count, "segment")),
      h("time", { class: "text-small faint mono", datetime: job.created_at }, formatWhen(new Date(job.created_at))),
      h("span", { class: `status ${tone}` }, icon(sign), word),
    );
  }
}
