// The editor of a reel. The user adds, removes and trims moments; then the server cuts the new reel.

import { ApiError } from "../base/api.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { formatClock, formatCount, formatMoment, parseMoment, formatTenths } from "../base/format.js";
import { JobProgress, explainEnd } from "../base/job-progress.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { toastAfterReload } from "./first-paint.js";
import { cutReel, newKey } from "./api.js";
import {
  findTotalError,
  findMomentErrors,
  sortMoments,
  getTotalLength,
  MOST,
  findNextBest,
  findRoomAround,
} from "./chosen-moments.js";

/**
 * @typedef {import("./chosen-moments.js").Moment} Moment
 * @typedef {import("./highlights.js").HighlightsView} HighlightsView
 */

const NOT_A_TIME = "Enter a time such as 1:23.5.";

export class ReelEditor {
  /** The reel's moments, sorted by start. @type {Moment[]} */ #moments = [];
  /** @type {HTMLElement[]} */ #says = [];
  #key = newKey();
  #drawing = 0;
  /** @type {WeakMap<Moment, number>} */ #numbers = new WeakMap();
  #last = 0;

  /**
   * @param {HTMLElement} root
   * @param {HighlightsView} view
   */
  constructor(root, view) {
    this.view = view;
    this.panel = requireElement("[data-editor]", root);
    this.segments = requireElement("[data-segments]", root);
    this.opener = requireElement("[data-edit-reel]", root);
    this.problem = requireElement("[data-editor-problem]", this.panel);
    this.list = requireElement("[data-moments]", this.panel);
    this.cutButton = requireElement("[data-cut]", this.panel);
    this.addButton = requireElement("[data-add-here]", this.panel);
    this.progress = new JobProgress(requireElement("[data-reel-job]", root), "Creating the reel");
    // Without the source video, the server cannot cut a new reel.
    this.opener.hidden = !view.session.source;
    this.opener.addEventListener("click", () => this.open());
    requireElement("[data-leave]", this.panel).addEventListener("click", () => this.#close());
    requireElement("[data-add-best]", this.panel).addEventListener("click", () => this.#addBest());
    requireElement("[data-as-found]", this.panel).addEventListener("click", () => this.#draft(view.data.found ?? []));
    this.addButton.addEventListener("click", () => this.#add(this.#room));
    this.cutButton.addEventListener("click", () => this.#cut());
    view.addEventListener("place", () => this.panel.hidden || this.#drawPlace());
    if (view.session.reel_job_id) this.#follow(view.session.reel_job_id);
  }

  open() {
    const { data } = this.view;
    this.view.show("source");
    this.segments.hidden = true;
    this.panel.hidden = false;
    requireElement("[data-as-found]", this.panel).hidden = !data.found;
    this.#draft(data.highlights);
    requireElement("h2", this.panel).focus();
  }

  #close() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    this.panel.hidden = true;
    this.segments.hidden = false;
    this.problem.replaceChildren();
    this.view.showBands();
    this.opener.focus();
  }

  /** @param {{start_time: number, end_time: number}[]} highlights */
  #draft(highlights) {
    this.#moments = highlights.map(({ start_time, end_time }) => ({ start: start_time, end: end_time }));
    this.#draw();
  }

  get #usual() {
    return Number(this.view.session.params.segment_length) || 10;
  }

  /** A new moment around the player's position; null if there is not enough space. */
  get #room() {
    return findRoomAround(this.#moments, this.view.place, this.#usual, this.view.data.duration);
  }

  /** @param {Moment|null} found */
  #add(found) {
    if (!found || this.#moments.length >= MOST) return;
    this.#moments = sortMoments([...this.#moments, found]);
    this.#draw();
    this.#field(this.#moments.indexOf(found), "start").focus();
  }

  #addBest() {
    const { segments, duration } = this.view.data;
    const found = findNextBest(this.#moments, segments, duration);
    if (found) this.view.seek(found.start);
    else showToast("No other segment can be added to the reel.", "warn");
    this.#add(found);
  }

  /** Return a moment's number for element ids. Sorting does not change the number. @param {Moment} one */
  #numberOf(one) {
    if (!this.#numbers.has(one)) this.#numbers.set(one, ++this.#last);
    return this.#numbers.get(one);
  }

  /** @param {Moment} one */
  #remove(one) {
    const n = this.#moments.indexOf(one);
    this.#moments = this.#moments.filter((other) => other !== one);
    this.#draw();
    const next = Math.min(n, this.#moments.length - 1);
    (next < 0 ? this.addButton : requireElement("[data-remove]", this.list.children[next])).focus();
  }

  /** @param {number} n @param {"start"|"end"} name @returns {HTMLInputElement} */
  #field(n, name) {
    return requireElement(`[data-field=${name}]`, this.list.children[n]);
  }

  /** @param {Moment} changed @param {"start"|"end"} name @param {HTMLInputElement} field */
  #typed(changed, name, field) {
    const seconds = parseMoment(field.value);
    if (seconds === null) {
      field.setAttribute("aria-invalid", "true");
      return setText(this.#says[this.#moments.indexOf(changed)], NOT_A_TIME);
    }
    changed[name] = seconds;
    this.view.seek(name === "start" ? seconds : Math.max(changed.start, seconds - 0.1));
    this.#moments = sortMoments(this.#moments);
    // Redraw later: Tab fires "change" before it moves the focus, and redrawing would remove the next field.
    this.#drawing = setTimeout(() => this.#draw());
  }

  #draw() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    const focused = this.panel.contains(document.activeElement) ? document.activeElement?.id : "";
    this.#says = this.#moments.map((one) => h("p", { class: "field-error", id: `moment-${this.#numberOf(one)}-says` }));
    this.list.replaceChildren(...this.#moments.map((one, n) => this.#row(one, n)));
    findMomentErrors(this.#moments, this.view.data.duration).forEach((fault, n) => {
      setText(this.#says[n], fault);
      for (const name of /** @type {const} */ (["start", "end"]))
        if (fault) this.#field(n, name).setAttribute("aria-invalid", "true");
    });
    setText(
      requireElement("[data-total]", this.panel),
      `${formatCount(this.#moments.length, "moment")}, ${formatTenths(getTotalLength(this.#moments))}`,
    );
    if (focused) document.getElementById(focused)?.focus();
    this.problem.replaceChildren();
    this.view.showBands(this.#moments);
    this.#drawPlace();
  }

  #drawPlace() {
    setText(requireElement("span", this.addButton), `Add moment at ${formatClock(this.view.place)}`);
    this.addButton.setAttribute("aria-disabled", String(!this.#room || this.#moments.length >= MOST));
  }

  /** @param {Moment} one @param {number} n */
  #row(one, n) {
    const play = () => {
      this.view.seek(one.start);
      this.view.screen?.play();
    };
    return h(
      "li",
      {},
      h(
        "button",
        {
          class: "segment-number",
          type: "button",
          id: `moment-${this.#numberOf(one)}-play`,
          title: "Play",
          "aria-label": `Play moment ${n + 1}`,
          onclick: play,
        },
        String(n + 1),
      ),
      this.#input(one, n, "start"),
      h("span", { "aria-hidden": "true" }, "–"),
      this.#input(one, n, "end"),
      h("span", { class: "mono text-small faint desk" }, formatTenths(Math.max(0, one.end - one.start))),
      h(
        "button",
        {
          class: "btn icon-only quiet",
          type: "button",
          id: `moment-${this.#numberOf(one)}-remove`,
          "aria-label": `Remove moment ${n + 1}`,
          title: "Remove",
          data: { remove: "" },
          onclick: () => this.#remove(one),
        },
        icon("x"),
      ),
      this.#says[n],
    );
  }

  /** @param {Moment} one @param {number} n @param {"start"|"end"} name */
  #input(one, n, name) {
    const field = /** @type {HTMLInputElement} */ (
      h("input", {
        class: "input mono",
        type: "text",
        id: `moment-${this.#numberOf(one)}-${name}`,
        value: formatMoment(one[name]),
        autocomplete: "off",
        "aria-label": `${name === "start" ? "Start" : "End"} of moment ${n + 1}`,
        "aria-describedby": `moment-${this.#numberOf(one)}-says`,
        data: { field: name },
      })
    );
    field.addEventListener("change", () => this.#typed(one, name, field));
    return field;
  }

  async #cut() {
    if (this.cutButton.getAttribute("aria-disabled") === "true") return;
    if (this.#drawing) this.#draw();
    const wrong = this.list.querySelector("[aria-invalid=true]");
    if (wrong) return /** @type {HTMLElement} */ (wrong).focus();
    const fault = findTotalError(this.#moments);
    if (fault) return this.problem.replaceChildren(h("p", { class: "field-error", role: "alert" }, fault));
    this.cutButton.setAttribute("aria-disabled", "true");
    this.problem.replaceChildren();
    try {
      const { job_id } = await cutReel(this.view.session.sessionId, this.#moments, this.#key);
      this.#close();
      this.#follow(job_id);
      requireElement("button", this.progress.holder).focus();
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) this.#key = newKey();
      this.problem.replaceChildren(createErrorNote("The reel could not be created.", error));
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
    if (draft.length) {
      this.#moments = draft;
      this.#draw();
    }
    this.problem.replaceChildren(
      h(
        "div",
        { class: "note bad", role: "alert" },
        icon("alert"),
        h("p", {}, `The reel was not changed. ${explainEnd(ended)}`),
      ),
    );
  }
}
