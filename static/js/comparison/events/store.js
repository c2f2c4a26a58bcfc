// The page's copy of the comparison's events. Messages from the server update the copy. The user's changes go through
// the API and can be undone.

import { ApiError, makeIdempotencyKey } from "../../base/api.js";
import { toGlobalTime, getPlacement } from "../../base/timeline.js";
import { Edits, isPassing } from "./undo.js";
import { groupEvents } from "./grouping.js";

/** @typedef {Map<string, string>} Keys Idempotency-Keys of unanswered requests by event id. */

/**
 * @typedef {object} SessionEvent An event in the API's format.
 * @property {string} event_id
 * @property {string} kind
 * @property {string} label
 * @property {string} body
 * @property {string} color
 * @property {any} drawing
 * @property {string|null} vod_id
 * @property {number} time The start in the event's video, in seconds. Without a video, it is the start on the
 *   shared clock.
 * @property {number|null} end
 * @property {string} origin
 * @property {number|null} confidence
 * @property {boolean} resolved
 * @property {any[]} replies
 * @property {string|null} created_by
 * @property {string} created_by_name
 * @property {number} created_at
 * @property {number} updated_at
 *
 * @typedef {object} Source A member of a group of events, with its times on the shared clock.
 * @property {SessionEvent} event
 * @property {number} at The member's start in seconds.
 * @property {number|null} until The member's end in seconds; null if the event is a moment.
 *
 * @typedef {object} Shown A group of events shown as one.
 * @property {string} id The id of the group's first event.
 * @property {SessionEvent} event The group's first event with a label, or the first event if none has a
 *   label.
 * @property {Source[]} sources
 * @property {number} at The median start of the group's events on the shared clock, in seconds.
 * @property {number|null} until
 */

/**
 * @typedef {object} Change New values of an event.
 * @property {string} id
 * @property {any} values
 * @property {any} [base] The texts that the change replaces. If another user has changed one of them, the
 *   server refuses the change.
 */

const TEXTS = ["kind", "label", "body", "drawing"];
const WRITTEN = /** @type {const} */ (["kind", "label", "body", "color", "drawing", "vod_id", "time", "end"]);

class Conflict extends ApiError {
  /** @param {string} sentence */
  constructor(sentence) {
    super(sentence, { status: 409 });
  }
}

export class EventStore extends EventTarget {
  edits = new Edits();
  isLoaded = false;
  /** Ids of unread events that mention the user. @type {Set<string>} */ unseen = new Set();
  /** Error of the last attempt to load the events. @type {unknown} */ failure = null;
  /** Events by id, in order of creation. @type {Map<string, SessionEvent>} */ #events = new Map();
  /** Number of messages received about each event, by event id. @type {Map<string, number>} */ #told = new Map();
  /** New id of each event that undo or redo recreated, by old id. @type {Map<string, string>} */ #renamed = new Map();
  /**
   * Edits whose requests got no answer, by event id. They join the undo history once the server has carried them out.
   * @type {Map<string, {isDone: () => boolean, edit: import("./undo.js").Edit}>}
   */
  #unanswered = new Map();
  #revision = -1;
  #wanted = -1;
  #loading = false;
  /** Messages received while the list is loading. @type {any[]} */ #waiting = [];
  /** @type {Shown[]|null} */ #shown = null;

  /**
   * @param {ReturnType<typeof import("../../base/api.js").eventsUrl>} api @param {any[]} vods
   * @param {string} [username]
   * @param {string} [userId] Id of the user's account, or of the visitor who opened a link.
   */
  constructor(api, vods, username = "", userId = "") {
    super();
    this.username = username;
    this.userId = userId;
    this.api = api;
    this.vods = new Map(vods.map((vod) => [vod.vod_id, vod]));
  }

  /** All events in groups, ordered by time. @returns {Shown[]} */
  get shown() {
    this.#shown ??= this.#join();
    return this.#shown;
  }

  /** All events, ungrouped. @returns {IterableIterator<SessionEvent>} */
  get all() {
    return this.#events.values();
  }

  /** @param {string} id @returns {SessionEvent|undefined} */
  get(id) {
    return this.#events.get(this.#idOf(id));
  }

  /** @param {string} id @returns {Shown|undefined} */
  withEvent(id) {
    const now = this.#idOf(id);
    return this.shown.find((one) => one.sources.some(({ event }) => event.event_id === now));
  }

  /**
   * Return an event's time on the shared clock.
   * @param {SessionEvent} event
   * @param {number} [time] A position in the event's video, in seconds; by default, the event's start.
   */
  globalTime(event, time = event.time) {
    const vod = event.vod_id === null ? null : this.vods.get(event.vod_id);
    return vod ? toGlobalTime(time, vod.placement ?? getPlacement(vod)) : time;
  }

  /**
   * Set a video's placement on the shared clock, which moves its events.
   * @param {string} vodId @param {import("../../base/timeline.js").Placement} placement
   */
  place(vodId, placement) {
    const vod = this.vods.get(vodId);
    const before = vod.placement ?? getPlacement(vod);
    const { offset, driftPpm, anchor } = placement;
    if (offset === before.offset && driftPpm === before.driftPpm && anchor === before.anchor) return;
    this.vods.set(vodId, { ...vod, placement });
    this.#changed();
  }

  /** Reload the events if the server has a newer revision. @param {number} revision */
  knows(revision) {
    this.#wanted = Math.max(this.#wanted, revision);
    if (this.#wanted > this.#revision || !this.isLoaded) this.load();
  }

  async load() {
    if (this.#loading) return;
    this.#loading = true;
    const wanted = this.#wanted;
    try {
      const { events, unseen } = await this.api.list();
      this.unseen = new Set(unseen);
      events.sort((/** @type {any} */ a, /** @type {any} */ b) => a.created_at - b.created_at);
      this.#events = new Map(events.map((/** @type {SessionEvent} */ event) => [event.event_id, event]));
      this.#revision = Math.max(this.#revision, wanted);
      this.isLoaded = true;
      this.failure = null;
    } catch (error) {
      this.failure = error;
    } finally {
      this.#loading = false;
    }
    for (const message of this.#waiting.splice(0)) this.receive(message);
    this.#changed();
    if (!this.failure && this.#wanted > this.#revision) this.load();
  }

  /** Load the events again. If a load is already running, wait for its end first. */
  async #reload() {
    while (this.#loading) await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    await this.load();
  }

  /**
   * @param {{revision: number, changed: SessionEvent[], deleted: string[], complete: boolean, named?: Record<string,
   *   string[]>}} message Message about changed and deleted events; `named` lists newly mentioned users by event id.
   */
  receive(message) {
    if (this.#loading) return void this.#waiting.push(message);
    if (!message.complete) return this.knows(message.revision);
    for (const event of message.changed) {
      this.#noteMessage(event.event_id);
      this.#events.set(event.event_id, event);
      this.#noteMention(event, message.named?.[event.event_id] ?? []);
    }
    for (const id of message.deleted) {
      this.#noteMessage(id);
      this.#events.delete(id);
    }
    this.#revision = Math.max(this.#revision, message.revision);
    this.#wanted = Math.max(this.#wanted, message.revision);
    this.#changed();
  }

  /** @param {string} id */
  #noteMessage(id) {
    this.#told.set(id, (this.#told.get(id) ?? 0) + 1);
  }

  /**
   * Mark an event as unread if it newly mentions the user, and as read if it no longer mentions the user.
   * @param {SessionEvent} event @param {string[]} named
   */
  #noteMention(event, named) {
    if (named.includes(this.username)) this.unseen.add(event.event_id);
    if (!this.unseen.has(event.event_id)) return;
    const sign = `@${this.username}`.toLowerCase();
    const texts = [event.body, ...event.replies.map((reply) => reply.body)];
    if (!texts.some((text) => text.toLowerCase().includes(sign))) this.unseen.delete(event.event_id);
  }

  /**
   * Create an event. If `isCancelled` is true, cancel the earlier request with the idempotency key `key` instead. If
   * the server has already created the event of this request, return the event; otherwise, throw.
   * @param {any} values @param {string} [key] @param {boolean} [isCancelled] @returns {Promise<SessionEvent>}
   */
  create(values, key, isCancelled = false) {
    return this.edits.inTurn(async () => {
      const event = await this.#create(values, { key, isCancelled });
      if (isCancelled) return event;
      /** @type {Keys} */ const keys = new Map();
      this.edits.add({
        label: `marked ${getEventName(event)}`,
        undo: async () => {
          const now = this.get(event.event_id);
          const why = now?.replies.length ? "has replies" : isChanged(now, event) ? "has been changed" : "";
          if (why)
            throw new Conflict(
              `This event ${why}, so undo cannot remove it. To delete the event, select it and press Delete.`,
            );
          await this.#remove(event.event_id);
        },
        redo: () => this.#createAgain(event.event_id, values, keys),
      });
      return event;
    });
  }

  /**
   * Change values of the session's events. One undo reverts all these changes. If a change fails, the changes after it
   * are not made.
   * @param {Change[]} changes
   * @param {string} label Describes the changes in the undo history; for example, it is “moved Kill”.
   */
  change(changes, label) {
    return this.edits.inTurn(async () => {
      const read = (/** @type {Change[]} */ list) =>
        list.map(({ id, values }) => {
          const event = /** @type {any} */ (this.get(id));
          if (!event) throw new ApiError("Another user has deleted this event.", { status: 404 });
          return { id, values: Object.fromEntries(Object.keys(values).map((name) => [name, event[name]])) };
        });
      const replace = async (/** @type {Change[]} */ expected, /** @type {Change[]} */ wanted) => {
        const now = read(expected);
        // An earlier attempt may have made some of the changes before the connection broke.
        const open = wanted.map((change, number) => !isEqual(now[number], change));
        if (now.some((one, number) => open[number] && !isEqual(one, expected[number])))
          throw new Conflict("Another user has changed this event since your change, so nothing was undone or redone.");
        for (const [number, { id, values }] of wanted.entries())
          if (open[number]) await this.#change(id, values, pickTexts(expected[number].values));
      };
      const describe = (/** @type {Change[]} */ before, /** @type {Change[]} */ after) => {
        return { label, undo: () => replace(after, before), redo: () => replace(before, after) };
      };
      const before = read(changes);
      let made = 0;
      try {
        for (const { id, values, base } of changes) {
          await this.#change(id, values, base);
          made += 1;
        }
      } catch (error) {
        const { id, values } = changes[made];
        const isDone = () => this.get(id) !== undefined && isEqual(read([changes[made]]), [{ id, values }]);
        if (isPassing(error)) this.#addOnceDone(id, isDone, describe([before[made]], [{ id, values }]));
        throw error;
      } finally {
        if (made) this.edits.add(describe(before.slice(0, made), read(changes.slice(0, made))));
      }
    });
  }

  /**
   * Delete events of the session. One undo restores all of them, but not their replies. If another user has just
   * changed an event, throw, and delete neither this event nor the events after it.
   * @param {SessionEvent[]} events
   */
  remove(events) {
    return this.edits.inTurn(async () => {
      /** @type {SessionEvent[]} */ const removed = [];
      try {
        for (const event of events) {
          this.#checkUnchanged(event);
          await this.#remove(event.event_id);
          removed.push(event);
        }
      } catch (error) {
        if (error instanceof ApiError && error.type === "event_changed") await this.#reload();
        const event = events[removed.length];
        const isDone = () => !this.get(event.event_id);
        if (isPassing(error)) this.#addOnceDone(event.event_id, isDone, this.#describeDeletion([event]));
        throw error;
      } finally {
        if (removed.length) this.edits.add(this.#describeDeletion(removed));
      }
    });
  }

  /** Throw if an event has changed or has new replies since the user saw it as `seen`. @param {SessionEvent} seen */
  #checkUnchanged(seen) {
    const now = this.get(seen.event_id);
    if (!isChanged(now, seen) && (now?.replies.length ?? 0) <= seen.replies.length) return;
    throw new Conflict("Another user has just changed this event. Check it before you delete it.");
  }

  /**
   * Add an edit to the undo history once the events show that the server has carried out its unanswered request.
   * @param {string} id @param {() => boolean} isDone @param {import("./undo.js").Edit} edit
   */
  #addOnceDone(id, isDone, edit) {
    this.#unanswered.set(this.#idOf(id), { isDone, edit });
    this.#changed();
  }

  /** @param {SessionEvent[]} removed */
  #describeDeletion(removed) {
    /** @type {Keys} */ const keys = new Map();
    return {
      label: `deleted ${getEventName(removed[0])}`,
      undo: async () => {
        for (const event of removed) {
          // An earlier attempt may have created it before the connection broke.
          if (!this.get(event.event_id)) await this.#createAgain(event.event_id, getValues(event), keys);
          if (event.resolved) await this.#change(event.event_id, { resolved: true });
        }
      },
      redo: async () => {
        for (const { event_id: id } of removed) await this.#remove(id);
      },
    };
  }

  /**
   * Delete an event that the server has created although the page received no answer. If the event has replies or has
   * changed, keep it. Undo cannot revert the deletion.
   * @param {SessionEvent} made
   * @param {any} values Those that the request sent to create the event.
   */
  takeBack(made, values) {
    return this.edits.inTurn(async () => {
      await this.#reload();
      const now = this.get(made.event_id);
      if (now && !now.replies.length && hasValues(now, values)) await this.#remove(made.event_id);
    });
  }

  /**
   * Send a reply and return its id. If `isCancelled` is true, cancel the earlier request with the idempotency key `key`
   * instead. If the server has already stored the reply of this request, return the reply's id; otherwise, throw.
   * @param {string} id @param {string} body @param {string} key @param {boolean} [isCancelled]
   * @returns {Promise<string|undefined>}
   */
  async reply(id, body, key, isCancelled = false) {
    const known = this.get(id)?.replies.length ?? 0;
    const { replies } = await this.#take(id, (now) => this.api.reply(now, body, key, isCancelled));
    // A repeated request returns the event as it was at the first request, so load newer replies.
    if (replies.length <= known) await this.#reload();
    return replies.filter((reply) => reply.body === body && reply.created_by === this.userId).at(-1)?.reply_id;
  }

  /** @param {string} id @param {string} replyId */
  async removeReply(id, replyId) {
    await this.#take(id, (now) => this.api.removeReply(now, replyId));
  }

  /** Return an event's current id; undo recreates deleted events with new ids. @param {string} id @returns {string} */
  #idOf(id) {
    const next = this.#renamed.get(id);
    return next ? this.#idOf(next) : id;
  }

  /**
   * @param {any} values
   * @param {{again?: string, key?: string, isCancelled?: boolean}} about `again` is the previous id of an event that
   *   undo recreates; `key` is an idempotency key.
   */
  async #create(values, { again, key, isCancelled }) {
    const { event } = await this.api.create(values, key, isCancelled);
    if (again) {
      const [from, to] = [this.#idOf(again), event.event_id];
      this.#renamed.set(from, to);
      this.dispatchEvent(new CustomEvent("rename", { detail: { from, to } }));
    }
    if (!this.#told.has(event.event_id)) this.#events.set(event.event_id, event);
    this.#changed();
    return event;
  }

  /**
   * Create an event again. After a lost answer, the next call repeats the request with its Idempotency-Key, so that the
   * server does not create the event twice.
   * @param {string} id Previous id of the event.
   * @param {any} values @param {Keys} keys
   */
  async #createAgain(id, values, keys) {
    const key = keys.get(id) ?? makeIdempotencyKey();
    keys.set(id, key);
    await this.#create(values, { again: id, key });
    keys.delete(id);
  }

  /**
   * Change fields of an event; the page shows the change before the server responds.
   * @param {string} id @param {any} values @param {any} [base]
   */
  async #change(id, values, base) {
    const now = this.#idOf(id);
    this.#unanswered.delete(now);
    const before = this.#events.get(now);
    const told = this.#told.get(now);
    if (before) this.#set({ ...before, ...values });
    try {
      await this.#take(id, (known) => this.api.change(known, base ? { ...values, base } : values));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#events.delete(now);
      else if (before && this.#told.get(now) === told) this.#set(before);
      this.#changed();
      throw error;
    }
  }

  /** Delete an event. The server refuses if the event has changes that this page does not know. @param {string} id */
  async #remove(id) {
    const now = this.#idOf(id);
    this.#unanswered.delete(now);
    try {
      await this.api.remove(now, this.#events.get(now)?.updated_at);
    } catch (error) {
      // A 404 means that another user has already deleted the event.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    this.#noteMessage(now);
    this.#events.delete(now);
    this.#changed();
  }

  /**
   * Store the event that the server returned, unless a newer message about it has arrived.
   * @param {string} id @param {(now: string) => Promise<{event: SessionEvent}>} call
   */
  async #take(id, call) {
    const now = this.#idOf(id);
    const told = this.#told.get(now);
    const { event } = await call(now);
    if (this.#told.get(now) === told) this.#set(event);
    return event;
  }

  /** @param {SessionEvent} event */
  #set(event) {
    this.#events.set(event.event_id, event);
    this.#changed();
  }

  /** @returns {Shown[]} */
  #join() {
    const marks = [...this.#events.values()].map((event, number) => {
      const { event_id: key, kind, label, vod_id: vodId } = event;
      const fps = vodId === null ? 0 : this.vods.get(vodId)?.fps;
      const isAlone = Boolean(event.body || event.drawing || event.replies.length);
      return { key, number, kind, label, vodId, at: this.globalTime(event), frame: fps ? 1 / fps : 0, isAlone };
    });
    return groupEvents(marks).map(({ marks: together, at }) => {
      const sources = together.map(({ key, at: own }) => {
        const event = /** @type {SessionEvent} */ (this.#events.get(key));
        return { event, at: own, until: event.end === null ? null : this.globalTime(event, event.end) };
      });
      const [{ event: first, at: ownAt, until }] = sources;
      const event = sources.find((source) => source.event.label)?.event ?? first;
      return { id: first.event_id, event, sources, at, until: until === null ? null : until + at - ownAt };
    });
  }

  #changed() {
    this.#shown = null;
    for (const [id, { isDone, edit }] of this.#unanswered)
      if (isDone()) {
        this.#unanswered.delete(id);
        this.edits.add(edit);
      }
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {any} one @param {any} other */
const isEqual = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** @param {SessionEvent|undefined} now @param {SessionEvent} made @returns {boolean} */
const isChanged = (now, made) => now !== undefined && WRITTEN.some((name) => !isEqual(now[name], made[name]));

/** Return whether an event still has the values that were sent to create it. @param {any} event @param {any} values */
function hasValues(event, { global_time, ...values }) {
  const place = global_time === undefined ? {} : { time: global_time, vod_id: null };
  const wanted = { label: "", body: "", color: "", drawing: null, end: null, ...values, ...place };
  return Object.entries(wanted).every(([name, value]) => isEqual(event[name], value));
}

/** @param {any} values */
const pickTexts = (values) => Object.fromEntries(Object.entries(values).filter(([name]) => TEXTS.includes(name)));

/** @param {SessionEvent} event @returns {any} */
function getValues(event) {
  const values = Object.fromEntries(WRITTEN.map((name) => [name, event[name]]));
  if (event.vod_id !== null) return values;
  const { time, ...rest } = values;
  return { ...rest, global_time: time };
}

/** @param {SessionEvent} event @returns {string} */
export const getEventName = (event) =>
  event.label ? `“${event.label}”` : event.body ? `“${event.body.slice(0, 40)}”` : event.kind;
