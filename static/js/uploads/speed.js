// How fast bytes go, and how long the rest will take. Pure.

export { leftWords } from "../base/format.js";

const WINDOW = 6000; // ms that count

export class Speed {
  /** @type {{at: number, bytes: number}[]} */ #samples = [];

  /**
   * @param {number} bytes sent so far
   * @param {number} [at] milliseconds, as performance.now()
   */
  note(bytes, at = performance.now()) {
    const last = this.#samples[this.#samples.length - 1];
    // What was sent and did not arrive is sent again: it begins again from there.
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && this.#samples[0].at < at - WINDOW) this.#samples.shift();
  }

  forget() {
    this.#samples = [];
  }

  /** @returns {number} bytes a second over the last seconds; 0 while there is nothing to tell it by */
  get value() {
    const [first, last] = [this.#samples[0], this.#samples[this.#samples.length - 1]];
    const seconds = first ? (last.at - first.at) / 1000 : 0;
    return seconds > 0.2 ? (last.bytes - first.bytes) / seconds : 0;
  }
}
