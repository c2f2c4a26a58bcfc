// What the timer box reads in each video, asked of the server while the box is drawn: crops, text, confidence.

import { debounce, h } from "./dom.js";
import { duration } from "./format.js";
import { errorNote } from "./notice.js";

/**
 * @typedef {object} Reading
 * @property {string} vod_id
 * @property {number} time seconds, in the video
 * @property {string|null} text
 * @property {number|null} value seconds on the timer
 * @property {number} confidence
 * @property {string} crop_url
 */

const PAUSE = 500;

export class Readings {
  #request = new AbortController();

  /**
   * @param {HTMLElement} holder
   * @param {{vods: {vod_id: string, name: string}[], letterOf: (id: string) => string,
   *          preview: (roi: any, signal: AbortSignal) => Promise<{readings: Reading[]}>,
   *          onReadings?: (readings: Reading[]) => void}} options
   */
  constructor(holder, options) {
    this.holder = holder;
    this.options = options;
    this.later = debounce((/** @type {any} */ roi) => this.#ask(roi), PAUSE);
    this.#show(h("p", { class: "s1 t3" }, "Draw the box around the timer to see what it reads in every video."));
  }

  /** @param {any} roi as the API takes it */
  update(roi) {
    this.#request.abort();
    this.holder.setAttribute("aria-busy", "true");
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
      const { readings } = await this.options.preview(roi, signal);
      if (signal.aborted) return;
      this.#show(...this.options.vods.map((vod) => this.#line(vod, readings.filter((r) => r.vod_id === vod.vod_id))), this.#summary(readings));
      this.options.onReadings?.(readings);
    } catch (error) {
      if (signal.aborted) return;
      this.#show(errorNote("The box could not be read.", error, () => this.#ask(roi)));
    }
    this.holder.setAttribute("aria-busy", "false");
  }

  /** @param {...HTMLElement} content */
  #show(...content) {
    this.holder.replaceChildren(h("p", { class: "cap" }, "What the box reads"), ...content);
  }

  /** @param {Reading[]} readings */
  #summary(readings) {
    const per = this.options.vods.map((vod) => {
      const own = readings.filter((r) => r.vod_id === vod.vod_id);
      return `${this.options.letterOf(vod.vod_id)} ${own.filter((r) => r.value !== null).length} of ${own.length}`;
    });
    return h("p", { class: "vh", role: "status" }, `A time was read: ${per.join(", ")}.`);
  }

  /**
   * @param {{vod_id: string}} vod
   * @param {Reading[]} readings
   */
  #line(vod, readings) {
    const letter = this.options.letterOf(vod.vod_id);
    const reads = readings.length
      ? readings.map((r) => h(
          "figure", {},
          crop(r.crop_url, `${letter} at ${duration(r.time)}`),
          h("figcaption", {}, r.value === null ? h("span", {}, "–") : h("b", {}, r.text ?? ""), h("span", {}, r.confidence.toFixed(2).replace(/^0/, ""))),
          h("figcaption", {}, h("span", {}, duration(r.time))),
        ))
      : [h("p", { class: "s1 t3" }, "Nothing was read.")];
    return h("div", { class: "rl", data: { letter } }, h("span", { class: "id" }, letter), h("div", { class: "reads" }, ...reads));
  }
}

/**
 * A cut-out of a frame, or a dash where there is none.
 * @param {string|null|undefined} url
 * @param {string} alt
 */
export function crop(url, alt) {
  if (!url) return h("span", { class: "crop none", role: "img", "aria-label": `${alt}: no picture` }, "–");
  return h("img", { class: "crop", src: url, alt, loading: "lazy", decoding: "async" });
}
