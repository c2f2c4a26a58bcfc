// The largest difference between the running videos, now and within ten seconds.

const MEMORY = 10_000; // ms

export class Spread {
  /** @type {{at: number, spread: number}[]} */
  #seen = [];

  /**
   * @param {number} now milliseconds, as performance.now()
   * @param {number[]} errors seconds relative to the leader, including its own 0
   */
  note(now, errors) {
    this.#seen = this.#seen.filter((s) => now - s.at < MEMORY);
    this.#seen.push({ at: now, spread: Math.max(...errors) - Math.min(...errors) });
  }

  forget() {
    this.#seen = [];
  }

  /** Seconds at the latest measurement; null before the first. */
  get now() {
    return this.#seen.at(-1)?.spread ?? null;
  }

  /** Seconds; null before the first measurement. */
  get worst() {
    return this.#seen.length ? Math.max(...this.#seen.map((s) => s.spread)) : null;
  }
}
