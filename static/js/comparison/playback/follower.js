// How a viewer's group follows the session's clock: gently by speed within a wide dead band, by a seek when far off.
// Knows no video; the controller does what it says.

import { FOLLOW_COOL_DOWN, followCorrection } from "./policy.js";

export class Follower {
  /** @type {(() => number)|null} global time of the session now, seconds; null while this viewer leads */
  clock = null;
  /** What the speed of the whole group is multiplied by. */
  factor = 1;
  #coolUntil = 0;

  /**
   * @param {number} T where the group is, seconds
   * @param {number} now milliseconds, as performance.now()
   * @param {number} lead seconds of the session's time that a seek takes
   * @returns {{seek: number} | {factor: number} | null} null: nothing to change
   */
  look(T, now, lead) {
    if (!this.clock) return this.#to(1);
    const target = this.clock();
    const act = followCorrection(T - target);
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
