// Correction of a viewer's group towards the session's clock, by speed, or by a seek if far off.

import { FOLLOW_COOL_DOWN, followCorrection } from "./drift-policy.js";

export class Follower {
  /** Returns the session's time in seconds; null while this viewer leads. @type {(() => number)|null} */
  clock = null;
  /** Factor that the group's speed is multiplied by to correct its error. */
  factor = 1;
  #coolUntil = 0;

  /**
   * Return the correction needed now, or null.
   * @param {number} T The group's time, in seconds.
   * @param {number} now
   * @param {number} lead Expected duration of a seek, in session seconds.
   * @returns {{seek: number} | {factor: number} | null}
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
