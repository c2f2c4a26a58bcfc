// What this browser keeps of a challenge until it is made: words, the lie and the clips themselves. Whose it is stands in
// front of every key; what somebody else has left here goes.

import { IndexedDbStore } from "../../catalogue/sync/stores.js";

const store = new IndexedDbStore("vod-challenges");
const mine = () => `${document.body.dataset.user}/`;
const draftKey = () => `${mine()}draft`;
const clipKey = (/** @type {string} */ id) => `${mine()}clip/${id}`;

/**
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T|null>} null where the browser keeps nothing, or has no room
 */
async function tried(act) {
  try {
    return await act();
  } catch {
    return null;
  }
}

/** @param {string} key @param {any} value @returns {Promise<boolean>} whether it is kept */
const put = async (key, value) => (await tried(() => store.update(key, () => value))) !== null;

/** @returns {Promise<any>} as `keepDraft` had it; null or undefined where nothing is kept */
export const readDraft = () => tried(() => store.read(draftKey()));
/** @param {any} draft */
export const keepDraft = (draft) => put(draftKey(), draft);
/** @param {string} id @param {Blob} blob */
export const keepClip = (id, blob) => put(clipKey(id), blob);
/** @param {string} id @returns {Promise<Blob|null|undefined>} */
export const readClip = (id) => tried(() => store.read(clipKey(id)));
/** @param {string} id */
export const dropClip = (id) => put(clipKey(id), undefined);

/** Everything that is kept of the challenge: it is made, or thrown away, or its maker signs out. */
export async function forget() {
  await tried(async () => {
    for (const key of await store.keys(mine())) await put(key, undefined);
  });
}

/** What others who were signed in here have left. */
export async function forgetOthers() {
  await tried(async () => {
    for (const key of await store.keys("")) if (!key.startsWith(mine())) await put(key, undefined);
  });
}

/** Clips that no statement has any more, as after a page that closed in between. @param {Set<string>} ids of those that one has */
export async function forgetClips(ids) {
  await tried(async () => {
    const prefix = clipKey("");
    for (const key of await store.keys(prefix)) if (!ids.has(key.slice(prefix.length))) await put(key, undefined);
  });
}
