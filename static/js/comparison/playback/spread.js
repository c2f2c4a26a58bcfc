// The difference between the running videos, now and at its largest in the last ten seconds: what the page says about
// being in step.

const MEMORY = 10_000; // ms

export class Spread {
  /** @type {{at: number, spread: number}[]} */
  #seen = [];

  /**
   * @param {number} now milliseconds, as performance.now()
   * @param {number[]} errors seconds against the leader, the leader's own 0 among them
   */
  note(now, errors) {
    this.#seen = this.#seen.filter((s) => now - s.at < MEMORY);
    this.#seen.push({ at: now, spread: Math.max(...errors) - Math.min(...errors) });
  }

  forget() {
    this.#seen = [];
  }

  /** Seconds at the last look; null before the first. */
  get now() {
    return this.#seen.at(-1)?.spread ?? null;
  }

  /** Seconds; null before the first look. */
  get worst() {
    return this.#seen.length ? Math.max(...this.#seen.map((s) => s.spread)) : null;
  }
}
