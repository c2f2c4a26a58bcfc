// Readings of the timer box in each video: image, text and confidence.

import { ApiError } from "../base/api.js";
import { debounce } from "../base/dom.js";
import { formatClock, formatHundredths } from "../base/format.js";
import { errorView } from "../base/notice.js";
import { html, iconView, mount } from "../base/view.js";
import { chooseTimes } from "./reading-times.js";

/**
 * @typedef {import("../../../docs/openapi").Reading} Reading
 * @typedef {import("../base/view.js").View} View
 */

const PAUSE = 500; // ms after a change of the box before the timer is read
const MAX_TRIES = 10; // maximum number of repetitions while the server is busy
const BUSY_SECONDS = 5; // delay before a repetition

export class Readings {
  #request = new AbortController();
  #isBusy = false;
  /** @type {View} */ #content = html`<p class="text-small faint">
    Draw a box around the timer to check which times are read from each video.
  </p>`;

  /**
   * @param {HTMLElement} holder
   * @param {object} options
   * @param {{vod_id: string, duration: number}[]} options.vods
   * @param {(id: string) => string} options.letterOf
   * @param {(roi: any, times: Record<string, number[]>, signal: AbortSignal) => Promise<{readings: Reading[]}>}
   *   options.preview
   * @param {(readings: Reading[]) => void} [options.onReadings]
   */
  constructor(holder, options) {
    this.holder = holder;
    this.options = options;
    this.later = debounce((/** @type {any} */ roi) => this.#ask(roi), PAUSE);
    this.root = mount(holder);
    this.#draw();
  }

  /** @param {any} roi */
  update(roi) {
    this.#request.abort();
    this.#setBusy(true);
    this.later(roi);
  }

  /** @param {any} roi @param {number} [tries] Maximum number of repetitions while the server is busy. */
  async #ask(roi, tries = MAX_TRIES) {
    const { vods, preview, onReadings } = this.options;
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      const { readings } = await preview(roi, chooseTimes(vods, roi), signal);
      if (signal.aborted) return;
      const per = vods.map(({ vod_id }) => ({ vod_id, own: readings.filter((reading) => reading.vod_id === vod_id) }));
      const counts = per.map(
        ({ vod_id, own }) =>
          `${this.options.letterOf(vod_id)} ${own.filter(({ value }) => value !== null).length} of ${own.length}`,
      );
      this.#content = html`${per.map(({ vod_id, own }) => this.#rowView(vod_id, own))}
        <p class="visually-hidden" role="status">Times read from the timer: ${counts.join(", ")}.</p>`;
      onReadings?.(readings);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status === 503 && tries > 0)
        return void setTimeout(() => signal.aborted || this.#ask(roi, tries - 1), BUSY_SECONDS * 1000);
      const retry = () => this.#ask(roi);
      this.#content = errorView("The timer in the box could not be read. Move the box, then try again.", error, retry);
    }
    this.#setBusy(false);
  }

  /** @param {boolean} isBusy */
  #setBusy(isBusy) {
    this.holder.setAttribute("aria-busy", String(isBusy));
    this.#isBusy = isBusy;
    this.#draw();
  }

  #draw() {
    this.root(html`
      <div class="row">
        <p class="cap">Times read from the timer</p>
        <span class="status run" ?hidden=${!this.#isBusy}>${iconView("run", "spin")}reading</span>
      </div>
      ${this.#content}`);
  }

  /** @param {string} vodId @param {Reading[]} readings */
  #rowView(vodId, readings) {
    const letter = this.options.letterOf(vodId);
    const reads = readings.map(({ time, crop_url: url, value, text, confidence }) => {
      const title = `${letter} at ${formatClock(time)}`;
      return html`<figure title=${title}>
        ${cropView(url, title)}
        <figcaption>
          ${value === null ? html`<span>no text</span>` : html`<b>${text ?? ""}</b>`}
          <span>${formatHundredths(confidence)}</span>
        </figcaption>
      </figure>`;
    });
    return html`<div class="reading-row" data-letter=${letter}>
      <span class="letter-badge">${letter}</span>
      <div class="reads">${reads.length ? reads : html`<p class="text-small faint">No times were read.</p>`}</div>
    </div>`;
  }
}

/** @param {string|null|undefined} url @param {string} alt */
export const cropView = (url, alt) =>
  url
    ? html`<img class="crop" src=${url} alt=${alt} loading="lazy" decoding="async" />`
    : html`<span class="crop none" role="img" aria-label="${alt}: no image">–</span>`;
