// Storage of a draft's files in this browser. Keys begin with the user's name.

import { IndexedDbStore } from "./stores.js";

/**
 * Run a storage operation and return its result; return null if the operation fails.
 * @param {() => Promise<any>} act
 * @returns {Promise<any>}
 */
const tryStorage = (act) => act().catch(() => null);

export class DraftFiles {
  #store;
  #prefix = `${document.body.dataset.user}/`;

  /** @param {string} name The name of the browser's database. */
  constructor(name) {
    this.#store = new IndexedDbStore(name);
  }

  /** Return a stored value; null or undefined if there is none. @param {string} key @returns {Promise<any>} */
  read(key) {
    return tryStorage(() => this.#store.read(this.#prefix + key));
  }

  /** Return whether the value was stored. @param {string} key @param {any} value A value, or undefined to delete it. */
  async write(key, value) {
    return (await tryStorage(() => this.#store.update(this.#prefix + key, () => value))) !== null;
  }

  /**
   * Delete the values whose keys begin with `start`.
   * @param {string} start
   * @param {Set<string>} [kept] The rests of the keys whose values are kept.
   */
  deleteAll(start, kept = new Set()) {
    const prefix = this.#prefix + start;
    return tryStorage(async () => {
      for (const key of await this.#store.keys(prefix))
        if (!kept.has(key.slice(prefix.length))) await this.#store.update(key, () => undefined);
    });
  }
}
