// Undo and redo of the user's own edits.

import { isRefused } from "../../base/drafts.js";

const KEPT = 100;

/**
 * @typedef {object} Edit
 * @property {string} label Description of the edit, such as “moved Kill”.
 * @property {() => Promise<unknown>} undo
 * @property {() => Promise<unknown>} redo
 */

export class Edits extends EventTarget {
  /** @type {Edit[]} */ #done = [];
  /** @type {Edit[]} */ #undone = [];
  /** Last edit in the queue. Edits run in turn, so two quick undos revert two edits. @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /** Descriptions of the edits that the next undo or redo affects. @returns {{undo: string|null, redo: string|null}} */
  get labels() {
    return { undo: this.#done.at(-1)?.label ?? null, redo: this.#undone.at(-1)?.label ?? null };
  }

  /** Record a finished edit. @param {Edit} edit */
  add(edit) {
    this.#done.push(edit);
    if (this.#done.length > KEPT) this.#done.shift();
    this.#undone = [];
    this.#changed();
  }

  undo = () => this.inTurn(() => this.#move("undo"));
  redo = () => this.inTurn(() => this.#move("redo"));

  /**
   * Run an edit once the previous edit has finished, so that undo reverts the latest edit.
   * @template T
   * @param {() => Promise<T>} move
   * @returns {Promise<T>}
   */
  inTurn(move) {
    const next = this.#turn.then(move);
    this.#turn = next.catch(() => {});
    return next;
  }

  /**
   * Undo the latest edit, or redo the edit undone last. The edit moves to the redo list or back to the undo list.
   * @param {"undo"|"redo"} way
   * @throws The error of the edit. The edit is dropped unless a retry may succeed.
   */
  async #move(way) {
    const from = way === "undo" ? this.#done : this.#undone;
    const edit = from.pop();
    if (!edit) return null;
    try {
      await edit[way]();
      (way === "undo" ? this.#undone : this.#done).push(edit);
      return edit.label;
    } catch (error) {
      if (isPassing(error)) from.push(edit);
      throw error;
    } finally {
      this.#changed();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Return whether a request may succeed later, or has succeeded without an answer. @param {any} error */
export const isPassing = (error) => error?.status !== undefined && !isRefused(error);
