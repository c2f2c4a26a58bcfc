// Correction of a viewer's videos that differ from the session's clock: by speed, or by a seek if far off.

import { FOLLOW_COOL_DOWN, chooseClockCorrection } from "./drift-policy.js";

export class Follower {
  /**
   * Function that returns the session's time in seconds; null while the videos do not follow this time.
   * @type {(() => number)|null}
   */
  clock = null;
  /** Factor of the videos' speed that corrects their difference from the session's clock. */
  factor = 1;
  #coolUntil = 0;

  /**
   * Return the correction to apply now; null if nothing changes.
   * @param {number} T The time on the viewer's own clock, in seconds.
   * @param {number} now
   * @param {number} lead The expected duration of a seek, in seconds of session time.
   * @returns {{seek: number} | {factor: number} | null}
   */
  look(T, now, lead) {
    if (!this.clock) return this.#to(1);
    const target = this.clock();
    const act = chooseClockCorrection(T - target);
    if (act.do === "rate") return this.#to(act.factor);
    if (now < this.#coolUntil) return null;
    this.#coolUntil = now + FOLLOW_COOL_DOWN;
    return { seek: target + lead };
  }

  /** @param {number} factor */
  #to(factor) {
    if (factor === this.factor) return null;
    this.factor = factor;
    return { factor };
  }
}
