// The page's copy of the comparison's events. Messages from the server update the copy. The user's changes go through
// the API and can be undone.

import { ApiError } from "../../base/api.js";
import { toGlobalTime, getPlacement } from "../../base/timeline.js";
import { Edits } from "./undo.js";
import { groupEvents } from "./grouping.js";

/**
 * @typedef {object} SessionEvent An event in the API's format.
 * @property {string} event_id
 * @property {string} kind
 * @property {string} label
 * @property {string} body
 * @property {string} color
 * @property {any} drawing
 * @property {string|null} vod_id
 * @property {number} time Start in the event's video, in seconds. Without a video, start on the shared clock.
 * @property {number|null} end
 * @property {string} origin
 * @property {number|null} confidence
 * @property {boolean} resolved
 * @property {any[]} replies
 * @property {string|null} created_by
 * @property {string} created_by_name
 * @property {number} created_at
 *
 * @typedef {object} Source A member of a group of events, with its times on the shared clock.
 * @property {SessionEvent} event
 * @property {number} at Start of the member in seconds.
 * @property {number|null} until End of the member in seconds; null if the event is a moment.
 *
 * @typedef {object} Shown A group of events shown as one.
 * @property {string} id Id of the group's first event.
 * @property {SessionEvent} event First event of the group that has a label, else the first event.
 * @property {Source[]} sources
 * @property {number} at Median start of the group's events on the shared clock, in seconds.
 * @property {number|null} until
 */

/**
 * @typedef {object} Change New values of an event.
 * @property {string} id
 * @property {any} values
 * @property {any} [base] Texts that the change replaces. If another user has changed one, the server refuses the change.
 */

const TEXTS = ["kind", "label", "body", "drawing"];
const WRITTEN = /** @type {const} */ (["kind", "label", "body", "color", "drawing", "vod_id", "time", "end"]);

export class EventStore extends EventTarget {
  edits = new Edits();
  isLoaded = false;
  /** Ids of unread events that mention the user. @type {Set<string>} */ unseen = new Set();
  /** Error of the last attempt to load the events. @type {unknown} */ failure = null;
  /** Events by id, in order of creation. @type {Map<string, SessionEvent>} */ #events = new Map();
  /** Number of messages received about each event, by event id. @type {Map<string, number>} */ #told = new Map();
  /** New ids of events that undo or redo recreates, by old id. @type {Map<string, string>} */ #renamed = new Map();
  #revision = -1;
  #wanted = -1;
  #loading = false;
  /** Messages received while the list is loading. @type {any[]} */ #waiting = [];
  /** @type {Shown[]|null} */ #shown = null;

  /**
   * @param {ReturnType<typeof import("../../base/api.js").eventsUrl>} api
   * @param {any[]} vods
   * @param {string} [username]
   * @param {string} [visitorId] Id of the visitor of a link; empty for accounts. The server ignores the idempotency
   *   keys of visitors, so this page finds what a repeated request has already saved.
   */
  constructor(api, vods, username = "", visitorId = "") {
    super();
    this.username = username;
    this.visitorId = visitorId;
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
   * @param {number} [time] Position in the event's video, in seconds; by default, the event's start.
   */
  globalTime(event, time = event.time) {
    const vod = event.vod_id === null ? null : this.vods.get(event.vod_id);
    return vod ? toGlobalTime(time, vod.placement ?? getPlacement(vod)) : time;
  }

  /**
   * Set a video's placement on the shared clock, which moves its events.
   * @param {string} vodId
   * @param {import("../../base/timeline.js").Placement} placement
   */
  place(vodId, placement) {
    const vod = this.vods.get(vodId);
    const before = vod.placement ?? getPlacement(vod);
    const { offset, driftPpm, anchor } = placement;
    if (offset === before.offset && driftPpm === before.driftPpm && anchor === before.anchor) return;
    this.vods.set(vodId, { ...this.vods.get(vodId), placement });
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
    if (this.#loading) {
      this.#waiting.push(message);
      return;
    }
    if (!message.complete) return this.knows(message.revision);
    for (const event of message.changed) {
      this.#told.set(event.event_id, (this.#told.get(event.event_id) ?? 0) + 1);
      this.#events.set(event.event_id, event);
      this.#noteMention(event, message.named?.[event.event_id] ?? []);
    }
    for (const id of message.deleted) {
      this.#told.set(id, (this.#told.get(id) ?? 0) + 1);
      this.#events.delete(id);
    }
    this.#revision = Math.max(this.#revision, message.revision);
    this.#wanted = Math.max(this.#wanted, message.revision);
    this.#changed();
  }

  /**
   * Mark an event as unread if it newly mentions the user, and as read if it no longer mentions the user.
   * @param {SessionEvent} event
   * @param {string[]} named
   */
  #noteMention(event, named) {
    if (named.includes(this.username)) this.unseen.add(event.event_id);
    if (!this.unseen.has(event.event_id)) return;
    const sign = `@${this.username}`.toLowerCase();
    const texts = [event.body, ...event.replies.map((reply) => reply.body)];
    if (!texts.some((text) => text.toLowerCase().includes(sign))) this.unseen.delete(event.event_id);
  }

  /**
   * @param {any} values
   * @param {string} [key] Idempotency key.
   * @param {boolean} [isRepeated] Whether an earlier request with this key was not answered.
   * @returns {Promise<SessionEvent>}
   */
  create(values, key, isRepeated = false) {
    return this.edits.inTurn(async () => {
      const known = isRepeated && (await this.#findOwn((event) => hasValues(event, values)));
      const event = known || (await this.#create(values, { key }));
      const label = `marked ${getEventName(event)}`;
      this.edits.add({
        label,
        undo: async () => {
          const now = this.get(event.event_id);
          const why = now?.replies.length ? "has replies" : isChanged(now, event) ? "has changed" : "";
          if (why)
            throw new ApiError(`This event ${why}, so undo cannot remove it. Select the event and press Delete.`, {
              status: 409,
            });
          await this.#remove(event.event_id);
        },
        redo: () => this.#create(values, { again: event.event_id }),
      });
      return event;
    });
  }

  /**
   * Change events as one undo step.
   * @param {Change[]} changes
   * @param {string} label Description of the change, such as “moved Kill”.
   */
  change(changes, label) {
    return this.edits.inTurn(async () => {
      const read = () =>
        changes.map(({ id, values }) => {
          const event = /** @type {any} */ (this.get(id));
          if (!event) throw new ApiError("Another user has deleted this event.", { status: 404 });
          return { id, values: Object.fromEntries(Object.keys(values).map((name) => [name, event[name]])) };
        });
      const all = async (/** @type {Change[]} */ list) => {
        for (const { id, values, base } of list) await this.#change(id, values, base);
      };
      const replace = async (/** @type {typeof changes} */ expected, /** @type {typeof changes} */ list) => {
        if (JSON.stringify(read()) !== JSON.stringify(expected))
          throw new ApiError("Another user has changed this since. Their change is kept.", { status: 409 });
        await all(list.map((change, number) => ({ ...change, base: pickTexts(expected[number].values) })));
      };
      const before = read();
      await all(changes);
      const after = read();
      this.edits.add({ label, undo: () => replace(after, before), redo: () => replace(before, after) });
    });
  }

  /**
   * Delete events as one undo step. Undo does not restore their replies.
   * @param {SessionEvent[]} events
   */
  remove(events) {
    return this.edits.inTurn(async () => {
      const ids = events.map((event) => event.event_id);
      const all = async () => {
        for (const id of ids) await this.#remove(id);
      };
      await all();
      this.edits.add({
        label: `deleted ${getEventName(events[0])}`,
        undo: async () => {
          for (const event of events) {
            await this.#create(getValues(event), { again: event.event_id });
            if (event.resolved) await this.#change(event.event_id, { resolved: true });
          }
        },
        redo: all,
      });
    });
  }

  /**
   * Delete an event that an earlier, unanswered request has created. If the event has replies or has changed, keep it.
   * Undo cannot revert the deletion.
   * @param {SessionEvent} made The answer to the repeated request, which shows the event as it was created.
   */
  takeBack(made) {
    return this.edits.inTurn(async () => {
      await this.#reload();
      const now = this.get(made.event_id);
      if (!now?.replies.length && !isChanged(now, made)) await this.#remove(made.event_id);
    });
  }

  /**
   * Send a reply and return its id.
   * @param {string} id
   * @param {string} body
   * @param {string} key Idempotency key of the reply.
   * @param {boolean} [isRepeated] Whether an earlier request with this key was not answered.
   * @returns {Promise<string|undefined>}
   */
  async reply(id, body, key, isRepeated = false) {
    const isSaved = (/** @type {any} */ one) => one.body === body && one.created_by === this.visitorId;
    if (isRepeated && this.visitorId) {
      await this.#reload();
      const saved = this.get(id)?.replies.find(isSaved);
      if (saved) return saved.reply_id;
    }
    const known = this.get(id)?.replies.length ?? 0;
    const { replies } = await this.#take(id, (now) => this.api.reply(now, body, key));
    // A repeated request returns the event as it was at the first request, so load newer replies.
    if (replies.length <= known) await this.#reload();
    const own = replies.filter(
      (reply) => isSaved(reply) || (reply.body === body && reply.created_by_name === this.username),
    );
    return own.at(-1)?.reply_id;
  }

  /** @param {string} id @param {string} replyId */
  async removeReply(id, replyId) {
    await this.#take(id, (now) => this.api.removeReply(now, replyId));
  }

  /**
   * Return an event's current id. Undoing a deletion recreates the event with a new id.
   * @param {string} id
   * @returns {string}
   */
  #idOf(id) {
    let now = id;
    for (let next = this.#renamed.get(now); next; next = this.#renamed.get(now)) now = next;
    return now;
  }

  /**
   * Load the events again and return the visitor's own event that matches. Accounts have no such event, because the
   * server recognises their repeated requests.
   * @param {(event: SessionEvent) => boolean} matches
   */
  async #findOwn(matches) {
    if (!this.visitorId) return undefined;
    await this.#reload();
    return [...this.all].find((event) => event.created_by === this.visitorId && matches(event));
  }

  /**
   * @param {any} values
   * @param {{again?: string, key?: string}} about `again` is the previous id of an event that undo recreates; `key` is
   *   an idempotency key.
   */
  async #create(values, { again, key }) {
    const { event } = await this.api.create(values, key);
    if (again) this.#rename(this.#idOf(again), event.event_id);
    if (!this.#told.has(event.event_id)) this.#events.set(event.event_id, event);
    this.#changed();
    return event;
  }

  /** @param {string} from @param {string} to */
  #rename(from, to) {
    this.#renamed.set(from, to);
    this.dispatchEvent(new CustomEvent("rename", { detail: { from, to } }));
  }

  /**
   * Change fields of an event; the page shows the change before the server responds.
   * @param {string} id
   * @param {any} values
   * @param {any} [base]
   */
  async #change(id, values, base) {
    const now = this.#idOf(id);
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

  /** @param {string} id */
  async #remove(id) {
    const now = this.#idOf(id);
    try {
      await this.api.remove(now);
    } catch (error) {
      // A 404 means that another user has already deleted the event.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    this.#told.set(now, (this.#told.get(now) ?? 0) + 1);
    this.#events.delete(now);
    this.#changed();
  }

  /**
   * Store the event that the server returned, unless a newer message about it has arrived.
   * @param {string} id
   * @param {(now: string) => Promise<{event: SessionEvent}>} call
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
    const marks = [];
    let number = 0;
    for (const event of this.#events.values()) {
      const vod = event.vod_id === null ? null : this.vods.get(event.vod_id);
      marks.push({
        key: event.event_id,
        number: number++,
        kind: event.kind,
        label: event.label,
        vodId: event.vod_id,
        at: this.globalTime(event),
        frame: vod?.fps ? 1 / vod.fps : 0,
        isAlone: Boolean(event.body || event.drawing || event.replies.length),
      });
    }
    return groupEvents(marks).map(({ marks: together, at }) => {
      const sources = together.map((mark) => this.#source(mark));
      const [{ event: first, at: ownAt, until }] = sources;
      const event = sources.find((source) => source.event.label)?.event ?? first;
      return { id: first.event_id, event, sources, at, until: until === null ? null : until + at - ownAt };
    });
  }

  /** @param {import("./grouping.js").Mark} mark @returns {Source} */
  #source({ key, at }) {
    const event = /** @type {SessionEvent} */ (this.#events.get(key));
    return { event, at, until: event.end === null ? null : this.globalTime(event, event.end) };
  }

  #changed() {
    this.#shown = null;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {SessionEvent|undefined} now
 * @param {SessionEvent} made
 * @returns {boolean}
 */
function isChanged(now, made) {
  return now !== undefined && WRITTEN.some((name) => JSON.stringify(now[name]) !== JSON.stringify(made[name]));
}

/**
 * Return whether an event has the values with which it was requested.
 * @param {SessionEvent} event
 * @param {any} values
 */
function hasValues(event, { global_time, ...values }) {
  const wanted = global_time === undefined ? values : { ...values, time: global_time, vod_id: null };
  const has = /** @type {any} */ (event);
  return Object.keys(wanted).every((name) => JSON.stringify(has[name]) === JSON.stringify(wanted[name]));
}

/** @param {any} values */
function pickTexts(values) {
  return Object.fromEntries(Object.entries(values).filter(([name]) => TEXTS.includes(name)));
}

/** @param {SessionEvent} event @returns {any} */
function getValues(event) {
  const values = Object.fromEntries(WRITTEN.map((name) => [name, event[name]]));
  if (event.vod_id !== null) return values;
  const { time, ...rest } = values;
  return { ...rest, global_time: time };
}

/** @param {SessionEvent} event @returns {string} */
export function getEventName(event) {
  return event.label ? `“${event.label}”` : event.body ? `“${event.body.slice(0, 40)}”` : event.kind;
}
