// Dropping files anywhere on a page.

import { readDropped, hasFiles } from "./file-picker.js";
import { showToast } from "../base/notice.js";

/** @param {string} name */
export function describeUnreadable(name) {
  showToast(
    `“${name}” could not be read. It may have been moved, or this browser has no permission to open it. Choose it again.`,
    "bad",
  );
}

/**
 * @param {HTMLElement} place Element that gets `data-over` while files are dragged over the page.
 * @param {(files: import("./file-picker.js").Chosen[]) => void} onFiles
 */
export function acceptDrops(place, onFiles) {
  let depth = 0;
  const left = () => {
    if (depth === 0) delete place.dataset.over;
  };
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    place.dataset.over = "";
  });
  window.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    left();
  });
  window.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    left();
    let lost = false;
    const files = await readDropped(/** @type {DataTransfer} */ (event.dataTransfer), (name) => {
      lost = true;
      describeUnreadable(name);
    });
    if (files.length) onFiles(files);
    else if (!lost) showToast("The dropped files contain no video.", "warn");
  });
}
