// The rows of the job list. After a status change the server renders the row again.

import { requireElement, setText } from "../base/dom.js";
import { formatDuration, formatTimeLeft } from "../base/format.js";
import { ServerClock } from "../base/live-channel.js";
import { showLocalTimes } from "../base/local-times.js";

const GATHER = 60; // ms in which job changes are collected before rows are requested
const AGAIN = 5000; // ms before a failed request for rows is repeated
const AT_ONCE = 50;
const PLACES = 10_000; // ms between requests for queue positions, which other users' jobs change
const RUNNING = new Set(["processing", "waiting"]);
const LIVE = new Set(["queued", "processing", "waiting", "paused"]);

export class Rows {
  #clock = new ServerClock();
  /** @type {Set<string>} */ #wanted = new Set();
  /** @type {Map<string, string>} */ #seen = new Map();
  #timer = 0;
  #loading = false;

  /**
   * `load` fetches rows from the server. `onParts` receives the complete response, which also has counts and queue
   * positions. `onEnd` is called when a job has ended, and `onEmpty` when the last row was removed.
   * @param {HTMLElement} list
   * @param {object} options
   * @param {(ids: string[]) => Promise<DocumentFragment>} options.load
   * @param {(fresh: DocumentFragment) => void} options.onParts
   * @param {(title: string, word: string) => void} options.onEnd
   * @param {() => void} options.onEmpty
   */
  constructor(list, options) {
    this.list = list;
    this.options = options;
    this.adoptAll();
    setInterval(() => this.#tick(), 1000);
    setInterval(() => this.#askPlaces(), PLACES);
  }

  /** @returns {HTMLElement[]} */
  get #all() {
    return [.../** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[data-job]"))];
  }

  get count() {
    return this.#all.length;
  }

  /** Creation time of the newest listed job, in ms; 0 if none. */
  get newest() {
    return Math.max(0, ...this.#all.map((row) => Date.parse(row.dataset.created ?? "")));
  }

  adoptAll() {
    this.#seen.clear();
    for (const row of this.#all) this.#start(row);
    this.#tick();
  }

  focusFirst() {
    this.#all[0]?.focus();
  }

  /**
   * Show a changed job, and return whether the job is listed. `revision` is omitted if the job comes from an API
   * response instead of a socket message.
   * @param {any} job
   * @param {number} [revision]
   * @returns {boolean}
   */
  change(job, revision) {
    const row = this.#row(job.id);
    if (!row) return false;
    if (revision !== undefined && revision <= Number(row.dataset.revision)) return true;
    if (revision !== undefined) row.dataset.revision = String(revision);
    const runsOn =
      job.status === "processing" && row.dataset.status === "processing" && job.attempt === Number(row.dataset.attempt);
    if (runsOn) this.#progress(row, job);
    else if (this.#differs(row, job, revision)) this.ask(job.id);
    return true;
  }

  /** @param {Set<string>} known */
  askMissing(known) {
    for (const { dataset } of this.#all) if (!known.has(dataset.job ?? "")) this.ask(dataset.job ?? "");
  }

  #askPlaces() {
    if (document.visibilityState !== "visible") return;
    for (const { dataset } of this.#all) if (dataset.status === "queued") this.ask(dataset.job ?? "");
  }

  /** Request a job's row again. @param {string} id */
  ask(id) {
    this.#wanted.add(id);
    if (!this.#timer && !this.#loading) this.#timer = window.setTimeout(() => this.#load(), GATHER);
  }

  /** @param {string} id */
  remove(id) {
    const row = this.#row(id);
    if (!row) return;
    const next = /** @type {HTMLElement|null} */ (row.nextElementSibling ?? row.previousElementSibling);
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    if (hadFocus) next?.focus();
    if (this.count === 0) this.options.onEmpty();
  }

  /** @param {HTMLElement} row @param {boolean} isBusy */
  setBusy(row, isBusy) {
    for (const button of row.querySelectorAll("[data-actions] button")) button.ariaDisabled = isBusy ? "true" : null;
  }

  /** @param {string} id */
  #row(id) {
    return document.getElementById(`job-${id}`);
  }

  /**
   * Return whether a job differs from its row. API responses have no revision, so compare fields.
   * @param {HTMLElement} row
   * @param {any} job
   * @param {number} [revision]
   */
  #differs(row, job, revision) {
    const parts = JSON.stringify([job.status, job.attempt, job.message, job.run_at]);
    const before = this.#seen.get(job.id);
    this.#seen.set(job.id, parts);
    return revision !== undefined || job.status !== row.dataset.status || (before !== undefined && before !== parts);
  }

  /** @param {HTMLElement} row @param {any} job */
  #progress(row, job) {
    const bar = requireElement("progress", row);
    bar.value = Math.max(bar.value, job.progress);
    const left = job.seconds_left === null ? "" : formatTimeLeft(job.seconds_left);
    const words = [job.message, left].filter(Boolean).join(" · ");
    if (words) setText(requireElement("[data-message]", row), words);
  }

  async #load() {
    this.#timer = 0;
    this.#loading = true;
    const ids = [...this.#wanted].slice(0, AT_ONCE);
    for (const id of ids) this.#wanted.delete(id);
    let pause = GATHER;
    try {
      const fresh = await this.options.load(ids);
      for (const id of ids) {
        const row = /** @type {HTMLElement|null} */ (fresh.querySelector(`[data-job="${id}"]`));
        if (row) this.#replace(id, row);
        else this.remove(id);
      }
      this.options.onParts(fresh);
    } catch {
      // Request the rows again later; a banner reports the failure.
      for (const id of ids) if (this.#row(id)) this.#wanted.add(id);
      pause = AGAIN;
    }
    this.#loading = false;
    if (this.#wanted.size) this.#timer = window.setTimeout(() => this.#load(), pause);
  }

  /** @param {string} id @param {HTMLElement} fresh */
  #replace(id, fresh) {
    const row = this.#row(id);
    if (!row || Number(fresh.dataset.revision) < Number(row.dataset.revision)) return;
    const focused = row.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const same = row.dataset.status === fresh.dataset.status;
    if (same) {
      requireElement("[data-trouble]", fresh).replaceChildren(...requireElement("[data-trouble]", row).childNodes);
      const [old, bar] = [row, fresh].map((r) => /** @type {HTMLProgressElement|null} */ (r.querySelector("progress")));
      if (old && bar && row.dataset.attempt === fresh.dataset.attempt) bar.value = Math.max(old.value, bar.value);
    }
    for (const { name, value } of fresh.attributes) row.setAttribute(name, value);
    row.replaceChildren(...fresh.childNodes);
    this.#start(row);
    this.#tick();
    if (focused && !row.contains(document.activeElement)) {
      const { act } = focused.dataset;
      const button = (act && row.querySelector(`[data-act=${act}]`)) || row.querySelector("[data-actions] > *") || row;
      /** @type {HTMLElement} */ (button).focus();
    }
    if (!same && !LIVE.has(row.dataset.status ?? ""))
      this.options.onEnd(row.dataset.title ?? "", requireElement(".job-state", row).textContent.trim().toLowerCase());
  }

  /** @param {HTMLElement} row */
  #start(row) {
    showLocalTimes(row);
    this.#clock.note(Number(requireElement("[data-elapsed]", row).dataset.now));
  }

  /** Update the displayed run times. */
  #tick() {
    for (const row of this.#all) {
      const element = requireElement("[data-elapsed]", row);
      const { from, to } = element.dataset;
      const until = to ? Number(to) : RUNNING.has(row.dataset.status ?? "") ? this.#clock.now() : NaN;
      setText(element, from && !Number.isNaN(until) ? formatDuration(until - Number(from)) : "–");
    }
  }
}
