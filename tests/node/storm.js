// Pages and profiles of static/js/catalogue/sync-client.js at a server of this process's own: calls are lost, answers are lost,
// pages close, profiles are copied, stores are full, clocks are wrong. At the end all is well again, and everybody
// syncs. `node storm.js FIRST COUNT` prints {lost: […], apart: […]}: rounds in which words were lost that a store had
// kept, and rounds after which clients and server were not the same byte for byte. Copy it beside a `js` folder first.

import { MemoryStore, SyncClient, formatMicroseconds, parseMicroseconds } from "./js/catalogue/sync-client.js";
import { Document } from "./js/catalogue/crdt.js";
import { Locks } from "./locks.mjs";
import { numbers } from "./random.mjs";

const STEPS = 60;
const MAX_EXCHANGES = 30;
const VIDEO = "video";
const BASE = { title: "As made", description: "", category: "", is_featured: false, tags: ["a", "b"] };
const REFUSED = "what the server refuses";
const AHEAD = 5 * 60 * 1_000_000;

const aMoment = () => new Promise((done) => setImmediate(done));

/** What media_app/catalogue does with operations, as far as a client can tell. */
class Server {
  document = Document.begin(BASE.tags);
  kept = new Map();
  rows = [];
  time = 1e15;

  answer(method, url, body, user) {
    this.time += 5_000;
    return method === "GET"
      ? this.#state(new URL(url, "http://server").searchParams.get("since"))
      : this.#take(body, user);
  }

  #state(since) {
    const after = since ? parseMicroseconds(since) : 0;
    const values = this.document.values(BASE);
    return [
      200,
      {
        video: { ...values, category: values.category || null },
        base: BASE,
        server_time: formatMicroseconds(this.time - 1_000),
        server_vector_clock: this.document.clock,
        server_version: this.document.version,
        operations: this.rows.filter(({ came }) => came > after).map(({ told }) => told),
      },
    ];
  }

  #take({ operations }, user) {
    const wrong = {};
    const known = this.document.clock;
    for (const [index, told] of operations.entries()) {
      const isAhead = Object.entries(told.vector_clock).some(
        ([actor, counter]) => !actor.startsWith(user) && counter > (known[actor] ?? 0),
      );
      if (parseMicroseconds(told.timestamp) > Date.now() * 1000 + AHEAD) wrong[index] = { timestamp: ["ahead"] };
      else if (isAhead) wrong[index] = { vector_clock: ["ahead"] };
      else if (told.operation_data.value === REFUSED) wrong[index] = { operation_data: ["refused"] };
    }
    if (Object.keys(wrong).length) return [400, { type: "invalid", errors: { operations: wrong } }];
    const fresh = new Map();
    for (const told of operations) {
      const [actor, counter] = [told.actor_id, told.vector_clock[told.actor_id]];
      const dot = `${counter} ${actor}`;
      const before = this.kept.get(dot) ?? fresh.get(dot);
      if (before && wordsOf(before) !== wordsOf(told))
        return [409, { type: "operation_mismatch", actor_id: actor, counter }];
      if (!before) fresh.set(dot, told);
    }
    for (const [dot, told] of fresh) {
      this.kept.set(dot, told);
      this.rows.push({ came: this.time, told });
      this.document.apply({
        type: told.operation_type,
        value: told.operation_data.value,
        timestamp: parseMicroseconds(told.timestamp),
        actor: told.actor_id,
        clock: told.vector_clock,
      });
    }
    return [200, {}];
  }
}

const wordsOf = ({ operation_type, operation_data, timestamp, vector_clock }) =>
  JSON.stringify([operation_type, operation_data, timestamp, Object.entries(vector_clock).sort()]);

class Store extends MemoryStore {
  isFull = () => false;

  async update(key, change) {
    await aMoment();
    if (this.isFull()) throw new Error("full");
    return super.update(key, change);
  }
}

class Round {
  server = new Server();
  profiles = [];
  written = new Set();
  count = 0;
  isOver = false;

  constructor(seed) {
    this.random = numbers(seed);
    this.loss = this.random() / 2;
    this.fullness = this.chance(0.2) ? 0.3 : 0;
    this.hasLocks = this.chance(0.7);
    for (const user of ["u1", "u1", "u2", "u3"]) this.profile(user);
  }

  chance(share) {
    return this.random() < share;
  }

  oneOf(some) {
    return some[Math.floor(this.random() * some.length)];
  }

  profile(user, store = new Store()) {
    const made = { user, store, locks: this.hasLocks ? new Locks() : null, pages: [], closing: [] };
    this.profiles.push(made);
    return made;
  }

  async open(profile) {
    const skew = (this.random() - 0.5) * (this.chance(0.3) ? 2e7 : 1000);
    const page = { isOffline: false, unkept: [] };
    page.client = new SyncClient({
      videoId: VIDEO,
      actor: profile.user,
      store: profile.store,
      locks: profile.locks,
      wait: { first: 1, longest: 4 },
      poll: 3_600_000,
      now: () => Date.now() + skew,
      fetch: async (url, { method, body }) => {
        await aMoment();
        const fate = this.isOver ? 1 : this.random();
        if (page.isOffline || fate < this.loss / 2) throw new TypeError("never arrived");
        const [status, told] = this.server.answer(method, url, body && JSON.parse(body), profile.user);
        await aMoment();
        if (fate < this.loss) throw new TypeError("never answered");
        return {
          ok: status < 300,
          status,
          headers: new Headers({ Date: new Date().toUTCString() }),
          json: async () => told,
        };
      },
    });
    await page.client.start();
    profile.pages.push(page);
  }

  close(profile, page) {
    profile.closing.push(page.client.stop());
    profile.pages.splice(profile.pages.indexOf(page), 1);
    // Its page was told that these would not outlive it.
    for (const value of page.unkept) this.written.delete(value);
  }

  async copy({ user, store }) {
    const other = new Store();
    for (const key of await store.keys("")) {
      const kept = await store.read(key);
      await other.update(key, () => kept);
    }
    await this.open(this.profile(user, other));
  }

  async write({ store }, { client, unkept }) {
    const value = this.chance(0.05) ? REFUSED : `words ${this.count++}`;
    if (value !== REFUSED) this.written.add(value);
    store.isFull = () => this.chance(this.fullness);
    try {
      await (this.chance(0.3)
        ? client.addTag(value)
        : client.edit(this.oneOf(["title", "description", "category"]), value));
    } catch (error) {
      if (error.type !== "not_kept") throw error;
      unkept.push(value);
    }
    store.isFull = () => false;
  }

  async step() {
    const profile = this.oneOf(this.profiles);
    if (!profile.pages.length || (this.chance(0.06) && profile.pages.length < 3)) return this.open(profile);
    const page = this.oneOf(profile.pages);
    if (this.chance(0.06)) page.isOffline = !page.isOffline;
    else if (this.chance(0.08)) this.close(profile, page);
    else if (this.chance(0.03)) await this.copy(profile);
    else await this.write(profile, page);
    for (let left = Math.floor(this.random() * 6); left > 0; left -= 1) await aMoment();
  }

  /** Whether all agree, and which words are nowhere. */
  async end() {
    this.isOver = true;
    // What pages have left behind that are gone is sent by the next one.
    for (const profile of this.profiles) await Promise.all(profile.closing);
    for (const profile of this.profiles) await this.open(profile);
    const pages = this.profiles.flatMap((profile) => profile.pages);
    for (const page of pages) page.isOffline = false;
    const agree = () =>
      pages.every(({ client }) => client.pending === 0 && client.document === this.server.document.text());
    for (let left = MAX_EXCHANGES; left > 0 && !agree(); left -= 1) {
      for (const { client } of pages) await client.sync().catch(() => {});
    }
    for (const { client } of pages) client.stop();
    const there = new Set(this.server.rows.map(({ told }) => told.operation_data.value));
    return { isApart: !agree(), lost: [...this.written].filter((value) => !there.has(value)) };
  }
}

const [first, count] = process.argv.slice(2).map(Number);
const found = { lost: [], apart: [] };
for (let seed = first; seed < first + count; seed += 1) {
  const round = new Round(seed);
  for (let left = STEPS; left > 0; left -= 1) await round.step();
  const { isApart, lost } = await round.end();
  if (isApart) found.apart.push(seed);
  if (lost.length) found.lost.push([seed, lost]);
}
console.log(JSON.stringify(found));
process.exit(0);
