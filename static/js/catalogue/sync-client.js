// The reference client of a catalogue video's /sync endpoint. It edits the video's texts and tags, also offline, and
// merges concurrent edits. It runs in browsers and in Node, without dependencies.

// Usage:
//
//   import { SyncClient } from "./sync-client.js";
//   const client = new SyncClient({
//     videoId,                 // UUID
//     actor,                   // id of the signed-in user; the client appends its replica: "{user-id}:{replica}"
//     base: "",                // origin of the server; "" in a page
//     store,                   // default: IndexedDB in a browser, memory elsewhere
//     fetch,                   // default: globalThis.fetch
//     headers,                 // headers as an object, or an (async) function that returns them for each request
//   });
//   await client.start();      // loads and shows stored edits, then syncs in the background
//   client.values              // merged values with unsent edits: {title, description, category, is_featured, tags}
//   client.video               // the server's last version of the video, or null
//   client.state               // "starting"|"synced"|"pending"|"sending"|"offline"|"refused"|"closed"
//   client.pending             // number of unconfirmed own operations
//   await client.edit(field, value, {seen, state})   // shows an edit, stores it, and sends it
//   client.writes(field)       // concurrent writes of a field: [{value, actor, state?}], the shown one first
//   await client.addTag(tag); await client.removeTag(tag)
//   await client.sync()        // sends and fetches now; rejects with SyncError
//   client.retry()             // retries at once after "refused" or "offline"
//   client.stop()              // releases timers, locks and listeners; unsent edits stay in the store

// The method `edit` changes one field. Its promise resolves once the edit is stored. If the store is full, the promise
// rejects, but the edit is still sent.
// - field: title, description, category, is_featured, or tags (the complete list)
// - seen: values that the user has seen; default: the shown value. If another person's value is not in this list, the
//   edit does not replace it: both values stay, in conflict.
// - state: edit history of a description; see shared-text.js

// Events and their `detail`:
// - "change" reports changed values: {values, fields: ["title", …], origin: "local"|"remote"}.
// - "conflict" reports concurrent edits of a field: {field, mine, theirs, shown}. `mine` is this user's value, `theirs`
//   is the other person's value, and `shown` is the one that `values` has now. For tags, `mine` and `theirs` are
//   opposite changes of one tag, {tag, did: "added"|"removed"}, and `shown` is the list of tags.
// - "state" reports the progress: {state, pending, kept, error}. `state` and `pending` are the client's properties of
//   these names. `kept` tells whether the pending operations are stored: "yes", "soon", or "no" after a failure.
//   `error` is null or a SyncError, with the HTTP status and the error type of the API. Its type is "offline" if the
//   server cannot be reached, and "other_account" if another person has signed in. The unsent edits are then kept until
//   the person who wrote them signs in again.
// - "refused" reports an operation that the server rejected permanently, and that was undone: {operation, error}.

// A page that uses the WebSocket ws/videos/{id}/ calls client.retry() when a message reports a change of the video by
// another client. The client also polls every 30 s. For users without edit rights, the server's response has the video,
// but no operations.

// The shown values result from two parts: the document, which contains only operations that the server has returned,
// and the log of own operations that the server has not returned yet. An operation is stored before it is sent, and
// deleted from the log when the server returns it. After a lost response, the operation is sent again. For replicas,
// see sync/outbox.js.

import { Document, FIELDS, UPDATE_OF, compareKeys, getCounter } from "./crdt.js";
import { Outbox } from "./sync/outbox.js";
import { MemoryStore, openDefaultStore } from "../base/stores.js";
import {
  SyncError,
  getContent,
  makeDot,
  fromWire,
  isRepetition,
  toLine,
  isSame,
  toText,
  toWire,
} from "./sync/protocol.js";

export { IndexedDbStore, MemoryStore } from "../base/stores.js";
export { SyncError, formatMicroseconds, parseMicroseconds } from "./sync/protocol.js";

const MAX_OPERATIONS = 1000;
const MAX_TOLD = 5000; // maximum number of operations in one response
const POLL = 30_000;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
const CALL_TIMEOUT = 30_000;
// Syncing fails if operations are sent more than this many times in a row and the server confirms none of them.
const MAX_IDLE = 5;
const RECENT = 200; // maximum number of own operations that are kept to detect conflicts
const NO_SKEW = 2_000; // differences to the server's clock up to this many ms are ignored, as the header Date has whole seconds

/** @typedef {import("./crdt.js").Operation} Operation */
/** @typedef {import("./crdt.js").Base & {tags: string[]}} Values */
/** @typedef {"starting"|"synced"|"pending"|"sending"|"offline"|"refused"|"closed"} State */
/**
 * @typedef {object} Options
 * @property {string} videoId
 * @property {string} actor
 * @property {string} [base]
 * @property {import("../base/stores.js").Store} [store]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {Record<string, string>|(() => Record<string, string>|Promise<Record<string, string>>)} [headers]
 * @property {any} [locks] The Web Locks API, or `null` if unavailable.
 * @property {{first: number, longest: number}} [wait] The shortest and the longest delay between attempts
 * while offline, in ms.
 * @property {number} [poll] The delay between two polls, in ms.
 * @property {() => number} [now] Returns the current time, in ms since 1970.
 */

export class SyncClient extends EventTarget {
  /** @type {State} */ state = "starting";
  /** @type {any} */ video = null;
  /** @type {SyncError|null} */ error = null;

  // Document that contains only operations returned by the server.
  #document = new Document();
  /** Initial values of the video. @type {Values|null} */ #base = null;
  #since = "";
  /** Own operations that the server has not returned yet. @type {Outbox} */ #outbox;
  /** Cache of #document merged with the operations of #outbox. @type {Document|null} */ #merged = null;
  /** @type {{operation: Operation, removed: string[]}[]} */ #recent = [];

  /** @type {Values} */ #shown = EMPTY;
  /**
   * Own operations whose actor and counter are also used by a different operation on the server.
   * @type {Operation[]}
   */
  #ghosts = [];
  #skew = 0;
  #last = 0;
  #batch = MAX_OPERATIONS;
  #failures = 0;
  #confirmed = 0; // number of own operations confirmed since the page was loaded
  #timer = /** @type {any} */ (0);
  /** @type {Promise<void>|null} */ #running = null;
  /** @type {Promise<void>|null} */ #next = null;
  #online = () => this.retry();

  /** @param {Options} options */
  constructor(options) {
    super();
    this.options = options;
    this.actorId = options.actor;
    this.store = options.store ?? openDefaultStore();
    const locks = options.locks === undefined ? globalThis.navigator?.locks : options.locks;
    this.#outbox = new Outbox(this.store, locks, options.actor, options.videoId);
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.wait = options.wait ?? { first: FIRST_WAIT, longest: LONGEST_WAIT };
    this.url = `${options.base ?? ""}/api/v1/videos/${encodeURIComponent(options.videoId)}/sync`;
  }

  get values() {
    return { ...this.#shown, tags: [...this.#shown.tags] };
  }

  get pending() {
    return this.#outbox.waiting.length;
  }

  /** Unsent edits of this browser, in order. @returns {{type: string, value: any}[]} */
  get unsent() {
    return this.#outbox.waiting.map(({ type, value }) => ({ type, value }));
  }

  /**
   * Whether the pending operations are in the store: "yes", "soon" while they are written, or "no" after a failure.
   * @returns {"yes"|"soon"|"no"}
   */
  get kept() {
    if (this.#outbox.isKept) return "yes";
    return this.#outbox.isRefused ? "no" : "soon";
  }

  get actor() {
    return this.#outbox.actor;
  }

  /** The merged document as text. It is equal in all clients with the same operations. */
  get document() {
    return this.#local().text();
  }

  async start() {
    try {
      await this.#load();
    } catch {
      if (this.#isClosed) return;
      // Some private windows have no storage, so keep unsent edits in memory.
      this.#outbox.close();
      this.store = new MemoryStore();
      this.#outbox = new Outbox(this.store, null, this.actorId, this.options.videoId);
      await this.#load();
    }
    if (this.#isClosed) return;
    this.#show("local");
    globalThis.addEventListener?.("online", this.#online);
    this.#tell(this.pending ? "pending" : "starting");
    this.sync().catch(() => {});
  }

  /** Stop the client. Resolve once edits are stored and locks are released. @returns {Promise<void>} */
  stop() {
    globalThis.removeEventListener?.("online", this.#online);
    clearTimeout(this.#timer);
    this.#tell("closed");
    return this.#outbox.close();
  }

  get #isClosed() {
    return this.state === "closed";
  }

  retry() {
    this.#failures = 0;
    this.sync().catch(() => {});
  }

  /**
   * @param {string} field
   * @param {any} value
   * @param {{seen?: any[], state?: string}} [about]
   */
  async edit(field, value, { seen, state } = {}) {
    if (field === "tags") return this.#editTags(value);
    const type = UPDATE_OF[field];
    if (!type) throw new TypeError(`Unknown field ${field}.`);
    const next = field === "is_featured" ? value : field === "description" ? toText(value) : toLine(value);
    const shown = /** @type {any} */ (this.#shown)[field];
    // Skip an unchanged value. In a conflict, write it nevertheless if the caller passes `seen`: this resolves the
    // conflict.
    if (next === shown && !(seen && this.writes(field).length > 1)) return;
    const known = [next, ...(seen ?? [shown])];
    const unseen = this.writes(field).filter((one) => one.actor !== this.actor && !known.includes(one.value));
    await this.#write([[type, next]], { unseen, state });
  }

  /**
   * Return a field's concurrent writes, the shown one first.
   * @param {string} field
   * @returns {import("./crdt.js").Write[]}
   */
  writes(field) {
    const { writes } = /** @type {{writes: Map<string, import("./crdt.js").Write>}} */ (
      this.#local().registers.get(field)
    );
    return [...writes.values()].sort((one, other) => compareKeys(other, one));
  }

  /** @param {string} tag */
  async addTag(tag) {
    const next = toLine(tag);
    if (!this.#shown.tags.includes(next)) await this.#write([["add_tag", next]]);
  }

  /** @param {string} tag */
  async removeTag(tag) {
    const next = toLine(tag);
    if (this.#shown.tags.includes(next)) await this.#write([["remove_tag", next]]);
  }

  /**
   * Write only the added and removed tags if possible, so that concurrent changes of other tags survive.
   * @param {string[]} value
   */
  async #editTags(value) {
    const next = [...new Set(value.map(toLine).filter(Boolean))];
    const now = this.#shown.tags;
    if (isSame(next, now)) return;
    const kept = now.filter((tag) => next.includes(tag));
    const added = next.filter((tag) => !now.includes(tag));
    if (isSame([...kept, ...added], next)) {
      const removed = now.filter((tag) => !next.includes(tag));
      await this.#write([...removed.map((tag) => ["remove_tag", tag]), ...added.map((tag) => ["add_tag", tag])]);
    } else {
      await this.#write([["set_tags", next]]);
    }
  }

  /**
   * Apply and store own writes. `unseen` are writes of others that the user has not seen. The clocks of the new
   * operations do not cover the unseen writes, so that the new operations do not replace them.
   * @param {any[][]} writes
   * @param {{unseen?: import("./crdt.js").Write[], state?: string}} [about]
   */
  async #write(writes, { unseen = [], state } = {}) {
    if (!this.#outbox.hasReplica)
      throw new SyncError("The video is not loaded yet. Wait a moment, then try again.", { type: "not_started" });
    this.#outbox.mustBeOpen();
    for (const [type, value] of writes) {
      const shown = this.#shown.tags;
      const clock = this.#local().clock;
      for (const one of unseen) {
        clock[one.actor] = one.counter - 1;
        if (!clock[one.actor]) delete clock[one.actor];
      }
      const counter = this.#outbox.count(this.#known);
      const operation = {
        type,
        value,
        timestamp: this.#now(),
        actor: this.actor,
        clock: { ...clock, [this.actor]: counter },
        ...(state && { state }),
      };
      this.#outbox.own.push(operation);
      this.#local().apply(operation);
      this.#remember(operation, shown);
      this.#show("local");
    }
    this.#tell(this.#running ? "sending" : this.state === "offline" ? "offline" : "pending");
    try {
      await this.#outbox.keep();
    } finally {
      this.#tell(this.state, this.error); // show whether this browser has stored the edit; send it in any case
      this.#soon(0);
    }
  }

  /**
   * @param {Operation} operation
   * @param {string[]} tags
   */
  #remember(operation, tags) {
    const { type, value } = operation;
    const removed =
      type === "remove_tag" ? [value] : type === "set_tags" ? tags.filter((tag) => !value.includes(tag)) : [];
    this.#recent = [...this.#recent, { operation, removed }].slice(-RECENT);
  }

  /**
   * Return the estimated server time in microseconds since 1970, never the same twice. The last three digits are
   * random, so that copies of a browser profile do not give the same time to different operations.
   */
  #now() {
    const now = Math.round((this.#milliseconds() + this.#skew) * 1000) + Math.floor(Math.random() * 1000);
    this.#last = Math.max(now, this.#last + 1);
    return this.#last;
  }

  #milliseconds() {
    return this.options.now?.() ?? Date.now();
  }

  /** Return the document with the unconfirmed own operations. */
  #local() {
    if (!this.#merged) {
      this.#merged = this.#document.copy();
      for (const operation of this.#outbox.waiting) this.#merged.apply(operation);
    }
    return this.#merged;
  }

  /** @param {"local"|"remote"} origin */
  #show(origin) {
    const before = this.#shown;
    if (this.#base) this.#shown = this.#local().values(this.#base);
    else if (this.video) this.#shown = getTexts(this.video);
    const fields = Object.keys(this.#shown).filter(
      (name) => !isSame(/** @type {any} */ (before)[name], /** @type {any} */ (this.#shown)[name]),
    );
    if (fields.length) this.#emit("change", { values: this.values, fields, origin });
  }

  /**
   * @param {State} state
   * @param {SyncError|null} [error]
   */
  #tell(state, error = null) {
    if (this.state === "closed") return;
    this.state = state;
    this.error = error;
    this.#emit("state", { state, pending: this.pending, kept: this.kept, error });
  }

  /**
   * @param {string} name
   * @param {any} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(Object.assign(new Event(name), { detail }));
  }

  get #videoKey() {
    return `video/${this.actorId}/${this.options.videoId}`;
  }

  async #load() {
    const kept = await this.store.read(this.#videoKey);
    if (kept) {
      this.#document = Document.parse(kept.document);
      [this.#base, this.#since, this.video] = [kept.base, kept.since, kept.video];
    }
    await this.#outbox.claim(this.#known);
    await this.#outbox.adopt();
    this.#found(this.#outbox.waiting);
  }

  /** @param {string} actor */
  #known = (actor) => this.#document.clock[actor] ?? 0;

  /** Merge operations from stored logs, and remember them to detect conflicts. @param {Operation[]} found */
  #found(found) {
    if (!found.length) return;
    this.#merged = null;
    // Two different operations may have the same actor and counter. If the document already has an operation with these
    // values, fetch all operations with the next request, to compare the two.
    if (found.some((one) => this.#document.has(one.actor, getCounter(one)))) this.#since = "";
    const document = this.#document.copy();
    for (const operation of found) {
      this.#remember(operation, document.tags.value());
      document.apply(operation);
    }
  }

  /** Take over unsent operations of closed tabs. */
  async #adopt() {
    const found = this.#outbox.locks ? await this.#outbox.adopt().catch(() => []) : [];
    this.#outbox.mustBeOpen();
    this.#found(found);
    if (found.length) this.#show("remote");
  }

  /** @returns {Promise<void>} */
  sync() {
    // A running exchange may have missed the newest edit, so start another one afterwards.
    if (this.#running) {
      this.#next ??= this.#running
        .catch(() => {})
        .then(() => {
          this.#next = null;
          return this.sync();
        });
      return this.#next;
    }
    clearTimeout(this.#timer);
    if (this.state === "closed")
      return Promise.reject(new SyncError("Syncing has stopped. Reload the page.", { type: "closed" }));
    this.#running = this.#exchange().finally(() => (this.#running = null));
    return this.#running;
  }

  /** @param {number} milliseconds */
  #soon(milliseconds) {
    if (this.state === "closed" || (this.state === "offline" && milliseconds === 0)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.sync().catch(() => {}), milliseconds);
    this.#timer.unref?.(); // lets Node exit
  }

  async #exchange() {
    try {
      await this.#adopt();
      if (this.pending) this.#tell("sending");
      for (let confirmed = -1, idle = 0; ; confirmed = this.#confirmed) {
        // Fetch before sending: the answer shows whether a copy of this browser profile has used the same counters.
        // The server would reject operations with these counters.
        await this.#pull();
        while (this.#ghosts.length) await this.#rename(this.#ghosts[0].actor);
        if (!this.pending) break;
        idle = this.#confirmed > confirmed ? 0 : idle + 1;
        if (idle > MAX_IDLE)
          throw new SyncError("The server did not save your changes. Reload the page and try again.", {
            type: "fault",
            status: 500,
          });
        await this.#send();
      }
      this.#failures = 0;
      this.#tell("synced");
      this.#soon(this.options.poll ?? POLL);
    } catch (error) {
      const known = error instanceof SyncError ? error : new SyncError(String(error), { type: "fault", status: 500 });
      this.#tell(known.passes ? "offline" : "refused", known);
      if (known.passes) {
        const wait = Math.min(this.wait.longest, this.wait.first * 2 ** this.#failures++) * (0.7 + 0.6 * Math.random());
        this.#soon(Math.max(1, wait, known.retryAfter * 1000));
      }
      throw known;
    }
  }

  async #send() {
    const { waiting } = this.#outbox;
    for (let at = 0; at < waiting.length; ) {
      const some = waiting.slice(at, at + this.#batch);
      try {
        await this.#call("POST", this.url, {
          client_vector_clock: this.#local().clock,
          client_version: this.#document.version,
          operations: some.map((one) => toWire(one, this.#seen(one))),
        });
        at += some.length;
      } catch (error) {
        if (!(error instanceof SyncError) || error.passes) throw error;
        if (error.status === 413 && this.#batch > 1) this.#batch = Math.ceil(this.#batch / 2);
        else if (error.type === "operation_mismatch") return this.#rename(error.body?.actor_id ?? this.actor);
        else if (error.status === 400 && error.body?.errors?.operations) return this.#mend(some, error);
        else throw error;
      }
    }
  }

  /**
   * Return the clock to send with an operation. It must not cover other people's operations that the server lacks. The
   * server may lack operations if it was restored from a backup.
   * @param {Operation} operation
   */
  #seen(operation) {
    const { clock } = this.#document;
    const isOwn = (/** @type {string} */ actor) => `${actor}:`.startsWith(`${this.actorId}:`);
    const seen = Object.entries(operation.clock).map(([actor, counter]) => [
      actor,
      isOwn(actor) ? counter : Math.min(counter, clock[actor] ?? 0),
    ]);
    return Object.fromEntries(seen);
  }

  /**
   * Handle a request that was rejected because of some operations. The server has stored none of the request. If an
   * operation is only wrong because its time lies in the future, correct the time. Undo the other rejected operations.
   * @param {Operation[]} sent
   * @param {SyncError} error
   */
  async #mend(sent, error) {
    const refusals = Object.entries(error.body.errors.operations);
    if (refusals.some(([, fields]) => "actor_id" in /** @type {any} */ (fields))) {
      const sentence =
        "You are signed in with another account. To send these changes, sign in with the account that made them.";
      throw new SyncError(sentence, { status: error.status, type: "other_account", body: error.body });
    }
    let mended = 0;
    const until = Math.floor((this.#milliseconds() + this.#skew) * 1000);
    // Subtract up to one second at random from the server's time, so that copies of a browser profile do not give the
    // same time to different operations.
    let again = until - Math.floor(Math.random() * 1e6);
    for (const [index, fields] of refusals) {
      const operation = sent[Number(index)];
      if (!operation) continue;
      mended += 1;
      if (isSame(Object.keys(/** @type {any} */ (fields)), ["timestamp"]) && operation.timestamp > until) {
        operation.timestamp = this.#last = again++;
        continue;
      }
      await this.#outbox.drop(operation);
      this.#emit("refused", { operation, error });
    }
    if (!mended) throw error;
    this.#merged = null;
    await this.#outbox.keep().catch(() => {});
    this.#outbox.mustBeOpen();
    this.#show("local");
  }

  /**
   * Move an actor's operations to this page's replica, where they get new counters. See `Outbox.rename`.
   * @param {string} actor
   */
  async #rename(actor) {
    const answer = await this.#pull({ all: true });
    const told = new Map(answer.operations.map(fromWire).map((/** @type {Operation} */ one) => [makeDot(one), one]));
    const ghosts = this.#ghosts;
    this.#ghosts = ghosts.filter((one) => one.actor !== actor);
    const isTold = (/** @type {Operation} */ one) => isSame(getContent(told.get(makeDot(one))), getContent(one));
    await this.#outbox.rename(actor, ghosts, isTold, this.#known);
    this.#merged = null;
    // A different operation on the server may have the same actor and counter as an unconfirmed operation. If the
    // document has an operation with that actor and counter, fetch all operations with the next request, so that
    // `#pull` compares the two.
    if (this.#outbox.waiting.some((one) => this.#document.has(one.actor, getCounter(one)))) this.#since = "";
    this.#show("local");
  }

  /**
   * Fetch new operations. If the merged state then differs from the server's state, fetch all operations. Return the
   * last response.
   * @param {{all?: boolean}} [options]
   * @returns {Promise<any>}
   */
  async #pull({ all = false } = {}) {
    const isWhole = all || !this.#since;
    let answer = await this.#call("GET", this.#address(isWhole ? "" : this.#since));
    while (answer.next_since) {
      const more = await this.#call("GET", this.#address(answer.next_since));
      answer = { ...more, operations: [...answer.operations, ...more.operations] };
    }
    const told = answer.operations.map(fromWire);
    const mine = new Map(this.#outbox.waiting.map((one) => [makeDot(one), one]));
    const fresh = told.filter((/** @type {Operation} */ one) => !this.#document.has(one.actor, getCounter(one)));
    const ghosts = told
      .map((/** @type {Operation} */ one) => [one, mine.get(makeDot(one))])
      .filter((/** @type {any[]} */ [one, own]) => own && !isRepetition(one, own))
      .map((/** @type {any[]} */ [, own]) => own);
    this.#ghosts = [...new Set([...this.#ghosts, ...ghosts])];
    if (isWhole && answer.base) {
      this.#base = answer.base;
      this.#document = Document.begin(answer.base.tags);
    }
    const before = this.#local();
    for (const operation of told) this.#document.apply(operation);
    this.#merged = null;
    this.video = answer.video;
    if (answer.base && !isWhole && !this.#addsUp(answer)) return this.#pull({ all: true });
    // The answer has no base if the user's session has expired. Then, keep showing the user's own unsent changes.
    if (!answer.base && !this.#outbox.waiting.length) this.#base = null;
    this.#since = answer.base ? (answer.server_time ?? "") : "";
    // Remove confirmed operations from the outbox, but keep each ghost. A ghost is an own operation whose actor and
    // counter belong to a different operation on the server. The ghost must be sent again with a new counter.
    const renamed = new Set(this.#ghosts.map(makeDot));
    this.#confirmed += await this.#outbox.strike(
      (one) => !this.#document.has(one.actor, getCounter(one)) || renamed.has(makeDot(one)),
    );
    const known = { document: this.#document.text(), base: this.#base, since: this.#since, video: this.video };
    await this.store.update(this.#videoKey, () => known).catch(() => {});
    this.#outbox.mustBeOpen();
    this.#show("remote");
    this.#tellConflicts(
      before,
      fresh.filter((/** @type {Operation} */ one) => !mine.has(makeDot(one))),
    );
    return answer;
  }

  /**
   * Return the URL for requesting the video and its operations since `since`; all operations if `since` is empty.
   * @param {string} since
   */
  #address(since) {
    return `${this.url}?limit=${MAX_TOLD}${since && `&since=${encodeURIComponent(since)}`}`;
  }

  /**
   * Return whether the document matches the server's state. If the server was restored from a backup, they differ.
   * @param {any} answer
   */
  #addsUp(answer) {
    return (
      this.#document.version === answer.server_version &&
      Object.entries(answer.server_vector_clock).every(([actor, counter]) => this.#document.has(actor, counter)) &&
      isSame(this.#document.values(/** @type {Values} */ (this.#base)), getTexts(answer.video))
    );
  }

  /**
   * Dispatch an event for each unresolved conflict with another person's operations.
   * @param {Document} before
   * @param {Operation[]} fresh
   */
  #tellConflicts(before, fresh) {
    const after = this.#local();
    // Actors of this user: this page's replica, and the replicas of closed pages whose operations this page sends.
    const own = new Set([this.actor, ...this.#recent.map(({ operation }) => operation.actor)]);
    for (const theirs of fresh) {
      if (own.has(theirs.actor)) continue;
      const field = FIELDS[theirs.type];
      if (field) {
        const [then, now] = [before, after].map((one) => one.registers.get(field)?.writes);
        const mine = [...(now?.values() ?? [])]
          .filter(({ actor }) => own.has(actor) && then?.has(actor))
          .sort(compareKeys)
          .pop();
        const other = now?.get(theirs.actor);
        if (mine && other && other.counter === getCounter(theirs) && mine.value !== other.value) {
          const shown = /** @type {any} */ (this.#shown)[field];
          this.#emit("conflict", { field, mine: mine.value, theirs: other.value, shown });
        }
        continue;
      }
      for (const { operation, removed } of this.#recent) {
        const knew = (theirs.clock[operation.actor] ?? 0) >= getCounter(operation);
        const known = (operation.clock[theirs.actor] ?? 0) >= getCounter(theirs);
        if (knew || known) continue;
        const added = theirs.type === "add_tag" ? [theirs.value] : theirs.type === "set_tags" ? theirs.value : [];
        for (const tag of removed.filter((one) => added.includes(one))) this.#tellTag(tag, "removed", "added");
        const mine =
          operation.type === "add_tag" ? [operation.value] : operation.type === "set_tags" ? operation.value : [];
        if (theirs.type === "remove_tag" && mine.includes(theirs.value))
          this.#tellTag(theirs.value, "added", "removed");
      }
    }
  }

  /**
   * @param {string} tag
   * @param {string} mine
   * @param {string} theirs
   */
  #tellTag(tag, mine, theirs) {
    const detail = {
      field: "tags",
      mine: { tag, did: mine },
      theirs: { tag, did: theirs },
      shown: [...this.#shown.tags],
    };
    this.#emit("conflict", detail);
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {any} [body]
   * @returns {Promise<any>}
   */
  async #call(method, url, body) {
    const { headers } = this.options;
    /** @type {Record<string, string>} */
    const given = { Accept: "application/json", ...(typeof headers === "function" ? await headers() : headers) };
    if (body !== undefined) given["Content-Type"] = "application/json";
    let response, answer;
    const asked = this.#milliseconds();
    const compare = (/** @type {number} */ theirs) => {
      const skew = theirs - (asked + this.#milliseconds()) / 2;
      if (Number.isFinite(skew)) this.#skew = Math.abs(skew) > NO_SKEW ? skew : 0;
    };
    try {
      response = await this.fetch(url, {
        method,
        headers: given,
        credentials: "same-origin",
        cache: "no-store",
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(CALL_TIMEOUT),
      });
      answer = await response.json();
    } catch (error) {
      if (!response || response.ok) throw new SyncError("The server cannot be reached.", { body: error });
    }
    this.#outbox.mustBeOpen();
    compare(Date.parse(answer?.server_time ?? response.headers.get("Date") ?? ""));
    if (response.ok) return answer;
    throw new SyncError(answer?.error ?? "The server's answer could not be read. Try again.", {
      status: response.status,
      type: answer?.type ?? "unknown",
      body: answer,
      retryAfter: Number(response.headers.get("Retry-After")) || 0,
    });
  }
}

/** @type {Values} */
const EMPTY = { title: "", description: "", category: "", is_featured: false, tags: [] };

/** @param {any} video */
const getTexts = (video) => ({
  title: video.title,
  description: video.description,
  category: video.category ?? "",
  is_featured: video.is_featured,
  tags: video.tags,
});
