// Dialogs for reporting, deleting and hiding a video.

import { ApiError } from "../base/api.js";
import { h, icon, requireElement, setText } from "../base/dom.js";
import { keepTypedText } from "../base/drafts.js";
import { createErrorNote } from "../base/notice.js";
import { changeCatalogueVideo, deleteCatalogueVideo, reportVideo } from "./api.js";

/** @typedef {import("./api.js").CatalogueVideo} CatalogueVideo */

const LONGEST_TEXT = 1000;

/**
 * @param {CatalogueVideo} video
 * @param {[string, string][]} reasons
 * @param {(sentence: string) => void} onSent
 */
export function openReportDialog(video, reasons, onSent) {
  const problem = h("div", {});
  const missing = h(
    "p",
    { class: "field-error", id: "report-error", hidden: true },
    icon("alert"),
    h("span", {}, "Choose a reason."),
  );
  const text = /** @type {HTMLTextAreaElement} */ (
    h("textarea", {
      class: "input",
      id: "report-text",
      rows: "3",
      maxlength: String(LONGEST_TEXT),
      dir: "auto",
      "aria-describedby": "report-hint",
    })
  );
  const forget = keepTypedText(`report/${video.id}`, { text });
  const send = h("button", { class: "btn primary" }, "Send report");
  const dialog = openDialog(
    h(
      "dialog",
      { class: "dialog small", "aria-labelledby": "report-heading" },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submit },
        h("h2", { class: "anywhere", id: "report-heading", dir: "auto" }, `Report “${video.title}”`),
        h(
          "fieldset",
          { class: "col reasons", "aria-describedby": "report-error" },
          h("legend", { class: "text-small muted" }, "Why are you reporting this video?"),
          ...reasons.map(([value, label]) =>
            h("label", { class: "check" }, h("input", { type: "radio", name: "reason", value }), label),
          ),
          missing,
        ),
        h(
          "div",
          { class: "field" },
          h("label", { for: "report-text" }, "Details for the moderators"),
          text,
          h("p", { class: "hint", id: "report-hint" }, "Optional. Only moderators can see your name."),
        ),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: cancel }, "Cancel"),
          send,
        ),
      ),
    ),
  );
  /** @type {HTMLElement} */ (requireElement("input", dialog)).focus();

  function cancel() {
    forget();
    dialog.close();
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (send.getAttribute("aria-disabled") === "true") return;
    const chosen = /** @type {HTMLInputElement|null} */ (dialog.querySelector("input:checked"));
    missing.hidden = chosen !== null;
    if (!chosen) return /** @type {HTMLElement} */ (requireElement("input", dialog)).focus();
    send.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await reportVideo(video.id, chosen.value, text.value.trim());
      forget();
      dialog.close();
      onSent("Report sent. A moderator will check the video.");
    } catch (error) {
      send.removeAttribute("aria-disabled");
      if (error instanceof ApiError && error.status === 404)
        problem.replaceChildren(createErrorNote("The video is no longer in the catalogue.", error));
      else problem.replaceChildren(createErrorNote("The report was not sent.", error));
    }
  }
}

/**
 * @param {CatalogueVideo} video
 * @param {() => void} onDeleted
 */
export function openDeleteDialog(video, onDeleted) {
  openReasonDialog({
    heading: `Delete “${video.title}”?`,
    words: "Nobody can watch the video after this. An administrator can restore it.",
    label: "Delete",
    picture: "trash",
    kind: "danger",
    no: "Cancel",
    wrong: "The video could not be deleted.",
    isDone: (error) => error.status === 404,
    act: (reason) => deleteCatalogueVideo(video.id, reason),
    onDone: onDeleted,
  });
}

/**
 * @param {CatalogueVideo} video
 * @param {(changed: CatalogueVideo) => void} onChanged
 */
export function openHideDialog(video, onChanged) {
  const hides = !video.is_hidden;
  openReasonDialog({
    heading: hides ? `Hide “${video.title}”?` : `Show “${video.title}” to everyone?`,
    words: hides
      ? "Only moderators can see it, and playback stops for current viewers. You can show it again later."
      : "Everyone with access to the catalogue can see it once its file is ready.",
    label: hides ? "Hide" : "Show",
    picture: hides ? "ban" : "check",
    kind: "primary",
    no: "Cancel",
    wrong: hides ? "The video could not be hidden." : "The video could not be shown.",
    act: (reason) => changeCatalogueVideo(video.id, { is_hidden: hides, ...(reason ? { reason } : {}) }),
    onDone: onChanged,
  });
}

/**
 * Open a dialog that asks for a reason and confirms an action. `isDone` returns whether an error means that the action
 * was already done.
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.words
 * @param {string} about.label
 * @param {string} about.picture
 * @param {string} about.kind
 * @param {string} about.no
 * @param {string} about.wrong
 * @param {(error: ApiError) => boolean} [about.isDone]
 * @param {(reason: string) => Promise<any>} about.act
 * @param {(answer: any) => void} about.onDone
 */
function openReasonDialog({ heading, words, label, picture, kind, no, wrong, isDone = () => false, act, onDone }) {
  const problem = h("div", {});
  const reason = /** @type {HTMLInputElement} */ (
    h("input", {
      class: "input",
      id: "reason",
      type: "text",
      maxlength: "1000",
      autocomplete: "off",
      dir: "auto",
      "aria-describedby": "reason-hint",
    })
  );
  const confirm = h("button", { class: `btn ${kind}` }, icon(picture), label);
  const dialog = openDialog(
    h(
      "dialog",
      {
        class: "dialog small",
        role: "alertdialog",
        "aria-labelledby": "reason-heading",
        "aria-describedby": "reason-words",
      },
      h(
        "form",
        { class: "pad col", novalidate: true, onsubmit: submit },
        h("h2", { class: "anywhere", id: "reason-heading", dir: "auto" }, heading),
        h("p", { class: "muted", id: "reason-words" }, words),
        h(
          "div",
          { class: "field" },
          h("label", { for: "reason" }, "Reason"),
          reason,
          h("p", { class: "hint", id: "reason-hint" }, "Optional. Recorded in the audit log."),
        ),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", onclick: () => dialog.close() }, no),
          confirm,
        ),
      ),
    ),
  );
  reason.focus();

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    let answer = null;
    try {
      answer = await act(reason.value.trim());
    } catch (error) {
      if (!(error instanceof ApiError && isDone(error))) {
        confirm.removeAttribute("aria-disabled");
        return problem.replaceChildren(createErrorNote(wrong, error));
      }
    }
    dialog.close();
    onDone(answer);
  }
}

/**
 * @param {HTMLElement} element
 * @returns {HTMLDialogElement}
 */
export function openDialog(element) {
  const dialog = /** @type {HTMLDialogElement} */ (element);
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {HTMLElement} input
 * @param {HTMLElement} error
 * @param {string} sentence
 */
export function showFieldError(input, error, sentence) {
  error.hidden = !sentence;
  setText(requireElement("span", error), sentence);
  if (sentence) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}
