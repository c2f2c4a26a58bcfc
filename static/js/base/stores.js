// Key-value stores for unsent operations and drafts.

/**
 * @typedef {object} Store
 * @property {(key: string) => Promise<any>} read Returns the value of a key, or undefined.
 * @property {(key: string, change: (kept: any) => any) => Promise<any>} update Changes a value atomically,
 * also across tabs, and resolves with the new value. If the new value is undefined, the key is deleted.
 * @property {(prefix: string) => Promise<string[]>} keys Lists the keys with a prefix.
 */

/** A store in memory, for Node, tests, and browsers without IndexedDB. @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, string>} */ #kept = new Map();

  /** @param {string} key */
  async read(key) {
    const found = this.#kept.get(key);
    return found === undefined ? undefined : JSON.parse(found);
  }

  /**
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async update(key, change) {
    const found = this.#kept.get(key);
    const next = change(found === undefined ? undefined : JSON.parse(found));
    if (next === undefined) this.#kept.delete(key);
    else this.#kept.set(key, JSON.stringify(next));
    return next;
  }

  /** @param {string} prefix */
  async keys(prefix) {
    return [...this.#kept.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

const TABLE = "kept";

/** @implements {Store} */
export class IndexedDbStore {
  /** @type {Promise<IDBDatabase>|null} */ #opened = null;

  /** @param {string} [name] */
  constructor(name = "vod-sync") {
    this.name = name;
  }

  /** @param {string} key */
  async read(key) {
    return this.#within("readonly", (table) => table.get(key));
  }

  /**
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async update(key, change) {
    let next;
    await this.#within("readwrite", (table) => {
      const asked = table.get(key);
      asked.onsuccess = () => {
        next = change(asked.result);
        if (next === undefined) table.delete(key);
        else table.put(next, key);
      };
      return asked;
    });
    return next;
  }

  /** @param {string} prefix */
  async keys(prefix) {
    const found = await this.#within("readonly", (table) => table.getAllKeys());
    return found.filter((/** @type {string} */ key) => key.startsWith(prefix)).sort();
  }

  #open() {
    this.#opened ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open(this.name, 1);
      asked.onupgradeneeded = () => asked.result.createObjectStore(TABLE);
      asked.onsuccess = () => {
        // The database closes when the user clears the site's data; the next call reopens it.
        asked.result.onclose = () => (this.#opened = null);
        resolve(asked.result);
      };
      asked.onerror = () => reject(asked.error);
    });
    return this.#opened;
  }

  /**
   * Run one database request. Resolve once the data is on disk.
   * @param {IDBTransactionMode} mode
   * @param {(table: IDBObjectStore) => IDBRequest} ask
   * @returns {Promise<any>}
   */
  async #within(mode, ask) {
    const transaction = await this.#begin(mode);
    return new Promise((resolve, reject) => {
      const asked = ask(transaction.objectStore(TABLE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? asked.error);
    });
  }

  /** @param {IDBTransactionMode} mode */
  async #begin(mode) {
    const begin = async () => (await this.#open()).transaction(TABLE, mode, { durability: "strict" });
    try {
      return await begin();
    } catch (error) {
      // An InvalidStateError means that the database has closed, perhaps before its `close` event. Open it again.
      if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
      this.#opened = null;
      return begin();
    }
  }
}

/** @returns {Store} */
export const openDefaultStore = () => (globalThis.indexedDB ? new IndexedDbStore() : new MemoryStore());
