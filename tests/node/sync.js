// Runs clients of static/js/catalogue/sync-client.js as it is told, one JSON line for each call, and answers with one line each:
//
//   {make: name, options, store: name, locks: bool}    a client; stores and locks are shared by all that name them
//   {call: name, method, args}                         → {value} or {error: {status, type, message}}
//   {read: name}                                       → its values, state, pending, document, actor, events so far
//   {offline: name, is: bool}                          whether its calls fail before they leave
//   {copy: store, to: store}                           as a profile is copied to another machine
//   {full: store, is: bool}                            whether what it is given to keep is refused
//   {restored: name, video}                            its calls are answered by this video, as by an older backup
//   {calls: name, left}                                so many succeed, then it is offline
//   {sign: name, headers}                              its calls are somebody else's
//   {ends: name, page: other, left}                    another client is stopped just before its call after so many
//   {type: name, values}                               titles that are written while it reads, one each time

import { createInterface } from "node:readline";
import { MemoryStore, SyncClient } from "./js/catalogue/sync-client.js";
import { Locks } from "./locks.mjs";

/** A store that can be full. */
class Store extends MemoryStore {
  isFull = false;

  async update(key, change) {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    return super.update(key, change);
  }
}

const clients = new Map();
const stores = new Map();
const locks = new Map();

const kept = (map, name, make) => {
  if (!map.has(name)) map.set(name, make());
  return map.get(name);
};

function make(told) {
  const about = { offline: false, events: [], video: told.options.videoId, titles: [], left: Infinity, ends: null };
  const client = new SyncClient({
    ...told.options,
    store: kept(stores, told.store, () => new Store()),
    locks: told.locks ? kept(locks, told.store, () => new Locks()) : null,
    wait: { first: 5, longest: 50 },
    fetch: async (url, options) => {
      if (about.offline || about.left-- <= 0) throw new TypeError("offline");
      if (about.ends && about.ends.left-- === 0) await clients.get(about.ends.page).client.stop();
      if (options.method === "GET" && about.titles.length) await client.edit("title", about.titles.shift());
      return fetch(url.replace(told.options.videoId, about.video), options);
    },
  });
  for (const name of ["change", "conflict", "state", "refused"]) {
    client.addEventListener(name, ({ detail }) => {
      const error = detail.error && { status: detail.error.status, type: detail.error.type };
      about.events.push([name, { ...detail, error }]);
    });
  }
  clients.set(told.make, { client, about });
}

async function copy(from, to) {
  const other = kept(stores, to, () => new Store());
  for (const key of await stores.get(from).keys("")) {
    const value = await stores.get(from).read(key);
    await other.update(key, () => value);
  }
}

/** Changes of a client's surroundings, by the word before the client's name. */
const TURNS = {
  restored: ({ about }, { video }) => Object.assign(about, { video }),
  calls: ({ about }, { left }) => Object.assign(about, { left }),
  ends: ({ about }, { page, left }) => Object.assign(about, { ends: { page, left } }),
  sign: ({ client }, { headers }) => Object.assign(client.options, { headers }),
  type: ({ about }, { values }) => Object.assign(about, { titles: values }),
  offline: ({ about }, { is }) => Object.assign(about, { offline: is }),
  make: (_, told) => make(told),
  copy: (_, told) => copy(told.copy, told.to),
  full: (_, { full, is }) =>
    Object.assign(
      kept(stores, full, () => new Store()),
      { isFull: is },
    ),
};

async function answer(told) {
  const word = Object.keys(TURNS).find((name) => name in told);
  if (word) {
    await TURNS[word](clients.get(told[word]), told);
    return {};
  }
  const { client, about } = clients.get(told.call ?? told.read);
  if (told.read) {
    const { values, state, pending, document, actor, video } = client;
    return { values, state, pending, document, actor, video, events: about.events };
  }
  try {
    return { value: (await client[told.method](...(told.args ?? []))) ?? null };
  } catch (error) {
    if (error.name !== "SyncError") throw error;
    return { error: { status: error.status, type: error.type, message: error.message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
process.exit(0);
