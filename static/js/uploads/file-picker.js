// Ways to choose files: the browser's file picker, a file field, and dropped files and folders.

/**
 * @typedef {{file: File, handle: FileSystemFileHandle|null}} Chosen A chosen file; `handle` is null if the file comes
 *   from a file field, or if the browser offers no file handles.
 */

const SUFFIXES = ".mp4 .m4v .mov .webm .mkv .ogv .avi .ts .m2ts .mpg .mpeg .flv .wmv .3gp".split(" ");
export const ACCEPT = ["video/*", ...SUFFIXES].join();

/**
 * Let the user choose files; return an empty list if the user cancels. Browsers allow this only during a key press or
 * click. `onLost` is called with the name of each unreadable file.
 * @param {boolean} several @param {(name: string) => void} onLost @returns {Promise<Chosen[]>}
 */
export async function pickFiles(several, onLost) {
  const open = /** @type {any} */ (window).showOpenFilePicker;
  if (!open) return pickByField(several);
  /** @type {FileSystemFileHandle[]} */ let handles;
  const types = [{ description: "Videos", accept: { "video/*": SUFFIXES } }];
  try {
    handles = await open({ multiple: several, id: "videos", types });
  } catch (error) {
    return /** @type {Error} */ (error).name === "AbortError" ? [] : pickByField(several);
  }
  /** @type {Chosen[]} */ const found = [];
  for (const handle of handles)
    await readGuarded(handle.name, async () => found.push({ file: await handle.getFile(), handle }), onLost);
  return found;
}

/** @param {string} name @param {() => Promise<unknown>} read @param {(name: string) => void} onLost */
const readGuarded = (name, read, onLost) => read().catch(() => onLost(name));

/** @param {boolean} several @returns {Promise<Chosen[]>} */
function pickByField(several) {
  return new Promise((resolve) => {
    const field = Object.assign(document.createElement("input"), { type: "file", accept: ACCEPT, multiple: several });
    field.addEventListener("change", () => resolve(takeChosen(field)));
    field.addEventListener("cancel", () => resolve([]));
    field.click();
  });
}

/** @param {HTMLInputElement} field @returns {Chosen[]} */
export function takeChosen(field) {
  return [...(field.files ?? [])].map((file) => ({ file, handle: null }));
}

/** @param {DragEvent} event */
export function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/**
 * Return dropped files and the videos in dropped folders.
 * @param {DataTransfer} transfer @param {(name: string) => void} onLost @returns {Promise<Chosen[]>}
 */
export async function readDropped(transfer, onLost) {
  // Dropped items are valid only during the event, so request all files before the first await.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const asked = items.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry?.(),
    handle: /** @type {any} */ (item).getAsFileSystemHandle?.(),
  }));
  /** @type {Chosen[]} */ const found = [];
  for (const { file, entry, handle } of asked) {
    const known = await Promise.resolve(handle).catch(() => null);
    if (known?.kind === "directory") await readGuarded(known.name, () => walkFolder(known, found, onLost), onLost);
    // Browsers without file handles represent a dropped folder by a FileSystemDirectoryEntry.
    else if (!known && entry?.isDirectory) await readGuarded(entry.name, () => walkEntry(entry, found, onLost), onLost);
    else if (file) found.push({ file, handle: known ?? null });
    else onLost(entry?.name ?? known?.name ?? "A file");
  }
  return found;
}

/** @param {string} name */
const isVideo = (name) => SUFFIXES.some((suffix) => name.toLowerCase().endsWith(suffix));

/** @param {any} folder @param {Chosen[]} found @param {(name: string) => void} onLost */
async function walkFolder(folder, found, onLost) {
  for await (const handle of folder.values()) {
    if (handle.kind === "directory") await readGuarded(handle.name, () => walkFolder(handle, found, onLost), onLost);
    else if (isVideo(handle.name))
      await readGuarded(handle.name, async () => found.push({ file: await handle.getFile(), handle }), onLost);
  }
}

/** @param {any} folder @param {Chosen[]} found @param {(name: string) => void} onLost */
async function walkEntry(folder, found, onLost) {
  const reader = folder.createReader();
  for (;;) {
    /** @type {any[]} */ const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    // Each call of `readEntries` returns about 100 entries; an empty list marks the end.
    if (!entries.length) return;
    for (const entry of entries) {
      if (entry.isDirectory) await readGuarded(entry.name, () => walkEntry(entry, found, onLost), onLost);
      else if (isVideo(entry.name)) {
        const read = () => new Promise((resolve, reject) => entry.file(resolve, reject));
        await readGuarded(entry.name, async () => found.push({ file: await read(), handle: null }), onLost);
      }
    }
  }
}
