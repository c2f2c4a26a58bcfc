// The outbox of a page: the user's operations on one video that the server has not confirmed yet. The operations are
// stored in a log before they are sent. A page may close between any two steps, so each step leaves every operation in
// some log.

// A replica is a name under which a page numbers and logs its operations. A page takes the first free replica, and
// locks it, so that no other page uses the same numbers. A page also sends the operations in the logs of closed pages.
//
// Over plain HTTP, browsers have no Web Locks. Each page then uses a new replica, and sends the operations in all other
// logs once, even in those of open pages. Sending an operation twice does no harm: the server ignores operations that
// it already has.

import { getCounter } from "../crdt.js";
import { SyncError, makeDot } from "./protocol.js";

/** @typedef {import("../crdt.js").Operation} Operation */
/** @typedef {import("../../base/stores.js").Store} Store */
/**
 * Function that returns an actor's last counter that the server has confirmed.
 * @typedef {(actor: string) => number} Known
 */

export class Outbox {
  /** Unconfirmed operations of this replica. @type {Operation[]} */ own = [];
  /** Unconfirmed operations of closed pages. @type {Operation[]} */ adopted = [];
  counter = 0; // counter of this replica's last operation
  #replica = "";
  /** @type {Map<string, () => void>} */ #locks = new Map();
  /** @type {Promise<unknown>} */ #writing = Promise.resolve();
  #isClosed = false;
  /** @type {Set<Operation>} */ #kept = new Set();
  /** True if the last write of `own` to the store failed. Closing the page then loses operations. */ isRefused = false;

  /**
   * @param {Store} store
   * @param {any} locks
   * @param {string} person
   * @param {string} videoId
   */
  constructor(store, locks, person, videoId) {
    this.store = store;
    /** @type {any} */ this.locks = locks;
    this.person = person;
    this.list = `replicas/${person}`;
    this.logs = `log/${person}/${videoId}/`;
  }

  get actor() {
    return `${this.person}:${this.#replica}`;
  }

  get hasReplica() {
    return this.#replica !== "";
  }

  get waiting() {
    return [...this.adopted, ...this.own];
  }

  get isKept() {
    return this.own.every((one) => this.#kept.has(one));
  }

  /** Release the locks after the last write, so that the next page with this replica reads the last counter. */
  async close() {
    this.#isClosed = true;
    await this.#writing;
    for (const release of this.#locks.values()) release();
    this.#locks.clear();
  }

  /** Throw if the outbox is closed. Call this after each `await`: another page may have taken the replica. */
  mustBeOpen() {
    if (this.#isClosed) throw new SyncError("Syncing has stopped. Reload the page.", { type: "closed" });
  }

  /** Take the first free replica with its log, or create a new one. @param {Known} known */
  async claim(known) {
    if (this.locks) {
      for (const replica of (await this.store.read(this.list)) ?? []) if (await this.#take(replica, known)) return;
    }
    const fresh = Array.from(crypto.getRandomValues(new Uint8Array(6)), (one) =>
      one.toString(16).padStart(2, "0"),
    ).join("");
    if (!(await this.#take(fresh, known))) {
      this.locks = null; // the browser grants no locks, even for new replicas
      await this.#take(fresh, known);
    }
    // Add the replica to the list from which later pages take one. Only pages with Web Locks use this list.
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
   * Lock a replica until it is released. Return whether the replica was free.
   * @param {string} replica
   * @returns {Promise<boolean>}
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

  /** Take over the logs of closed pages, and return their operations. @returns {Promise<Operation[]>} */
  async adopt() {
    /** @type {Operation[]} */ const found = [];
    for (const key of await this.store.keys(this.logs)) {
      this.mustBeOpen();
      const replica = key.slice(this.logs.length);
      if (replica === this.#replica || this.#locks.has(replica)) continue;
      // Skip a replica with an empty log, so that another page can take it.
      if (!(await this.store.read(key))?.log.length) continue;
      if (this.locks && !(await this.#lock(replica))) continue;
      // Read the log again: the page that had the lock may have written to the log before releasing it.
      const log = (await this.store.read(key))?.log ?? [];
      this.mustBeOpen();
      this.adopted.push(...log);
      found.push(...log);
      if (!log.length) this.#release(replica);
    }
    return found;
  }

  /**
   * Return the next counter. It is higher than all counters that this page has used. It is also higher than all counters
   * that the server has confirmed for this replica, because a copy of the browser profile may have used the replica.
   * @param {Known} known
   */
  count(known) {
    this.counter = Math.max(this.counter, known(this.actor)) + 1;
    return this.counter;
  }

  /** Store this replica's log. Reject if the store is full or broken. */
  async keep() {
    const state = { counter: this.counter, log: [...this.own] };
    try {
      await this.#update(this.logs + this.#replica, (kept) => {
        // Without Web Locks, no other page uses this replica. Delete its log with its counter once the log is empty.
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
   * Remove from the logs the operations that the server has confirmed. Return the number of removed operations.
   * @param {(one: Operation) => boolean} isNews Returns true for an operation that must stay in its log.
   * @returns {Promise<number>}
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

  /** Remove an operation that the server has rejected permanently. @param {Operation} operation */
  async drop(operation) {
    const isOther = (/** @type {Operation} */ one) => makeDot(one) !== makeDot(operation);
    this.own = this.own.filter(isOther);
    this.adopted = this.adopted.filter(isOther);
    await this.#keep(
      this.logs + this.#replicaOf(operation.actor),
      (kept) => kept && { ...kept, log: kept.log.filter(isOther) },
    );
  }

  /**
   * Move an actor's operations to this page's replica, where they get new counters. This is needed if a copy of the
   * browser profile has used the same counters for other operations. If the actor is this page's own, the page first
   * takes another replica.
   * @param {string} actor
   * @param {Operation[]} ghosts This browser's operations whose actor and counter belong to a different
   *   operation on the server. Ghosts of `actor` are moved even if they are no longer in the outbox (`adopted` and
   *   `own`).
   * @param {(one: Operation) => boolean} isTold Returns whether the server already has an operation. Such an
   *   operation is dropped, not moved.
   * @param {Known} known
   */
  async rename(actor, ghosts, isTold, known) {
    const isOther = (/** @type {Operation} */ one) => one.actor !== actor;
    // Keep the arrays, not copies, so that operations that are added during the `await` are also moved.
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
      moved.add(makeDot(one));
      if (isTold(one)) continue;
      const seen = Math.min(getCounter(one) - 1, known(actor));
      const clock = { ...one.clock, [actor]: seen };
      if (!seen) delete clock[actor];
      this.own.push({ ...one, actor: this.actor, clock: { ...clock, [this.actor]: this.count(known) } });
    }
    // Delete the old log last. If the page closes before, operations are duplicated, but none is lost.
    if (!(await this.#tryKeep())) return;
    const isElsewhere = (/** @type {Operation} */ one) => !moved.has(makeDot(one));
    await this.#keep(this.logs + old, (kept) =>
      isOwn ? undefined : kept && { ...kept, log: kept.log.filter(isElsewhere) },
    );
  }

  /** @param {string} actor */
  #replicaOf(actor) {
    return actor.slice(this.person.length + 1);
  }

  /** @returns {Promise<boolean>} */
  async #tryKeep() {
    const isKept = await this.keep().then(
      () => true,
      () => false,
    );
    this.mustBeOpen();
    return isKept;
  }

  /**
   * Store a change whose loss does no harm. Ignore a full or broken store, so that syncing continues.
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async #keep(key, change) {
    await this.#update(key, change).catch(() => {});
    this.mustBeOpen();
  }

  /**
   * Write to the store one change at a time, so that an older state never overwrites a newer one.
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
