// The group's clock: global time T at the group's speed, corrected by the leading video.

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
   * @param {number} now milliseconds, as performance.now()
   * @returns {number} global time, seconds
   */
  at(now) {
    return this.#running ? this.#T + ((now - this.#since) / 1000) * this.#rate : this.#T;
  }

  /**
   * @param {number} T seconds
   * @param {number} now milliseconds
   */
  set(T, now) {
    this.#T = T;
    this.#since = now;
  }

  /** @param {number} now milliseconds */
  start(now) {
    this.#since = now;
    this.#running = true;
  }

  /** @param {number} now milliseconds */
  stop(now) {
    this.#T = this.at(now);
    this.#running = false;
  }

  /**
   * @param {number} rate
   * @param {number} now milliseconds
   */
  setRate(rate, now) {
    this.#T = this.at(now);
    this.#since = now;
    this.#rate = rate;
  }
}
