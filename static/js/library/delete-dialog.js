// The dialog that shows where videos are used, then moves them to the bin or deletes them permanently.

import { ApiError } from "../base/api.js";
import { openDialog } from "../base/dialog.js";
import { h, icon, setText } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { createErrorNote, showToast } from "../base/notice.js";
import { formatBytes, deleteVideo, restoreVideo, listUses } from "../videos/api.js";
import { listNames, actOneByOne } from "./bulk-actions.js";

/** @typedef {import("../videos/api.js").Video} Video */

/** Return the days that a deleted video stays in the bin; 0 if there is no bin. @returns {number} */
function getBinDays() {
  const holder = /** @type {HTMLElement|null} */ (document.querySelector("[data-bin-days]"));
  return Number(holder?.dataset.binDays ?? 0);
}

/**
 * @param {Video[]} videos
 * @param {(gone: Video[], isFinal: boolean) => void} onDeleted Called once after the deletions; `isFinal` is true
 *   if the videos were deleted permanently.
 */
export function openDeleteDialog(videos, onDeleted) {
  /** @type {Video[]} */ const gone = [];
  const isFinal = !getBinDays() || videos.every((video) => video.deleted_at);
  const progress = h("p", { class: "text-small muted", role: "status" });
  const problem = h("div", {});
  const uses = h(
    "div",
    { class: "col" },
    h("p", { class: "text-small muted" }, "Checking which comparisons and analyses would be affected…"),
  );
  const confirm = h(
    "button",
    { class: "btn danger", type: "button", "aria-disabled": "true", onclick: runDeletion },
    icon("trash"),
    isFinal ? "Delete for good" : "Move to the bin",
  );
  const cancel = h(
    "button",
    { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() },
    "Cancel",
  );
  const dialog = openDialog(
    h(
      "dialog",
      {
        class: "dialog small",
        role: "alertdialog",
        "aria-labelledby": "delete-heading",
        "aria-describedby": "delete-words",
      },
      h(
        "div",
        { class: "pad col" },
        h("h2", { class: "anywhere", id: "delete-heading", dir: "auto" }, makeHeading(videos, isFinal)),
        videos.length > 1 && listNames(videos),
        h(
          "div",
          { class: "col", id: "delete-words" },
          h("p", { class: "muted" }, describeDeletion(videos, isFinal)),
          uses,
        ),
        progress,
        problem,
        h("div", { class: "row wrap end" }, cancel, confirm),
      ),
    ),
  );
  showUses();

  async function showUses() {
    try {
      uses.replaceChildren(...createUsesNote(await listUses(videos), isFinal));
    } catch (error) {
      uses.replaceChildren(
        createErrorNote(
          `The comparisons and analyses that use the ${videos.length === 1 ? "video" : "videos"} could not be listed.`,
          error,
        ),
      );
    }
    confirm.removeAttribute("aria-disabled");
  }

  async function runDeletion() {
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    const word = isFinal ? "deleted" : "moved to the bin";
    const { failed } = await actOneByOne(videos, removeVideo, word, { progress, refused: problem, dialog });
    if (failed) {
      confirm.hidden = true;
      setText(cancel, "Close");
      cancel.focus();
    } else dialog.close(); // close first: `onDeleted` cannot move the focus while the dialog is open
    if (gone.length) onDeleted(gone, isFinal);
  }

  /** @param {Video} video */
  async function removeVideo(video) {
    try {
      await deleteVideo(video.id, isFinal);
    } catch (error) {
      // Status 404 means that the video was already deleted elsewhere.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    gone.push(video);
  }
}

/**
 * Show a toast about deleted videos, with Undo for videos in the bin.
 * @param {Video[]} videos
 * @param {boolean} isFinal
 * @param {() => void} onRestored
 */
export function toastDeleted(videos, isFinal, onRestored) {
  const what = formatCount(videos.length, "video");
  if (isFinal) return showToast(`${what} deleted for good.`);
  showToast(`${what} moved to the bin.`, "ok", {
    label: "Undo",
    run: () => restoreVideos(videos, onRestored),
  });
}

/** @param {Video[]} videos @param {() => void} onRestored */
export async function restoreVideos(videos, onRestored) {
  let count = 0;
  try {
    for (const video of videos) {
      await restoreVideo(video.id);
      count += 1;
    }
    showToast(`${formatCount(count, "video")} restored.`);
  } catch (error) {
    const sentence = error instanceof ApiError ? error.sentence : "Reload the page, then try again.";
    showToast(`${count} of ${formatCount(videos.length, "video")} restored. ${sentence}`, "bad");
  }
  onRestored();
}

/** @param {Video[]} videos @param {boolean} isFinal */
function makeHeading(videos, isFinal) {
  const what = videos.length === 1 ? `“${videos[0].title}”` : formatCount(videos.length, "video");
  return isFinal ? `Delete ${what} for good?` : `Delete ${what}?`;
}

/**
 * @param {Video[]} videos
 * @param {boolean} isFinal
 * @returns {string}
 */
function describeDeletion(videos, isFinal) {
  const stored = videos.filter((video) => video.source !== "reference");
  const size = formatBytes(stored.reduce((sum, video) => sum + video.file_size, 0));
  const [it, stays] = videos.length === 1 ? ["The video", "stays"] : ["The videos", "stay"];
  return [
    !isFinal &&
      `${it} ${stays} in the bin for ${formatCount(getBinDays(), "day")} and can be restored.${stored.length ? ` After that, ${size} of your storage is freed.` : ""}`,
    isFinal && stored.length > 0 && `${size} of your storage will be freed.`,
    stored.length < videos.length && "Files in the server's folders stay where they are.",
    isFinal && "This cannot be undone.",
  ]
    .filter(Boolean)
    .join(" ");
}

/**
 * @param {{kind: string, name: string, url: string}[]} uses
 * @param {boolean} isFinal
 * @returns {HTMLElement[]}
 */
function createUsesNote(uses, isFinal) {
  if (!uses.length) return [];
  const comparisons = uses.filter((use) => use.kind === "comparison").length;
  const analyses = uses.length - comparisons;
  const counts = [
    comparisons && formatCount(comparisons, "comparison"),
    analyses && formatCount(analyses, "analysis", "analyses"),
  ];
  return [
    h(
      "div",
      { class: "note warn" },
      icon("compare"),
      h(
        "div",
        { class: "spacer" },
        h("b", {}, `Used in ${counts.filter(Boolean).join(" and ")}:`),
        h(
          "ul",
          { class: "text-small several" },
          ...uses.map(({ name, url }) => h("li", { class: "anywhere", dir: "auto" }, h("a", { href: url }, name))),
        ),
        comparisons > 0 &&
          h(
            "p",
            { class: "text-small" },
            isFinal
              ? "Comparisons keep their offsets and events, but show an empty pane instead of a deleted video."
              : "Comparisons keep their offsets and events, but show an empty pane until the video is restored.",
          ),
      ),
    ),
  ];
}
