// Dropping files anywhere on a page.

import { readDropped, hasFiles } from "./file-picker.js";
import { showToast } from "../base/notice.js";

/** @param {string} name */
export function describeUnreadable(name) {
  const why = "It may have been moved, or this browser has no permission to open it. Choose it again.";
  showToast(`“${name}” could not be read. ${why}`, "bad");
}

/**
 * @param {HTMLElement} place Element that gets `data-over` while files are dragged over the page.
 * @param {(files: import("./file-picker.js").Chosen[]) => void} onFiles
 */
export function acceptDrops(place, onFiles) {
  let depth = 0;
  /** @param {"dragenter"|"dragleave"|"dragover"|"drop"} name @param {(event: DragEvent) => void} react */
  const listen = (name, react) => window.addEventListener(name, (event) => hasFiles(event) && react(event));
  const move = (/** @type {number} */ to) => {
    depth = Math.max(0, to);
    place.toggleAttribute("data-over", depth > 0);
  };
  listen("dragenter", () => move(depth + 1));
  listen("dragleave", () => move(depth - 1));
  listen("dragover", (event) => event.preventDefault());
  listen("drop", async (event) => {
    event.preventDefault();
    move(0);
    let lost = false;
    const files = await readDropped(/** @type {DataTransfer} */ (event.dataTransfer), (name) => {
      lost = true;
      describeUnreadable(name);
    });
    if (files.length) onFiles(files);
    else if (!lost) showToast("The dropped files contain no video.", "warn");
  });
}
