// Correction of a viewer's group towards the session's clock: by speed, or by a seek if far off.

import { FOLLOW_COOL_DOWN, followCorrection } from "./drift-policy.js";

export class Follower {
  /** @type {(() => number)|null} current session time, seconds; null while this viewer leads */
  clock = null;
  /** Multiplier of the group's speed. */
  factor = 1;
  #coolUntil = 0;

  /**
   * @param {number} T group time, seconds
   * @param {number} now milliseconds, as performance.now()
   * @param {number} lead session seconds that pass during a seek
   * @returns {{seek: number} | {factor: number} | null} null: no change
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
