// The CRDT (conflict-free replicated data type) of a video's texts and tags, ported from media_app/catalogue/crdt.py.
// `Document.text()` returns the same JSON as Python, byte for byte.

/**
 * An actor is one writer, such as a page; its operations are numbered by a counter. A clock has each actor's last known
 * counter.
 * @typedef {Record<string, number>} Clock
 * @typedef {{type: string, value: any, timestamp: number, actor: string, clock: Clock, state?: string}} Operation
 * An operation's `timestamp` is in microseconds since 1970. `clock` covers the operation and all operations that its
 * writer had seen. `state` is the edit history of a description; see shared-text.js.
 * @typedef {{timestamp: number, actor: string, counter: number}} Key
 * @typedef {Key & {value: any, state?: string}} Write
 * @typedef {{counter: number, timestamp: number, place: number}} Addition
 * @typedef {{title: string, description: string, category: string, is_featured: boolean}} Base
 */

const MAX_TAGS = 50;
/** Actor of the initial values, which precede every operation. */
const BASE = "";

/** @type {Record<string, string>} */
export const FIELDS = {
  update_title: "title",
  update_description: "description",
  update_category: "category",
  update_featured: "is_featured",
};
/** @type {Record<string, string>} */
export const UPDATE_OF = Object.fromEntries(Object.entries(FIELDS).map(([type, name]) => [name, type]));
const NAMES = Object.values(FIELDS).sort();

/**
 * Compare texts by code points, as Python does; JavaScript compares UTF-16 units.
 * @param {string} one
 * @param {string} other
 * @returns {number}
 */
function compareText(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    let a = one.charCodeAt(at);
    let b = other.charCodeAt(at);
    if (a === b) continue;
    // Surrogates encode the highest code points, but have lower values than U+E000 to U+FFFF.
    if (a >= 0xd800 && b >= 0xd800) {
      a += a >= 0xe000 ? -0x800 : 0x2000;
      b += b >= 0xe000 ? -0x800 : 0x2000;
    }
    return a - b;
  }
  return one.length - other.length;
}

/**
 * @param {Key} one
 * @param {Key} other
 */
export const compareKeys = (one, other) =>
  one.timestamp - other.timestamp || compareText(one.actor, other.actor) || one.counter - other.counter;

/**
 * Convert a clock to a Map, because an actor may have the name of an Object property.
 * @param {Clock|Map<string, number>} clock
 * @returns {Map<string, number>}
 */
const toMap = (clock) => (clock instanceof Map ? clock : new Map(Object.entries(clock)));

/**
 * Raise each counter of the clock `into` to at least that of the clock `from`.
 * @param {Map<string, number>} into
 * @param {Map<string, number>} from
 */
function joinInto(into, from) {
  for (const [actor, counter] of from) if (counter > (into.get(actor) ?? -1)) into.set(actor, counter);
}

/** @param {Operation} operation */
export const getCounter = (operation) => operation.clock[operation.actor];

/**
 * Return the clock of all operations that the writer had seen before this operation. This operation replaces the seen
 * operations on the same field or tag.
 * @param {Operation} operation
 */
function getCoveredClock(operation) {
  const covers = new Map(Object.entries(operation.clock));
  covers.set(operation.actor, getCounter(operation) - 1);
  covers.set(BASE, 0);
  return covers;
}

/** The counters of all received operations by actor, as ascending ranges that include both ends. */
class Dots {
  /** @type {Map<string, number[][]>} */
  ranges = new Map();

  /**
   * Return the index of the first range that ends at `counter` or later.
   * @param {number[][]} own
   * @param {number} counter
   */
  static #find(own, counter) {
    let low = 0;
    let high = own.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (own[middle][1] < counter) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * @param {string} actor
   * @param {number} counter
   */
  has(actor, counter) {
    const own = this.ranges.get(actor) ?? [];
    const at = Dots.#find(own, counter);
    return at < own.length && own[at][0] <= counter;
  }

  /**
   * @param {string} actor
   * @param {number} first
   * @param {number} last
   */
  add(actor, first, last) {
    const own = this.ranges.get(actor) ?? [];
    this.ranges.set(actor, own);
    const from = Dots.#find(own, first - 1);
    let to = from;
    let [begin, end] = [first, last];
    while (to < own.length && own[to][0] <= last + 1) {
      begin = Math.min(begin, own[to][0]);
      end = Math.max(end, own[to][1]);
      to += 1;
    }
    own.splice(from, to - from, [begin, end]);
  }

  count() {
    let total = 0;
    for (const own of this.ranges.values()) for (const [first, last] of own) total += last - first + 1;
    return total;
  }
}

/**
 * The state of one field. `writes` holds the writes that have not been replaced, at most one per actor. The latest of
 * them is shown. If `writes` is empty, `greatest` is shown: the latest write ever.
 */
class Register {
  /** @type {Map<string, Write>} */ writes = new Map();
  /** @type {Map<string, number>} */ covered = new Map();
  /** @type {Write|null} */ greatest = null;

  /** @param {Operation} operation */
  apply(operation) {
    const { value, state } = operation;
    this.#take([{ ...getKey(operation), value, ...(state && { state }) }], getCoveredClock(operation));
  }

  /** @param {Register} other */
  join(other) {
    this.#take([...other.writes.values(), ...(other.greatest ? [other.greatest] : [])], other.covered);
  }

  /** @param {any} otherwise */
  value(otherwise) {
    let shown = null;
    for (const write of this.writes.values()) if (!shown || compareKeys(shown, write) < 0) shown = write;
    shown ??= this.greatest;
    return shown ? shown.value : otherwise;
  }

  /**
   * @param {Write[]} writes
   * @param {Map<string, number>} covers
   */
  #take(writes, covers) {
    for (const [actor, counter] of covers) {
      if (counter > 0 && counter > (this.covered.get(actor) ?? -1)) this.covered.set(actor, counter);
    }
    for (const write of writes) {
      const held = this.writes.get(write.actor);
      if (!held || held.counter < write.counter) this.writes.set(write.actor, write);
      if (!this.greatest || compareKeys(this.greatest, write) < 0) this.greatest = write;
    }
    for (const [actor, write] of this.writes) {
      if (write.counter <= (this.covered.get(actor) ?? 0)) this.writes.delete(actor);
    }
  }
}

/**
 * The tags of a video. A vector clock has one counter for each actor, and covers the actor's operations up to this
 * counter. `added` has the additions by tag and actor. `removed` has a vector clock for each tag; the additions that
 * this clock covers count as removed. `cleared` is one vector clock; `set_tags` has replaced all operations that it
 * covers.
 */
class TagSet {
  /** @type {Map<string, Map<string, Addition>>} */ added = new Map();
  /** @type {Map<string, Map<string, number>>} */ removed = new Map();
  /** @type {Map<string, number>} */ cleared = new Map();

  /** @param {Operation} operation */
  apply(operation) {
    const { type, value, actor, timestamp } = operation;
    const counter = getCounter(operation);
    if (type === "add_tag") {
      this.add(value, actor, { counter, timestamp, place: 0 });
      this.#settle([value]);
    } else if (type === "remove_tag") {
      // Include the removal's own counter, as crdt.py does. The server needs it, to find out whether the writer of an
      // addition had seen the removal.
      this.#remove(value, getCoveredClock(operation).set(actor, counter));
      this.#settle([value]);
    } else {
      joinInto(this.cleared, getCoveredClock(operation));
      value.forEach((/** @type {string} */ tag, /** @type {number} */ place) =>
        this.add(tag, actor, { counter, timestamp, place }),
      );
      this.#settle();
    }
  }

  /** @param {TagSet} other */
  join(other) {
    joinInto(this.cleared, other.cleared);
    for (const [tag, clock] of other.removed) this.#remove(tag, clock);
    for (const [tag, actors] of other.added) for (const [actor, one] of actors) this.add(tag, actor, one);
    this.#settle();
  }

  /** Return the tags in order of addition, at most MAX_TAGS. @returns {string[]} */
  value() {
    /** @type {Map<string, Key & {place: number}>} */
    const first = new Map();
    for (const [tag, actors] of this.added) {
      for (const [actor, one] of actors) {
        const held = first.get(tag);
        const found = { ...one, actor };
        if (!held || compareAdditions(found, held) < 0) first.set(tag, found);
      }
    }
    const entries = [...first].sort((a, b) => compareAdditions(a[1], b[1]) || compareText(a[0], b[0]));
    return entries.slice(0, MAX_TAGS).map(([tag]) => tag);
  }

  /**
   * @param {string} tag
   * @param {string} actor
   * @param {Addition} addition
   */
  add(tag, actor, addition) {
    const actors = this.added.get(tag) ?? new Map();
    this.added.set(tag, actors);
    const held = actors.get(actor);
    // An actor's newest addition of a tag replaces the older ones.
    const newer =
      !held ||
      held.counter - addition.counter < 0 ||
      (held.counter === addition.counter && (held.timestamp - addition.timestamp || held.place - addition.place) < 0);
    if (newer) actors.set(actor, addition);
  }

  /**
   * @param {string} tag
   * @param {Map<string, number>} clock
   */
  #remove(tag, clock) {
    const removed = this.removed.get(tag) ?? new Map();
    this.removed.set(tag, removed);
    joinInto(removed, clock);
  }

  /**
   * Delete additions that were removed or cleared. Also delete removals that `cleared` makes unnecessary.
   * @param {Iterable<string>} [tags]
   */
  #settle(tags = new Set([...this.added.keys(), ...this.removed.keys()])) {
    for (const tag of tags) {
      const removed = this.removed.get(tag);
      for (const [actor, counter] of removed ?? []) {
        if (counter <= (this.cleared.get(actor) ?? -1)) removed?.delete(actor);
      }
      if (removed?.size === 0) this.removed.delete(tag);
      const added = this.added.get(tag);
      for (const [actor, one] of added ?? []) {
        const until = Math.max(this.cleared.get(actor) ?? -1, removed?.get(actor) ?? -1);
        if (one.counter <= until) added?.delete(actor);
      }
      if (added?.size === 0) this.added.delete(tag);
    }
  }
}

/**
 * @param {Key & {place: number}} one
 * @param {Key & {place: number}} other
 */
const compareAdditions = (one, other) => compareKeys(one, other) || one.place - other.place;

/** @param {Operation} operation */
const getKey = (operation) => ({
  timestamp: operation.timestamp,
  actor: operation.actor,
  counter: getCounter(operation),
});

/** The merged state of one video's texts and tags. */
export class Document {
  /** @type {Map<string, Register>} */ registers = new Map(NAMES.map((name) => [name, new Register()]));
  tags = new TagSet();
  dots = new Dots();
  /** @type {Key|null} */ greatest = null;

  /** @param {Iterable<string>} [tags] */
  static begin(tags = []) {
    const document = new Document();
    let place = 0;
    for (const tag of tags) document.tags.add(tag, BASE, { counter: 0, timestamp: 0, place: place++ });
    return document;
  }

  /**
   * Apply an operation; return whether it was new.
   * @param {Operation} operation
   * @returns {boolean}
   */
  apply(operation) {
    const key = getKey(operation);
    if (this.dots.has(key.actor, key.counter)) return false;
    this.dots.add(key.actor, key.counter, key.counter);
    if (!this.greatest || compareKeys(this.greatest, key) < 0) this.greatest = key;
    const name = FIELDS[operation.type];
    (name ? this.#register(name) : this.tags).apply(operation);
    return true;
  }

  /** @param {Document} other */
  join(other) {
    for (const [name, register] of this.registers) register.join(other.#register(name));
    this.tags.join(other.tags);
    for (const [actor, ranges] of other.dots.ranges) for (const [a, b] of ranges) this.dots.add(actor, a, b);
    if (other.greatest && (!this.greatest || compareKeys(this.greatest, other.greatest) < 0)) {
      this.greatest = other.greatest;
    }
  }

  /**
   * @param {string} actor
   * @param {number} counter
   */
  has(actor, counter) {
    return this.dots.has(actor, counter);
  }

  /** @returns {Clock} */
  get clock() {
    return Object.fromEntries([...this.dots.ranges].map(([actor, own]) => [actor, own[own.length - 1][1]]));
  }

  /** Version of the document: number of operations, plus 1. */
  get version() {
    return 1 + this.dots.count();
  }

  /**
   * @param {Base} base
   * @returns {Base & {tags: string[]}}
   */
  values(base) {
    /** @type {any} */
    const shown = {};
    for (const name of Object.values(FIELDS)) shown[name] = this.#register(name).value(/** @type {any} */ (base)[name]);
    return { ...shown, tags: this.tags.value() };
  }

  /** @param {string} name */
  #register(name) {
    return /** @type {Register} */ (this.registers.get(name));
  }

  /** Return the document as canonical JSON: equal documents give equal texts. */
  text() {
    const row = (/** @type {Write} */ { timestamp, actor, counter, value, state }) =>
      JSON.stringify([timestamp, actor, counter, value, ...(state ? [state] : [])]);
    const clock = (/** @type {Map<string, number>} */ one) => writeObject(one, String);
    const registers = writeObject(this.registers, (register) => {
      const writes = sortEntries(register.writes).map(([, write]) => row(write));
      const greatest = register.greatest ? row(register.greatest) : "null";
      return `{"writes":[${writes.join(",")}],"covered":${clock(register.covered)},"greatest":${greatest}}`;
    });
    const added = writeObject(this.tags.added, (actors) =>
      writeObject(actors, (one) => JSON.stringify([one.counter, one.timestamp, one.place])),
    );
    const tags = `{"added":${added},"removed":${writeObject(this.tags.removed, clock)},"cleared":${clock(this.tags.cleared)}}`;
    const greatest = this.greatest
      ? JSON.stringify([this.greatest.timestamp, this.greatest.actor, this.greatest.counter])
      : "null";
    return `{"registers":${registers},"tags":${tags},"dots":${writeObject(this.dots.ranges, JSON.stringify)},"greatest":${greatest}}`;
  }

  /** @param {string} text */
  static parse(text) {
    const told = JSON.parse(text);
    const write = (/** @type {any[]} */ [timestamp, actor, counter, value, state]) => ({
      timestamp,
      actor,
      counter,
      value,
      ...(state && { state }),
    });
    const document = new Document();
    for (const [name, register] of document.registers) {
      const part = told.registers[name];
      register.writes = new Map(part.writes.map((/** @type {any[]} */ row) => [row[1], write(row)]));
      register.covered = toMap(part.covered);
      register.greatest = part.greatest ? write(part.greatest) : null;
    }
    const maps = (/** @type {any} */ parts, /** @type {(value: any) => any} */ each) =>
      new Map(
        Object.entries(parts).map(([tag, part]) => [tag, new Map(Object.entries(part).map(([a, v]) => [a, each(v)]))]),
      );
    document.tags.added = maps(told.tags.added, ([counter, timestamp, place]) => ({ counter, timestamp, place }));
    document.tags.removed = maps(told.tags.removed, (counter) => counter);
    document.tags.cleared = toMap(told.tags.cleared);
    document.dots.ranges = new Map(Object.entries(told.dots));
    document.greatest = told.greatest ? write(told.greatest) : null;
    return document;
  }

  copy() {
    return Document.parse(this.text());
  }
}

/**
 * @template T
 * @param {Map<string, T>} map
 * @returns {[string, T][]}
 */
const sortEntries = (map) => [...map].sort((one, other) => compareText(one[0], other[0]));

/**
 * Serialize a map with sorted keys. A JavaScript object would put numeric keys first.
 * @template T
 * @param {Map<string, T>} map
 * @param {(value: T) => string} each
 */
const writeObject = (map, each) =>
  `{${sortEntries(map)
    .map(([key, value]) => `${JSON.stringify(key)}:${each(value)}`)
    .join(",")}}`;
