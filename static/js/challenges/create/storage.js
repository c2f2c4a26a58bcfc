// Storage of a challenge's draft and its clips in this browser. Keys begin with the user's id.

import { IndexedDbStore } from "../../base/stores.js";

const store = new IndexedDbStore("vod-challenges");
const getPrefix = () => `${document.body.dataset.user}/`;
const getDraftKey = () => `${getPrefix()}draft`;
const getClipKey = (/** @type {string} */ id) => `${getPrefix()}clip/${id}`;

/**
 * Run a storage operation and return its result; return null if the operation fails.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T|null>}
 */
async function tryStorage(act) {
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
const writeEntry = async (key, value) => (await tryStorage(() => store.update(key, () => value))) !== null;

/** Return the draft that `writeDraft` stored; null or undefined if there is none. @returns {Promise<any>} */
export const readDraft = () => tryStorage(() => store.read(getDraftKey()));
/** @param {any} draft */
export const writeDraft = (draft) => writeEntry(getDraftKey(), draft);
/** @param {string} id @param {Blob} blob */
export const writeClip = (id, blob) => writeEntry(getClipKey(id), blob);
/** @param {string} id @returns {Promise<Blob|null|undefined>} */
export const readClip = (id) => tryStorage(() => store.read(getClipKey(id)));
/** @param {string} id */
export const deleteClip = (id) => writeEntry(getClipKey(id), undefined);

export async function deleteDraft() {
  await tryStorage(async () => {
    for (const key of await store.keys(getPrefix())) await writeEntry(key, undefined);
  });
}

/**
 * Delete stored clips that no draft uses. A page that closed too early may have left them.
 * @param {Set<string>} ids The ids of the clips in use.
 */
export async function deleteUnusedClips(ids) {
  await tryStorage(async () => {
    const prefix = getClipKey("");
    for (const key of await store.keys(prefix))
      if (!ids.has(key.slice(prefix.length))) await writeEntry(key, undefined);
  });
}
