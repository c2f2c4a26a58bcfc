// The outbox: one user's operations on one video that the server has not returned yet, stored before they are sent.
//
// A replica is the name under which a page counts its operations. Only the holder of its lock uses its counters. A page
// takes the first free replica, and also sends the logs of closed pages' replicas. Without Web Locks (plain HTTP)
// closed pages cannot be detected: each page is a new replica, and sends the other logs once. Sending twice is
// harmless.
//
// A page may end between any two steps, so each step leaves every operation in a log.

import { counterOf } from "../crdt.js";
import { SyncError, dot } from "./protocol.js";

/** @typedef {import("../crdt.js").Operation} Operation */
/** @typedef {import("../../base/stores.js").Store} Store */
/** @typedef {(actor: string) => number} Known returns the actor's last counter that the server has returned */

export class Outbox {
  /** @type {Operation[]} of this replica, in order */ own = [];
  /** @type {Operation[]} of closed pages */ adopted = [];
  counter = 0; // last used counter
  #replica = "";
  /** @type {Map<string, () => void>} functions that release the locks, by replica */ #locks = new Map();
  /** @type {Promise<unknown>} */ #writing = Promise.resolve();
  #isClosed = false;
  /** @type {Set<Operation>} stored operations of `own` */ #kept = new Set();
  /** True after a failed write of `own`: its operations last as long as the page. */ isRefused = false;

  /**
   * @param {Store} store
   * @param {any} locks Web Locks, `null` if unavailable
   * @param {string} person user id
   * @param {string} videoId
   */
  constructor(store, locks, person, videoId) {
    this.store = store;
    /** @type {any} */ this.locks = locks;
    this.person = person;
    this.list = `replicas/${person}`;
    this.logs = `log/${person}/${videoId}/`;
  }

  /** This replica's name in clocks. */
  get actor() {
    return `${this.person}:${this.#replica}`;
  }

  get hasReplica() {
    return this.#replica !== "";
  }

  /** Pending operations, in sending order. */
  get waiting() {
    return [...this.adopted, ...this.own];
  }

  /** True if the store has all operations of `own`. */
  get isKept() {
    return this.own.every((one) => this.#kept.has(one));
  }

  /** Release the locks after the last write, so that the next holder finds the last counter. */
  async close() {
    this.#isClosed = true;
    await this.#writing;
    for (const release of this.#locks.values()) release();
    this.#locks.clear();
  }

  /** Throw if closed. Call after each await: another page may hold the replica by then. */
  mustBeOpen() {
    if (this.#isClosed) throw new SyncError("Syncing has stopped. Reload the page.", { type: "closed" });
  }

  // Replicas

  /**
   * Take the first free replica of this browser profile with its log, or a new one.
   * @param {Known} known
   */
  async claim(known) {
    if (this.locks) {
      for (const replica of (await this.store.read(this.list)) ?? []) if (await this.#take(replica, known)) return;
    }
    const fresh = Array.from(crypto.getRandomValues(new Uint8Array(6)), (one) =>
      one.toString(16).padStart(2, "0"),
    ).join("");
    if (!(await this.#take(fresh, known))) {
      this.locks = null; // the browser has Web Locks but grants none
      await this.#take(fresh, known);
    }
    // A replica without a lock cannot be taken again, so it is not listed.
    if (this.locks) await this.#keep(this.list, (kept) => [...(kept ?? []), fresh]);
  }

  /**
   * @param {string} replica
   * @param {Known} known
   */
  async #take(replica, known) {
    if (this.locks && !(await this.#lock(replica))) return false;
    const kept = await this.store.read(this.logs + replica);
    this.mustBeOpen();
    this.#replica = replica;
    this.own = kept?.log ?? [];
    this.#kept = new Set(this.own);
    this.counter = Math.max(kept?.counter ?? 0, known(this.actor));
    return true;
  }

  /**
   * Hold a replica's lock until it is released or the page ends.
   * @param {string} replica
   * @returns {Promise<boolean>} whether it was free
   */
  async #lock(replica) {
    const isHeld = await new Promise((resolve) => {
      const asked = this.locks.request(
        `vod-sync/${this.logs}${replica}`,
        { ifAvailable: true },
        (/** @type {any} */ lock) => {
          const isMine = lock !== null && !this.#isClosed;
          resolve(isMine);
          return isMine && new Promise((release) => this.#locks.set(replica, () => release(undefined)));
        },
      );
      asked.catch(() => resolve(false));
    });
    this.mustBeOpen();
    return isHeld;
  }

  /** @param {string} replica */
  #release(replica) {
    this.#locks.get(replica)?.();
    this.#locks.delete(replica);
  }

  /**
   * Take over the logs of closed pages.
   * @returns {Promise<Operation[]>}
   */
  async adopt() {
    /** @type {Operation[]} */ const found = [];
    for (const key of await this.store.keys(this.logs)) {
      this.mustBeOpen();
      const replica = key.slice(this.logs.length);
      if (replica === this.#replica || this.#locks.has(replica)) continue;
      // A replica with an empty log stays free for other pages.
      if (!(await this.store.read(key))?.log.length) continue;
      if (this.locks && !(await this.#lock(replica))) continue;
      // Read again: its page may have written until it released the lock.
      const log = (await this.store.read(key))?.log ?? [];
      this.mustBeOpen();
      this.adopted.push(...log);
      found.push(...log);
      if (!log.length) this.#release(replica);
    }
    return found;
  }

  // Log

  /**
   * Return an unused counter. A copy of this replica may have used higher ones.
   * @param {Known} known
   */
  count(known) {
    this.counter = Math.max(this.counter, known(this.actor)) + 1;
    return this.counter;
  }

  /** Store this replica's log. Rejects if the store is full or broken. */
  async keep() {
    const state = { counter: this.counter, log: [...this.own] };
    try {
      await this.#update(this.logs + this.#replica, (kept) => {
        // A replica without a lock is never used again, so its counter need not be kept.
        if (!this.locks && !state.log.length) return undefined;
        return { ...state, counter: Math.max(state.counter, kept?.counter ?? 0) };
      });
      this.#kept = new Set(state.log);
      this.isRefused = false;
    } catch (error) {
      this.isRefused = true;
      throw new SyncError("This browser could not store your change. Keep the page open until it is saved.", {
        type: "not_kept",
        body: error,
      });
    }
  }

  /**
   * Remove operations that the server has returned.
   * @param {(one: Operation) => boolean} isNews
   * @returns {Promise<number>} number of removed operations
   */
  async strike(isNews) {
    const [own, adopted] = [this.own, this.adopted];
    this.own = own.filter(isNews);
    this.adopted = adopted.filter(isNews);
    const count = own.length + adopted.length - this.own.length - this.adopted.length;
    if (this.own.length !== own.length) await this.#tryKeep();
    for (const replica of new Set(adopted.filter((one) => !isNews(one)).map((one) => this.#replicaOf(one.actor)))) {
      await this.#keep(this.logs + replica, (kept) => {
        const log = (kept?.log ?? []).filter(isNews);
        return log.length || this.locks ? { counter: kept?.counter ?? 0, log } : undefined;
      });
      if (!this.adopted.some((one) => this.#replicaOf(one.actor) === replica)) this.#release(replica);
    }
    return count;
  }

  /**
   * Remove an operation that the server rejects for good.
   * @param {Operation} operation
   */
  async drop(operation) {
    const isOther = (/** @type {Operation} */ one) => dot(one) !== dot(operation);
    this.own = this.own.filter(isOther);
    this.adopted = this.adopted.filter(isOther);
    await this.#keep(
      this.logs + this.#replicaOf(operation.actor),
      (kept) => kept && { ...kept, log: kept.log.filter(isOther) },
    );
  }

  /**
   * Move operations from a replica with reused counters to an unused replica.
   * @param {string} actor
   * @param {Operation[]} ghosts operations with reused counters; the log may lack them
   * @param {(one: Operation) => boolean} isTold
   * @param {Known} known
   */
  async rename(actor, ghosts, isTold, known) {
    const isOther = (/** @type {Operation} */ one) => one.actor !== actor;
    // Keep the arrays, not copies: operations written during the await belong to the old log too.
    const parts = [this.adopted, this.own, ghosts];
    const old = this.#replicaOf(actor);
    const isOwn = actor === this.actor;
    this.adopted = this.adopted.filter(isOther);
    if (isOwn) {
      await this.#keep(this.list, (kept) => (kept ?? []).filter((/** @type {string} */ one) => one !== old));
      await this.claim(known);
    }
    const moved = new Set();
    for (const one of new Set(parts.flat())) {
      if (isOther(one)) continue;
      moved.add(dot(one));
      if (isTold(one)) continue;
      const seen = Math.min(counterOf(one) - 1, known(actor));
      const clock = { ...one.clock, [actor]: seen };
      if (!seen) delete clock[actor];
      this.own.push({ ...one, actor: this.actor, clock: { ...clock, [this.actor]: this.count(known) } });
    }
    // Delete the old log last, and only if the new one is stored: a page that ends earlier leaves duplicates, not gaps.
    if (!(await this.#tryKeep())) return;
    const isElsewhere = (/** @type {Operation} */ one) => !moved.has(dot(one));
    await this.#keep(this.logs + old, (kept) =>
      isOwn ? undefined : kept && { ...kept, log: kept.log.filter(isElsewhere) },
    );
  }

  /** @param {string} actor */
  #replicaOf(actor) {
    return actor.slice(this.person.length + 1);
  }

  // Storage

  /** @returns {Promise<boolean>} whether this replica's log was stored */
  async #tryKeep() {
    const isKept = await this.keep().then(
      () => true,
      () => false,
    );
    this.mustBeOpen();
    return isKept;
  }

  /**
   * Store recoverable data: a full or broken store does not stop syncing.
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async #keep(key, change) {
    await this.#update(key, change).catch(() => {});
    this.mustBeOpen();
  }

  /**
   * Write in sequence, so that an older state never overwrites a newer one.
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async #update(key, change) {
    this.mustBeOpen();
    const done = this.#writing.then(() => this.store.update(key, change));
    this.#writing = done.catch(() => {});
    await done;
  }
}
