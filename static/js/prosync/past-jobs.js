// The list of the newest dubbing runs.

import { requireElement } from "../base/dom.js";
import { formatCount, formatWhen } from "../base/format.js";
import { errorView } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import { listJobs } from "./api.js";
import { STATES } from "./status-text.js";

const SHOWN = 10;

export class Runs {
  #shown = SHOWN;

  /** @param {HTMLElement} panel @param {(id: string) => void} onOpen */
  constructor(panel, onOpen) {
    this.panel = panel;
    this.onOpen = onOpen;
    this.draw = mount(requireElement("[data-run-list]", panel));
    requireElement("[data-more]", panel).addEventListener("click", () => {
      this.#shown += SHOWN;
      this.load();
    });
  }

  async load() {
    const footer = requireElement("footer", this.panel);
    try {
      const { pro_jobs: jobs, pagination } = await listJobs(Math.min(100, this.#shown), 0);
      this.panel.hidden = pagination.total === 0;
      footer.hidden = pagination.total <= jobs.length || jobs.length >= 100;
      this.draw(jobs.map((job) => this.#rowView(job)));
    } catch (error) {
      this.panel.hidden = false;
      footer.hidden = true;
      this.draw(html`<li class="pad">${errorView("Your runs could not be loaded.", error, () => this.load())}</li>`);
    }
  }

  /** @param {import("./api.js").ProJob} job */
  #rowView({ job_id, name, status, created_at, segments_data }) {
    const [sign, tone, word] = STATES[status];
    const open = (/** @type {MouseEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.onOpen(job_id);
    };
    return html`
      <li class="row one">
        <a class="truncate spacer" href="/pro?job=${job_id}" title=${name} dir="auto" @click=${open}>${name}</a>
        <span class="text-small faint">${formatCount(segments_data.length, "segment")}</span>
        <time class="text-small faint mono" datetime=${created_at}>${formatWhen(new Date(created_at))}</time>
        <span class="status ${tone}">${iconView(sign)}${word}</span>
      </li>`;
  }
}
