// Readings of the timer box in each video: image, text and confidence.

import { debounce, h, icon } from "../base/dom.js";
import { formatClock, formatHundredths } from "../base/format.js";
import { createErrorNote } from "../base/notice.js";

/**
 * @typedef {import("../../../docs/openapi").Reading} Reading
 */

const PAUSE = 500;
const MOMENTS = 5;

/**
 * Return the times, in seconds, at which to read each video's timer. The times are spread evenly over the video. `roi`
 * is the frame on which the user drew the timer box: in its video, the frame's time replaces the nearest other time.
 * @param {{vod_id: string, duration: number}[]} vods
 * @param {{vod_id: string, time: number}} roi
 * @returns {Record<string, number[]>}
 */
export function chooseTimes(vods, roi) {
  return Object.fromEntries(
    vods.map(({ vod_id, duration }) => {
      const spread = Array.from({ length: MOMENTS }, (_, i) => ((i + 0.5) / MOMENTS) * duration);
      if (vod_id !== roi.vod_id) return [vod_id, spread];
      const nearest = spread.reduce(
        (best, t, i) => (Math.abs(t - roi.time) < Math.abs(spread[best] - roi.time) ? i : best),
        0,
      );
      return [vod_id, spread.map((t, i) => (i === nearest ? roi.time : t))];
    }),
  );
}

export class Readings {
  #request = new AbortController();
  /** @type {HTMLElement} */ busy = h("span");

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
    this.#show(
      h(
        "p",
        { class: "text-small faint" },
        "Draw a box around the timer to check which times are read from each video.",
      ),
    );
  }

  /** @param {any} roi */
  update(roi) {
    this.#request.abort();
    this.#busy(true);
    this.later(roi);
  }

  dispose() {
    this.later.cancel();
    this.#request.abort();
  }

  /** @param {any} roi */
  async #ask(roi) {
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      const { readings } = await this.options.preview(roi, chooseTimes(this.options.vods, roi), signal);
      if (signal.aborted) return;
      this.#show(
        ...this.options.vods.map((vod) =>
          this.#line(
            vod,
            readings.filter((r) => r.vod_id === vod.vod_id),
          ),
        ),
        this.#summary(readings),
      );
      this.options.onReadings?.(readings);
    } catch (error) {
      if (signal.aborted) return;
      this.#show(
        createErrorNote("The timer in the box could not be read. Move the box, then try again.", error, () =>
          this.#ask(roi),
        ),
      );
    }
    this.#busy(false);
  }

  /** @param {...HTMLElement} content */
  #show(...content) {
    this.busy = h("span", { class: "status run", hidden: true }, icon("run", "spin"), "reading");
    this.holder.replaceChildren(
      h("div", { class: "row" }, h("p", { class: "cap" }, "Times read from the timer"), this.busy),
      ...content,
    );
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.holder.setAttribute("aria-busy", String(busy));
    this.busy.hidden = !busy;
  }

  /** @param {Reading[]} readings */
  #summary(readings) {
    const per = this.options.vods.map((vod) => {
      const own = readings.filter((r) => r.vod_id === vod.vod_id);
      return `${this.options.letterOf(vod.vod_id)} ${own.filter((r) => r.value !== null).length} of ${own.length}`;
    });
    return h("p", { class: "visually-hidden", role: "status" }, `Times read from the timer: ${per.join(", ")}.`);
  }

  /**
   * @param {{vod_id: string}} vod
   * @param {Reading[]} readings
   */
  #line(vod, readings) {
    const letter = this.options.letterOf(vod.vod_id);
    const reads = readings.length
      ? readings.map((r) =>
          h(
            "figure",
            { title: `${letter} at ${formatClock(r.time)}` },
            createCrop(r.crop_url, `${letter} at ${formatClock(r.time)}`),
            h(
              "figcaption",
              {},
              r.value === null ? h("span", {}, "no text") : h("b", {}, r.text ?? ""),
              h("span", {}, formatHundredths(r.confidence)),
            ),
          ),
        )
      : [h("p", { class: "text-small faint" }, "No times were read.")];
    return h(
      "div",
      { class: "reading-row", data: { letter } },
      h("span", { class: "letter-badge" }, letter),
      h("div", { class: "reads" }, ...reads),
    );
  }
}

/**
 * @param {string|null|undefined} url
 * @param {string} alt
 */
export function createCrop(url, alt) {
  if (!url) return h("span", { class: "crop none", role: "img", "aria-label": `${alt}: no image` }, "–");
  return h("img", { class: "crop", src: url, alt, loading: "lazy", decoding: "async" });
}
