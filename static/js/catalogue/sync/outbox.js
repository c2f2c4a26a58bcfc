// What a person has written and the server has not told yet, of one video in one browser profile: kept in the store
// under this page's replica before it is sent, and struck from it once it is told.
//
// A replica is the name under which a page counts its operations; its counters belong to whoever holds its lock. A page
// takes the first that is free, and sends what stands in the logs of those whose pages are gone. Without Web Locks
// (plain http) nobody can tell who is gone: each page is a replica of its own, and what others left is sent once, at
// the beginning; what a living one has in its log is harmless to send twice.
//
// A page may end between any two steps here, by stop() as by being killed: each step leaves the words in a log.

import { counterOf } from "../crdt.js";
import { SyncError, dot } from "./wire.js";

/** @typedef {import("../crdt.js").Operation} Operation */
/** @typedef {import("./stores.js").Store} Store */
/** @typedef {(actor: string) => number} Known the last counter of an actor that the server has told */

export class Outbox {
  /** @type {Operation[]} of this replica, in order */ own = [];
  /** @type {Operation[]} of pages that are gone */ adopted = [];
  counter = 0; // the last that this replica has used
  #replica = "";
  /** @type {Map<string, () => void>} what lets go of the lock of each replica that is held */ #locks = new Map();
  /** @type {Promise<unknown>} */ #writing = Promise.resolve();
  #isClosed = false;
  /** @type {Set<Operation>} operations of `own` that are in the store */ #kept = new Set();
  /** True if the store refused the last write of `own`, whose operations then live as long as the page. */ isRefused = false;

  /**
   * @param {Store} store
   * @param {any} locks Web Locks, `null` for none
   * @param {string} person the user's id
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

  /** What waits, in the order in which it is sent. */
  get waiting() {
    return [...this.adopted, ...this.own];
  }

  /** True if the store has all operations of `own`, so that a page that ends now loses nothing. */
  get isKept() {
    return this.own.every((one) => this.#kept.has(one));
  }

  /** Let go of the locks once all is kept that was to be kept: who takes a replica then finds its last counter. */
  async close() {
    this.#isClosed = true;
    await this.#writing;
    for (const release of this.#locks.values()) release();
    this.#locks.clear();
  }

  /** To be asked after each wait: once closed, the replica is somebody else's. */
  mustBeOpen() {
    if (this.#isClosed) throw new SyncError("The client has been stopped.", { type: "closed" });
  }

  // Whose

  /**
   * Take the first replica of this profile that nobody else holds, or a new one, and what its log holds.
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
      this.locks = null; // a browser that has them and gives none
      await this.#take(fresh, known);
    }
    // One that cannot be locked is never taken again: it is not listed.
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
   * Hold a replica's lock until it is let go, or until this page is gone.
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
   * Take what pages have left behind that are gone.
   * @returns {Promise<Operation[]>}
   */
  async adopt() {
    /** @type {Operation[]} */ const found = [];
    for (const key of await this.store.keys(this.logs)) {
      this.mustBeOpen();
      const replica = key.slice(this.logs.length);
      if (replica === this.#replica || this.#locks.has(replica)) continue;
      // One that has nothing to send is left free for whoever wants a replica.
      if (!(await this.store.read(key))?.log.length) continue;
      if (this.locks && !(await this.#lock(replica))) continue;
      // Read again: its page may have written until it let go.
      const log = (await this.store.read(key))?.log ?? [];
      this.mustBeOpen();
      this.adopted.push(...log);
      found.push(...log);
      if (!log.length) this.#release(replica);
    }
    return found;
  }

  // What

  /**
   * A counter that is nobody's: a copy of this replica may have sent more than this one has written.
   * @param {Known} known
   */
  count(known) {
    this.counter = Math.max(this.counter, known(this.actor)) + 1;
    return this.counter;
  }

  /** Keep this replica's log as it is now. Rejects where the store is full or broken. */
  async keep() {
    const state = { counter: this.counter, log: [...this.own] };
    try {
      await this.#update(this.logs + this.#replica, (kept) => {
        // Without a lock its name is never used again: nothing is lost with its counter.
        if (!this.locks && !state.log.length) return undefined;
        return { ...state, counter: Math.max(state.counter, kept?.counter ?? 0) };
      });
      this.#kept = new Set(state.log);
      this.isRefused = false;
    } catch (error) {
      this.isRefused = true;
      throw new SyncError("What you changed could not be kept in this browser.", { type: "not_kept", body: error });
    }
  }

  /**
   * Strike what is no news to the server any more.
   * @param {(one: Operation) => boolean} isNews
   * @returns {Promise<number>} how many
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
   * Strike one that the server refuses for good.
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
   * Write again, under a name that is nobody else's, what waits under one whose counters somebody else has used.
   * @param {string} actor
   * @param {Operation[]} ghosts what is known to stand under a counter of somebody else's; in a log it may be missing
   * @param {(one: Operation) => boolean} isTold
   * @param {Known} known
   */
  async rename(actor, ghosts, isTold, known) {
    const isOther = (/** @type {Operation} */ one) => one.actor !== actor;
    // Lists, not what is in them: what is written while the new name is being taken stands in the old log, too.
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
    // The old log goes last, and only where the new one is kept: a page that ends before has the words twice.
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

  // How

  /** @returns {Promise<boolean>} whether this replica's log was kept */
  async #tryKeep() {
    const isKept = await this.keep().then(
      () => true,
      () => false,
    );
    this.mustBeOpen();
    return isKept;
  }

  /**
   * Keep what can be told or sent once more: a store that is full or broken stops no sync.
   * @param {string} key
   * @param {(kept: any) => any} change
   */
  async #keep(key, change) {
    await this.#update(key, change).catch(() => {});
    this.mustBeOpen();
  }

  /**
   * One after the other, so that an older state never overwrites a newer one; and none once this is closed.
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
