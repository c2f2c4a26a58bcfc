// The browser's storage of a draft: texts, lie and clips. Keys begin with the user's id.

import { IndexedDbStore } from "../../base/stores.js";

const store = new IndexedDbStore("vod-challenges");
const mine = () => `${document.body.dataset.user}/`;
const draftKey = () => `${mine()}draft`;
const clipKey = (/** @type {string} */ id) => `${mine()}clip/${id}`;

/**
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T|null>} null if the browser cannot store it
 */
async function tried(act) {
  try {
    return await act();
  } catch {
    return null;
  }
}

/** @param {string} key @param {any} value @returns {Promise<boolean>} whether it is stored */
const put = async (key, value) => (await tried(() => store.update(key, () => value))) !== null;

/** @returns {Promise<any>} the value given to `keepDraft`; null or undefined if there is none */
export const readDraft = () => tried(() => store.read(draftKey()));
/** @param {any} draft */
export const keepDraft = (draft) => put(draftKey(), draft);
/** @param {string} id @param {Blob} blob */
export const keepClip = (id, blob) => put(clipKey(id), blob);
/** @param {string} id @returns {Promise<Blob|null|undefined>} */
export const readClip = (id) => tried(() => store.read(clipKey(id)));
/** @param {string} id */
export const dropClip = (id) => put(clipKey(id), undefined);

/** Delete the user's draft. */
export async function forget() {
  await tried(async () => {
    for (const key of await store.keys(mine())) await put(key, undefined);
  });
}

/** Delete other users' drafts. */
export async function forgetOthers() {
  await tried(async () => {
    for (const key of await store.keys("")) if (!key.startsWith(mine())) await put(key, undefined);
  });
}

/** Delete unused clips, left by a page that closed too early. @param {Set<string>} ids clips in use */
export async function forgetClips(ids) {
  await tried(async () => {
    const prefix = clipKey("");
    for (const key of await store.keys(prefix)) if (!ids.has(key.slice(prefix.length))) await put(key, undefined);
  });
}
