// Storage of a challenge's draft and its clips in this browser. Keys begin with the user's id.

import { IndexedDbStore } from "../../base/stores.js";

const store = new IndexedDbStore("vod-challenges");
const mine = () => `${document.body.dataset.user}/`;
const draftKey = () => `${mine()}draft`;
const clipKey = (/** @type {string} */ id) => `${mine()}clip/${id}`;

/**
 * Run a storage operation and return its result; return null if the operation fails.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T|null>}
 */
async function tried(act) {
  try {
    return await act();
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {any} value
 * @returns {Promise<boolean>}
 */
const put = async (key, value) => (await tried(() => store.update(key, () => value))) !== null;

/** Return the draft that `keepDraft` stored; null or undefined if there is none. @returns {Promise<any>} */
export const readDraft = () => tried(() => store.read(draftKey()));
/** @param {any} draft */
export const keepDraft = (draft) => put(draftKey(), draft);
/** @param {string} id @param {Blob} blob */
export const keepClip = (id, blob) => put(clipKey(id), blob);
/** @param {string} id @returns {Promise<Blob|null|undefined>} */
export const readClip = (id) => tried(() => store.read(clipKey(id)));
/** @param {string} id */
export const dropClip = (id) => put(clipKey(id), undefined);

export async function forget() {
  await tried(async () => {
    for (const key of await store.keys(mine())) await put(key, undefined);
  });
}

export async function forgetOthers() {
  await tried(async () => {
    for (const key of await store.keys("")) if (!key.startsWith(mine())) await put(key, undefined);
  });
}

/**
 * Delete stored clips that no draft uses. A page that closed too early may have left them.
 * @param {Set<string>} ids Ids of the clips in use.
 */
export async function forgetClips(ids) {
  await tried(async () => {
    const prefix = clipKey("");
    for (const key of await store.keys(prefix)) if (!ids.has(key.slice(prefix.length))) await put(key, undefined);
  });
}
