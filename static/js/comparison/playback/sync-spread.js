// The spread: largest time difference between running videos, now and in the last ten seconds.

const MEMORY = 10_000; // ms for which measurements are kept

export class Spread {
  /** @type {{at: number, spread: number}[]} */
  #seen = [];

  /**
   * @param {number} now
   * @param {number[]} errors Seconds by which each video is ahead of the leader.
   */
  note(now, errors) {
    this.#seen = this.#seen.filter((s) => now - s.at < MEMORY);
    this.#seen.push({ at: now, spread: Math.max(...errors) - Math.min(...errors) });
  }

  forget() {
    this.#seen = [];
  }

  /** Latest spread between the videos, in seconds; null before the first measurement. */
  get now() {
    return this.#seen.at(-1)?.spread ?? null;
  }

  /** Largest spread among the kept measurements, in seconds; null before the first measurement. */
  get worst() {
    return this.#seen.length ? Math.max(...this.#seen.map((s) => s.spread)) : null;
  }
}
