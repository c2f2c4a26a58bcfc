// Measurement of an upload's speed.

const WINDOW = 6000; // ms over which the speed is averaged

export class Speed {
  /** @type {{at: number, bytes: number}[]} */ #samples = [];

  /**
   * Record the number of bytes sent until the time `at` (`performance.now()`).
   * @param {number} bytes @param {number} [at]
   */
  note(bytes, at = performance.now()) {
    const last = this.#samples.at(-1);
    // The number of sent bytes decreases if lost bytes must be sent again. In this case, restart the measurement.
    if (last && bytes < last.bytes) this.#samples = [];
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && this.#samples[0].at < at - WINDOW) this.#samples.shift();
  }

  forget() {
    this.#samples = [];
  }

  /** Speed in bytes per second; 0 if unknown. @returns {number} */
  get value() {
    const [first, last] = [this.#samples[0], this.#samples[this.#samples.length - 1]];
    const seconds = first ? (last.at - first.at) / 1000 : 0;
    return seconds > 0.2 ? (last.bytes - first.bytes) / seconds : 0;
  }
}
