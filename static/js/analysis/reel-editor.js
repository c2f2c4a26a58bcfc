// The editor of a reel. The user adds, removes and trims moments; then the server cuts the new reel.

import { ApiError } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount, formatMoment, parseMoment, formatTenths } from "../base/format.js";
import { JobProgress, explainEnd } from "../base/job-progress.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, live, mount, nothing } from "../base/view.js";
import { toastAfterReload } from "./first-paint.js";
import { cutReel, newKey } from "./api.js";
import * as chosen from "./chosen-moments.js";
import { itemViews } from "./views.js";

/**
 * @typedef {import("./chosen-moments.js").Moment} Moment
 * @typedef {import("./highlights.js").HighlightsView} HighlightsView
 */

const NOT_A_TIME = "Enter a time such as 1:23.5.";

export class ReelEditor {
  /** The reel's moments, sorted by start. @type {Moment[]} */ #moments = [];
  /** Typed texts that are no times, by the id of their field. @type {Map<string, string>} */ #misread = new Map();
  #key = newKey();
  #drawing = 0;
  /** @type {WeakMap<Moment, number>} */ #numbers = new WeakMap();
  #last = 0;

  /** @param {HTMLElement} root @param {HighlightsView} view */
  constructor(root, view) {
    this.view = view;
    this.panel = requireElement("[data-editor]", root);
    this.segments = requireElement("[data-segments]", root);
    this.opener = requireElement("[data-edit-reel]", root);
    this.drawProblem = mount(requireElement("[data-editor-problem]", this.panel));
    this.list = requireElement("[data-moments]", this.panel);
    this.drawRows = mount(this.list);
    /** @type {(name: string, act: () => void) => HTMLElement} */
    const bind = (name, act) => {
      const button = requireElement(`[data-${name}]`, this.panel);
      button.addEventListener("click", act);
      return button;
    };
    bind("leave", () => this.#close());
    bind("add-best", () => {
      const found = chosen.findNextBest(this.#moments, view.data.segments, view.data.duration);
      if (!found) return showToast("No other segment can be added to the reel.", "warn");
      view.seek(found.start);
      this.#add(found);
    });
    this.resetButton = bind("as-found", () => this.#draft(view.data.found ?? []));
    this.addButton = bind("add-here", () => this.#add(this.#room));
    this.cutButton = bind("cut", () => this.#cut());
    this.progress = new JobProgress(requireElement("[data-reel-job]", root), "Creating the reel");
    // Without the source video, the server cannot cut a new reel.
    this.opener.hidden = !view.session.source;
    this.opener.addEventListener("click", () => this.open());
    view.addEventListener("place", () => this.panel.hidden || this.#drawPlace());
    if (view.session.reel_job_id) this.#follow(view.session.reel_job_id);
  }

  open() {
    const { data } = this.view;
    this.view.show("source");
    this.segments.hidden = true;
    this.panel.hidden = false;
    this.resetButton.hidden = !data.found;
    this.#draft(data.highlights);
    requireElement("h2", this.panel).focus();
  }

  #close() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    this.panel.hidden = true;
    this.segments.hidden = false;
    this.drawProblem(null);
    this.view.showBands();
    this.opener.focus();
  }

  /** @param {{start_time: number, end_time: number}[]} highlights */
  #draft(highlights) {
    this.#moments = highlights.map(chosen.toMoment);
    this.#draw();
  }

  /** A new moment around the player's position; null if there is not enough space. */
  get #room() {
    const usual = Number(this.view.session.params.segment_length) || 10;
    return chosen.findRoomAround(this.#moments, this.view.place, usual, this.view.data.duration);
  }

  /** @param {Moment|null} found */
  #add(found) {
    if (!found || this.#moments.length >= chosen.MOST) return;
    this.#moments = chosen.sortMoments([...this.#moments, found]);
    this.#draw();
    document.getElementById(this.#getId(found, "start"))?.focus();
  }

  /** Return the id of a part of a moment's row. Sorting does not change it. @param {Moment} one @param {string} part */
  #getId(one, part) {
    if (!this.#numbers.has(one)) this.#numbers.set(one, ++this.#last);
    return `moment-${this.#numbers.get(one)}-${part}`;
  }

  /** @param {Moment} changed @param {"start"|"end"} name @param {HTMLInputElement} field */
  #typed(changed, name, field) {
    const seconds = parseMoment(field.value);
    if (seconds === null) {
      this.#misread.set(field.id, field.value);
      return this.#drawRows();
    }
    changed[name] = seconds;
    this.view.seek(name === "start" ? seconds : Math.max(changed.start, seconds - 0.1));
    this.#moments = chosen.sortMoments(this.#moments);
    // Redraw later: Tab fires "change" before it moves the focus, and redrawing may move the row.
    this.#drawing = setTimeout(() => this.#draw());
  }

  #draw() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    this.#misread.clear();
    const focused = this.panel.contains(document.activeElement) ? document.activeElement?.id : "";
    this.#drawRows();
    const length = formatTenths(chosen.getTotalLength(this.#moments));
    setText(requireElement("[data-total]", this.panel), `${formatCount(this.#moments.length, "moment")}, ${length}`);
    if (focused) document.getElementById(focused)?.focus(); // a moved row loses the focus
    this.drawProblem(null);
    this.view.showBands(this.#moments);
    this.#drawPlace();
  }

  #drawRows() {
    const faults = chosen.findMomentErrors(this.#moments, this.view.data.duration);
    this.drawRows(itemViews(this.#moments, (one) => this.#rowView(one, this.#moments.indexOf(one), faults)));
  }

  #drawPlace() {
    setText(requireElement("span", this.addButton), `Add moment at ${formatClock(this.view.place)}`);
    this.addButton.setAttribute("aria-disabled", String(!this.#room || this.#moments.length >= chosen.MOST));
  }

  /** @param {Moment} one @param {number} n @param {string[]} faults */
  #rowView(one, n, faults) {
    const play = () => {
      this.view.seek(one.start);
      this.view.screen?.play();
    };
    const remove = () => {
      this.#moments = this.#moments.filter((other) => other !== one);
      this.#draw();
      const next = this.#moments[Math.min(n, this.#moments.length - 1)];
      (next ? requireElement(`#${this.#getId(next, "remove")}`) : this.addButton).focus();
    };
    const isMisread = this.#misread.has(this.#getId(one, "start")) || this.#misread.has(this.#getId(one, "end"));
    return html`
      <li>
        <button class="segment-number" type="button" id=${this.#getId(one, "play")} title="Play"
          aria-label="Play moment ${n + 1}" @click=${play}>
          ${n + 1}
        </button>
        ${this.#inputView(one, n, "start", faults[n])}
        <span aria-hidden="true">–</span>
        ${this.#inputView(one, n, "end", faults[n])}
        <span class="mono text-small faint desk">${formatTenths(Math.max(0, one.end - one.start))}</span>
        <button class="btn icon-only quiet" type="button" id=${this.#getId(one, "remove")} title="Remove"
          aria-label="Remove moment ${n + 1}" data-remove @click=${remove}>
          ${iconView("x")}
        </button>
        <p class="field-error" id=${this.#getId(one, "says")}>${isMisread ? NOT_A_TIME : faults[n]}</p>
      </li>`;
  }

  /** @param {Moment} one @param {number} n @param {"start"|"end"} name @param {string} fault */
  #inputView(one, n, name, fault) {
    const id = this.#getId(one, name);
    return html`
      <input class="input mono" type="text" id=${id} .value=${live(this.#misread.get(id) ?? formatMoment(one[name]))}
        autocomplete="off" aria-label="${name === "start" ? "Start" : "End"} of moment ${n + 1}"
        aria-describedby=${this.#getId(one, "says")} aria-invalid=${fault || this.#misread.has(id) ? "true" : nothing}
        data-field=${name} @change=${(/** @type {any} */ { target }) => this.#typed(one, name, target)} />`;
  }

  async #cut() {
    if (this.cutButton.getAttribute("aria-disabled") === "true") return;
    if (this.#drawing) this.#draw();
    const wrong = this.list.querySelector("[aria-invalid=true]");
    if (wrong) return wrong.focus();
    const fault = chosen.findTotalError(this.#moments);
    if (fault) return this.drawProblem(html`<p class="field-error" role="alert">${fault}</p>`);
    this.cutButton.setAttribute("aria-disabled", "true");
    this.drawProblem(null);
    try {
      const { job_id } = await cutReel(this.view.session.sessionId, this.#moments, this.#key);
      this.#close();
      this.#follow(job_id);
      requireElement("button", this.progress.holder).focus();
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) this.#key = newKey();
      this.drawProblem(errorView("The reel could not be created.", error));
    }
    this.cutButton.removeAttribute("aria-disabled");
  }

  /** @param {string} job */
  async #follow(job) {
    this.opener.hidden = true;
    const ended = await this.progress.follow(job);
    if (ended.status === "completed") {
      toastAfterReload("The new reel is ready.");
      return location.reload();
    }
    this.#key = newKey();
    this.opener.hidden = false;
    const draft = this.#moments;
    this.open();
    if (draft.length) this.#moments = draft;
    this.#draw();
    this.drawProblem(html`
      <div class="note bad" role="alert">
        ${iconView("alert")}<p>The reel was not changed. ${explainEnd(ended)}</p>
      </div>`);
  }
}
