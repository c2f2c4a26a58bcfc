// The shared clock of the videos that play together. It runs at their speed and is corrected by the leading video.

export class GroupClock {
  #T = 0;
  #since = 0;
  #rate = 1;
  #running = false;

  get running() {
    return this.#running;
  }

  get rate() {
    return this.#rate;
  }

  /**
   * Return the time on the shared clock, in seconds.
   * @param {number} now
   * @returns {number}
   */
  at(now) {
    return this.#running ? this.#T + ((now - this.#since) / 1000) * this.#rate : this.#T;
  }

  /**
   * @param {number} T Time on the shared clock, in seconds.
   * @param {number} now
   */
  set(T, now) {
    this.#T = T;
    this.#since = now;
  }

  /** @param {number} now */
  start(now) {
    this.#since = now;
    this.#running = true;
  }

  /** @param {number} now */
  stop(now) {
    this.#T = this.at(now);
    this.#running = false;
  }

  /**
   * @param {number} rate
   * @param {number} now
   */
  setRate(rate, now) {
    this.#T = this.at(now);
    this.#since = now;
    this.#rate = rate;
  }
}
