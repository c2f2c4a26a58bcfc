// Dialogs for reporting, deleting and hiding a video, and the restoration of a deleted video.

import { ApiError } from "../base/api.js";
import { requireElement, setText } from "../base/dom.js";
import { openFormDialog } from "../base/form-dialog.js";
import { explainError, showToast } from "../base/notice.js";
import { html, iconView } from "../base/view.js";
import { changeCatalogueVideo, deleteCatalogueVideo, reportVideo, restoreCatalogueVideo } from "./api.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const LONGEST_TEXT = 1000;

/** @param {unknown} error */
const isNotFound = (error) => error instanceof ApiError && error.status === 404;

/** @param {CatalogueVideo} video @param {[string, string][]} reasons */
export function openReportDialog(video, reasons) {
  const hint = "Optional. Only moderators can see your name.";
  let isMissing = false;
  const getChosen = () => /** @type {HTMLInputElement|null} */ (document.querySelector("dialog [name=reason]:checked"));
  openFormDialog({
    id: "report",
    heading: `Report “${video.title}”`,
    draft: `report/${video.id}`,
    intro: () => html`
      <fieldset class="col reasons" aria-describedby="report-error">
        <legend class="text-small muted">Why are you reporting this video?</legend>
        ${reasons.map(
          ([value, label]) =>
            html`<label class="check"><input type="radio" name="reason" value=${value} />${label}</label>`,
        )}
        <p class="field-error" id="report-error" ?hidden=${!isMissing}>
          ${iconView("alert")}<span>Choose a reason.</span>
        </p>
      </fieldset>`,
    check: (dialog) => {
      isMissing = !getChosen();
      return isMissing ? requireElement("input", dialog) : null;
    },
    fields: [{ name: "text", label: "Details for the moderators", rows: 3, maxlength: LONGEST_TEXT, hint }],
    label: "Send report",
    send: ({ text }) => reportVideo(video.id, getChosen()?.value ?? "", text),
    onDone: () => showToast("Report sent. A moderator will check the video."),
    failed: (error) => (isNotFound(error) ? "The video is no longer in the catalogue." : "The report was not sent."),
  });
}

/** @param {CatalogueVideo} video @param {() => void} onDeleted */
export function openDeleteDialog(video, onDeleted) {
  openReasonDialog({
    draft: `delete/${video.id}`,
    heading: `Delete “${video.title}”?`,
    words: "Nobody will be able to watch the video. An administrator can restore it.",
    label: "Delete",
    icon: "trash",
    tone: "danger",
    failed: "The video could not be deleted.",
    send: ({ reason }) =>
      deleteCatalogueVideo(video.id, reason).catch((error) => (isNotFound(error) ? null : Promise.reject(error))),
    onDone: onDeleted,
  });
}

/** @param {string} id @param {(video: CatalogueVideo) => void} onRestored */
export async function restoreVideo(id, onRestored) {
  try {
    onRestored(await restoreCatalogueVideo(id));
  } catch (error) {
    showToast(explainError(error), "bad");
  }
}

/** @param {CatalogueVideo} video @param {(changed: CatalogueVideo) => void} onChanged */
export function openHideDialog(video, onChanged) {
  const hides = !video.is_hidden;
  openReasonDialog({
    draft: `${hides ? "hide" : "show"}/${video.id}`,
    heading: hides ? `Hide “${video.title}”?` : `Show “${video.title}” to everyone?`,
    words: hides
      ? "Only moderators will be able to see the video, and it will stop playing for current viewers. You can show it again later."
      : "Everyone with access to the catalogue can see the video once its file is ready.",
    label: hides ? "Hide" : "Show",
    icon: hides ? "ban" : "check",
    failed: hides ? "The video could not be hidden." : "The video could not be shown.",
    send: ({ reason }) => changeCatalogueVideo(video.id, { is_hidden: hides, ...(reason ? { reason } : {}) }),
    onDone: (changed) => {
      onChanged(changed);
      showToast(
        changed.is_hidden
          ? "The video is hidden. Only moderators can see it."
          : "The video is no longer hidden. Everyone can see it once its file is ready.",
      );
    },
  });
}

/**
 * Open a dialog that asks for a reason and confirms an action.
 * @template T
 * @param {Omit<import("../base/form-dialog.js").FormDialog<T>, "id"|"fields">} about
 */
function openReasonDialog(about) {
  const hint = "Optional. Recorded in the audit log.";
  const fields = [{ name: "reason", label: "Reason", maxlength: LONGEST_TEXT, hint }];
  openFormDialog({ ...about, id: "reason", isAlert: true, fields });
}

/** @param {HTMLElement} input @param {HTMLElement} error @param {string} sentence */
export function showFieldError(input, error, sentence) {
  error.hidden = !sentence;
  setText(requireElement("span", error), sentence);
  if (sentence) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}
