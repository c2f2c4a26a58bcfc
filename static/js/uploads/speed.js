// How fast bytes go, and how long the rest will take. Pure.

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

/**
 * @param {number} seconds
 * @returns {string} `30 s left`, `4 min left`, `2 h 10 min left`
 */
export function leftWords(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s left`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min left`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}
