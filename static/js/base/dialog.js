// Dialogs that restore the focus when they close.

import { ApiError } from "./api.js";
import { h, icon } from "./dom.js";
import { makeFinder } from "./focus.js";
import { createErrorNote } from "./notice.js";

/**
 * @param {HTMLElement} element
 * @returns {HTMLDialogElement}
 */
export function openDialog(element) {
  const dialog = /** @type {HTMLDialogElement} */ (element);
  const before = makeFinder(document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The element that opened the dialog may have been redrawn, so look it up again.
    before()?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {string} name
 * @param {string} classes
 * @param {...(Node|string)} parts
 */
export function openNamedDialog(name, classes, ...parts) {
  const dialog = openDialog(
    h(
      "dialog",
      { class: `dialog ${classes}`.trim(), "aria-labelledby": "dialog-heading" },
      h(
        "header",
        {},
        h("h2", { id: "dialog-heading", class: "truncate", dir: "auto" }, name),
        h("span", { class: "spacer" }),
        h(
          "button",
          { class: "btn icon-only quiet", type: "button", "aria-label": "Close", onclick: () => dialog.close() },
          icon("x"),
        ),
      ),
      ...parts,
    ),
  );
  return dialog;
}

/**
 * @param {object} about
 * @param {string} about.heading
 * @param {string} about.words
 * @param {() => Promise<any>} about.remove
 * @param {() => void} about.onDeleted
 * @param {(error: unknown) => HTMLElement} [about.refused]
 */
export function askToDelete({
  heading,
  words,
  remove,
  onDeleted,
  refused = (error) => createErrorNote("Deleting failed.", error),
}) {
  const problem = h("div", {});
  const confirm = h("button", { class: "btn danger", type: "button", onclick: runDeletion }, icon("trash"), "Delete");
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
        h("h2", { class: "anywhere", id: "delete-heading", dir: "auto" }, heading),
        h("p", { class: "muted", id: "delete-words" }, words),
        problem,
        h(
          "div",
          { class: "row wrap end" },
          h("button", { class: "btn", type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel"),
          confirm,
        ),
      ),
    ),
  );

  async function runDeletion() {
    if (confirm.getAttribute("aria-disabled") === "true") return;
    confirm.setAttribute("aria-disabled", "true");
    problem.replaceChildren();
    try {
      await remove();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) {
        confirm.removeAttribute("aria-disabled");
        return problem.replaceChildren(refused(error));
      }
    }
    dialog.close();
    onDeleted();
  }
}

/**
 * Lock or unlock the submit button and the text fields of a dialog while its form is sent, so that no typed text is
 * left out of the request.
 * @param {HTMLElement} dialog
 * @param {boolean} isSending
 */
export function lockForm(dialog, isSending) {
  const button = dialog.querySelector("button:not([type=button])");
  if (isSending) button?.setAttribute("aria-disabled", "true");
  else button?.removeAttribute("aria-disabled");
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (dialog.querySelectorAll("input, textarea"));
  for (const field of fields) field.readOnly = isSending;
}

/** @param {HTMLElement} dialog */
export const isFormLocked = (dialog) => dialog.querySelector("button[aria-disabled=true]:not([type=button])") !== null;
