// The dialog that shows where videos are used, then moves them to the bin or deletes them permanently.

import { ApiError } from "../base/api.js";
import { closeDialog, openView } from "../base/dialog.js";
import { requireElement } from "../base/dom.js";
import { formatCount } from "../base/format.js";
import { errorView, showToast } from "../base/notice.js";
import { html, iconView, nothing } from "../base/view.js";
import { formatBytes, deleteVideo, restoreVideo, listUses } from "../videos/api.js";
import { actOneByOne, namesView } from "./bulk-actions.js";

/**
 * @typedef {import("../videos/api.js").Video} Video
 * @typedef {import("../base/view.js").View} View
 */

/** Return the days that a deleted video stays in the bin; 0 if there is no bin. @returns {number} */
const getBinDays = () => Number(document.querySelector("[data-bin-days]")?.getAttribute("data-bin-days") ?? 0);

/**
 * @param {Video[]} videos
 * @param {(gone: Video[], isFinal: boolean) => void} onDeleted Called once after the deletions; `isFinal` is true
 *   if the videos were deleted permanently.
 */
export function openDeleteDialog(videos, onDeleted) {
  /** @type {Video[]} */ const gone = [];
  const isFinal = !getBinDays() || videos.every((video) => video.deleted_at);
  const what = videos.length === 1 ? `“${videos[0].title}”` : formatCount(videos.length, "video");
  /** @type {View} */ let uses = html`
    <p class="text-small muted">Checking which comparisons and analyses would be affected…</p>`;
  let progress = "";
  /** @type {View} */ let refused = null;
  let isBusy = true; // until the uses are listed, and while the videos are deleted
  const dialog = openView(view);
  showUses();

  function view() {
    return html`
      <dialog class="dialog small" role="alertdialog" aria-labelledby="delete-heading" aria-describedby="delete-words">
        <div class="pad col">
          <h2 class="anywhere" id="delete-heading" dir="auto">Delete ${what}${isFinal ? " for good" : ""}?</h2>
          ${videos.length > 1 ? namesView(videos) : null}
          <div class="col" id="delete-words">
            <p class="muted">${describeDeletion(videos, isFinal)}</p>
            <div class="col">${uses}</div>
          </div>
          <p class="text-small muted" role="status">${progress}</p>
          <div>${refused}</div>
          <div class="row wrap end">
            <button class="btn" type="button" autofocus @click=${closeDialog}>${refused ? "Close" : "Cancel"}</button>
            <button class="btn danger" type="button" aria-disabled=${isBusy ? "true" : nothing} ?hidden=${refused}
              @click=${runDeletion}>${iconView("trash")}${isFinal ? "Delete for good" : "Move to the bin"}</button>
          </div>
        </div>
      </dialog>`;
  }

  async function showUses() {
    try {
      uses = usesView(await listUses(videos), isFinal);
    } catch (error) {
      const noun = videos.length === 1 ? "video" : "videos";
      uses = errorView(`The comparisons and analyses that use the ${noun} could not be listed.`, error);
    }
    isBusy = false;
    dialog.draw();
  }

  async function runDeletion() {
    if (isBusy) return;
    isBusy = true;
    const word = isFinal ? "deleted" : "moved to the bin";
    const answer = await actOneByOne(videos, removeVideo, word, dialog.element, (words) => {
      progress = words;
      dialog.draw();
    });
    refused = answer.refused;
    if (refused) {
      dialog.draw();
      requireElement("[autofocus]", dialog.element).focus();
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
  showToast(`${what} moved to the bin.`, "ok", { label: "Undo", run: () => restoreVideos(videos, onRestored) });
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
function describeDeletion(videos, isFinal) {
  const stored = videos.filter((video) => video.source !== "reference");
  const size = formatBytes(stored.reduce((sum, video) => sum + video.file_size, 0));
  const [it, stays] = videos.length === 1 ? ["The video", "stays"] : ["The videos", "stay"];
  const sentences = isFinal
    ? [stored.length > 0 && `${size} of your storage will be freed.`]
    : [
        `${it} ${stays} in the bin for ${formatCount(getBinDays(), "day")} and can be restored.`,
        stored.length > 0 && `After that, ${size} of your storage is freed.`,
      ];
  if (stored.length < videos.length) sentences.push("Files in the server's folders stay where they are.");
  if (isFinal) sentences.push("This cannot be undone.");
  return sentences.filter(Boolean).join(" ");
}

/** @param {{kind: string, name: string, url: string}[]} uses @param {boolean} isFinal */
function usesView(uses, isFinal) {
  if (!uses.length) return null;
  const comparisons = uses.filter((use) => use.kind === "comparison").length;
  const analyses = uses.length - comparisons;
  const counts = [
    comparisons && formatCount(comparisons, "comparison"),
    analyses && formatCount(analyses, "analysis", "analyses"),
  ];
  const shown = isFinal ? "instead of a deleted video" : "until the video is restored";
  const effect = `Comparisons keep their offsets and events, but show an empty pane ${shown}.`;
  return html`
    <div class="note warn">
      ${iconView("compare")}
      <div class="spacer">
        <b>Used in ${counts.filter(Boolean).join(" and ")}:</b>
        <ul class="text-small several">
          ${uses.map(({ name, url }) => html`<li class="anywhere" dir="auto"><a href=${url}>${name}</a></li>`)}
        </ul>
        ${comparisons ? html`<p class="text-small">${effect}</p>` : null}
      </div>
    </div>`;
}
